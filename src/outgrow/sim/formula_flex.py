"""Flex workers by formula, hour by hour: alone, or beside an always-on base."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.pool import Outcome
from outgrow.sim.formula_parts import by_rate, delayed_share, overload, queue_part, used
from outgrow.sim.formulas import one_flex_worker, several_flex_workers
from outgrow.sim.observed import BLOCK_S
from outgrow.sim.response import Mixture, Part, law_points

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import FlexPool, Law

NEGLIGIBLE_REQUESTS = 1e-6
"""Fewer requests an hour than this are none."""

QUEUE_DELAY_S = 4.0
"""A request waiting longer than this starts a flex worker. Source: RunPod docs, queue-delay scaling, default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _FlexHour:
    """An hour of flex workers: starts, billed seconds by kind, share of requests a start delays, response times."""

    starts: float
    busy_s: float
    idle_s: float
    delayed: float
    responses: tuple[Part, ...]

    def parts(self, weight: float) -> list[Part]:
        """The response times of this hour with this many requests."""
        return [dataclasses.replace(part, weight=part.weight * weight) for part in self.responses]


def flex(pool: FlexPool, arrivals: Arrivals) -> Outcome:
    """What such workers do with a day of arrivals, each hour in its long run: exact for one worker, else near.

    How near is said by `several_flex_workers`; at high demand it counts too many workers up (docs/method.md).
    """
    parts: list[Part] = []
    starts = busy_s = idle_s = delayed = busiest = 0.0
    for (requests, active), hours in by_rate(pool.active, arrivals).items():
        if not requests:
            continue
        rate = requests / 3600
        beside = dataclasses.replace(pool, max_workers=max(0, pool.max_workers - active))
        hour = _active_hour(beside, rate, active) if active else _flex_hour(pool, rate)
        parts += hour.parts(requests * hours)
        starts += hour.starts * hours
        busy_s += hour.busy_s * hours
        idle_s += hour.idle_s * hours
        delayed += hour.delayed * requests * hours
        busiest = max(busiest, rate * pool.service.mean_s / max(1, pool.max_workers, active))
    cold_s, active_s = starts * pool.cold_start.mean_s, sum(pool.active) * 3600.0
    flex_s = busy_s + cold_s + idle_s
    worked_s = max(0.0, min(arrivals.per_day * pool.service.mean_s, active_s + flex_s - cold_s))
    second_slack_s, block_slack_s = _slack(pool, starts, flex_s)
    return Outcome(
        response=Mixture(tuple(parts)),
        requests=arrivals.per_day,
        cold_starts=starts,
        cold_share=delayed / arrivals.per_day if arrivals.per_day else 0.0,
        delayed_share=delayed_share(parts),
        busy_s=worked_s,
        cold_s=cold_s,
        idle_s=max(0.0, active_s + flex_s - worked_s - cold_s),
        active_s=active_s,
        flex_s=flex_s,
        second_slack_s=second_slack_s,
        block_slack_s=block_slack_s,
        utilisation_frac=used(worked_s, active_s + flex_s),
        bottleneck=overload(busiest, pool.max_workers),
    )


def _slack(pool: FlexPool, stretches: float, flex_s: float) -> tuple[float, float]:
    """What is missing to whole seconds and to whole blocks of five minutes, all stretches of a day together.

    Half a second a stretch where lengths vary, the missing part of the shortest stretch where they are fixed; blocks by
    the mean length of a stretch.
    """
    if stretches < NEGLIGIBLE_REQUESTS:
        return 0.0, 0.0
    shortest_s = pool.service.mean_s + pool.cold_start.mean_s
    varies = pool.service.cv or pool.cold_start.cv
    each_s = 0.5 if varies else math.ceil(round(shortest_s, 6)) - shortest_s
    mean_s = flex_s / stretches
    return stretches * each_s, stretches * (math.ceil(round(mean_s / BLOCK_S, 9)) * BLOCK_S - mean_s)


def _flex_hour(pool: FlexPool, rate: float) -> _FlexHour:
    """Flex workers alone: one by Welch's exact result, several by overflow from each to the next."""
    if rate * pool.service.mean_s >= pool.max_workers:
        lost = Part(weight=1.0, service=pool.service, lost=True)
        return _FlexHour(starts=0.0, busy_s=pool.max_workers * 3600.0, idle_s=0.0, delayed=0.0, responses=(lost,))
    return _one_worker_hour(pool, rate) if pool.max_workers == 1 else _several_workers_hour(pool, rate)


