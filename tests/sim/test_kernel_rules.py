"""The kernel's rules one at a time, on arrivals small enough to work out by hand; memory and interruption."""

from __future__ import annotations

import math
import os
import resource
import signal
import subprocess
import sys
import textwrap
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.sim import compiled
from outgrow.sim.compiled import Engine, simulate
from outgrow.sim.histogram import BINS, LogHistogram, bin_of, edges_of
from outgrow.sim.laws import Empirical, Exponential, Fixed, Lognormal
from outgrow.sim.model import PerRequest, QueueDelay, RequestCount, WorkerPool
from outgrow.sim.observed import RECORD_FIELDS, Ending, Observed, Span
from outgrow.sim.requests import Given, Poisson, steady

from .engines import BUILT, ENGINES

pytestmark = pytest.mark.parametrize("engine", ENGINES)


def at(*times: float) -> Given:
    return Given(times_s=array("d", times))


def pool(**changes: object) -> WorkerPool:
    """3 s of service, 10 s to start, 5 s of idling, started at once, one worker."""
    given = {
        "service": Fixed(value_s=3),
        "cold_start": Fixed(value_s=10),
        "idle_timeout": Fixed(value_s=5),
        "max_workers": 1,
        "scaler": QueueDelay(delay_s=0),
    }
    return WorkerPool(**{**given, **changes})  # type: ignore[arg-type]


def play(
    model: WorkerPool | PerRequest, arrivals: Given, engine: Engine, horizon_s: float = 1000, **span: float
) -> Observed:
    return simulate(model, arrivals, Span(horizon_s=horizon_s, **span), records=True, asked=engine)  # type: ignore[arg-type]


def ended(observed: Observed) -> list[tuple[float, ...]]:
    """(arrived, began, ended, ending) of each record."""
    flat, width = observed.records or array("d"), len(RECORD_FIELDS)
    return [tuple(flat[k : k + 4]) for k in range(0, len(flat), width)]


def test_one_request_pays_start_service_and_idle_tail(engine: Engine) -> None:
    observed = play(pool(), at(100.0), engine)
    meters = observed.meters
    assert ended(observed) == [(100, 110, 113, Ending.COMPLETED)]
    assert (meters.cold_s, meters.busy_s, meters.idle_s, meters.flex_s, meters.active_s) == (10, 3, 5, 18, 0)
    assert (meters.cold_starts, meters.delayed, meters.wait_s, meters.response_s) == (1, 1, 10, 13)


def test_a_request_within_the_idle_timeout_is_warm_and_one_at_its_end_is_too_late(engine: Engine) -> None:
    assert ended(play(pool(), at(0.0, 17.5), engine))[1] == (17.5, 17.5, 20.5, Ending.COMPLETED)
    assert ended(play(pool(), at(0.0, 18.0), engine))[1] == (18, 28, 31, Ending.COMPLETED)


def test_a_worker_that_falls_free_serves_who_arrives_at_that_moment(engine: Engine) -> None:
    assert play(pool(), at(0.0, 13.0), engine).meters.waited == 1


def test_the_queue_is_first_come_first_served(engine: Engine) -> None:
    assert [row[0] for row in ended(play(pool(), at(0.0, 1.0, 1.0, 2.0), engine))] == [0, 1, 1, 2]


def test_queue_delay_starts_one_worker_at_a_time(engine: Engine) -> None:
    # Nothing is up, so the first starts at once; the next at 4 and 8; ready at 10, 14, 18.
    observed = play(pool(max_workers=5, scaler=QueueDelay(delay_s=4)), at(0.0, 0.0, 0.0), engine)
    assert [row[1] for row in ended(observed)] == [10, 13, 14]
    assert observed.meters.cold_starts == 3


