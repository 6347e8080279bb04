"""Plays options through the same drawn months: each with inputs drawn from the spec's ranges, and days of its own."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.decide.constraints import violations
from outgrow.decide.evaluate import sized
from outgrow.decide.sample import quantile
from outgrow.domain.drivers import with_values
from outgrow.domain.option import Rejection
from outgrow.domain.pool import P95, Endings
from outgrow.domain.verdict import Spread, Study

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.pool import Outcome
    from outgrow.domain.workload import Service

LOW, HIGH = 0.1, 0.9
"""An 80 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """One option in one month: its bill (infinite where it cannot be built), what happened, which constraints broke."""

    usd: float
    outcome: Outcome | None
    broke: tuple[str, ...]

    @property
    def p95_s(self) -> float:
        """Response time of 95 of 100 requests; 0 where nothing is served."""
        return self.outcome.response.quantile(P95) if self.outcome else 0.0


def play_month(
    recipe: Recipe,
    knobs: Mapping[str, str | int | float],
    workload: Service,
    market: Market,
    number: int,
) -> Month:
    """Month ``number`` of an option with these settings: same number, same arrivals and days for every option."""
    built = sized(recipe, workload, market.in_month(number), knobs)
    if isinstance(built, Rejection):
        return Month(usd=math.inf, outcome=None, broke=(built.constraint,))
    broke = violations(built, workload, market.on, None)
    return Month(
        usd=built.monthly_usd,
        outcome=built.shape.outcome,
        broke=tuple(rejection.constraint for rejection in broke),
    )


def play_months(
    options: Sequence[tuple[Recipe, Mapping[str, str | int | float]]],
    service: Service,
    market: Market,
    draws: Sequence[Mapping[str, float]],
) -> list[tuple[Month, ...]]:
    """For each option its month under each draw; the numbers of the months count the draws."""

    def one(number: int) -> list[Month]:
        workload = with_values(service, draws[number])
        return [play_month(recipe, knobs, workload, market, number) for recipe, knobs in options]

    by_month = market.each(one, range(len(draws)))
    return [tuple(played) for played in zip(*by_month, strict=True)]


def study_of(months: Sequence[Month]) -> Study:
    """Median and 80 % interval of what the months brought."""
    seen = [month.outcome for month in months if month.outcome is not None]
    return Study(
        months=len(months),
        bill_usd=_spread([month.usd for month in months]) or Spread(low=math.inf, median=math.inf, high=math.inf),
        p50_s=_spread([outcome.response.quantile(0.5) for outcome in seen]),
        p95_s=_spread([outcome.response.quantile(P95) for outcome in seen]),
        p99_s=_spread([outcome.response.quantile(0.99) for outcome in seen]),
        cold_share=_spread([outcome.cold_share for outcome in seen]),
        delayed_share=_spread([outcome.delayed_share for outcome in seen]),
        utilisation_frac=_spread([outcome.utilisation_frac for outcome in seen]),
        endings=_endings(seen),
        kept_share=sum(not month.broke for month in months) / len(months) if months else 1.0,
        broke=_broken(months),
    )


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    return Spread(low=quantile(values, LOW), median=quantile(values, 0.5), high=quantile(values, HIGH))


def _endings(seen: Sequence[Outcome]) -> Endings | None:
    """Shares over all requests of all months."""
    total = sum(outcome.requests for outcome in seen)
    if total == 0:
        return None

    def share(value: Callable[[Endings], float]) -> float:
        return sum(outcome.requests * value(outcome.endings) for outcome in seen) / total

    return Endings(
        completed=share(lambda endings: endings.completed),
        rejected=share(lambda endings: endings.rejected),
        timed_out=share(lambda endings: endings.timed_out),
        abandoned=share(lambda endings: endings.abandoned),
        failed=share(lambda endings: endings.failed),
    )


def _broken(months: Sequence[Month]) -> tuple[tuple[str, float], ...]:
    """Which constraints broke in what share of the months, the most frequent first."""
    names = sorted({name for month in months for name in month.broke})
    shares = [(name, sum(name in month.broke for month in months) / len(months)) for name in names]
    return tuple(sorted(shares, key=lambda entry: -entry[1]))
