"""What the closed-form predictor says of pools: laws over all of them, theory, and small simulations of their own."""

from __future__ import annotations

import dataclasses
import heapq
import math
from itertools import pairwise
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from outgrow.domain.arrivals import Arrivals
from outgrow.domain.pool import FixedPool, FlexPool, Law, OpenPool
from outgrow.sim.closed_form import predict
from outgrow.sim.formulas import erlang_c
from outgrow.sim.response import Mixture, Part, law_points

if TYPE_CHECKING:
    from outgrow.domain.pool import Outcome

DAY_S = 86400.0


def flat(per_hour: float) -> Arrivals:
    return Arrivals(per_hour=(per_hour,) * 24)


def billed_s(outcome: Outcome) -> float:
    return outcome.busy_s + outcome.cold_s + outcome.idle_s


def flex(service_s: float = 3, cold_s: float = 60, idle_s: float = 5, workers: int = 3, **more: object) -> FlexPool:
    return FlexPool(
        service=Law(mean_s=service_s), cold_start=Law(mean_s=cold_s), idle_timeout_s=idle_s, max_workers=workers, **more
    )


laws = st.builds(Law, mean_s=st.floats(0.001, 1000), cv=st.sampled_from([0.0, 0.3, 1.0, 5.0]))
starts = st.builds(Law, mean_s=st.sampled_from([0.0, 0.5, 30.0, 3600.0]), cv=st.sampled_from([0.0, 0.5, 2.0]))
hours = st.lists(st.sampled_from([0.0, 0.01, 2.0, 500.0, 1e5]), min_size=24, max_size=24)
days = st.builds(Arrivals, per_hour=hours.map(tuple))
actives = st.lists(st.integers(0, 2), min_size=24, max_size=24).map(tuple)
pools = st.one_of(
    st.builds(OpenPool, service=laws),
    st.builds(FixedPool, service=laws, workers=actives),
    st.builds(
        FlexPool,
        service=laws,
        cold_start=starts,
        idle_timeout_s=st.sampled_from([0.0, 5.0, 600.0, 3600.0]),
        max_workers=st.integers(1, 8),
        active=st.one_of(st.just((0,) * 24), actives),
    ),
)


@given(pool=pools, arrivals=days)
def test_a_prediction_is_made_of_finite_numbers_that_are_not_negative(
    pool: OpenPool | FixedPool | FlexPool, arrivals: Arrivals
) -> None:
    outcome = predict(pool, arrivals)
    figures = dataclasses.asdict(outcome)
    del figures["response"], figures["bottleneck"], figures["endings"], figures["served"]
    assert all(math.isfinite(value) and value >= 0 for value in figures.values()), figures
    assert outcome.cold_share <= 1 + 1e-6  # found by iteration
    quantiles = [outcome.response.quantile(share) for share in (0.5, 0.95, 0.99)]
    assert all(value >= 0 for value in quantiles)
    assert quantiles == sorted(quantiles)
    shares = [outcome.response.share_within(seconds) for seconds in (0, 1, 60, 3600, 1e6)]
    assert all(-1e-9 <= share <= 1 + 1e-9 for share in shares)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(shares))


@given(pool=pools, arrivals=days)
def test_a_pool_that_keeps_up_is_busy_for_requests_times_service(
    pool: OpenPool | FixedPool | FlexPool, arrivals: Arrivals
) -> None:
    assume(not isinstance(pool, FlexPool) or not any(pool.active))
    outcome = predict(pool, arrivals)
    assume(outcome.bottleneck is None)
    assert outcome.busy_s == pytest.approx(arrivals.per_day * pool.service.mean_s)


