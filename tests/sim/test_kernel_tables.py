"""Both kernels against solved cases: M/M/c, one and several scale-to-zero workers, scale per request.

Each case is played in independent, seeded replications; their mean must lie within 3 of its own standard errors of the
tabulated value. The plain kernel plays a reduced set: equality with the compiled one is tested elsewhere, bit for bit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from outgrow.sim.compiled import Engine, simulate
from outgrow.sim.laws import Exponential, Fixed, Lognormal, TimeLaw
from outgrow.sim.model import EachWait, Fitted, PerRequest, QueueDelay, RequestCount, Scaler, WorkerPool
from outgrow.sim.observed import Span
from outgrow.sim.requests import steady

from .engines import COMPILED, assert_covers
from .test_formulas import ERLANG, ONE_WORKER, SCALE_PER_REQUEST

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.sim.observed import Observed

REPLICATIONS = 32
PLAIN_SHARE = 40


def exponential(mean_s: float) -> TimeLaw:
    return Exponential(mean_s=mean_s) if mean_s else Fixed(value_s=0.0)


def law(mean_s: float, cv: float) -> TimeLaw:
    if cv == 0:
        return Fixed(value_s=mean_s)
    return Exponential(mean_s=mean_s) if cv == 1 else Lognormal(mean_s=mean_s, cv=cv)


def rows(table: list[tuple[object, ...]], plain: tuple[int, ...]) -> list[object]:
    """Every row for the compiled kernel, some for the plain one."""
    some = [pytest.param(table[k], "plain", id=f"{k}-plain") for k in plain]
    return some + [
        pytest.param(row, "compiled", marks=COMPILED.marks, id=f"{k}-compiled") for k, row in enumerate(table)
    ]


def played(
    model: WorkerPool | PerRequest, rate: float, count: int, warmup_s: float, engine: Engine, seed: int = 0
) -> list[Observed]:
    """Replications of ``count`` requests each (the plain kernel: shorter and fewer)."""
    times, count = (REPLICATIONS, count) if engine == "compiled" else (24, count // PLAIN_SHARE)
    span_s = warmup_s + count / rate
    return [
        simulate(model, steady(rate), Span(horizon_s=span_s, warmup_s=warmup_s, seed=1000 * seed + k), asked=engine)
        for k in range(times)
    ]


def each(observed: list[Observed], figure: Callable[[Observed], float]) -> list[float]:
    return [figure(one) for one in observed]


def per_second(observed: list[Observed], count: int, rate: float, engine: Engine, meter: str) -> list[float]:
    seconds = (count if engine == "compiled" else count // PLAIN_SHARE) / rate
    return [getattr(one.meters, meter) / seconds for one in observed]


@pytest.mark.parametrize(("row", "engine"), rows(ERLANG, (1, 4)))
def test_erlang_b_and_c(row: tuple[int, float, float, float], engine: Engine) -> None:
    servers, offered, lost, waits = row
    service = Exponential(mean_s=1.0)
    queue = WorkerPool(service=service, active=(servers,) * 24, max_workers=servers)
    loss = WorkerPool(service=service, active=(servers,) * 24, max_workers=servers, queue_limit=0)
    observed = played(loss, offered, 40_000, 200, engine)
    assert_covers(each(observed, lambda o: o.meters.rejected / o.meters.arrivals), lost)
    observed = played(queue, offered, 60_000, 2000 / offered + 500, engine)
    assert_covers(each(observed, lambda o: o.meters.waited / o.meters.arrivals), waits)


# servers, rate at mu = 1, P(wait), W, T, T p50, T p95, T p99, W p95, W p99
MMC = [
    (1, 0.5, 0.500000, 1.000000, 2.000000, 1.386294, 5.991465, 9.210340, 4.605170, 7.824046),
    (1, 0.8, 0.800000, 4.000000, 5.000000, 3.465736, 14.978661, 23.025851, 13.862944, 21.910133),
    (2, 1.6, 0.711111, 1.777778, 2.777778, 2.040031, 7.910684, 11.937370, 6.637014, 10.660609),
    (4, 3.2, 0.596432, 0.745541, 1.745541, 1.346199, 4.738019, 6.893204, 3.098679, 5.110476),
    (10, 8, 0.409180, 0.204590, 1.204590, 0.912145, 3.328275, 4.946111, 1.051066, 1.855785),
    (10, 9, 0.668732, 0.668732, 1.668732, 1.329092, 4.360867, 6.249877, 2.593360, 4.202798),
    (50, 45, 0.363864, 0.072773, 1.072773, 0.776470, 3.082796, 4.692234, 0.396952, 0.718839),
]


@pytest.mark.parametrize(("row", "engine"), rows(MMC, (0, 4)))
def test_waits_and_responses_of_mmc(row: tuple[float, ...], engine: Engine) -> None:
    servers, rate, p_wait, wait_s, response_s, p50, p95, p99, wait_p95, wait_p99 = row
    pool = WorkerPool(service=Exponential(mean_s=1.0), active=(int(servers),) * 24, max_workers=int(servers))
    observed = played(pool, rate, 150_000, 1500, engine, seed=2)
    assert_covers(each(observed, lambda o: o.meters.waited / o.meters.arrivals), p_wait)
    assert_covers(each(observed, lambda o: o.meters.wait_s / o.wait.total), wait_s)
    assert_covers(each(observed, lambda o: o.meters.response_s / o.meters.completed), response_s)
    for share, expected in ((0.5, p50), (0.95, p95), (0.99, p99)):
        assert_covers(each(observed, lambda o, share=share: o.response.quantile(share)), expected)
    for share, expected in ((0.95, wait_p95), (0.99, wait_p99)):
        assert_covers(each(observed, lambda o, share=share: o.wait.quantile(share)), expected)


@pytest.mark.parametrize("cv", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("engine", [COMPILED])
def test_one_server_waits_as_pollaczek_and_khinchine_say(cv: float, engine: Engine) -> None:
    pool = WorkerPool(service=law(1.0, cv), active=(1,) * 24, max_workers=1)
    observed = played(pool, 0.6, 100_000, 2000, engine)
    assert_covers(each(observed, lambda o: o.meters.wait_s / o.wait.total), 0.6 * (1 + cv * cv) / (2 * 0.4))


# p50, p95, p99 of the rows of ONE_WORKER whose laws are exponential
ONE_WORKER_QUANTILES = {
    0: (16.0138, 62.0673, 94.2560),
    1: (15.1772, 61.2305, 93.4192),
    2: (6.2302, 51.6308, 83.8195),
    3: (1.4204, 6.2085, 9.8528),
    4: (12.6337, 58.6700, 90.8587),
    7: (11.9480, 57.5943, 89.7827),
    9: (9.9215, 36.6449, 53.8143),
}


@pytest.mark.parametrize(("row", "engine"), rows(list(enumerate(ONE_WORKER)), (1, 6)))
def test_one_scale_to_zero_worker(row: tuple[int, tuple[float, ...]], engine: Engine) -> None:
    number, (rate, service_s, service_cv, start_s, start_cv, timeout_s, response_s, cold, on, billed) = row
    pool = WorkerPool(
        service=law(service_s, service_cv),
        cold_start=law(start_s, start_cv),
        idle_timeout=Fixed(value_s=timeout_s),
        max_workers=1,
        scaler=QueueDelay(delay_s=0.0),
    )
    count = 150_000
    observed = played(pool, rate, count, 5000, engine, seed=3)
    assert_covers(each(observed, lambda o: o.meters.response_s / o.meters.completed), response_s)
    assert_covers(each(observed, lambda o: o.meters.cold_starts / o.meters.arrivals), cold, tabulated=1e-8)
    worked = [
        busy + start
        for busy, start in zip(
            per_second(observed, count, rate, engine, "busy_s"),
            per_second(observed, count, rate, engine, "cold_s"),
            strict=True,
        )
    ]
    assert_covers(worked, on)
    assert_covers(per_second(observed, count, rate, engine, "flex_s"), billed, tabulated=1e-8)
    for share, expected in zip((0.5, 0.95, 0.99), ONE_WORKER_QUANTILES.get(number, ()), strict=False):
        assert_covers(each(observed, lambda o, share=share: o.response.quantile(share)), expected, tabulated=1e-4)


@pytest.mark.parametrize("engine", ["plain", COMPILED])
def test_a_warm_snapshot_whose_chance_ignores_the_gap_is_a_mixture_of_starts(engine: Engine) -> None:
    rate, tau, q, warm_s, cold_s = 0.05, 5.0, 0.7, 2.0, 30.0
    pool = WorkerPool(
        service=Exponential(mean_s=2.0),
        cold_start=Fixed(value_s=cold_s),
        warm_start=Fixed(value_s=warm_s),
        warm_share=q,
        idle_timeout=Fixed(value_s=tau),
        max_workers=1,
        scaler=QueueDelay(delay_s=0.0),
    )
    p, rho = math.exp(-rate * tau), rate * 2.0
    a, b = p * (q * warm_s + (1 - q) * cold_s), p * (q * warm_s**2 + (1 - q) * cold_s**2)
    expected = 2 + rate * 8 / (2 * (1 - rho)) + (2 * a + rate * b) / (2 * (1 + rate * a))
    observed = played(pool, rate, 100_000, 5000, engine)
    assert_covers(each(observed, lambda o: o.meters.response_s / o.meters.completed), expected)
    assert_covers(each(observed, lambda o: o.meters.warm_starts / (o.meters.warm_starts + o.meters.cold_starts)), q)


# rate, mu, 1/alpha, workers, mean idle timer, scaler, E[T], E[workers up], E[busy], starts a request. "Cancel" counts every
# start; with one start at a time the tabulated figure is of starts that were completed.
SEVERAL = [
    (0.5, 1, 10, 2, 0, Fitted(), 6.5418292, 1.5137209, 0.5, 0.34039534),
    (2, 1, 10, 4, 0, Fitted(), 4.4621367, 3.6057764, 2, 0.20281743),
    (2, 1, 10, 4, 0, Fitted(at_once=1), 11.086929, 2.7867493, 2, 0.03933748),
    (2, 1, 10, 4, 0, EachWait(), 4.3680718, 3.8539456, 2, 0.092697281),
    (2, 1, 10, 4, 5, Fitted(), 2.548933, 3.3271685, 2, 0.20587929),
    (2, 1, 10, 4, 5, EachWait(), 2.2660497, 3.7599626, 2, 0.058665418),
    (2, 1, 10, 4, 60, EachWait(), 1.2164413, 3.9021841, 2, 0.013587029),
    (3.2, 1, 1, 4, 0, Fitted(), 2.3087487, 3.6122774, 3.2, 0.21707099),
    (0.9, 0.5, 10, 5, 5, EachWait(), 3.1173728, 4.1551629, 1.8, 0.17445651),
    (0.2, 0.5, 20, 3, 5, EachWait(), 7.0234693, 2.163687, 0.4, 0.3527374),
    (0.2, 0.5, 20, 3, 60, EachWait(), 2.8064146, 2.2259957, 0.4, 0.11412473),
    (2, 1, 10, 4, 0, RequestCount(per_worker=1), 4.453382, 3.745395, 2, 0.08727),
    (0.9, 0.5, 10, 5, 0, RequestCount(per_worker=1), 5.050916, 3.981402, 1.8, 0.242378),
    (0.2, 0.5, 20, 3, 0, RequestCount(per_worker=1), 10.278841, 1.965455, 0.4, 0.391364),
]


@pytest.mark.parametrize(("row", "engine"), rows(SEVERAL, (1, 3, 5, 11)))
def test_several_scale_to_zero_workers(
    row: tuple[float, float, float, int, float, Scaler, float, float, float, float], engine: Engine
) -> None:
    rate, mu, start_s, workers, timer_s, scaler, response_s, up, busy, starts = row
    pool = WorkerPool(
        service=Exponential(mean_s=1 / mu),
        cold_start=Exponential(mean_s=start_s),
        idle_timeout=exponential(timer_s),
        max_workers=workers,
        scaler=scaler,
    )
    count = 100_000
    observed = played(pool, rate, count, 2000, engine, seed=4)
    assert_covers(each(observed, lambda o: o.meters.response_s / o.meters.completed), response_s)
    assert_covers(per_second(observed, count, rate, engine, "flex_s"), up)
    assert_covers(per_second(observed, count, rate, engine, "busy_s"), busy)
    dropped = 1 if scaler == Fitted(at_once=1) else 0
    assert_covers(
        each(observed, lambda o: (o.meters.cold_starts - dropped * o.meters.cancelled_starts) / o.meters.arrivals),
        starts,
        tabulated=5e-6,
    )


# standard errors of the last three columns of SCALE_PER_REQUEST
TIGHT = [
    (1e-6, 7e-4, 1e-4),
    (1e-6, 7e-4, 1e-4),
    (3e-6, 2e-4, 1e-5),
    (5e-6, 3e-5, 1e-6),
    (1e-5, 9e-5, 4e-5),
    (1e-5, 7e-5, 7e-5),
    (1e-5, 5e-4, 3e-4),
    (9e-7, 3e-3, 3e-4),
]


@pytest.mark.parametrize(
    ("row", "engine"), rows([(*row, error) for row, error in zip(SCALE_PER_REQUEST, TIGHT, strict=True)], (4, 5))
)
def test_scale_per_request(
    row: tuple[float, float, float, float, float, float, float, tuple[float, float, float]], engine: Engine
) -> None:
    rate, warm_s, cold_s, expiry_s, cold, up, running, errors = row
    model = PerRequest(warm=Exponential(mean_s=warm_s), cold=Exponential(mean_s=cold_s), expiry=Fixed(value_s=expiry_s))
    count = 400_000
    observed = played(model, rate, count, 10 * expiry_s + 1000, engine, seed=6)
    shares = each(observed, lambda o: o.meters.cold_starts / o.meters.arrivals)
    busy = per_second(observed, count, rate, engine, "busy_s")
    assert_covers(shares, cold, tabulated=errors[0])
    assert_covers(per_second(observed, count, rate, engine, "flex_s"), up, tabulated=errors[1])
    assert_covers(busy, running, tabulated=errors[2])
    identity = [ran - rate * (warm_s * (1 - p) + cold_s * p) for ran, p in zip(busy, shares, strict=True)]
    assert_covers(identity, 0.0)
