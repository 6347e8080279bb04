"""Predicts pools by formula, hour by hour: Poisson arrivals at each hour's rate, every hour in its long run.

It cannot see sessions, retries, snapshots, interruptions or a scaler's reaction: those need simulation. One flex worker
is exact (Welch); several are approximated by overflow from each to the next (`several_flex_workers` says how well).
Workers that take several requests at a time are as many servers, those of a worker switched on and off together;
callers who give up have waited in the queue of those who do not.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.message import message
from outgrow.domain.pool import Endings, FixedPool, FlexPool, HostPool, OpenPool, Outcome
from outgrow.sim.credits import host_surplus_s
from outgrow.sim.days import spread_days
from outgrow.sim.formulas import erlang_c, groups, mean_wait, one_flex_worker, several_flex_workers
from outgrow.sim.observed import BLOCK_S
from outgrow.sim.response import Mixture, Part, Patient, law_points

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Law, Pool

NEGLIGIBLE_REQUESTS = 1e-6
"""Fewer requests an hour than this are none."""

QUEUE_DELAY_S = 4.0
"""A request waiting longer than this starts a flex worker. Source: RunPod docs, queue-delay scaling, default."""


@lru_cache(maxsize=512)
def predict(pool: Pool, arrivals: Arrivals) -> Outcome:
    """What a pool does with a day of arrivals, by formula; remembered, because options share pools.

    Requests and seconds a day. The formulas and their sources stand where they are computed; what none of them sees,
    in the head of this file.
    """
    if isinstance(pool, (FlexPool, FixedPool)) and pool.slots > 1:
        return _by_slots(pool, arrivals)
    found = _answered(pool, arrivals)
    return found if isinstance(pool, HostPool) else _given_up(found, pool.callers.timeout_s)


BUSY_DAYS = 4
"""A busy day is one of the busiest quarter."""


def on_a_busy_day(pool: Pool, arrivals: Arrivals) -> Outcome:
    """`predict` for a day of the busiest quarter: about what servers are bought for, where days differ."""
    pattern = arrivals.pattern
    if pattern.kind is not ArrivalKind.SESSIONS or pattern.day_variance <= 0:
        return predict(pool, arrivals)
    factor = max(spread_days(pattern.day_variance, BUSY_DAYS, 0))
    return predict(pool, dataclasses.replace(arrivals, per_hour=tuple(factor * each for each in arrivals.per_hour)))


def _answered(pool: Pool, arrivals: Arrivals) -> Outcome:
    """The same if all callers wait."""
    match pool:
        case FlexPool():
            return _flex(pool, arrivals)
        case FixedPool():
            return _fixed(pool, arrivals)
        case OpenPool():
            return _open(pool, arrivals)
        case HostPool():
            return _host(pool, arrivals)


def _given_up(found: Outcome, timeout_s: float) -> Outcome:
    """What callers see who give up after ``timeout_s``: they have made the queue as long as those who wait."""
    if math.isinf(timeout_s):
        return found
    completed = min(1.0, found.response.share_within(timeout_s))
    return dataclasses.replace(
        found,
        response=Patient(found.response, timeout_s),
        endings=Endings(completed=completed, timed_out=1.0 - completed),
    )


def _by_slots(pool: FlexPool | FixedPool, arrivals: Arrivals) -> Outcome:
    """Workers of several slots: ``slots`` times as many servers, and the workers that these are slots of.

    A worker is busy while any slot is; N requests in service, Poisson in each hour, keep ceil(N / slots) of them busy.
    Starts, cold and idle time are those of the servers over ``slots``: a worker's slots start and stop together. Low in
    starts where few slots are used. Source: ours.
    """
    slots = pool.slots
    if isinstance(pool, FixedPool):
        servers: Pool = dataclasses.replace(pool, workers=tuple(count * slots for count in pool.workers), slots=1)
        active, workers = pool.workers, max(pool.workers)
    else:
        active = tuple(count * slots for count in pool.active)
        servers = dataclasses.replace(pool, active=active, max_workers=pool.max_workers * slots, slots=1)
        active, workers = pool.active, pool.max_workers
    found = predict(servers, arrivals)
    offered = [requests / 3600 * pool.service.mean_s for requests in arrivals.per_hour]
    busy_s = sum(3600 * min(workers, groups(each, slots)) for each in offered)
    active_s = sum(active) * 3600.0
    flex_s = max(0.0, busy_s + (found.cold_s + found.idle_s) / slots - active_s) if found.flex_s else 0.0
    up_s = active_s + flex_s
    busy_s = min(busy_s, up_s)
    return dataclasses.replace(
        found,
        cold_starts=found.cold_starts / slots,
        busy_s=busy_s,
        cold_s=found.cold_s / slots,
        idle_s=max(0.0, up_s - busy_s - found.cold_s / slots),
        active_s=active_s,
        flex_s=flex_s,
        second_slack_s=found.second_slack_s / slots,
        block_slack_s=found.block_slack_s / slots,
        utilisation_frac=_used(busy_s, up_s),
        bottleneck=found.bottleneck and _by_workers(found.bottleneck, workers, slots),
    )


def _by_workers(servers: Message, workers: int, slots: int) -> Message:
    """The overload of servers, as that of the workers they are slots of."""
    return message(servers.code, workers=workers, load=round(float(dict(servers.values)["load"]) / slots, 2))


def _open(pool: OpenPool, arrivals: Arrivals) -> Outcome:
    requests = arrivals.per_day
    return Outcome(
        response=Mixture((Part(weight=1.0, service=pool.service),)),
        requests=requests,
        cold_starts=0.0,
        cold_share=0.0,
        delayed_share=0.0,
        busy_s=requests * pool.service.mean_s,
        cold_s=0.0,
        idle_s=0.0,
        active_s=0.0,
        flex_s=0.0,
        utilisation_frac=0.0,
    )


def _host(pool: HostPool, arrivals: Arrivals) -> Outcome:
    """Hosts as servers before one queue, and what they owe in CPU credits."""
    servers = pool.vcpu * pool.copies
    fixed = _fixed(FixedPool(service=pool.work, workers=(servers,) * 24), arrivals)
    return dataclasses.replace(fixed, active_s=0.0, surplus_s=host_surplus_s(pool, arrivals))


def _by_rate(pool_hours: tuple[int, ...], arrivals: Arrivals) -> dict[tuple[float, int], int]:
    """Hours of the day that are alike: (requests an hour, workers on) to how many such hours there are."""
    alike: dict[tuple[float, int], int] = {}
    for requests, workers in zip(arrivals.per_hour, pool_hours, strict=True):
        alike[(requests, workers)] = alike.get((requests, workers), 0) + 1
    return alike


def _queue_part(weight: float, workers: int, rate: float, service: Law) -> Part:
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


def _fixed(pool: FixedPool, arrivals: Arrivals) -> Outcome:
    parts = []
    busiest = 0.0
    for (requests, workers), hours in _by_rate(pool.workers, arrivals).items():
        if not requests:
            continue
        rate = requests / 3600
        if workers:
            parts.append(_queue_part(requests * hours, workers, rate, pool.service))
            busiest = max(busiest, rate * pool.service.mean_s / workers)
    parts += _closed_hours(pool, arrivals)
    worker_s = sum(pool.workers) * 3600.0
    if worker_s:
        busiest = max(busiest, arrivals.per_day * pool.service.mean_s / worker_s)
    return Outcome(
        response=Mixture(tuple(parts)),
        requests=arrivals.per_day,
        cold_starts=0.0,
        cold_share=0.0,
        delayed_share=_delayed(parts),
        busy_s=arrivals.per_day * pool.service.mean_s,
        cold_s=0.0,
        idle_s=max(0.0, worker_s - arrivals.per_day * pool.service.mean_s),
        active_s=worker_s,
        flex_s=0.0,
        utilisation_frac=_used(arrivals.per_day * pool.service.mean_s, worker_s),
        bottleneck=_overload(busiest, max(pool.workers)),
    )


def _delayed(parts: list[Part]) -> float:
    """Share of the requests that wait at all: for a start, in the queue, or for ever."""
    total = sum(part.weight for part in parts)
    if total == 0:
        return 0.0

    def at_once(part: Part) -> float:
        none = sum(share for share, delay_s in part.delays if delay_s == 0)
        return 0.0 if part.lost else none * (1 - part.p_wait)

    return 1 - sum(part.weight * at_once(part) for part in parts) / total


def _used(busy_s: float, up_s: float) -> float:
    """Share of the workers' time they work."""
    return min(1.0, busy_s / up_s) if up_s > 0 else 0.0


