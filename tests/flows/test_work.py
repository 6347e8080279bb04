"""Workers against a real table: retries, fences, money, cancellation, drain, and death."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outgrow
from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.domain.backend import Backend, BackendKind, Budget, Gateway, Period, Rates, Retries, Task
from outgrow.domain.job import AttemptEnding, Job, JobState, NewJob, Payload
from outgrow.domain.ran import Ran
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.flows.work import Work, Worker
from outgrow.flows.work_try import pause_s

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from uuid import UUID

    from outgrow.adapters.backends.port import Tell
    from outgrow.adapters.postgres.pool import Pool

DONE = Ran(ending=AttemptEnding.COMPLETED, result="done")
LOCAL = Backend(
    name="local", kind=BackendKind.LOCAL, operator="us", trust=Trust.OWN_HARDWARE, concurrency=4, timeout_s=5
)
GPU = Backend(
    name="gpu",
    kind=BackendKind.RUNPOD,
    operator="runpod",
    trust=Trust.RENTED_INFRASTRUCTURE,
    rates=Rates(per_second=10_000),
    concurrency=50,
    timeout_s=3,
)
QUICK = Retries(attempts=3, pause_s=0.01, factor=2, most_pause_s=0.05)
DOLLAR = Budget(usd_micro=1_000_000, period=Period.MONTH)
GATEWAY = Gateway(
    tasks=(
        Task(name="read", backends=("local",), data=DataClass.SENSITIVE, retries=QUICK),
        Task(name="draw", backends=("gpu",), data=DataClass.PUBLIC, retries=QUICK),
    ),
    backends=(LOCAL, GPU),
    reach=((DataClass.SENSITIVE, Trust.OWN_HARDWARE), (DataClass.PUBLIC, Trust.EXTERNAL_SERVICE)),
    budgets=(DOLLAR,),
)
FAST = Work(lease_s=0.6, poll_s=0.2, drain_s=0.1)


@dataclass
class Script:
    """A backend that does what the test says, and knows what ran on it at once."""

    act: Callable[[Job, Tell], Awaitable[Ran]]
    runs: Counter[UUID] = field(default_factory=Counter)
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        self.runs[job.id] += 1
        self.now[backend.name] += 1
        self.most[backend.name] = max(self.most[backend.name], self.now[backend.name])
        try:
            return await self.act(job, tell)
        finally:
            self.now[backend.name] -= 1


@dataclass
class Stage:
    pool: Pool
    store: JobStore
    workers: list[tuple[Worker, asyncio.Task[None]]] = field(default_factory=list)

    def work(self, act: Callable[[Job, Tell], Awaitable[Ran]], work: Work = FAST, gateway: Gateway = GATEWAY) -> Script:
        script = Script(act)
        worker = Worker(self.pool, self.store, gateway, script, work)
        self.workers.append((worker, asyncio.create_task(worker.run())))
        return script

    async def add(self, task: str = "read", many: int = 1, **fields: Any) -> list[Job]:
        data = DataClass.SENSITIVE if task == "read" else DataClass.PUBLIC
        news = [NewJob(task=task, payload=Payload(json=one), data=data, **fields) for one in range(many)]
        return await self.store.enqueue_many(news)

    async def until(self, state: JobState, jobs: list[Job], most_s: float = 15.0) -> list[Job]:
        async with asyncio.timeout(most_s):
            while True:
                found = [await self.store.get(job.id) for job in jobs]
                if all(job is not None and job.state is state for job in found):
                    return [job for job in found if job is not None]
                await asyncio.sleep(0.01)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.pool.connection() as connection:
            return await (await connection.execute(sql.encode())).fetchall()


async def until(found: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not found():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)


@asynccontextmanager
async def stage(url: str) -> AsyncIterator[Stage]:
    async with open_pool(url, most=6) as pool:
        one = Stage(pool, JobStore(pool))
        try:
            yield one
        finally:
            for _, task in one.workers:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task


async def at_once(job: Job, tell: Tell) -> Ran:
    return DONE


def test_jobs_run_and_are_metered_and_no_backend_has_more_than_its_places(database: str) -> None:
    async def pause(job: Job, tell: Tell) -> Ran:
        await asyncio.sleep(0.01)
        return replace(DONE, result=job.payload.json if job.payload else None, execution_s=0.01)

    async def main() -> None:
        async with stage(database) as on:
            script = on.work(pause)
            jobs = await on.add(many=40)
            found = await on.until(JobState.SUCCEEDED, jobs)
            assert sorted(job.result for job in found) == list(range(40))
            assert script.most == {"local": 4}
            assert await on.rows("select distinct backend, ending, execution_s, rule from outgrow.attempt") == [
                ("local", "completed", 0.01, "sensitive by task read: at most own-hardware")
            ]
            assert await on.rows("select count(*) from outgrow.attempt where queue_s >= 0") == [(40,)]

    asyncio.run(main())


def test_a_failure_that_may_pass_is_tried_again_and_then_dead_until_replayed(database: str) -> None:
    well = asyncio.Event()

    async def fail(job: Job, tell: Tell) -> Ran:
        if well.is_set():
            return DONE
        return Ran(ending=AttemptEnding.FAILED, error="503", retryable=True)

    async def main() -> None:
        async with stage(database) as on:
            gateway = replace(GATEWAY, backends=(LOCAL, GPU))
            script = on.work(fail, gateway=gateway)
            jobs = await on.add(max_attempts=2)
            (dead,) = await on.until(JobState.DEAD, jobs)
            assert (dead.attempt, dead.error) == (2, "503")
            assert script.runs[dead.id] == 2
            well.set()
            assert await on.store.replay(dead.id) is not None
            (found,) = await on.until(JobState.SUCCEEDED, jobs)
            assert found.attempt == 1
            assert await on.rows("select ending from outgrow.attempt order by fence") == [
                ("failed",),
                ("failed",),
                ("completed",),
            ]

    asyncio.run(main())


def test_a_failure_that_will_not_pass_is_not_tried_again_nor_is_a_broken_adapter_or_result(database: str) -> None:
    async def fail(job: Job, tell: Tell) -> Ran:
        match job.payload.json if job.payload else None:
            case 0:
                return Ran(ending=AttemptEnding.FAILED, error="422")
            case 1:
                raise KeyError("payload")
            case _:
                return replace(DONE, result={1, 2})

    async def main() -> None:
        async with stage(database) as on:
            script = on.work(fail)
            jobs = await on.add(many=3)
            found = await on.until(JobState.DEAD, jobs)
            assert [job.error for job in found] == [
                "422",
                "backend local: KeyError",
                "the result is not JSON: TypeError",
            ]
            assert set(script.runs.values()) == {1}

    asyncio.run(main())


def test_a_class_that_may_go_nowhere_reaches_no_backend(database: str) -> None:
    async def main() -> None:
        async with stage(database) as on:
            script = on.work(at_once)
            new = NewJob(task="draw", payload=Payload(json=1), data=DataClass.SENSITIVE)
            job, _ = await on.store.enqueue(new)
            (dead,) = await on.until(JobState.DEAD, [job])
            assert dead.error is not None
            assert dead.error.startswith("no-allowed-backend: sensitive payloads go no further than own-hardware")
            assert not script.runs

    asyncio.run(main())


def test_pauses_grow_are_spread_and_respect_what_the_backend_asks() -> None:
    retries = Retries(pause_s=2, factor=2, most_pause_s=60)
    for attempt, longest in ((1, 2), (2, 4), (5, 32), (9, 60)):
        found = [pause_s(retries, attempt, None) for _ in range(200)]
        assert longest / 2 <= min(found) <= max(found) <= longest
        assert len(set(found)) > 100
    assert pause_s(retries, 1, 30.0) == 30.0


def test_two_workers_of_which_one_stands_still_end_a_job_once(database: str) -> None:
    """The first loses its lease in the middle, is told so, and what it has to say then changes nothing."""
    held = asyncio.Event()

    async def stand_still(job: Job, tell: Tell) -> Ran:
        held.set()
        await tell.stopped.wait()
        return replace(DONE, result="late")

    async def main() -> None:
        async with stage(database) as on:
            slow = on.work(stand_still, gateway=replace(GATEWAY, backends=(replace(LOCAL, concurrency=1), GPU)))
            (job,) = await on.add()
            await held.wait()
            worker, task = on.workers[0]
            worker._store.renew_all = _never  # type: ignore[method-assign] - the process is suspended
            assert not task.done()
            quick = on.work(at_once)
            (found,) = await on.until(JobState.SUCCEEDED, [job])
            assert (found.result, found.attempt) == ("done", 2)
            worker._tries[job.id, 1].stop(keep=False)
            await until(lambda: not worker.running)
            (found,) = await on.until(JobState.SUCCEEDED, [job])
            assert (found.result, slow.runs[job.id], quick.runs[job.id]) == ("done", 1, 1)
            kinds = await on.rows("select kind from outgrow.event order by id")
            assert [kind for (kind,) in kinds] == ["queued", "leased", "queued", "leased", "succeeded"]

    asyncio.run(main())


async def _never(jobs: list[Job], lease_s: float) -> set[tuple[UUID, int]]:
    return {(job.id, job.fence) for job in jobs}


def test_a_cancellation_stops_the_try_long_before_its_lease_ends(database: str) -> None:
    begun = asyncio.Event()

    async def long(job: Job, tell: Tell) -> Ran:
        await tell.submitted("run-7")
        await tell.progress({"page": 1})
        begun.set()
        await tell.stopped.wait()
        return Ran(ending=AttemptEnding.ABANDONED, error="cancelled", billed_s=2.0)

    async def main() -> None:
        async with stage(database) as on:
            on.work(long, Work(lease_s=60))
            (job,) = await on.add("draw")
            await begun.wait()
            assert await on.store.cancel(job.id) is not None
            worker, _ = on.workers[0]
            await until(lambda: not worker.running)
            assert await on.rows("select ending, billed_s, external_id, cost_usd_micro from outgrow.attempt") == [
                ("abandoned", 2.0, "run-7", 20_000)
            ]
            (standing,) = await on.store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (20_000, 0)
            found = await on.store.get(job.id)
            assert found is not None
            assert (found.state, found.progress) == (JobState.CANCELLED, {"page": 1})

    asyncio.run(main())


def test_jobs_wait_for_money_and_the_cap_is_never_passed(database: str) -> None:
    """A call may cost 0.03 and costs 0.01: of a dollar, all of 60 run in the end, never more than 33 at once."""

    async def cheap(job: Job, tell: Tell) -> Ran:
        await asyncio.sleep(0.05)
        return replace(DONE, billed_s=1.0)

    async def main() -> None:
        async with stage(database) as on:
            script = on.work(cheap)
            jobs = await on.add("draw", many=60)
            await on.until(JobState.SUCCEEDED, jobs, 30)
            assert script.most["gpu"] <= 33
            assert set(script.runs.values()) == {1}
            (standing,) = await on.store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (600_000, 0)
            assert await on.rows("select distinct attempt from outgrow.job") == [(1,)]

    asyncio.run(main())


def test_drained_it_finishes_what_it_can_and_gives_the_rest_back(database: str) -> None:
    begun = asyncio.Event()

    async def some_end(job: Job, tell: Tell) -> Ran:
        if job.payload and job.payload.json == 0:
            await asyncio.sleep(0.05)
            return DONE
        begun.set()
        await tell.stopped.wait()
        return Ran(ending=AttemptEnding.ABANDONED, error="stopped", billed_s=1.0)

    async def main() -> None:
        async with stage(database) as on:
            on.work(some_end, Work(drain_s=0.3))
            jobs = await on.add(many=2)
            await begun.wait()
            worker, task = on.workers[0]
            worker.drain()
            later = await on.add()
            await asyncio.wait_for(task, 10)
            found = [await on.store.get(job.id) for job in [*jobs, *later]]
            assert [(job.state, job.attempt) for job in found if job] == [
                (JobState.SUCCEEDED, 1),
                (JobState.QUEUED, 0),
                (JobState.QUEUED, 0),
            ]
            on.work(at_once)
            await on.until(JobState.SUCCEEDED, [*jobs, *later])

    asyncio.run(main())


def follow_or_begin(runs: list[str]) -> Callable[[Job, Tell], Awaitable[Ran]]:
    """A provider's run that lasts until another worker follows it."""

    async def act(job: Job, tell: Tell) -> Ran:
        runs.append(job.external_id or "begun")
        if job.external_id is not None:
            await tell.submitted(job.external_id)
            return replace(DONE, billed_s=2.0)
        await tell.submitted("run-1")
        await tell.stopped.wait()
        assert tell.keep
        return Ran(ending=AttemptEnding.ABANDONED, error="lease lost", unknown=True)

    return act


