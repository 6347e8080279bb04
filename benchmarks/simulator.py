"""CPU speed of the simulator beside SimFaaS, in one process: python benchmarks/simulator.py [ROUNDS].

Needs the peer, which outgrow does not: pip install SimFaaS==0.2.2. Without it the ratios are left out.

The job is that of SimFaaS's README: Poisson 0.9/s, warm Exp(1.991 s), cold Exp(2.244 s), expiry 600 s, 1e6 s. Then the
full worker model (one active and three flex workers, lognormal service and starts, FlashBoot, idle timeout, each
scaler) on drawn arrivals, and the replay of given arrivals and services. Rounds are interleaved, so that a machine that
drifts drifts for all; the median is reported. Answers are checked before anything is timed.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
import statistics
import sys
import time
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING

from outgrow.sim.compiled import draw_many, engine, simulate
from outgrow.sim.laws import Exponential, Fixed, Lognormal
from outgrow.sim.model import PerRequest, QueueDelay, RequestCount, WorkerPool
from outgrow.sim.observed import Span
from outgrow.sim.requests import Given, steady
from outgrow.sim.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

README_JOB = PerRequest(
    warm=Exponential(mean_s=1.991), cold=Exponential(mean_s=2.244), expiry=Fixed(value_s=600.0), max_instances=1000
)
README_SPAN = Span(horizon_s=1e6, seed=1)
COLD_SHARE, SERVERS, RUNNING = 0.0013302, 7.69732, 1.79228
POOL = WorkerPool(
    service=Lognormal(mean_s=3.0, cv=0.5),
    cold_start=Lognormal(mean_s=30.0, cv=0.4),
    warm_start=Lognormal(mean_s=2.0, cv=0.3),
    warm_share=0.8,
    warm_fade_s=3600.0,
    active=(1,) * 24,
    max_workers=4,
)
RATE = 0.3
REQUESTS = 1_000_000


def cpu_seconds(job: Callable[[], object]) -> float:
    before = time.process_time()
    job()
    return time.process_time() - before


def sim_faas() -> object:
    from simfaas.ServerlessSimulator import ServerlessSimulator

    peer = ServerlessSimulator(
        arrival_rate=0.9,
        warm_service_rate=1 / 1.991,
        cold_service_rate=1 / 2.244,
        expiration_threshold=600,
        max_time=README_SPAN.horizon_s,
    )
    peer.generate_trace(debug_print=False, progress=False)
    return peer


def replayed() -> Given:
    gaps = draw_many(Exponential(mean_s=1 / RATE), 1, Purpose.ARRIVALS, REQUESTS)
    return Given(times_s=array("d", accumulate(gaps)), service_s=draw_many(POOL.service, 1, Purpose.SERVICE, REQUESTS))


def checked(trace: Given) -> None:
    """The right answer first: a fast wrong one is worth nothing."""
    meters = simulate(README_JOB, steady(0.9), dataclasses.replace(README_SPAN, horizon_s=2e7, warmup_s=1e4)).meters
    figures = (meters.cold_starts / meters.arrivals, meters.flex_s / (2e7 - 1e4), meters.busy_s / (2e7 - 1e4))
    for found, expected, within in zip(figures, (COLD_SHARE, SERVERS, RUNNING), (0.02, 0.005, 0.002), strict=True):
        if abs(found / expected - 1) > within:
            raise SystemExit(f"wrong answer, not timed: {figures}")
    drawn = simulate(POOL, steady(RATE), Span(horizon_s=1e5, seed=1), asked="plain")
    given = simulate(POOL, trace, Span(horizon_s=1e5, seed=1))
    if drawn.meters != given.meters:
        raise SystemExit(f"replay differs, not timed: {drawn.meters} {given.meters}")


def jobs(trace: Given) -> dict[str, tuple[Callable[[], object], float]]:
    """Each with how many requests it plays."""
    arrivals = README_SPAN.horizon_s * 0.9
    long = Span(horizon_s=REQUESTS / RATE, seed=1)
    counted = dataclasses.replace(POOL, scaler=RequestCount(per_worker=1))
    delayed = dataclasses.replace(POOL, scaler=QueueDelay(delay_s=4.0))
    all_jobs: dict[str, tuple[Callable[[], object], float]] = {}
    if importlib.util.find_spec("simfaas"):
        all_jobs["SimFaaS"] = (sim_faas, arrivals)
    all_jobs["its job, plain"] = (lambda: simulate(README_JOB, steady(0.9), README_SPAN, asked="plain"), arrivals)
    if engine() == "compiled":
        all_jobs |= {
            "its job, compiled": (lambda: simulate(README_JOB, steady(0.9), README_SPAN), arrivals),
            "workers, queue delay": (lambda: simulate(delayed, steady(RATE), long), REQUESTS),
            "workers, request count": (lambda: simulate(counted, steady(RATE), long), REQUESTS),
            "workers, replay": (lambda: simulate(delayed, trace, long), REQUESTS),
        }
    small = dataclasses.replace(long, horizon_s=0.05 * REQUESTS / RATE)
    all_jobs["workers, plain"] = (lambda: simulate(delayed, steady(RATE), small, asked="plain"), 0.05 * REQUESTS)
    return all_jobs


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    trace = replayed()
    checked(trace)
    all_jobs = jobs(trace)
    times: dict[str, list[float]] = {name: [] for name in all_jobs}
    for _ in range(rounds):
        for name, (job, _requests) in all_jobs.items():
            times[name].append(cpu_seconds(job))
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {rounds} rounds, CPU time"
    )
    print(f"{'job':<24} {'requests/s':>14} {'ns a request':>13} {'x SimFaaS':>10}")
    for name, (_job, requests) in all_jobs.items():
        each = statistics.median(times[name]) / requests
        peer = statistics.median(times["SimFaaS"]) / all_jobs["SimFaaS"][1] if "SimFaaS" in times else None
        ratio = f"{peer / each:10.1f}" if peer and not name.startswith("workers") else f"{'-':>10}"
        print(f"{name:<24} {1 / each:>14,.0f} {each * 1e9:>13.1f} {ratio}")


if __name__ == "__main__":
    main()
