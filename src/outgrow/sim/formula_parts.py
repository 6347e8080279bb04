"""What the formulas of all pools share: hours that are alike, a queue's response times, how busy, how overloaded."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.domain.message import message
from outgrow.sim.formulas import erlang_c, mean_wait
from outgrow.sim.response import Part

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Law


def by_rate(pool_hours: tuple[int, ...], arrivals: Arrivals) -> dict[tuple[float, int], int]:
    """Hours of the day that are alike: (requests an hour, workers on) to how many such hours there are."""
    alike: dict[tuple[float, int], int] = {}
    for requests, workers in zip(arrivals.per_hour, pool_hours, strict=True):
        alike[(requests, workers)] = alike.get((requests, workers), 0) + 1
    return alike


def queue_part(weight: float, workers: int, rate: float, service: Law) -> Part:
    """Requests of an M/G/c queue: W = 0 with chance 1 - C, else exponential with mean E[W] / C.

    Exact for exponential service; for fixed service the tail of the wait is overstated, for cv > 1 understated.
    Source: the standard exponential approximation, e.g. Whitt, "Approximations for the GI/G/m queue", 1993.
    """
    wait_s = mean_wait(workers, rate, service)
    if math.isinf(wait_s):
        return Part(weight=weight, service=service, lost=True)
    p_wait = erlang_c(workers, rate * service.mean_s)
    wait_rate = p_wait / wait_s if wait_s > 0 else 1.0
    return Part(weight=weight, service=service, p_wait=p_wait if wait_s > 0 else 0.0, wait_rate=wait_rate)


def delayed_share(parts: list[Part]) -> float:
    """Share of the requests that wait at all: for a start, in the queue, or for ever."""
    total = sum(part.weight for part in parts)
    if total == 0:
        return 0.0

    def at_once(part: Part) -> float:
        none = sum(share for share, delay_s in part.delays if delay_s == 0)
        return 0.0 if part.lost else none * (1 - part.p_wait)

    return 1 - sum(part.weight * at_once(part) for part in parts) / total


def used(busy_s: float, up_s: float) -> float:
    """Share of the workers' time they work."""
    return min(1.0, busy_s / up_s) if up_s > 0 else 0.0


def overload(busiest: float, workers: int) -> Message | None:
    """More work than the workers have time for, in the busiest hour."""
    if busiest < 1:
        return None
    return message("bottleneck.workers", workers=workers, load=round(busiest * max(workers, 1), 2))
