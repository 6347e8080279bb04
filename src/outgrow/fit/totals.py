"""What a summary without single requests still says: a rate, and a law of service times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.estimates import Estimate, around, normal_quantile
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.trace import Totals


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsFit:
    """Requests a day at the rate of the summary, and mean and cv of a lognormal service time; None: not told."""

    per_day: Estimate
    mean_s: Estimate | None
    cv: float | None


def fit_totals(totals: Totals) -> TotalsFit:
    """The rate with the error of its count, the lognormal law through the quantiles.

    The deviation of the logarithms is the slope of a straight line of log quantiles over normal quantiles, two at
    least, above 0 s; ``cv^2 = exp(deviation^2) - 1``. At least one request in more than 0 s. Stops holding where times
    are of several kinds: nobody can see that here. Source: the probability plot, Chernoff and Lieberman 1954.
    """
    per_day = around(totals.requests / totals.duration_s * DAY_S, 1 / math.sqrt(totals.requests))
    points = [(normal_quantile(share), math.log(value)) for share, value in totals.quantiles_s if 0 < share < 1]
    if len(points) < 2:
        mean = None if totals.mean_s is None else around(totals.mean_s, 1 / math.sqrt(totals.requests))
        return TotalsFit(per_day=per_day, mean_s=mean, cv=None)
    middle, deviation = _line(points)
    cv = math.sqrt(math.expm1(deviation**2))
    mean_s = math.exp(middle + deviation**2 / 2) if totals.mean_s is None else totals.mean_s
    return TotalsFit(per_day=per_day, mean_s=around(mean_s, cv / math.sqrt(totals.requests)), cv=cv)


def _line(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Height at 0 and slope of the straight line of least squares; a slope below 0 is 0."""
    across = math.fsum(x for x, _ in points) / len(points)
    up = math.fsum(y for _, y in points) / len(points)
    spread = math.fsum((x - across) ** 2 for x, _ in points)
    slope = max(0.0, math.fsum((x - across) * (y - up) for x, y in points) / spread) if spread else 0.0
    return up - slope * across, slope
