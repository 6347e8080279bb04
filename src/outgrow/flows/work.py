"""The worker: takes jobs, keeps their leases, runs their tries side by side, and takes over from workers that died.

It is woken by NOTIFY and looks by itself every few seconds, for a word that nobody hears is lost. Leases are renewed
at a third by a task of their own, so whatever an adapter does, as long as it does not block the event loop, keeps them;
what computes on this host belongs into another process. A cancellation reaches a running try at once by NOTIFY, and
at the next renewal at the latest.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.job import JobState
from outgrow.flows.work_route import Routing
from outgrow.flows.work_try import Try, insist, run_try

if TYPE_CHECKING:
    from uuid import UUID

    from outgrow.adapters.backends.port import Runs
    from outgrow.adapters.postgres.jobs import JobStore
    from outgrow.adapters.postgres.pool import Pool
    from outgrow.domain.backend import Gateway
    from outgrow.domain.job import Job


LOG = logging.getLogger("outgrow.work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How a worker works. ``lease_s`` is how long after its death its jobs are taken over.

    A lease is renewed for as long as a try runs, so it need not be as long as one; a run at a provider that outlives
    its worker is followed by the next and not started again. ``most`` jobs are claimed at once; ``drain_s`` is what
    running tries are given at a shutdown.
    """

    lease_s: float = 60.0
    poll_s: float = 5.0
    most: int = 64
    drain_s: float = 20.0


class Worker:
    """Runs the jobs of a gateway. `run` until cancelled or drained."""

    def __init__(
        self, pool: Pool, store: JobStore, gateway: Gateway, runs: Runs, work: Work = Work(), *, name: str | None = None
    ) -> None:
        """``name`` is what the job rows say; it need not be unique."""
        self._pool = pool
        self._store = store
        self._runs = runs
        self._work = work
        self._routing = Routing(gateway, store.budgets)
        self.name = name or f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(3)}"
        self._tries: dict[tuple[UUID, int], Try] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._more = True
        self._draining = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def running(self) -> int:
        """How many tries run now."""
        return len(self._tries)

    async def run(self) -> None:
        """Works until `drain` is called: then returns when the last try has ended."""
        from outgrow.adapters.postgres.job_sql import STOP, WORK
        from outgrow.adapters.postgres.listen import listen

        keeping = [
            asyncio.create_task(listen(self._pool, [WORK, STOP], self._heard, self._look), name="listen"),
            asyncio.create_task(self._renew(), name="renew"),
            asyncio.create_task(self._sweep(), name="sweep"),
        ]
        claiming = asyncio.create_task(self._claim(), name="claim")
        try:
            done, _ = await asyncio.wait({claiming, *keeping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._finish()
        finally:
            await _end_all([claiming, *keeping, *self._tasks])

    def drain(self) -> None:
        """Takes no more. What runs may finish; what does not within ``drain_s`` is stopped and given back."""
        self._draining.set()
        self._wake.set()

    def _heard(self, channel: str, payload: str) -> None:
        if channel.endswith("_stop"):
            for one in self._tries.values():
                if str(one.job.id) == payload:
                    one.stop(keep=False)
            return
        self._look()

    def _look(self) -> None:
        self._more = True
        self._wake.set()

    async def _claim(self) -> None:
        """Takes jobs while there are any and room for them; then waits to be woken."""
        while not self._draining.is_set():
            self._wake.clear()
            if self._more and await self._claim_once():
                continue
            wait_s = self._work.poll_s if self._more else await self._until_due_s()
            try:
                await asyncio.wait_for(self._wake.wait(), wait_s)
            except TimeoutError:
                self._more = True

    async def _claim_once(self) -> bool:
        """Was anything taken? ``_more`` says afterwards whether there may be more than there was room for."""
        rooms = self._routing.rooms()
        more, taken = False, False
        for tasks, room in rooms:
            most = min(room, self._work.most)
            self._more = False
            jobs = await insist(lambda tasks=tasks, most=most: self._take(tasks, most))  # type: ignore[misc]
            if self._draining.is_set():
                for job in jobs:
                    await insist(lambda job=job: self._store.release(job))  # type: ignore[misc]
                return False
            for job in jobs:
                self._start(job)
            taken = taken or bool(jobs)
            more = more or len(jobs) == most
            await asyncio.sleep(0)
        if len(rooms) < self._routing.groups:
            more = True
        self._more = self._more or more
        return taken

    async def _take(self, tasks: tuple[str, ...], most: int) -> list[Job]:
        return await self._store.claim(self.name, tasks, most, self._work.lease_s)

    async def _until_due_s(self) -> float:
        """How long until a delayed job is due, at most until it is time to look again."""
        due_s = await insist(lambda: self._store.next_due_s(self._routing.tasks))
        return self._work.poll_s if due_s is None else min(max(due_s, 0.001), self._work.poll_s)

    def _start(self, job: Job) -> None:
        one = Try(job=job, lease_s=self._work.lease_s)
        self._tries[job.id, job.fence] = one
        self._idle.clear()
        task = asyncio.create_task(self._try(one), name=f"try {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _try(self, one: Try) -> None:
        try:
            await run_try(one, self._store, self._routing, self._runs)
        except Exception as problem:  # noqa: BLE001 - its lease runs out, and another takes it over
            LOG.error("job %s: its try was left: %s", one.job.id, type(problem).__name__)  # noqa: TRY400 - a trace may quote a payload
        finally:
            del self._tries[one.job.id, one.job.fence]
            if not self._tries:
                self._idle.set()
            if self._more:
                self._wake.set()

    async def _renew(self) -> None:
        """Keeps the leases; a try whose lease is gone is stopped."""
        while True:
            await asyncio.sleep(self._work.lease_s / 3)
            tries = list(self._tries.values())
            if not tries:
                continue
            jobs = [one.job for one in tries]
            ours = await insist(lambda jobs=jobs: self._store.renew_all(jobs, self._work.lease_s))  # type: ignore[misc]
            for one in tries:
                if (one.job.id, one.job.fence) not in ours:
                    found = await insist(lambda one=one: self._store.get(one.job.id))  # type: ignore[misc]
                    one.stop(keep=_goes_on(one, found))

    async def _sweep(self) -> None:
        """Takes over from whoever died, always: whichever worker looks first."""
        while True:
            await insist(self._store.sweep)
            await asyncio.sleep(min(self._work.poll_s, self._work.lease_s / 6))

    async def _finish(self) -> None:
        try:
            await asyncio.wait_for(self._idle.wait(), self._work.drain_s)
        except TimeoutError:
            for one in self._tries.values():
                one.drain()
            await self._idle.wait()


def _goes_on(one: Try, found: Job | None) -> bool:
    """Does the job, which is not ours any more, still mean the run of this try?"""
    return found is not None and found.state is not JobState.CANCELLED and found.external_id == one.external_id


async def _end_all(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
