"""Jobs under load and under kill -9, on a PostgreSQL of our own in a folder that is thrown away.

    python benchmarks/jobs.py speed [--jobs 10000] [--places 64]
    python benchmarks/jobs.py kill [--jobs 10000] [--kills 200]

``speed``: no-op jobs a second from the first claim to the last end by one worker process, and how long an idle worker
takes to pick one up. ``kill``: a gateway that enqueues, two workers and PostgreSQL are killed at random while a paid
provider (never killed; it has a ledger of its own) runs the jobs; then every promise is counted. JSON on stdout.
"""

from __future__ import annotations

# ruff: noqa: S101, S311 - what must be there is asserted; chance here is not secrecy
import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.adapters.postgres.migrate import migrate
from outgrow.adapters.postgres.server import Server
from outgrow.domain.backend import Backend, BackendKind, Budget, Gateway, Period, Rates, Retries, Task
from outgrow.domain.job import AttemptEnding, Job, NewJob, Payload
from outgrow.domain.ran import Ran
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.flows.work import Work, Worker
from outgrow.flows.work_try import insist

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from outgrow.adapters.backends.port import Tell

LEASE_S = 3.0
CAP_USD_MICRO = 1_000_000_000
RATE_USD_MICRO = 200.0
"""A second at the provider, as an L4 costs at RunPod."""


def gateway(places: int, *, paid: bool, cap: int = CAP_USD_MICRO) -> Gateway:
    """One task on one backend."""
    backend = Backend(
        name="provider",
        kind=BackendKind.RUNPOD,
        operator="bench",
        trust=Trust.OWN_HARDWARE,
        rates=Rates(per_second=RATE_USD_MICRO if paid else 0.0),
        concurrency=places,
        timeout_s=10.0,
    )
    task = Task(name="noop", backends=("provider",), data=DataClass.PUBLIC, retries=Retries(attempts=100, pause_s=0.1))
    budgets = (Budget(usd_micro=cap, period=Period.MONTH), Budget(usd_micro=cap, period=Period.DAY, task="noop"))
    reach = ((DataClass.PUBLIC, Trust.EXTERNAL_SERVICE),)
    return Gateway(tasks=(task,), backends=(backend,), reach=reach, budgets=budgets if paid else ())


def new(number: int) -> NewJob:
    """A job that asks for nothing."""
    payload = Payload(json={"number": number})
    return NewJob(
        task="noop", payload=payload, data=DataClass.PUBLIC, idempotency_key=f"n{number}", key="bench", max_attempts=100
    )


class Nothing:
    """Runs a job by answering."""

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """At once."""
        return Ran(ending=AttemptEnding.COMPLETED, result={"started": time.time()})


class Client:
    """Runs a job at the provider of this benchmark, and follows a run that another worker began."""

    def __init__(self, socket: str) -> None:
        """``socket`` is where the provider listens."""
        self._socket = socket

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """Begins a run unless one was begun, and waits for its end."""
        run = job.external_id
        if run is None:
            run = (await self._ask(op="run", job=str(job.id)))["run"]
        if not await tell.submitted(run):
            await self._ask(op="cancel", run=run)
            return Ran(ending=AttemptEnding.ABANDONED, error="lease lost", unknown=True)
        while True:
            if tell.stopped.is_set() and tell.keep:
                return Ran(ending=AttemptEnding.ABANDONED, error="lease lost", unknown=True)
            said = await self._ask(op="status", run=run)
            if said["done"]:
                break
            await asyncio.sleep(0.01)
        seconds = said["billed_s"]
        return Ran(ending=AttemptEnding.COMPLETED, result=said["run"], execution_s=seconds, billed_s=seconds)

    async def _ask(self, **words: str) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self._socket)
        try:
            writer.write(json.dumps(words).encode() + b"\n")
            return dict(json.loads(await reader.readline()))
        finally:
            writer.close()


