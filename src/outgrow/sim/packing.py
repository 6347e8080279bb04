"""Arguments of the compiled kernel: everything as numbers, in the order in which `native/*.h` reads them."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

from outgrow.sim.laws import (
    AnyLaw,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    Geometric,
    Lognormal,
    TimeLaw,
    Uniform,
    lognormal_parameters,
)
from outgrow.sim.model import (
    EachWait,
    Fitted,
    FloorOnly,
    Host,
    QueueDelay,
    Quiet,
    RateLimit,
    RequestCount,
    Retry,
    Scaler,
    WorkerPool,
)
from outgrow.sim.requests import HOURS, Given, Requests, Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

ORDER = 2
"""Goes up with every change of this order or of what the kernels play, here and as ``HANDED_ORDER`` in `native`."""

_NO_LIMIT = RateLimit(per_s=1.0, burst=1.0)
_NO_RETRY = Retry(attempts=1, pause_s=0.0, jitter_frac=0.0)
_NO_QUIET = Quiet()
_NOTHING = Fixed(value_s=0.0)


def pack_requests(numbers: array[float], values: array[float], requests: Requests) -> tuple[array[float], array[float]]:
    """Kind, rates, and what makes sessions; returns the times and services that are given."""
    times, services = array("d"), array("d")
    size, variance = 1.0, 0.0
    gap: TimeLaw = _NOTHING
    factors: tuple[float, ...] = ()
    kind, per_hour = 0.0, (0.0,) * HOURS
    match requests:
        case Given():
            kind, times, services = 1.0, requests.times_s, requests.service_s or services
        case Sessions():
            kind, per_hour, size, gap = 2.0, requests.per_hour, requests.size, requests.gap
            variance, factors = requests.day_variance, requests.day_factors
        case _:
            per_hour = requests.per_hour
    numbers.extend((kind, *per_hour, size, variance > 0, len(factors)))
    values.extend(factors)
    pack_law(numbers, values, Geometric(mean=size))
    pack_law(numbers, values, gap)
    pack_law(numbers, values, Gamma(shape=1.0 / variance) if variance > 0 else _NOTHING)
    return times, services


def host_numbers(host: Host) -> Iterable[float]:
    """In the order in which the compiled kernel reads them."""
    burstable = host.baseline_frac is not None
    earned = host.vcpu * (host.baseline_frac or 0.0)
    return host.vcpu, burstable, earned, host.unlimited, host.launch_credits_s, host.system_vcpu


def pool_numbers(pool: WorkerPool, *, records: bool) -> Iterable[float]:
    """In the order in which the compiled kernel reads them."""
    limit, retry, quiet = pool.rate_limit or _NO_LIMIT, pool.retry or _NO_RETRY, pool.quiet or _NO_QUIET
    return (
        records,
        pool.max_workers,
        pool.slots,
        *_scaler_numbers(pool.scaler),
        -1 if pool.queue_limit is None else pool.queue_limit,
        pool.warm_share,
        pool.warm_fade_s,
        pool.timeout_s,
        pool.timeout_drops,
        pool.failure_share,
        pool.patience is not None,
        *(pool.rate_limit is not None, limit.per_s, limit.burst),
        *(retry.attempts, retry.pause_s, retry.factor, retry.jitter_frac),
        *(pool.interruptions is not None, pool.interruptions.notice_s if pool.interruptions else 0.0),
        *(pool.quiet is not None, quiet.reduced_after_s, quiet.reduced_to, quiet.off_after_s, quiet.raised_after_s),
        *pool.active,
    )


def pool_laws(pool: WorkerPool) -> Iterable[AnyLaw]:
    """In the order in which the compiled kernel reads them."""
    return (
        pool.service,
        pool.cold_start,
        pool.warm_start,
        pool.idle_timeout,
        pool.patience or _NOTHING,
        Exponential(mean_s=pool.interruptions.mean_s) if pool.interruptions else _NOTHING,
    )


def _scaler_numbers(scaler: Scaler) -> tuple[int, float]:
    match scaler:
        case QueueDelay(delay_s=delay_s):
            return 0, delay_s
        case RequestCount(per_worker=per_worker):
            return 1, per_worker
        case EachWait():
            return 2, 0
        case Fitted(at_once=at_once):
            return 3, at_once
        case FloorOnly():
            return 4, 0


def pack_law(numbers: array[float], values: array[float], law: AnyLaw) -> None:
    """Kind, two parameters, how many values; the values go into their own array."""
    kind, a, b, own = _law_numbers(law)
    numbers.extend((kind, a, b, len(own)))
    values.extend(own)


def _law_numbers(law: AnyLaw) -> tuple[int, float, float, tuple[float, ...]]:
    match law:
        case Fixed():
            return 0, law.value_s, 0, ()
        case Exponential():
            return 1, law.mean_s, 0, ()
        case Lognormal():
            return 2, *lognormal_parameters(law), ()
        case Empirical():
            return 3, 0, 0, law.values_s
        case Uniform():
            return 4, 0, 0, ()
        case Gamma():
            return 5, law.shape, 0, ()
        case Geometric():
            return 6, math.log1p(-1.0 / law.mean) if law.mean > 1 else 0.0, 0, ()
