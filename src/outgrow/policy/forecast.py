"""What will the month have cost at its end? From what each of its days has cost so far."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST_DAYS: Final = 3
"""Whole days, below which nothing is said about how far off a forecast may be."""

T90: Final = (
    3.078, 1.886, 1.638, 1.533, 1.476, 1.440, 1.415, 1.397, 1.383, 1.372, 1.363, 1.356, 1.350, 1.345, 1.341,
    1.337, 1.333, 1.330, 1.328, 1.325, 1.323, 1.321, 1.319, 1.318, 1.316, 1.315, 1.314, 1.313, 1.311, 1.310,
)  # fmt: skip
"""The 0.9 quantile of Student's t for 1, 2, ... 30 degrees of freedom: 8 of 10 lie within plus and minus it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """The cost of a month at its end, in micro-dollars; ``low`` and ``high`` enclose it 8 times of 10, where known."""

    at_end: float
    low: float | None = None
    high: float | None = None


def forecast(days: Sequence[float], today: float, elapsed_days: float, month_days: int) -> Forecast | None:
    """The cost at the end of a month of ``month_days``; None before anything of it has elapsed.

    Args:
        days: what each whole day since the month began has cost, days without cost included.
        today: what the present day has cost so far.
        elapsed_days: how much of the month has passed, in days, the present one by its part.
        month_days: how long the month is.

    The middle is spent / share elapsed: the rest of the month goes on like its beginning. The interval is that of the
    sum of the ``r`` days to come, from ``n`` past ones with standard deviation ``s``: middle -+ t s sqrt(r + r^2 / n),
    never below what is spent. It holds where days are alike and independent: not where weekends are quiet in the first
    week of a month, nor where demand grows.
    """
    if elapsed_days <= 0:
        return None
    spent = math.fsum(days) + today
    at_end = spent * max(1.0, month_days / elapsed_days)
    if len(days) < FEWEST_DAYS:
        return Forecast(at_end=at_end)
    rest = max(0.0, month_days - elapsed_days)
    t = T90[min(len(days) - 1, len(T90)) - 1]
    off = t * statistics.stdev(days) * math.sqrt(rest + rest**2 / len(days))
    return Forecast(at_end=at_end, low=max(spent, at_end - off), high=at_end + off)
