"""Sessions: rates, sizes, gaps and day factors come out as they were put in."""

from __future__ import annotations

import itertools
import statistics

import pytest

from outgrow.domain.shapes import DAY_SHAPES
from outgrow.sim.compiled import Engine, draw_arrivals
from outgrow.sim.laws import Fixed, Lognormal
from outgrow.sim.requests import DAY_S, HOUR_S, Sessions

from .engines import ENGINES, assert_covers

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def sessions(per_day: float = 200, shape: str = "flat", **changes: object) -> Sessions:
    per_hour = tuple(per_day * weight for weight in DAY_SHAPES[shape])
    return Sessions(per_hour=per_hour, **changes)  # type: ignore[arg-type]


def days_of(times: list[float], days: int) -> list[int]:
    counts = [0] * days
    for time_s in times:
        counts[int(time_s // DAY_S)] += 1
    return counts


def drawn(requests: Sessions, days: int, engine: Engine, seed: int = 1) -> list[float]:
    return list(draw_arrivals(requests, seed, days * DAY_S, asked=engine))


def test_the_rate_is_that_of_requests_not_of_sessions(engine: Engine) -> None:
    counts = days_of(drawn(sessions(size=2.2, gap=Lognormal(mean_s=100, cv=1)), 600, engine), 600)
    assert_covers([float(count) for count in counts[1:]], 200)


def test_sizes_and_gaps_are_seen_where_sessions_do_not_overlap(engine: Engine) -> None:
    times = drawn(sessions(20, size=2.5, gap=Fixed(value_s=1.0)), 1000, engine)
    gaps = [round(later - earlier, 6) for earlier, later in itertools.pairwise(times)]
    begun = 1 + sum(gap != 1.0 for gap in gaps)
    assert len(times) / begun == pytest.approx(2.5, rel=0.04)


def test_hours_follow_the_shape(engine: Engine) -> None:
    times = drawn(sessions(200, "meals", size=2.2, gap=Fixed(value_s=0)), 300, engine)
    noon = sum(int(time_s // HOUR_S) % 24 == 12 for time_s in times)
    assert noon / len(times) == pytest.approx(0.4, abs=0.01)


def test_day_factors_spread_the_days_as_asked(engine: Engine) -> None:
    days = 3000 if engine == "compiled" else 1000
    counts = days_of(drawn(sessions(400, day_variance=0.44), days, engine), days)
    mean = statistics.fmean(counts)
    assert mean == pytest.approx(400, rel=4 * (0.44 / days) ** 0.5)
    assert (statistics.variance(counts) - mean) / mean**2 == pytest.approx(0.44, rel=0.15)


def test_given_day_factors_repeat(engine: Engine) -> None:
    counts = days_of(drawn(sessions(1000, day_factors=(0.0, 2.0, 1.0)), 30, engine), 30)
    assert counts[0::3] == [0] * 10
    assert statistics.fmean(counts[1::3]) == pytest.approx(2000, rel=0.05)
    assert statistics.fmean(counts[2::3]) == pytest.approx(1000, rel=0.06)


def test_a_process_so_thin_that_nothing_comes_ends_at_the_horizon(engine: Engine) -> None:
    thin = Sessions(per_hour=(1e-300,) + (0.0,) * 23, size=3.0)
    assert drawn(thin, 30, engine) == []


def test_overlapping_sessions_are_merged_in_order(engine: Engine) -> None:
    times = drawn(sessions(20_000, size=5, gap=Lognormal(mean_s=300, cv=2)), 3, engine)
    assert times == sorted(times)
