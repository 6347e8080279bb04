"""How far a bill can move over the spec's ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.domain.drivers import with_values
from outgrow.domain.verdict import Interval

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.domain.workload import Service


def span(service: Service, cost: Callable[[Service], float]) -> Interval:
    """The bill in the middle, and with every uncertain input at the end that lowers or raises it.

    Which end that is, is found by moving one input at a time: a longer life of a server makes it cheaper, more requests
    make it dearer. Exact when the bill rises or falls with each input whatever the others are.
    """
    mid = cost(service)
    cheap: dict[str, float] = {}
    dear: dict[str, float] = {}
    seen = [mid]
    for driver in service.drivers:
        ends = {value: cost(with_values(service, {driver.path: value})) for value in (driver.low, driver.high)}
        seen += ends.values()
        cheap[driver.path] = min(ends, key=lambda value: ends[value])
        dear[driver.path] = max(ends, key=lambda value: ends[value])
    if service.drivers:
        seen += [cost(with_values(service, corner)) for corner in (cheap, dear)]
    return Interval(low=min(seen), mid=mid, high=max(seen))