def _one_worker_hour(pool: FlexPool, rate: float) -> _FlexHour:
    one = one_flex_worker(rate, pool.service, pool.cold_start, pool.idle_timeout_s)
    starts = rate * 3600 * one.cold_per_request
    busy_s = rate * 3600 * pool.service.mean_s
    idle_s = 3600 * one.billed_share - busy_s - starts * pool.cold_start.mean_s
    queue = queue_part(1.0, 1, rate, pool.service)
    response = dataclasses.replace(queue, delays=_start_delays(pool.cold_start, rate, one.p_setup))
    return _FlexHour(
        starts=starts, busy_s=busy_s, idle_s=max(0.0, idle_s), delayed=one.delayed_share, responses=(response,)
    )


def _several_workers_hour(pool: FlexPool, rate: float) -> _FlexHour:
    """Several flex workers by the overflow approximation, `several_flex_workers`, within what the workers can bill.

    A request that finds all busy waits for what is left of a start, a quarter or three of it. Source: ours.
    """
    several = several_flex_workers(
        rate, pool.service, pool.cold_start, pool.idle_timeout_s, pool.max_workers, QUEUE_DELAY_S
    )
    requests = rate * 3600
    busy_s = requests * pool.service.mean_s
    cold_s = requests * several.cold_per_request * pool.cold_start.mean_s
    idle_s = requests * several.idle_s_per_request
    room = pool.max_workers * 3600 - busy_s
    fit = min(1.0, room / (cold_s + idle_s)) if cold_s + idle_s > 0 else 1.0
    p_start, p_full = several.cold_per_request, several.full_share
    starts = law_points(pool.cold_start.mean_s, pool.cold_start.cv, points=5)
    delays = [(max(0.0, 1 - p_start - p_full), 0.0)]
    delays += [(p_start / len(starts), start) for start in starts]
    delays += [(p_full / len(starts) / 2, start * part) for start in starts for part in (0.25, 0.75)]
    queue = queue_part(1.0, pool.max_workers, rate, pool.service)
    return _FlexHour(
        starts=requests * p_start * fit,
        busy_s=busy_s,
        idle_s=idle_s * fit,
        delayed=p_start + p_full,
        responses=(dataclasses.replace(queue, delays=tuple(delays)),),
    )


def _start_delays(cold_start: Law, rate: float, p_setup: float) -> tuple[tuple[float, float], ...]:
    """What a cold start adds to the response of an M/G/1 queue: nothing, a whole start, or the rest of one.

    With a = p E[I]: nothing with chance (1-p)/(1+rate a), the whole start with p/(1+rate a), else what is left of a
    start already running. The mean is Welch's (2a + rate b)/(2(1 + rate a)).
    """
    starts = law_points(cold_start.mean_s, cold_start.cv, points=5)
    rate_a = rate * p_setup * cold_start.mean_s
    norm = 1 + rate_a
    delays = [((1 - p_setup) / norm, 0.0)]
    delays += [(p_setup / norm / len(starts), start) for start in starts]
    total = sum(starts)
    if total > 0 and rate_a > 0:
        rest = (0.125, 0.375, 0.625, 0.875)
        delays += [(rate_a / norm * start / total / len(rest), start * part) for start in starts for part in rest]
    return tuple(delays)


def _active_hour(pool: FlexPool, rate: float, active: int) -> _FlexHour:
    """An always-on base with flex beside it.

    A request the base would keep waiting longer than `QUEUE_DELAY_S` goes to flex: the share q solves
    ``q = P(wait > queue delay)`` of a base that serves only the other 1 - q. Flex then sees those as its own arrivals.
    """
    q = _overflow_share(pool, rate, active) if pool.max_workers else 0.0
    queue = queue_part(1.0 - q, active, rate * (1 - q), pool.service)
    if q * rate * 3600 < NEGLIGIBLE_REQUESTS:
        return _FlexHour(starts=0.0, busy_s=0.0, idle_s=0.0, delayed=0.0, responses=(queue,))
    rest = _flex_hour(pool, rate * q)
    late = [
        dataclasses.replace(part, delays=tuple((share, delay + QUEUE_DELAY_S) for share, delay in part.delays))
        for part in rest.parts(q)
    ]
    return _FlexHour(
        starts=rest.starts,
        busy_s=rest.busy_s,
        idle_s=rest.idle_s,
        delayed=rest.delayed * q,
        responses=(queue, *late),
    )


def _overflow_share(pool: FlexPool, rate: float, active: int) -> float:
    """The share of requests that goes to flex, by bisection: the more leaves, the shorter the base's queue. Ours."""

    def late(kept_rate: float) -> float:
        queue = queue_part(1.0, active, kept_rate, pool.service)
        return 1.0 if queue.lost else queue.p_wait * math.exp(-queue.wait_rate * QUEUE_DELAY_S)

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if late(rate * (1 - middle)) > middle else (low, middle)
    return high if high > 1e-8 else 0.0
