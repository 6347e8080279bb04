"""What is played of a recorded trace: once as it was, in drawn months, at another demand."""

from __future__ import annotations

import math
from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.arrivals import ArrivalKind, Arrivals, Pattern
from outgrow.domain.pool import FixedPool, FlexPool, Law
from outgrow.domain.trace import STARTED, Trace
from outgrow.sim.predict import Simulated
from outgrow.sim.requests import DAY_S
from outgrow.sim.runs import WARM_UP_S, Aim, run_of
from outgrow.sim.traces import as_work, hours_of, per_day_of, resampled, whole_days

FLEX = FlexPool(service=Law(mean_s=2), cold_start=Law(mean_s=10), idle_timeout_s=5, max_workers=1)
ONE = FixedPool(service=Law(mean_s=2), workers=(1,) * 24)


def trace(times_s: list[float], span_s: tuple[float, float], **columns: list[float]) -> Trace:
    more = {name: array("d", values) for name, values in columns.items()}
    return Trace(name="t", times_s=array("d", times_s), span_s=span_s, **more)


def arrivals(recorded: Trace, per_day: float | None = None) -> Arrivals:
    demand = per_day_of(recorded) if per_day is None else per_day
    pattern = Pattern(kind=ArrivalKind.TRACE, session_size=1.0, day_variance=0.0, trace=recorded)
    return Arrivals(per_hour=tuple(demand * share for share in hours_of(recorded)), pattern=pattern)


def aim(drawn: int | None = None, **more: object) -> Aim:
    return Aim(seed=7, requests=10_000, month_requests=math.inf, drawn=drawn, **more)


def many_days(days: int, per_day: int = 40) -> Trace:
    """Day d has its requests at ``d`` hundredths of a second past so many seconds: they tell which day they are of."""
    step = DAY_S / per_day
    times = [day * DAY_S + place * step + day / 100 for day in range(days) for place in range(per_day)]
    return trace(times, (0.0, days * DAY_S))


WATCHED = {
    "from a morning on": (10.0, 9 * 24 + 10.0),
    "from noon to a morning": (12.0, 5 * 24 + 6.0),
    "an evening to a night": (20.0, 2 * 24 + 4.0),
}


@pytest.mark.parametrize("name", WATCHED)
@pytest.mark.parametrize("factor", [0.9, 1.0, 1.5, 2.3])
def test_days_watched_in_part_do_not_count(name: str, factor: float) -> None:
    """The months of a log that begins and ends within a day bring the demand that is asked for, in its hours."""
    begin, end = WATCHED[name]
    times = [60.0 * minute for minute in range(int(begin * 60), int(end * 60)) if 9 * 60 <= minute % 1440 < 21 * 60]
    seen = trace(times, (begin * 3600, end * 3600))
    assert per_day_of(seen) == pytest.approx(720)
    assert sum(hours_of(seen)[9:21]) == pytest.approx(1)
    demand = arrivals(seen, factor * 720)
    months = [Simulated(seed=3).month(number)(ONE, demand).requests for number in range(6)]
    assert sum(months) / len(months) == pytest.approx(factor * 720, rel=0.03)
    assert Simulated(seed=3)(ONE, demand).requests == pytest.approx(factor * 720)


def test_hours_are_those_of_the_time_watched() -> None:
    even = trace([30.0 * place for place in range(120, 36 * 120 - 120)], (3600.0, 35 * 3600.0))
    assert max(hours_of(even)) == pytest.approx(1 / 24, rel=0.02)
    assert min(hours_of(even)) == pytest.approx(1 / 24, rel=0.02)


def day_of(time_s: float) -> int:
    return round(time_s % 1 * 100)


def test_three_recorded_requests_are_played_as_a_hand_would() -> None:
    # Start 0-10, work 10-12, idle to 17. Start 100-110, work 110-112 and, waiting since 103, 112-114, idle to 119.
    seen = trace([0.0, 100.0, 103.0], (0.0, 200.0))
    found = Simulated(exact=True)(FLEX, arrivals(seen))
    days = 200 / DAY_S
    assert found.requests * days == pytest.approx(3)
    assert found.cold_starts * days == pytest.approx(2)
    assert found.flex_s * days == pytest.approx(17 + 19)
    assert (found.busy_s * days, found.cold_s * days) == pytest.approx((6, 20))
    assert found.response.quantile(0.99) == pytest.approx(12, rel=0.01)
    assert found.response.quantile(0.3) == pytest.approx(11, rel=0.01)


def test_recorded_work_is_played_at_the_pace_of_the_pool() -> None:
    seen = trace([0.0, 1000.0, 2000.0], (0.0, 3000.0), service_s=[1.0, 2.0, 6.0])
    found = Simulated(exact=True)(ONE, arrivals(seen))  # the pool's mean is 2, the recorded one 3
    assert found.busy_s * 3000 / DAY_S == pytest.approx(6)
    assert found.response.quantile(0.99) == pytest.approx(4, rel=0.01)


def test_a_time_with_a_start_in_it_is_not_work() -> None:
    seen = trace([0.0, 10.0, 20.0, 30.0], (0.0, 40.0), service_s=[9.0, 1.0, 9.0, 2.0], start_s=[STARTED, 0, STARTED, 0])
    assert list(as_work(seen).service_s) == [1.0, 1.0, 1.0, 2.0]
    assert as_work(trace([0.0], (0.0, 1.0), service_s=[3.0], start_s=[4.0])).service_s == array("d", [3.0])