@given(
    rate=st.floats(0.01, 3000),
    more=st.floats(1, 20),
    cold_s=st.sampled_from([0.0, 10.0, 60.0, 300.0]),
    idle_s=st.sampled_from([0.0, 5.0, 60.0, 600.0]),
    workers=st.sampled_from([1, 2, 3, 8]),
)
def test_flex_workers_are_billed_longer_for_more_requests(
    rate: float, more: float, cold_s: float, idle_s: float, workers: int
) -> None:
    pool = flex(cold_s=cold_s, idle_s=idle_s, workers=workers)
    less, busier = predict(pool, flat(rate)), predict(pool, flat(rate * more))
    assert billed_s(busier) >= billed_s(less) * (1 - 1e-6)


@given(
    rate=st.floats(0.01, 1000),
    timeouts=st.lists(st.floats(0, 3600), min_size=2, max_size=2),
    workers=st.sampled_from([1, 2, 3, 8]),
)
def test_a_longer_idle_timeout_never_makes_more_requests_meet_a_cold_worker(
    rate: float, timeouts: list[float], workers: int
) -> None:
    shorter, longer = (predict(flex(idle_s=idle_s, workers=workers), flat(rate)) for idle_s in sorted(timeouts))
    assert longer.cold_share <= shorter.cold_share + 1e-6
    assert longer.cold_starts <= shorter.cold_starts + 1e-6 * rate * 24


@given(rate=st.floats(0.01, 3000), workers=st.integers(1, 8), idle_s=st.sampled_from([0.0, 60.0, 3600.0]))
def test_flex_workers_are_not_billed_longer_than_they_exist(rate: float, workers: int, idle_s: float) -> None:
    outcome = predict(flex(idle_s=idle_s, workers=workers), flat(rate))
    assert billed_s(outcome) <= workers * DAY_S * (1 + 1e-9)


# One base worker of 3 s a request is taken as full at 1,080 requests an hour.
@example(rate=1079.0)
@given(rate=st.floats(1, 4000))
def test_flex_workers_beside_a_base_are_not_billed_longer_than_they_exist(rate: float) -> None:
    outcome = predict(flex(workers=3, active=(1,) * 24), flat(rate))
    assert billed_s(outcome) <= 3 * DAY_S * (1 + 1e-9)


@pytest.mark.parametrize("base", [1, 2])
def test_a_base_that_gets_more_requests_does_not_need_less_flex(base: int) -> None:
    pool = flex(workers=3, active=(base,) * 24)
    billed = [round(billed_s(predict(pool, flat(rate * base))), 6) for rate in (300, 600, 900, 1079, 1081, 1200, 1500)]
    assert billed == sorted(billed)


def test_a_day_without_requests_bills_no_flex_and_answers_at_once() -> None:
    outcome = predict(flex(), flat(0))
    assert (billed_s(outcome), outcome.cold_starts, outcome.cold_share) == (0, 0, 0)
    assert outcome.response.quantile(0.95) == 0


def test_more_work_than_workers_is_a_bottleneck_and_never_answered() -> None:
    for pool in (flex(workers=2), FixedPool(service=Law(mean_s=3), workers=(2,) * 24)):
        outcome = predict(pool, flat(2500))  # 2,500 x 3 s / 3,600 s = 2.08 workers
        assert outcome.bottleneck is not None
        assert dict(outcome.bottleneck.values) == {"workers": 2, "load": 2.08}
        assert outcome.response.quantile(0.5) == math.inf


def test_a_fixed_pool_is_on_for_its_hours() -> None:
    pool = FixedPool(service=Law(mean_s=3), workers=(0,) * 8 + (2,) * 10 + (0,) * 6)
    assert predict(pool, flat(10)).active_s == 20 * 3600


def test_what_arrives_while_the_window_is_closed_waits_for_it_to_open() -> None:
    # On from 12 to 13 h; one request an hour from midnight: between 11 and 12 h until it opens, then 3 s of service.
    pool = FixedPool(service=Law(mean_s=3), workers=(0,) * 12 + (1,) + (0,) * 11)
    response = predict(pool, Arrivals(per_hour=(4.0,) + (0.0,) * 23)).response
    assert 11 * 3600 < response.quantile(0.01) < response.quantile(0.99) < 12 * 3600 + 4 * 3 + 60
    assert response.share_within(11 * 3600) == 0


