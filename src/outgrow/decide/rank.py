"""Ranks the options that met the constraints: by the most they can be regretted, and by how often they come first."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.decide.constraints import violations
from outgrow.decide.evaluate import sized
from outgrow.decide.levels import levels
from outgrow.decide.months import HIGH, LOW, play_months, row_of, study_of
from outgrow.decide.sample import quantile
from outgrow.decide.span import span
from outgrow.domain.arrivals import POISSON
from outgrow.domain.drivers import at_high, with_values
from outgrow.domain.message import message
from outgrow.domain.option import Question, Rejection
from outgrow.domain.pool import P95
from outgrow.domain.verdict import Beside, Candidate, Interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.decide.months import Month
    from outgrow.decide.size import Sized
    from outgrow.domain.message import Message
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Criteria, Service

CLOSE_FRAC = 0.1
"""Bills further apart than this are not a matter of taste: the tie-breaker must not cost more. A tenth is about what
the days of a month alone do to a bill."""

CLEAR_SHARE = 0.8
"""Below this share of common draws in which the winner is the cheaper of the top two, they are called indifferent: the
share that intervals hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Candidates best first, and the months of each by its id.

    ``indifferent`` names the top options that cannot be told apart, ``tie_breaker`` what decided between them.
    """

    candidates: tuple[Candidate, ...]
    indifferent: tuple[str, ...] = ()
    tie_breaker: Message | None = None
    months: Mapping[str, tuple[Month, ...]] = field(default_factory=dict)


def _place(candidate: Candidate, criteria: Criteria) -> tuple[float, float]:
    """What candidates are ordered by: regret in money, or first share where the spec gives money no weight."""
    if criteria.monthly_usd == 0:
        return -candidate.first_share, candidate.regret_usd
    return candidate.regret_usd, candidate.monthly_usd.mid


@dataclass(frozen=True, slots=True, kw_only=True)
class _Future:
    """One option in every month, and its cost over the corners of the spec's ranges."""

    sized: Sized
    priced: Priced
    months: tuple[Month, ...]
    interval: Interval

    @property
    def costs(self) -> list[float]:
        """Its bill in every month."""
        return [month.usd for month in self.months]


def rank(
    options: Sequence[Sized],
    service: Service,
    market: Market,
    draws: Sequence[dict[str, float]],
    weights: Sequence[tuple[float, ...]],
) -> Ranking:
    """Minimax regret in money first; how often an option comes first over months and weights beside it.

    Every option is played through the same months, one for each draw of the uncertain inputs, with the settings chosen
    for the middle values. Regret is the most an option costs above the cheapest candidate in any month (Savage 1951).
    """
    able = [option for option in options if option.priced is not None]
    if not able:
        return Ranking(candidates=())
    futures = _futures(able, service, market, draws)
    cheapest = [min(column) for column in zip(*(future.costs for future in futures), strict=True)]
    shares = _first_shares(futures, weights)
    candidates = [
        _candidate(future, cheapest, share, service, market) for future, share in zip(futures, shares, strict=True)
    ]
    order = sorted(range(len(futures)), key=lambda i: _place(candidates[i], service.criteria))
    tie = (
        None if service.criteria.monthly_usd == 0 else _tie([futures[i] for i in order], [candidates[i] for i in order])
    )
    if tie is not None and tie[0] == 1:
        order[0], order[1] = order[1], order[0]
    ranked = tuple(candidates[i] for i in order)
    months = {futures[i].priced.shape.option: futures[i].months for i in order}
    if tie is None:
        return Ranking(candidates=ranked, months=months)
    top = tuple(candidate.priced.shape.option for candidate in ranked[:2])
    return Ranking(candidates=ranked, indifferent=top, tie_breaker=tie[1], months=months)


def _futures(
    options: Sequence[Sized], service: Service, market: Market, draws: Sequence[dict[str, float]]
) -> list[_Future]:
    played = play_months([(option.recipe, option.knobs) for option in options], service, market, draws)
    roughly = market.roughly()
    futures = []
    for option, months in zip(options, played, strict=True):
        assert option.priced is not None
        spanned = _spanned(option, service, roughly)
        costs = [month.usd for month in months]
        mid = option.priced.monthly_usd
        interval = Interval(low=min(spanned.low, mid, *costs), mid=mid, high=max(spanned.high, mid, *costs))
        futures.append(_Future(sized=option, priced=option.priced, months=months, interval=interval))
    return futures


def _spanned(option: Sized, service: Service, market: Market) -> Interval:
    """The bill over the corners of the spec's ranges, with the settings of the middle."""

    def cost(workload: Service) -> float:
        built = sized(option.recipe, workload, market, option.knobs)
        return math.inf if isinstance(built, Rejection) else built.monthly_usd

    return span(service, cost)


