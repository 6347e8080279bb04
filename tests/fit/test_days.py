"""Days, rates and shapes: what was watched, what is a hole, how sure a rate is."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.shapes import DAY_SHAPES
from outgrow.fit.days import survey
from outgrow.fit.estimates import student_quantile
from outgrow.fit.rate import fit_day_variance, fit_rate, fit_shape, growth_of, weekend_ratio
from outgrow.sim.requests import DAY_S, HOUR_S

from .fitting import drawn, inside, trace_of

SESSIONS = 2 * 2.2 - 1


def even(days: range, per_day: int = 24) -> list[float]:
    """Requests in the middle of equal parts of each day."""
    return [day * DAY_S + (place + 0.5) * DAY_S / per_day for day in days for place in range(per_day)]


def test_whole_days_are_those_watched_from_end_to_end():
    times = [time_s for time_s in even(range(5)) if 10 * HOUR_S < time_s < 4 * DAY_S + 9 * HOUR_S]
    days = survey(trace_of(times, (times[0], times[-1])))
    assert days.whole == (1, 2, 3)
    assert fit_rate(days, 1.0).mid == 24


def test_a_day_that_misses_hours_in_which_nothing_comes_is_whole():
    times = [time_s for time_s in even(range(5)) if 8 <= time_s / HOUR_S % 24 < 20]
    days = survey(trace_of(times, (times[0], times[-1])))
    assert days.whole == (0, 1, 2, 3, 4)


def test_a_silence_nothing_explains_is_a_hole_and_no_quiet_day():
    times = even(range(10), 200) + even(range(14, 24), 200)
    days = survey(trace_of(times, (0.0, 24 * DAY_S)))
    assert len(days.missing) == 1
    assert days.missing[0] == (times[1999], times[2000])
    assert len(days.whole) >= 18
    assert fit_rate(days, 1.0).mid == pytest.approx(200, rel=0.01)


def test_a_weekend_on_which_nothing_ever_comes_is_quiet_and_no_hole():
    times = [time_s for time_s in even(range(21), 200) if time_s // DAY_S % 7 < 5]
    days = survey(trace_of(times, (0.0, 21 * DAY_S)))
    assert days.missing == ()
    assert len(days.whole) == 21
    assert fit_rate(days, 1.0).mid == pytest.approx(200 * 5 / 7)


def test_the_only_closed_weekend_is_quiet_and_a_silent_tuesday_a_hole():
    """Monday to the Friday of the next week: no weekday is silent twice."""
    times = [time_s for time_s in even(range(12), 300) if time_s // DAY_S % 7 < 5]
    days = survey(trace_of(times, (0.0, 12 * DAY_S)))
    assert days.missing == ()
    assert fit_rate(days, 1.0).mid == pytest.approx(300 * 10 / 12)
    assert weekend_ratio(days) == 0
    other = [time_s for time_s in even(range(12), 300) if time_s // DAY_S not in {1, 2}]
    assert len(survey(trace_of(other, (0.0, 12 * DAY_S))).missing) == 1


def test_quiet_days_of_a_sparse_service_are_no_hole():
    times = [0.3 * DAY_S, 1.4 * DAY_S, 1.5 * DAY_S, 4.2 * DAY_S, 4.9 * DAY_S, 8.1 * DAY_S, 9.7 * DAY_S]
    assert survey(trace_of(times, (0.0, 10 * DAY_S))).missing == ()


def test_rates_and_day_factors_hold_the_truth_as_often_as_they_say():
    rates, variances = [], []
    for seed in range(60):
        days = survey(drawn(21, seed))
        rates.append(fit_rate(days, SESSIONS))
        variances.append(fit_day_variance(days, SESSIONS))
    assert 42 <= sum(inside(rate, 358) for rate in rates) <= 57  # 80 % of 60 is 48
    assert 42 <= sum(inside(variance, 0.44) for variance in variances) <= 57
    assert statistics.fmean(rate.mid for rate in rates) == pytest.approx(358, rel=0.06)
    assert statistics.fmean(variance.mid for variance in variances) == pytest.approx(0.44, rel=0.12)


def test_days_that_do_not_differ_have_no_variance():
    variance = fit_day_variance(survey(drawn(20, 1, variance=0, size=1)), 1.0)
    assert variance.low == 0
    assert variance.mid < 0.01
    assert fit_day_variance(survey(drawn(3, 1)), 1.0) is None


def test_one_day_or_one_hour_leaves_the_rate_wide_open():
    one, hour = fit_rate(survey(drawn(1, 1)), 1.0), fit_rate(survey(drawn(1 / 24, 1, per_day=5000)), 1.0)
    assert 1.5 < one.high / one.mid < 3.5
    assert hour.high / hour.mid > one.high / one.mid


def test_shapes_are_recovered_and_flattened_when_little_is_known():
    truth = DAY_SHAPES["evening"]
    much = fit_shape(survey(drawn(28, 1, shape="evening")), SESSIONS)
    assert much.seen
    assert much.mids == pytest.approx(truth, abs=0.02)
    assert math.fsum(much.mids) == pytest.approx(1)
    assert sum(inside(share, true) for share, true in zip(much.shares, truth, strict=True)) >= 15
    little = fit_shape(survey(drawn(3, 1, per_day=20, shape="office")), SESSIONS)
    assert little.flattened_frac > 0.05
    assert max(little.mids) < 0.25
    flat = fit_shape(survey(drawn(28, 1, shape="flat")), SESSIONS)
    assert flat.flattened_frac > 0.4


def test_less_than_a_day_has_no_shape():
    shape = fit_shape(survey(drawn(0.5, 1)), 1.0)
    assert not shape.seen
    assert shape.mids == (1 / 24,) * 24


def test_hours_count_by_the_time_they_were_watched():
    """A day and a half: the first twelve hours were watched twice."""
    times = [time_s for time_s in even(range(2), 240) if time_s < 1.5 * DAY_S]
    assert fit_shape(survey(trace_of(times, (0.0, 1.5 * DAY_S))), 1.0).mids == pytest.approx([1 / 24] * 24)


def test_weekends_and_growth_are_told_when_they_stand_out():
    thinner = [time_s for time_s in even(range(28), 200) if time_s // DAY_S % 7 < 5 or time_s % 1000 < 300]
    days = survey(trace_of(thinner, (0.0, 28 * DAY_S)))
    assert weekend_ratio(days) == pytest.approx(0.3, abs=0.05)
    assert weekend_ratio(survey(drawn(28, 1))) is None
    growing = [time_s for day in range(28) for time_s in even(range(day, day + 1), 100 + 10 * day)]
    assert growth_of(survey(trace_of(growing, (0.0, 28 * DAY_S)))) == pytest.approx(0.4, abs=0.15)
    assert growth_of(survey(drawn(28, 1))) is None


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_weekends_of_days_that_are_all_alike_are_told(share):
    """No spread within weekdays, none within weekends: the difference has no error at all."""
    times = [t for day in range(14) for t in even(range(day, day + 1), 200 if day % 7 < 5 else int(200 * share))]
    assert weekend_ratio(survey(trace_of(times, (0.0, 14 * DAY_S)))) == pytest.approx(share)
    assert weekend_ratio(survey(trace_of(even(range(14), 200), (0.0, 14 * DAY_S)))) is None


def test_weekends_are_told_beside_days_that_differ_and_hardly_ever_by_chance():
    by_chance = told = 0
    for seed in range(20):
        trace = drawn(28, seed, variance=0.2)
        by_chance += weekend_ratio(survey(trace)) is not None
        thinner = [t for at, t in enumerate(trace.times_s) if t // DAY_S % 7 < 5 or at % 10 < 3]
        told += weekend_ratio(survey(trace_of(thinner, trace.span_s))) is not None
    assert by_chance <= 2
    assert told >= 18


@given(
    st.lists(st.floats(min_value=0, max_value=40 * DAY_S), min_size=2, max_size=40).map(sorted),
    st.booleans(),
)
def test_every_request_is_in_a_quarter_and_every_second_watched_or_missing(times, calendar):
    trace = trace_of(times, (times[0], times[-1] + 1), **({} if calendar else {"first_day": None}))
    days = survey(trace)
    assert sum(map(sum, days.quarters)) == len(times)
    missing_s = math.fsum(end - begin for begin, end in days.missing)
    assert days.watched_s + missing_s == pytest.approx(times[-1] + 1 - times[0])
    assert fit_rate(days, 1.0).mid > 0
    assert math.fsum(fit_shape(days, 1.0).mids) == pytest.approx(1)


@pytest.mark.parametrize(("freedom", "tabulated"), [(1, 3.0777), (2, 1.8856), (3, 1.6377), (10, 1.3722), (30, 1.3104)])
def test_students_t_is_that_of_the_tables(freedom, tabulated):
    assert student_quantile(0.9, freedom) == pytest.approx(tabulated, rel=0.005)
