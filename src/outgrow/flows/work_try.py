"""One try of a job from its lease to its end: routed, held for, run, metered, and written as what it came to."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from outgrow.domain.job import AttemptEnding, Meter
from outgrow.domain.ran import Ran
from outgrow.policy.budget import SETTLE_S
from outgrow.policy.price import cost
from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outgrow.adapters.backends.port import Runs
    from outgrow.adapters.postgres.jobs import JobStore
    from outgrow.domain.backend import Retries
    from outgrow.domain.job import Job
    from outgrow.flows.work_route import Route, Routing

Answer = TypeVar("Answer")

PROGRESS_S = 0.1
"""Progress is written at most so often: whoever looks sees the newest, not each."""

LET_GO_S = 15.0
"""How long an adapter may take to cancel a run at its provider before it is let go of."""

INSIST_S = 600.0
"""How long an end that cannot be written is tried again: the database may be away for a while."""

MOST_WAIT_S = 60.0
"""After how long a job that found no money or no place is looked at again, at most."""

WAITS = frozenset({Code.BUDGET_REACHED, Code.BACKEND_DOWN})
"""Refusals that pass by themselves; the others are the end of the job."""


@dataclass(slots=True, kw_only=True)
class Told:
    """What the adapter of one try tells, written to the job; and the word that the try is no longer wanted."""

    store: JobStore
    one: Try
    backend: str
    _told_at: float = float("-inf")

    @property
    def stopped(self) -> asyncio.Event:
        """Set when the try is no longer wanted here."""
        return self.one.stopped

    @property
    def keep(self) -> bool:
        """May what runs at a provider be followed by another worker?"""
        return self.one.keep

    async def submitted(self, external_id: str) -> bool:
        """Writes the provider's name of the run; False: the lease is lost."""
        self.one.external_id = external_id
        return await insist(lambda: self.store.submitted(self.one.job, self.backend, external_id))

    async def progress(self, data: Any) -> None:
        """Writes the newest, not each."""
        from psycopg import Error

        now = time.monotonic()
        if now - self._told_at < PROGRESS_S:
            return
        self._told_at = now
        try:
            await self.store.tell(self.one.job, data)
        except (Error, OSError, ValueError):  # progress is worth no try
            return


@dataclass(slots=True, kw_only=True)
class Try:
    """A job that this worker has a lease of. ``external_id`` is the provider's name of the run, once it is known."""

    job: Job
    lease_s: float
    draining: bool = False
    keep: bool = False
    external_id: str | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self, *, keep: bool) -> None:
        """The job is no longer wanted, or (``keep``) for another worker, who follows what runs at a provider."""
        if not self.stopped.is_set():
            self.keep = keep
            self.stopped.set()

    def drain(self) -> None:
        """This worker ends; another goes on."""
        self.draining = True
        self.stop(keep=True)

    @property
    def queue_s(self) -> float:
        """From when it could have run until it was taken, by the clock of the database."""
        if self.job.lease_until is None:
            return 0.0
        taken_at = self.job.lease_until - timedelta(seconds=self.lease_s)
        return max(0.0, (taken_at - self.job.run_at).total_seconds())


async def run_try(one: Try, store: JobStore, routing: Routing, runs: Runs) -> None:
    """All of it. Raises nothing but what ends the worker."""
    route = await insist(lambda: routing.take(one.job))
    if isinstance(route, Refused):
        await _refused(one, store, route)
        return
    try:
        if not await _may_start(one, store, route):
            return
        started_at = datetime.now(UTC)
        ran = await _ran(one, Told(store=store, one=one, backend=route.backend.name), route, runs)
        routing.saw(route, ran)
        await _end(one, store, route, ran, started_at, routing.retries(one.job.task))
    finally:
        routing.give_back(route)


async def insist(act: Callable[[], Awaitable[Answer]]) -> Answer:
    """What ``act`` answers, once the database can be asked. Acts are fenced, so to ask twice does nothing twice."""
    from psycopg import InterfaceError, OperationalError
    from psycopg_pool import PoolTimeout

    until, wait_s = time.monotonic() + INSIST_S, 0.05
    while True:
        try:
            return await act()
        except (OperationalError, InterfaceError, PoolTimeout, OSError):
            if time.monotonic() > until:
                raise
        await asyncio.sleep(random.uniform(0.5, 1.0) * wait_s)  # noqa: S311 - not a secret
        wait_s = min(2 * wait_s, 2.0)


