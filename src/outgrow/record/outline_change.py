"""Where the ranking changes, what the pairs cost, when the credits end, and what should reopen the decision."""

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
    code,
    quote,
    strong,
    text,
    without_empty,
)
from outgrow.record.view import View, clipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

USERS = "users.daily_active"
METHODS = ("sized-bills", "always-cold", "busy-time-only")
REOPENING = ("warn.old-prices", "warn.withdrawn", "note.cheaper-stale", "note.runpod-quiet")
"""Warnings that pass with time or a check, and so say when to look again."""


def changes(view: View) -> Section:
    """Curves, crossovers in a table a question, the break-even surface."""
    blocks: list[Block] = [Paragraph(spans=text(view.label("changes.intro")))]
    for name, answer in view.answers():
        blocks.append(Plot(name="demand", question=name))
        blocks.append(_demand(view, answer))
        if answer["crossovers"]:
            blocks.append(_crossovers(view, name, answer))
        else:
            blocks.append(Paragraph(spans=text(view.label("changes.none", question=view.label(f"question.{name}")))))
    if view.data["surface"]:
        blocks.append(Plot(name="surface"))
    return Section(anchor="changes", title=view.label("section.changes"), blocks=tuple(blocks))


def _demand(view: View, answer: Mapping[str, Any]) -> Table:
    """The curves as numbers, for whoever cannot see them: a row a demand, a column an option that meets it anywhere."""
    curves = [curve for curve in answer["curves"] if any(cost is not None for _, cost in curve["points"])]
    costs = [dict(map(tuple, curve["points"])) for curve in curves]
    demands = sorted({users for curve in costs for users in curve})
    rows = tuple(
        Row(cells=(text(numbers.users(users)), *(text(view.usd(curve.get(users))) for curve in costs)))
        for users in demands
    )
    columns = (
        Column(title=view.label("driver.users.daily_active"), numeric=True),
        *(Column(title=view.option(curve["option"]), numeric=True) for curve in curves),
    )
    return Table(columns=columns, rows=rows, folded=view.label("changes.numbers"))


def _crossovers(view: View, question: str, answer: Mapping[str, Any]) -> Table:
    names = ("from", "to", "at", "range", "requests-month", "binds", "method")
    numeric = {"at", "range", "requests-month"}
    columns = tuple(
        Column(title=view.label(f"col.{name}"), numeric=name in numeric, wide=name == "method") for name in names
    )
    found = sorted(
        answer["crossovers"],
        key=lambda one: (METHODS.index(one["method"]), one["driver"] != USERS, one["value"] or 0.0),
    )
    rows = tuple(_crossover(view, crossover) for crossover in found)
    return without_empty(Table(columns=columns, rows=rows, title=view.label(f"changes.{question}")), numbers.NOTHING)


def _crossover(view: View, crossover: Mapping[str, Any]) -> Row:
    first, second = crossover["between"]
    users = crossover["driver"] == USERS
    value = at(crossover, crossover["value"])
    where = (
        strong(view.label("at.users", users=value))
        if users
        else (*strong(value), *text(" "), *code(crossover["driver"]))
    )
    return Row(
        cells=(
            view.named(first),
            view.named(second),
            where,
            text(_range(crossover)),
            text(numbers.users(crossover["requests_per_month"])),
            text(binds(view, crossover)),
            text(view.words.labels.get(f"method.{crossover['method']}", crossover["method"])),
        )
    )


def at(crossover: Mapping[str, Any], value: float | None) -> str:
    """A driver's value: people without decimals, anything else with what counts."""
    return numbers.users(value) if crossover["driver"] == USERS else numbers.significant(value, 4)


def _range(crossover: Mapping[str, Any]) -> str:
    if crossover["low"] is None and crossover["high"] is None:
        return numbers.NOTHING
    return numbers.spread(at(crossover, crossover["low"]), at(crossover, crossover["high"]))


def binds(view: View, crossover: Mapping[str, Any]) -> str:
    """What decides there: the bill, or the constraint the first option breaks."""
    return view.label("binds.bill") if crossover["binds"] == "monthly_usd" else view.term(crossover["binds"])


