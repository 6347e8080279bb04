"""The growth plan: what to run now, when to move to what, and what being early, late or settled costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.blocks import (
    Block,
    Bullets,
    Column,
    Inline,
    Paragraph,
    Plot,
    Row,
    Section,
    Table,
    small,
    strong,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from outgrow.record.view import View

MONTHS_A_YEAR = 12


def growth(view: View) -> Section | None:
    """The plan as sentences, warnings, moves, a plot, and the months behind a fold."""
    plan = view.data.get("growth")
    if not plan:
        return None
    ahead = view.label(_ahead(plan), months=str(plan["months"]))
    blocks: list[Block] = [Paragraph(spans=(*strong(now_sentence(view, plan)), *text(f" {ahead}")))]
    blocks += [Paragraph(spans=text(said), tone="caution") for said in cautions(view, plan)]
    if plan["moves"]:
        how = Paragraph(spans=text(view.label("growth.how-to-read")), tone="note")
        blocks += [_moves(view, plan), how]
    blocks += [Plot(name="growth"), Bullets(items=tuple(text(said) for said in _notes(view, plan)))]
    blocks.append(_path(view, plan))
    return Section(anchor="growth", title=view.label("section.growth"), blocks=tuple(blocks))


def _ahead(plan: Mapping[str, Any]) -> str:
    """Whether there is a move to come."""
    if plan["moves"]:
        return "growth.moves-ahead"
    return "growth.no-moves" if plan["carried_share"] == 1 else "growth.no-moves-partly"


def now_sentence(view: View, plan: Mapping[str, Any]) -> str:
    """What to run now."""
    return view.label("growth.now", options=" + ".join(view.option(name) for name in plan["now"].values() if name))


def when(view: View, month: int | None) -> str:
    """Months from now on the middle path, and the calendar month that is."""
    if month is None:
        return view.label("growth.never")
    if month == 0:
        return view.label("growth.at-once")
    year, start, _ = (int(part) for part in view.data["record"]["date"].split("-"))
    years, place = divmod(start - 1 + month, MONTHS_A_YEAR)
    return view.label("growth.in-months", months=str(month), calendar=f"{year + years}-{place + 1:02d}")


def cautions(view: View, plan: Mapping[str, Any]) -> Iterator[str]:
    """What the plan cannot do: keep the budget, carry the demand, price the work, begin with what was chosen."""
    if plan["over_budget_from"] is not None:
        budget = view.usd(view.data["budget_usd_per_month"])
        yield view.label("growth.over-budget", when=when(view, plan["over_budget_from"]), budget=budget)
    if plan["carried_share"] < 1:
        share = view.percent(plan["carried_share"])
        until = plan["carried_until"]
        if until is None:
            yield view.label("growth.carried-partly", share=share)
        else:
            yield view.label("growth.carried-until", share=share, users=numbers.users(until))
    if not plan["work_priced"]:
        yield view.label("growth.work-unpriced")
    for name, option in plan["now"].items():
        chosen = (view.data["questions"].get(name) or {}).get("chosen")
        if option and chosen and option != chosen:
            yield view.label("growth.not-chosen", option=view.option(option), chosen=view.option(chosen))


def _moves(view: View, plan: Mapping[str, Any]) -> Table:
    """One move a row, the nearest first."""
    names = ("users", "when", "from", "to", "binds", "days", "downtime", "move", "early", "late")
    words = {"when", "from", "to", "binds"}
    return Table(
        title=view.label("growth.moves"),
        columns=tuple(Column(title=view.label(f"col.{name}"), numeric=name not in words) for name in names),
        rows=tuple(Row(cells=tuple(_move(view, move))) for move in plan["moves"]),
    )


def _move(view: View, move: Mapping[str, Any]) -> Iterator[Inline]:
    yield strong(numbers.users(move["at_users"]))
    yield text(when(view, move["month"]))
    yield view.named(move["from"])
    yield view.named(move["to"])
    yield text(binds(view, move["binds"]))
    stated = small(f" {view.label('source.stated')}") if move["stated"] else ()
    yield (*text(numbers.significant(move["days"], 2)), *stated)
    yield text(minutes(view, move["downtime_minutes"]))
    yield text(view.usd(move["move_usd"]))
    yield text(view.usd(move["early_usd"]))
    yield text(view.usd(move["late_usd"]))


def binds(view: View, name: str) -> str:
    """Why the option is left: the bill, or the constraint it breaks."""
    return view.label("binds.bill") if name == "monthly_usd" else view.term(name)


def minutes(view: View, value: float) -> str:
    """Downtime: nothing, or so many minutes."""
    return view.label("none") if value == 0 else view.label("minutes", value=numbers.number(value))


def _notes(view: View, plan: Mapping[str, Any]) -> Iterator[str]:
    """What the plan costs, beside never moving and beside having known; how to read the moves."""
    yield plan_sentence(view, plan)
    if plan["moves"] and plan["total_usd"]:
        yield staying_sentence(view, plan)
        yield _seeing_sentence(view, plan)


def plan_sentence(view: View, plan: Mapping[str, Any]) -> str:
    """The plan's total over all months, and how far it varies where the growth is uncertain."""
    total, months = plan["total_usd"], str(plan["months"])
    if total is None:
        return view.label("growth.total-none")
    carried, paths = str(plan["carried_paths"]), str(plan["paths"])
    name = "growth.total" if carried == paths else "growth.total-partly"
    said = view.label(name, months=months, total=view.usd(total["median"]), carried=carried, paths=paths)
    low, high = view.usd(total["low"]), view.usd(total["high"])
    if low == high:
        return said
    return f"{said} {view.label('growth.spread', paths=carried, spread=numbers.spread(low, high))}"


