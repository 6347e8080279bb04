"""How far the closed form of several flex workers is from the simulator, on the case the documents quote."""

from __future__ import annotations

import pytest

from outgrow.domain.arrivals import Arrivals
from outgrow.domain.pool import FlexPool, Law
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.sim.closed_form import predict
from outgrow.sim.compiled import engine, simulate
from outgrow.sim.laws import Fixed
from outgrow.sim.model import WorkerPool
from outgrow.sim.observed import Span
from outgrow.sim.requests import Poisson

DAY_S = 86400.0
DAYS = 300 if engine() == "compiled" else 40


def simulated_s(per_hour: tuple[float, ...], cold_s: float) -> float:
    """Billed worker seconds a day: three workers, 3 s of service, 5 s idle timeout, 4 s queue delay."""
    pool = WorkerPool(service=Fixed(value_s=3.0), cold_start=Fixed(value_s=cold_s), max_workers=3)
    seen = simulate(pool, Poisson(per_hour=per_hour), Span(horizon_s=DAY_S * DAYS, seed=11))
    return seen.meters.flex_s / DAYS


def predicted_s(per_hour: tuple[float, ...], cold_s: float) -> float:
    pool = FlexPool(service=Law(mean_s=3), cold_start=Law(mean_s=cold_s), idle_timeout_s=5, max_workers=3)
    found = predict(pool, Arrivals(per_hour=per_hour))
    return found.busy_s + found.cold_s + found.idle_s


@pytest.mark.parametrize("cold_s", [0.0, 30.0, 60.0, 120.0])
@pytest.mark.parametrize(("a_day", "low", "high"), [(50, 0.0, 0.09), (600, 0.1, 0.3)])
def test_the_formula_bills_little_too_much_when_sparse_and_up_to_a_third_too_much_when_busy(cold_s, a_day, low, high):
    per_hour = tuple(a_day * weight for weight in DAY_SHAPES["meals"])
    excess = predicted_s(per_hour, cold_s) / simulated_s(per_hour, cold_s) - 1
    assert low - 0.03 < excess < high
