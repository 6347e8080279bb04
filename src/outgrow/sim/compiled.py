"""Chooses the kernel: the compiled one where the install could build it, otherwise the plain one. Equal numbers."""

from __future__ import annotations

import math
import struct
from array import array
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from outgrow.sim.arrivals import arrival_times, service_times
from outgrow.sim.histogram import LogHistogram
from outgrow.sim.laws import (
    AnyLaw,
    Empirical,
    Exponential,
    Fixed,
    Gamma,
    Geometric,
    Lognormal,
    Uniform,
    lognormal_parameters,
)
from outgrow.sim.model import (
    HOURS,
    METER_FIELDS,
    EachWait,
    Fitted,
    Given,
    Meters,
    Observed,
    PerRequest,
    QueueDelay,
    RequestCount,
    Requests,
    Scaler,
    Span,
    WorkerPool,
)
from outgrow.sim.streams import draws

if TYPE_CHECKING:
    from collections.abc import Iterable

Engine = Literal["compiled", "plain"]
_WORD = (1 << 64) - 1
_METERS = struct.Struct(f"{len(METER_FIELDS)}d")


def _load() -> Any:
    try:
        return import_module("outgrow.sim._kernel")
    except ImportError:
        return None


_kernel = _load()


def engine(asked: Engine | None = None) -> Engine:
    """Which kernel plays: the asked one, or compiled if it is there. ImportError if it is asked for and is not."""
    if asked == "compiled" and _kernel is None:
        raise ImportError("the compiled kernel is not installed; reinstall outgrow with a C compiler, or use 'plain'")
    return asked or ("plain" if _kernel is None else "compiled")


def simulate(
    model: WorkerPool | PerRequest,
    requests: Requests,
    span: Span,
    *,
    records: bool = False,
    asked: Engine | None = None,
) -> Observed:
    """What the model does with the requests over the span: same arguments, same result, on either engine.

    ``records`` (worker pools only) keeps one flat record per counted request. Raises ValueError at given arrivals that
    are out of order or range. Ctrl-C is seen within some milliseconds.
    """
    if engine(asked) == "compiled":
        return _compiled(model, requests, span, records=records)
    if isinstance(model, PerRequest):
        from outgrow.sim.per_request import play_per_request

        return play_per_request(model, requests, span)
    from outgrow.sim.kernel import play_pool

    return play_pool(model, requests, span, records=records)


def draw_many(law: AnyLaw, seed: int, purpose: int, count: int, *, asked: Engine | None = None) -> array[float]:
    """The first ``count`` draws of a stream."""
    if engine(asked) == "plain":
        return array("d", islice(draws(law, seed, purpose), count))
    numbers, values = array("d"), array("d")
    _pack_law(numbers, values, law)
    return array("d", _kernel.draws(seed & _WORD, purpose, numbers, values, count))


def _compiled(model: WorkerPool | PerRequest, requests: Requests, span: Span, *, records: bool) -> Observed:
    numbers, values = array("d", (span.horizon_s, span.warmup_s)), array("d")
    if isinstance(model, PerRequest):
        play = _kernel.per_request
        numbers.append(model.max_instances)
        laws: Iterable[AnyLaw] = (model.warm, model.cold, model.expiry)
    else:
        play = _kernel.pool
        numbers.extend(_pool_numbers(model, records=records))
        laws = (
            model.service,
            model.cold_start,
            model.warm_start,
            model.idle_timeout,
            model.patience or Fixed(value_s=0),
        )
    for law in laws:
        _pack_law(numbers, values, law)
    times, services = array("d"), array("d")
    if isinstance(requests, Given):
        times, services = requests.times_s, requests.service_s or services
        numbers.extend((1.0, *[0.0] * HOURS))
    else:
        numbers.extend((0.0, *requests.per_hour))
    try:
        out = play(span.seed & _WORD, numbers, values, times, services)
    except ValueError:
        _complain(model, requests, span)
        raise
    if isinstance(model, PerRequest):
        return Observed(meters=_meters(out), wait=LogHistogram(), response=LogHistogram())
    meters, wait, response, kept = out
    return Observed(
        meters=_meters(meters),
        wait=LogHistogram(array("Q", wait)),
        response=LogHistogram(array("Q", response)),
        records=array("d", kept) if records else None,
    )


def _complain(model: WorkerPool | PerRequest, requests: Requests, span: Span) -> None:
    """Says what is wrong with given arrivals in the words of the plain kernel."""
    law = model.warm if isinstance(model, PerRequest) else model.service
    for _ in zip(arrival_times(requests, span.seed), service_times(requests, law, span.seed), strict=False):
        pass


def _meters(packed: bytes) -> Meters:
    return Meters(**dict(zip(METER_FIELDS, _METERS.unpack(packed), strict=True)))


def _pool_numbers(pool: WorkerPool, *, records: bool) -> Iterable[float]:
    """In the order in which the compiled kernel reads them."""
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
        *pool.active,
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


def _pack_law(numbers: array[float], values: array[float], law: AnyLaw) -> None:
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
