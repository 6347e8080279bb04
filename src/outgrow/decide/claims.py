"""Tests the sentences of a record that can be tested."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.decide.levels import levels
from outgrow.domain.errors import SpecError
from outgrow.domain.option import Question
from outgrow.domain.pool import P95
from outgrow.domain.suggest import did_you_mean
from outgrow.domain.verdict import ClaimResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outgrow.domain.document import ClaimSpec
    from outgrow.domain.verdict import Answer, Candidate, Pair, Priced

METRICS: Mapping[str, Callable[[Candidate], float | None]] = {
    "monthly_usd": lambda candidate: candidate.monthly_usd.mid,
    "monthly_usd_high": lambda candidate: candidate.monthly_usd.high,
    "p50_s": lambda candidate: candidate.p50_s,
    "p95_s": lambda candidate: candidate.p95_s,
    "cold_share": lambda candidate: candidate.cold_share,
    "regret_usd": lambda candidate: candidate.regret_usd,
    "first_share": lambda candidate: candidate.first_share,
    "management_points": lambda candidate: float(candidate.levels.management_points),
}
"""What a claim can measure of a candidate."""

WRITTEN_METRICS: Mapping[str, Callable[[Priced], float | None]] = {
    "monthly_usd": lambda option: option.monthly_usd,
    "p50_s": lambda option: _response(option, 0.5),
    "p95_s": lambda option: _response(option, P95),
    "cold_share": lambda option: option.shape.outcome.cold_share if option.shape.outcome else None,
    "management_points": lambda option: float(levels(option.shape).management_points),
}
"""What a claim can measure of an option as written: nothing that only ranking gives."""

PAIR_METRICS: Mapping[str, Callable[[Pair], float]] = {
    "pair_monthly_usd": lambda pair: float(pair.monthly_usd),
    "pair_with_vat_usd": lambda pair: float(pair.with_vat_usd),
}
"""What a claim can measure of the chosen platform and inference together."""

CROSSOVER_METRIC = "crossover_users"


def _response(option: Priced, share: float) -> float | None:
    outcome = option.shape.outcome
    seconds = outcome.response.quantile(share) if outcome else math.inf
    return None if math.isinf(seconds) else seconds


def checked(
    claims: Sequence[ClaimSpec],
    answers: Sequence[Answer],
    pairs: Sequence[Pair],
    as_written: Mapping[str, Priced],
) -> tuple[ClaimResult, ...]:
    """Each claim with what it expects and what was found; a claim about something that does not exist fails."""
    return tuple(_test(claim, answers, pairs, as_written) for claim in claims)


def _test(
    claim: ClaimSpec, answers: Sequence[Answer], pairs: Sequence[Pair], as_written: Mapping[str, Priced]
) -> ClaimResult:
    if claim.chosen is not None:
        return _chosen(claim, claim.chosen, answers)
    if claim.rejected is not None:
        return _rejected(claim, claim.rejected, answers)
    if claim.cheaper is not None:
        return _cheaper(claim, claim.cheaper, answers, as_written)
    return _measured(claim, answers, pairs, as_written)


def _result(claim: ClaimSpec, *, holds: bool, expected: str, found: str) -> ClaimResult:
    return ClaimResult(id=claim.id, says=claim.says, holds=holds, expected=expected, found=found)


def _asked(claim: ClaimSpec, answers: Sequence[Answer]) -> list[Answer]:
    if claim.question is None:
        return list(answers)
    return [answer for answer in answers if answer.question is Question(claim.question)]


def _chosen(claim: ClaimSpec, option: str, answers: Sequence[Answer]) -> ClaimResult:
    chosen = [answer.chosen for answer in _asked(claim, answers)]
    found = ", ".join(name or "none" for name in chosen) or "none"
    return _result(claim, holds=option in chosen, expected=f"chosen: {option}", found=f"chosen: {found}")


def _rejected(claim: ClaimSpec, option: str, answers: Sequence[Answer]) -> ClaimResult:
    reasons = [
        rejection.constraint
        for answer in _asked(claim, answers)
        for rejection in answer.rejections
        if rejection.option == option
    ]
    found = f"rejected: {', '.join(reasons)}" if reasons else "not rejected"
    return _result(claim, holds=bool(reasons), expected=f"rejected: {option}", found=found)


def _cost(option: str, variant: str, answers: Sequence[Answer], as_written: Mapping[str, Priced]) -> float | None:
    if variant == "as-written":
        return as_written[option].monthly_usd if option in as_written else None
    for answer in answers:
        for candidate in answer.candidates:
            if candidate.priced.shape.option == option:
                return candidate.monthly_usd.mid
        if option in answer.rejected_priced:
            return answer.rejected_priced[option].monthly_usd
    return None


def _cheaper(
    claim: ClaimSpec, pair: tuple[str, str], answers: Sequence[Answer], as_written: Mapping[str, Priced]
) -> ClaimResult:
    costs = [_cost(option, claim.variant, answers, as_written) for option in pair]
    found = ", ".join(
        f"{option} {'has no bill' if cost is None else f'${cost:,.2f}'}"
        for option, cost in zip(pair, costs, strict=True)
    )
    holds = costs[0] is not None and costs[1] is not None and costs[0] < costs[1]
    return _result(claim, holds=holds, expected=f"{pair[0]} costs less than {pair[1]}", found=found)


def _measured(
    claim: ClaimSpec, answers: Sequence[Answer], pairs: Sequence[Pair], as_written: Mapping[str, Priced]
) -> ClaimResult:
    metric = claim.metric or ""
    value = _value(claim, metric, answers, pairs, as_written)
    expected = " and ".join(
        part
        for part in (
            f"{metric} at least {claim.at_least:g}" if claim.at_least is not None else "",
            f"{metric} at most {claim.at_most:g}" if claim.at_most is not None else "",
        )
        if part
    )
    if value is None:
        return _result(claim, holds=False, expected=expected, found=f"{metric}: nothing to measure")
    holds = (claim.at_most is None or value <= claim.at_most) and (claim.at_least is None or value >= claim.at_least)
    return _result(claim, holds=holds, expected=expected, found=f"{metric} {value:,.4g}")


def _value(
    claim: ClaimSpec,
    metric: str,
    answers: Sequence[Answer],
    pairs: Sequence[Pair],
    as_written: Mapping[str, Priced],
) -> float | None:
    if metric in PAIR_METRICS:
        if claim.option is not None:
            raise SpecError(f"claims.{claim.id}.option: {metric} is of the chosen pair; found {claim.option!r}")
        return PAIR_METRICS[metric](pairs[0]) if pairs else None
    if metric == CROSSOVER_METRIC:
        found = [
            crossover.value
            for answer in _asked(claim, answers)
            for crossover in answer.crossovers
            if crossover.driver == "users.daily_active" and claim.option in (None, *crossover.between)
        ]
        return min(found, default=None)
    if metric not in METRICS:
        known = [*METRICS, *PAIR_METRICS, CROSSOVER_METRIC]
        raise SpecError(
            f"claims.{claim.id}.metric: unknown metric {metric!r}{did_you_mean(metric, known)}",
            hint=f"metrics: {', '.join(known)}",
        )
    if claim.variant == "as-written":
        written = as_written.get(claim.option or "")
        return WRITTEN_METRICS[metric](written) if written and metric in WRITTEN_METRICS else None
    if metric == "monthly_usd" and claim.option:
        return _cost(claim.option, claim.variant, answers, as_written)
    for answer in _asked(claim, answers):
        for candidate in answer.candidates:
            if candidate.priced.shape.option == (claim.option or answer.chosen):
                return METRICS[metric](candidate)
    return None