async def _may_start(one: Try, store: JobStore, route: Route) -> bool:
    """Is the money held, and written that the backend may have the job, before it has it?"""
    job = one.job
    if not route.hold_micro or not route.budgets:
        return True
    if not await insist(lambda: store.hold(job, route.hold_micro, route.budgets)):
        await insist(lambda: store.release(job, in_s=random.uniform(0.5, 1.0) * SETTLE_S))  # noqa: S311
        return False
    return await insist(lambda: store.submitted(job, route.backend.name, job.external_id))


async def _refused(one: Try, store: JobStore, refused: Refused) -> None:
    job, now = one.job, datetime.now(UTC)
    if refused.code in WAITS and refused.retry_after_s is not None:
        wait_s = min(refused.retry_after_s, MOST_WAIT_S) * random.uniform(0.8, 1.0)  # noqa: S311
        await insist(lambda: store.release(job, in_s=wait_s))
        return
    error = f"{refused.code}: {refused.detail}"
    meter = Meter(
        job=job.id,
        attempt=job.attempt,
        task=job.task,
        backend="",
        rule=refused.rule,
        started_at=now,
        finished_at=now,
        ending=AttemptEnding.REJECTED,
        queue_s=one.queue_s,
        error=error,
    )
    await insist(lambda: store.fail(job, error, meter, None))


async def _ran(one: Try, told: Told, route: Route, runs: Runs) -> Ran:
    """What the adapter answers; one that does not let go when stopped is cancelled."""
    running = asyncio.ensure_future(runs.run(one.job, route.task, route.backend, told))
    stopping = asyncio.ensure_future(_stopped_for(one.stopped, LET_GO_S))
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            running.cancel()
            await asyncio.wait({running}, timeout=LET_GO_S)
        if not running.done() or running.cancelled():
            return Ran(ending=AttemptEnding.ABANDONED, error="stopped", unknown=bool(route.hold_micro))
        return running.result()
    except Exception as problem:  # noqa: BLE001 - an adapter that breaks is a failed try, not a lost worker
        name = type(problem).__name__
        return Ran(ending=AttemptEnding.FAILED, error=f"backend {route.backend.name}: {name}", unknown=True)
    finally:
        stopping.cancel()
        running.cancel()


async def _stopped_for(stopped: asyncio.Event, wait_s: float) -> None:
    await stopped.wait()
    await asyncio.sleep(wait_s)


async def _end(one: Try, store: JobStore, route: Route, ran: Ran, started_at: datetime, retries: Retries) -> None:
    """Writes the end, or where the lease was lost what was spent all the same."""
    job, meter = one.job, _meter(one, route, ran, started_at)
    written = await insist(lambda: _write(one, store, ran, meter, retries))
    if not written and not (one.keep and ran.unknown):  # else the one who follows the run meters it
        external_id = one.external_id or ran.external_id
        await insist(lambda: store.late(job, meter, external_id=external_id, unknown=ran.unknown))


async def _write(one: Try, store: JobStore, ran: Ran, meter: Meter, retries: Retries) -> bool:
    job = one.job
    if ran.error is None:
        from psycopg import DataError

        try:
            return await store.succeed(job, ran.result, meter)
        except (ValueError, TypeError, DataError) as problem:
            error = f"the result is not JSON: {type(problem).__name__}"
            return await store.fail(job, error, meter, None)
    if one.draining and ran.ending is AttemptEnding.ABANDONED:
        return await store.release(job, meter=None if ran.unknown else meter)
    wait_s = pause_s(retries, job.attempt, ran.retry_in_s) if ran.retryable else None
    return await store.fail(job, ran.error, meter, wait_s, unknown=ran.unknown)


def pause_s(retries: Retries, attempt: int, least_s: float | None) -> float:
    """How long to wait after this try: longer each time, not all at once, and never less than the backend asked for."""
    longest = min(retries.pause_s * retries.factor ** max(0, attempt - 1), retries.most_pause_s)
    return max(longest * random.uniform(0.5, 1.0), least_s or 0.0)  # noqa: S311


def _meter(one: Try, route: Route, ran: Ran, started_at: datetime) -> Meter:
    """What the try took. Its cost is by the rates of the backend, in whole micro-dollars."""
    job = one.job
    meter = Meter(
        job=job.id,
        attempt=job.attempt,
        task=job.task,
        backend=route.backend.name,
        rule=route.rule,
        started_at=started_at,
        finished_at=datetime.now(UTC),
        ending=ran.ending,
        queue_s=one.queue_s + ran.queue_s,
        cold_s=ran.cold_s,
        execution_s=ran.execution_s,
        billed_s=ran.billed_s,
        input_tokens=ran.input_tokens,
        output_tokens=ran.output_tokens,
        worker=ran.worker,
        error=ran.error,
    )
    return replace(meter, cost_usd_micro=cost(route.backend.rates, meter))
