"""Chooses the kernel: the compiled one where the install could build it, otherwise the plain one. Equal numbers."""

from __future__ import annotations

import struct
from array import array
from importlib import import_module
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any, Literal

from outgrow.sim.arrivals import arrival_times, service_times
from outgrow.sim.histogram import BINS, LogHistogram
from outgrow.sim.model import Host, Model, PerRequest, WorkerPool
from outgrow.sim.observed import METER_FIELDS, Meters, Observed, Span
from outgrow.sim.packing import ORDER, host_numbers, pack_law, pack_requests, pool_laws, pool_numbers
from outgrow.sim.streams import draws

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.sim.laws import AnyLaw
    from outgrow.sim.requests import Requests

Engine = Literal["compiled", "plain"]
_WORD = (1 << 64) - 1
_METERS = struct.Struct(f"{len(METER_FIELDS)}d")


def _load() -> Any:
    """The compiled kernel, if it is there and was built from these sources."""
    try:
        found = import_module("outgrow.sim._kernel")
    except ImportError:
        return None
    return found if getattr(found, "ORDER", 0) == ORDER else None


_kernel = _load()


def engine(asked: Engine | None = None) -> Engine:
    """Which kernel plays: the asked one, or compiled if it is there. ImportError if it is asked for and is not."""
    if asked == "compiled" and _kernel is None:
        raise ImportError("the compiled kernel is not installed; reinstall outgrow with a C compiler, or use 'plain'")
    return asked or ("plain" if _kernel is None else "compiled")


def simulate(
    model: Model,
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
    match model:
        case PerRequest():
            from outgrow.sim.per_request import play_per_request

            return play_per_request(model, requests, span)
        case Host():
            from outgrow.sim.host import play_host

            return play_host(model, requests, span)
        case WorkerPool():
            from outgrow.sim.kernel import play_pool

            return play_pool(model, requests, span, records=records)


def draw_arrivals(requests: Requests, seed: int, horizon_s: float, *, asked: Engine | None = None) -> array[float]:
    """The times before ``horizon_s`` at which requests arrive: drawn once, played by many options."""
    if engine(asked) == "plain":
        return array("d", takewhile(lambda time_s: time_s < horizon_s, arrival_times(requests, seed, horizon_s)))
    numbers, values = array("d", (horizon_s,)), array("d")
    times, services = pack_requests(numbers, values, requests)
    try:
        return array("d", _kernel.arrivals(seed & _WORD, numbers, values, times, services))
    except ValueError:
        list(arrival_times(requests, seed, horizon_s))
        raise


def draw_many(law: AnyLaw, seed: int, purpose: int, count: int, *, asked: Engine | None = None) -> array[float]:
    """The first ``count`` draws of a stream."""
    if engine(asked) == "plain":
        return array("d", islice(draws(law, seed, purpose), count))
    numbers, values = array("d"), array("d")
    pack_law(numbers, values, law)
    return array("d", _kernel.draws(seed & _WORD, purpose, numbers, values, count))


def _compiled(model: Model, requests: Requests, span: Span, *, records: bool) -> Observed:
    numbers, values = array("d", (span.horizon_s, span.warmup_s)), array("d")
    laws: Iterable[AnyLaw]
    match model:
        case PerRequest():
            play, laws = _kernel.per_request, (model.warm, model.cold, model.expiry)
            numbers.append(model.max_instances)
        case Host():
            play, laws = _kernel.host, (model.work,)
            numbers.extend(host_numbers(model))
        case WorkerPool():
            play, laws = _kernel.pool, pool_laws(model)
            numbers.extend(pool_numbers(model, records=records))
    for law in laws:
        pack_law(numbers, values, law)
    times, services = pack_requests(numbers, values, requests)
    try:
        out = play(span.seed & _WORD, numbers, values, times, services)
    except ValueError:
        _complain(model, requests, span)
        raise
    if isinstance(model, PerRequest):
        return Observed(meters=_meters(out), wait=LogHistogram(), response=LogHistogram())
    meters, wait, response, *kept = out
    return Observed(
        meters=_meters(meters),
        wait=_histogram(wait),
        response=_histogram(response),
        records=array("d", kept[0]) if kept and records else None,
    )


def _histogram(packed: bytes) -> LogHistogram:
    return LogHistogram(array("Q", packed[: 8 * BINS]), array("d", packed[8 * BINS :]))


def _complain(model: Model, requests: Requests, span: Span) -> None:
    """Says what is wrong with given arrivals in the words of the plain kernel."""
    law = {PerRequest: "warm", Host: "work", WorkerPool: "service"}[type(model)]
    times = arrival_times(requests, span.seed, span.horizon_s)
    for _ in zip(times, service_times(requests, getattr(model, law), span.seed), strict=False):
        pass


def _meters(packed: bytes) -> Meters:
    return Meters(**dict(zip(METER_FIELDS, _METERS.unpack(packed), strict=True)))
