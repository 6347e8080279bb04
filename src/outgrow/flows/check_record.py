"""Does a decision still hold? Re-runs it with today's prices, and with a changed spec if one is given."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from outgrow.adapters.clock import today
from outgrow.adapters.spec_file import load_text
from outgrow.adapters.word_files import load_words
from outgrow.catalog.options import all_options
from outgrow.decide.decision import decide
from outgrow.domain.option import Question
from outgrow.domain.price import ANY_REGION
from outgrow.flows.question import Asked, measured_of, open_loaded, open_spec
from outgrow.record.data import FORMAT

if TYPE_CHECKING:
    from pathlib import Path

    from outgrow.domain.verdict import Decision
    from outgrow.flows.question import Opened

HOLDS, TO_REVIEW, BROKEN = "holds", "to-review", "broken"


def check_spec(path: Path, asked: Asked) -> dict[str, Any]:
    """The claims of a spec, tested as it stands."""
    opened = open_spec(path, _today(asked))
    decision = decide(opened.service, opened.market, all_options())
    return _result(decision, record=None, changed=[], files=[])


def check_record(
    record: dict[str, Any], asked: Asked, changed_spec: Path | None = None, folder: Path | None = None
) -> dict[str, Any]:
    """The claims of a record, the choice it made, and the prices it used, held against today's.

    `to-review` when prices or measured files moved or the choice changed though every claim holds; `broken` when a
    claim does not. Files that the record's spec names are looked for in ``folder``.
    """
    then = _as_then(record, asked)
    if changed_spec is not None:
        opened = open_spec(changed_spec, then)
    else:
        spec = load_text(record["spec"]["text"], str(record["spec"].get("name", "service.yaml")))
        opened = open_loaded(spec, then, measured=measured_of(spec, then, folder))
    decision = decide(opened.service, opened.market, all_options())
    return _result(
        decision, record=record, changed=_changed_prices(record, opened), files=_changed_files(record, opened)
    )


def _today(asked: Asked) -> Asked:
    """A check is about today's prices, whatever day the spec was decided on."""
    return asked if asked.on is not None else dataclasses.replace(asked, on=today())


def _as_then(record: dict[str, Any], asked: Asked) -> Asked:
    """What the record was asked with, unless it is asked otherwise now. The day is today's: that is the point."""
    then = record.get("asked") or {}
    return dataclasses.replace(
        _today(asked),
        region=asked.region or then.get("region"),
        moved=asked.moved or then.get("moved") or {},
        allow_stale=asked.allow_stale or bool(then.get("allow_stale")),
    )


def _changed_prices(record: dict[str, Any], opened: Opened) -> list[dict[str, Any]]:
    """Prices the record used that are different now, or gone."""
    book, on = opened.market.book, opened.market.on
    per_usd = float(opened.service.currency.per_usd)
    changed = []
    for row in record["prices"]:
        if row["sku"].endswith("/from-spec"):
            continue
        card = book.card(row["sku"], row["region"], on)
        now = [float(t.amount) / (1 if t.currency == "USD" else per_usd) for t in card.tiers] if card else []
        if not any(abs(amount - row["rate_usd"]) <= 1e-9 * max(amount, 1e-12) + 1e-15 for amount in now):
            near = min(now, key=lambda amount: abs(amount - row["rate_usd"]), default=None)
            changed.append(
                {"sku": row["sku"], "region": row["region"] or ANY_REGION, "was_usd": row["rate_usd"], "now_usd": near}
            )
    return changed


def _changed_files(record: dict[str, Any], opened: Opened) -> list[str]:
    """Measured files that are not what they were when the record was written."""
    before = {entry["file"]: entry["sha256"] for entry in (record.get("asked") or {}).get("files", ())}
    now = {entry["file"]: entry["sha256"] for entry in opened.asked.get("files", ())}
    return sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))


def _result(
    decision: Decision, *, record: dict[str, Any] | None, changed: list[dict[str, Any]], files: list[str]
) -> dict[str, Any]:
    words = load_words("en")
    chosen = {answer.question.value: answer.chosen for answer in decision.answers}
    before = {name: question["chosen"] for name, question in record["questions"].items()} if record else chosen
    moved = [
        {"question": name, "was": before.get(name), "now": chosen.get(name)}
        for name in sorted({*before, *chosen})
        if before.get(name) != chosen.get(name)
    ]
    broken = [claim for claim in decision.claims if not claim.holds]
    newer = record["record"]["superseded_by"] if record else None
    status = BROKEN if broken else TO_REVIEW if changed or files or moved or newer else HOLDS
    return {
        "format": FORMAT,
        "record": record["record"]["id"] if record else None,
        "service": decision.service.name,
        "on": decision.on.isoformat(),
        "status": status,
        "superseded_by": newer,
        "claims": [dataclasses.asdict(claim) for claim in decision.claims],
        "changed_prices": changed,
        "changed_files": files,
        "changed_choices": moved,
        "bills": _bills(decision, record),
        "break_even": _break_even(decision),
        "warnings": [
            {"code": note.code, "text": words.say(note), "values": dict(note.values)} for note in decision.warnings
        ],
    }


def _bills(decision: Decision, record: dict[str, Any] | None) -> list[dict[str, Any]]:
    """Each candidate's bill then and now."""
    then: dict[str, float] = {}
    for question in record["questions"].values() if record else ():
        then |= {option["option"]: option["monthly_usd"]["mid"] for option in question["candidates"]}
    return [
        {
            "option": candidate.priced.shape.option,
            "was_usd": then.get(candidate.priced.shape.option),
            "now_usd": candidate.monthly_usd.mid,
        }
        for answer in decision.answers
        for candidate in answer.candidates
    ]


def _break_even(decision: Decision) -> list[dict[str, Any]]:
    return [
        {
            "between": list(c.between),
            "driver": c.driver,
            "value": c.value,
            "low": c.low,
            "high": c.high,
            "method": c.method,
        }
        for answer in decision.answers
        if answer.question is Question.INFERENCE
        for c in answer.crossovers
        if c.method == "always-cold"
    ]