def pairs(view: View) -> Section | None:
    """Platform and inference on one bill."""
    if not view.data["pairs"]:
        return None
    taxed, local = bool(view.data["vat_frac"]), view.data["currency"]["code"] != "USD"
    shown = ["platform", "inference", "before-tax", *(["with-tax"] if taxed else []), *(["local"] if local else [])]
    columns = tuple(
        Column(title=view.label(f"col.{name}", currency=view.data["currency"]["code"]), numeric=name not in shown[:2])
        for name in shown
    )
    chosen = view.chosen_pair()
    rows = tuple(
        Row(cells=_pair(view, pair, taxed=taxed, local=local), tone="chosen" if pair is chosen else "")
        for pair in view.data["pairs"]
    )
    intro = Paragraph(spans=text(view.label("pairs.intro")))
    return Section(anchor="pairs", title=view.label("section.pairs"), blocks=(intro, Table(columns=columns, rows=rows)))


def _pair(view: View, pair: Mapping[str, Any], *, taxed: bool, local: bool) -> tuple[Inline, ...]:
    """The amount in the spec's currency is what is paid: with tax where there is one."""
    return (
        view.named(pair["platform"]),
        view.named(pair["inference"]) if pair["inference"] else text(numbers.NOTHING),
        text(view.usd(pair["monthly_usd"])),
        *((text(view.usd(pair["with_vat_usd"])),) if taxed else ()),
        *((text(view.local(pair["with_vat_usd"])),) if local else ()),
    )


def credit(view: View) -> Section | None:
    """What becomes of each credit."""
    if not view.data["credits"]:
        return None
    items = tuple(_runway(view, run) for run in view.data["credits"])
    return Section(anchor="credits", title=view.label("section.credits"), blocks=(Bullets(items=items),))


def _runway(view: View, run: Mapping[str, Any]) -> Inline:
    said = view.label(
        "credits.used-up" if run["used_up"] else "credits.expires",
        provider=run["provider"],
        ends=run["ends_on"],
        covers=view.usd(run["covers_usd_per_month"]),
        unused=view.usd(run["unused_usd"]),
        before=view.both(run["month_before_usd"]),
        after=view.both(run["month_after_usd"]),
    )
    return (*quote(clipped(run["name"])), *text(f" {said}"))


def revisit(view: View) -> Section:
    """What should reopen this decision, the nearest first."""
    items = [*_turns(view), *_ends(view), *_ages(view), *_guesses(view)]
    return Section(
        anchor="revisit",
        title=view.label("section.revisit"),
        blocks=(Bullets(items=tuple(items)),) if items else (),
    )


def _turns(view: View) -> Iterator[Inline]:
    """Crossovers of the chosen options: demand above today's, the nearest first, then other inputs."""
    today = view.today() or 0.0
    chosen = {answer["chosen"] for _, answer in view.answers()}
    every = [crossover for _, answer in view.answers() for crossover in answer["crossovers"]]
    ours = [
        one
        for one in every
        if one["between"][0] in chosen and one["method"] != "busy-time-only" and one["value"] is not None
    ]
    for crossover in sorted(ours, key=lambda one: (one["driver"] != USERS, one["value"])):
        second = crossover["between"][1]
        if crossover["driver"] == USERS and crossover["value"] > today:
            yield text(_users_turn(view, crossover, second))
        elif crossover["driver"] != USERS:
            values = {"option": view.option(second), "value": at(crossover, crossover["value"])}
            yield (*code(crossover["driver"]), *text(f" {view.label('revisit.input', **values)}"))


def _users_turn(view: View, crossover: Mapping[str, Any], second: str) -> str:
    name = (
        "revisit.users-range"
        if crossover["low"] is not None and crossover["low"] != crossover["high"]
        else "revisit.users"
    )
    if crossover["method"] == "always-cold":
        name = "revisit.users-cold"
    return view.label(
        name,
        first=view.option(crossover["between"][0]),
        option=view.option(second),
        value=at(crossover, crossover["value"]),
        range=_range(crossover),
    )


def _ends(view: View) -> Iterator[Inline]:
    for run in view.data["credits"]:
        yield text(view.label("revisit.credit", ends=run["ends_on"], after=view.usd(run["month_after_usd"])))


def _ages(view: View) -> Iterator[Inline]:
    for entry in view.data["warnings"]:
        if entry["code"] in REOPENING:
            yield text(view.sentence(view.said(entry)))


def _guesses(view: View) -> Iterator[Inline]:
    guessed = sum(given["source"] == "guessed" for given in view.data["inputs"])
    if guessed:
        yield text(view.label("revisit.guesses", count=str(guessed)))
