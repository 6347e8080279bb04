"""What a recorded trace becomes before it is played: cut, repeated to a longer horizon, scaled to another load."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from outgrow.domain.trace import STARTED
from outgrow.sim.compiled import draw_many
from outgrow.sim.laws import Uniform, check_range
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS, Given
from outgrow.sim.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outgrow.domain.trace import Trace

COLUMNS = ("service_s", "input_tokens", "output_tokens", "session", "instance", "start_s", "delay_s")
MOST_FACTOR = 1000.0
"""More copies of a trace than this say nothing of the demand any more."""

EDGE_S = 60.0
"""A log whose first or last request is this near to midnight has watched the day: its span is told by requests."""

STRETCH = 1 << 16


def as_given(trace: Trace, seed: int = 0) -> Given:
    """The trace as arrivals to be played, hour h of the run being hour h of the day.

    Stamps of a resolution r stand for some moment in [t, t + r); they are spread evenly by chance, so that ties of the
    clock are not taken for requests at one instant. Times from before second 0 are refused by the kernel.
    """
    services = None if trace.service_is_response else trace.service_s
    if trace.resolution_s <= 0 or not len(trace.times_s):
        return Given(times_s=trace.times_s, service_s=services)
    moved = draw_many(Uniform(), seed, Purpose.ARRIVALS, len(trace.times_s))
    times, spread_services = array("d"), array("d")
    for first, last in _stretches(trace):
        stamps, parts = trace.times_s[first:last], moved[first:last]
        spread = [time_s + part * trace.resolution_s for time_s, part in zip(stamps, parts, strict=True)]
        order = sorted(range(len(spread)), key=spread.__getitem__)
        times.extend([spread[place] for place in order])
        if services is not None:
            spread_services.extend([services[first + place] for place in order])
    return Given(times_s=times, service_s=None if services is None else spread_services)


def _stretches(trace: Trace) -> Iterator[tuple[int, int]]:
    """Pieces of the trace at whose ends no spread stamp can pass another: little memory at a time."""
    times, count, first = trace.times_s, len(trace.times_s), 0
    while first < count:
        last = min(count, first + STRETCH)
        while last < count and times[last] < times[last - 1] + trace.resolution_s:
            last += 1
        yield first, last
        first = last


def cut(trace: Trace, begin_s: float, end_s: float) -> Trace:
    """What came from ``begin_s`` up to ``end_s`` (s); seconds are still counted from the trace's first midnight."""
    first, last = bisect_left(trace.times_s, begin_s), bisect_left(trace.times_s, end_s)
    columns: dict[str, Any] = {name: column[first:last] for name, column in _columns(trace).items()}
    return replace(trace, times_s=trace.times_s[first:last], span_s=(begin_s, end_s), **columns)


def size_of(trace: Trace, day: int, days: int) -> int:
    """Requests of so many days from ``day`` on, counted from second 0."""
    return bisect_left(trace.times_s, (day + days) * DAY_S) - bisect_left(trace.times_s, day * DAY_S)


def per_day_of(trace: Trace) -> float:
    """Requests of an average whole day; of a trace without one, those of its time scaled to a day (0 or more)."""
    if whole := whole_days(trace):
        return size_of(trace, whole[0], len(whole)) / len(whole)
    begin, end = trace.span_s
    return len(trace.times_s) * DAY_S / max(end - begin, 1e-6)


def of_whole_days(trace: Trace) -> Trace:
    """The days that were watched from end to end; all of the trace where there is none."""
    whole = whole_days(trace)
    if not whole or trace.span_s == (whole[0] * DAY_S, (whole[-1] + 1) * DAY_S):
        return trace
    return cut(trace, whole[0] * DAY_S, (whole[-1] + 1) * DAY_S)


def mean_work_s(trace: Trace) -> float:
    """Mean of ``service_s`` over all requests, of a trace that is `as_work`; 0 where it has none."""
    if trace.service_s is None or trace.service_is_response or not len(trace.service_s):
        return 0.0
    return math.fsum(trace.service_s) / len(trace.service_s)


def as_work(trace: Trace) -> Trace:
    """The trace with what a worker worked on each request in ``service_s``, or None where it does not say.

    A time that callers saw is none. A request whose time includes a start of unknown length is given that of the
    request before it that met none.
    """
    if trace.service_s is None or trace.service_is_response:
        return replace(trace, service_s=None, service_is_response=False)
    if trace.start_s is None or STARTED not in trace.start_s:
        return trace
    warm = array("d", trace.service_s)
    last = next((took for took, start in zip(warm, trace.start_s, strict=True) if start != STARTED), 0.0)
    for place, start in enumerate(trace.start_s):
        if start == STARTED:
            warm[place] = last
        else:
            last = warm[place]
    return replace(trace, service_s=warm)


