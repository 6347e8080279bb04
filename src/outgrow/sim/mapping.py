"""Pools as options state them, put into the words of the kernels; arrivals likewise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.pool import Law, ScalerKind
from outgrow.domain.units import SECONDS_PER_MONTH
from outgrow.sim import model
from outgrow.sim.laws import Empirical, Fixed, Lognormal, TimeLaw
from outgrow.sim.requests import HOURS, Poisson, Sessions

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Callers, FixedPool, FlexPool, HostPool, OpenPool, Scaling

AT_A_TIME = 1000
"""An API without a stated limit answers this many calls at a time: a small service never asks for as many."""


def time_law(law: Law) -> TimeLaw:
    """Measured values, a fixed time, or lognormal with the same mean (s) and coefficient of variation."""
    if law.values_s:
        return Empirical(values_s=law.values_s)
    if law.cv == 0 or law.mean_s == 0:
        return Fixed(value_s=law.mean_s)
    return Lognormal(mean_s=law.mean_s, cv=law.cv)


def drawn_requests(arrivals: Arrivals, day_factors: tuple[float, ...] = ()) -> Poisson | Sessions:
    """The process that draws arrivals of this pattern; ``day_factors`` replace drawn ones, day after day."""
    pattern = arrivals.pattern
    if pattern.kind is ArrivalKind.POISSON:
        return Poisson(per_hour=arrivals.per_hour)
    return Sessions(
        per_hour=arrivals.per_hour,
        size=max(1.0, pattern.session_size),
        gap=time_law(Law(mean_s=pattern.session_gap_s, cv=pattern.session_gap_cv)),
        day_variance=pattern.day_variance,
        day_factors=day_factors,
    )


def _scaler(scaling: Scaling) -> model.Scaler:
    if scaling.kind is ScalerKind.REQUEST_COUNT:
        return model.RequestCount(per_worker=scaling.per_worker)
    return model.QueueDelay(delay_s=scaling.delay_s)


def _retry(callers: Callers) -> model.Retry | None:
    if callers.attempts <= 1:
        return None
    return model.Retry(
        attempts=callers.attempts,
        pause_s=callers.pause_s,
        factor=callers.factor,
        jitter_frac=callers.jitter_frac,
    )


def flex_workers(pool: FlexPool) -> model.WorkerPool:
    """Workers on demand beside active ones."""
    snapshot = pool.snapshot
    return model.WorkerPool(
        service=time_law(pool.service),
        cold_start=time_law(pool.cold_start),
        warm_start=time_law(snapshot.start) if snapshot else model.AT_ONCE,
        warm_share=snapshot.share_frac if snapshot else 0.0,
        warm_fade_s=snapshot.fade_s if snapshot else math.inf,
        idle_timeout=Fixed(value_s=pool.idle_timeout_s),
        active=pool.active,
        max_workers=pool.max_workers,
        slots=pool.slots,
        scaler=_scaler(pool.scaling),
        timeout_s=pool.callers.timeout_s,
        timeout_drops=pool.callers.cancels,
        retry=_retry(pool.callers),
        quiet=model.Quiet() if pool.falls_quiet else None,
    )


def fixed_servers(pool: FixedPool) -> model.WorkerPool:
    """Servers that are on by the hour: they finish the queue when their hours end, and start anew when lost."""
    lost = pool.lost_per_month
    return model.WorkerPool(
        service=time_law(pool.service),
        cold_start=time_law(pool.start),
        idle_timeout=Fixed(value_s=0.0),
        active=pool.workers,
        max_workers=max(pool.workers),
        slots=pool.slots,
        scaler=model.FloorOnly(),
        timeout_s=pool.callers.timeout_s,
        timeout_drops=pool.callers.cancels,
        retry=_retry(pool.callers),
        interruptions=model.Interruptions(mean_s=SECONDS_PER_MONTH / lost) if lost > 0 else None,
    )


def limited_api(pool: OpenPool) -> model.WorkerPool:
    """Somebody else's service with its limits: what exceeds them is refused at once, and asked again.

    The bucket holds a minute's tokens, as providers describe "requests a minute"; a narrower window refuses more.
    """
    limit = None
    if pool.per_minute is not None:
        limit = model.RateLimit(per_s=pool.per_minute / 60, burst=max(1.0, pool.per_minute))
    return model.WorkerPool(
        service=time_law(pool.service),
        active=(1,) * HOURS,
        max_workers=1,
        slots=pool.at_a_time or AT_A_TIME,
        scaler=model.FloorOnly(),
        queue_limit=0,
        rate_limit=limit,
        timeout_s=pool.callers.timeout_s,
        retry=_retry(pool.callers),
        failure_share=pool.failure_frac,
    )


def host(pool: HostPool) -> model.Host:
    """One of the hosts, with surplus credits to be had, as T3 and T4g come; the system's own CPU is not played."""
    return model.Host(work=time_law(pool.work), vcpu=pool.vcpu, baseline_frac=pool.baseline_frac)