def test_the_machine_start_is_waited_for_when_a_window_opens() -> None:
    on, arrivals = (0,) * 12 + (1,) * 12, Arrivals(per_hour=(1.0,) * 12 + (0.0,) * 12)
    cold, warm = (
        predict(FixedPool(service=Law(mean_s=3), workers=on, start=Law(mean_s=start_s)), arrivals).response.quantile(
            0.5
        )
        for start_s in (300.0, 0.0)
    )
    assert cold == pytest.approx(warm + 300, abs=20)


def test_a_window_that_never_opens_answers_nobody() -> None:
    outcome = predict(FixedPool(service=Law(mean_s=3), workers=(0,) * 24), flat(1))
    assert outcome.response.quantile(0.5) == math.inf
    assert outcome.response.share_within(1e9) == 0


def test_a_window_too_short_for_the_days_work_is_a_bottleneck() -> None:
    # 23,000 requests of 3 s wait for one hour of one worker: 19 hours of work a day in one.
    pool = FixedPool(service=Law(mean_s=3), workers=(1,) + (0,) * 23)
    outcome = predict(pool, Arrivals(per_hour=(0.0,) + (1000.0,) * 23))
    assert outcome.busy_s > outcome.active_s
    assert outcome.bottleneck is not None


# servers, rate at mu = 1, wait p95, wait p99: P(W > t) = C exp(-(c mu - lambda) t)
WAITS = [
    (1, 0.5, 4.605170, 7.824046),
    (1, 0.8, 13.862944, 21.910133),
    (2, 1.6, 6.637014, 10.660609),
    (4, 3.2, 3.098679, 5.110476),
    (10, 8, 1.051066, 1.855785),
    (10, 9, 2.593360, 4.202798),
    (50, 45, 0.396952, 0.718839),
]


@pytest.mark.parametrize(("servers", "rate", "p95_s", "p99_s"), WAITS)
def test_the_wait_in_a_fixed_pool_is_that_of_an_mmc_queue(
    servers: int, rate: float, p95_s: float, p99_s: float
) -> None:
    outcome = predict(FixedPool(service=Law(mean_s=1, cv=1), workers=(servers,) * 24), flat(rate * 3600))
    assert isinstance(outcome.response, Mixture)
    (queue,) = outcome.response.parts
    assert queue.p_wait == pytest.approx(erlang_c(servers, rate))
    wait_alone = Mixture((dataclasses.replace(queue, service=Law(mean_s=0)),))
    assert wait_alone.quantile(0.95) == pytest.approx(p95_s, rel=1e-3)
    assert wait_alone.quantile(0.99) == pytest.approx(p99_s, rel=1e-3)


# servers, rate at mu = 1, response p50 and p95 of M/M/c. Our service law is lognormal, not exponential, and cut into
# nine points: in the middle that costs 5 %, at the p95 up to 14 % where service, not queueing, decides.
RESPONSES = [
    (1, 0.5, 1.386294, 5.991465),
    (1, 0.8, 3.465736, 14.978661),
    (2, 1.6, 2.040031, 7.910684),
    (4, 3.2, 1.346199, 4.738019),
    (10, 8, 0.912145, 3.328275),
    (10, 9, 1.329092, 4.360867),
    (50, 45, 0.776470, 3.082796),
]


@pytest.mark.parametrize(("servers", "rate", "p50_s", "p95_s"), RESPONSES)
def test_the_response_of_a_fixed_pool_is_near_that_of_an_mmc_queue(
    servers: int, rate: float, p50_s: float, p95_s: float
) -> None:
    response = predict(FixedPool(service=Law(mean_s=1, cv=1), workers=(servers,) * 24), flat(rate * 3600)).response
    assert response.quantile(0.5) == pytest.approx(p50_s, rel=0.05)
    assert response.quantile(0.95) == pytest.approx(p95_s, rel=0.15)


