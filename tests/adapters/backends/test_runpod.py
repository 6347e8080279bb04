"""The RunPod adapter against an endpoint that behaves, and misbehaves, as the real one."""

from __future__ import annotations

import asyncio
import base64
import logging
from dataclasses import replace

import pytest

from outgrow.adapters.backends.runpod import Waits
from outgrow.domain.job import AttemptEnding, Payload
from outgrow.domain.task import DataClass
from outgrow.emulators.faults import Fault, Kind

from .providers import KEY, Told, a_job, a_pod

SECRET = "hunter2-card-4111"
QUICK = Waits(poll_s=0.5, most_poll_s=2.0, answer_s=0.3)


def emulate(**plan):
    return {"emulate": {"execution_s": 2.0, **plan}, "text": SECRET}


def executions(pod):
    return pod.emulator.ledger()["executions"]


def test_a_job_runs_and_tells_what_it_took():
    async def go():
        async with a_pod(cold_start_s=(20.0, 20.0)) as pod:
            tell = Told()
            ran = await pod.run(emulate(output={"total": 12}), tell)
            assert ran.ending is AttemptEnding.COMPLETED
            assert ran.result == {"total": 12}
            assert tell.external_ids == [ran.external_id]
            assert ran.reported
            assert ran.cold_s == pytest.approx(20.0, abs=0.01)
            assert ran.queue_s == pytest.approx(0.0, abs=0.01)
            assert ran.execution_s == pytest.approx(2.0, abs=0.01)
            assert ran.billed_s == 27
            await pod.rest()
            assert pod.emulator.ledger()["billed_s"] == 27

    asyncio.run(go())


def test_our_name_of_the_try_and_both_limits_are_always_sent():
    async def go():
        async with a_pod() as pod:
            job = a_job(emulate())
            await pod.adapter.run(job, None, pod.backend, Told())
            (execution,) = executions(pod)
            assert execution["input"]["_attempt"] == f"{job.id}:1"
            (kept,) = pod.emulator.endpoint.jobs.values()
            assert (kept.execution_timeout_s, kept.ttl_s) == (60.0, 600.0 + 40.0 + 60.0)

    asyncio.run(go())


def test_the_external_id_is_written_before_anything_is_waited_for():
    async def go():
        async with a_pod() as pod:
            order = []

            class Ordered(Told):
                async def submitted(self, external_id):
                    order.append(("submitted", pod.emulator.calls.get("status", 0)))
                    return True

            await pod.run(emulate(), Ordered())
            assert order == [("submitted", 0)]

    asyncio.run(go())


def test_a_lost_lease_at_submission_cancels_the_job_nobody_will_find():
    async def go():
        async with a_pod() as pod:
            ran = await pod.run(emulate(), Told(leased=False))
            assert ran.ending is AttemptEnding.ABANDONED
            assert executions(pod) == []
            assert not pod.emulator.endpoint.queue

    asyncio.run(go())


@pytest.mark.parametrize("status", [429, 503])
def test_busy_is_tried_again_when_the_provider_says(status):
    async def go():
        async with a_pod() as pod:
            pod.emulator.faults.add([Fault(op="run", kind=Kind.STATUS, status=status, retry_after_s=7)])
            ran = await pod.run(emulate())
            assert (ran.ending, ran.retryable, ran.retry_in_s, ran.unknown) == (
                AttemptEnding.REJECTED,
                True,
                7.0,
                False,
            )
            assert pod.emulator.calls["run"] == 1

    asyncio.run(go())


@pytest.mark.parametrize("kind", [Kind.SILENCE, Kind.HALF, Kind.DROP, Kind.STATUS])
@pytest.mark.parametrize("acts", [True, False])
def test_an_unknown_outcome_is_not_submitted_again(kind, acts):
    async def go():
        async with a_pod(waits=QUICK) as pod:
            pod.emulator.faults.add([Fault(op="run", kind=kind, acts=acts, wait_s=1.0)])
            ran = await pod.run(emulate())
            assert (ran.ending, ran.retryable, ran.unknown) == (AttemptEnding.LOST, True, True)
            assert ran.retry_in_s == pod.backend.timeout_s + pod.backend.cold_start_s
            assert pod.emulator.calls["run"] == 1

    asyncio.run(go())


def test_what_cannot_be_reached_is_tried_again_at_once():
    async def go():
        async with a_pod() as pod:
            pod.backend = replace(pod.backend, url="http://127.0.0.1:9/v2")
            ran = await pod.run(emulate())
            assert (ran.ending, ran.retryable, ran.unknown) == (AttemptEnding.FAILED, True, False)

    asyncio.run(go())