def _overload(busiest: float, workers: int) -> Message | None:
    """More work than the workers have time for, in the busiest hour."""
    if busiest < 1:
        return None
    return message("bottleneck.workers", workers=workers, load=round(busiest * max(workers, 1), 2))


def _closed_hours(pool: FixedPool, arrivals: Arrivals) -> list[Part]:
    """Requests that arrive while nothing is on: they wait to the next hour that has workers, then share the backlog.

    Spread over four quarters of their hour; new requests do not delay them. Source: ours.
    """
    if all(pool.workers) or not any(pool.workers):
        lost = arrivals.per_day if not any(pool.workers) else 0.0
        return [Part(weight=lost, service=pool.service, lost=True)] if lost else []
    parts = []
    for hour, requests in enumerate(arrivals.per_hour):
        if pool.workers[hour] or not requests:
            continue
        ahead = next(step for step in range(1, 25) if pool.workers[(hour + step) % 24])
        opening = pool.workers[(hour + ahead) % 24]
        backlog_s = _backlog(pool, arrivals, (hour + ahead) % 24) * pool.service.mean_s / opening
        delays = tuple(
            (0.25, (ahead - share) * 3600 + pool.start.mean_s + backlog_s * 0.5)
            for share in (0.125, 0.375, 0.625, 0.875)
        )
        parts.append(Part(weight=requests, service=pool.service, delays=delays))
    return parts


