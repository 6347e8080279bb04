"""When requests arrive and how long each takes, one after the other: what both plain kernels play."""

from __future__ import annotations

import math
from itertools import accumulate
from typing import TYPE_CHECKING

from outgrow.sim.laws import Exponential, TimeLaw
from outgrow.sim.model import HOURS, Given, Poisson, Requests
from outgrow.sim.streams import Purpose, draws

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR_S = 3600.0


def arrival_times(requests: Requests, seed: int) -> Iterator[float]:
    """Ascending times in seconds from 0, endless for a Poisson process with any requests at all.

    Poisson with one rate: sums of exponential gaps. With a rate for each hour: a unit exponential is spent at the rate
    of the hour, across as many hours as it lasts (time change). Raises ValueError at a given time that is out of order.
    """
    match requests:
        case Given():
            return _ordered(requests)
        case Poisson(per_hour=per_hour) if not any(per_hour):
            return iter(())
        case Poisson(per_hour=per_hour) if min(per_hour) == max(per_hour):
            return accumulate(draws(Exponential(mean_s=HOUR_S / per_hour[0]), seed, Purpose.ARRIVALS))
        case Poisson(per_hour=per_hour):
            return _hourly(per_hour, seed)


def _ordered(requests: Given) -> Iterator[float]:
    last = 0.0
    for time_s in requests.times_s:
        if not last <= time_s < math.inf:
            raise ValueError(f"times_s: {time_s} after {last}; allowed are finite times in ascending order from 0")
        last = time_s
        yield time_s


def _hourly(per_hour: tuple[float, ...], seed: int) -> Iterator[float]:
    now, hour = 0.0, 0
    for unit in draws(Exponential(mean_s=1.0), seed, Purpose.ARRIVALS):
        left = unit
        while True:
            rate = per_hour[hour % HOURS] / HOUR_S
            end = (hour + 1) * HOUR_S
            room = (end - now) * rate
            if left < room:
                break
            left -= room
            now = end
            hour += 1
        now += left / rate
        yield now


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
