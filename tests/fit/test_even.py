"""Timers, polls and load tests of constant rate are called even; chance, sessions and even bursts are not."""

from __future__ import annotations

import pytest

from outgrow.fit.days import survey
from outgrow.fit.even import evenness_of
from outgrow.fit.process import Speeds, fit_trace
from outgrow.sim.compiled import draw_many
from outgrow.sim.laws import Uniform
from outgrow.sim.requests import DAY_S, Poisson

from .fitting import drawn, trace_of


def every(step_s: float, jitter_s: float, length_s: float) -> list[float]:
    """A tick every so often, up to so much late."""
    late = draw_many(Uniform(), 1, 0, int(length_s / step_s))
    return sorted(step_s * tick + jitter_s * part for tick, part in enumerate(late))


def even(trace):
    return evenness_of(trace.times_s, survey(trace), trace.resolution_s)


EVEN = {
    "every 37 s and up to 20 s late": (every(37, 20, 3 * DAY_S), 3 * DAY_S),
    "every 37 s and up to 74 s late": (every(37, 74, 3 * DAY_S), 3 * DAY_S),
    "exactly every 180 s": (every(180, 0, 14 * DAY_S), 14 * DAY_S),
    "exactly every 180 s of one day": (every(180, 0, DAY_S), DAY_S),
    "hourly": (every(3600, 3, 14 * DAY_S), 14 * DAY_S),
    "every 61 min": (every(3660, 60, 14 * DAY_S), 14 * DAY_S),
    "fifty a second for five minutes": (every(0.02, 0.004, 300), 300.0),
    "every minute of office hours": ([t for t in every(60, 5, 14 * DAY_S) if 9 <= t / 3600 % 24 < 17], 14 * DAY_S),
}


@pytest.mark.parametrize("name", EVEN)
def test_what_a_timer_makes_is_even_and_has_no_sessions(name):
    times, length_s = EVEN[name]
    fit = fit_trace(trace_of(times, (0.0, length_s)), Speeds())
    assert fit.even is not None
    assert fit.even.of_chance_frac < 0.5
    assert fit.sessions is None
    assert "trace.even" in {note.code for note in fit.notes}


def test_a_timer_every_180_s_by_hand():
    """Every whole 15 minutes hold five ticks, as many as are due: the variance is 0, and poisson stands in."""
    trace = trace_of(every(180, 0, 14 * DAY_S), (0.0, 14 * DAY_S))
    assert even(trace).of_chance_frac < 1e-3
    fit = fit_trace(trace, Speeds())
    assert isinstance(fit.process, Poisson)
    assert fit.per_day.mid == 480
    students_t = 1.35  # with 13 degrees, 80 %
    assert fit.per_day.high == pytest.approx(480 * (1 + students_t / 6720**0.5), rel=1e-3)
    assert all(share.low < share.mid < share.high for share in fit.shape.shares)


@pytest.mark.parametrize("size", [1, 2.2])
@pytest.mark.parametrize("shape", ["flat", "meals"])
@pytest.mark.parametrize(("per_day", "days"), [(30, 14), (400, 5), (3000, 14), (2000, 1), (50_000, 1 / 24)])
def test_what_is_drawn_is_not_even(size, shape, per_day, days):
    for seed in range(4):
        assert even(drawn(days, seed, size=size, shape=shape, per_day=per_day)) is None


@pytest.mark.parametrize(("width_s", "per_day"), [(3600, 40), (900, 5), (60, 3)])
def test_a_busy_hour_of_chance_is_not_even(width_s, per_day):
    """Nearly all of a day within a few windows: its level is told from them, and they vary little around it."""
    days = draw_many(Uniform(), 2, 0, 30 * per_day)
    times = [int(30 * day) * DAY_S + 43_200 + 30 * day % 1 * width_s for day in days]
    assert even(trace_of(sorted(times), (0.0, 30 * DAY_S))) is None


def test_bursts_that_come_evenly_are_sessions_with_intervals():
    """All parts of the trace are alike, but a mean of 2,016 bursts is not certain."""
    late = draw_many(Uniform(), 3, 0, 3 * 2016)
    times = [600 * (place // 3) + 2 * (place % 3) + part for place, part in enumerate(late)]
    fit = fit_trace(trace_of(times, (0.0, 14 * DAY_S)), Speeds())
    assert fit.even is None
    for estimate in (fit.sessions.size, fit.sessions.gap_s, fit.sessions.gap_cv):
        assert estimate.high / estimate.low > 1.005


def test_a_few_requests_or_coarse_stamps_say_nothing():
    assert even(trace_of(every(60, 0, 2400), (0.0, 2400.0))) is None
    hourly = trace_of(every(3600, 0, 3 * DAY_S), (0.0, 3 * DAY_S), resolution_s=3600.0)
    assert even(hourly) is None