def _backlog(pool: FixedPool, arrivals: Arrivals, opening: int) -> float:
    """Requests that gathered in the closed hours before ``opening``."""
    gathered = 0.0
    for step in range(1, 25):
        hour = (opening - step) % 24
        if pool.workers[hour]:
            break
        gathered += arrivals.per_hour[hour]
    return gathered


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


def _flex(pool: FlexPool, arrivals: Arrivals) -> Outcome:
    parts: list[Part] = []
    starts = busy_s = idle_s = delayed = busiest = 0.0
    for (requests, active), hours in _by_rate(pool.active, arrivals).items():
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
        delayed_share=_delayed(parts),
        busy_s=worked_s,
        cold_s=cold_s,
        idle_s=max(0.0, active_s + flex_s - worked_s - cold_s),
        active_s=active_s,
        flex_s=flex_s,
        second_slack_s=second_slack_s,
        block_slack_s=block_slack_s,
        utilisation_frac=_used(worked_s, active_s + flex_s),
        bottleneck=_overload(busiest, pool.max_workers),
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
    queue = _queue_part(1.0, 1, rate, pool.service)
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
    queue = _queue_part(1.0, pool.max_workers, rate, pool.service)
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
    queue = _queue_part(1.0 - q, active, rate * (1 - q), pool.service)
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
        queue = _queue_part(1.0, active, kept_rate, pool.service)
        return 1.0 if queue.lost else queue.p_wait * math.exp(-queue.wait_rate * QUEUE_DELAY_S)

    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if late(rate * (1 - middle)) > middle else (low, middle)
    return high if high > 1e-8 else 0.0
