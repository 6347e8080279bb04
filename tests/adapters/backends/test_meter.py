"""What is metered, try by try, against what the emulated provider bills, worker by worker."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.adapters.backends.runpod_meter import Owed, report_of, took
from outgrow.domain.job import AttemptEnding
from outgrow.emulators.endpoint import Endpoint
from outgrow.emulators.parts import Plan, Setup

from .providers import Told, a_pod

IDLE_S = 5.0


def view_of(job):
    view = {"id": job.id, "status": job.status, "output": job.output, "error": job.error}
    if job.started_s is not None:
        view["delayTime"] = round((job.started_s - job.submitted_s) * 1000)
        view["executionTime"] = round((job.ended_s - job.started_s) * 1000)
        view["workerId"] = job.worker.id
    return view


def played(seed: int, count: int, *, failing: float, gap_s: float):
    """Jobs of a drawn day, all ended, and the endpoint after its last worker has stopped."""
    draw = random.Random(seed)
    plans = itertools.cycle(
        [
            Plan(execution_s=round(draw.uniform(0.2, 9.0), 3), error="no" if draw.random() < failing else None)
            for _ in range(97)
        ]
    )
    ended = []
    endpoint = Endpoint(setup=Setup(seed=seed), plan=lambda given: next(plans), finished=ended.append)
    at_s = 0.0
    for _ in range(count):
        at_s += draw.expovariate(1 / gap_s)
        endpoint.advance(at_s)
        endpoint.submit({}, {}, sync=False)
    endpoint.advance(at_s + 3000)
    return endpoint, ended


@settings(max_examples=30)
@given(seed=st.integers(0, 10**6), gap_s=st.sampled_from([0.5, 3.0, 20.0, 90.0]), failing=st.sampled_from([0.0, 0.3]))
def test_reported_tries_add_up_to_the_bill_in_whatever_order_they_are_read(seed, gap_s, failing):
    endpoint, ended = played(seed, 60, failing=failing, gap_s=gap_s)
    random.Random(seed).shuffle(ended)
    owed = Owed()
    meters = [took(view_of(job), idle_timeout_s=IDLE_S, none_up=False, owed=owed) for job in ended]
    assert len(meters) == 60
    assert all(meter["reported"] for meter in meters)
    used = [worker for worker in endpoint.gone if worker.executions]
    for worker in used:
        own = sum(meter["billed_s"] for meter in meters if meter["worker"] == worker.id)
        assert own == worker.billed_s(endpoint.now_s)
    unused_s = sum(worker.billed_s(endpoint.now_s) for worker in endpoint.gone if not worker.executions)
    assert sum(meter["billed_s"] for meter in meters) == endpoint.billed_s() - unused_s


@pytest.mark.parametrize("seed", range(5))
def test_workers_that_do_not_say_what_came_before_are_remembered(seed):
    endpoint, ended = played(seed, 60, failing=0.0, gap_s=5.0)
    owed, billed_s, used_s = Owed(), 0.0, 0
    for job in ended:
        del job.output["_meter"]["previous_end_ts"]
        billed_s += took(view_of(job), idle_timeout_s=IDLE_S, none_up=False, owed=owed)["billed_s"]
    used_s = sum(worker.billed_s(endpoint.now_s) for worker in endpoint.gone if worker.executions)
    assert billed_s == used_s
    forgotten = sum(took(view_of(job), idle_timeout_s=IDLE_S, none_up=False, owed=Owed())["billed_s"] for job in ended)
    assert used_s <= forgotten <= used_s + len(ended) * (IDLE_S + 1)


def test_waits_split_into_queue_and_start():
    endpoint, ended = played(3, 80, failing=0.0, gap_s=20.0)
    meters = [took(view_of(job), idle_timeout_s=IDLE_S, none_up=False, owed=Owed()) for job in ended]
    for job, meter in zip(ended, meters, strict=True):
        assert meter["queue_s"] + meter["cold_s"] == pytest.approx(job.started_s - job.submitted_s, abs=0.001)
    assert 0 < sum(meter["cold_s"] > 0 for meter in meters) <= sum(worker.executions > 0 for worker in endpoint.gone)


def test_without_a_report_a_start_is_bounded_by_the_wait_where_no_worker_was_up():
    view = {"status": "COMPLETED", "delayTime": 31_618, "executionTime": 1437, "output": {"a": 1}}
    meter = took(view, idle_timeout_s=IDLE_S, none_up=True, owed=Owed())
    assert meter.get("cold_s") is None
    assert meter["cold_most_s"] == 31.618
    assert meter["billed_s"] == 39  # 31.618 + 1.437 + 5 = 38.055, in whole seconds
    warm = took(view, idle_timeout_s=IDLE_S, none_up=False, owed=Owed())
    assert (warm["cold_most_s"], warm["billed_s"]) == (None, 7)


def test_a_try_that_never_started_is_billed_nothing():
    view = {"status": "CANCELLED"}
    assert took(view, idle_timeout_s=IDLE_S, none_up=True, owed=Owed())["billed_s"] == 0


@pytest.mark.parametrize(
    "report",
    [
        None,
        "text",
        {},
        {"worker": "w", "boot_ts": 5, "model_ready_ts": 3, "job_start_ts": 6, "job_end_ts": 7},
        {"worker": "w", "boot_ts": 1, "model_ready_ts": 3, "job_start_ts": 6, "job_end_ts": float("nan")},
        {"worker": "w", "boot_ts": 1, "model_ready_ts": 3, "job_start_ts": 6, "job_end_ts": 7, "previous_end_ts": 9},
        {"worker": 7, "boot_ts": 1, "model_ready_ts": 3, "job_start_ts": 6, "job_end_ts": 7},
        {"worker": "w", "boot_ts": True, "model_ready_ts": 3, "job_start_ts": 6, "job_end_ts": 7},
    ],
)
def test_a_report_that_cannot_be_is_not_believed(report):
    assert report_of({"output": {"_meter": report}}) is None


def test_over_http_with_cancels_and_failures_the_meters_equal_the_ledger():
    async def go():
        async with a_pod(cold_start_s=(5.0, 9.0), workers_max=2, speed=60.0) as pod:
            cancelled = Told()
            first = asyncio.create_task(pod.run({"emulate": {"execution_s": 40.0}}, cancelled))
            await cancelled.until("in_progress")
            cancelled.stopped.set()
            plans = [{"execution_s": 1.5}, {"execution_s": 3.25, "error": "no"}, {"execution_s": 0.75}] * 4
            ran = [await first, *await asyncio.gather(*(pod.run({"emulate": plan}) for plan in plans))]
            await pod.rest()
            ledger = pod.emulator.ledger()
            assert [one.ending for one in ran].count(AttemptEnding.FAILED) == 4
            assert len(ledger["executions"]) == 13
            assert sum(one.execution_s for one in ran) == pytest.approx(
                sum(run["ended_s"] - run["started_s"] for run in ledger["executions"]), abs=0.02
            )
            assert sum(one.billed_s for one in ran) == ledger["billed_s"] - ledger["unused_s"]

    asyncio.run(go())