def test_a_webhook_names_the_job_whose_post_got_no_answer():
    async def go():
        async with a_pod(waits=QUICK) as pod:
            pod.adapter.webhook = lambda attempt: f"http://127.0.0.1:9/{attempt}"
            pod.emulator.faults.add([Fault(op="run", kind=Kind.DROP, acts=True)])
            job, tell = a_job(emulate(output={"total": 3})), Told()
            running = asyncio.create_task(pod.adapter.run(job, None, pod.backend, tell))
            async with asyncio.timeout(5):
                while not pod.emulator.endpoint.jobs:
                    await asyncio.sleep(0.01)
            (external_id,) = pod.emulator.endpoint.jobs
            assert not pod.adapter.hint("another:1", external_id)
            assert pod.adapter.hint(f"{job.id}:1", external_id)
            ran = await asyncio.wait_for(running, 10)
            assert ran.result == {"total": 3}
            assert tell.external_ids == [external_id]

    asyncio.run(go())


def test_polls_go_on_through_every_kind_of_bad_answer():
    async def go():
        async with a_pod(waits=QUICK) as pod:
            bad = [
                Fault(op="status", kind=Kind.STATUS, status=429, retry_after_s=1),
                Fault(op="status", kind=Kind.STATUS, status=500, times=3),
                Fault(op="status", kind=Kind.HALF, acts=True),
                Fault(op="status", kind=Kind.DROP, times=2),
                Fault(op="status", kind=Kind.SILENCE, wait_s=1.0),
                Fault(op="status", kind=Kind.STATUS, status=404),
            ]
            pod.emulator.faults.add(bad)
            ran = await pod.run(emulate(output={"total": 5}))
            assert ran.result == {"total": 5}
            assert len(executions(pod)) == 1
            assert not pod.emulator.faults.waiting

    asyncio.run(go())


@pytest.mark.parametrize(
    ("plan", "ending", "retryable"),
    [
        ({"error": f"cannot read {SECRET}"}, AttemptEnding.FAILED, False),
        ({"crash_after_s": 1.0}, AttemptEnding.LOST, True),
        ({"execution_s": 100.0}, AttemptEnding.TIMED_OUT, False),
        ({"lost": True}, AttemptEnding.LOST, True),
        ({"twice": True}, AttemptEnding.COMPLETED, False),
    ],
)
def test_each_ending_of_a_job_is_an_ending_of_the_try(plan, ending, retryable):
    async def go():
        async with a_pod() as pod:
            ran = await pod.run(emulate(**plan))
            assert (ran.ending, ran.retryable) == (ending, retryable)
            assert SECRET not in (ran.error or "")
            assert SECRET not in repr(ran)
            if plan.get("error"):
                assert ran.detail == plan["error"]

    asyncio.run(go())


def test_an_endpoint_without_workers_ends_the_try_and_says_what_to_do():
    async def go():
        async with a_pod(workers_max=0, waits=Waits(queue_s=1.0, poll_s=0.5, most_poll_s=2.0)) as pod:
            ran = await pod.run(emulate())
            assert (ran.ending, ran.retryable) == (AttemptEnding.LOST, True)
            assert "max workers is 0" in ran.error

    asyncio.run(go())


def test_a_cancel_stops_the_job_and_meters_what_ran():
    async def go():
        async with a_pod(cold_start_s=(3.0, 3.0)) as pod:
            tell = Told()
            running = asyncio.create_task(pod.run(emulate(execution_s=50.0), tell))
            await tell.until("in_progress")
            tell.stopped.set()
            ran = await running
            assert (ran.ending, ran.retryable, ran.result) == (AttemptEnding.ABANDONED, False, None)
            (execution,) = executions(pod)
            assert execution["ending"] == "CANCELLED"
            assert ran.execution_s == pytest.approx(execution["ended_s"] - execution["started_s"], abs=0.01)

    asyncio.run(go())


def test_a_late_answer_after_a_cancel_is_metered_and_dropped():
    async def go():
        async with a_pod(cold_start_s=(3.0, 3.0)) as pod:
            tell = Told()
            running = asyncio.create_task(pod.run(emulate(execution_s=8.0, deaf=True, output={"late": 1}), tell))
            await tell.until("in_progress")
            tell.stopped.set()
            ran = await running
            assert (ran.ending, ran.result) == (AttemptEnding.ABANDONED, None)
            assert ran.execution_s == pytest.approx(8.0, abs=0.01)
            assert ran.reported

    asyncio.run(go())


def test_a_lost_lease_leaves_the_job_running_and_the_next_try_takes_it_up():
    async def go():
        async with a_pod() as pod:
            tell = Told()
            job = a_job(emulate(execution_s=30.0, output={"total": 8}))
            running = asyncio.create_task(pod.adapter.run(job, None, pod.backend, tell))
            await tell.until("in_progress")
            tell.keep = True
            tell.stopped.set()
            lost = await running
            assert (lost.ending, lost.unknown) == (AttemptEnding.ABANDONED, True)
            again = a_job(job.payload, id=job.id, attempt=2, backend="gpu", external_id=lost.external_id)
            ran = await pod.adapter.run(again, None, pod.backend, Told())
            assert ran.result == {"total": 8}
            assert len(executions(pod)) == 1
            assert pod.emulator.calls["run"] == 1

    asyncio.run(go())


