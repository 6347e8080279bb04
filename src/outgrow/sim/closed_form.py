"""Predicts pools by formula, hour by hour: Poisson arrivals at each hour's rate, every hour in its long run.

It cannot see sessions, retries, snapshots, interruptions or a scaler's reaction: those need simulation. One flex worker
is exact (Welch); several are approximated by overflow from each to the next (`several_flex_workers` says how well).
Workers that take several requests at a time are as many servers, those of a worker switched on and off together;
callers who give up have waited in the queue of those who do not.
"""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from typing import TYPE_CHECKING

from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.message import message
from outgrow.domain.pool import Endings, FixedPool, FlexPool, HostPool, OpenPool, Outcome
from outgrow.sim.credits import host_surplus_s
from outgrow.sim.days import spread_days
from outgrow.sim.formula_flex import flex
from outgrow.sim.formula_parts import by_rate, delayed_share, overload, queue_part, used
from outgrow.sim.formulas import groups
from outgrow.sim.response import Mixture, Part, Patient

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Pool


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
            return flex(pool, arrivals)
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
        utilisation_frac=used(busy_s, up_s),
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


def _fixed(pool: FixedPool, arrivals: Arrivals) -> Outcome:
    parts = []
    busiest = 0.0
    for (requests, workers), hours in by_rate(pool.workers, arrivals).items():
        if not requests:
            continue
        rate = requests / 3600
        if workers:
            parts.append(queue_part(requests * hours, workers, rate, pool.service))
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
        delayed_share=delayed_share(parts),
        busy_s=arrivals.per_day * pool.service.mean_s,
        cold_s=0.0,
        idle_s=max(0.0, worker_s - arrivals.per_day * pool.service.mean_s),
        active_s=worker_s,
        flex_s=0.0,
        utilisation_frac=used(arrivals.per_day * pool.service.mean_s, worker_s),
        bottleneck=overload(busiest, max(pool.workers)),
    )


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
