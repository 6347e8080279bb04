"""Predictions by simulation: what is expected, what a month brings, and where the formula takes over."""

from __future__ import annotations

import dataclasses
import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.domain.arrivals import POISSON, SESSIONS, Arrivals, Pattern
from outgrow.domain.pool import (
    Callers,
    FixedPool,
    FlexPool,
    HostPool,
    Law,
    OpenPool,
    Outcome,
    Pool,
    ScalerKind,
    Scaling,
    Snapshot,
)
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.sim import closed_form
from outgrow.sim.days import MONTH_DAYS, month_days, month_factors, spread_days
from outgrow.sim.predict import Simulated

SIMULATED = Simulated()
DAY_S = 86_400.0


def day(requests: float, shape: str = "meals", pattern: Pattern = SESSIONS) -> Arrivals:
    return Arrivals(per_hour=tuple(requests * weight for weight in DAY_SHAPES[shape]), pattern=pattern)


def flex(cold_s: float = 60, **more: object) -> FlexPool:
    given = {"service": Law(mean_s=3), "cold_start": Law(mean_s=cold_s), "idle_timeout_s": 5, "max_workers": 3, **more}
    return FlexPool(**given)  # type: ignore[arg-type]


def usd(outcome: Outcome) -> float:
    """A month of flex seconds at the 24 GB rate."""
    return (outcome.flex_s + outcome.second_slack_s) * 365 / 12 * 0.00019


@pytest.mark.parametrize(
    ("a_day", "cold_s", "asked", "within"),
    [(50, 30, 10.7, 0.1), (50, 60, 19, 0.1), (50, 120, 35, 0.1), (600, 30, 90, 0.15), (600, 60, 130, 0.15), (600, 120, 185, 0.15)],
)  # fmt: skip
def test_a_month_of_independent_requests(a_day: int, cold_s: int, asked: float, within: float) -> None:
    found = SIMULATED(flex(cold_s), day(a_day, pattern=POISSON))
    assert usd(found) == pytest.approx(asked, rel=within)


def test_the_expected_bill_hardly_depends_on_the_seed() -> None:
    bills = [usd(Simulated(seed=1000 * seed)(flex(), day(50))) for seed in range(20)]
    assert statistics.stdev(bills) / statistics.fmean(bills) < 0.008


def test_months_differ_as_days_do_and_their_mean_is_what_is_expected() -> None:
    bills = [usd(SIMULATED.month(number)(flex(), day(50))) for number in range(200)]
    assert statistics.fmean(bills) == pytest.approx(usd(SIMULATED(flex(), day(50))), rel=0.03)
    assert 0.07 < statistics.stdev(bills) / statistics.fmean(bills) < 0.16


def test_a_month_is_the_same_for_every_option() -> None:
    month = SIMULATED.month(7)
    pools: list[Pool] = [flex(), flex(idle_timeout_s=600), FixedPool(service=Law(mean_s=3), workers=(1,) * 24)]
    assert len({month(pool, day(50)).requests for pool in pools}) == 1
    assert month(flex(), day(50)).requests != SIMULATED.month(8)(flex(), day(50)).requests


def test_days_that_stand_for_a_busy_month_keep_its_mean_bill() -> None:
    short = dataclasses.replace(SIMULATED, month_requests=10_000)
    whole, some = ([usd(how.month(k)(flex(), day(2000))) for k in range(30)] for how in (SIMULATED, short))
    assert statistics.fmean(some) == pytest.approx(statistics.fmean(whole), rel=0.02)
    assert statistics.correlation(some, whole) > 0.8


