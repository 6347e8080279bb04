"""Days that stand for many: factors spread evenly over the gamma law, and the days of one drawn month."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from outgrow.sim.compiled import draw_many
from outgrow.sim.laws import Gamma
from outgrow.sim.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.sim.compiled import Engine

MONTH_DAYS = 30
"""Whole days of a drawn month; what they bring is scaled to 730 hours, so that every hour of the day counts alike."""

LEAST_MONTH_DAYS = 6
"""Fewer days, each the mean of alike ones, know too little of the busy days that make the tail of a month."""

MOST_MONTH_REQUESTS = 400_000.0
"""Of a demand that brings more than this in `LEAST_MONTH_DAYS` fewer days are played, at least one."""


def month_days(requests: float, per_day: float) -> int:
    """Days of a month, 1 to 30, that are played so that about ``requests`` (above 0) of ``per_day`` a day are counted.

    At least `LEAST_MONTH_DAYS`, so that more may be counted, but for what `MOST_MONTH_REQUESTS` says.
    """
    if per_day * MONTH_DAYS <= requests:
        return MONTH_DAYS
    least = min(LEAST_MONTH_DAYS, max(1, int(MOST_MONTH_REQUESTS / per_day)))
    return min(MONTH_DAYS, max(least, math.ceil(requests / per_day)))


EACH_DAY = 16
"""Draws that stand behind the factor of one spread day."""


@lru_cache(maxsize=32)
def spread_days(variance: float, days: int, seed: int, engine: Engine | None = None) -> tuple[float, ...]:
    """``days`` factors that together stand for the gamma law of mean 1 and this variance, in a shuffled order.

    ``EACH_DAY x days`` draws are sorted and cut into ``days`` equal parts; a day gets the mean of one, all scaled to
    mean 1. The variance within a part is lost: a quarter for 4 days, a tenth for 8, a hundredth for 32. variance > 0,
    days >= 1. Source: stratified sampling, Cochran 1977, chapter 5.
    """
    return _grouped(draw_many(Gamma(shape=1.0 / variance), seed, Purpose.DAY, EACH_DAY * days, asked=engine), days, 1.0)


@lru_cache(maxsize=256)
def month_factors(variance: float, days: int, seed: int, engine: Engine | None = None) -> tuple[float, ...]:
    """``days`` factors, 1 to 29, that stand for the days of one month drawn from the gamma law, with the month's mean.

    variance > 0. How much days differ is understated as by `spread_days`: so are the waits of the busiest ones.
    """
    drawn = draw_many(Gamma(shape=1.0 / variance), seed, Purpose.DAY, MONTH_DAYS, asked=engine)
    return _grouped(drawn, days, sum(drawn) / MONTH_DAYS)


def _grouped(draws: Sequence[float], days: int, mean: float) -> tuple[float, ...]:
    """The draws in order of size, cut into ``days`` equal parts: the mean of each, scaled to ``mean``, shuffled.

    A draw that lies across a cut counts in both parts by its shares. The shuffle is a fixed one: by golden-ratio steps.
    """
    ordered = sorted(draws)
    sums = [0.0, *accumulate(ordered)]

    def up_to(place: float) -> float:
        whole = math.floor(place)
        return sums[whole] + (ordered[whole] * (place - whole) if whole < len(ordered) else 0.0)

    cuts = [up_to(len(ordered) * day / days) for day in range(days + 1)]
    parts = [after - before for before, after in pairwise(cuts)]
    scale = mean * days / sums[-1]
    order = sorted(range(days), key=lambda day: day * GOLDEN % 1.0)
    return tuple(parts[day] * scale for day in order)


GOLDEN = (math.sqrt(5) - 1) / 2
