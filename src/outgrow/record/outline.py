"""The record as sections, outcome first: what every format shows, in the order it shows it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from outgrow.record import numbers
from outgrow.record.blocks import (
    Bullets,
    Column,
    Inline,
    Paragraph,
    Row,
    Section,
    Span,
    Style,
    Table,
    code,
    strong,
    text,
)
from outgrow.record.outline_change import changes, credit, pairs, revisit
from outgrow.record.outline_growth import growth
from outgrow.record.outline_options import bills, options
from outgrow.record.outline_proof import audit, claims, confirmation, measure, method, prices
from outgrow.record.outline_speed import speed
from outgrow.record.view import View, clipped, neighbour_id, neighbour_path

if TYPE_CHECKING:
    from collections.abc import Mapping

WARNING_GROUPS: Mapping[str, tuple[str, ...]] = {
    "comparability": ("warn.over-budget", "warn.unlike", "warn.same-load", "warn.weights", "warn.several-tasks"),
    "document": ("warn.region", "warn.no-ipv4", "warn.sibling", "warn.written-gpu"),
    "data": ("warn.third-party", "warn.third-party-home"),
    "options": ("note.", "limit."),
    "figures": ("warn.",),
}
"""Warnings under the heading of the first group that names the start of their code."""


def sections(view: View) -> tuple[Section, ...]:
    """Every section that has something to say."""
    made = [
        outcome(view),
        warnings(view),
        reasons(view),
        context(view),
        *options(view),
        speed(view),
        bills(view),
        changes(view),
        growth(view),
        pairs(view),
        credit(view),
        audit(view),
        claims(view),
        revisit(view),
        measure(view),
        confirmation(view),
        prices(view),
        method(view),
    ]
    return tuple(section for section in made if section is not None and section.blocks)


def verdict(view: View) -> str:
    """The decision in one sentence."""
    questions = view.data["questions"]
    chosen = {name: answer["chosen"] for name, answer in questions.items()}
    if any(name is None for name in chosen.values()):
        open_ = ", ".join(view.label(f"question.{name}") for name, option in chosen.items() if option is None)
        return view.label("verdict.open", questions=open_)
    code_ = "verdict.pair" if "inference" in chosen else "verdict.platform"
    pair = view.chosen_pair()
    values = {name: view.option(option) for name, option in chosen.items()}
    return view.label(code_, monthly=view.usd(pair["monthly_usd"] if pair else None), **values)


def outcome(view: View) -> Section:
    """What was decided, what it costs, what it means. Nothing is ranked before the warnings."""
    pair, vat = view.chosen_pair(), view.data["vat_frac"]
    rows = [_cost_row(view, name) for name, answer in view.answers() if answer["chosen"]]
    if pair and len(rows) > 1:
        rows.append(_pair_row(view, pair))
    columns = (
        Column(title=view.label("col.question")),
        Column(title=view.label("col.chosen")),
        Column(title=view.label("col.before-tax"), numeric=True),
        *((Column(title=view.label("col.with-vat", vat=view.rate(vat)), numeric=True),) if vat else ()),
        Column(title=view.label("col.interval"), numeric=True),
        Column(title=view.label("col.low-high"), numeric=True),
    )
    meaning = [line for name, _ in view.answers() for line in _meaning(view, name)]
    return Section(
        anchor="outcome",
        title=view.label("section.outcome"),
        blocks=(
            Paragraph(spans=strong(verdict(view)), tone="verdict"),
            *_links(view),
            *((Table(columns=columns, rows=tuple(rows)),) if rows else ()),
            *((Bullets(title=view.label("outcome.means"), items=tuple(meaning)),) if meaning else ()),
        ),
    )


def _links(view: View) -> tuple[Paragraph, ...]:
    """The older and the newer record, and why this one is to review."""
    found = [
        Paragraph(
            spans=(
                Span(f"{view.label(name.replace('_', '-'))} "),
                Span(neighbour_id(beside), href=f"record:{neighbour_path(beside)}"),
            )
        )
        for name in ("supersedes", "superseded_by")
        if (beside := view.data["record"][name])
    ]
    return (*found, *_review(view))


def _review(view: View) -> tuple[Paragraph, ...]:
    """What a later check found, when it marked this record."""
    review = view.data.get("review")
    if not review:
        return ()
    choices = [
        view.label(f"question.{one['question']}") + f": {view.option(one['now'])}" for one in review["changed_choices"]
    ]
    said = view.label(
        "review",
        on=review["on"],
        prices=str(len(review["changed_prices"])),
        choices=", ".join(choices) or numbers.NOTHING,
        claims=", ".join(clipped(claim, 60) for claim in review["broken_claims"]) or numbers.NOTHING,
    )
    return (Paragraph(spans=strong(said)),)


def _cost_row(view: View, question: str) -> Row:
    candidate = view.chosen(question)
    assert candidate is not None
    monthly, interval = candidate["monthly_usd"], candidate["interval_80_usd"]
    return Row(
        cells=(
            text(view.label(f"question.{question}")),
            view.named(candidate["option"]),
            text(view.both(monthly["mid"])),
            *((text(view.both(view.with_vat(monthly["mid"]))),) if view.data["vat_frac"] else ()),
            text(numbers.spread(view.usd(interval[0]), view.usd(interval[1]))),
            text(numbers.spread(view.usd(monthly["low"]), view.usd(monthly["high"]))),
        )
    )


def _pair_row(view: View, pair: Mapping[str, Any]) -> Row:
    """Both on one bill. The ends are those of the two answers added, shared allowances taken off once."""
    chosen = [candidate for name, _ in view.answers() if (candidate := view.chosen(name))]
    shared = pair["monthly_usd"] - sum(candidate["monthly_usd"]["mid"] for candidate in chosen)
    interval = [sum(c["interval_80_usd"][end] for c in chosen) + shared for end in (0, 1)]
    ends = [[candidate["monthly_usd"][end] for candidate in chosen] for end in ("low", "high")]
    low, high = (None if None in end else sum(end) + shared for end in ends)
    return Row(
        cells=(
            strong(view.label("together")),
            (),
            strong(view.both(pair["monthly_usd"])),
            *((strong(view.both(pair["with_vat_usd"])),) if view.data["vat_frac"] else ()),
            text(numbers.spread(view.usd(interval[0]), view.usd(interval[1]))),
            text(numbers.spread(view.usd(low), view.usd(high))),
        ),
        tone="total",
    )


def reasons(view: View) -> Section:
    """Why each option was chosen, after what must be known first."""
    why = [line for name, answer in view.answers() for line in _why(view, name, answer)]
    return Section(anchor="why", title=view.label("section.why"), blocks=(Bullets(items=tuple(why)),))


def _why(view: View, question: str, answer: Mapping[str, Any]) -> list[Inline]:
    """Why this one: regret, how often it comes first, what comes next, what broke a tie."""
    name = view.label(f"question.{question}")
    rejected = len({rejection["option"] for rejection in answer["rejections"]})
    candidate = view.chosen(question)
    if candidate is None:
        return [text(view.label("outcome.nothing", question=name, rejected=str(rejected)))]
    never_dearer = numbers.money(candidate["regret_usd"]) == numbers.money(0)
    said = view.label(
        "outcome.no-regret" if never_dearer else "outcome.regret",
        question=name,
        option=view.option(answer["chosen"]),
        candidates=str(len(answer["candidates"])),
        rejected=str(rejected),
        regret=view.usd(candidate["regret_usd"]),
        first=view.percent(candidate["first_share"]),
    )
    lines = [text(said)]
    if len(answer["candidates"]) > 1:
        lines.append(text(_next(view, answer)))
    return lines


def _next(view: View, answer: Mapping[str, Any]) -> str:
    second = answer["candidates"][1]
    values = {"second": view.option(second["option"]), "monthly": view.usd(second["monthly_usd"]["mid"])}
    if answer["indifferent"]:
        tie = view.said(answer["tie_breaker"]) if answer["tie_breaker"] else numbers.NOTHING
        return view.label("outcome.indifferent", tie=tie, **values)
    return view.label("outcome.next", regret=view.usd(second["regret_usd"]), **values)


def _meaning(view: View, question: str) -> list[Inline]:
    """What the team takes on with the chosen option."""
    candidate = view.chosen(question)
    if candidate is None:
        return []
    levels = candidate["levels"]
    if question == "platform":
        said = view.label(
            "means.platform",
            points=str(levels["management_points"]),
            lost=view.percent(levels["lost_with_one_host_frac"]),
            exposure=view.level(levels["database_exposure"]),
        )
    else:
        said = view.label(
            "means.inference",
            p50=view.seconds(candidate["p50_s"]),
            p95=view.seconds(candidate["p95_s"]),
            cold=view.percent(candidate["cold_share"]),
        )
    return [
        text(said),
        *_kept(view, candidate, question),
        *_payload(view, candidate, question),
        *(text(view.sentence(risk)) for risk in view.spoken_list(candidate, "at_risk")),
    ]


def _kept(view: View, candidate: Mapping[str, Any], question: str) -> list[Inline]:
    """How often a drawn month breaks a constraint, if one does."""
    study = candidate.get("study")
    if not study or not study["broke"]:
        return []
    broke = ", ".join(f"{view.term(one['constraint'])} {view.percent(one['share'])}" for one in study["broke"])
    kept, count = view.percent(study["kept_share"]), str(study["months"])
    name = view.label(f"question.{question}")
    return [text(view.label("means.kept", question=name, months=count, kept=kept, broke=broke))]


def _payload(view: View, candidate: Mapping[str, Any], question: str) -> list[Inline]:
    place = candidate["place"]
    if place is None or question != "inference":
        return []
    where = {
        "operator": view.term(place["operator"]),
        "country": view.term(place["country"]) if place["country"] else view.label("unknown"),
    }
    own = place["trust"] in {"own-hardware", "own-cloud-account"}
    return [text(view.label("means.place-own" if own else "means.place", trust=view.term(place["trust"]), **where))]


def warnings(view: View) -> Section | None:
    """What must be known before any ranking is read."""
    grouped: dict[str, list[Inline]] = {name: [] for name in WARNING_GROUPS}
    for entry in view.data["warnings"]:
        group = next((name for name, starts in WARNING_GROUPS.items() if entry["code"].startswith(starts)), "figures")
        grouped[group].append(text(view.sentence(view.said(entry))))
    blocks = tuple(
        Bullets(title=view.label(f"warnings.{name}"), items=tuple(items)) for name, items in grouped.items() if items
    )
    return Section(anchor="warnings", title=view.label("section.warnings"), blocks=blocks)


def context(view: View) -> Section:
    """What the decision rests on: the numbers of the spec, uncertain and guessed ones first."""
    record, inputs = view.data["record"], view.data["inputs"]
    loose = [given for given in inputs if given["low"] is not None or given["source"] != "stated"]
    stated = [given for given in inputs if given not in loose]
    intro = (
        Span(view.label("context.intro", region=view.data["region"], date=record["date"]) + " "),
        Span(view.title(), Style.QUOTE),
    )
    tables = [
        _inputs(view, loose, view.label("context.uncertain"), None),
        _inputs(view, stated, view.label("context.stated"), view.label("context.stated-fold", count=str(len(stated)))),
    ]
    return Section(
        anchor="context",
        title=view.label("section.context"),
        blocks=(Paragraph(spans=intro), *(table for table in tables if table.rows)),
    )


def _inputs(view: View, given: list[Mapping[str, Any]], title: str, folded: str | None) -> Table:
    columns = (
        Column(title=view.label("col.input")),
        Column(title=view.label("col.value"), numeric=True),
        Column(title=view.label("col.range"), numeric=True),
        Column(title=view.label("col.input-source")),
    )
    return Table(columns=columns, rows=tuple(_input(view, entry) for entry in given), title=title, folded=folded)


def _input(view: View, given: Mapping[str, Any]) -> Row:
    low, high = numbers.significant(given["low"]), numbers.significant(given["high"])
    guessed = given["source"] == "guessed"
    source = view.label(f"source.{given['source']}")
    return Row(
        cells=(
            code(clipped(given["path"])),
            text(numbers.significant(given["value"])),
            text(numbers.spread(low, high) if given["low"] is not None else numbers.NOTHING),
            strong(source) if guessed else text(source),
        ),
        tone="guess" if guessed else "",
    )


def outgrown(view: View) -> tuple[float, str, str] | None:
    """The first demand above today's at which a chosen option stops being the best: users, option, the next one."""
    today = view.today()
    found = [
        (crossover["value"], *crossover["between"])
        for _, answer in view.answers()
        for crossover in answer["crossovers"]
        if crossover["driver"] == "users.daily_active" and crossover["method"] == "sized-bills"
        if crossover["between"][0] == answer["chosen"] and crossover["value"] is not None
        if today is not None and crossover["value"] > today
    ]
    return min(found) if found else None


def months_until(view: View, users: float) -> tuple[float, float] | None:
    """Months of compound growth from today to ``users``, at the fastest and at the slowest growth the spec allows."""
    today, growth = view.today(), view.input("users.growth_per_month_frac")
    if not today or growth is None:
        return None
    rates = [growth["high"] if growth["high"] is not None else growth["value"], growth["low"] or growth["value"]]
    if min(rates) <= 0:
        return None
    fast, slow = (math.log(users / today) / math.log1p(rate) for rate in rates)
    return fast, slow
