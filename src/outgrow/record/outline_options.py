"""The options of each question, what was rejected and why, and the bills."""

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
    Span,
    Style,
    Table,
    code,
    link,
    small,
    strong,
    text,
    without_empty,
)
from outgrow.record.outline_months import months, poisson, studied
from outgrow.record.sources import sources
from outgrow.record.view import View, clipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVELS = (
    "management_points",
    "lost_with_one_host_frac",
    "fault_isolation",
    "database_exposure",
    "independent_scaling",
    "deploy_complexity",
)


def options(view: View) -> list[Section]:
    """One section a question: candidates best first, what they mean to live with, rejections with reasons."""
    return [_question(view, name, answer) for name, answer in view.answers()]


def _question(view: View, question: str, answer: Mapping[str, Any]) -> Section:
    candidates = answer["candidates"]
    blocks: list[Block] = [Paragraph(spans=text(view.label(f"options.intro.{question}")))]
    if candidates:
        blocks += [Plot(name="candidates", question=question), _candidates(view, answer)]
        named = {one["option"]: _name(view, one["option"], answer["chosen"]) for one in candidates}
        blocks += [*months(view, answer, named), *poisson(view, answer, named)]
        if notes := _notes(view, candidates):
            blocks.append(notes)
        blocks += [_levels(view, answer), _made_of(view, answer)]
    if answer["rejections"]:
        blocks.append(_rejections(view, answer))
    return Section(anchor=f"options-{question}", title=view.label(f"section.options.{question}"), blocks=tuple(blocks))


def _name(view: View, option: str, chosen: str | None) -> Inline:
    """Label and id; the chosen one stands out and says so."""
    if option != chosen:
        return view.named(option)
    return (
        Span(view.option(option), Style.STRONG),
        Span(" "),
        Span(option, Style.CODE),
        Span(f" {view.label('mark.chosen')}", Style.SMALL),
    )


def _tone(option: str, chosen: str | None) -> str:
    return "chosen" if option == chosen else ""


def _columns(view: View, names: Sequence[str], text_columns: int = 1) -> tuple[Column, ...]:
    """Columns by label; the first ``text_columns`` hold words."""
    return tuple(Column(title=view.label(f"col.{name}"), numeric=i >= text_columns) for i, name in enumerate(names))


def _candidates(view: View, answer: Mapping[str, Any]) -> Table:
    """What is to be expected; the interval stands here only where no table of months follows that has it."""
    spread_or_p99 = ("p50", "p95", "p99") if studied(answer) else ("interval", "p50", "p95")
    names = ("low", "mid", "high", *spread_or_p99, "cold", "first", "regret")
    rows = tuple(
        Row(
            cells=(
                _name(view, candidate["option"], answer["chosen"]),
                *(text(_candidate(view, candidate, name)) for name in names),
            ),
            tone=_tone(candidate["option"], answer["chosen"]),
        )
        for candidate in answer["candidates"]
    )
    return Table(columns=_columns(view, ("option", *names)), rows=rows, title=view.label("options.candidates"))


def _candidate(view: View, candidate: Mapping[str, Any], name: str) -> str:
    """One cell of a candidate's row."""
    if name in {"low", "mid", "high"}:
        return view.usd(candidate["monthly_usd"][name])
    if name == "interval":
        low, high = candidate["interval_80_usd"]
        return numbers.spread(view.usd(low), view.usd(high))
    if name in {"p50", "p95", "p99"}:
        return view.answered(candidate.get(f"{name}_s"), served=candidate["cold_share"] is not None)
    if name == "regret":
        return view.usd(candidate["regret_usd"])
    return view.percent(candidate[f"{name}_share"])


def _notes(view: View, candidates: Sequence[Mapping[str, Any]]) -> Bullets | None:
    items = [
        (Span(candidate["option"], Style.CODE), Span(f" {view.sentence(said)}"))
        for candidate in candidates
        for key in ("at_risk", "notes")
        for said in view.spoken_list(candidate, key)
    ]
    return Bullets(items=tuple(items), title=view.label("options.notes")) if items else None


def _levels(view: View, answer: Mapping[str, Any]) -> Table:
    """What comparison tables usually assert, derived from the components."""
    rows = tuple(
        Row(
            cells=(
                _name(view, candidate["option"], answer["chosen"]),
                *(text(_level(view, name, candidate["levels"][name])) for name in LEVELS),
            ),
            tone=_tone(candidate["option"], answer["chosen"]),
        )
        for candidate in answer["candidates"]
    )
    columns = (
        Column(title=view.label("col.option")),
        *(Column(title=view.label(f"level.{name}"), numeric=name in LEVELS[:2]) for name in LEVELS),
    )
    return Table(columns=columns, rows=rows, title=view.label("options.levels"))


def _level(view: View, name: str, value: Any) -> str:
    return view.percent(value) if name == "lost_with_one_host_frac" else view.level(value)


def _made_of(view: View, answer: Mapping[str, Any]) -> Table:
    """Machines, managed services, settings and where the data goes."""
    rows = tuple(
        Row(
            cells=(
                _name(view, candidate["option"], answer["chosen"]),
                text(", ".join(hosts(view, candidate)) or numbers.NOTHING),
                text(", ".join(view.term(name) for name in candidate["managed"]) or numbers.NOTHING),
                text(view.settings(candidate["settings"]) or numbers.NOTHING),
                text(place(view, candidate)),
            ),
            tone=_tone(candidate["option"], answer["chosen"]),
        )
        for candidate in answer["candidates"]
    )
    names = ("option", "hosts", "managed", "settings", "place")
    return Table(
        columns=_columns(view, names, len(names)),
        rows=rows,
        title=view.label("options.made-of"),
        folded=view.label("options.made-of"),
    )