def test_queue_delay_counts_from_the_arrival_where_a_worker_is_up(engine: Engine) -> None:
    observed = play(pool(max_workers=2, active=(1,) * 24, service=Fixed(value_s=60)), at(0.0, 1.0), engine)
    assert ended(observed)[1][:3] == (1, 1 + 10, 71)
    late = play(
        pool(max_workers=2, active=(1,) * 24, service=Fixed(value_s=60), scaler=QueueDelay(delay_s=4)),
        at(0.0, 1.0),
        engine,
    )
    assert ended(late)[1][:3] == (1, 1 + 4 + 10, 75)


def test_queue_delay_never_starts_more_places_than_requests_wait(engine: Engine) -> None:
    observed = play(pool(max_workers=5, scaler=QueueDelay(delay_s=1), slots=2), at(0.0, 0.0, 0.0), engine)
    assert observed.meters.cold_starts == 2


def test_request_count_wants_a_worker_for_every_so_many_requests(engine: Engine) -> None:
    observed = play(pool(max_workers=9, scaler=RequestCount(per_worker=2)), at(0.0, 0.0, 0.0, 0.0, 0.0), engine)
    assert observed.meters.cold_starts == 3


def test_several_requests_share_a_worker(engine: Engine) -> None:
    observed = play(pool(slots=3), at(0.0, 0.0, 0.0, 0.0), engine)
    assert [row[1] for row in ended(observed)] == [10, 10, 10, 13]
    assert observed.meters.busy_s == 6


def test_the_active_floor_is_billed_as_active_and_needs_no_start(engine: Engine) -> None:
    observed = play(pool(max_workers=2, active=(1,) * 24), at(0.0, 0.0), engine)
    meters = observed.meters
    assert [row[1] for row in ended(observed)] == [0, 3]
    assert (meters.active_s, meters.cold_starts) == (1000, 1)
    assert meters.flex_s == 10 + 5  # started for the second request, came too late, idled


def test_an_active_window_starts_on_the_hour_and_ends_with_the_idle_timeout(engine: Engine) -> None:
    model = pool(active=(0, 1) + (0,) * 22)
    observed = play(model, at(3605.0, 7300.0), engine, horizon_s=20_000)
    meters = observed.meters
    assert [row[1] for row in ended(observed)] == [3610, 7310]
    assert (meters.active_s, meters.flex_s) == (3600, 5 + 18)


def test_a_warm_snapshot_needs_a_worker_that_ran(engine: Engine) -> None:
    model = pool(warm_share=1.0, warm_start=Fixed(value_s=1))
    observed = play(model, at(0.0, 100.0), engine)
    assert [row[1] for row in ended(observed)] == [10, 101]
    assert (observed.meters.cold_starts, observed.meters.warm_starts) == (1, 1)


def test_a_snapshot_fades_with_the_gap(engine: Engine) -> None:
    model = pool(warm_share=1.0, warm_start=Fixed(value_s=1), warm_fade_s=10.0)
    gaps = {gap: [sum(play(model, at(0.0, 18.0 + gap), engine, seed=seed).meters.warm_starts for seed in range(100))]
            for gap in (1.0, 10.0, 500.0)}  # fmt: skip
    assert 80 < gaps[1.0][0] <= 100  # exp(-0.1) = 0.905
    assert 22 < gaps[10.0][0] < 52  # exp(-1) = 0.368
    assert gaps[500.0][0] == 0


def test_patience_ends_in_the_queue_only(engine: Engine) -> None:
    observed = play(pool(patience=Fixed(value_s=12)), at(0.0, 0.0), engine)
    assert ended(observed) == [(0, -1, 12, Ending.ABANDONED), (0, 10, 13, Ending.COMPLETED)]
    assert (observed.meters.abandoned, observed.meters.completed) == (1, 1)


def test_patience_that_ends_as_a_place_falls_free_is_enough(engine: Engine) -> None:
    assert play(pool(patience=Fixed(value_s=10)), at(0.0), engine).meters.completed == 1


