"""Queueing formulas against published and independently computed values (facts/simulation.md)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.pool import Law
from outgrow.sim.formulas import erlang_b, erlang_c, mean_wait, one_flex_worker, several_flex_workers

# servers, offered load, Erlang B, Erlang C
ERLANG = [
    (1, 0.5, 0.3333333333, 0.5000000000),
    (1, 0.8, 0.4444444444, 0.8000000000),
    (2, 1, 0.2000000000, 0.3333333333),
    (3, 2, 0.2105263158, 0.4444444444),
    (5, 4, 0.1990668740, 0.5541125541),
    (10, 8, 0.1216610643, 0.4091801508),
    (20, 18, 0.1092128459, 0.5507690048),
    (50, 45, 0.0541044722, 0.3638644672),
    (100, 90, 0.0269573805, 0.2169404809),
    (200, 190, 0.0279681645, 0.3652638566),
]

# servers, rate at mu = 1, chance to wait, mean wait
MMC = [
    (1, 0.5, 0.500000, 1.000000),
    (1, 0.8, 0.800000, 4.000000),
    (2, 1.6, 0.711111, 1.777778),
    (4, 3.2, 0.596432, 0.745541),
    (10, 8, 0.409180, 0.204590),
    (10, 9, 0.668732, 0.668732),
    (50, 45, 0.363864, 0.072773),
]

# rate, E[S], cv S, E[I], cv I, idle timeout, mean response, cold starts a request, share on, share billed
ONE_WORKER = [
    (0.01, 2, 1, 20, 1, 0, 22.04081633, 0.81666667, 0.18333333, 0.18333333),
    (0.01, 2, 1, 20, 1, 5, 21.22131212, 0.78320358, 0.17664072, 0.21679642),
    (0.01, 2, 1, 20, 1, 60, 13.90955519, 0.48464017, 0.11692803, 0.51535983),
    (0.01, 2, 1, 20, 1, 600, 2.10027690, 0.00242797, 0.02048559, 0.99757203),
    (0.1, 2, 1, 20, 1, 5, 18.94411714, 0.21925490, 0.63850979, 0.78074510),
    (0.1, 2, 0, 20, 0, 5, 13.21274476, 0.21925490, 0.63850979, 0.78074510),
    (0.1, 2, 0.5, 20, 0.3, 5, 13.76856828, 0.21925490, 0.63850979, 0.78074510),
    (0.3, 2, 1, 20, 1, 5, 18.35662593, 0.03816179, 0.82897073, 0.96183821),
    (0.3, 2, 0.5, 60, 0.3, 30, 3.95486619, 0.00004925, 0.60088658, 0.99995075),
    (0.4, 2, 1, 8, 1, 5, 13.17308735, 0.01888742, 0.86043976, 0.98111258),
]

# rate, warm, cold response, expiry, share cold, servers up, servers running; 5e8 requests each
SCALE_PER_REQUEST = [
    (0.9, 1.991, 2.244, 600, 0.0013302, 7.69732, 1.79228),
    (0.9, 2.016, 2.163, 600, 0.0013335, 7.74035, 1.81465),
    (0.1, 1.991, 2.244, 600, 0.0071056, 2.64918, 0.199288),
    (0.01, 1.991, 2.244, 600, 0.0197054, 1.10772, 0.0199607),
    (0.1, 2, 25, 60, 0.0854410, 1.90083, 0.396587),
    (0.02, 20, 60, 5, 0.9090244, 1.22264, 1.12727),
    (0.2, 20, 60, 60, 0.1010138, 7.92521, 4.80823),
    (5, 1, 5, 600, 0.0003345, 14.9354, 5.00691),
]
SPARSE = [SCALE_PER_REQUEST[3], SCALE_PER_REQUEST[4], SCALE_PER_REQUEST[5]]


@pytest.mark.parametrize(("servers", "offered", "lost", "waits"), ERLANG)
def test_erlang_b_and_c_have_their_tabulated_values(servers: int, offered: float, lost: float, waits: float) -> None:
    assert erlang_b(servers, offered) == pytest.approx(lost, abs=1e-10)
    assert erlang_c(servers, offered) == pytest.approx(waits, abs=1e-10)


def test_nothing_offered_loses_nothing_and_too_much_always_waits() -> None:
    assert erlang_b(3, 0) == erlang_c(3, 0) == 0
    assert erlang_c(3, 3) == erlang_c(3, 5) == 1


@pytest.mark.parametrize(("servers", "rate", "waits", "wait_s"), MMC)
def test_exponential_service_waits_as_the_mmc_table_says(
    servers: int, rate: float, waits: float, wait_s: float
) -> None:
    assert erlang_c(servers, rate) == pytest.approx(waits, abs=1e-6)
    assert mean_wait(servers, rate, Law(mean_s=1, cv=1)) == pytest.approx(wait_s, abs=1e-6)


@given(rate=st.floats(0.01, 0.99), cv=st.floats(0, 3))
def test_one_server_waits_as_pollaczek_and_khinchine_say(rate: float, cv: float) -> None:
    service = Law(mean_s=1, cv=cv)
    assert mean_wait(1, rate, service) == pytest.approx(rate * service.second_moment / (2 * (1 - rate)))


def test_a_queue_that_cannot_keep_up_grows_for_ever() -> None:
    assert mean_wait(2, 2.0, Law(mean_s=1)) == math.inf
    assert mean_wait(2, 0.0, Law(mean_s=1)) == 0


@pytest.mark.parametrize("row", ONE_WORKER)
def test_one_flex_worker_is_exact(row: tuple[float, ...]) -> None:
    rate, service_s, service_cv, start_s, start_cv, timeout_s, response_s, cold, on, billed = row
    one = one_flex_worker(rate, Law(mean_s=service_s, cv=service_cv), Law(mean_s=start_s, cv=start_cv), timeout_s)
    assert one.mean_response_s == pytest.approx(response_s, rel=1e-7)
    assert one.cold_per_request == pytest.approx(cold, abs=1e-8)
    assert one.on_share == pytest.approx(on, abs=1e-8)
    assert one.billed_share == pytest.approx(billed, abs=1e-8)


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.6])
def test_one_flex_worker_refuses_a_load_it_has_no_long_run_for(rate: float) -> None:
    with pytest.raises(ValueError, match="rate x service"):
        one_flex_worker(rate, Law(mean_s=2), Law(mean_s=20), 5)


@pytest.mark.parametrize("row", SPARSE)
def test_several_flex_workers_are_within_3_per_cent_when_calls_are_sparse(row: tuple[float, ...]) -> None:
    rate, warm_s, cold_s, expiry_s, cold, *_ = row
    found = several_flex_workers(rate, Law(mean_s=warm_s), Law(mean_s=cold_s - warm_s), expiry_s, 100, 0.0)
    assert found.cold_per_request == pytest.approx(cold, rel=0.03)


@pytest.mark.parametrize("row", SCALE_PER_REQUEST)
def test_several_flex_workers_are_within_40_per_cent_at_high_reuse(row: tuple[float, ...]) -> None:
    rate, warm_s, cold_s, expiry_s, cold, up, running = row
    found = several_flex_workers(rate, Law(mean_s=warm_s), Law(mean_s=cold_s - warm_s), expiry_s, 100, 0.0)
    assert found.cold_per_request == pytest.approx(cold, rel=0.4)
    busy = rate * (warm_s + found.cold_per_request * (cold_s - warm_s))
    assert busy == pytest.approx(running, rel=0.12)
    assert busy + rate * found.idle_s_per_request == pytest.approx(up, rel=0.25)


@given(
    rate=st.floats(1e-6, 5),
    timeout_s=st.one_of(st.just(0.0), st.floats(1, 3600)),
    start_s=st.floats(0, 600),
    workers=st.integers(2, 20),
)
def test_shares_of_several_flex_workers_are_shares(rate: float, timeout_s: float, start_s: float, workers: int) -> None:
    found = several_flex_workers(rate, Law(mean_s=2), Law(mean_s=start_s), timeout_s, workers, 0.0)
    assert 0 <= found.full_share <= 1
    assert 0 <= found.cold_per_request <= 1
    assert 0 <= found.idle_s_per_request <= timeout_s * (1 + 1e-6)


def test_with_hardly_any_calls_every_request_starts_cold_and_pays_its_tail() -> None:
    found = several_flex_workers(1e-7, Law(mean_s=3), Law(mean_s=60), 5, 3, 0.0)
    assert found.cold_per_request == pytest.approx(1, abs=1e-4)
    assert found.idle_s_per_request == pytest.approx(5, rel=1e-4)