def hosts(view: View, option: Mapping[str, Any]) -> list[str]:
    """Each host with its machine, copies counted."""
    return [
        f"{view.term(clipped(host['name']))} {view.term(host['machine'])}"
        + (f" × {host['count']}" if host["count"] > 1 else "")
        for host in option["hosts"]
    ]


def place(view: View, option: Mapping[str, Any]) -> str:
    """Who operates the hardware, where."""
    found = option["place"]
    if found is None:
        return numbers.NOTHING
    country = view.term(found["country"]) if found["country"] else view.label("unknown")
    return f"{view.term(found['operator'])} ({country}), {view.term(found['trust'])}"


def _rejections(view: View, answer: Mapping[str, Any]) -> Table:
    names = ("option", "constraint", "found", "allowed", "reason", "way-out", "monthly")
    columns = _columns(view, names, len(names))
    wide = tuple(
        Column(title=column.title, numeric=name == "monthly", wide=name == "reason")
        for name, column in zip(names, columns, strict=True)
    )
    rows, before = [], ""
    holes = {bill["option"]: bill["unpriced"] for bill in answer["rejected_bills"]}
    for entry in answer["rejections"]:
        cost = view.amount(entry["monthly_usd"], holes.get(entry["option"], ()))
        rows.append(_rejection(view, entry, cost, again=entry["option"] == before))
        before = entry["option"]
    table = Table(columns=wide, rows=tuple(rows), title=view.label("options.rejections"))
    return without_empty(table, numbers.NOTHING)


def _rejection(view: View, rejection: Mapping[str, Any], cost: str, *, again: bool) -> Row:
    """One broken constraint; an option that breaks several is named in full once."""
    way_out = view.spoken(rejection, "way_out") if rejection["way_out"] else numbers.NOTHING
    return Row(
        cells=(
            code(rejection["option"]) if again else view.named(rejection["option"]),
            strong(view.term(rejection["constraint"])),
            text(view.term(rejection["found"])),
            text(view.term(rejection["allowed"])),
            text(view.sentence(view.spoken(rejection, "reason"))),
            text(view.sentence(way_out)),
            text(cost),
        ),
        tone="again" if again else "rejected",
    )


def bills(view: View) -> Section:
    """Line by line what the chosen options cost, and what the document's own sizes would."""
    blocks: list[Block] = [Paragraph(spans=text(view.label("bills.intro")))]
    blocks += [Plot(name="bills", question=name) for name, _ in view.answers()]
    blocks += [bill(view, chosen, folded=False) for name, _ in view.answers() if (chosen := view.chosen(name))]
    blocks += [bill(view, option, folded=True) for option in view.data["as_written"] if option.get("pinned", True)]
    return Section(anchor="bills", title=view.label("section.bills"), blocks=tuple(blocks))


def total_usd(option: Mapping[str, Any]) -> float:
    """A bill's total: candidates carry a range, others one number."""
    monthly = option["monthly_usd"]
    return float(monthly["mid"] if isinstance(monthly, dict) else monthly)


def bill(view: View, option: Mapping[str, Any], *, folded: bool) -> Table:
    """One bill: every line with its rate, source and day; what has no price; the sum."""
    amount = view.amount(total_usd(option), option["unpriced"])
    largest = max((line["amount_usd"] for line in option["lines"]), default=0.0) or 1.0
    rows = [_line(view, line, largest) for line in option["lines"]]
    rows += [_hole(view, hole) for hole in option["unpriced"]]
    empty: tuple[Inline, ...] = ((), (), (), ())
    rows.append(Row(cells=(strong(view.label("total")), *empty, strong(amount), (), ()), tone="total"))
    variant = view.label(f"variant.{option['variant']}")
    title = view.label("bills.of", option=view.option(option["option"]), variant=variant, total=amount)
    names = ("component", "sku", "quantity", "unit", "rate", "amount", "source", "as-of")
    columns = tuple(
        Column(title=view.label(f"col.{name}"), numeric=name in {"quantity", "rate", "amount"}, bars=name == "amount")
        for name in names
    )
    return Table(columns=columns, rows=tuple(rows), title=title, folded=title if folded else None)


def _line(view: View, line: Mapping[str, Any], largest: float) -> Row:
    free = line["free_quantity"]
    amount = numbers.quantity(line["quantity"])
    counted = text(amount)
    if free:
        counted += small(f" {view.label('free', quantity=numbers.quantity(free))}")
    number = sources(view.data).index(line["source"]) + 1
    as_of = text(line["as_of"])
    if line["withdrawn_on"]:
        as_of += small(f" {view.label('withdrawn', on=line['withdrawn_on'])}")
    return Row(
        cells=(
            text(view.term(clipped(line["component"]))),
            code(line["sku"]),
            counted,
            text(view.label(f"unit.{line['unit']}") if f"unit.{line['unit']}" in view.words.labels else line["unit"]),
            text(f"${numbers.significant(line['rate_usd'])}"),
            text(view.usd(line["amount_usd"])),
            link(f"S{number}", f"#source-{number}"),
            as_of,
        ),
        bar=line["amount_usd"] / largest,
    )


def _hole(view: View, hole: Mapping[str, Any]) -> Row:
    """What has no price is shown as unknown, never as nothing."""
    empty: tuple[Inline, ...] = ((), (), (), ())
    reason = text(view.sentence(view.spoken(hole, "reason")))
    return Row(
        cells=(text(view.term(clipped(hole["component"]))), reason, *empty[:3], strong(view.label("unknown")), (), ()),
        tone="hole",
    )
