"""Traces cut, repeated and scaled keep what they say they keep."""

from __future__ import annotations

import dataclasses
from array import array
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.sim.requests import DAY_S
from outgrow.sim.traces import as_given, cut, period_of, repeated, scaled, shifted

from .fitting import drawn, trace_of

times = st.lists(st.floats(min_value=0, max_value=5 * DAY_S - 1), min_size=1, max_size=30).map(sorted)


def hours(trace) -> list[float]:
    return sorted(time_s % DAY_S for time_s in trace.times_s)


def columns(times_s: list[float]) -> dict[str, array]:
    count = len(times_s)
    return {"service_s": array("d", [t % 7 for t in times_s]), "session": array("q", [at // 2 for at in range(count)])}


@given(times, st.integers(min_value=1, max_value=4))
def test_a_repetition_is_the_same_days_again(times_s, rounds):
    trace = trace_of(times_s, (0.0, 5 * DAY_S), **columns(times_s))
    longer = repeated(trace, rounds * 5 * DAY_S)
    assert len(longer.times_s) == rounds * len(times_s)
    assert list(longer.times_s) == sorted(longer.times_s)
    assert list(longer.service_s) == list(trace.service_s) * rounds
    assert hours(longer) == pytest.approx(sorted([t % DAY_S for t in times_s] * rounds), abs=1e-6)


def test_a_repetition_stops_at_the_horizon_and_a_short_trace_has_no_pause():
    trace = drawn(3, 1)
    assert repeated(trace, 7.5 * DAY_S).span_s == (0.0, 7.5 * DAY_S)
    assert max(repeated(trace, 7.5 * DAY_S).times_s) < 7.5 * DAY_S
    assert dataclasses.astuple(repeated(trace, 2 * DAY_S)) == dataclasses.astuple(cut(trace, 0.0, 2 * DAY_S))
    short = trace_of([10.0, 40.0, 60.0], (10.0, 60.0))
    assert period_of(short) == 50.0
    assert list(repeated(short, 120.0).times_s) == [10.0, 40.0, 60.0, 60.0, 90.0, 110.0, 110.0]


@given(times, st.floats(min_value=0, max_value=4), st.integers(min_value=0, max_value=5))
def test_scaling_keeps_hours_and_columns(times_s, factor, seed):
    trace = trace_of(times_s, (0.0, 5 * DAY_S), **columns(times_s))
    other = scaled(trace, factor, seed)
    assert list(other.times_s) == sorted(other.times_s)
    assert int(factor) * len(times_s) <= len(other.times_s) <= (int(factor) + 1) * len(times_s)
    assert set(map(int, hours(other))) <= set(map(int, hours(trace))) | {int(t) + 1 for t in hours(trace)} | {
        int(t) - 1 for t in hours(trace)
    }
    assert len(other.service_s) == len(other.session) == len(other.times_s)
    assert dataclasses.astuple(scaled(trace, factor, seed)) == dataclasses.astuple(other)
    assert set(other.service_s) <= set(trace.service_s)


def test_scaling_by_a_half_keeps_half_of_the_requests_or_of_the_sessions():
    trace = drawn(20, 1)
    count = len(trace.times_s)
    assert len(scaled(trace, 0.5).times_s) == pytest.approx(count / 2, rel=0.05)
    named = trace_of(trace.times_s, trace.span_s, session=array("q", [place // 3 for place in range(count)]))
    kept = scaled(named, 0.5).session
    assert all(kept.count(name) == 3 for name in set(kept[:-3]))
    assert len(kept) == pytest.approx(count / 2, rel=0.08)
    assert scaled(trace, 1.0).times_s == trace.times_s
    assert len(scaled(trace, 2.5).times_s) == pytest.approx(2.5 * count, rel=0.03)


def test_a_factor_that_is_none_is_refused():
    with pytest.raises(ValueError, match="factor: -1 found; allowed is 0 to 1000"):
        scaled(drawn(1, 1), -1)


def test_copies_of_a_short_trace_are_moved_by_chance():
    trace = drawn(1 / 24, 1, per_day=5000)
    double = scaled(trace, 2.0)
    assert len(double.times_s) == 2 * len(trace.times_s)
    assert double.times_s[0] >= 0
    assert double.times_s[-1] <= 3600.0
    assert min(after - before for before, after in pairwise(double.times_s)) > 0


def test_coarse_stamps_are_spread_before_they_are_played():
    trace = trace_of([10.0, 10.0, 11.0], (0.0, 20.0), resolution_s=1.0, service_s=array("d", [1.0, 2.0, 3.0]))
    given = as_given(trace, 1)
    assert list(given.times_s) == sorted(given.times_s)
    assert [int(t) for t in given.times_s] == [10, 10, 11]
    assert len(set(given.times_s)) == 3
    assert sorted(given.service_s) == [1.0, 2.0, 3.0]
    assert given.service_s[2] == 3.0
    exact = trace_of([10.0, 10.0], (0.0, 20.0))
    assert as_given(exact).times_s is exact.times_s


def test_cutting_and_shifting_move_every_column_along():
    trace = trace_of([1.0, 2.0, 3.0], (0.0, 4.0), **columns([1.0, 2.0, 3.0]))
    part = cut(trace, 2.0, 3.0)
    assert (list(part.times_s), list(part.service_s), part.span_s) == ([2.0], [2.0], (2.0, 3.0))
    assert list(shifted(trace, 10.0).times_s) == [11.0, 12.0, 13.0]
