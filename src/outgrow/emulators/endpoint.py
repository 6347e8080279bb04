"""How a RunPod serverless endpoint behaves: queue, workers, clocks and bill, as a small exact simulation.

Every moment is computed, none is measured: whoever asks says what time it is, in seconds since the endpoint began, and
all that was to happen until then happens first, in order. Source: runpod/docs (2026-08-20).
"""

from __future__ import annotations

import heapq
import itertools
import json
import random
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from outgrow.emulators.parts import DAY_S, EmulatedJob, Execution, Plan, Setup, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

ENDS = frozenset({"COMPLETED", "FAILED", "CANCELLED", "TIMED_OUT"})
REDUCED_AFTER_S = 3 * DAY_S
OFF_AFTER_S = 7 * DAY_S
EPOCH_S = 1_800_000_000.0


@dataclass(slots=True, kw_only=True)
class Endpoint:
    """One endpoint. ``plan`` says what the handler does with an input; ``finished`` is told of every end."""

    setup: Setup
    plan: Callable[[Any], Plan]
    finished: Callable[[EmulatedJob], None] | None = None
    now_s: float = 0.0
    workers_max: int = -1
    jobs: dict[str, EmulatedJob] = field(default_factory=dict)
    queue: deque[EmulatedJob] = field(default_factory=deque)
    workers: list[Worker] = field(default_factory=list)
    gone: list[Worker] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"completed": 0, "failed": 0, "retried": 0})
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _order: Any = field(default_factory=itertools.count)
    _draw: random.Random = field(default_factory=random.Random)
    _last_request_s: float = 0.0
    _next_look_s: float = 0.0

    def __post_init__(self) -> None:
        """Starts what is always on."""
        self._draw = random.Random(self.setup.seed)  # noqa: S311 - an emulator, nothing to guess
        self.workers_max = self.setup.workers_max
        for _ in range(self.setup.workers_min):
            self._start_worker()

    # Time

    def advance(self, to_s: float) -> None:
        """Lets everything happen that happens until ``to_s``, to the millisecond."""
        to_s = round(to_s, 3)
        while self._events and self._events[0][0] <= to_s:
            at_s, _, happen = heapq.heappop(self._events)
            self.now_s = max(self.now_s, at_s)
            happen()
        self.now_s = max(self.now_s, to_s)

    def next_s(self) -> float | None:
        """When the next thing happens by itself."""
        return self._events[0][0] if self._events else None

    def _at(self, at_s: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (round(at_s, 3), next(self._order), happen))

    # What a caller can do

    def submit(
        self, given: Any, policy: dict[str, Any], *, sync: bool, webhook: str | None = None
    ) -> EmulatedJob | None:
        """Takes a job in; None: the queue is full (429)."""
        quiet_s, self._last_request_s = self.now_s - self._last_request_s, self.now_s
        if quiet_s >= REDUCED_AFTER_S:
            self.workers_max = 0 if quiet_s >= OFF_AFTER_S else min(2, self.workers_max)
        if (
            len(self.queue) > self.setup.queue_floor
            and len(self.queue) > self.workers_max * self.setup.queue_per_worker
        ):
            return None
        number = f"{self._draw.getrandbits(128):032x}"
        job = EmulatedJob(
            id=f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}-{'u1' if sync else 'e1'}",
            input=given,
            plan=self.plan(given),
            submitted_s=self.now_s,
            execution_timeout_s=policy.get("executionTimeout", self.setup.execution_timeout_s * 1000) / 1000,
            ttl_s=policy.get("ttl", self.setup.ttl_s * 1000) / 1000,
            sync=sync,
            webhook=webhook,
        )
        if job.plan.lost:
            return job
        self.jobs[job.id] = job
        self.queue.append(job)
        if job.plan.twice:
            self.queue.append(replace(job, webhook=None))
        self._at(self.now_s + job.ttl_s, lambda: self._expire(job))
        self._dispatch()
        return job

    def cancel(self, job: EmulatedJob) -> None:
        """Stops it wherever it is; a deaf one goes on and ends as it would have."""
        if job.status in ENDS or job.plan.deaf:
            return
        self._end(job, "CANCELLED")

    def retry(self, job: EmulatedJob) -> bool:
        """Puts a failed job back with the same id."""
        if job.status not in {"FAILED", "TIMED_OUT"}:
            return False
        job.status, job.output, job.error, job.started_s, job.ended_s, job.worker = (
            "IN_QUEUE",
            None,
            None,
            None,
            None,
            None,
        )
        job.submitted_s = self.now_s
        self.counts["retried"] += 1
        self.queue.append(job)
        self._dispatch()
        return True

    def purge(self) -> int:
        """Cancels all that waits."""
        waiting = list(self.queue)
        for job in waiting:
            self._end(job, "CANCELLED")
        return len(waiting)

    def set_workers(self, most: int) -> None:
        """What a person does in the console; to 0 is also what long silence does."""
        self.workers_max = most
        self._dispatch()

    def pieces(self, job: EmulatedJob) -> list[Any]:
        """What was streamed and not yet read."""
        if job.started_s is None or not job.plan.pieces:
            return []
        whole_s = job.plan.execution_s or 1.0
        until_s = self.now_s if job.ended_s is None else job.ended_s
        there = min(len(job.plan.pieces), int((until_s - job.started_s) / whole_s * len(job.plan.pieces) + 1e-9))
        news, job.read = list(job.plan.pieces[job.read : there]), max(job.read, there)
        return news

    def billed_s(self) -> int:
        """Whole seconds of all workers so far: what the bill is made of."""
        return sum(worker.billed_s(self.now_s) for worker in (*self.gone, *self.workers))

    # What happens by itself

    def _dispatch(self) -> None:
        for worker in self.workers:
            if not self.queue:
                break
            if worker.job is None and worker.ready_s <= self.now_s:
                self._take(worker, self.queue.popleft())
        self._scale()

    def _scale(self) -> None:
        starting = sum(worker.ready_s > self.now_s for worker in self.workers)
        if not self.queue or starting >= len(self.queue) or len(self.workers) >= self.workers_max:
            return
        due_s = self.queue[0].submitted_s + self.setup.queue_delay_s if self.workers else self.now_s
        due_s = round(max(due_s, self._next_look_s if self.workers else self.now_s), 3)
        if due_s > self.now_s:
            self._at(due_s, self._dispatch)
            return
        self._next_look_s = self.now_s + max(self.setup.queue_delay_s, 0.001)
        self._start_worker()
        self._scale()

    def _start_worker(self) -> None:
        cold_s = self._draw.uniform(*self.setup.cold_start_s)
        worker = Worker(
            id=f"{self._draw.getrandbits(56):014x}", started_s=self.now_s, ready_s=round(self.now_s + cold_s, 3)
        )
        self.workers.append(worker)
        self._at(worker.ready_s, lambda: self._free(worker))

    def _free(self, worker: Worker) -> None:
        if worker.ended_s is not None:
            return
        worker.job, worker.idle_since_s = None, self.now_s
        since_s = self.now_s
        self._at(self.now_s + self.setup.idle_timeout_s, lambda: self._idle_out(worker, since_s))
        self._dispatch()

    def _idle_out(self, worker: Worker, since_s: float) -> None:
        if worker.ended_s is not None or worker.job is not None or worker.idle_since_s != since_s:
            return
        if len(self.workers) > self.setup.workers_min:
            self._stop(worker)

    def _stop(self, worker: Worker) -> None:
        worker.ended_s = self.now_s
        self.workers.remove(worker)
        self.gone.append(worker)

    def _take(self, worker: Worker, job: EmulatedJob) -> None:
        worker.job, worker.idle_since_s = job, None
        worker.executions += 1
        job.run += 1
        job.status, job.worker, job.started_s = "IN_PROGRESS", worker, self.now_s
        run, plan = job.run, job.plan
        takes_s = plan.execution_s
        if takes_s is None:
            takes_s = round(self._draw.uniform(*self.setup.execution_s), 3)
        if plan.crash_after_s is not None and plan.crash_after_s <= min(takes_s, job.execution_timeout_s):
            self._at(self.now_s + plan.crash_after_s, lambda: self._crash(worker, job, run))
        elif takes_s > job.execution_timeout_s:
            self._at(self.now_s + job.execution_timeout_s, lambda: self._done(worker, job, run, "TIMED_OUT"))
        else:
            self._at(
                self.now_s + takes_s, lambda: self._done(worker, job, run, "FAILED" if plan.error else "COMPLETED")
            )

    def _done(self, worker: Worker, job: EmulatedJob, run: int, status: str) -> None:
        if job.run == run and job.status == "IN_PROGRESS" and job.worker is worker:
            self._end(job, status)

    def _crash(self, worker: Worker, job: EmulatedJob, run: int) -> None:
        if job.run != run or job.worker is not worker or job.status != "IN_PROGRESS":
            return
        self._stop(worker)
        self._end(job, "FAILED")
        self._dispatch()

    def _expire(self, job: EmulatedJob) -> None:
        if job.status not in ENDS:
            self.jobs.pop(job.id, None)
            self._end(job, "GONE")

    def _end(self, job: EmulatedJob, status: str) -> None:
        worker, waited = job.worker, job.status == "IN_QUEUE"
        job.status, job.ended_s = status, self.now_s
        if waited:
            self.queue.remove(job)
        elif worker is not None:
            self.executions.append(self._execution(job, worker, status))
            self._answer(job, worker, status)
        self.counts["completed" if status == "COMPLETED" else "failed"] += status in {"COMPLETED", "FAILED"}
        kept_s = self.setup.sync_retention_s if job.sync else self.setup.retention_s
        ended_s = self.now_s
        self._at(ended_s + kept_s, lambda: self._forget(job, ended_s))
        if self.finished is not None:
            self.finished(job)
        if worker is not None and not waited:
            self._free(worker)

    def _forget(self, job: EmulatedJob, ended_s: float) -> None:
        if self.jobs.get(job.id) is job and job.ended_s == ended_s:
            del self.jobs[job.id]

    def _answer(self, job: EmulatedJob, worker: Worker, status: str) -> None:
        """What the handler returned, if it came to that, with the worker's report on itself."""
        if worker.ended_s is not None:
            job.error = "worker exited with exit code 137"
            return
        if status not in {"COMPLETED", "FAILED"}:
            return
        meter = self._meter(job, worker) if self.setup.reports else None
        if status == "FAILED":
            said: dict[str, Any] = {"error_type": "<class 'ValueError'>", "error_message": job.plan.error}
            job.error = json.dumps({**said, "worker_id": worker.id, **({"_meter": meter} if meter else {})})
        else:
            output = {"echo": job.input} if job.plan.output is None else job.plan.output
            job.output = {**output, "_meter": meter} if meter and isinstance(output, dict) else output
        worker.reported_s = self.now_s if meter else worker.reported_s

    def _meter(self, job: EmulatedJob, worker: Worker) -> dict[str, Any]:
        before_s = worker.reported_s
        return {
            "worker": worker.id,
            "boot_ts": EPOCH_S + worker.started_s,
            "model_ready_ts": EPOCH_S + worker.ready_s,
            "job_start_ts": EPOCH_S + (job.started_s or 0.0),
            "job_end_ts": EPOCH_S + self.now_s,
            "first_job": worker.executions == 1,
            "previous_end_ts": None if before_s is None else EPOCH_S + before_s,
            "gpu": "emulated",
        }

    def _execution(self, job: EmulatedJob, worker: Worker, ending: str) -> Execution:
        return Execution(
            job=job.id,
            input=job.input,
            worker=worker.id,
            started_s=job.started_s or 0.0,
            ended_s=self.now_s,
            ending=ending,
        )