def staying_sentence(view: View, plan: Mapping[str, Any]) -> str:
    """What never moving would cost, or that it would not work."""
    staying = plan["staying_usd"]
    if staying is None:
        return view.label("growth.staying-fails")
    more = staying["median"] - plan["total_usd"]["median"]
    return view.label(
        "growth.staying-more" if more >= 0 else "growth.staying-less",
        total=view.usd(staying["median"]),
        more=view.usd(abs(more)),
    )


def _seeing_sentence(view: View, plan: Mapping[str, Any]) -> str:
    """What knowing the path beforehand would save."""
    less = max(0.0, plan["total_usd"]["median"] - plan["seeing_usd"]["median"])
    name = "growth.seeing-same" if view.usd(less) == view.usd(0.0) else "growth.seeing-less"
    return view.label(name, total=view.usd(plan["seeing_usd"]["median"]), less=view.usd(less))


def _path(view: View, plan: Mapping[str, Any]) -> Table:
    """Month by month: users on three paths, what runs on the middle one, its bill."""
    asked = [name for name in ("platform", "inference") if name in view.data["questions"]]
    names = ("month", "users-low", "users-mid", "users-high", *asked, "before-tax")
    columns = tuple(Column(title=view.label(f"col.{name}"), numeric=name not in asked) for name in names)
    rows, before = [], plan["path"][0] if plan["path"] else {}
    for point in plan["path"]:
        rows.append(Row(cells=tuple(_month(view, point, before, asked))))
        before = point
    return Table(columns=columns, rows=tuple(rows), folded=view.label("growth.path", months=str(plan["months"])))


def _month(view: View, point: Mapping[str, Any], before: Mapping[str, Any], asked: Sequence[str]) -> Iterator[Inline]:
    yield text(str(point["month"]))
    for end in ("low", "mid", "high"):
        yield text(numbers.users(point["users"][end]))
    for name in asked:
        option = view.option(point[name]) if point[name] else numbers.NOTHING
        yield strong(option) if point[name] != before[name] else text(option)
    yield text(view.usd(point["usd"]))