def hours_of(trace: Trace) -> tuple[float, ...]:
    """The share of a day's requests that falls into each hour, by its whole days.

    Without one: by the rate of each hour while it was watched; even for a trace of less than a day, which repeats.
    """
    trace = of_whole_days(trace)
    begin, end = trace.span_s
    if end - begin < DAY_S or not len(trace.times_s):
        return (1.0 / HOURS,) * HOURS
    counts, watched_s = [0] * HOURS, [0.0] * HOURS
    for time_s in trace.times_s:
        counts[int(time_s % DAY_S // HOUR_S)] += 1
    for hour in range(math.floor(begin / HOUR_S), math.ceil(end / HOUR_S)):
        watched_s[hour % HOURS] += min(end, (hour + 1) * HOUR_S) - max(begin, hour * HOUR_S)
    rates = [count / seconds for count, seconds in zip(counts, watched_s, strict=True)]
    return tuple(rate / math.fsum(rates) for rate in rates)


def whole_days(trace: Trace) -> range:
    """The days that were watched from end to end, counted from second 0; a minute's edge is forgiven."""
    begin, end = trace.span_s
    return range(math.ceil((begin - EDGE_S) / DAY_S), math.floor((end + EDGE_S) / DAY_S))


def resampled(trace: Trace, days: Sequence[int]) -> Trace:
    """A trace of these ``days`` (counted from second 0) one after another; a day may come more than once.

    Sessions over midnight are cut. Source: bootstrap by blocks, Efron and Tibshirani 1993, chapter 8.
    """
    bounds = {day: [bisect_left(trace.times_s, (day + edge) * DAY_S) for edge in (0, 1)] for day in set(days)}
    times = array("d")
    columns: dict[str, Any] = {name: array(column.typecode) for name, column in _columns(trace).items()}
    for place, day in enumerate(days):
        first, last = bounds[day]
        by_s = (place - day) * DAY_S
        times.extend([time_s + by_s for time_s in trace.times_s[first:last]])
        for name, column in _columns(trace).items():
            columns[name].extend(column[first:last])
    return replace(trace, times_s=times, span_s=(0.0, len(days) * DAY_S), **columns)


def shifted(trace: Trace, by_s: float) -> Trace:
    """Everything ``by_s`` later."""
    begin, end = trace.span_s
    return replace(
        trace, times_s=array("d", [time_s + by_s for time_s in trace.times_s]), span_s=(begin + by_s, end + by_s)
    )


def period_of(trace: Trace) -> float:
    """After how long a repetition begins: the days the trace touches, or its own length for less than a day."""
    begin, end = trace.span_s
    if end - begin < 0.98 * DAY_S:
        return max(end - begin, 1e-6)
    return (math.ceil(end / DAY_S) - math.floor(begin / DAY_S)) * DAY_S


def repeated(trace: Trace, horizon_s: float) -> Trace:
    """The trace over and over until ``horizon_s``, each time whole days later, so that hours stay hours.

    A trace shorter than a day follows on itself without a pause. What is rare in the trace comes back with the same
    rhythm: a repeated month knows no day that the month did not have, and its bill has no more independent days than
    the trace. Days touched only in part are quiet for their other part.
    """
    period = period_of(trace)
    end = trace.span_s[1]
    copies = max(1, math.ceil((horizon_s - trace.span_s[0]) / period))
    times = array("d", trace.times_s)
    columns = {name: column[:] for name, column in _columns(trace).items()}
    for copy in range(1, copies):
        times.extend(time_s + copy * period for time_s in trace.times_s)
        for name, column in _columns(trace).items():
            columns[name].extend(column)
    longer = replace(trace, times_s=times, span_s=(trace.span_s[0], end + (copies - 1) * period), **columns)
    return cut(longer, longer.span_s[0], min(horizon_s, longer.span_s[1])) if horizon_s < longer.span_s[1] else longer


def scaled(trace: Trace, factor: float, seed: int = 0) -> Trace:
    """The trace with ``factor`` times its requests, 0 to 1000, in the same time.

    Whole copies are laid over it, each moved by its own number of whole days around the trace's end (by chance within
    the trace when it is not two or more whole days); the part left over is a seeded choice of requests, of whole
    sessions where the trace names them. Copies do not know of each other: more users of the same kind, not the same
    users asking more. A choice of single requests thins sessions too, and moved copies put a busy day on a quiet one,
    so that days differ less: variance of the day factor falls by up to ``1 / factor``. Source: ours.
    """
    check_range("factor", factor, 0, MOST_FACTOR)
    whole, part = int(factor), factor - int(factor)
    begin, end = trace.span_s
    days = len(whole_days(trace)) if of_whole_days(trace) is trace else 0
    period = days * DAY_S if days > 1 else max(end - begin, 1e-6)
    moves = draw_many(Uniform(), seed, Purpose.DAY, whole + 1)
    times, places = array("d"), array("q")
    for copy in range(whole + (part > 0)):
        by_s = moves[copy] * period if days < 2 else (1 + int(moves[copy] * (days - 1))) * DAY_S
        kept = range(len(trace.times_s)) if copy < whole else _chosen(trace, part, seed)
        for place in kept:
            time_s = trace.times_s[place]
            times.append(begin + (time_s - begin + by_s) % period if copy else time_s)
            places.append(place)
    order = sorted(range(len(times)), key=times.__getitem__)
    columns: dict[str, Any] = {
        name: array(column.typecode, [column[places[place]] for place in order])
        for name, column in _columns(trace).items()
    }
    return replace(trace, times_s=array("d", [times[place] for place in order]), **columns)


def _chosen(trace: Trace, share: float, seed: int) -> Sequence[int]:
    """Places of a share of the requests; all or none of a session where sessions are named."""
    draws = draw_many(Uniform(), seed, Purpose.SESSION_SIZE, len(trace.times_s))
    if trace.session is None:
        return [place for place, draw in enumerate(draws) if draw < share]
    fate: dict[int, bool] = {}
    for name, draw in zip(trace.session, draws, strict=True):
        fate.setdefault(name, draw < share)
    return [place for place, name in enumerate(trace.session) if fate[name]]


def _columns(trace: Trace) -> dict[str, Any]:
    return {name: column for name in COLUMNS if (column := getattr(trace, name)) is not None}