def test_callers_leave_in_the_order_of_their_patience(engine: Engine) -> None:
    model = pool(max_workers=0, patience=Empirical(values_s=(3.0, 7.0, 11.0)))
    observed = play(model, at(*[0.25 * k for k in range(40)]), engine)
    ends = [row[2] for row in ended(observed)]
    assert observed.meters.abandoned == 40
    assert ends == sorted(ends)


def test_a_time_out_drops_what_waits_but_not_what_is_being_served(engine: Engine) -> None:
    observed = play(pool(timeout_s=11.0), at(0.0, 0.0), engine)
    assert ended(observed) == [(0, -1, 11, Ending.TIMED_OUT), (0, 10, 11, Ending.TIMED_OUT)]
    assert (observed.meters.busy_s, observed.meters.wasted_s) == (3, 3)
    kept = play(pool(timeout_s=11.0, timeout_drops=False), at(0.0, 0.0), engine)
    assert [row[2] for row in ended(kept)] == [11, 11]
    assert (kept.meters.timed_out, kept.meters.busy_s, kept.meters.wasted_s) == (2, 6, 6)


def test_a_full_queue_rejects(engine: Engine) -> None:
    observed = play(pool(queue_limit=1), at(0.0, 1.0), engine)
    assert ended(observed)[0] == (1, -1, 1, Ending.REJECTED)


def test_failures_are_served_and_counted(engine: Engine) -> None:
    meters = play(pool(failure_share=1.0), at(0.0, 1.0), engine).meters
    assert (meters.failed, meters.busy_s) == (2, 6)


def test_what_is_under_way_at_the_horizon_is_unfinished_and_cut(engine: Engine) -> None:
    meters = play(pool(), at(0.0, 1.0), engine, horizon_s=12).meters
    assert (meters.unfinished, meters.cold_s, meters.busy_s) == (2, 10, 2)


def test_the_warm_up_is_played_and_not_counted(engine: Engine) -> None:
    meters = play(pool(), at(0.0, 12.0), engine, horizon_s=100, warmup_s=11).meters
    assert (meters.arrivals, meters.cold_starts, meters.busy_s, meters.idle_s) == (1, 0, 5, 5)


def test_scale_per_request_prefers_the_youngest_and_counts_what_is_rejected(engine: Engine) -> None:
    model = PerRequest(warm=Fixed(value_s=2), cold=Fixed(value_s=10), expiry=Fixed(value_s=30), max_instances=2)
    meters = play(model, at(0.0, 1.0, 2.0, 20.0), engine).meters
    assert (meters.cold_starts, meters.rejected, meters.completed) == (2, 1, 3)
    assert meters.busy_s == 22
    assert meters.flex_s == (40 - 0) + (52 - 1)


def test_common_random_numbers_hold_across_options(engine: Engine) -> None:
    spans = Span(horizon_s=50_000, seed=9)
    few, many = (
        simulate(
            pool(max_workers=most, service=Lognormal(mean_s=3, cv=0.5), cold_start=Exponential(mean_s=10)),
            steady(0.01), spans, records=True, asked=engine,
        )
        for most in (1, 4)
    )  # fmt: skip
    served = [sorted((row[0], round(row[2] - row[1], 9)) for row in ended(one)) for one in (few, many)]
    assert served[0] == served[1]


