"""What a predictor plays: how many days from which seed, and the requests of them, drawn or recorded.

**Drawn.** See `outgrow.sim.predict`.

**Recorded.** A trace is scaled to the demand (`outgrow.sim.traces.scaled`). What is to be expected is the trace itself,
played once from its first to its last moment; a trace shorter than a day is repeated to fill one. Of a demand above
that of the trace only some days are played: every so many-th in the order of their requests. A drawn month is 30
of its days drawn with replacement, each weekday from its own days where the trace has every weekday twice: what one
month brings beside another, as far as the trace knows (a bootstrap with blocks of a day). Sessions over midnight are
cut there. Traces of fewer than `FEWEST_DAYS` whole days have no days to draw and are the same every month.

Work times that the trace has are played too, in proportion to those of the pool. Limit: no trace knows a month that is
unlike all of its days. Source of the bootstrap: Efron and Tibshirani 1993, chapter 8.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.pool import FixedPool, FlexPool
from outgrow.sim.compiled import draw_arrivals, draw_many
from outgrow.sim.days import MONTH_DAYS, month_days, month_factors, spread_days
from outgrow.sim.laws import Uniform
from outgrow.sim.mapping import drawn_requests
from outgrow.sim.observed import Span
from outgrow.sim.requests import DAY_S, Given
from outgrow.sim.streams import Purpose
from outgrow.sim.traces import (
    as_given,
    cut,
    mean_work_s,
    of_whole_days,
    per_day_of,
    repeated,
    resampled,
    scaled,
    size_of,
    whole_days,
)

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Pool
    from outgrow.domain.trace import Trace
    from outgrow.sim.compiled import Engine

LEAST_DAYS = 4
"""Fewer cannot stand for the days of a gamma law; of a demand above `MOST_REQUESTS` in that time fewer are played."""

MOST_DAYS = 8192
"""Sparse demand is predicted from what comes in so many days: longer runs spend their time on empty hours."""

MOST_REQUESTS = 400_000.0
"""More requests than this are counted only where one day has more: an option has dozens of settings to play."""

WARM_UP_S = DAY_S
"""A day: sessions, queues and warm workers of the day before are there when counting begins."""

DRAIN_S = DAY_S
"""A replay goes on for a day after the last request, so that it is answered, too, if it ever is."""

TRACE_REQUESTS = 200_000.0
"""Of a longer trace what is to be expected is played from so many requests, on whole days of it one after another."""

TIMES_REQUESTS = 2.0
"""Of a demand above the trace's own, days that hold twice the requests of drawn arrivals are played."""

FEWEST_DAYS = 4
"""Of fewer days a drawn month would be one of a handful of months."""

WEEK = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """What a run is for: about so many ``requests`` of what is to be expected, or the month ``drawn``.

    ``seed`` draws it; of a month about ``month_requests`` are played. ``exact``: a trace once, all of it, as it was.
    """

    seed: int
    requests: float
    month_requests: float
    drawn: int | None = None
    exact: bool = False
    engine: Engine | None = None

    def run_seed(self, stream: int) -> int:
        """The seed of one run, 64 bit: unrelated ones for other seeds, other months and other streams of arrivals."""
        name = f"{self.seed}:{'expected' if self.drawn is None else self.drawn}:{stream}"
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())


def days_of(aim: Aim, arrivals: Arrivals) -> int:
    """Days that are counted of drawn arrivals (``per_day`` above 0): about ``requests`` of them, 1 to `MOST_DAYS`."""
    if aim.drawn is not None:
        return month_days(aim.month_requests, arrivals.per_day)
    days = least_days(arrivals.per_day)
    while days < MOST_DAYS and arrivals.per_day * days < aim.requests:
        days *= 2
    return days


def least_days(per_day: float) -> int:
    """`LEAST_DAYS`, or of a demand (requests a day) that fills `MOST_REQUESTS` sooner as many as do, at least one."""
    return min(LEAST_DAYS, max(1, int(MOST_REQUESTS / per_day)))


def run_of(aim: Aim, pool: Pool, arrivals: Arrivals) -> tuple[Given, Span]:
    """The requests of a run and its span, the same for every option with the same arrivals."""
    trace = arrivals.pattern.trace
    if trace is None:
        return _drawn_run(aim, arrivals)
    played = _played(trace, arrivals.per_day / per_day_of(trace), aim, arrivals.stream)
    begin, end = played.span_s
    horizon_s = end + DRAIN_S if aim.exact else end
    span = Span(horizon_s=horizon_s, warmup_s=begin, seed=aim.run_seed(arrivals.stream))
    return _given(played, span.seed, _pace(pool, trace)), span


