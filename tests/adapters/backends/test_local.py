"""Worker processes of this host: what they return, and what becomes of those that hang, die or grow."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from outgrow.adapters.backends.door import Door
from outgrow.adapters.backends.local import Local
from outgrow.domain.backend import Backend, BackendKind
from outgrow.domain.job import AttemptEnding, Payload
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust

from .providers import TASK, Told, a_job

SECRET = "hunter2-card-4111"
CODE = """
    import os, signal, subprocess, time

    def work(payload, tell):
        asked = payload.json or {}
        print("noise on stdout", asked)
        if "say" in asked:
            for step in range(asked["say"]):
                tell({"step": step})
        if "child" in asked:
            child = subprocess.Popen(["sleep", "60"])
            tell({"child": child.pid})
        if "sleep_s" in asked:
            time.sleep(asked["sleep_s"])
        if "raise" in asked:
            raise ValueError(asked["raise"])
        if "die" in asked:
            os.kill(os.getpid(), asked["die"])
        if "leave" in asked:
            os._exit(asked["leave"])
        if "odd" in asked:
            return {1, 2}
        return {"pid": os.getpid(), "bytes": len(payload.data or b""), "media_type": payload.media_type}

    def alone(payload):
        return payload.json

    not_callable = 7
"""


@asynccontextmanager
async def a_local(tmp_path, *, call="og_work:work", concurrency=1, timeout_s=10.0, **settings):
    (tmp_path / "og_work.py").write_text(textwrap.dedent(CODE))
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    adapter = Local(door=Door(lambda data, backend: True), environment={**os.environ, "PYTHONPATH": path}, **settings)
    backend = Backend(
        name="ocr", kind=BackendKind.LOCAL, operator="us", trust=Trust.OWN_HARDWARE, call=call,
        concurrency=concurrency, timeout_s=timeout_s,
    )  # fmt: skip

    async def run(given=None, tell=None, **changes):
        async with asyncio.timeout(20):
            return await adapter.run(a_job(given, **changes), TASK, backend, tell or Told())

    try:
        yield SimpleNamespace(adapter=adapter, backend=backend, run=run)
    finally:
        await adapter.close()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def until(dead: int) -> None:
    async with asyncio.timeout(5):
        while alive(dead):
            await asyncio.sleep(0.01)


def test_a_function_is_called_in_a_process_that_is_kept(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            first = await local.run(Payload(data=b"\x00\xff" * 300_000, media_type="image/png"))
            assert first.ending is AttemptEnding.COMPLETED
            assert first.result["bytes"] == 600_000
            assert first.result["media_type"] == "image/png"
            assert first.result["pid"] != os.getpid()
            again = await local.run()
            assert again.result["pid"] == first.result["pid"]
            assert first.cold_s > 0
            assert again.cold_s == 0

    asyncio.run(go())


def test_a_function_may_take_the_payload_alone(tmp_path):
    async def go():
        async with a_local(tmp_path, call="og_work:alone") as local:
            assert (await local.run({"a": 1})).result == {"a": 1}

    asyncio.run(go())


def test_progress_comes_in_order_and_prints_do_not_get_between(tmp_path, capfd):
    async def go():
        async with a_local(tmp_path) as local:
            tell = Told()
            ran = await local.run({"say": 50, "text": SECRET}, tell)
            assert ran.ending is AttemptEnding.COMPLETED
            assert [data["step"] for data in tell.progresses] == list(range(50))

    asyncio.run(go())
    assert SECRET not in "".join(capfd.readouterr())


def test_an_exception_is_a_failure_whose_words_stay_out_of_the_error(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            ran = await local.run({"raise": SECRET})
            assert (ran.ending, ran.retryable) == (AttemptEnding.FAILED, False)
            assert ran.error == "the function failed (ValueError)"
            assert ran.detail == SECRET
            assert SECRET not in repr(ran)
            odd = await local.run({"odd": 1})
            assert odd.error == "the function failed (TypeError)"
            assert (await local.run()).ending is AttemptEnding.COMPLETED

    asyncio.run(go())


@pytest.mark.parametrize(
    ("given", "how"),
    [({"die": 9}, "died of signal 9"), ({"die": 11}, "died of signal 11"), ({"leave": 3}, "exited with 3")],
)
def test_a_process_that_dies_is_a_lost_try_and_not_a_hang(tmp_path, given, how):
    async def go():
        async with a_local(tmp_path) as local:
            ran = await local.run(given)
            assert (ran.ending, ran.retryable) == (AttemptEnding.LOST, True)
            assert how in ran.error
            assert (await local.run()).ending is AttemptEnding.COMPLETED

    asyncio.run(go())


def test_the_time_limit_kills_the_process_and_what_it_started(tmp_path):
    async def go():
        async with a_local(tmp_path, timeout_s=0.5) as local:
            tell = Told()
            ran = await local.run({"child": 1, "sleep_s": 60}, tell)
            assert (ran.ending, ran.retryable) == (AttemptEnding.TIMED_OUT, False)
            await until(tell.progresses[0]["child"])

    asyncio.run(go())


def test_a_cancel_kills_the_process(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            tell = Told()
            running = asyncio.create_task(local.run({"child": 1, "sleep_s": 60}, tell))
            async with asyncio.timeout(10):
                while not tell.progresses:
                    await asyncio.sleep(0.01)
            tell.stopped.set()
            assert (await running).ending is AttemptEnding.ABANDONED
            await until(tell.progresses[0]["child"])
            assert (await local.run()).ending is AttemptEnding.COMPLETED

    asyncio.run(go())


def test_as_many_run_at_once_as_there_are_places(tmp_path):
    async def go():
        async with a_local(tmp_path, concurrency=2) as local:
            assert await local.adapter.warm(local.backend, 5) == 2
            ran = await asyncio.gather(*(local.run({"sleep_s": 0.1}) for _ in range(4)))
            assert len({one.result["pid"] for one in ran}) == 2
            assert all(one.cold_s is not None for one in ran)
            assert sum(one.queue_s > 0.05 for one in ran) == 2
            tell = Told()
            tell.stopped.set()
            waiting = [asyncio.create_task(local.run({"sleep_s": 0.2})) for _ in range(2)]
            await asyncio.sleep(0.05)
            assert (await local.run(tell=tell)).ending is AttemptEnding.ABANDONED
            assert all(one.ending is AttemptEnding.COMPLETED for one in await asyncio.gather(*waiting))

    asyncio.run(go())


def test_places_are_given_back_by_those_that_leave_while_waiting(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            holder = asyncio.create_task(local.run({"sleep_s": 0.3}))
            await asyncio.sleep(0.05)
            waiting = [asyncio.create_task(local.run()) for _ in range(5)]
            await asyncio.sleep(0.05)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (await holder).ending is AttemptEnding.COMPLETED
            assert (await local.run()).ending is AttemptEnding.COMPLETED

    asyncio.run(go())


def test_a_process_is_replaced_after_its_share_or_when_it_has_grown(tmp_path):
    async def go():
        async with a_local(tmp_path, recycle_after=2) as local:
            pids = [(await local.run()).result["pid"] for _ in range(4)]
            assert pids[0] == pids[1] != pids[2] == pids[3]
            await until(pids[0])
        async with a_local(tmp_path, recycle_mib=1.0) as local:
            pids = [(await local.run()).result["pid"] for _ in range(2)]
            assert pids[0] != pids[1]

    asyncio.run(go())


def test_an_idle_process_that_was_killed_costs_nobody_a_try(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            pid = (await local.run()).result["pid"]
            os.kill(pid, signal.SIGKILL)
            ran = await local.run()
            assert ran.ending is AttemptEnding.COMPLETED
            assert ran.result["pid"] != pid

    asyncio.run(go())


@pytest.mark.parametrize("call", ["og_work:missing", "og_nothing:work", "og_work:not_callable", "og_work"])
def test_a_function_that_cannot_be_imported_is_said_by_name(tmp_path, call):
    async def go():
        async with a_local(tmp_path, call=call) as local:
            ran = await local.run()
            assert (ran.ending, ran.retryable) == (AttemptEnding.REJECTED, False)
            assert f"call {call!r} cannot be imported" in ran.error

    asyncio.run(go())


def test_a_payload_goes_nowhere_the_door_says_no(tmp_path):
    async def go():
        async with a_local(tmp_path) as local:
            local.adapter.door = Door(lambda data, backend: False)
            assert (await local.run(data=DataClass.SENSITIVE)).ending is AttemptEnding.REJECTED

    asyncio.run(go())


def test_workers_die_with_whoever_started_them(tmp_path):
    (tmp_path / "og_work.py").write_text(textwrap.dedent(CODE))
    owner = textwrap.dedent("""
        import asyncio, os
        from outgrow.adapters.backends.door import Door
        from outgrow.adapters.backends.local import Local
        from outgrow.domain.backend import Backend, BackendKind, Task
        from outgrow.domain.workload import Trust

        async def go():
            backend = Backend(name="a", kind=BackendKind.LOCAL, operator="us", trust=Trust.OWN_HARDWARE, call="og_work:work")
            local = Local(door=Door(lambda data, backend: True))
            await local.warm(backend)
            (worker,) = local._pools["a"].all
            print(worker.process.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(go())
    """)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    with subprocess.Popen(
        [sys.executable, "-c", owner], stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        pid = int(process.stdout.readline())
        assert alive(pid)
        process.kill()
        until_s = time.monotonic() + 5
        while alive(pid) and time.monotonic() < until_s:
            time.sleep(0.01)
        assert not alive(pid)
