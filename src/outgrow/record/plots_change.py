"""Monthly cost against demand, and the break-even surface over the cold start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.frame import NARROW_BELOW_PX, Frame, Labels, along, axes, budget, levels
from outgrow.record.svg import COLOURS, Canvas, Point, Scale, shortened, spread_out, width_px

Points = list[tuple[float, float | None]]

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.record.view import View

LETTERS = "abcdefghijklmnopqrstuvwxyz"
USERS = "users.daily_active"


def _curves(view: View, question: str) -> list[tuple[str, Points]]:
    """Options that can be drawn, the chosen one first; what costs nothing has no place on a logarithmic scale."""
    answer = view.data["questions"][question]
    drawn = [
        (curve["option"], [(x, cost if cost and cost > 0 else None) for x, cost in curve["points"]])
        for curve in answer["curves"]
        if any(cost for _, cost in curve["points"])
    ]
    return sorted(drawn, key=lambda curve: curve[0] != answer["chosen"])


def _turns(view: View, question: str) -> list[Mapping[str, Any]]:
    """Crossovers that lie on the drawn curves; those of a formula are in the table and on the surface."""
    crossovers = view.data["questions"][question]["crossovers"]
    on_curves = [one for one in crossovers if one["driver"] == USERS and one["method"] == "sized-bills"]
    return sorted((one for one in on_curves if one["value"] is not None), key=lambda one: one["value"])


def demand_title(view: View, question: str) -> str:
    """What to see: the first takeover from the chosen option above today, or that there is none."""
    chosen, today = view.data["questions"][question]["chosen"], view.today() or 0.0
    for turn in _turns(view, question):
        if turn["between"][0] == chosen and turn["value"] > today:
            option, name = view.option(turn["between"][1]), view.label(f"question.{question}")
            return view.label("plot.demand.turns", question=name, option=option, users=numbers.users(turn["value"]))
    return view.label(f"plot.demand.{question}")


def demand(view: View, question: str, width: float) -> str | None:
    """One line an option over daily users, both scales logarithmic, today, the budget and the takeovers marked."""
    curves = _curves(view, question)
    if not curves:
        return None
    frame = _demand_frame(view, question, curves, width)
    axes(frame, view.label("plot.demand.x"), view.label("plot.demand.y"))
    today = frame.x.at(view.today() or frame.x.low)
    budget(view, frame, Labels(along([(today, frame.top), (today, frame.bottom)])))
    _markers(view, question, frame)
    for place, (option, points) in enumerate(curves):
        _curve(frame, points, place, strong=option == view.data["questions"][question]["chosen"])
    _names(view, question, frame, curves)
    low, high = (numbers.users(end) for end in (frame.x.low, frame.x.high))
    return frame.canvas.svg(
        demand_title(view, question), view.label("plot.demand.desc", low=low, high=high, rows=_told(view, curves))
    )


def _demand_frame(view: View, question: str, curves: Sequence[tuple[str, Points]], width: float) -> Frame:
    xs = [x for _, points in curves for x, _ in points]
    costs = [cost for _, points in curves for _, cost in points if cost is not None]
    wide = width > NARROW_BELOW_PX
    longest = max(width_px(view.option(option)) for option, _ in curves)
    canvas = Canvas(width, 430.0 if wide else 380.0)
    right = width - (min(longest + 26, 230.0) if wide else 30.0)
    x = Scale(min(xs), max(xs), 58.0 if wide else 46.0, right, log=True)
    top = 37.0 + 15.0 * max((level for *_, level in _marks(view, question, x)), default=0)
    return Frame(
        canvas=canvas,
        x=x,
        y=Scale(min(costs) * 0.7, max(costs) * 1.25, canvas.height - 44, max(52.0, top), log=True),
    )


def _marks(view: View, question: str, x: Scale) -> list[tuple[float, str, str, int]]:
    """Today and each takeover from left to right: value, name, style, and the level its name stands on."""
    marks = [(turn["value"], numbers.users(turn["value"]), "turn") for turn in _turns(view, question)]
    today = view.today()
    if today:
        marks.append((today, view.label("plot.today", users=numbers.users(today)), "now"))
    shown = sorted(mark for mark in marks if x.low <= mark[0] <= x.high)
    spans = [(x.at(value) - width_px(words) / 2, width_px(words)) for value, words, _ in shown]
    return [(*mark, level) for mark, level in zip(shown, levels(spans), strict=True)]


def _markers(view: View, question: str, frame: Frame) -> None:
    """Upright lines at today and at each takeover, named above the plot, on several levels where they crowd."""
    for value, words, style, level in _marks(view, question, frame.x):
        x = frame.x.at(value)
        y = frame.top - 8 - 15 * level
        frame.canvas.line((x, frame.top - 4), (x, frame.bottom), style)
        frame.canvas.text(max(x, width_px(words) / 2), y, words, "b" if style == "turn" else "k", "middle")
        if style == "turn":
            frame.canvas.dot(x, frame.bottom, 4, "ring")


def _curve(frame: Frame, points: Sequence[tuple[float, float | None]], place: int, *, strong: bool) -> None:
    """The line with its gaps; a stretch of one point is a dot."""
    style = f"curve s{place % COLOURS} d{place % COLOURS}" + (" strong" if strong else "")
    run: list[Point] = []
    for x, cost in [*points, (0.0, None)]:
        if cost is not None:
            run.append(frame.at(x, cost))
            continue
        if len(run) == 1:
            frame.canvas.dot(*run[0], 3, f"c{place % COLOURS}")
        elif run:
            frame.canvas.path(run, style)
        run = []


def _names(view: View, question: str, frame: Frame, curves: Sequence[tuple[str, Points]]) -> None:
    """Each line named at its end, the names moved apart, a hair line leading there; by a letter where it is narrow."""
    wide = frame.wide
    last = [next((x, cost) for x, cost in reversed(points) if cost is not None) for _, points in curves]
    wanted = [frame.y.at(cost) + 4 for _, cost in last]
    places = spread_out(wanted, 17, frame.top + 4, frame.bottom)
    for place, ((option, _), (x, cost), y) in enumerate(zip(curves, last, places, strict=True)):
        colour = place % COLOURS
        start = frame.at(x, cost)
        frame.canvas.path([start, (frame.right + 4, start[1]), (frame.right + 16, y - 4)], f"lead s{colour}")
        room = frame.canvas.width - frame.right - 20
        name = shortened(view.option(option), room) if wide else LETTERS[place]
        chosen = option == view.data["questions"][question]["chosen"]
        frame.canvas.text(frame.right + 20, y, name, "b" if chosen else "")
    if not wide:
        _key(view, question, frame.canvas, [option for option, _ in curves])


def _key(view: View, question: str, canvas: Canvas, options: Sequence[str]) -> None:
    """What the letters stand for, under the plot."""
    for place, option in enumerate(options):
        y = canvas.height + 14 + 19 * place
        colour = place % COLOURS
        chosen = option == view.data["questions"][question]["chosen"]
        canvas.text(0, y, LETTERS[place], "b" if chosen else "")
        canvas.line((16, y - 4), (44, y - 4), f"curve s{colour} d{colour}" + (" strong" if chosen else ""))
        canvas.text(52, y, view.option(option), "b" if chosen else "")
    canvas.height += 19 * len(options) + 4


def _told(view: View, curves: Sequence[tuple[str, Points]]) -> str:
    parts = []
    for option, points in curves:
        known = [(x, cost) for x, cost in points if cost is not None]
        (x0, first), (x1, second) = known[0], known[-1]
        parts.append(
            f"{view.option(option)}: {numbers.users(x0)} → {view.usd(first)}, {numbers.users(x1)} → {view.usd(second)}"
        )
    return "; ".join(parts)


def surface(view: View, width: float) -> str | None:
    """Break-even daily users over the cold start: always cold and as predicted, the sides shaded, today on it."""
    found = view.data["surface"]
    always = _known(found["cold_start_s"], found["always_cold"])
    predicted = _known(found["cold_start_s"], found["predicted"])
    if not always:
        return None
    frame = _surface_frame(view, found, always, predicted, width)
    _shade(frame, always, predicted)
    axes(frame, view.label("plot.surface.x"), view.label("plot.surface.y"))
    frame.canvas.path([frame.at(*point) for point in always], "curve s0 strong")
    frame.canvas.path([frame.at(*point) for point in predicted], "curve s5 d1 strong")
    _surface_names(view, frame, always, predicted)
    _regions(view, frame, always, predicted or always)
    _now(view, frame, found["today"])
    first, second = (view.option(option) for option in found["between"])
    rows = "; ".join(f"{numbers.significant(x)} s: {numbers.users(y)}" for x, y in always)
    title = view.label("plot.surface.title", first=first, second=second)
    return frame.canvas.svg(title, view.label("plot.surface.desc", rows=f"{view.label('plot.surface.always')}: {rows}"))


def _known(xs: Sequence[float], ys: Sequence[float | None]) -> list[tuple[float, float]]:
    return [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None and y > 0]


def _surface_frame(
    view: View,
    found: Mapping[str, Any],
    always: list[tuple[float, float]],
    predicted: list[tuple[float, float]],
    width: float,
) -> Frame:
    wide = width > NARROW_BELOW_PX
    ys = [y for _, y in (*always, *predicted)] + [max(found["today"]["daily_active"], 1.0)]
    canvas = Canvas(width, 400.0 if wide else 380.0)
    names = (view.label("plot.surface.always"), view.label("plot.surface.predicted"))
    right = width - min(max(width_px(name) for name in names) + 14, 170.0 if wide else 96.0)
    return Frame(
        canvas=canvas,
        x=Scale(min(found["cold_start_s"]), max(found["cold_start_s"]), 58.0 if wide else 46.0, right),
        y=Scale(min(ys) * 0.5, max(ys) * 1.8, canvas.height - 44, 26.0, log=True),
    )


def _shade(frame: Frame, always: list[tuple[float, float]], predicted: list[tuple[float, float]]) -> None:
    """Below the lower curve the first option is cheaper, above the upper one the second."""
    lower = [frame.at(*point) for point in always]
    upper = [frame.at(*point) for point in predicted] or lower
    frame.canvas.path([*lower, (lower[-1][0], frame.bottom), (lower[0][0], frame.bottom)], "area a0", closed=True)
    frame.canvas.path([*upper, (upper[-1][0], frame.top), (upper[0][0], frame.top)], "area a1", closed=True)


def _surface_names(
    view: View, frame: Frame, always: list[tuple[float, float]], predicted: list[tuple[float, float]]
) -> None:
    named = [("plot.surface.always", always)] + ([("plot.surface.predicted", predicted)] if predicted else [])
    places = spread_out([frame.y.at(points[-1][1]) + 4 for _, points in named], 30, frame.top + 4, frame.bottom)
    for (name, _), y in zip(named, places, strict=True):
        _wrapped(frame, view.label(name), y)


def _wrapped(frame: Frame, words: str, y: float) -> None:
    """A name on one line, or on two where the margin is narrow."""
    room = frame.canvas.width - frame.right - 10
    if width_px(words) <= room:
        frame.canvas.text(frame.right + 8, y, words)
        return
    first, _, rest = words.partition(" ")
    while rest and width_px(f"{first} {rest.split(' ')[0]}") <= room:
        word, _, rest = rest.partition(" ")
        first = f"{first} {word}"
    frame.canvas.text(frame.right + 8, y, shortened(first, room))
    if rest:
        frame.canvas.text(frame.right + 8, y + 14, shortened(rest, room))


def _regions(view: View, frame: Frame, always: list[tuple[float, float]], upper: list[tuple[float, float]]) -> None:
    """Each side says which option is cheaper there."""
    first, second = (view.option(option) for option in view.data["surface"]["between"])
    middle = (frame.left + frame.right) / 2
    low_y = frame.y.at(_nearest(always, frame, middle))
    high_y = frame.y.at(_nearest(upper, frame, middle))
    frame.canvas.text(
        middle, (low_y + frame.bottom) / 2 + 4, view.label("plot.surface.cheaper", option=first), "r", "middle"
    )
    frame.canvas.text(
        middle, (high_y + frame.top) / 2 + 4, view.label("plot.surface.cheaper", option=second), "r", "middle"
    )
    if low_y - high_y > 24:
        frame.canvas.text(middle, (low_y + high_y) / 2 + 4, view.label("plot.surface.between"), "m", "middle")


def _nearest(points: list[tuple[float, float]], frame: Frame, x_px: float) -> float:
    return min(points, key=lambda point: abs(frame.x.at(point[0]) - x_px))[1]


def _now(view: View, frame: Frame, today: Mapping[str, float]) -> None:
    """Today's point, and how far the cold start may be off."""
    x, y = frame.at(today["cold_start_s"], max(today["daily_active"], frame.y.low))
    given = [one for one in view.data["inputs"] if one["path"].endswith(".cold_start_s") and one["low"] is not None]
    if len(given) == 1:
        low, high = frame.x.at(given[0]["low"]), frame.x.at(given[0]["high"])
        frame.canvas.line((low, y), (high, y), "range")
        for end in (low, high):
            frame.canvas.line((end, y - 4), (end, y + 4), "range")
    frame.canvas.dot(x, y, 5.5, "dot today")
    words = view.label("plot.today", users=numbers.users(today["daily_active"]))
    frame.canvas.text(x, y + 20, words, "b", "middle")
