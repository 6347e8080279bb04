"""The check on held-out days believes a right fit and not a wrong one."""

from __future__ import annotations

import dataclasses
import math
from array import array

import pytest

from outgrow.domain.errors import TraceError
from outgrow.fit.check import check_fit, dispersion
from outgrow.fit.days import survey
from outgrow.fit.process import Speeds, fit_trace
from outgrow.sim.compiled import draw_arrivals, draw_many
from outgrow.sim.laws import Uniform
from outgrow.sim.requests import DAY_S, Poisson, Sessions
from outgrow.sim.traces import cut

from .fitting import drawn, process, trace_of


@pytest.fixture(scope="module")
def checked():
    return check_fit(drawn(23, 3, shape="meals"), Speeds(), 1)


def test_a_drawn_trace_is_held_by_its_fit_and_not_by_poisson(checked):
    total = len(checked.figures)
    assert total == 16
    assert checked.inside >= 0.7 * total
    assert checked.inside_poisson <= 0.3 * total
    names = {figure.name for figure in checked.figures}
    assert {
        "requests",
        "dispersion of counts, 1 h",
        "gap, p95",
        "flex starts",
        "flex billed",
        "server response, p99",
    } <= names
    for figure in checked.figures:
        assert figure.fitted.low <= figure.fitted.mid <= figure.fitted.high
        assert math.isfinite(figure.real)


def test_a_fit_holds_that_holds_for_half_of_the_figures(checked):
    assert checked.holds
    missed = dataclasses.replace(checked.figures[0], real=-1.0)
    met = dataclasses.replace(missed, real=missed.fitted.mid)
    for inside, holds in ((8, True), (7, False)):
        figures = (met,) * inside + (missed,) * (16 - inside)
        assert dataclasses.replace(checked, figures=figures).holds is holds


def test_the_last_third_of_the_days_is_held_out(checked):
    assert checked.fitted_until_s == 15 * DAY_S
    assert checked.held_s == (15 * DAY_S, 23 * DAY_S)


def test_poisson_starts_a_worker_too_often(checked):
    starts = next(figure for figure in checked.figures if figure.name == "flex starts")
    assert starts.poisson.low > starts.real


def test_the_same_seed_gives_the_same_check():
    trace = drawn(8, 3)
    assert check_fit(trace, Speeds(), 5) == check_fit(trace, Speeds(), 5)
    assert check_fit(trace, Speeds(), 5) != check_fit(trace, Speeds(), 6)


def test_a_short_trace_is_split_by_time():
    trace = drawn(1 / 24, 3, per_day=50_000, shape="flat", variance=0, size=3, gap_s=5)
    check = check_fit(trace, Speeds(), 1)
    assert check.held_s == pytest.approx((2400.0, 3600.0))
    assert check.inside >= 0.7 * len(check.figures)


def test_poisson_is_held_by_its_own_fit_and_by_poisson():
    trace = drawn(12, 1, size=1, variance=0, shape="flat", per_day=300)
    check = check_fit(trace, Speeds(), 1)
    assert check.inside >= 0.6 * len(check.figures)
    assert check.inside_poisson >= 0.6 * len(check.figures)


def test_too_few_requests_are_not_checked():
    assert check_fit(trace_of([float(at * 3000) for at in range(40)], (0.0, 120_000.0)), Speeds(), 1) is None


def test_the_fitted_process_is_one_the_simulator_draws():
    fit = fit_trace(drawn(20, 1), Speeds())
    assert isinstance(fit.process, Sessions)
    assert len(draw_arrivals(fit.process, 1, 20 * DAY_S)) == pytest.approx(fit.requests, rel=0.5)
    plain = fit_trace(drawn(3, 1, size=1, variance=0), Speeds())
    assert isinstance(plain.process, Poisson)
    differing = fit_trace(drawn(20, 1, size=1), Speeds())
    assert isinstance(differing.process, Sessions)
    assert differing.process.size == 1
    assert differing.process.day_variance > 0.1


