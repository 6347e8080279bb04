"""What a reader must know before the ranking: unlike sizes, borrowed prices, third parties, old or guessed figures."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.catalog.places import country
from outgrow.domain.message import message
from outgrow.domain.option import Question, Support
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Source, Trust

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from outgrow.domain.bill import BillLine
    from outgrow.domain.message import Message
    from outgrow.domain.verdict import Answer, Finding, Pair, Priced
    from outgrow.domain.workload import Service

FLAG_AGE_DAYS = 90
"""Prices nobody confirmed for longer than this are flagged in every record."""

UNLIKE_RATIO = 1.25
"""Sizes further apart than this in vCPU, memory or disk are not one load."""


def over_budget(pairs: Sequence[Pair], service: Service) -> Iterator[Message]:
    """Each answer may fit the budget and both together not."""
    if pairs and not pairs[0].within_budget:
        budget = service.budget_usd_per_month or 0.0
        cheapest = min(float(pair.with_vat_usd) for pair in pairs)
        yield message(
            "warn.over-budget",
            total_usd=round(float(pairs[0].with_vat_usd), 2),
            budget_usd=budget,
            cheapest_usd=round(cheapest, 2),
        )


def warnings(
    service: Service,
    on: date,
    as_written: Mapping[str, Priced],
    sized: Mapping[str, Priced],
    answers: Sequence[Answer],
    findings: Sequence[Finding],
) -> tuple[Message, ...]:
    """All warnings, the ones about comparability first."""
    found = [
        *_unlike_sizes(service, as_written),
        *_cheapest_at_same_load(service, sized),
        *_too_small_gpu(service, as_written),
        *_document(findings),
        *_third_parties(service, answers),
        *_limits(service, answers),
        *_notes(answers),
        *_holes(answers),
        *_withdrawn(on, answers),
        *_weights_disagree(answers),
        *_often_broken(answers),
        *_no_single_break_even(service),
        *_old(on, answers),
        *_guesses(service),
    ]
    return tuple(dict.fromkeys(found))


def _unlike_sizes(service: Service, as_written: Mapping[str, Priced]) -> Iterator[Message]:
    """Platform options as written that do not have the same size."""
    known = [
        option
        for name, option in as_written.items()
        if name in service.pins and option.shape.capacity is not None and option.shape.capacity.vcpu > 0
        if option.shape.question is Question.PLATFORM
    ]
    for index, first in enumerate(known):
        for second in known[index + 1 :]:
            if _unlike(first, second):
                yield message(
                    "warn.unlike", first=first.shape.option, second=second.shape.option, **_sizes(first, second)
                )


def _unlike(first: Priced, second: Priced) -> bool:
    a, b = first.shape.capacity, second.shape.capacity
    assert a is not None
    assert b is not None
    pairs = ((a.vcpu, b.vcpu), (a.memory_gib, b.memory_gib), (a.storage_gb, b.storage_gb))
    return any(max(x, y) > UNLIKE_RATIO * min(x, y) for x, y in pairs)


def _sizes(first: Priced, second: Priced) -> dict[str, str]:
    texts = []
    for option in (first, second):
        capacity = option.shape.capacity
        assert capacity is not None
        texts.append(f"{capacity.vcpu:g} vCPU, {capacity.memory_gib:g} GiB, {capacity.storage_gb:g} GB")
    return {"first_size": texts[0], "second_size": texts[1]}


def _cheapest_at_same_load(service: Service, sized: Mapping[str, Priced]) -> Iterator[Message]:
    """The pinned platform options once both are sized to the same load."""
    pinned = [name for name in service.pins if name in sized and _whole_platform(sized[name])]
    ordered = sorted(pinned, key=lambda name: sized[name].monthly_usd)
    for cheaper, dearer in pairwise(ordered):
        yield message(
            "warn.same-load",
            cheaper=cheaper,
            dearer=dearer,
            cheaper_usd=round(sized[cheaper].monthly_usd, 2),
            dearer_usd=round(sized[dearer].monthly_usd, 2),
        )


def _whole_platform(option: Priced) -> bool:
    """A platform option whose bill has no hole worth money."""
    return option.shape.question is Question.PLATFORM and not any(line.material for line in option.bill.unpriced)


def _too_small_gpu(service: Service, as_written: Mapping[str, Priced]) -> Iterator[Message]:
    """A GPU a document pins that cannot hold the model."""
    for name, option in as_written.items():
        capacity = option.shape.capacity
        if name not in service.pins or capacity is None or not capacity.gpu_memory_gib:
            continue
        for task in service.inference:
            if capacity.gpu_memory_gib < task.gpu_memory_gib:
                machine = str(option.shape.settings.get("machine", option.shape.settings.get("gpu", "")))
                yield message(
                    "warn.written-gpu",
                    option=name,
                    machine=machine,
                    has_gib=capacity.gpu_memory_gib,
                    task=task.name,
                    needs_gib=task.gpu_memory_gib,
                )


def _weights_disagree(answers: Sequence[Answer]) -> Iterator[Message]:
    """The least regretted option in money is not the one the weights of the spec put first."""
    for answer in answers:
        if not answer.candidates:
            continue
        first = max(answer.candidates, key=lambda candidate: candidate.first_share)
        if first.priced.shape.option != answer.chosen and first.first_share > 0.5:
            yield message(
                "warn.weights",
                question=answer.question.value,
                chosen=answer.chosen or "",
                option=first.priced.shape.option,
                percent=round(first.first_share * 100),
            )


KEPT_SHARE = 0.9
"""A chosen option that keeps every constraint in fewer months than this is chosen with a warning."""


def _often_broken(answers: Sequence[Answer]) -> Iterator[Message]:
    """The chosen option meets what is to be expected, but not what many a month brings."""
    for answer in answers:
        for candidate in answer.candidates[:1]:
            study = candidate.study
            if study.kept_share < KEPT_SHARE and study.broke:
                constraint, share = study.broke[0]
                yield message(
                    "warn.often-broken",
                    option=candidate.priced.shape.option,
                    percent=round(study.kept_share * 100),
                    months=study.months,
                    constraint=constraint,
                    broke_percent=round(share * 100),
                )


def _no_single_break_even(service: Service) -> Iterator[Message]:
    if len(service.inference) > 1:
        yield message("warn.several-tasks", count=len(service.inference))


def _document(findings: Sequence[Finding]) -> Iterator[Message]:
    """What the audit found more than once, in one sentence each."""
    causes = [cause for finding in findings if not finding.agrees for cause in finding.causes]
    for code in ("audit.region", "audit.no-ipv4", "audit.sibling"):
        same = [cause for cause in causes if cause.code == code]
        if same:
            yield message(f"warn.{code.removeprefix('audit.')}", **{**dict(same[0].values), "count": len(same)})


def _third_parties(service: Service, answers: Sequence[Answer]) -> Iterator[Message]:
    """Sensitive payloads that a candidate sends to somebody else, and where they go."""
    home = country(service.region)
    if not any(task.data_class is DataClass.SENSITIVE for task in service.inference):
        return
    for answer in answers:
        for candidate in answer.candidates:
            place = candidate.priced.shape.place
            if answer.question is Question.PLATFORM or place is None:
                continue
            if place.trust.distance >= Trust.RENTED_INFRASTRUCTURE.distance:
                yield message(
                    "warn.third-party" if place.country != home else "warn.third-party-home",
                    option=candidate.priced.shape.option,
                    operator=place.operator,
                    country=place.country or "?",
                    home=home or "?",
                )


def _limits(service: Service, answers: Sequence[Answer]) -> Iterator[Message]:
    """Needs that a candidate meets in part."""
    for answer in answers:
        for candidate in answer.candidates:
            for need in sorted(service.needs):
                capability = candidate.priced.shape.capabilities.get(need)
                if capability and capability.support is Support.LIMITED and capability.limit:
                    yield capability.limit


def _notes(answers: Sequence[Answer]) -> Iterator[Message]:
    """What candidates and ranked-out options say of themselves."""
    for answer in answers:
        for candidate in answer.candidates:
            yield from candidate.priced.shape.notes
        for option in answer.rejected_priced.values():
            yield from (note for note in option.shape.notes if note.code == "note.cheaper-stale")


def _lines(answers: Sequence[Answer]) -> Iterator[tuple[str, BillLine]]:
    for answer in answers:
        for candidate in answer.candidates:
            for line in candidate.priced.bill.lines:
                yield candidate.priced.shape.option, line


def _holes(answers: Sequence[Answer]) -> Iterator[Message]:
    for answer in answers:
        for candidate in answer.candidates:
            for line in candidate.priced.bill.unpriced:
                yield message("warn.unpriced", option=candidate.priced.shape.option, component=line.component)


def _withdrawn(on: date, answers: Sequence[Answer]) -> Iterator[Message]:
    for option, line in _lines(answers):
        if line.withdrawn_on is not None and line.withdrawn_on <= on:
            yield message("warn.withdrawn", option=option, sku=line.sku, on=str(line.withdrawn_on))


def _old(on: date, answers: Sequence[Answer]) -> Iterator[Message]:
    """Flagged once for all options: how many skus, and the oldest."""
    old = {line.sku: line.as_of for _, line in _lines(answers) if (on - line.as_of).days > FLAG_AGE_DAYS}
    if old:
        oldest = min(old, key=lambda sku: (old[sku], sku))
        yield message("warn.old-prices", count=len(old), days=FLAG_AGE_DAYS, sku=oldest, as_of=str(old[oldest]))


def _guesses(service: Service) -> Iterator[Message]:
    guessed = [given.path for given in service.inputs if given.source is Source.GUESSED]
    if guessed:
        yield message("warn.guesses", count=len(guessed), paths=", ".join(guessed[:6]))