def test_what_is_to_be_expected_of_a_trace_is_the_trace_itself() -> None:
    seen = many_days(6)
    played, span = run_of(aim(), FLEX, arrivals(seen))
    assert list(played.times_s) == list(seen.times_s)
    assert (span.warmup_s, span.horizon_s) == seen.span_s


def test_a_trace_of_less_than_a_day_fills_one() -> None:
    seen = trace([3600.0, 3700.0, 4000.0], (3600.0, 7200.0))
    played, span = run_of(aim(), FLEX, arrivals(seen))
    assert span.horizon_s - span.warmup_s == pytest.approx(DAY_S)
    assert len(played.times_s) == 72
    assert Simulated()(FLEX, arrivals(seen)).requests == pytest.approx(72)


@pytest.mark.parametrize("days", [4, 9, 20, 45])
def test_a_month_is_thirty_recorded_days_after_one_to_warm_up(days: int) -> None:
    played, span = run_of(aim(drawn=3), FLEX, arrivals(many_days(days)))
    assert (span.warmup_s, span.horizon_s) == (WARM_UP_S, 31 * DAY_S)
    by_place = {place: {day_of(t) for t in played.times_s if t // DAY_S == place} for place in range(31)}
    assert all(len(found) == 1 for found in by_place.values())
    chosen = [next(iter(found)) for found in by_place.values()]
    assert set(chosen) <= set(range(days))
    if days >= 14:
        assert len({(day - place) % 7 for place, day in enumerate(chosen)}) == 1
    assert list(played.times_s) == sorted(played.times_s)


def test_months_differ_and_the_same_month_is_the_same_for_every_option() -> None:
    seen = arrivals(many_days(20))
    first, again, other = (run_of(aim(drawn=k), pool, seen)[0] for k, pool in ((0, FLEX), (0, ONE), (1, FLEX)))
    assert first.times_s == again.times_s
    assert first.times_s != other.times_s


def test_drawn_months_bring_on_average_what_was_recorded() -> None:
    sizes = [10, 20, 30, 40, 90, 200, 30, 20, 10, 60]
    times = [day * DAY_S + place * 60.0 for day, count in enumerate(sizes) for place in range(count)]
    seen = arrivals(trace(times, (0.0, 10 * DAY_S)))
    months = [Simulated().month(k)(FLEX, seen).requests for k in range(200)]
    mean = math.fsum(months) / len(months)
    spread = math.sqrt(sum((size - 51) ** 2 for size in sizes) / 10 / 30)  # of a mean of thirty drawn days
    assert mean == pytest.approx(51, abs=4 * spread / math.sqrt(200))
    assert math.sqrt(sum((m - mean) ** 2 for m in months) / 199) == pytest.approx(spread, rel=0.2)


def test_a_trace_of_few_days_is_every_month_the_same() -> None:
    seen = arrivals(many_days(3))
    assert run_of(aim(drawn=0), FLEX, seen)[0].times_s == run_of(aim(drawn=5), FLEX, seen)[0].times_s


@given(st.floats(min_value=0.05, max_value=30))
def test_another_demand_is_met_whatever_days_are_played_for_it(factor: float) -> None:
    seen = many_days(9)
    found = Simulated(requests=500)(FLEX, arrivals(seen, 40 * factor))
    assert found.requests == pytest.approx(40 * factor)
    assert found.busy_s == pytest.approx(2 * 40 * factor, rel=0.02)


def test_demand_far_beyond_a_trace_is_predicted_by_formula() -> None:
    seen = many_days(9)
    pool = FixedPool(service=Law(mean_s=0.001), workers=(1,) * 24)
    assert Simulated()(pool, arrivals(seen, 40 * 1001)).requests == pytest.approx(40 * 1001)
    assert Simulated()(pool, arrivals(seen, 1e7)).requests == pytest.approx(1e7)


@pytest.mark.parametrize("drawn", [None, 2])
def test_both_kernels_play_a_trace_alike(drawn: int | None) -> None:
    seen = arrivals(many_days(9), 70)
    plain, compiled = (Simulated(engine=engine, drawn=drawn)(FLEX, seen) for engine in ("plain", "compiled"))
    for name in ("requests", "cold_starts", "busy_s", "flex_s", "cold_share"):
        assert getattr(plain, name) == getattr(compiled, name)


def test_whole_days_forgive_a_minute_and_hours_are_those_of_the_day() -> None:
    assert whole_days(trace([1.0], (30.0, 3 * DAY_S - 10))) == range(3)
    assert whole_days(trace([1.0], (3600.0, 3 * DAY_S))) == range(1, 3)
    shares = hours_of(trace([3600.0 * 5 + 1, DAY_S + 3600 * 5, DAY_S + 3600 * 7], (0.0, 2 * DAY_S)))
    assert (shares[5], shares[7]) == pytest.approx((2 / 3, 1 / 3))
    assert hours_of(trace([10.0, 20.0], (0.0, 3600.0))) == (1 / 24,) * 24


def test_resampled_days_keep_their_columns() -> None:
    times = [10.0, 20.0, DAY_S + 5, 2 * DAY_S + 7, 2 * DAY_S + 9]
    seen = trace(times, (0.0, 3 * DAY_S), service_s=[1, 2, 3, 4, 5])
    found = resampled(seen, [2, 0, 2])
    assert list(found.times_s) == [7.0, 9.0, DAY_S + 10, DAY_S + 20, 2 * DAY_S + 7, 2 * DAY_S + 9]
    assert list(found.service_s) == [4, 5, 1, 2, 4, 5]
    assert Counter(found.service_s)[4] == 2