def lognormal(law: Law, rng: Random) -> float:
    if law.cv == 0:
        return law.mean_s
    sigma = math.sqrt(math.log1p(law.cv**2))
    return law.mean_s * math.exp(rng.gauss(-sigma * sigma / 2, sigma))


def simulated(rate: float, pool: FlexPool | FixedPool, requests: int = 100_000) -> list[float]:
    """Sorted response times of one flex worker, or of identical servers, by the definition of each."""
    rng = Random(7)  # noqa: S311
    now, times, free = 0.0, [], [0.0] * (1 if isinstance(pool, FlexPool) else pool.workers[0])
    for _ in range(requests):
        now += rng.expovariate(rate)
        earliest = heapq.heappop(free)
        start = max(now, earliest)
        if isinstance(pool, FlexPool) and now - earliest > pool.idle_timeout_s:
            start += lognormal(pool.cold_start, rng)
        end = start + lognormal(pool.service, rng)
        heapq.heappush(free, end)
        times.append(end - now)
    return sorted(times)


@pytest.mark.parametrize(
    ("rate", "service", "cold_start", "idle_s"),
    [
        (0.01, Law(mean_s=2), Law(mean_s=20), 5),
        (0.0006, Law(mean_s=3), Law(mean_s=60), 5),
        (0.1, Law(mean_s=2), Law(mean_s=20), 5),
        (0.1, Law(mean_s=2, cv=0.5), Law(mean_s=20, cv=0.3), 5),
        (0.02, Law(mean_s=3, cv=0.5), Law(mean_s=30), 60),
    ],
)
def test_one_flex_worker_answers_as_when_it_is_played_through(
    rate: float, service: Law, cold_start: Law, idle_s: float
) -> None:
    pool = FlexPool(service=service, cold_start=cold_start, idle_timeout_s=idle_s, max_workers=1)
    response, times = predict(pool, flat(rate * 3600)).response, simulated(rate, pool)
    assert response.quantile(0.5) == pytest.approx(times[len(times) // 2], rel=0.05)
    assert response.quantile(0.95) == pytest.approx(times[len(times) * 95 // 100], rel=0.05)


@pytest.mark.parametrize(
    ("servers", "rate", "cv"), [(1, 0.5, 0.5), (2, 1.6, 0.5), (4, 3.2, 0.5), (4, 3.2, 0), (10, 8, 0)]
)
def test_a_fixed_pool_answers_as_when_it_is_played_through(servers: int, rate: float, cv: float) -> None:
    pool = FixedPool(service=Law(mean_s=1, cv=cv), workers=(servers,) * 24)
    response, times = predict(pool, flat(rate * 3600)).response, simulated(rate, pool)
    assert response.quantile(0.5) == pytest.approx(times[len(times) // 2], rel=0.05)
    assert response.quantile(0.95) == pytest.approx(times[len(times) * 95 // 100], rel=0.08)


@given(mean_s=st.floats(0.01, 1000), cv=st.floats(0, 5), points=st.integers(1, 20))
def test_the_points_of_a_law_keep_its_mean_and_their_order(mean_s: float, cv: float, points: int) -> None:
    values = law_points(mean_s, cv, points)
    assert sum(values) / len(values) == pytest.approx(mean_s)
    assert list(values) == sorted(values)


def test_a_mixture_weighs_its_parts_by_their_requests() -> None:
    fast, slow = (Part(weight=weight, service=Law(mean_s=s)) for weight, s in ((9.0, 1.0), (1.0, 100.0)))
    mixture = Mixture((fast, slow))
    assert mixture.share_within(2) == pytest.approx(0.9)
    assert mixture.quantile(0.5) == pytest.approx(1, rel=1e-3)
    assert mixture.quantile(0.95) == pytest.approx(100, rel=1e-3)
    lost = Mixture((fast, dataclasses.replace(slow, lost=True)))
    assert lost.quantile(0.89) == pytest.approx(1, rel=1e-3)
    assert lost.quantile(0.95) == math.inf