class Provider:
    """A paid backend without idempotency: every ``run`` is a run, and is billed. ``ledger``: run -> (job, seconds)."""

    def __init__(self) -> None:
        """No run yet."""
        self.ledger: dict[str, tuple[str, float]] = {}
        self._ends: dict[str, float] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question, one answer."""
        with contextlib.suppress(ConnectionError, ValueError):
            words = json.loads(await reader.readline())
            if words["op"] == "run":
                run = f"r{len(self.ledger)}"
                seconds = random.choice((0.25, 0.5, 1.0, 2.0))
                self.ledger[run] = (words["job"], seconds)
                self._ends[run] = time.monotonic() + seconds / 50
                said: dict[str, Any] = {"run": run}
            else:
                run = words["run"]
                said = {"run": run, "done": time.monotonic() >= self._ends[run], "billed_s": self.ledger[run][1]}
            writer.write(json.dumps(said).encode() + b"\n")
            await writer.drain()
        writer.close()


async def work(url: str, socket: str, places: int) -> None:
    """A worker process, until it is told to drain."""
    async with open_pool(url, most=4, name="worker") as pool:
        runs = Client(socket) if socket else Nothing()
        settings = Work(lease_s=LEASE_S if socket else 60.0, poll_s=1.0 if socket else 5.0)
        worker = Worker(pool, JobStore(pool), gateway(places, paid=bool(socket)), runs, settings)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, worker.drain)
        print("ready", flush=True)
        await worker.run()


async def enqueue(url: str, first: int, last: int, pause_s: float) -> None:
    """A gateway process: enqueues and says so line by line, once it is true."""
    async with open_pool(url, most=4, name="gateway") as pool:
        store = JobStore(pool)
        for number in range(first, last):
            job, _ = await insist(lambda number=number: store.enqueue(new(number)))  # type: ignore[misc]
            print(number, job.id, flush=True)
            await asyncio.sleep(pause_s)


@contextlib.contextmanager
def server(settings: dict[str, str] | None = None) -> Iterator[tuple[Server, str]]:
    """A PostgreSQL that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="outgrow-jobs-"))
    folder.chmod(0o711)
    one = Server(folder / "data", settings=settings)
    try:
        url = one.start()
        migrate(url)
        yield one, url
    finally:
        one.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def child(*words: str) -> asyncio.subprocess.Process:
    """This file again, as another process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, __file__, *words, stdout=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )


async def speed(url: str, jobs: int, places: int, pickups: int) -> dict[str, Any]:
    """Jobs a second and seconds until picked up."""
    async with open_pool(url) as pool:
        store = JobStore(pool)
        began = time.perf_counter()
        for first in range(0, jobs, 1_000):
            await store.enqueue_many([new(number) for number in range(first, min(first + 1_000, jobs))])
        bulk_s = time.perf_counter() - began
        worker = await child("work", url, "", str(places))
        assert worker.stdout is not None
        await worker.stdout.readline()
        await until(lambda: _ended(store), jobs, 120)
        async with pool.connection() as connection:
            row = await (
                await connection.execute(
                    "select extract(epoch from max(finished_at) - (select min(at) from outgrow.event"
                    " where kind = 'leased'))::float8 from outgrow.job"
                )
            ).fetchone()
        picked = []
        singles = time.perf_counter()
        for number in range(pickups):
            sent = time.time()
            job, _ = await store.enqueue(new(jobs + number))
            singles_wait = time.time()
            found = await until(lambda job=job: _result(store, job.id), None, 10)  # type: ignore[misc]
            picked.append(1_000 * (found["started"] - sent))
            await asyncio.sleep(max(0.0, 0.01 - (time.time() - singles_wait)))
        singles = time.perf_counter() - singles
        worker.terminate()
        await worker.wait()
    picked.sort()
    return {
        "jobs": jobs,
        "bulk_enqueue_per_s": round(jobs / bulk_s),
        "end_to_end_per_s": round(jobs / row[0]) if row and row[0] else None,
        "pickup_ms": {"p50": round(picked[len(picked) // 2], 2), "p99": round(picked[int(len(picked) * 0.99)], 2)},
    }


async def _ended(store: JobStore) -> int:
    async with store._pool.connection() as connection:  # noqa: SLF001
        sql = "select count(*) from outgrow.job where finished_at is not null"
        row = await (await connection.execute(sql.encode())).fetchone()
    return int(row[0]) if row else 0


async def _result(store: JobStore, id: UUID) -> Any:  # noqa: A002
    job = await store.get(id)
    return job.result if job else None


async def until(ask: Callable[[], Awaitable[Any]], wanted: Any, most_s: float) -> Any:
    """What ``ask`` answers once it is what is wanted (None: anything)."""
    give_up = time.monotonic() + most_s
    while time.monotonic() < give_up:
        found = await ask()
        if found == wanted if wanted is not None else found is not None:
            return found
        await asyncio.sleep(0.1 if wanted is not None else 0.002)
    raise TimeoutError(f"{ask}: {most_s} s")


class Chaos:
    """The processes of the kill test, and who is killed next."""

    def __init__(self, one: Server, url: str, socket: str, jobs: int, pause_s: float) -> None:
        """Nothing runs yet. ``pause_s`` is what the gateway lets pass between two jobs."""
        self.server, self.url, self.socket, self.jobs, self.pause_s = one, url, socket, jobs, pause_s
        self.acknowledged: dict[int, UUID] = {}
        self.killed: Counter[str] = Counter()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._postgres_at = 0.0

    async def keep_gateway(self) -> None:
        """Starts the gateway again until everything is acknowledged."""
        while len(self.acknowledged) < self.jobs:
            first = max(self.acknowledged, default=-1) + 1
            process = self._processes["gateway"] = await child(
                "enqueue", self.url, str(first), str(self.jobs), str(self.pause_s)
            )
            assert process.stdout is not None
            while line := await process.stdout.readline():
                if not line.endswith(b"\n"):
                    break
                number, id_ = line.split()
                self.acknowledged[int(number)] = UUID(id_.decode())
            await process.wait()
        self._processes.pop("gateway", None)

    async def keep_worker(self, name: str) -> None:
        """Starts a worker again whenever it is gone."""
        while True:
            process = self._processes[name] = await child("work", self.url, self.socket, "32")
            await process.wait()

    async def kill(self, kills: int, pause_s: float) -> None:
        """Kills one of them at random, ``kills`` times."""
        while sum(self.killed.values()) < kills:
            await asyncio.sleep(random.uniform(0.5, 1.5) * pause_s)
            name = random.choices(["worker-1", "worker-2", "gateway"], [4, 4, 2])[0]
            process = self._processes.get(name)
            if self._postgres_is_due():
                name = "postgres"
            elif process is None or process.returncode is not None:
                continue
            else:
                process.kill()
            self.killed[name] += 1

    def _postgres_is_due(self) -> bool:
        """Kills PostgreSQL, the first time soon, then seldom: its supervisor takes six deaths a minute for a fault."""
        if self.server.pid is None or not self.killed or time.monotonic() < self._postgres_at:
            return False
        self._postgres_at = time.monotonic() + random.uniform(13.0, 20.0)
        os.kill(self.server.pid, signal.SIGKILL)
        return True

    def end(self) -> None:
        """Ends what still runs."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.kill()