def test_a_run_at_a_provider_is_handed_over_by_a_worker_that_drains(database: str) -> None:
    runs: list[str] = []

    async def main() -> None:
        async with stage(database) as on:
            on.work(follow_or_begin(runs))
            (job,) = await on.add("draw")
            await until(lambda: bool(runs))
            worker, task = on.workers[0]
            worker.drain()
            await asyncio.wait_for(task, 10)
            (standing,) = await on.store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (0, 30_000)
            on.work(follow_or_begin(runs))
            (found,) = await on.until(JobState.SUCCEEDED, [job])
            assert (found.attempt, runs) == (1, ["begun", "run-1"])
            await assert_metered_once(on)

    asyncio.run(main())


def test_a_run_at_a_provider_is_left_to_who_took_the_job_over(database: str) -> None:
    runs: list[str] = []

    async def main() -> None:
        async with stage(database) as on:
            gateway = replace(GATEWAY, backends=(LOCAL, replace(GPU, concurrency=1)))
            on.work(follow_or_begin(runs), gateway=gateway)
            (job,) = await on.add("draw")
            await until(lambda: bool(runs))
            async with on.pool.connection() as connection:  # its renewal came too late
                await connection.execute("update outgrow.job set lease_until = now() - interval '1 s'")
            await on.store.sweep()
            on.work(follow_or_begin(runs))
            (found,) = await on.until(JobState.SUCCEEDED, [job])
            worker, _ = on.workers[0]
            await until(lambda: not worker.running)
            assert (found.attempt, runs) == (2, ["begun", "run-1"])
            await assert_metered_once(on)

    asyncio.run(main())


