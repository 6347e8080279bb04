"""Bill against response time: every setting tried, what the money buys at p50 and at p95, target and budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.record.frame import NARROW_BELOW_PX, Box, Frame, Labels, along, axes, budget
from outgrow.record.front import tuned
from outgrow.record.svg import COLOURS, Canvas, Scale, width_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.record.front import Point, Seen
    from outgrow.record.svg import Point as Pixel
    from outgrow.record.view import View

LEAST = 1e-3
"""What is free or takes no time has no place on a logarithmic scale."""

GAP_PX = 13.0
SHIFTS_PX = (0.0, -14.0, 14.0, -28.0, 28.0, -42.0, 42.0, -56.0, 56.0)
"""How far from its dot, sideways and up or down, a label may stand."""


def speed_title(view: View, found: Seen) -> str:
    """What to see: what meeting everything costs, or that nothing does."""
    if found.cheapest is None:
        return view.label("plot.speed.none")
    option, monthly = view.option(found.cheapest["option"]), view.usd(found.cheapest["monthly_usd"])
    return view.label("plot.speed.title", option=option, monthly=monthly)


def speed_plot(view: View, found: Seen, width: float) -> str:
    """Response time to the right, bill upwards, both logarithmic."""
    options = list(dict.fromkeys(point["option"] for point in found.points))
    canvas = Canvas(width)
    top = _legend(view, canvas, options, width) + 46
    frame = _frame(found, canvas, top)
    axes(frame, view.label("plot.speed.x"), view.label("plot.speed.y"), y_name_px=top - 27)
    p50, p95 = (_steps(found, frame, name) for name in ("p50_s", "p95_s"))
    labels = Labels([*along(p50), *along(p95), *_seen_pixels(found, frame)])
    budget(view, frame, labels)
    _target(view, found, frame)
    canvas.path(p50, "curve s8 d3")
    canvas.path(p95, "curve s8 strong")
    for point in (*found.others, *found.front):
        _dot(view, found, frame, point, options.index(point["option"]) % COLOURS)
    _names(view, found, frame, labels)
    rows = "; ".join(_hint(view, found, point) for point in found.front)
    return canvas.svg(speed_title(view, found), view.label("plot.speed.desc", rows=rows))


def _legend(view: View, canvas: Canvas, options: Sequence[str], width: float) -> float:
    """Colours of the options, then the two lines; returns where it ends."""
    entries = [(view.option(option), f"c{place % COLOURS}") for place, option in enumerate(options)]
    x, y = 0.0, 14.0
    for label, style in (*entries, (view.label("plot.speed.hollow"), "hollow s8")):
        if x and x + width_px(label) + 18 > width:
            x, y = 0.0, y + 20
        canvas.dot(x + 6, y - 4, 5, style)
        canvas.text(x + 17, y, label)
        x += width_px(label) + 34
    x, y = 0.0, y + 22
    for name, style in (("p95", "curve s8 strong"), ("p50", "curve s8 d3")):
        label = view.label(f"plot.speed.{name}")
        if x and x + width_px(label) + 34 > width:
            x, y = 0.0, y + 20
        canvas.line((x, y - 4), (x + 28, y - 4), style)
        canvas.text(x + 35, y, label)
        x += width_px(label) + 54
    return y


def _frame(found: Seen, canvas: Canvas, top: float) -> Frame:
    wide = canvas.width > NARROW_BELOW_PX
    times = [point[name] for point in found.points for name in ("p50_s", "p95_s") if point[name] is not None]
    times += [found.target_s] if found.target_s else []
    bills = [max(point["monthly_usd"], LEAST) for point in found.points]
    canvas.height = top + (380.0 if wide else 320.0)
    return Frame(
        canvas=canvas,
        x=Scale(max(min(times), LEAST) * 0.8, max(times) * 1.6, 58.0 if wide else 46.0, canvas.width - 14, log=True),
        y=Scale(min(bills) * 0.75, max(bills) * 1.3, canvas.height - 44, top, log=True),
    )


def _target(view: View, found: Seen, frame: Frame) -> None:
    """An upright line where the spec wants 95 of 100 answers."""
    if not found.target_s:
        return
    x = frame.x.at(found.target_s)
    words = view.label("plot.speed.target", target=view.seconds(found.target_s))
    frame.canvas.line((x, frame.top - 4), (x, frame.bottom), "limit")
    middle = min(max(x, frame.left + width_px(words) / 2), frame.canvas.width - width_px(words) / 2)
    frame.canvas.text(middle, frame.top - 8, words, "k", "middle")


def _steps(found: Seen, frame: Frame, name: str) -> list[Pixel]:
    """What the money buys: the shortest time of this name to be had for no more, in steps."""
    steps: list[Pixel] = []
    best: float | None = None
    for point in found.front:
        time = point[name]
        if time is None or (best is not None and time >= best):
            continue
        if best is not None:
            steps.append(frame.at(best, point["monthly_usd"]))
        best = time
        steps.append(frame.at(time, point["monthly_usd"]))
    return steps


def _seen_pixels(found: Seen, frame: Frame) -> list[Pixel]:
    """The dots and the target, which no label should cover."""
    pixels = [_pixel(frame, point) for point in found.points]
    pixels += [frame.at(point["p50_s"], point["monthly_usd"]) for point in found.front if point["p50_s"] is not None]
    if found.target_s:
        x = frame.x.at(found.target_s)
        pixels += along([(x, frame.top), (x, frame.bottom)])
    return pixels


def _dot(view: View, found: Seen, frame: Frame, point: Point, colour: int) -> None:
    """One setting: its p95; on the front also its p50, and the stretch between them."""
    x, y = frame.at(point["p95_s"], point["monthly_usd"])
    style = f"hollow s{colour}" if point["broke"] else f"dot c{colour}"
    if not point["on_front"]:
        frame.canvas.dot(x, y, 3.5, f"{style} dim", _hint(view, found, point))
        return
    if point["p50_s"] is not None:
        start = frame.x.at(point["p50_s"])
        frame.canvas.line((start, y), (x, y), f"stick s{colour}")
        frame.canvas.dot(start, y, 3, style)
    frame.canvas.dot(x, y, 5.5, style, _hint(view, found, point))


def _names(view: View, found: Seen, frame: Frame, labels: Labels) -> None:
    """Numbers of the table at the dots of the front; the chosen setting and the cheapest by their names."""
    marked = {id(point): [str(found.number(point))] for point in found.front}
    for name, point in (("chosen", found.chosen), ("cheapest", found.cheapest)):
        if point is not None:
            frame.canvas.dot(*_pixel(frame, point), 8.5, "around")
            marked.setdefault(id(point), []).append(view.label(f"plot.speed.{name}"))
    for point in sorted((one for one in found.points if id(one) in marked), key=lambda one: -len(marked[id(one)])):
        words = _joined(marked[id(point)])
        _name(frame, labels, _pixel(frame, point), words, "b" if point in (found.cheapest, found.chosen) else "g")


def _joined(marks: Sequence[str]) -> str:
    """A number, and what the setting is besides."""
    number, *names = marks if marks[0].isdigit() else ("", *marks)
    return f"{number} {', '.join(names)}".strip()


def _pixel(frame: Frame, point: Point) -> Pixel:
    return frame.at(point["p95_s"], point["monthly_usd"])


def _name(frame: Frame, labels: Labels, dot: Pixel, words: str, style: str) -> None:
    """A label beside its dot where there is room for it, a hair line leading there when that is not next to it."""
    x, y = dot
    width = width_px(words) * (1.12 if style == "b" else 1.0)
    boxes = [
        Box(left=x + GAP_PX if right else x - GAP_PX - width, top=y + shift - 7, width=width, height=13)
        for shift in SHIFTS_PX
        for right in (True, False)
    ]
    inside = [
        box
        for box in boxes
        if frame.left <= box.left and box.left + box.width <= frame.canvas.width
        if frame.top <= box.top and box.top + box.height <= frame.bottom
    ]
    box = inside[labels.place(inside)] if inside else boxes[0]
    middle = box.top + 7
    if abs(middle - y) > 1:
        frame.canvas.path([dot, (box.left - 2 if box.left > x else box.left + width + 2, middle)], "lead s8")
    frame.canvas.text(box.left, middle + 4, words, style)


def _hint(view: View, found: Seen, point: Point) -> str:
    """A setting in one line."""
    settings = tuned(view, point, found.points)
    option = view.option(point["option"]) + (f" ({settings})" if settings else "")
    broke = ", ".join(view.term(name) for name in point["broke"])
    said = f"{option} {view.usd(point['monthly_usd'])}, p50 {view.answered(point['p50_s'])}, p95"
    said = f"{said} {view.answered(point['p95_s'])}"
    return f"{said}, {view.label('plot.speed.broke', broke=broke)}" if broke else said
