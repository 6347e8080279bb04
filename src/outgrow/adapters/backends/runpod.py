"""Runs jobs on a RunPod serverless endpoint over its queue API.

RunPod has no idempotency key. So our name of the try goes into the input, and the provider's name of the job is
written down before anything is waited for. A POST whose outcome is unknown is not repeated here: the try ends
``unknown`` with the pause after which the job, if it ever arrived, has ended. Source: runpod/docs (2026-08-20).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.backends.door import NotAllowedError
from outgrow.adapters.backends.http import BUSY, CallError, KeyMissingError, Reply
from outgrow.adapters.backends.port import Pace
from outgrow.adapters.backends.runpod_end import ended, gave_up, gone
from outgrow.adapters.backends.runpod_input import TooLargeError, attempt_id, body_of, execution_timeout_s, ttl_s
from outgrow.adapters.backends.runpod_meter import Owed
from outgrow.domain.job import AttemptEnding, Payload
from outgrow.domain.ran import Ran

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.adapters.backends.door import Cleared, Door
    from outgrow.adapters.backends.http import Calls
    from outgrow.adapters.backends.port import Tell
    from outgrow.domain.backend import Backend, Task
    from outgrow.domain.job import Job

DEFAULT_URL: Final = "https://api.runpod.ai/v2"
ENDED: Final = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})
GONE: Final = 404
LEASE_LOST: Final = "the lease was lost; the job goes on at RunPod"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Seconds. ``queue_s``: how long a job may wait for a worker. Polls grow from ``poll_s`` to ``most_poll_s``.

    ``answer_s``: how long one call may take; ``settle_s``: how long a cancelled job is watched until it has ended.
    """

    queue_s: float = 600.0
    poll_s: float = 0.25
    most_poll_s: float = 5.0
    factor: float = 1.5
    answer_s: float = 30.0
    settle_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What ``/health`` says: jobs that wait and run, workers by what they do."""

    waiting: int
    running: int
    workers_up: int
    workers_starting: int


@dataclass(slots=True, kw_only=True)
class _Try:
    """One try while it is followed. ``hint`` is set when a webhook says that something happened."""

    job: Job
    backend: Backend
    tell: Tell
    none_up: bool = False
    external_id: str = ""
    hint: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, kw_only=True)
class RunPod:
    """The adapter. ``webhook`` makes the address that RunPod shall call for a try; without it, it polls alone."""

    door: Door
    calls: Calls
    pace: Pace = field(default_factory=Pace)
    waits: Waits = Waits()
    webhook: Callable[[str], str] | None = None
    owed: Owed = field(default_factory=Owed)
    _tries: dict[str, _Try] = field(default_factory=dict)
    _reporting: set[str] = field(default_factory=set)

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """One try: resumed where the provider still knows the job of a lost one, submitted otherwise."""
        name = attempt_id(job)
        trial = self._tries[name] = _Try(job=job, backend=backend, tell=tell)
        try:
            cleared = self.door.clear(job.data, backend)
            over = await self._resume(trial) or await self._start(trial, cleared)
            return await self._follow(trial) if over is None else over
        except (NotAllowedError, KeyMissingError, TooLargeError) as error:
            return Ran(ending=AttemptEnding.REJECTED, error=error.message)
        finally:
            self._tries.pop(name, None)

    def hint(self, attempt: str, external_id: str) -> bool:
        """A webhook says that this try has ended. It is not believed, only looked into. False: not one of ours."""
        trial = self._tries.get(attempt)
        if trial is None or (trial.external_id and trial.external_id != external_id):
            return False
        trial.external_id = trial.external_id or external_id
        trial.hint.set()
        return True

    async def cancel(self, backend: Backend, external_id: str) -> bool:
        """Asks RunPod to stop a job; True: it answered that it has."""
        for wait_s in (0.2, 1.0, 0.0):
            try:
                reply = await self._call("POST", backend, f"cancel/{external_id}")
            except CallError:
                reply = None
            if reply is not None and reply.status in {200, GONE}:
                return reply.status == 200
            await asyncio.sleep(wait_s / self.pace.speed)
        return False

    async def health(self, backend: Backend) -> Standing:
        """How the endpoint stands. Raises `CallError` and `KeyMissingError`."""
        reply = await self._call("GET", backend, "health")
        body = reply.body if isinstance(reply.body, dict) else {}
        jobs, workers = body.get("jobs") or {}, body.get("workers") or {}
        if not workers:
            raise CallError(f"backend {backend.name!r} answered {reply.status} to a question for its health", left=True)
        up = max(int(workers.get("ready") or 0), int(workers.get("idle") or 0) + int(workers.get("running") or 0))
        return Standing(
            waiting=int(jobs.get("inQueue") or 0),
            running=int(jobs.get("inProgress") or 0),
            workers_up=up,
            workers_starting=int(workers.get("initializing") or 0),
        )

    # One try

    async def _resume(self, trial: _Try) -> Ran | None:
        """Takes up the job that an earlier try submitted, where RunPod still works on it or holds its result."""
        job = trial.job
        if job.external_id is None or job.backend != trial.backend.name:
            return None
        view = await self._view(trial.backend, job.external_id)
        if view is None or view.get("status") in ENDED - {"COMPLETED"}:
            return None
        trial.external_id = job.external_id
        if await trial.tell.submitted(job.external_id):
            return None
        return gave_up(job.external_id, AttemptEnding.ABANDONED, LEASE_LOST, unknown=True)

    async def _start(self, trial: _Try, cleared: Cleared) -> Ran | None:
        """Submits it unless it was resumed. Nobody cancels this between the POST and the note of its answer."""
        if trial.external_id:
            return None
        submitting = asyncio.ensure_future(self._submit(trial, cleared))
        try:
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            trial.hint.set()
            await asyncio.wait([submitting], timeout=self.waits.answer_s)
            raise

    async def _submit(self, trial: _Try, cleared: Cleared) -> Ran | None:
        """POSTs the job; None: it is there and written down."""
        job, backend = trial.job, cleared.backend
        hook = None if self.webhook is None else self.webhook(attempt_id(job))
        payload = job.payload or Payload()
        make = partial(body_of, job, payload, backend, queue_s=self.waits.queue_s, webhook=hook)
        body = make() if payload.data is None else await asyncio.to_thread(make)
        if backend.name not in self._reporting:
            trial.none_up = await self._none_up(backend)
        try:
            reply = await self._call("POST", backend, "run", body)
        except CallError as error:
            if not error.left:
                return Ran(ending=AttemptEnding.FAILED, error=error.message, retryable=True)
            return await self._unknown(trial, error.message)
        external_id = reply.body.get("id") if isinstance(reply.body, dict) else None
        if reply.status == 200 and isinstance(external_id, str):
            trial.external_id = external_id
            return None if await trial.tell.submitted(external_id) else await self._give_up(trial)
        if reply.status == 200 or (reply.status >= 500 and reply.status not in BUSY):
            return await self._unknown(trial, f"backend {backend.name!r} answered {reply.status} and no job id")
        return _refused(backend, reply)

    async def _unknown(self, trial: _Try, what: str) -> Ran | None:
        """The job may have arrived. With a webhook it will name itself; without, it is let run out. None: found."""
        backend = trial.backend
        wait_s = execution_timeout_s(backend) + backend.cold_start_s
        if self.webhook is not None:
            await self._pause(trial, wait_s)
            if trial.external_id:
                return None if await trial.tell.submitted(trial.external_id) else await self._give_up(trial)
            wait_s = 0.0
        return Ran(
            ending=AttemptEnding.LOST,
            error=f"{what}: whether the job arrived is unknown",
            retryable=True,
            retry_in_s=wait_s,
            unknown=True,
        )

    async def _follow(self, trial: _Try) -> Ran:
        """Polls until the job has ended, is gone, or is no longer wanted."""
        grace_s = 3 * self.waits.most_poll_s + self.waits.answer_s * self.pace.speed
        deadline_s = self.pace.now_s() + ttl_s(trial.backend, self.waits.queue_s) + grace_s
        pause_s, missing, before = self.waits.poll_s, 0, ""
        while not trial.tell.stopped.is_set():
            reply = await self._look(trial)
            view = reply.body if reply is not None and isinstance(reply.body, dict) else {}
            status = str(view.get("status", ""))
            if status in ENDED:
                return self._ended(trial, view)
            missing = missing + 1 if reply is not None and reply.status == GONE else 0
            if missing > 1:
                return gone(trial.external_id, started=before not in {"", "IN_QUEUE"})
            if self.pace.now_s() > deadline_s:
                await self.cancel(trial.backend, trial.external_id)
                what = "RunPod did not end the job in time"
                return gave_up(trial.external_id, AttemptEnding.LOST, what, retryable=True, unknown=True)
            await self._tell(trial, view, status, before)
            grown_s = min(pause_s * self.waits.factor, self.waits.most_poll_s)
            pause_s = self.waits.poll_s if status != before else grown_s
            before = status or before
            await self._pause(trial, max(pause_s, (reply.retry_after_s if reply else None) or 0.0))
        if trial.tell.keep:
            return gave_up(trial.external_id, AttemptEnding.ABANDONED, LEASE_LOST, unknown=True)
        return await self._give_up(trial)

    async def _give_up(self, trial: _Try) -> Ran:
        """Cancels it and meters what it took; a result that comes all the same is dropped."""
        await self.cancel(trial.backend, trial.external_id)
        until_s = self.pace.now_s() + self.waits.settle_s
        while True:
            view = await self._view(trial.backend, trial.external_id)
            if view is None:
                return gave_up(trial.external_id, AttemptEnding.ABANDONED, "cancelled; RunPod no longer knows the job")
            if view.get("status") in ENDED:
                return replace(self._ended(trial, {**view, "status": "CANCELLED"}), retryable=False)
            if self.pace.now_s() > until_s:
                what = "cancelled, but RunPod did not end it"
                return gave_up(trial.external_id, AttemptEnding.ABANDONED, what, unknown=True)
            await asyncio.sleep(self.waits.poll_s / self.pace.speed)

    def _ended(self, trial: _Try, view: dict[str, Any]) -> Ran:
        ran = ended(view, idle_timeout_s=trial.backend.idle_timeout_s, none_up=trial.none_up, owed=self.owed)
        if ran.reported:
            self._reporting.add(trial.backend.name)
        return ran

    async def _tell(self, trial: _Try, view: dict[str, Any], status: str, before: str) -> None:
        pieces = [piece.get("output") for piece in view.get("stream") or () if isinstance(piece, dict)]
        if pieces:
            await trial.tell.progress({"state": status.lower(), "pieces": pieces})
        elif status and (status != before or view.get("output") is not None):
            await trial.tell.progress({"state": status.lower(), "output": view.get("output")})

    # Calls

    async def _look(self, trial: _Try) -> Reply | None:
        """The job as it stands; None: no answer came. One that streams is read by its pieces until it has ended."""
        payload = trial.job.payload
        streams = payload is not None and isinstance(payload.json, dict) and payload.json.get("stream") is True
        try:
            if streams:
                reply = await self._call("GET", trial.backend, f"stream/{trial.external_id}")
                if not isinstance(reply.body, dict) or reply.body.get("status") not in ENDED:
                    return reply
                await self._tell(trial, reply.body, "in_progress", "in_progress")
            return await self._call("GET", trial.backend, f"status/{trial.external_id}")
        except CallError:
            return None

    async def _view(self, backend: Backend, external_id: str) -> dict[str, Any] | None:
        """The job as it stands, {} where no answer came, None where RunPod does not know it."""
        try:
            reply = await self._call("GET", backend, f"status/{external_id}")
        except CallError:
            return {}
        if reply.status == GONE:
            return None
        return reply.body if reply.status == 200 and isinstance(reply.body, dict) else {}

    async def _none_up(self, backend: Backend) -> bool:
        try:
            return (await self.health(backend)).workers_up == 0
        except CallError:
            return False

    async def _call(self, method: str, backend: Backend, path: str, body: bytes | None = None) -> Reply:
        url = f"{(backend.url or DEFAULT_URL).rstrip('/')}/{backend.endpoint}/{path}"
        return await self.calls.call(method, url, backend, wait_s=self.waits.answer_s, body=body)

    async def _pause(self, trial: _Try, wait_s: float) -> None:
        """Waits for time to pass, a stop, or a hint."""
        waiting = [asyncio.create_task(event.wait()) for event in (trial.tell.stopped, trial.hint)]
        try:
            await asyncio.wait(waiting, timeout=wait_s / self.pace.speed, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
        trial.hint.clear()


def _refused(backend: Backend, reply: Reply) -> Ran:
    """An answer that says no before anything ran."""
    what = f"backend {backend.name!r} answered {reply.status}"
    if reply.status in BUSY:
        return Ran(ending=AttemptEnding.REJECTED, error=what, retryable=True, retry_in_s=reply.retry_after_s)
    if reply.status in {401, 403}:
        what += f": the key in {backend.key} is not accepted"
    if reply.status == GONE:
        what += f": there is no endpoint {backend.endpoint!r}"
    return Ran(ending=AttemptEnding.REJECTED, error=what)