@given(days=st.sampled_from([4, 8, 32, 128]), variance=st.floats(0.05, 2), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_spread_days_have_mean_one_and_most_of_the_variance(days: int, variance: float, seed: int) -> None:
    factors = spread_days(variance, days, seed)
    assert len(factors) == days
    assert statistics.fmean(factors) == pytest.approx(1)
    assert 0.4 * variance < statistics.pvariance(factors) < 1.6 * variance


@given(days=st.integers(1, MONTH_DAYS - 1), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_days_of_a_month_keep_its_mean(days: int, seed: int) -> None:
    from outgrow.sim.compiled import draw_many
    from outgrow.sim.laws import Gamma
    from outgrow.sim.streams import Purpose

    drawn = draw_many(Gamma(shape=1 / 0.44), seed, Purpose.DAY, MONTH_DAYS)
    assert statistics.fmean(month_factors(0.44, days, seed)) == pytest.approx(statistics.fmean(drawn))


def test_how_many_days_of_a_month_are_played() -> None:
    assert month_days(10_000, 50) == MONTH_DAYS
    assert month_days(10_000, 1000) == 10
    assert month_days(10_000, 30_000) == 6
    assert month_days(10_000, 1e6) == 1
    assert month_days(math.inf, 1e6) == MONTH_DAYS


def test_very_sparse_and_very_busy_demand_is_predicted_by_formula() -> None:
    for requests in (0.0, 0.01, 3e6):
        assert SIMULATED(flex(), day(requests)) == closed_form.predict(flex(), day(requests))
    rough = dataclasses.replace(SIMULATED, most_per_day=1000)
    assert rough(flex(), day(1001)) == closed_form.predict(flex(), day(1001)) != SIMULATED(flex(), day(1001))


BUSY = {
    "fixed": FixedPool(service=Law(mean_s=2), workers=(1,) * 24),
    "slots": FixedPool(service=Law(mean_s=6), workers=(1,) * 24, slots=3),
    "gives up": FixedPool(service=Law(mean_s=2), workers=(1,) * 24, callers=Callers(timeout_s=5, cancels=False)),
    "flex slots": FlexPool(service=Law(mean_s=2), cold_start=Law(mean_s=20), idle_timeout_s=30, max_workers=4, slots=4),
}


@pytest.mark.parametrize("name", BUSY)
def test_the_formula_knows_slots_and_callers_who_give_up(name: str) -> None:
    pool, arrivals = BUSY[name], day(25_000, "flat", POISSON)
    simulated, formula = SIMULATED(pool, arrivals), closed_form.predict(pool, arrivals)
    assert formula.active_s + formula.flex_s == pytest.approx(simulated.active_s + simulated.flex_s, rel=0.1)
    assert formula.busy_s == pytest.approx(simulated.busy_s, rel=0.1)
    assert formula.response.quantile(0.9) == pytest.approx(simulated.response.quantile(0.9), rel=0.25)
    assert formula.endings.completed == pytest.approx(simulated.endings.completed, abs=0.08)
    assert (formula.bottleneck is None) == (simulated.bottleneck is None)


def test_too_much_for_slots_is_said_of_the_workers() -> None:
    found = closed_form.predict(FixedPool(service=Law(mean_s=2), workers=(2,) * 24, slots=4), day(500_000, "flat"))
    assert found.bottleneck is not None
    assert dict(found.bottleneck.values) == {"workers": 2, "load": pytest.approx(500_000 * 2 / 86_400 / 4, rel=0.01)}


def test_sessions_are_played_however_sparse() -> None:
    shares = [SIMULATED(flex(idle_timeout_s=60), day(requests)).cold_share for requests in (0.05, 0.2, 2)]
    assert 0.65 < min(shares) <= max(shares) < 0.85  # 2.2 requests a session, two in five followed within a minute


def test_neighbouring_seeds_months_and_streams_share_nothing() -> None:
    seen = [
        Simulated(seed=seed).month(number)(flex(), dataclasses.replace(day(50), stream=stream)).flex_s
        for seed in (0, 1)
        for number in (0, 1)
        for stream in (0, 1)
    ]
    assert len(set(seen)) == len(seen)


def test_a_servers_share_of_time_worked_is_that_of_its_seconds() -> None:
    found = SIMULATED(flex(), day(50))
    assert found.utilisation_frac == pytest.approx(found.busy_s / (found.active_s + found.flex_s))
    assert SIMULATED(OpenPool(service=Law(mean_s=2)), day(50)).response.quantile(0.99) == pytest.approx(2, rel=1e-3)


def test_sparse_demand_agrees_with_the_formula_where_both_are_exact() -> None:
    one = flex(max_workers=1)
    simulated, formula = SIMULATED(one, day(5, "flat", POISSON)), closed_form.predict(one, day(5, "flat", POISSON))
    assert simulated.flex_s == pytest.approx(formula.flex_s, rel=0.01)
    assert simulated.cold_share == pytest.approx(formula.cold_share, abs=0.01)


def test_a_limited_api_is_asked_again_and_served_calls_are_counted() -> None:
    api = OpenPool(service=Law(mean_s=2), per_minute=1, callers=Callers(attempts=8, pause_s=20, factor=1))
    found = SIMULATED(api, day(600))
    assert found.attempts > 1.05
    assert found.response.quantile(0.95) > 20
    failing = SIMULATED(dataclasses.replace(api, per_minute=None, failure_frac=0.3), day(600))
    assert failing.served / failing.requests == pytest.approx(1 / 0.7, rel=0.03)
    assert failing.endings.completed > 0.99


def test_a_caller_that_gives_up_never_gets_its_answer() -> None:
    once = SIMULATED(flex(callers=Callers(timeout_s=30)), day(50))
    assert once.endings.timed_out > 0.7
    assert math.isinf(once.response.quantile(0.95))
    again = SIMULATED(flex(callers=Callers(timeout_s=30, attempts=3)), day(50))
    assert again.endings.completed > 0.9
    assert again.flex_s < 1.3 * once.flex_s


def test_a_pool_that_cannot_keep_up_says_so() -> None:
    found = SIMULATED(flex(service=Law(mean_s=900), max_workers=2), day(300))
    assert found.bottleneck is not None
    assert dict(found.bottleneck.values)["workers"] == 2
    assert SIMULATED(flex(), day(300)).bottleneck is None


def test_warm_snapshots_scalers_slots_and_spot_reach_the_kernel() -> None:
    plain = SIMULATED(flex(), day(200))
    warm = SIMULATED(flex(snapshot=Snapshot(start=Law(mean_s=2), share_frac=0.9)), day(200))
    assert warm.cold_s < 0.4 * plain.cold_s
    by_count = SIMULATED(flex(scaling=Scaling(kind=ScalerKind.REQUEST_COUNT, per_worker=4)), day(2000))
    assert by_count.cold_starts < SIMULATED(flex(), day(2000)).cold_starts
    shared = SIMULATED(flex(slots=4), day(2000))
    assert shared.flex_s < SIMULATED(flex(), day(2000)).flex_s
    spot = FixedPool(service=Law(mean_s=3), workers=(1,) * 24, start=Law(mean_s=300), lost_per_month=100)
    steady = dataclasses.replace(spot, lost_per_month=0.0)
    assert SIMULATED(spot, day(200)).response.quantile(0.999) > SIMULATED(steady, day(200)).response.quantile(0.999)


def test_hosts_share_their_requests_and_buy_credits_above_the_baseline() -> None:
    arrivals = day(40_000, "flat")
    host = HostPool(work=Law(mean_s=1.0, cv=1.0), vcpu=2, baseline_frac=0.2)
    found = SIMULATED(host, day(40_000, "flat", POISSON))
    assert found.surplus_s == pytest.approx(40_000 - 0.4 * DAY_S, rel=0.1)
    two = SIMULATED(dataclasses.replace(host, copies=2), arrivals)
    assert two.requests == pytest.approx(40_000)
    assert two.busy_s + two.idle_s == pytest.approx(4 * DAY_S)
    assert SIMULATED(host, day(34_000, "flat", POISSON)).surplus_s == 0
    assert SIMULATED(host, day(34_000, "flat")).surplus_s > 0  # busy days in a row owe more than a day earns


def test_measured_times_are_played_as_measured() -> None:
    cold = Law(mean_s=40, values_s=(10.0, 10.0, 100.0))
    found = SIMULATED(flex(cold_start=cold), day(20))
    assert found.response.quantile(0.5) == pytest.approx(13, abs=0.1)
    assert found.response.quantile(0.9) == pytest.approx(103, abs=0.5)


def test_both_kernels_predict_the_same() -> None:
    few = dataclasses.replace(SIMULATED, requests=500)
    for pool in (flex(), FixedPool(service=Law(mean_s=3), workers=(2,) * 24), HostPool(work=Law(mean_s=0.1), vcpu=2)):
        plain, compiled = (dataclasses.replace(few, engine=engine)(pool, day(100)) for engine in ("plain", None))
        assert [plain.flex_s, plain.busy_s, plain.cold_share] == [compiled.flex_s, compiled.busy_s, compiled.cold_share]
        assert plain.response.quantile(0.9) == compiled.response.quantile(0.9)
