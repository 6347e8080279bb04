"""The emulators hold to what the providers document, and give the same for the same seed."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from outgrow.emulators.endpoint import Endpoint
from outgrow.emulators.faults import Fault, Faults, Kind, fault_of
from outgrow.emulators.openai import OpenAiEmulator
from outgrow.emulators.parts import Plan, Setup
from outgrow.emulators.runpod import RunPodEmulator

KEY = "emulator-key"


def an_endpoint(execution_s=2.0, **setup):
    plain = {"cold_start_s": (10.0, 10.0), "idle_timeout_s": 5.0, **setup}
    return Endpoint(setup=Setup(**plain), plan=lambda given: Plan(**{"execution_s": execution_s, **given}))


@asynccontextmanager
async def served(app):
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession(server.make_url("/"), headers={"Authorization": f"Bearer {KEY}"}) as session:
        try:
            yield session
        finally:
            await server.close()


def test_one_cold_job_by_hand():
    endpoint = an_endpoint()
    job = endpoint.submit({}, {}, sync=False)
    endpoint.advance(100.0)
    assert (job.status, job.started_s, job.ended_s) == ("COMPLETED", 10.0, 12.0)
    assert endpoint.billed_s() == 17  # start 10 + execution 2 + idle 5


def test_a_second_worker_waits_for_the_queue_delay():
    endpoint = an_endpoint(execution_s=60.0, queue_delay_s=4.0)
    for _ in range(2):
        endpoint.submit({}, {}, sync=False)
    endpoint.advance(3.9)
    assert len(endpoint.workers) == 1
    endpoint.advance(4.0)
    assert len(endpoint.workers) == 2


def test_the_same_seed_plays_the_same_day():
    def day(seed):
        endpoint = Endpoint(setup=Setup(seed=seed), plan=lambda given: Plan())
        for at_s in range(0, 3000, 7):
            endpoint.advance(at_s)
            endpoint.submit({}, {}, sync=False)
        endpoint.advance(10_000)
        return endpoint.executions, endpoint.billed_s()

    assert day(1) == day(1) != day(2)


def test_a_job_past_its_time_to_live_is_deleted_even_while_it_runs():
    endpoint = an_endpoint(execution_s=100.0)
    job = endpoint.submit({}, {"ttl": 30_000}, sync=False)
    endpoint.advance(29.9)
    assert endpoint.jobs[job.id].status == "IN_PROGRESS"
    endpoint.advance(30.0)
    assert job.id not in endpoint.jobs
    endpoint.advance(100.0)
    assert not endpoint.workers


def test_results_are_kept_half_an_hour_and_a_minute():
    endpoint = an_endpoint()
    late, sync = (endpoint.submit({}, {}, sync=sync) for sync in (False, True))
    endpoint.advance(14.0 + 60.0)
    assert list(endpoint.jobs) == [late.id]
    assert sync.status == "COMPLETED"
    endpoint.advance(1800 + 12 - 0.1)
    assert list(endpoint.jobs) == [late.id]
    endpoint.advance(1800 + 12)
    assert not endpoint.jobs


def test_silence_takes_workers_away_until_a_person_gives_them_back():
    endpoint = an_endpoint()
    for days, most in ((2.9, 3), (3 + 2.9, 2), (3 + 2.9 + 7, 0)):
        endpoint.advance(days * 86_400)
        endpoint.submit({}, {}, sync=False)
        assert endpoint.workers_max == most
    assert len(endpoint.queue) == 1
    endpoint.set_workers(3)
    endpoint.advance(endpoint.now_s + 20)
    assert not endpoint.queue


def test_a_job_given_to_two_workers_runs_twice_and_ends_once():
    endpoint = an_endpoint()
    job = endpoint.submit({"twice": True}, {}, sync=False)
    endpoint.advance(100.0)
    assert [execution.job for execution in endpoint.executions] == [job.id, job.id]
    assert endpoint.jobs[job.id].output is not None


def test_a_full_queue_refuses():
    endpoint = an_endpoint(workers_max=0, queue_per_worker=1, queue_floor=3)
    taken = [endpoint.submit({}, {}, sync=False) for _ in range(6)]
    assert [job is None for job in taken] == [False] * 4 + [True] * 2


def test_the_queue_api_over_http():
    async def go():
        emulator = RunPodEmulator(setup=Setup(cold_start_s=(1.0, 1.0), execution_s=(0.5, 0.5)), speed=50.0)
        async with served(emulator.app()) as session:

            async def call(method, path, body=None, **more):
                async with session.request(method, f"/v2/emulated/{path}", json=body, **more) as answer:
                    return answer.status, await answer.json()

            assert (await call("POST", "run", {"input": {}}, headers={"Authorization": "Bearer no"}))[0] == 401
            assert (await call("POST", "run", {}))[0] == 400
            assert (await call("POST", "run", {"input": {}, "policy": {"executionTimeout": 5000}}))[0] == 422
            assert (await call("POST", "run", {"input": {}, "policy": {"ttl": 9999}}))[0] == 422
            async with session.post(
                "/v2/emulated/run", data=io.BytesIO(b'{"input":"' + b"x" * 10_000_000 + b'"}')
            ) as answer:
                assert answer.status == 400
            assert (await call("GET", "status/none"))[0] == 404
            assert (await call("GET", "purge-queue"))[0] == 405
            async with session.get("/v2/other/health") as answer:
                assert answer.status == 404
            status, done = await call("POST", "runsync", {"input": {"a": 1}})
            assert (status, done["status"], done["executionTime"]) == (200, "COMPLETED", 500)
            assert done["delayTime"] == 1000
            assert done["output"]["_meter"]["first_job"] is True
            _, failed = await call("POST", "runsync", {"input": {"emulate": {"error": "no", "execution_s": 0.1}}})
            assert (failed["status"], json.loads(failed["error"])["error_message"]) == ("FAILED", "no")
            assert (await call("POST", f"retry/{failed['id']}"))[1]["status"] == "IN_QUEUE"
            assert (await call("POST", f"retry/{done['id']}"))[0] == 400
            emulator.endpoint.set_workers(0)
            await asyncio.sleep(0.3)
            _, job = await call("POST", "run", {"input": {}})
            assert (await call("POST", "purge-queue"))[1] == {"removed": 1, "status": "completed"}
            assert (await call("GET", f"status/{job['id']}"))[1]["status"] == "CANCELLED"
            _, health = await call("GET", "health")
            assert health["jobs"]["completed"] == 1
            async with session.get("/v1/billing/endpoints") as answer:
                (row,) = await answer.json()
            assert row["timeBilledMs"] == 1000 * emulator.ledger()["billed_s"]
            emulator.limits["status"] = 3
            assert [(await call("GET", "status/none"))[0] for _ in range(5)].count(429) >= 1

    asyncio.run(go())


def test_a_webhook_is_tried_three_times():
    async def go():
        heard = []

        async def hear(request):
            heard.append(await request.json())
            return web.Response(status=200 if len(heard) == 3 else 500)

        app = web.Application()
        app.router.add_post("/hook", hear)
        emulator = RunPodEmulator(setup=Setup(cold_start_s=(1.0, 1.0)), speed=200.0)
        hook = TestServer(app)
        await hook.start_server()
        async with served(emulator.app()) as session:
            body = {"input": {}, "webhook": str(hook.make_url("/hook"))}
            async with session.post("/v2/emulated/run", json=body) as answer:
                job = await answer.json()
            async with asyncio.timeout(10):
                while len(heard) < 3:
                    await asyncio.sleep(0.01)
            assert {view["id"] for view in heard} == {job["id"]}
            assert heard[0]["status"] == "COMPLETED"
        await hook.close()

    asyncio.run(go())


def test_faults_are_used_up_in_order_and_drawn_with_a_seed():
    faults = Faults()
    faults.add([Fault(op="run", kind=Kind.DROP, times=2), Fault(op="*", kind=Kind.HALF)])
    assert [getattr(faults.take(op), "kind", None) for op in ("run", "status", "run", "run")] == [
        "drop",
        "half",
        "drop",
        None,
    ]

    def drawn(seed):
        chance = Faults(seed=seed)
        chance.add([Fault(op="*", kind=Kind.STATUS, times=None, chance_frac=0.3)])
        return [chance.take("run") is not None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 40 < sum(drawn(1)) < 80
    with pytest.raises(TypeError):
        fault_of({"op": "run", "kind": "drop", "often": 1})


def test_the_real_openai_client_speaks_to_the_emulator():
    import openai

    async def go():
        emulator = OpenAiEmulator()
        server = TestServer(emulator.app())
        await server.start_server()
        try:
            async with openai.AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key=KEY, max_retries=0) as client:
                messages = [{"role": "user", "content": "one two three"}]
                whole = await client.chat.completions.create(model="small", messages=messages, max_tokens=4)
                assert whole.choices[0].message.content == "one two three four"
                assert whole.usage.total_tokens == 7
                stream = await client.chat.completions.create(
                    model="small", messages=messages, max_tokens=3, stream=True, stream_options={"include_usage": True}
                )
                events = [event async for event in stream]
                assert events[-1].usage.completion_tokens == 3
                assert len((await client.embeddings.create(model="embed", input=["a", "b"])).data) == 2
                assert [model.id async for model in client.models.list()] == ["small", "large", "embed"]
                emulator.faults.add([Fault(op="chat", kind=Kind.STATUS, status=429, retry_after_s=1)])
                with pytest.raises(openai.RateLimitError):
                    await client.chat.completions.create(model="small", messages=messages)
        finally:
            await server.close()

    asyncio.run(go())
