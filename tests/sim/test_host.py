"""A host with CPU credits: by hand where it can be, and against the queueing formulas where credits do not matter."""

from __future__ import annotations

import pytest

from outgrow.domain.pool import Law
from outgrow.sim.compiled import Engine, simulate
from outgrow.sim.credits import surplus_s
from outgrow.sim.formulas import erlang_c, mean_wait
from outgrow.sim.laws import Exponential, Fixed
from outgrow.sim.model import Host
from outgrow.sim.observed import Span
from outgrow.sim.requests import DAY_S, Sessions, steady

from .engines import ENGINES, assert_covers
from .test_kernel_rules import at

pytestmark = pytest.mark.parametrize("engine", ENGINES)


@pytest.mark.parametrize(("vcpu", "rate"), [(1, 0.6), (2, 1.5), (8, 6.4)])
def test_without_credits_it_is_a_queue_before_its_cpus(engine: Engine, vcpu: int, rate: float) -> None:
    host = Host(work=Exponential(mean_s=1.0), vcpu=vcpu)
    count, seeds = (60_000, 24) if engine == "compiled" else (6_000, 16)
    seen = [
        simulate(host, steady(rate), Span(horizon_s=500 + count / rate, warmup_s=500, seed=seed), asked=engine)
        for seed in range(seeds)
    ]
    assert_covers([one.meters.waited / one.meters.arrivals for one in seen], erlang_c(vcpu, rate))
    assert_covers([one.meters.wait_s / one.wait.total for one in seen], mean_wait(vcpu, rate, Law(mean_s=1, cv=1)))


def test_a_standard_host_runs_at_its_baseline_when_the_credits_are_gone(engine: Engine) -> None:
    # 2 vCPUs, baseline 20 %: 0.4 vCPU earned. One busy vCPU spends 0.6 net, so 30 credits last 50 s: 50 of 100 are done.
    host = Host(work=Fixed(value_s=100), vcpu=2, baseline_frac=0.2, unlimited=False, launch_credits_s=30)
    meters = simulate(host, at(0.0), Span(horizon_s=1000), asked=engine).meters
    assert meters.response_s == pytest.approx(50 + 50 / 0.4)
    assert (meters.throttled_s, meters.surplus_s) == (pytest.approx(125), 0)


def test_two_busy_cpus_share_the_baseline(engine: Engine) -> None:
    host = Host(work=Fixed(value_s=10), vcpu=2, baseline_frac=0.2, unlimited=False)
    meters = simulate(host, at(0.0, 0.0), Span(horizon_s=1000), asked=engine).meters
    assert meters.response_s == pytest.approx(2 * 10 / 0.2)


def test_an_unlimited_host_goes_on_at_full_speed_and_is_billed_beyond_a_day_of_earnings(engine: Engine) -> None:
    # 0.4 earned, 1 spent: 0.6 of debt a second, billed once it exceeds 24 h x 0.4 vCPU.
    host = Host(work=Fixed(value_s=2 * DAY_S), vcpu=2, baseline_frac=0.2)
    meters = simulate(host, at(0.0), Span(horizon_s=2 * DAY_S), asked=engine).meters
    assert meters.busy_s == pytest.approx(2 * DAY_S)
    assert meters.surplus_s == pytest.approx(2 * DAY_S * 0.6 - DAY_S * 0.4)


def test_a_debt_is_paid_back_before_the_balance_grows(engine: Engine) -> None:
    host = Host(work=Fixed(value_s=3600), vcpu=1, baseline_frac=0.5)
    meters = simulate(host, at(*(7200.0 * k for k in range(100))), Span(horizon_s=720_000), asked=engine).meters
    assert meters.surplus_s == 0


def test_in_the_long_run_what_exceeds_the_baseline_is_billed(engine: Engine) -> None:
    host = Host(work=Exponential(mean_s=1.0), vcpu=2, baseline_frac=0.2, system_vcpu=0.05)
    days = 60 if engine == "compiled" else 12
    span = Span(horizon_s=days * DAY_S, warmup_s=5 * DAY_S, seed=2)
    meters = simulate(host, steady(0.6), span, asked=engine).meters
    assert meters.surplus_s / (span.horizon_s - span.warmup_s) == pytest.approx(0.6 + 0.05 - 0.4, rel=0.03)


def test_credits_followed_day_by_day_bill_what_the_host_is_billed(engine: Engine) -> None:
    # 0.21 vCPU in the mean against 0.3 earned: nothing on average days, but two days of three times that go over.
    factors = (3.0, 3.0, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2)
    sessions = Sessions(per_hour=(900.0,) * 24, day_factors=factors)
    host = Host(work=Fixed(value_s=1.0), vcpu=2, baseline_frac=0.15)
    turns = 12 if engine == "compiled" else 6
    span = Span(horizon_s=8 * turns * DAY_S, warmup_s=16 * DAY_S, seed=3)
    seen = simulate(host, sessions, span, asked=engine).meters
    billed_s = seen.surplus_s / (span.horizon_s - span.warmup_s) * DAY_S
    assert billed_s == pytest.approx(surplus_s([21_600 * factor for factor in factors], 0.3 * DAY_S), rel=0.05)
    assert billed_s > 500


def test_below_the_baseline_a_standard_host_is_never_slow(engine: Engine) -> None:
    host = Host(work=Exponential(mean_s=0.05), vcpu=2, baseline_frac=0.2, unlimited=False, launch_credits_s=600)
    assert simulate(host, steady(1.0), Span(horizon_s=DAY_S), asked=engine).meters.throttled_s == 0


def test_what_is_under_way_at_the_horizon_is_unfinished(engine: Engine) -> None:
    meters = simulate(Host(work=Fixed(value_s=10), vcpu=1), at(0.0, 1.0), Span(horizon_s=5), asked=engine).meters
    assert (meters.arrivals, meters.completed, meters.unfinished, meters.busy_s) == (2, 0, 2, 5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"vcpu": 0}, "vcpu: 0"),
        ({"baseline_frac": 1.5}, "baseline_frac: 1.5"),
        ({"system_vcpu": 3}, "system_vcpu: 3"),
        ({"work": Fixed(value_s=float("inf"))}, "work: infinite"),
    ],
)
def test_a_host_without_meaning_is_refused(engine: Engine, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        Host(**{"work": Fixed(value_s=1), "vcpu": 2, **changes})  # type: ignore[arg-type]