def _candidate(
    future: _Future, cheapest: Sequence[float], first_share: float, service: Service, market: Market
) -> Candidate:
    outcome = future.priced.shape.outcome
    finite = [cost for cost in future.costs if math.isfinite(cost)] or [future.priced.monthly_usd]
    return Candidate(
        priced=future.priced,
        monthly_usd=future.interval,
        interval_80=(quantile(finite, LOW), quantile(finite, HIGH)),
        p50_s=_finite(outcome.response.quantile(0.5)) if outcome else None,
        p95_s=_finite(outcome.response.quantile(P95)) if outcome else None,
        p99_s=_finite(outcome.response.quantile(0.99)) if outcome else None,
        cold_share=outcome.cold_share if outcome else None,
        delayed_share=outcome.delayed_share if outcome else None,
        utilisation_frac=outcome.utilisation_frac if outcome else None,
        endings=outcome.endings if outcome else None,
        study=study_of([row_of(month) for month in future.months]),
        first_share=first_share,
        regret_usd=_regret(future.costs, cheapest),
        levels=levels(future.priced.shape),
        as_poisson=_as_poisson(future, service, market),
        at_risk=_at_risk(future, service, market.roughly()),
    )


def _as_poisson(future: _Future, service: Service, market: Market) -> Beside | None:
    """The option with the same settings if arrivals were Poisson: what the usual assumption would have said."""
    if future.priced.shape.question is not Question.INFERENCE:
        return None
    if all(task.arrivals == POISSON for task in service.inference):
        return None
    tasks = tuple(dataclasses.replace(task, arrivals=POISSON) for task in service.inference)
    plain = dataclasses.replace(service, inference=tasks)
    built = sized(future.sized.recipe, plain, market, future.sized.knobs)
    if isinstance(built, Rejection) or built.shape.outcome is None:
        return None
    response = built.shape.outcome.response
    return Beside(
        monthly_usd=built.monthly_usd,
        p50_s=_finite(response.quantile(0.5)),
        p95_s=_finite(response.quantile(P95)),
        p99_s=_finite(response.quantile(0.99)),
        cold_share=built.shape.outcome.cold_share,
        settings=built.shape.settings,
    )


def _regret(costs: Sequence[float], cheapest: Sequence[float]) -> float:
    """The most these costs lie above the cheapest; a draw that no candidate can carry says nothing."""
    carried = [cost - best for cost, best in zip(costs, cheapest, strict=True) if math.isfinite(best)]
    return max(carried, default=0.0)


def _finite(seconds: float) -> float | None:
    return None if math.isinf(seconds) else seconds


def _at_risk(future: _Future, service: Service, market: Market) -> tuple[Message, ...]:
    """Constraints that break when every uncertain input is at its high end."""
    if not service.drivers:
        return ()
    high = with_values(service, at_high(service))
    built = sized(future.sized.recipe, high, market, future.sized.knobs)
    if isinstance(built, Rejection):
        return (message("risk.at-high", constraint=built.constraint, found=built.found, allowed=built.allowed),)
    return tuple(
        message("risk.at-high", constraint=broken.constraint, found=broken.found, allowed=broken.allowed)
        for broken in violations(built, high, market.on, market.max_age_days)
    )


def _first_shares(futures: Sequence[_Future], weights: Sequence[tuple[float, ...]]) -> list[float]:
    """How often each option has the best weighted score, each criterion scaled by its range within the month.

    An option that breaks a constraint in a month does not come first in it, unless all do. Criteria: monthly cost and
    p95 response of the month, management points; less is better.
    Source: SMAA, Lahdelma and Salminen 2001.
    """
    points = [float(levels(future.priced.shape).management_points) for future in futures]
    costs = list(zip(*(future.costs for future in futures), strict=True))
    speeds = list(zip(*([month.p95_s for month in future.months] for future in futures), strict=True))
    wins = [0] * len(futures)
    for index, weight in enumerate(weights):
        month = index % len(costs)
        scores = [0.0] * len(futures)
        for part, values in zip(weight, (costs[month], speeds[month], points), strict=True):
            for place, value in enumerate(_scaled(values)):
                scores[place] += part * value
        keeps = [not future.months[month].broke for future in futures]
        able = [place for place, kept in enumerate(keeps) if kept or not any(keeps)]
        wins[min(able, key=scores.__getitem__)] += 1
    return [win / len(weights) for win in wins] if weights else [0.0] * len(futures)


def _scaled(values: Sequence[float]) -> list[float]:
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=0.0)
    width = high - low
    return [(1.0 if math.isinf(value) else (value - low) / width) if width else 0.0 for value in values]


def _tie(futures: Sequence[_Future], candidates: Sequence[Candidate]) -> tuple[int, Message] | None:
    """Can the top two not be told apart?

    So when their middle bills are within `CLOSE_FRAC` and neither is the cheaper in `CLEAR_SHARE` of the common draws.

    Fewer management points break the tie, then the higher first share. Returns who wins (0 or 1) and why.
    """
    if len(futures) < 2:
        return None
    first, second = futures[0].costs, futures[1].costs
    mids = [future.priced.monthly_usd for future in futures[:2]]
    if abs(mids[0] - mids[1]) > CLOSE_FRAC * max(mids):
        return None
    pairs = list(zip(first, second, strict=True))
    clear = CLEAR_SHARE * len(pairs)
    if sum(a < b for a, b in pairs) >= clear or sum(b < a for a, b in pairs) >= clear:
        return None
    points = [candidate.levels.management_points for candidate in candidates[:2]]
    if points[0] != points[1]:
        winner = points.index(min(points))
        return winner, message("tie.management-points", fewer=min(points), more=max(points))
    winner = 0 if candidates[0].first_share >= candidates[1].first_share else 1
    return winner, message("tie.first-share", percent=round(candidates[winner].first_share * 100))