def test_dispersion_is_one_for_poisson_and_more_for_sessions():
    for size, low, high in ((1, 0.9, 1.1), (3, 3.0, 6.0)):
        times = draw_arrivals(process(per_day=2000, shape="flat", size=size, gap_s=10, variance=0), 1, 10 * DAY_S)
        assert low < dispersion(times, (0.0, 10 * DAY_S), 600.0) < high
    assert dispersion(array("d"), (0.0, 100.0), 1.0) == 0


def test_one_request_or_one_instant_is_no_trace():
    with pytest.raises(TraceError, match="drawn: one request; a rate needs at least two moments"):
        fit_trace(trace_of([5.0], (5.0, 5.0)), Speeds())
    with pytest.raises(TraceError, match="drawn: no request; a rate needs at least two moments"):
        fit_trace(trace_of([], (0.0, 100.0)), Speeds())
    with pytest.raises(TraceError, match="drawn: all requests within one second"):
        fit_trace(trace_of([5.0] * 9, (5.0, 5.0)), Speeds())


def test_a_few_requests_years_apart_are_no_load():
    years = [0.0, 8400 * DAY_S]
    with pytest.raises(TraceError, match="2 requests in 8,400 days, 2026-01-05 to 2049-01-04; expected one in 30 days"):
        fit_trace(trace_of(years, (years[0], years[-1] + 1e-3)), Speeds())
    monthly = [30 * DAY_S * at for at in range(12)]
    assert fit_trace(trace_of(monthly, (0.0, monthly[-1])), Speeds()).per_day.mid == pytest.approx(1 / 30, rel=0.1)


def test_fewer_requests_than_sessions_are_looked_for_in_are_noted():
    for count, noted in ((49, True), (50, False)):
        times = draw_many(Uniform(), 1, 0, count)
        fit = fit_trace(trace_of(sorted(DAY_S * part for part in times), (0.0, DAY_S)), Speeds())
        assert ("trace.few" in {note.code for note in fit.notes}) is noted


@pytest.mark.parametrize("count", [2, 3, 5, 60])
def test_hardly_any_requests_still_give_a_fit(count):
    fit = fit_trace(trace_of([float(at * at) for at in range(count)], (0.0, float(count * count))), Speeds())
    assert fit.per_day.low < fit.per_day.mid < fit.per_day.high


def parts(*stretches: tuple[float, float, int]) -> list[float]:
    """So many requests by chance within each stretch: first day, days, requests."""
    return sorted(
        (begin + days * part) * DAY_S
        for begin, days, count in stretches
        for part in draw_many(Uniform(), int(begin), 0, count)
    )


HOLED = {
    "an hour, a month's hole, an hour": (((0, 0.05, 250), (30, 0.05, 250)), 5000),
    "a day, a month's hole, a day": (((0, 1.5, 250), (31.5, 1.5, 250)), 250 / 1.5),
    "ten days before and after": (((0, 10, 250), (40, 10, 250)), 25),
    "two holes within the last third": (((0, 6, 400), (20, 2, 130), (40, 2, 130), (60, 1, 65)), 65),
    "a few minutes after the hole": (((0, 6, 400), (30, 0.2, 10)), 65),
}


@pytest.mark.parametrize("name", HOLED)
def test_a_hole_is_not_in_the_held_out_part_nor_at_the_end_of_the_fitted_one(name):
    stretches, per_day = HOLED[name]
    times = parts(*stretches)
    trace = trace_of(times, (times[0], times[-1]))
    (*_, hole) = survey(trace).missing
    check = check_fit(trace, Speeds(), 1)
    begin, end = check.held_s
    assert not begin < hole[0] < end
    assert not begin < hole[1] < end
    assert survey(cut(trace, trace.span_s[0], check.fitted_until_s)).watched_s < 25 * DAY_S
    requests = check.figures[0]
    assert requests.real == pytest.approx(per_day, rel=0.2)
    assert requests.fitted.low < requests.real * 1.1
    assert requests.fitted.high > requests.real * 0.9


def test_too_little_on_one_side_of_a_hole_is_not_checked():
    times = parts((0, 1, 40), (30, 0.5, 20))
    assert survey(trace_of(times, (times[0], times[-1]))).missing
    assert check_fit(trace_of(times, (times[0], times[-1])), Speeds(), 1) is None
