"""Plays options through the same drawn months: each with inputs drawn from the spec's ranges, and days of its own."""

from __future__ import annotations

import dataclasses
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
        """Response time of 95 of 100 requests; 0 where nobody asked or nothing is served."""
        return self.outcome.response.quantile(P95) if self.outcome else 0.0


def play_month(
    recipe: Recipe,
    knobs: Mapping[str, str | int | float],
    workload: Service,
    market: Market,
    number: int,
) -> Month:
    """Month ``number`` of an option with these settings: same number, same arrivals and days for every option.

    What the settings leave open (how many servers) is sized for the inputs of the month, not for what it then brings.
    """
    built = sized(recipe, workload, market.roughly().in_month(number), knobs)
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


@dataclass(frozen=True, slots=True)
class Row:
    """One month in plain numbers, small enough to keep thousands and to send them about.

    Infinite: never. ``None``: nobody asked, or nothing is served. ``endings`` in the order of `Endings`.
    """

    usd: float
    broke: tuple[str, ...]
    requests: float = 0.0
    p50_s: float | None = None
    p95_s: float | None = None
    p99_s: float | None = None
    cold_share: float | None = None
    delayed_share: float | None = None
    utilisation_frac: float | None = None
    attempts: float = 1.0
    endings: tuple[float, ...] = ()


def row_of(month: Month) -> Row:
    """The numbers of a month."""
    outcome = month.outcome
    if outcome is None or not outcome.requests:
        return Row(usd=month.usd, broke=month.broke)
    return Row(
        usd=month.usd,
        broke=month.broke,
        requests=outcome.requests,
        p50_s=outcome.response.quantile(0.5),
        p95_s=outcome.response.quantile(P95),
        p99_s=outcome.response.quantile(0.99),
        cold_share=outcome.cold_share,
        delayed_share=outcome.delayed_share,
        utilisation_frac=outcome.utilisation_frac,
        attempts=outcome.attempts,
        endings=dataclasses.astuple(outcome.endings),
    )


def study_of(months: Sequence[Row]) -> Study:
    """Median and 80 % interval of what the months brought."""

    def over(value: Callable[[Row], float | None]) -> Spread | None:
        found = [number for month in months if (number := value(month)) is not None]
        return spread_of(found) if found else None

    return Study(
        months=len(months),
        bill_usd=spread_of([month.usd for month in months]),
        p50_s=over(lambda month: month.p50_s),
        p95_s=over(lambda month: month.p95_s),
        p99_s=over(lambda month: month.p99_s),
        cold_share=over(lambda month: month.cold_share),
        delayed_share=over(lambda month: month.delayed_share),
        utilisation_frac=over(lambda month: month.utilisation_frac),
        endings=_endings(months),
        kept_share=sum(not month.broke for month in months) / len(months),
        broke=_broken(months),
    )


def spread_of(values: Sequence[float]) -> Spread:
    """Median and 80 % interval of at least one value."""
    return Spread(low=quantile(values, LOW), median=quantile(values, 0.5), high=quantile(values, HIGH))


def _endings(months: Sequence[Row]) -> Endings | None:
    """Shares over all requests of all months."""
    seen = [month for month in months if month.endings]
    total = sum(month.requests for month in seen)
    if total == 0:
        return None
    shares = zip(*(month.endings for month in seen), strict=True)
    weights = [month.requests / total for month in seen]
    return Endings(*(sum(w * share for w, share in zip(weights, column, strict=True)) for column in shares))


def _broken(months: Sequence[Row]) -> tuple[tuple[str, float], ...]:
    """Which constraints broke in what share of the months, the most frequent first."""
    names = sorted({name for month in months for name in month.broke})
    shares = [(name, sum(name in month.broke for month in months) / len(months)) for name in names]
    return tuple(sorted(shares, key=lambda entry: -entry[1]))