async def assert_metered_once(on: Stage) -> None:
    (standing,) = await on.store.budgets.standings((DOLLAR,))
    assert (standing.spent_micro, standing.held_micro) == (20_000, 0)
    assert await on.rows("select external_id, billed_s from outgrow.attempt where ending <> 'lost'") == [("run-1", 2.0)]


def test_a_delayed_job_is_taken_when_it_is_due_and_not_at_the_next_look(database: str) -> None:
    async def main() -> None:
        async with stage(database) as on:
            on.work(at_once, Work(poll_s=60))
            jobs = await on.add(delay_s=0.3)
            await on.until(JobState.SUCCEEDED, jobs, 10)

    asyncio.run(main())


def test_workers_and_the_database_killed_at_random_keep_every_promise() -> None:
    """The kill test of ``benchmarks/jobs.py``, smaller: 300 jobs, 10 kills, PostgreSQL among them."""
    root = Path(__file__).parents[2]
    words = [sys.executable, "-W", "ignore", root / "benchmarks" / "jobs.py", "kill"]
    found = subprocess.run(
        [*words, "--jobs", "300", "--kills", "10", "--pause-s", "0.3"],
        env={**os.environ, "PYTHONPATH": str(Path(outgrow.__file__).parents[1])},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert found.returncode == 0, found.stderr.decode()[-2_000:]
    said = json.loads(found.stdout)
    assert sum(said["kills"].values()) == 10
    assert said["kills"]["postgres"] >= 1
    assert said["acknowledged"] == 300
    assert {name: said[name] for name in PROMISES} == dict.fromkeys(PROMISES, 0)


PROMISES = (
    "acknowledged_and_lost",
    "ended_twice",
    "completed_twice",
    "seconds_metered_unlike_ledger",
    "runs_unmetered_without_hold",
    "held_unlike_holds_micro",
    "spent_unlike_meters_micro",
    "ledger_above_spent_and_held_micro",
)


def test_the_job_of_a_killed_worker_runs_again_after_its_lease(database: str) -> None:
    """A worker process dies with a job in its hands; another finishes it, and the effect is there once."""
    code = "import asyncio, sys\nfrom tests.flows.test_work import stand_by\nasyncio.run(stand_by(sys.argv[1]))\n"
    root = Path(__file__).parents[2]
    dead = subprocess.Popen(
        [sys.executable, "-c", code, database],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(outgrow.__file__).parents[1]), str(root)])},
        stdout=subprocess.PIPE,
    )
    assert dead.stdout is not None

    async def main() -> None:
        async with stage(database) as on:
            (job,) = await on.add()
            assert await asyncio.to_thread(dead.stdout.readline) == b"begun\n"
            dead.kill()
            dead.wait()
            script = on.work(at_once)
            (found,) = await on.until(JobState.SUCCEEDED, [job])
            assert (found.attempt, script.runs[job.id]) == (2, 1)
            assert await on.rows("select ending from outgrow.attempt order by fence") == [("lost",), ("completed",)]

    try:
        asyncio.run(main())
    finally:
        dead.kill()
        dead.wait()
        dead.stdout.close()


async def stand_by(url: str) -> None:
    """What the process does that is killed: takes a job and says so."""

    async def begin(job: Job, tell: Tell) -> Ran:
        sys.stdout.write("begun\n")
        sys.stdout.flush()
        await asyncio.sleep(60)
        return DONE

    async with stage(url) as on:
        on.work(begin)
        await on.workers[0][1]
