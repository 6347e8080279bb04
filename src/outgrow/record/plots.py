"""The plots of a record, as inline SVG in a wide and a narrow setting.

Written by hand: importing a plotting library alone would cost more time than deciding and rendering together may take,
and its pictures follow neither the page's colours nor its width. Every function is pure: record in, text out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.front import seen
from outgrow.record.parts import PARTS, part_sums
from outgrow.record.plots_change import demand, demand_title, surface
from outgrow.record.plots_growth import growth_plot, growth_title
from outgrow.record.plots_speed import speed_plot, speed_title
from outgrow.record.svg import Canvas, Scale, shortened, width_px

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.record.view import View

WIDE_PX, NARROW_PX = 860.0, 340.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One plot in two settings; the page shows the one that fits."""

    title: str
    note: str
    wide: str
    narrow: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bill as a bar. ``mark`` says why it was rejected."""

    name: str
    parts: Mapping[str, float]
    total: float
    amount: str
    chosen: bool = False
    mark: str = ""


def plot(view: View, name: str, question: str) -> Figure | None:
    """The named plot, or ``None`` when the record has nothing to draw in it."""
    if name == "bills":
        return _bills(view, question)
    if name == "candidates":
        return _candidates(view, question)
    if name == "speed":
        return _speed(view)
    if name == "growth":
        return _growth(view)
    if name == "demand":
        drawn = [demand(view, question, width) for width in (WIDE_PX, NARROW_PX)]
        never = _never(view, question)
        note = " ".join(part for part in (view.label("plot.demand.note"), never) if part)
        return _figure(demand_title(view, question), note, drawn)
    drawn = [surface(view, width) for width in (WIDE_PX, NARROW_PX)]
    first, second = (view.option(option) for option in view.data["surface"]["between"])
    return _figure(view.label("plot.surface.title", first=first, second=second), view.label("plot.surface.note"), drawn)


def _speed(view: View) -> Figure | None:
    found = seen(view)
    if found is None:
        return None
    drawn = [speed_plot(view, found, width) for width in (WIDE_PX, NARROW_PX)]
    return _figure(speed_title(view, found), view.label("plot.speed.note"), drawn)


def _growth(view: View) -> Figure | None:
    plan = view.data["growth"]
    drawn = [growth_plot(view, plan, width) for width in (WIDE_PX, NARROW_PX)]
    moves = any(move["month"] is not None for move in plan["moves"])
    note = view.label("plot.growth.note") + (f" {view.label('plot.growth.note-moves')}" if moves else "")
    return _figure(growth_title(view, plan), note, drawn)


def _figure(title: str, note: str, drawn: Sequence[str | None]) -> Figure | None:
    wide, narrow = drawn
    return Figure(title=title, note=note, wide=wide, narrow=narrow) if wide and narrow else None


def _never(view: View, question: str) -> str:
    curves = view.data["questions"][question]["curves"]
    names = [view.option(curve["option"]) for curve in curves if not any(cost for _, cost in curve["points"])]
    return view.label("plot.demand.never", options=", ".join(names)) if names else ""


def _groups(view: View, question: str) -> list[tuple[str, list[Bar]]]:
    """Bars under their headings: candidates, rejected options, and the sizes a document writes down."""
    answer = view.data["questions"][question]
    why: dict[str, str] = {}
    for rejection in answer["rejections"]:
        why.setdefault(rejection["option"], view.term(rejection["constraint"]))
    written = [o for o in view.data["as_written"] if o["question"] == question and o.get("pinned", True)]
    groups = [
        ("sized", [_bar(view, option, chosen=option["option"] == answer["chosen"]) for option in answer["candidates"]]),
        ("rejected", [_bar(view, option, mark=why.get(option["option"], "")) for option in answer["rejected_bills"]]),
        ("written", [_bar(view, option) for option in written]),
    ]
    return [
        (view.label(f"plot.bills.{name}"), sorted(bars, key=lambda bar: bar.total)) for name, bars in groups if bars
    ]


def _bar(view: View, option: Mapping[str, Any], *, chosen: bool = False, mark: str = "") -> Bar:
    sums = part_sums(option["lines"])
    total = sum(sums.values())
    amount = view.amount(total, option["unpriced"])
    return Bar(name=view.option(option["option"]), parts=sums, total=total, amount=amount, chosen=chosen, mark=mark)


def _bills(view: View, question: str) -> Figure | None:
    groups = _groups(view, question)
    bars = [bar for _, group in groups for bar in group]
    if not bars or max(bar.total for bar in bars) <= 0:
        return None
    used = [part for part in PARTS if any(bar.parts.get(part, 0) > 0 for bar in bars)]
    cap = _cap(view, question, bars)
    title = view.label(f"plot.bills.{question}")
    rows = "; ".join(
        f"{heading}: " + ", ".join(f"{bar.name} {bar.amount}" for bar in group) for heading, group in groups
    )
    described = view.label("plot.bills.desc", rows=rows)
    drawn = [_bills_in(view, groups, used, cap, width).svg(title, described) for width in (WIDE_PX, NARROW_PX)]
    note = view.label("plot.bills.axis") + "."
    if any(bar.total > cap for bar in bars):
        note += " " + view.label("plot.bills.cut")
    return _figure(title, note, drawn)


def _cap(view: View, question: str, bars: Sequence[Bar]) -> float:
    """Where the scale ends: twice the budget is far enough to see that a bill is out, and keeps small ones readable."""
    longest = max(bar.total for bar in bars)
    budget = view.data["budget_usd_per_month"]
    candidates = view.data["questions"][question]["candidates"]
    kept = max((candidate["monthly_usd"]["mid"] for candidate in candidates), default=0.0) * 1.1
    return min(longest, max(2 * budget, kept)) if budget else longest


def _bills_in(
    view: View, groups: Sequence[tuple[str, list[Bar]]], used: Sequence[str], cap: float, width: float
) -> Canvas:
    canvas = Canvas(width)
    wide = width >= WIDE_PX
    names = [bar.name for _, group in groups for bar in group]
    label_px = min(236.0, max(width_px(name) for name in names) * 1.07 + 14) if wide else 0.0
    scale = Scale(0.0, cap, label_px, width - (190.0 if wide else 14.0))
    y = _legend(view, canvas, used, width)
    for heading, bars in groups:
        y += 26
        canvas.text(0, y, heading, "h")
        y += 10
        for bar in bars:
            y = _bill_bar(view, canvas, bar, used, scale, y, wide=wide)
    canvas.height = y + 4
    return canvas


def _legend(view: View, canvas: Canvas, used: Sequence[str], width: float) -> float:
    x, y = 0.0, 14.0
    for part in used:
        label = view.label(f"part.{part}")
        needed = width_px(label) + 34
        if x and x + needed - 16 > width:
            x, y = 0.0, y + 20
        canvas.box(x, y - 10, 12, 12, f"c{PARTS[part]}")
        canvas.text(x + 17, y, label)
        x += needed
    return y


def _bill_bar(
    view: View, canvas: Canvas, bar: Bar, used: Sequence[str], scale: Scale, top: float, *, wide: bool
) -> float:
    """One bar with its name and amount; returns where the next one starts."""
    amount, weight = bar.amount, "b" if bar.chosen else ""
    height = 17.0 if wide else 13.0
    if wide:
        canvas.text(0, top + 14, shortened(bar.name, scale.start - 10), weight)
    else:
        canvas.text(0, top + 13, shortened(f"✕ {bar.name}" if bar.mark else bar.name, 240), weight)
        canvas.text(canvas.width, top + 13, amount, weight, "end")
        top += 19
    x = _segments(view, canvas, bar, used, scale, top, height, wide=wide)
    if wide:
        canvas.text(x + 8, top + 13, amount, weight or "n")
        if bar.mark:
            room = canvas.width - (x + 16 + width_px(amount))
            canvas.text(x + 16 + width_px(amount), top + 13, shortened(f"✕ {bar.mark}", room), "m")
    return top + height + (8 if wide else 9)


def _segments(
    view: View, canvas: Canvas, bar: Bar, used: Sequence[str], scale: Scale, top: float, height: float, *, wide: bool
) -> float:
    """The parts end to end, named where a name fits; an open end where the scale stops first."""
    faded = " out" if bar.mark else ""
    x, sum_usd = scale.start, 0.0
    for part in used:
        amount = bar.parts.get(part, 0.0)
        if amount <= 0:
            continue
        sum_usd += amount
        end = scale.at(sum_usd)
        label = view.label(f"part.{part}")
        canvas.box(
            x,
            top,
            max(0.6, end - x - 0.8),
            height,
            f"c{PARTS[part]}{faded}",
            f"{bar.name} · {label} {view.usd(amount)}",
        )
        if wide and end - x > width_px(label, 11) + 10:
            canvas.text(x + 5, top + 12.5, label, "in" if bar.mark else f"in i{PARTS[part]}")
        x = end
    if bar.total > scale.high * 1.0001:
        for shift in (7, 13):
            canvas.line((x - shift - 3, top + height + 1), (x - shift + 3, top - 1), "cut")
    return x


def _candidates(view: View, question: str) -> Figure | None:
    candidates = view.data["questions"][question]["candidates"]
    if not candidates:
        return None
    best = min(candidates, key=lambda candidate: candidate["monthly_usd"]["mid"])
    moves = any(one["monthly_usd"]["low"] != one["monthly_usd"]["high"] for one in candidates)
    title = view.label("plot.candidates.title" if moves else "plot.candidates.fixed", best=view.option(best["option"]))
    rows = "; ".join(
        f"{view.option(one['option'])} {view.usd(one['monthly_usd']['low'])} / {view.usd(one['monthly_usd']['mid'])}"
        f" / {view.usd(one['monthly_usd']['high'])}"
        for one in candidates
    )
    described = view.label("plot.candidates.desc", rows=rows)
    drawn = [_candidates_in(view, question, candidates, width).svg(title, described) for width in (WIDE_PX, NARROW_PX)]
    return _figure(title, view.label("plot.candidates.note") if moves else "", drawn)


def _candidates_in(view: View, question: str, candidates: Sequence[Mapping[str, Any]], width: float) -> Canvas:
    canvas = Canvas(width)
    wide = width >= WIDE_PX
    names = [view.option(candidate["option"]) for candidate in candidates]
    label_px = min(236.0, max(width_px(name) for name in names) + 24) if wide else 6.0
    ends = [value for one in candidates for value in one["monthly_usd"].values() if value is not None]
    scale = Scale(0.0, max(ends) * 1.08 or 1.0, label_px, width - (84.0 if wide else 14.0))
    step, top = (30.0, 10.0) if wide else (44.0, 4.0)
    bottom = top + step * len(candidates)
    for tick in scale.ticks(6 if wide else 4):
        x = scale.at(tick)
        canvas.line((x, top), (x, bottom), "grid")
        canvas.text(x, bottom + 15, f"${numbers.significant(tick)}", "m", "middle")
    canvas.text(scale.end if wide else width, bottom + 32, view.label("plot.candidates.axis"), "m", "end")
    for place, candidate in enumerate(candidates):
        chosen = candidate["option"] == view.data["questions"][question]["chosen"]
        _candidate_row(view, canvas, candidate, scale, top + step * place, chosen=chosen, wide=wide)
    canvas.height = bottom + 38
    return canvas


def _candidate_row(
    view: View, canvas: Canvas, candidate: Mapping[str, Any], scale: Scale, top: float, *, chosen: bool, wide: bool
) -> None:
    monthly, interval = candidate["monthly_usd"], candidate["interval_80_usd"]
    name, weight = view.option(candidate["option"]), "b" if chosen else ""
    y = top + (15 if wide else 32)
    canvas.text(0, top + (19 if wide else 17), shortened(name, scale.start - 12 if wide else 230), weight)
    colour = "0" if chosen else "7"
    high = scale.high if monthly["high"] is None else monthly["high"]
    canvas.line((scale.at(monthly["low"]), y), (scale.at(high), y), f"thin s{colour}")
    canvas.line((scale.at(interval[0]), y), (scale.at(interval[1]), y), f"thick s{colour}")
    canvas.dot(scale.at(monthly["mid"]), y, 5.5, f"dot c{colour}")
    amount = view.usd(monthly["mid"])
    if wide:
        canvas.text(scale.at(high) + 12, y + 4, amount, weight or "n")
    else:
        canvas.text(canvas.width, top + 17, amount, weight, "end")
