"""How well does a fit hold on days it has not seen? Counts, gaps, and what two reference pools make of the requests."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.domain.numeric import quantile
from outgrow.fit.days import FEWEST_DAYS, survey
from outgrow.fit.estimates import COVERAGE, half_width
from outgrow.fit.process import SHORTEST_S, Fit, Speeds, fit_trace
from outgrow.sim.compiled import draw_arrivals, draw_many, engine, simulate
from outgrow.sim.laws import Lognormal
from outgrow.sim.model import FloorOnly, WorkerPool
from outgrow.sim.observed import Span
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS, Given, Poisson, Sessions, steady
from outgrow.sim.streams import Purpose
from outgrow.sim.traces import as_given, cut

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outgrow.domain.trace import Trace
    from outgrow.fit.days import Days

HELD_SHARE = 1 / 3
"""What is held out: whole days where there are `FEWEST_DAYS` of them, else the last part of the time."""

FEWEST_HELD = 30
"""Fewer requests, fitted or held out, are not checked."""

LEAST_HELD = 0.5
"""A fit that holds for a smaller share of the figures does not hold. A right one misses one in five, and as figures go
together sometimes two in five."""

MOST_HELD = {"compiled": 40_000, "plain": 4_000}
"""Requests of the held-out part that are looked at, by kernel."""

WORK = {"compiled": 1_000_000, "plain": 40_000}
"""Requests drawn for the intervals, by kernel."""

FEWEST_DRAWS, MOST_DRAWS = 20, 80
"""Draws of the held-out part, whatever its length: enough for the ends of a middle 80 %."""

LEAD_SESSIONS = 10.0
"""Mean lengths of a session by which a stretch without a shape is drawn too early."""

WINDOWS_S = (1.0, 10.0, 60.0, 600.0, HOUR_S)
FEWEST_WINDOWS = 10
"""Windows of which fewer fit into the held-out part are left out."""

LOAD = 0.5
"""How busy a reference pool is in the busiest hour: queues form and clear again. Nearer to 1 a few hours would decide
every quantile, near 0 nobody would wait."""

FLEX_SERVICE_S, FLEX_CV = 3.0, 0.5
FLEX_START = Lognormal(mean_s=20.0, cv=0.5)
"""Service and start of the flex worker where the log does not know them."""

SERVER_CV = 1.0
"""Coefficient of variation of the server's service time where the log does not know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A figure of a process over its draws: the middle 80 %."""

    low: float
    mid: float
    high: float

    def holds(self, value: float) -> bool:
        """Is it inside?"""
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure of the held-out requests beside what the fit and plain Poisson arrivals give."""

    name: str
    unit: str
    real: float
    fitted: Band
    poisson: Band


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The figures, and on what they rest.

    ``fitted_until_s`` and ``held_s`` are seconds of the trace: fitted before, held out from begin to end. ``draws``:
    how often each process was drawn. ``flex`` and ``server`` are the reference pools.
    """

    fitted_until_s: float
    held_s: tuple[float, float]
    held_requests: int
    draws: int
    flex: WorkerPool
    server: WorkerPool
    figures: tuple[Figure, ...]

    @property
    def inside(self) -> int:
        """Figures of the trace inside the interval of the fit."""
        return sum(figure.fitted.holds(figure.real) for figure in self.figures)

    @property
    def holds(self) -> bool:
        """Does the fit hold for `LEAST_HELD` of the figures or more?"""
        return self.inside >= LEAST_HELD * len(self.figures)

    @property
    def inside_poisson(self) -> int:
        """The same for Poisson arrivals."""
        return sum(figure.poisson.holds(figure.real) for figure in self.figures)


