"""When requests arrive and how long each takes, one after the other: what all plain kernels play."""

from __future__ import annotations

import math
from heapq import heappop, heappush
from itertools import accumulate, chain
from typing import TYPE_CHECKING

from outgrow.sim.laws import Exponential, Gamma, Geometric, TimeLaw
from outgrow.sim.requests import HOUR_S, HOURS, Given, Poisson, Requests, Sessions
from outgrow.sim.streams import Purpose, draws

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def arrival_times(requests: Requests, seed: int, until_s: float) -> Iterator[float]:
    """Ascending times in seconds from 0; those from ``until_s`` on may be missing.

    Poisson with one rate: sums of exponential gaps. With a rate for each hour: a unit exponential is spent at the rate
    of the hour, across as many hours as it lasts (time change); a day's factor multiplies its rates. Requests of
    sessions that overlap are merged by time, those of an earlier session first where times are equal. Exact for rates
    that are constant within each hour (0 to 1e12 requests an hour), ``until_s`` >= 0. Raises ValueError at a given time
    that is out of order. Source: Cinlar 1975, Introduction to Stochastic Processes (time change).
    """
    match requests:
        case Given():
            return _ordered(requests)
        case Poisson(per_hour=per_hour) | Sessions(per_hour=per_hour) if not any(per_hour):
            return iter(())
        case Sessions():
            return _sessions(requests, seed, until_s)
        case Poisson(per_hour=per_hour) if min(per_hour) == max(per_hour):
            return accumulate(draws(Exponential(mean_s=HOUR_S / per_hour[0]), seed, Purpose.ARRIVALS))
        case Poisson(per_hour=per_hour):
            return _hourly(per_hour, seed, until_s, lambda _day: 1.0)


def _ordered(requests: Given) -> Iterator[float]:
    last = 0.0
    for time_s in requests.times_s:
        if not last <= time_s < math.inf:
            raise ValueError(f"times_s: {time_s} after {last}; allowed are finite times in ascending order from 0")
        last = time_s
        yield time_s


def _hourly(
    per_hour: tuple[float, ...], seed: int, until_s: float, factor_of: Callable[[int], float]
) -> Iterator[float]:
    now, hour = 0.0, 0
    rate = per_hour[0] / HOUR_S * factor_of(0)
    for unit in draws(Exponential(mean_s=1.0), seed, Purpose.ARRIVALS):
        left = unit
        while True:
            end = (hour + 1) * HOUR_S
            room = (end - now) * rate
            if left < room:
                break
            left -= room
            if end >= until_s:
                return
            now = end
            hour += 1
            rate = per_hour[hour % HOURS] / HOUR_S * factor_of(hour // HOURS)
        now += left / rate
        yield now


def _day_factors(requests: Sessions, seed: int) -> Callable[[int], float]:
    """The factor of day d; days are asked for in order."""
    given = requests.day_factors
    if given:
        return lambda day: given[day % len(given)]
    if requests.day_variance == 0:
        return lambda _day: 1.0
    drawn = draws(Gamma(shape=1.0 / requests.day_variance), seed, Purpose.DAY)
    last, factor = -1, 1.0

    def factor_of(day: int) -> float:
        nonlocal last, factor
        while last < day:
            last += 1
            factor = next(drawn)
        return factor

    return factor_of


def _sessions(requests: Sessions, seed: int, until_s: float) -> Iterator[float]:
    """Merges the requests of sessions; a heap holds the next request of each that is not over."""
    begins = tuple(each / requests.size for each in requests.per_hour)
    starts = _hourly(begins, seed, until_s, _day_factors(requests, seed))
    if requests.size == 1:
        yield from starts
        return
    sizes = draws(Geometric(mean=requests.size), seed, Purpose.SESSION_SIZE)
    gaps = draws(requests.gap, seed, Purpose.SESSION_GAP)
    going: list[tuple[float, int, float]] = []
    for number, start in enumerate(chain(starts, (math.inf,)), start=1):
        while going and going[0][0] <= start:
            at, session, left = heappop(going)
            yield at
            if left > 1:
                heappush(going, (at + next(gaps), session, left - 1))
        if start == math.inf:
            return
        yield start
        size = next(sizes)
        if size > 1:
            heappush(going, (start + next(gaps), number, size - 1))


def service_times(requests: Requests, law: TimeLaw, seed: int) -> Iterator[float]:
    """Service time of each arrival in turn: drawn with the arrival, so that it is the same under every option."""
    if isinstance(requests, Given) and requests.service_s is not None:
        return _given_services(requests)
    return iter(draws(law, seed, Purpose.SERVICE))


def _given_services(requests: Given) -> Iterator[float]:
    for service_s in requests.service_s or ():
        if not 0.0 <= service_s < math.inf:
            raise ValueError(f"service_s: {service_s} found; allowed are finite times from 0")
        yield service_s
