"""How long does a request take, and what does a start cost?"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.domain.numeric import quantile
from outgrow.domain.trace import STARTED
from outgrow.fit.estimates import (
    MOST_GROUPS,
    Estimate,
    around,
    half_width,
    jackknife_errors,
    mean_and_cv,
    normal_quantile,
)
from outgrow.fit.mixture import two_kinds
from outgrow.sim.laws import Lognormal, lognormal_parameters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.trace import Trace

CHECKED_SHARES = (0.5, 0.9, 0.95, 0.99)
NEAR = 0.2
"""A lognormal law holds when its quantiles at `CHECKED_SHARES` are within this (logarithm) of those found."""

CV_DOUBT = 0.5
"""Relative error of a cv told from a difference of variances: a guess."""

MOST_SORTED = 200_000
FEWEST_STARTS = 2
DELAY_FLOOR_S = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFit:
    """Mean (s) and coefficient of variation of some times.

    ``quantiles_s``: (share, seconds) as found; None where no single time is known. ``lognormal`` says whether a
    lognormal law with this mean and cv has those quantiles too.
    """

    count: int
    mean_s: Estimate
    cv: Estimate
    quantiles_s: tuple[tuple[float, float], ...] | None
    lognormal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFit:
    """Starts: the share of requests that met one, and its time where the log tells.

    ``by``: "logged" times of starts, "flags" (responses with and without one compared), "delays" of two kinds.
    ``kept_idle_s``: a worker was still there after so long without a request, in 99 of 100 such pauses; None: the log
    does not name workers.
    """

    share: Estimate
    time: TimeFit | None
    by: str
    kept_idle_s: float | None = None


def fit_times(values_s: Sequence[float]) -> TimeFit | None:
    """Mean, cv and quantiles of times (s, 0 or more) in the order they came; None without any above 0.

    ``cv = sqrt(sum (x - mean)^2 / (n - 1)) / mean``. Intervals come from leaving out one of up to `MOST_GROUPS`
    stretches, so that a slow hour counts as one; stretches shorter than what slows requests make them too narrow.
    Source: batch means, Schmeiser 1982, with the errors of `jackknife_errors`.
    """
    if not len(values_s) or not any(values_s):
        return None
    mean_s, cv = mean_and_cv(values_s)
    batches = min(MOST_GROUPS, len(values_s))
    errors = _batch_errors(values_s, batches) if batches > 2 else [1.0, 1.0]
    step = max(1, len(values_s) // MOST_SORTED)
    ordered = sorted(values_s[::step])
    found = tuple((share, quantile(ordered, share)) for share in CHECKED_SHARES)
    return TimeFit(
        count=len(values_s),
        mean_s=around(mean_s, errors[0], batches - 1),
        cv=around(cv, errors[1], batches - 1),
        quantiles_s=found,
        lognormal=_is_lognormal(found, mean_s, cv, len(ordered)),
    )


def _batch_errors(values_s: Sequence[float], batches: int) -> list[float]:
    count = len(values_s)
    bounds = [batch * count // batches for batch in range(batches + 1)]
    rows = []
    for begin, end in pairwise(bounds):
        part = values_s[begin:end]
        rows.append((end - begin, math.fsum(part), math.fsum(value * value for value in part)))
    total = [math.fsum(column) for column in zip(*rows, strict=True)]
    without = []
    for row in rows:
        left, sum_s, squares = (all_ - own for all_, own in zip(total, row, strict=True))
        mean = max(sum_s / left, 1e-12)
        without.append([math.log(mean), 0.5 * math.log(max(squares / left / mean**2 - 1, 1e-6))])
    return jackknife_errors(without)


def _is_lognormal(found: Sequence[tuple[float, float]], mean_s: float, cv: float, count: int) -> bool:
    if mean_s <= 0:
        return False
    middle, spread = lognormal_parameters(Lognormal(mean_s=mean_s, cv=cv))
    for share, value_s in found:
        if value_s <= 0:
            return False
        due = middle + spread * normal_quantile(share)
        doubt = 2 * max(spread, 0.05) / math.sqrt(max(1.0, count * (1 - share)))
        if abs(math.log(value_s) - due) > NEAR + doubt:
            return False
    return True


def service_times(trace: Trace, input_per_s: float | None, output_per_s: float | None) -> Sequence[float] | None:
    """Service time of each request: as logged, else from tokens at a stated speed; None where neither is known.

    ``input tokens / input_per_s + output tokens / output_per_s``, a speed not given costing nothing.
    """
    if trace.service_s is not None:
        return trace.service_s
    if input_per_s is None and output_per_s is None:
        return None
    known = [
        (tokens, speed)
        for tokens, speed in ((trace.input_tokens, input_per_s), (trace.output_tokens, output_per_s))
        if tokens is not None and speed is not None
    ]
    if not known:
        return None
    return array(
        "d", (sum(pair) for pair in zip(*([t / speed for t in tokens] for tokens, speed in known), strict=True))
    )


def fit_starts(trace: Trace, service_s: Sequence[float] | None) -> StartFit | None:
    """Starts, where the log tells: by their times, by flags beside response times, or by delays of two kinds.

    ``service_s``: seconds of each request, or None. The share is one of requests, 0 to 1, its error that of independent
    ones. By delays, waits in a queue as long as a start are counted as starts. Source: ours.
    """
    if trace.start_s is not None:
        return _by_log(trace, trace.start_s, service_s)
    if trace.delay_s is None:
        return None
    kinds = two_kinds(trace.delay_s, DELAY_FLOOR_S)
    if kinds is None:
        return None
    threshold_s = kinds.threshold_s
    starts = [delay for delay in trace.delay_s if delay > threshold_s]
    return StartFit(share=_share(len(starts), len(trace.delay_s)), time=fit_times(starts), by="delays")


def _by_log(trace: Trace, start_s: array[float], service_s: Sequence[float] | None) -> StartFit | None:
    cold = [place for place, value in enumerate(start_s) if value]
    if not cold:
        return None
    share = _share(len(cold), len(start_s))
    kept = _kept_idle(trace, start_s, service_s)
    timed = [start_s[place] for place in cold if start_s[place] != STARTED]
    if len(timed) >= FEWEST_STARTS:
        return StartFit(share=share, time=fit_times(timed), by="logged", kept_idle_s=kept)
    if service_s is None or len(cold) < FEWEST_STARTS:
        return StartFit(share=share, time=None, by="flags", kept_idle_s=kept)
    return StartFit(share=share, time=_by_difference(start_s, service_s, cold), by="flags", kept_idle_s=kept)


def _by_difference(start_s: array[float], service_s: Sequence[float], cold: list[int]) -> TimeFit | None:
    """What a start adds: mean and variance of responses that met one less those of the others.

    Starts and work are taken as independent. The law of the starts cannot be told from their sums: no quantiles.
    """
    with_start = fit_times([service_s[place] for place in cold])
    without = fit_times([time_s for time_s, started in zip(service_s, start_s, strict=True) if not started])
    if with_start is None or without is None or with_start.mean_s.mid <= without.mean_s.mid:
        return None
    mean_s = with_start.mean_s.mid - without.mean_s.mid
    variance = (with_start.mean_s.mid * with_start.cv.mid) ** 2 - (without.mean_s.mid * without.cv.mid) ** 2
    error = math.hypot(*(math.log(fit.mean_s.high / fit.mean_s.mid) * fit.mean_s.mid for fit in (with_start, without)))
    cv = math.sqrt(max(0.0, variance)) / mean_s
    low = max(mean_s - error, mean_s / 10)
    return TimeFit(
        count=with_start.count,
        mean_s=Estimate(low=low, mid=mean_s, high=mean_s + error),
        cv=around(cv, CV_DOUBT) if cv else Estimate(low=0.0, mid=0.0, high=0.0),
        quantiles_s=None,
        lognormal=False,
    )


def _share(count: int, total: int) -> Estimate:
    share = count / total
    error = half_width() * math.sqrt(share * (1 - share) / total) + 0.5 / total
    return Estimate(low=max(0.0, share - error), mid=share, high=min(1.0, share + error))


def warm_services(trace: Trace, service_s: Sequence[float]) -> Sequence[float]:
    """Service times (s) of requests that met no start, where the log has flags but not the start's own time.

    All of them where it has no such flags, or every request met a start: then starts are in the service time.
    """
    if trace.start_s is None or STARTED not in trace.start_s:
        return service_s
    warm = [time_s for time_s, started in zip(service_s, trace.start_s, strict=True) if not started]
    return warm or service_s


def _kept_idle(trace: Trace, start_s: array[float], service_s: Sequence[float] | None) -> float | None:
    """The pause between two requests of a worker that 99 of 100 of its pauses do not exceed."""
    if trace.instance is None:
        return None
    free: dict[int, float] = {}
    pauses = []
    for place, worker in enumerate(trace.instance):
        time_s = trace.times_s[place]
        if worker in free and not start_s[place]:
            pauses.append(max(0.0, time_s - free[worker]))
        free[worker] = time_s + (service_s[place] if service_s is not None else 0.0)
    return quantile(sorted(pauses), 0.99) if pauses else None
