"""Traces drawn with the project's own generator, for the tests of its estimators."""

from __future__ import annotations

from array import array
from datetime import date
from typing import TYPE_CHECKING, Any

from outgrow.domain.shapes import DAY_SHAPES
from outgrow.domain.trace import Trace
from outgrow.sim.compiled import draw_arrivals
from outgrow.sim.laws import Lognormal
from outgrow.sim.requests import DAY_S, NO_GAP, Sessions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.fit.estimates import Estimate

MONDAY = date(2026, 1, 5)


def process(
    per_day: float = 358,
    shape: str = "office",
    size: float = 2.2,
    gap_s: float = 100,
    cv: float = 1,
    variance: float = 0.44,
    **more: Any,
) -> Sessions:
    per_hour = tuple(per_day * share for share in DAY_SHAPES[shape])
    gap = Lognormal(mean_s=gap_s, cv=cv) if size > 1 else NO_GAP
    return Sessions(per_hour=per_hour, size=size, gap=gap, day_variance=variance, **more)


def trace_of(times_s: Iterable[float], span_s: tuple[float, float], **more: Any) -> Trace:
    more.setdefault("first_day", MONDAY)
    return Trace(name="drawn", times_s=array("d", times_s), span_s=span_s, **more)


def drawn(days: float, seed: int, **settings: Any) -> Trace:
    """A trace of whole or part days from midnight on."""
    return trace_of(draw_arrivals(process(**settings), seed, days * DAY_S), (0.0, days * DAY_S))


def inside(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high
