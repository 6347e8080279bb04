"""What the record can be held to: the audited document, claims, the next measurement, prices, method."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.blocks import (
    Block,
    Bullets,
    Column,
    Command,
    Inline,
    Paragraph,
    Row,
    Section,
    Span,
    Style,
    Table,
    code,
    link,
    quote,
    small,
    strong,
    text,
)
from outgrow.record.outline_months import studied
from outgrow.record.sources import sources
from outgrow.record.view import View, clipped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

AUDIT = "audit."


def audit(view: View) -> Section | None:
    """Every figure of the hand-made document beside ours."""
    document = view.data["document"]
    if not document:
        return None
    findings = document["findings"]
    wrong = sum(not finding["agrees"] for finding in findings)
    names = ("section", "says", "theirs", "ours", "agrees", "cause")
    columns = tuple(
        Column(title=view.label(f"col.{name}"), numeric=name in {"theirs", "ours"}, wide=name in {"says", "cause"})
        for name in names
    )
    counted = view.label("audit.count", total=str(len(findings)), differ=str(wrong))
    table = Table(
        columns=columns,
        rows=tuple(_finding(view, finding) for finding in findings),
        folded=view.label("audit.fold", count=str(len(findings))),
    )
    intro = (*quote(clipped(document["title"])), *text(f": {counted}"))
    causes = Bullets(title=view.label("audit.causes"), items=_causes(view, findings))
    blocks = (Paragraph(spans=intro), *((causes,) if causes.items else ()), table)
    return Section(anchor="audit", title=view.label("section.audit"), blocks=blocks)


def _causes(view: View, findings: Sequence[Mapping[str, Any]]) -> tuple[Inline, ...]:
    """How many figures each cause explains, the most frequent first."""
    codes = [
        code
        for one in findings
        if not one["agrees"]
        for code in dict.fromkeys(cause["code"] for cause in one["causes"])
    ]
    named = Counter(code for code in codes if f"cause.{code.removeprefix('audit.')}" in view.words.labels)
    return tuple(
        (*strong(str(count)), *text(f" {view.label(f'cause.{code.removeprefix(AUDIT)}')}"))
        for code, count in named.most_common()
    )


def _finding(view: View, finding: Mapping[str, Any]) -> Row:
    agrees = finding["agrees"]
    causes = "; ".join(view.said(cause) for cause in finding["causes"] if cause["code"] != "audit.agrees")
    same_words = finding["theirs"] == finding["says"]
    return Row(
        cells=(
            text(clipped(finding["section"])),
            quote(clipped(finding["says"])),
            text(numbers.NOTHING) if same_words else text(view.term(clipped(finding["theirs"]))),
            text(view.term(finding["ours"])),
            text(view.label("agrees")) if agrees else strong(view.label("differs")),
            text(view.sentence(causes) or numbers.NOTHING),
        ),
        tone="" if agrees else "differs",
    )


def claims(view: View) -> Section | None:
    """Sentences of the spec that were tested."""
    if not view.data["claims"]:
        return None
    names = ("claim", "holds", "expected", "found")
    columns = tuple(Column(title=view.label(f"col.{name}"), wide=name == "claim") for name in names)
    rows = tuple(
        Row(
            cells=(
                (*quote(clipped(claim["says"])), Span(" "), Span(clipped(claim["id"], 60), Style.CODE)),
                text(view.label("holds")) if claim["holds"] else strong(view.label("fails")),
                text(view.term(claim["expected"])),
                text(view.term(claim["found"])),
            ),
            tone="" if claim["holds"] else "differs",
        )
        for claim in view.data["claims"]
    )
    return Section(anchor="claims", title=view.label("section.claims"), blocks=(Table(columns=columns, rows=rows),))


def measure(view: View) -> Section | None:
    """The one measurement most likely to change the answer with its command, and every other input beside it."""
    first = view.data["measure_first"]
    if not first:
        return None
    command: Block = Command(line=first["command"])
    if first["command"] in view.words.terms:
        command = Paragraph(spans=text(view.sentence(view.term(first["command"]))))
    blocks: list[Block] = [Paragraph(spans=text(view.sentence(view.spoken(first, "reason")))), command]
    if every := view.data.get("measures"):
        idle = not any(one["changes_choice"] or view.usd(one["value_usd"]) != view.usd(0.0) for one in every)
        said = view.label("measure.how") + (f" {view.label('measure.idle')}" if idle else "")
        blocks += [_measures(view, every), Paragraph(spans=text(said), tone="note")]
    return Section(anchor="measure", title=view.label("section.measure"), blocks=tuple(blocks))


def _measures(view: View, every: Sequence[Mapping[str, Any]]) -> Table:
    """Every uncertain input: how far it moves the bill, what knowing it is worth, its share of the spread."""
    names = ("input", "range", "swing", "worth", "spread", "changes")
    numeric = {"range", "swing", "worth", "spread"}
    columns = tuple(Column(title=view.label(f"col.{name}"), numeric=name in numeric) for name in names)
    rows = tuple(
        Row(
            cells=(
                code(clipped(one["input"])),
                text(_tried(one)),
                text(view.usd(one["swing_usd"])),
                text(view.usd(one["value_usd"])),
                text(view.percent(one["variance_share"])),
                text(view.label("yes" if one["changes_choice"] else "no")),
            )
        )
        for one in every
    )
    return Table(columns=columns, rows=rows)


def _tried(one: Mapping[str, Any]) -> str:
    """The ends an input was taken to."""
    values = (one.get("reason_message") or {}).get("values", {})
    return numbers.spread(numbers.significant(values.get("low")), numbers.significant(values.get("high")))


def confirmation(view: View) -> Section:
    """How anybody can check that the decision still stands."""
    return Section(
        anchor="confirmation",
        title=view.label("section.confirmation"),
        blocks=(Paragraph(spans=text(view.label("confirmation.intro"))), Command(line="outgrow check decision.json")),
    )


def prices(view: View) -> Section:
    """Every rate a bill used, with its day and source."""
    listed = sources(view.data)
    names = ("sku", "region", "unit", "rate", "as-of", "confidence", "source")
    columns = tuple(Column(title=view.label(f"col.{name}"), numeric=name == "rate") for name in names)
    rows = tuple(_price(view, row, listed.index(row["source"]) + 1) for row in view.data["prices"])
    table = Table(columns=columns, rows=rows, folded=view.label("prices.fold", count=str(len(rows))))
    named = tuple(
        Row(cells=(text(f"S{number}"), quote(view.term(clipped(source, 400)))), anchor=f"source-{number}")
        for number, source in enumerate(listed, 1)
    )
    source_columns = (Column(title=view.label("col.number")), Column(title=view.label("col.source"), wide=True))
    where = Table(columns=source_columns, rows=named, folded=view.label("prices.sources", count=str(len(listed))))
    return Section(anchor="prices", title=view.label("section.prices"), blocks=(table, where) if rows else ())


def _price(view: View, row: Mapping[str, Any], number: int) -> Row:
    as_of: Inline = text(row["as_of"])
    if row["withdrawn_on"]:
        as_of += small(f" {view.label('withdrawn', on=row['withdrawn_on'])}")
    unit = view.words.labels.get(f"unit.{row['unit']}", row["unit"])
    return Row(
        cells=(
            code(row["sku"]),
            text(view.term(row["region"])),
            text(unit),
            text(f"${numbers.significant(row['rate_usd'])}"),
            as_of,
            text(
                view.label(f"confidence.{row['confidence']}")
                if f"confidence.{row['confidence']}" in view.words.labels
                else row["confidence"]
            ),
            link(f"S{number}", f"#source-{number}"),
        )
    )


def method(view: View) -> Section:
    """How the figures were made, enough to make them again."""
    made = view.data["method"]
    age = made["max_price_age_days"]
    lines = [
        view.label("how.simulation" if made["predictor"] == "simulation" else "how.predictor"),
        *((view.label("how.months", samples=str(made["samples"])),) if _played(view) else ()),
        view.label("how.samples", samples=str(made["samples"]), seed=str(made["seed"])),
        view.label("how.regret"),
        view.label("how.month"),
        view.label("how.rounding"),
        view.label("how.age", days=str(age)) if age is not None else view.label("how.no-age"),
        view.label(
            "how.version", version=made["version"], id=view.data["record"]["id"], spec=view.data["spec"]["name"]
        ),
    ]
    return Section(
        anchor="method",
        title=view.label("section.method"),
        blocks=(Bullets(items=tuple(text(line) for line in lines)),),
    )


def _played(view: View) -> bool:
    """Were months drawn and played?"""
    return any(studied(answer) for _, answer in view.answers())