def test_a_try_that_failed_is_not_resumed_but_made_anew():
    async def go():
        async with a_pod() as pod:
            first = await pod.run(emulate(crash_after_s=0.5))
            again = await pod.run(emulate(), attempt=2, backend="gpu", external_id=first.external_id)
            assert again.ending is AttemptEnding.COMPLETED
            assert again.external_id != first.external_id

    asyncio.run(go())


def test_letting_go_between_the_post_and_its_answer_loses_no_id():
    async def go():
        async with a_pod() as pod:
            pod.emulator.faults.add([Fault(op="run", kind=Kind.LATE, acts=True, wait_s=0.3)])
            tell = Told()
            running = asyncio.create_task(pod.run(emulate(), tell))
            async with asyncio.timeout(5):
                while not pod.emulator.endpoint.jobs:
                    await asyncio.sleep(0.01)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert tell.external_ids == list(pod.emulator.endpoint.jobs)

    asyncio.run(go())


def test_a_streaming_handler_is_read_piece_by_piece():
    async def go():
        async with a_pod() as pod:
            tell = Told()
            given = {**emulate(pieces=["a", "b", "c", "d"], output={"text": "abcd"}, execution_s=8.0), "stream": True}
            ran = await pod.run(given, tell)
            read = [piece for data in tell.progresses for piece in data.get("pieces", ())]
            assert read == ["a", "b", "c", "d"]
            assert ran.result == {"text": "abcd"}

    asyncio.run(go())


def test_bytes_go_as_base64_and_no_larger_than_the_provider_takes():
    async def go():
        async with a_pod() as pod:
            ran = await pod.run(Payload(data=b"\xff\xd8 image", media_type="image/jpeg"))
            assert base64.b64decode(ran.result["echo"]["data"]) == b"\xff\xd8 image"
            assert ran.result["echo"]["media_type"] == "image/jpeg"
            whole = await pod.run(Payload(data=bytes(7_400_000), media_type="image/png"))
            assert whole.ending is AttemptEnding.COMPLETED
            large = await pod.run(Payload(data=bytes(7_400_001), media_type="image/png"))
            assert (large.ending, large.retryable) == (AttemptEnding.REJECTED, False)
            assert "7,400,001" in large.error
            assert pod.emulator.calls["run"] == 2

    asyncio.run(go())


def test_a_sensitive_payload_does_not_leave():
    async def go():
        async with a_pod() as pod:
            ran = await pod.run(emulate(), data=DataClass.SENSITIVE)
            assert (ran.ending, ran.retryable) == (AttemptEnding.REJECTED, False)
            assert "sensitive data may not go to rented-infrastructure" in ran.error
            assert pod.emulator.calls == {}

    asyncio.run(go())


def test_neither_key_nor_payload_is_in_any_log_or_error(caplog):
    async def go():
        async with a_pod(waits=QUICK) as pod:
            pod.emulator.faults.add(
                [Fault(op="run", kind=Kind.DROP), Fault(op="run", kind=Kind.HALF), Fault(op="run", kind=Kind.STATUS)]
            )
            ran = [await pod.run(emulate()) for _ in range(3)]
            ran += [await pod.run(emulate(error=f"{SECRET} {KEY}")), await pod.run(emulate(crash_after_s=1.0))]
        async with a_pod(key="wrong-key") as pod:
            ran.append(await pod.run(emulate()))
        async with a_pod(key="") as pod:
            ran.append(await pod.run(emulate()))
        return ran

    with caplog.at_level(logging.DEBUG):
        ran = asyncio.run(go())
    said = "\n".join([*(repr(one) for one in ran), caplog.text])
    assert all(one.error for one in ran)
    for secret in (KEY, SECRET, "wrong-key"):
        assert secret not in said
    assert "the key in THE_KEY is not accepted" in said
    assert "the environment variable THE_KEY holds no key" in said


def test_health_counts_jobs_and_workers():
    async def go():
        async with a_pod(workers_max=1) as pod:
            runs = [asyncio.create_task(pod.run(emulate(execution_s=20.0))) for _ in range(3)]
            await asyncio.sleep(0.05)
            standing = await pod.adapter.health(pod.backend)
            assert standing.workers_starting == 1
            async with asyncio.timeout(10):
                while (standing := await pod.adapter.health(pod.backend)).running != 1:
                    await asyncio.sleep(0.01)
            assert (standing.workers_up, standing.waiting) == (1, 2)
            await asyncio.gather(*runs)

    asyncio.run(go())