def check_fit(trace: Trace, speeds: Speeds, seed: int) -> Check | None:
    """The fit of the first part of a trace against the rest; None where there is too little to hold out.

    Requests a day are those of the fit, with the error of its rate. All other figures are drawn at the mean rate of the
    held-out part, so that they test the pattern and not the level once more; intervals hold the middle 80 % of the
    draws. Service and start times come from the same laws for all three, which differ by their arrivals alone. Held out
    once: with few days the verdict is noisy. Source: ours, by simulation from the fit (parametric bootstrap, Efron
    1979).
    """
    parts = _parts(trace)
    if parts is None:
        return None
    early, held = parts
    held = _limited(held, MOST_HELD[engine()])
    held_s = held.span_s
    fit = fit_trace(early, speeds)
    length_s = held.span_s[1] - held.span_s[0]
    per_day = len(held.times_s) / length_s * DAY_S
    pattern, origin_s = _pattern(fit, per_day, held.span_s)
    held = _from(held, origin_s)
    flex, server = reference_pools(fit, per_day)
    bench = Bench(span_s=held.span_s, flex=flex, server=server, resolution_s=trace.resolution_s)
    real = bench.figures(as_given(held, seed).times_s, seed)
    draws = min(MOST_DRAWS, max(FEWEST_DRAWS, WORK[engine()] // len(held.times_s)))
    patterns = {"fitted": pattern, "poisson": steady(per_day / DAY_S)}
    doubts = draw_many(Lognormal(mean_s=1.0, cv=_rate_error(fit)), seed, Purpose.DAY, draws)
    made: dict[str, list[dict[str, float]]] = {name: [] for name in patterns}
    for own, doubt in enumerate(doubts, seed + 1):
        for name, process in patterns.items():
            found = bench.figures(_drawn(process, held.span_s, own), own)
            found[REQUESTS] *= doubt * fit.per_day.mid / per_day
            made[name].append(found)
    figures = tuple(
        Figure(name=name, unit=UNITS[name.split(",")[0]], real=value, **{by: _band(name, made[by]) for by in made})
        for name, value in real.items()
    )
    return Check(
        fitted_until_s=early.span_s[1],
        held_s=held_s,
        held_requests=len(held.times_s),
        draws=draws,
        flex=flex,
        server=server,
        figures=figures,
    )


def _rate_error(fit: Fit) -> float:
    """Relative error of the rate the next stretch is told by; within one day the unseen hours play no part."""
    if fit.whole_days >= FEWEST_DAYS // 2:
        return min(1.0, math.log(fit.per_day.high / fit.per_day.mid) / half_width())
    dispersion_ = fit.sessions.dispersion if fit.sessions else 1.0
    return min(1.0, math.sqrt(dispersion_ / fit.requests))


def _parts(trace: Trace) -> tuple[Trace, Trace] | None:
    """What is fitted and what is held out: the first split that leaves both enough requests."""
    for until, (begin, end) in _splits(survey(trace)):
        early, held = cut(trace, trace.span_s[0], until), cut(trace, begin, end)
        enough = min(len(held.times_s), len(early.times_s)) >= FEWEST_HELD
        if enough and until - trace.span_s[0] >= SHORTEST_S:
            return early, held
    return None


def _splits(days: Days) -> Iterator[tuple[float, tuple[float, float]]]:
    """Ends of the fitted part with the held-out part after it, the preferred first. A hole is in none of the latter.

    Held out are the last whole days where there are enough, of those the longest stretch between two holes; else the
    last part of the time the log watched, as far as it lies in its last stretch, or in an earlier one. The fitted part
    ends where a hole begins, not where it ends.
    """
    if len(days.whole) >= FEWEST_DAYS:
        held = days.whole[-max(1, round(len(days.whole) * HELD_SHARE)) :]
        edges = [-math.inf, *(edge for hole in days.missing for edge in hole), math.inf]
        stretches = list(zip(edges[::2], edges[1::2], strict=True))
        runs = [[day for day in held if begin <= (day + 0.5) * DAY_S < end] for begin, end in stretches]
        run, (begin, end) = max(zip(reversed(runs), reversed(stretches), strict=True), key=lambda each: len(each[0]))
        begin, end = max(begin, run[0] * DAY_S), min(end, (run[-1] + 1) * DAY_S)
        yield _watched_until(days, begin), (begin, end)
    if days.missing or len(days.whole) < FEWEST_DAYS:
        for begin, end in reversed(days.segments):
            until = max(begin, end - days.watched_s * HELD_SHARE)
            yield _watched_until(days, until), (until, end)


def _watched_until(days: Days, time_s: float) -> float:
    """The last moment before ``time_s`` that the log watched."""
    return max((min(end, time_s) for begin, end in days.segments if begin < time_s), default=time_s)


def _limited(held: Trace, most: int) -> Trace:
    """The first ``most`` requests, by whole days where at least one fits."""
    if len(held.times_s) <= most:
        return held
    begin = held.span_s[0]
    days = int((held.times_s[most] - begin) // DAY_S)
    return cut(held, begin, begin + days * DAY_S if days else held.times_s[most])


def _from(held: Trace, origin_s: float) -> Trace:
    """The same requests counted from another second 0, without their service times."""
    begin, end = held.span_s
    times_s = array("d", [time_s - origin_s for time_s in held.times_s])
    return replace(held, times_s=times_s, span_s=(begin - origin_s, end - origin_s), service_s=None)


def _pattern(fit: Fit, per_day: float, span_s: tuple[float, float]) -> tuple[Poisson | Sessions, float]:
    """The fitted process at another rate, and the second to draw it from: the full hour before a stretch.

    Within one hour, or where the shape of the day is not known, it is drawn at an even rate, from a little earlier on,
    so that sessions are under way.
    """
    begin, end = span_s
    process = fit.process
    if fit.shape.seen and end - begin >= HOUR_S:
        hour = int(begin // HOUR_S) % HOURS
        scale = per_day / fit.per_day.mid
        hours = [scale * requests for requests in process.per_hour]
        return replace(process, per_hour=tuple(hours[hour:] + hours[:hour])), begin // HOUR_S * HOUR_S
    lead_s = 0.0 if fit.sessions is None else LEAD_SESSIONS * fit.sessions.size.mid * fit.sessions.gap_s.mid
    return replace(process, per_hour=(per_day / HOURS,) * HOURS), begin - min(end - begin, lead_s)


def _drawn(process: Poisson | Sessions, span_s: tuple[float, float], seed: int) -> array[float]:
    """Arrivals within a stretch."""
    times_s = draw_arrivals(process, seed, span_s[1])
    return times_s[bisect_left(times_s, span_s[0]) :]


def reference_pools(fit: Fit, per_day: float) -> tuple[WorkerPool, WorkerPool]:
    """A flex worker that scales to zero when idle, and a server that is `LOAD` busy in its busiest hour.

    ``per_day``: requests a day, above 0. The server works ``LOAD x 3600 / requests of that hour`` seconds on each. The
    flex worker has the log's service and start times where it knows them, but is at most as busy (starts apart).
    """
    busy_s = LOAD / (per_day * max(fit.shape.mids) / HOUR_S)
    service_s, cv = (fit.service.mean_s.mid, fit.service.cv.mid) if fit.service else (FLEX_SERVICE_S, FLEX_CV)
    timed = fit.starts.time if fit.starts else None
    start = Lognormal(mean_s=timed.mean_s.mid, cv=timed.cv.mid) if timed else FLEX_START
    flex = WorkerPool(service=Lognormal(mean_s=min(service_s, busy_s), cv=cv), cold_start=start, max_workers=1)
    server = WorkerPool(
        service=Lognormal(mean_s=busy_s, cv=fit.service.cv.mid if fit.service else SERVER_CV),
        active=(1,) * HOURS,
        max_workers=1,
        scaler=FloorOnly(),
    )
    return flex, server


REQUESTS = "requests"
UNITS = {
    REQUESTS: "a day",
    "dispersion of counts": "",
    "gap": "s",
    "flex starts": "a request",
    "flex billed": "h a day",
    "flex response": "s",
    "server response": "s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Measures arrivals within a stretch, alike for what was recorded and what is drawn."""

    span_s: tuple[float, float]
    flex: WorkerPool
    server: WorkerPool
    resolution_s: float

    def figures(self, times_s: Sequence[float], seed: int) -> dict[str, float]:
        """Every figure of some arrivals."""
        begin, end = self.span_s
        length_s = end - begin
        found = {REQUESTS: len(times_s) / length_s * DAY_S}
        for window_s in WINDOWS_S:
            if window_s * FEWEST_WINDOWS <= length_s and window_s > self.resolution_s:
                found[f"dispersion of counts, {_lasting(window_s)}"] = dispersion(times_s, self.span_s, window_s)
        gaps = sorted(after - before for before, after in pairwise(times_s)) or [length_s]
        found["gap, p50"], found["gap, p95"] = quantile(gaps, 0.5), quantile(gaps, 0.95)
        given = Given(times_s=array("d", [time_s - begin for time_s in times_s]))
        span = Span(horizon_s=length_s, seed=seed)
        flex, server = simulate(self.flex, given, span), simulate(self.server, given, span)
        found["flex starts"] = flex.meters.cold_starts / max(1.0, flex.meters.arrivals)
        found["flex billed"] = flex.meters.flex_s / HOUR_S / (length_s / DAY_S)
        for name, played in (("flex response", flex), ("server response", server)):
            for share in (0.5, 0.95, 0.99):
                found[f"{name}, p{round(100 * share)}"] = played.response.quantile(share)
        return found


def _lasting(window_s: float) -> str:
    return f"{window_s:g} s" if window_s < 60 else f"{window_s / 60:g} min" if window_s < HOUR_S else "1 h"


def dispersion(times_s: Sequence[float], span_s: tuple[float, float], window_s: float) -> float:
    """Variance over mean of the requests in whole windows of a stretch: 0 or more; 1 for Poisson arrivals, 0 for none.

    Times, stretch and window in seconds; at least one whole window. Source: index of dispersion, Cox and Lewis 1966.
    """
    windows = int((span_s[1] - span_s[0]) / window_s + 1e-9)
    counts = Counter([int((time_s - span_s[0]) / window_s) for time_s in times_s])
    inside = [count for window, count in counts.items() if window < windows]
    mean = sum(inside) / windows
    if mean == 0:
        return 0.0
    return (sum(count * count for count in inside) / windows - mean * mean) / mean


def _band(name: str, draws: list[dict[str, float]]) -> Band:
    ordered = sorted(draw[name] for draw in draws)
    tail = (1 - COVERAGE) / 2
    return Band(low=quantile(ordered, tail), mid=quantile(ordered, 0.5), high=quantile(ordered, 1 - tail))
