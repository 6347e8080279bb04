"""A decision as one JSON object: the record everything else is rendered from, and what ``--json`` prints."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from outgrow.domain.bill import Group
from outgrow.record.foresight import front_data, growth_data, study_data
from outgrow.record.phrases import speak

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from outgrow.domain.bill import Bill, BillLine
    from outgrow.domain.message import Message
    from outgrow.domain.option import Question, Rejection, Shape
    from outgrow.domain.verdict import Answer, Candidate, Crossover, Decision, Finding, Measure, Pair, Priced, Surface
    from outgrow.record.words import Words

FORMAT = 1
Json = dict[str, Any]


def as_text(data: Mapping[str, Any]) -> str:
    """JSON with sorted keys left in our order, non-ASCII kept, one trailing newline: same data, same bytes."""
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def decision_data(
    decision: Decision, *, spec_name: str, spec_text: str, asked: Json, version: str, words: Words
) -> Json:
    """The whole record. ``spec_text`` is kept verbatim so that the record can be checked again without its file."""
    service = decision.service
    prices = [dict(row) for row in _prices(decision)]
    body: Json = {
        "spec": {"name": spec_name, "text": spec_text},
        "asked": asked,
        "region": service.region,
        "currency": {"code": service.currency.code, "per_usd": float(service.currency.per_usd)},
        "vat_frac": service.vat_frac,
        "budget_usd_per_month": service.budget_usd_per_month,
        "inputs": _inputs(decision),
        "method": {
            "predictor": decision.method,
            "seed": decision.seed,
            "samples": decision.samples,
            "max_price_age_days": decision.max_age_days,
            "version": version,
        },
        "questions": {answer.question.value: answer_data(answer, words) for answer in decision.answers},
        "pairs": [_pair(pair) for pair in decision.pairs],
        "credits": [_plain(run) for run in decision.runways],
        "claims": [dataclasses.asdict(claim) for claim in decision.claims],
        "measure_first": _measure(decision.measure_first, words) if decision.measure_first else None,
        "measures": [_measure(measure, words) for measure in decision.measures],
        "document": _document(decision, words),
        "surface": _surface(decision.surface),
        "front": front_data(decision.front),
        "growth": growth_data(decision.growth),
        "as_written": [
            {**option_data(option, words), "pinned": option.shape.option in service.pins}
            for option in decision.as_written
        ],
        "warnings": [_said(note, words) for note in decision.warnings],
        "prices": prices,
    }
    return {"format": FORMAT, "record": _head(decision, body, words.language), **body}


def _head(decision: Decision, body: Json, language: str) -> Json:
    """Identity: the same spec, prices, day, seed and tool give the same id, whatever the language."""
    identity = [body["spec"]["text"], body["asked"], body["prices"], body["method"], decision.on.isoformat()]
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
    name = f"{decision.service.name}-{decision.on.isoformat()}-{digest}"
    return {
        "id": name,
        "identity": name,
        "service": decision.service.name,
        "title": decision.service.title or decision.service.name,
        "date": decision.on.isoformat(),
        "status": "accepted" if _answered(decision) else "proposed",
        "language": language,
        "supersedes": None,
        "superseded_by": None,
    }


def _answered(decision: Decision) -> bool:
    """Every question has an answer, and the answers together fit the budget."""
    return all(answer.chosen for answer in decision.answers) and all(p.within_budget for p in decision.pairs[:1])


def answer_data(answer: Answer, words: Words) -> Json:
    """One question: what was chosen, the candidates best first, the rejections, where the ranking changes."""
    return {
        "chosen": answer.chosen,
        "indifferent": list(answer.indifferent),
        "tie_breaker": _said(answer.tie_breaker, words) if answer.tie_breaker else None,
        "candidates": [_candidate(candidate, words) for candidate in answer.candidates],
        "rejections": [_rejection(rejection, words) for rejection in answer.rejections],
        "crossovers": [_crossover(crossover) for crossover in answer.crossovers],
        "curves": [
            {"option": curve.option, "points": [[_clean(x), _clean(y)] for x, y in curve.points]}
            for curve in answer.curves
        ],
        "rejected_bills": [option_data(option, words) for option in answer.rejected_priced.values()],
    }


def option_data(option: Priced, words: Words) -> Json:
    """One option with its bill, in the shape ``price --json`` documents."""
    shape = option.shape
    return {
        "option": shape.option,
        "question": shape.question.value,
        "variant": shape.variant.value,
        "monthly_usd": float(option.bill.monthly_usd),
        "subtotals_usd": {
            group.value: float(option.bill.group_usd(group)) for group in Group if option.bill.group_usd(group)
        },
        "settings": dict(shape.settings),
        "lines": [_line(line) for line in option.bill.lines],
        "unpriced": [
            {
                "component": line.component,
                "reason": speak(words, line.reason),
                "reason_message": _coded(line.reason),
                "material": line.material,
            }
            for line in option.bill.unpriced
        ],
        **_shape(shape),
    }


def _shape(shape: Shape) -> Json:
    place, capacity = shape.place, shape.capacity
    return {
        "hosts": [
            {
                "name": host.name,
                "machine": host.machine,
                "runs": list(host.runs),
                "public": host.public,
                "count": host.count,
            }
            for host in shape.hosts
        ],
        "managed": list(shape.managed),
        "place": {"operator": place.operator, "country": place.country, "trust": place.trust.value} if place else None,
        "capacity": dataclasses.asdict(capacity) if capacity else None,
        "upfront_usd": shape.upfront_usd,
    }


def _line(line: BillLine) -> Json:
    return {
        "component": line.component,
        "sku": line.sku,
        "meter": line.meter,
        "quantity": float(line.quantity),
        "unit": line.unit,
        "rate_usd": float(line.rate_usd),
        "amount_usd": float(line.amount_usd),
        "source": line.source,
        "as_of": line.as_of.isoformat(),
        "region": line.region,
        "group": line.group.value,
        "basis": line.basis.value,
        "confidence": line.confidence,
        "free_quantity": float(line.free),
        "withdrawn_on": line.withdrawn_on.isoformat() if line.withdrawn_on else None,
    }


def _candidate(candidate: Candidate, words: Words) -> Json:
    described = option_data(candidate.priced, words)
    monthly = candidate.monthly_usd
    described |= {
        "monthly_usd": {"low": monthly.low, "mid": monthly.mid, "high": _clean(monthly.high)},
        "interval_80_usd": list(candidate.interval_80),
        "p50_s": candidate.p50_s,
        "p95_s": candidate.p95_s,
        "p99_s": candidate.p99_s,
        "cold_share": candidate.cold_share,
        "delayed_share": candidate.delayed_share,
        "utilisation_frac": candidate.utilisation_frac,
        "endings": dataclasses.asdict(candidate.endings) if candidate.endings else None,
        "study": study_data(candidate.study),
        "as_poisson": dataclasses.asdict(candidate.as_poisson) if candidate.as_poisson else None,
        "first_share": candidate.first_share,
        "regret_usd": _clean(candidate.regret_usd),
        "levels": dataclasses.asdict(candidate.levels),
        "at_risk": [speak(words, note) for note in candidate.at_risk],
        "at_risk_messages": [_coded(note) for note in candidate.at_risk],
        "notes": [speak(words, note) for note in candidate.priced.shape.notes],
        "notes_messages": [_coded(note) for note in candidate.priced.shape.notes],
    }
    return described


def _rejection(rejection: Rejection, words: Words) -> Json:
    return {
        "option": rejection.option,
        "constraint": rejection.constraint,
        "found": rejection.found,
        "allowed": rejection.allowed,
        "reason": speak(words, rejection.reason),
        "reason_message": _coded(rejection.reason),
        "way_out": speak(words, rejection.way_out) if rejection.way_out else None,
        "way_out_message": _coded(rejection.way_out) if rejection.way_out else None,
        "monthly_usd": _clean(rejection.monthly_usd),
    }


def _crossover(crossover: Crossover) -> Json:
    return {
        "driver": crossover.driver,
        "between": list(crossover.between),
        "value": _clean(crossover.value),
        "low": _clean(crossover.low),
        "high": _clean(crossover.high),
        "binds": crossover.binds,
        "method": crossover.method,
        "requests_per_month": _clean(crossover.requests_per_month),
    }


def _pair(pair: Pair) -> Json:
    return {
        "platform": pair.platform,
        "inference": pair.inference or None,
        "monthly_usd": float(pair.monthly_usd),
        "with_vat_usd": float(pair.with_vat_usd),
        "within_budget": pair.within_budget,
    }


def _measure(measure: Measure, words: Words) -> Json:
    return {
        "input": measure.path,
        "reason": speak(words, measure.reason),
        "reason_message": _coded(measure.reason),
        "command": measure.command,
        "swing_usd": measure.swing_usd,
        "changes_choice": measure.changes_choice,
        "value_usd": measure.value_usd,
        "variance_share": measure.variance_share,
    }


def _document(decision: Decision, words: Words) -> Json | None:
    document = decision.service.document
    if document is None:
        return None
    return {"title": document.title, "findings": [_finding(finding, words) for finding in decision.findings]}


def _finding(finding: Finding, words: Words) -> Json:
    return {
        "section": finding.section,
        "says": finding.says,
        "theirs": finding.theirs,
        "ours": finding.ours,
        "agrees": finding.agrees,
        "causes": [_said(cause, words) for cause in finding.causes],
    }


def _surface(surface: Surface | None) -> Json | None:
    if surface is None:
        return None
    return {
        "between": list(surface.between),
        "driver": surface.driver,
        "cold_start_s": list(surface.cold_start_s),
        "always_cold": [_clean(value) for value in surface.always_cold],
        "predicted": [_clean(value) for value in surface.predicted],
        "today": {"cold_start_s": surface.today[0], "daily_active": surface.today[1]},
    }


def _inputs(decision: Decision) -> list[Json]:
    ranges = {driver.path: driver for driver in decision.service.drivers}
    found = []
    for given in decision.service.inputs:
        driver = ranges.get(given.path)
        spread = {"low": driver.low, "high": driver.high} if driver else {"low": None, "high": None}
        found.append({"path": given.path, "value": given.value, **spread, "source": given.source.value})
    return found


def _prices(decision: Decision) -> list[Json]:
    """Every rate a bill of this decision used, once, in order of sku."""
    bills: list[Bill] = [option.bill for option in decision.as_written]
    for answer in decision.answers:
        bills += [candidate.priced.bill for candidate in answer.candidates]
        bills += [option.bill for option in answer.rejected_priced.values()]
    rows = {(line.sku, line.region, line.rate_usd): line for bill in bills for line in bill.lines}
    return [
        {
            "sku": line.sku,
            "region": line.region,
            "unit": line.unit,
            "rate_usd": float(line.rate_usd),
            "as_of": line.as_of.isoformat(),
            "confidence": line.confidence,
            "source": line.source,
            "withdrawn_on": line.withdrawn_on.isoformat() if line.withdrawn_on else None,
        }
        for _, line in sorted(rows.items(), key=lambda row: (row[0][0], row[0][1], row[0][2]))
    ]


def _said(note: Message, words: Words) -> Json:
    return {"code": note.code, "text": speak(words, note), "values": dict(note.values)}


def _coded(note: Message) -> Json:
    """What stands beside a plain sentence, so that a renderer can say it in another language."""
    return {"code": note.code, "values": dict(note.values)}


def _clean(value: float | None) -> float | None:
    """JSON has no infinity: what never happens is null."""
    return None if value is None or math.isinf(value) else value


def _plain(value: object) -> Json:
    """A dataclass as JSON, Decimals and dates made plain."""
    fields: Iterable[tuple[str, Any]] = dataclasses.asdict(value).items()  # type: ignore[call-overload]
    return {name: _plain_value(item) for name, item in fields}


def _plain_value(item: Any) -> Any:
    if hasattr(item, "isoformat"):
        return item.isoformat()
    return float(item) if item.__class__.__name__ == "Decimal" else item


def question_of(data: Mapping[str, Any], question: Question) -> Mapping[str, Any] | None:
    """One question of a record."""
    found: Mapping[str, Any] | None = data["questions"].get(question.value)
    return found
