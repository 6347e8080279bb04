"""The growth plan month by month: the bill with its moves above, the users it was planned for below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.frame import NARROW_BELOW_PX, Frame, Labels, along, axes, budget, levels
from outgrow.record.svg import Canvas, Scale, shortened, spread_out, width_px

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.record.svg import Point
    from outgrow.record.view import View

LOG_FROM = 10.0
"""Users that grow by more than this factor are drawn by their logarithm."""

NEAR = 3.0
"""A budget further above the dearest month than this does not stretch the scale."""

STEPS = (1, 2, 3, 6, 12)
"""Months between two ticks."""


def growth_title(view: View, plan: Mapping[str, Any]) -> str:
    """What to see: the first move, the budget passed, or nothing of the kind."""
    first = next((move for move in plan["moves"] if move["month"] is not None), None)
    if first is not None:
        values = {"option": view.option(first["to"]), "users": numbers.users(first["at_users"])}
        return view.label("plot.growth.moves", **values)
    over = plan["over_budget_from"]
    return view.label("plot.growth.stays") if over is None else view.label("plot.growth.over", month=str(over))


def growth_plot(view: View, plan: Mapping[str, Any], width: float) -> str | None:
    """Two panels over the same months."""
    if not any(point["usd"] is not None for point in plan["path"]):
        return None
    canvas = Canvas(width)
    wide = width > NARROW_BELOW_PX
    bottom = 300.0 if wide else 270.0
    canvas.height = bottom + (190.0 if wide else 180.0)
    x = Scale(0.0, float(plan["months"]), 58.0 if wide else 46.0, width - (96.0 if wide else 58.0))
    named = _names(view, plan, x, width)
    top = 41.0 + 15.0 * max((level for *_, level in named), default=0)
    bills = Frame(canvas=canvas, x=x, y=_bill_scale(view, plan, bottom, top))
    users = Frame(canvas=canvas, x=x, y=_user_scale(plan, canvas.height - 44, bottom + 42))
    axes(bills, "", view.label("plot.growth.y"), x_ticks=(), most=5)
    axes(
        users,
        view.label("plot.growth.x"),
        view.label("plot.growth.users"),
        x_ticks=_ticks(plan["months"], wide=wide),
        y_name_px=users.top - 14,
        most=4,
    )
    _uncarried(view, plan, bills, users)
    runs = _bill(plan, bills)
    uprights = [[(x.at(m), bills.top), (x.at(m), bills.bottom)] for m in _months(plan)]
    budget(view, bills, Labels([pixel for line in (*runs, *uprights) for pixel in along(line)]))
    for run in runs:
        canvas.path(run, "curve s0 strong")
    _users(view, plan, users)
    _moves(plan, named, bills, users)
    return canvas.svg(growth_title(view, plan), view.label("plot.growth.desc", rows=_told(view, plan)))


def _ticks(months: int, *, wide: bool) -> list[float]:
    step = next((step for step in STEPS if months / step <= (12 if wide else 6)), STEPS[-1])
    return [float(month) for month in range(0, months + 1, step)]


def _bill_scale(view: View, plan: Mapping[str, Any], bottom: float, top: float) -> Scale:
    """From nothing to the dearest month, or the budget where that is near; logarithmic where a bill grows far."""
    bills = [point["usd"] for point in plan["path"] if point["usd"] is not None]
    allowed = view.data["budget_usd_per_month"]
    ends = [max(bills)]
    if allowed and allowed <= NEAR * max(bills):
        ends.append(allowed / (1 + view.data["vat_frac"]))
    if max(bills) > LOG_FROM * min(bills) > 0:
        return Scale(min(bills) / 1.4, max(ends) * 1.4, bottom, top, log=True)
    return Scale(0.0, max(ends) * 1.12 or 1.0, bottom, top)


def _user_scale(plan: Mapping[str, Any], bottom: float, top: float) -> Scale:
    users = [value for point in plan["path"] for value in point["users"].values()]
    low, high = max(min(users), 1e-3), max(users)
    if high > LOG_FROM * low:
        return Scale(low / 1.2, high * 1.2, bottom, top, log=True)
    return Scale(0.0, high * 1.1, bottom, top)


def _uncarried(view: View, plan: Mapping[str, Any], bills: Frame, users: Frame) -> None:
    """Months nothing carries are shaded in both panels and named once."""
    lost = [point["month"] for point in plan["path"] if point["usd"] is None]
    if not lost:
        return
    left, right = bills.x.at(min(lost)), bills.x.at(max(lost) + 1)
    for frame in (bills, users):
        frame.canvas.box(left, frame.top, right - left, frame.bottom - frame.top, "area a1")
    words = shortened(view.label("plot.growth.uncarried"), bills.canvas.width - left - 6)
    bills.canvas.text(left + 6, bills.top + 16, words, "k")


def _bill(plan: Mapping[str, Any], frame: Frame) -> list[list[Point]]:
    """A flat stretch a month, upright steps between them, another line after a gap where nothing is known."""
    runs: list[list[Point]] = [[]]
    for point in plan["path"]:
        if point["usd"] is None:
            runs.append([])
            continue
        runs[-1] += [frame.at(point["month"], point["usd"]), frame.at(point["month"] + 1, point["usd"])]
    return runs


def _users(view: View, plan: Mapping[str, Any], frame: Frame) -> None:
    """The band from the low to the high path, the middle one as a line, each named at its end."""
    path = plan["path"]
    low, mid, high = (
        [frame.at(point["month"], point["users"][end]) for point in path] for end in ("low", "mid", "high")
    )
    frame.canvas.path([*low, *reversed(high)], "area a0", closed=True)
    frame.canvas.path(mid, "curve s0 strong")
    last = path[-1]["users"]
    ends = ("high", "mid", "low") if last["low"] != last["high"] else ("mid",)
    places = spread_out([frame.y.at(last[end]) + 4 for end in ends], 14, frame.top + 4, frame.bottom - 3)
    for name, y in zip(ends, places, strict=True):
        words = numbers.users(last[name])
        named = f"{view.label(f'col.{name}')} {words}" if frame.wide and len(ends) > 1 else words
        frame.canvas.text(frame.right + 7, y, named, "b" if name == "mid" else "m")


Named = tuple[dict[str, Any], str, float, int]
"""A move, its name, the pixel where that begins, and the level it stands on."""


def _names(view: View, plan: Mapping[str, Any], x: Scale, width: float) -> list[Named]:
    """The moves of the middle path with their names."""
    moves = [move for move in plan["moves"] if move["month"] is not None]
    words = [
        shortened(
            view.label("plot.growth.move", users=numbers.users(move["at_users"]), option=view.option(move["to"])),
            width * 0.6,
        )
        for move in moves
    ]
    starts = [
        min(max(x.at(move["month"]) - 12, 0.0), max(0.0, width - 1.1 * width_px(name)))
        for move, name in zip(moves, words, strict=True)
    ]
    on = levels([(start, 1.1 * width_px(name)) for start, name in zip(starts, words, strict=True)])
    return list(zip(moves, words, starts, on, strict=True))


def _moves(plan: Mapping[str, Any], named: Sequence[Named], bills: Frame, users: Frame) -> None:
    """Upright lines through both panels where the middle path moves, each named above."""
    for move, words, start, level in named:
        x = bills.x.at(move["month"])
        bills.canvas.line((x, bills.top - 4), (x, users.bottom), "turn")
        bills.canvas.text(start, bills.top - 9 - 15 * level, words, "b")
        usd = _at(plan["path"], move["month"])
        if usd is not None:
            bills.canvas.dot(x, bills.y.at(usd), 4.5, "ring")
        users.canvas.dot(x, users.y.at(move["at_users"]), 4, "ring")


def _at(path: Sequence[Mapping[str, Any]], month: int) -> float | None:
    return next((point["usd"] for point in path if point["month"] == month), None)


def _months(plan: Mapping[str, Any]) -> list[int]:
    """In which the middle path moves."""
    return [move["month"] for move in plan["moves"] if move["month"] is not None]


def _told(view: View, plan: Mapping[str, Any]) -> str:
    """First, last and every month that moves."""
    months = {0, plan["months"] - 1, *_months(plan)}
    parts = []
    for point in plan["path"]:
        if point["month"] in months:
            names = [view.option(point[name]) for name in ("platform", "inference") if point[name]]
            count = numbers.users(point["users"]["mid"])
            parts.append(f"{point['month']}: {count}, {' + '.join(names)}, {view.usd(point['usd'])}")
    return "; ".join(parts)