async def kill(one: Server, url: str, jobs: int, kills: int, pause_s: float) -> dict[str, Any]:
    """Runs the jobs through the kills, then counts."""
    provider = Provider()
    socket = str(one.folder.parent / f"{uuid4().hex[:8]}.sock")
    listening = await asyncio.start_unix_server(provider.serve, socket)
    chaos = Chaos(one, url, socket, jobs, kills * pause_s / jobs)  # jobs come for as long as something is killed
    began = time.monotonic()
    tasks = [
        asyncio.create_task(one.keep()),
        asyncio.create_task(chaos.keep_worker("worker-1")),
        asyncio.create_task(chaos.keep_worker("worker-2")),
    ]
    killing = asyncio.create_task(chaos.kill(kills, pause_s))
    try:
        await asyncio.wait_for(chaos.keep_gateway(), 600)
        await asyncio.wait_for(killing, 600)
        async with open_pool(url, most=2) as pool:
            store = JobStore(pool)
            await until(lambda: insist(lambda: _ended(store)), jobs, 300)
    finally:
        killing.cancel()
        tasks[1].cancel()
        tasks[2].cancel()
        chaos.end()
        await asyncio.sleep(0.2)
    async with open_pool(url, most=2) as pool:
        found = await count(pool, provider, chaos)
    tasks[0].cancel()
    listening.close()
    return {"jobs": jobs, "kills": dict(chaos.killed), "took_s": round(time.monotonic() - began, 1), **found}