def test_requests_follow_the_hours(engine: Engine) -> None:
    hours = (0.0,) * 11 + (300.0, 100.0) + (0.0,) * 11
    observed = simulate(
        pool(max_workers=3), Poisson(per_hour=hours), Span(horizon_s=50 * 86_400.0), records=True, asked=engine
    )
    counts = [0] * 24
    for row in ended(observed):
        counts[int(row[0] // 3600) % 24] += 1
    assert counts[11] == pytest.approx(15_000, abs=4 * 123)
    assert counts[12] == pytest.approx(5_000, abs=4 * 71)
    assert sum(counts) == counts[11] + counts[12]


@given(seconds=st.floats(2.0**-20, 2.0**24, exclude_max=True))
def test_a_time_lies_in_its_bin_and_bins_are_narrow(engine: Engine, seconds: float) -> None:
    low, high = edges_of(bin_of(seconds))
    assert low <= seconds < high <= low * 1.0157


def test_quantiles_of_a_histogram_are_within_a_bin(engine: Engine) -> None:
    histogram = LogHistogram()
    for k in range(1, 1001):
        histogram.add(k / 10)
    assert histogram.quantile(0.5) == pytest.approx(50, rel=0.016)
    assert histogram.share_within(25.0) == pytest.approx(0.25, abs=0.005)
    assert histogram.quantile(0.0) == pytest.approx(0.1, rel=0.016)
    assert (LogHistogram().quantile(0.5), histogram.share_within(1e9), histogram.total) == (0, 1, 1000)
    assert (bin_of(0.0), bin_of(1e300)) == (0, BINS - 1)


def test_the_engine_is_chosen_visibly(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    assert compiled.engine() == ("compiled" if BUILT else "plain")
    assert compiled.engine(engine) == engine
    monkeypatch.setattr(compiled, "ORDER", compiled.ORDER + 1)  # a kernel left over from other sources is none
    monkeypatch.setattr(compiled, "_kernel", compiled._load())
    assert compiled.engine() == "plain"
    with pytest.raises(ImportError, match="not installed"):
        compiled.engine("compiled")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active": (2,) * 24}, "active: 2"),
        ({"active": (1,)}, "active: 1 found; allowed is 24"),
        ({"slots": 0}, "slots: 0"),
        ({"service": Fixed(value_s=-1)}, "service: -1"),
        ({"service": Fixed(value_s=float("inf"))}, "service: infinite"),
        ({"cold_start": Empirical(values_s=())}, "cold_start: an empirical law without values"),
        ({"idle_timeout": Lognormal(mean_s=0, cv=1)}, "idle_timeout: a lognormal mean of 0"),
        ({"warm_share": 1.5}, "warm_share: 1.5"),
        ({"scaler": RequestCount(per_worker=0)}, "scaler.per_worker: 0"),
        ({"scaler": QueueDelay(delay_s=-1)}, "scaler.delay_s: -1"),
        ({"timeout_s": float("nan")}, "timeout_s: nan"),
    ],
)
def test_a_pool_without_meaning_is_refused(engine: Engine, changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        pool(**changes)


def test_memory_does_not_grow_with_the_horizon(engine: Engine) -> None:
    def peak_after(requests: float) -> int:
        simulate(pool(max_workers=3), steady(0.1), Span(horizon_s=requests / 0.1), asked=engine)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    short = 20_000 if engine == "compiled" else 2_000
    before = peak_after(short)
    assert peak_after(short * (100 if engine == "compiled" else 20)) - before < 1024  # KiB


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent as POSIX has them")
def test_ctrl_c_stops_a_run_at_once(engine: Engine) -> None:
    code = f"""
        from outgrow.sim.compiled import simulate
        from outgrow.sim.laws import Fixed
        from outgrow.sim.model import WorkerPool
        from outgrow.sim.observed import Span
        from outgrow.sim.requests import steady
        print("playing", flush=True)
        simulate(WorkerPool(service=Fixed(value_s=1)), steady(1.0), Span(horizon_s=1e14), asked={engine!r})
    """
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=10)
    assert b"KeyboardInterrupt" in said


def test_what_is_below_the_bins_and_endless_times_are_told(engine: Engine) -> None:
    seen = LogHistogram()
    for seconds in (1e-7, 1e-7, 3.0):
        seen.add(seconds)
    assert (seen.share_within(0.0), seen.share_within(1e-7)) == (0, pytest.approx(2 / 3))
    assert seen.share_within(math.inf) == 1