def _drawn_run(aim: Aim, arrivals: Arrivals) -> tuple[Given, Span]:
    days = days_of(aim, arrivals)
    span = Span(horizon_s=WARM_UP_S + days * DAY_S, warmup_s=WARM_UP_S, seed=aim.run_seed(arrivals.stream))
    factors: tuple[float, ...] = ()
    variance = arrivals.pattern.day_variance
    if arrivals.pattern.kind is ArrivalKind.SESSIONS and variance > 0:
        if aim.drawn is None:
            factors = (1.0, *spread_days(variance, days, span.seed, aim.engine))
        elif days < MONTH_DAYS:
            factors = (1.0, *month_factors(variance, days, span.seed, aim.engine))
    return Given(times_s=_drawn(arrivals, factors, span.seed, span.horizon_s, aim.engine)), span


@lru_cache(maxsize=16)
def _drawn(
    arrivals: Arrivals, factors: tuple[float, ...], seed: int, horizon_s: float, engine: Engine | None
) -> array[float]:
    return draw_arrivals(drawn_requests(arrivals, factors), seed, horizon_s, asked=engine)


@lru_cache(maxsize=8)
def _played(trace: Trace, factor: float, aim: Aim, stream: int) -> Trace:
    if aim.exact:
        return _scaled(trace, factor)
    trace = _of_whole_days(trace)
    if aim.drawn is None and factor > 1:
        per_day = per_day_of(trace) * factor
        trace = _some_days(trace, max(least_days(per_day), math.ceil(TIMES_REQUESTS * aim.requests / per_day)))
    more = _scaled(trace, factor)
    begin, end = more.span_s
    if end - begin < DAY_S:
        return repeated(more, begin + DAY_S)
    if aim.drawn is None:
        return _fewer(more)
    if not knows_months(more):
        return more
    month = resampled(more, _days_drawn(whole_days(more), aim, per_day_of(more), stream))
    return replace(month, span_s=(WARM_UP_S, month.span_s[1]))


def knows_months(trace: Trace) -> bool:
    """Has it enough days to draw months from?"""
    return len(whole_days(trace)) >= FEWEST_DAYS


_of_whole_days = lru_cache(maxsize=8)(of_whole_days)


@lru_cache(maxsize=4)
def _scaled(trace: Trace, factor: float) -> Trace:
    return trace if abs(factor - 1) < 1e-9 else scaled(trace, factor)


@lru_cache(maxsize=8)
def _some_days(trace: Trace, count: int) -> Trace:
    """``count`` of its whole days that stand for all: every so many-th in the order of their requests."""
    whole = whole_days(trace)
    if len(whole) <= count:
        return trace
    sizes = {day: size_of(trace, day, 1) for day in whole}
    ordered = sorted(whole, key=lambda day: (sizes[day], day))
    chosen = sorted(ordered[int((place + 0.5) * len(whole) / count)] for place in range(count))
    return resampled(trace, chosen)


def _fewer(trace: Trace) -> Trace:
    """The first of its whole days that hold about `TRACE_REQUESTS`, at least one."""
    if len(trace.times_s) <= TRACE_REQUESTS or not (whole := whole_days(trace)):
        return trace
    days = 1
    while days < len(whole) and size_of(trace, whole[0], days + 1) <= TRACE_REQUESTS:
        days += 1
    begin = whole[0] * DAY_S
    return cut(trace, begin, begin + days * DAY_S)


def _days_drawn(whole: range, aim: Aim, per_day: float, stream: int) -> list[int]:
    """A day to warm up and those of a month, weekday by weekday where each was recorded twice; fewer of a busy one."""
    first, *draws = draw_many(Uniform(), aim.run_seed(stream), Purpose.DAY, MONTH_DAYS + 2, asked=aim.engine)
    count = 1 + month_days(max(aim.month_requests, TRACE_REQUESTS), per_day)
    days = []
    for place in range(count):
        among = (
            [day for day in whole if day % WEEK == (int(first * WEEK) + place) % WEEK]
            if len(whole) >= 2 * WEEK
            else whole
        )
        days.append(among[int(draws[place] * len(among))])
    return days


@lru_cache(maxsize=4)
def _given(played: Trace, seed: int, pace: float) -> Given:
    """The trace as arrivals, its own work times multiplied by ``pace``; without them where that is 0."""
    given = as_given(played, seed)
    if given.service_s is None or not pace:
        return Given(times_s=given.times_s)
    return Given(times_s=given.times_s, service_s=array("d", [pace * value for value in given.service_s]))


def _pace(pool: Pool, trace: Trace) -> float:
    """How long the pool's workers work on a request, measured by the recorded ones; 0 where neither tells of both."""
    recorded_s = mean_work_s(trace)
    return pool.service.mean_s / recorded_s if isinstance(pool, (FlexPool, FixedPool)) and recorded_s else 0.0
