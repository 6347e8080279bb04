"""The simulator beside its peers, in one process: python benchmarks/simulator.py [ROUNDS].

Installs the peers into the running Python when they are missing (SimFaaS, Ciw, SimPy); outgrow does not need them.

Jobs: SimFaaS's own README job (Poisson 0.9/s, warm Exp(1.991 s), cold Exp(2.244 s), expiry 600 s, 1e6 s); M/M/4 at 80 %
load beside Ciw and SimPy in their natural form; the full worker model (one active and three flex workers, lognormal
service and starts, FlashBoot, idle timeout, each scaler), on drawn arrivals, in sessions, with retries; the replay of
given arrivals and services; a host with CPU credits. Rounds are interleaved, so that a machine that drifts drifts for
all; the median of the CPU time is reported. Answers are checked before anything is timed.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING

from outgrow.sim.compiled import draw_many, engine, simulate
from outgrow.sim.laws import Exponential, Fixed, Lognormal
from outgrow.sim.model import FloorOnly, Host, PerRequest, QueueDelay, RequestCount, Retry, WorkerPool
from outgrow.sim.observed import Span
from outgrow.sim.requests import Given, Sessions, steady
from outgrow.sim.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Callable

    Job = tuple[Callable[[], object], float, str]

PEERS = {"simfaas": "SimFaaS==0.2.2", "ciw": "ciw==3.2.7", "simpy": "simpy==4.1.2"}
README_JOB = PerRequest(
    warm=Exponential(mean_s=1.991), cold=Exponential(mean_s=2.244), expiry=Fixed(value_s=600.0), max_instances=1000
)
README_SPAN = Span(horizon_s=1e6, seed=1)
COLD_SHARE, SERVERS, RUNNING = 0.0013302, 7.69732, 1.79228
MMC = WorkerPool(service=Exponential(mean_s=1.0), active=(4,) * 24, max_workers=4, scaler=FloorOnly())
MMC_RATE, MMC_RESPONSE = 3.2, 1.745541
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


def install_peers() -> None:
    missing = [wanted for name, wanted in PEERS.items() if importlib.util.find_spec(name) is None]
    if missing:
        print(f"installing {', '.join(missing)}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *missing], check=True)
        importlib.invalidate_caches()


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


def ciw_mmc(requests: int = 40_000) -> float:
    import ciw

    ciw.seed(1)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(rate=MMC_RATE)],
        service_distributions=[ciw.dists.Exponential(rate=1.0)],
        number_of_servers=[4],
    )
    simulation = ciw.Simulation(network)
    simulation.simulate_until_max_time(requests / MMC_RATE)
    return statistics.fmean(
        record.waiting_time + record.service_time for record in simulation.get_all_records(only=["service"])
    )


def simpy_mmc(requests: int = 40_000) -> float:
    import simpy

    drawn = random.Random(1)  # noqa: S311 - a simulation
    environment, responses = simpy.Environment(), []
    servers = simpy.Resource(environment, capacity=4)

    def request() -> object:
        arrived = environment.now
        with servers.request() as turn:
            yield turn
            yield environment.timeout(drawn.expovariate(1.0))
        responses.append(environment.now - arrived)

    def source() -> object:
        while True:
            yield environment.timeout(drawn.expovariate(MMC_RATE))
            environment.process(request())

    environment.process(source())
    environment.run(until=requests / MMC_RATE)
    return statistics.fmean(responses)


def mmc(requests: float, asked: str | None = None) -> float:
    meters = simulate(MMC, steady(MMC_RATE), Span(horizon_s=requests / MMC_RATE, seed=1), asked=asked).meters
    return meters.response_s / meters.completed


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
    for name, found, within in (("ours", mmc(3e6), 0.01), ("Ciw", ciw_mmc(), 0.15), ("SimPy", simpy_mmc(), 0.15)):
        if abs(found / MMC_RESPONSE - 1) > within:
            raise SystemExit(f"wrong answer of {name}, not timed: mean response {found}, expected {MMC_RESPONSE}")


def jobs(trace: Given) -> dict[str, Job]:
    """Each with how many requests it plays, and whose speed it is compared with."""
    arrivals = README_SPAN.horizon_s * 0.9
    long = Span(horizon_s=REQUESTS / RATE, seed=1)
    small = dataclasses.replace(long, horizon_s=0.05 * REQUESTS / RATE)
    counted = dataclasses.replace(POOL, scaler=RequestCount(per_worker=1))
    delayed = dataclasses.replace(POOL, scaler=QueueDelay(delay_s=4.0))
    retried = dataclasses.replace(POOL, timeout_s=30.0, retry=Retry())
    sessions = Sessions(per_hour=(RATE * 3600,) * 24, size=2.2, gap=Lognormal(mean_s=100, cv=1.0), day_variance=0.44)
    host = Host(work=Exponential(mean_s=1.0), vcpu=2, baseline_frac=0.2)
    all_jobs: dict[str, Job] = {
        "SimFaaS": (sim_faas, arrivals, "SimFaaS"),
        "its job, plain": (lambda: simulate(README_JOB, steady(0.9), README_SPAN, asked="plain"), arrivals, "SimFaaS"),
        "Ciw, M/M/4": (ciw_mmc, 40_000, "Ciw, M/M/4"),
        "SimPy, M/M/4": (simpy_mmc, 40_000, "Ciw, M/M/4"),
        "M/M/4, plain": (lambda: mmc(40_000, "plain"), 40_000, "Ciw, M/M/4"),
        "workers, plain": (lambda: simulate(delayed, steady(RATE), small, asked="plain"), 0.05 * REQUESTS, ""),
    }
    if engine() == "compiled":
        all_jobs |= {
            "its job, compiled": (lambda: simulate(README_JOB, steady(0.9), README_SPAN), arrivals, "SimFaaS"),
            "M/M/4, compiled": (lambda: mmc(REQUESTS), REQUESTS, "Ciw, M/M/4"),
            "workers, queue delay": (lambda: simulate(delayed, steady(RATE), long), REQUESTS, ""),
            "workers, request count": (lambda: simulate(counted, steady(RATE), long), REQUESTS, ""),
            "workers, retries": (lambda: simulate(retried, steady(RATE), long), REQUESTS, ""),
            "workers, sessions": (lambda: simulate(delayed, sessions, long), REQUESTS, ""),
            "workers, replay": (lambda: simulate(delayed, trace, long), REQUESTS, ""),
            "host with credits": (lambda: simulate(host, steady(1.0), Span(horizon_s=REQUESTS, seed=1)), REQUESTS, ""),
        }
    return all_jobs


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    install_peers()
    trace = replayed()
    checked(trace)
    all_jobs = jobs(trace)
    times: dict[str, list[float]] = {name: [] for name in all_jobs}
    for _ in range(rounds):
        for name, (job, _requests, _peer) in all_jobs.items():
            times[name].append(cpu_seconds(job))
    each = {name: statistics.median(times[name]) / requests for name, (_job, requests, _peer) in all_jobs.items()}
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {rounds} rounds, CPU time"
    )
    print(f"{'job':<24} {'requests/s':>14} {'ns a request':>13}  against")
    for name, (_job, _requests, peer) in all_jobs.items():
        ratio = f"{each[peer] / each[name]:,.1f} x {peer.partition(',')[0]}" if peer else "-"
        print(f"{name:<24} {1 / each[name]:>14,.0f} {each[name] * 1e9:>13.1f}  {ratio}")


if __name__ == "__main__":
    main()