async def count(pool: Any, provider: Provider, chaos: Chaos) -> dict[str, Any]:
    """Every promise: 0 is kept."""

    async def ask(sql: str) -> list[tuple[Any, ...]]:
        async with pool.connection() as connection:
            return list(await (await connection.execute(sql.encode())).fetchall())

    ledger = provider.ledger
    states = dict(await ask("select id, state from outgrow.job"))
    metered = {
        row[0]: row[1] for row in await ask("select external_id, billed_s from outgrow.attempt where ending <> 'lost'")
    }
    runs = Counter(job for job, _ in ledger.values())
    unmetered = {run: seconds for run, (_, seconds) in ledger.items() if run not in metered}
    held, spent = (await ask("select max(held_micro), max(spent_micro) from outgrow.budget where period = 'month'"))[0]
    lost = (await ask("select count(*), coalesce(sum(usd_micro), 0) from outgrow.hold where budget like '%month%'"))[0]
    billed = sum(seconds for _, seconds in ledger.values()) * RATE_USD_MICRO
    return {
        "acknowledged_and_lost": sum(states.get(id_) != "succeeded" for id_ in chaos.acknowledged.values()),
        "acknowledged": len(chaos.acknowledged),
        "ended_twice": (
            await ask(
                "select count(*) from (select job from outgrow.event where kind = 'succeeded' group by job"
                " having count(*) > 1) twice"
            )
        )[0][0],
        "completed_twice": (
            await ask(
                "select count(*) from (select job from outgrow.attempt where ending = 'completed' group by job"
                " having count(*) > 1) twice"
            )
        )[0][0],
        "seconds_metered_unlike_ledger": sum(ledger[run][1] != seconds for run, seconds in metered.items()),
        "runs": len(ledger),
        "runs_more_than_once_a_job": sum(many - 1 for many in runs.values()),
        "runs_unmetered": len(unmetered),
        "holds_unresolved": lost[0],
        "runs_unmetered_without_hold": max(0, len(unmetered) - lost[0]),
        "held_unlike_holds_micro": held - int(lost[1]),
        "spent_unlike_meters_micro": spent - round(sum(metered.values()) * RATE_USD_MICRO),
        "ledger_above_spent_and_held_micro": max(0, round(billed) - spent - held),
        "lost_leases": (await ask("select count(*) from outgrow.attempt where ending = 'lost'"))[0][0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    fast = verbs.add_parser("speed")
    fast.add_argument("--jobs", type=int, default=10_000)
    fast.add_argument("--places", type=int, default=64)
    fast.add_argument("--pickups", type=int, default=300)
    hard = verbs.add_parser("kill")
    hard.add_argument("--jobs", type=int, default=10_000)
    hard.add_argument("--kills", type=int, default=200)
    hard.add_argument("--pause-s", type=float, default=1.0)
    hard.add_argument("--seed", type=int, default=1)
    worker = verbs.add_parser("work")
    worker.add_argument("url")
    worker.add_argument("socket")
    worker.add_argument("places", type=int)
    sender = verbs.add_parser("enqueue")
    sender.add_argument("url")
    sender.add_argument("first", type=int)
    sender.add_argument("last", type=int)
    sender.add_argument("pause_s", type=float)
    asked = parser.parse_args()
    if asked.verb == "work":
        asyncio.run(work(asked.url, asked.socket, asked.places))
    elif asked.verb == "enqueue":
        asyncio.run(enqueue(asked.url, asked.first, asked.last, asked.pause_s))
    elif asked.verb == "speed":
        with server() as (_, url):
            print(json.dumps(asyncio.run(speed(url, asked.jobs, asked.places, asked.pickups)), indent=1))
    else:
        random.seed(asked.seed)
        with server() as (one, url):
            print(json.dumps(asyncio.run(kill(one, url, asked.jobs, asked.kills, asked.pause_s)), indent=1))


if __name__ == "__main__":
    main()
