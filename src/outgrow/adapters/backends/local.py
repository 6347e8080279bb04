"""Runs Python functions in worker processes of this host.

A worker does one payload at a time and is kept for the next. One that takes too long, is no longer wanted, or has grown
too large is killed with all it started; one that dies takes down its own try and no other.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.backends.door import NotAllowedError
from outgrow.adapters.backends.local_child import (
    BROKEN,
    BYTES,
    DONE,
    FAILED,
    HEAD,
    PROGRESS,
    READY,
    STARTED,
    TASK,
    frame,
)
from outgrow.domain.job import AttemptEnding, Payload
from outgrow.domain.ran import Ran

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.adapters.backends.door import Cleared, Door
    from outgrow.adapters.backends.port import Tell
    from outgrow.domain.backend import Backend, Task
    from outgrow.domain.job import Job

LEAVING_S: Final = 1.0
CHILD: Final = "outgrow.adapters.backends.local_child"


class _DiedError(Exception):
    """The worker is gone. ``started``: the function may have run."""

    def __init__(self, *, started: bool, how: str) -> None:
        super().__init__(how)
        self.started = started
        self.how = how


@dataclass(slots=True, kw_only=True, eq=False)
class _Worker:
    """One process."""

    process: asyncio.subprocess.Process
    done: int = 0
    ready: bool = False

    async def read(self) -> tuple[bytes, Any]:
        """The next frame. Raises `asyncio.IncompleteReadError` at the end."""
        out = self.process.stdout
        assert out is not None
        kind, length = HEAD.unpack(await out.readexactly(HEAD.size))
        return kind, json.loads(await out.readexactly(length))

    async def kill(self) -> None:
        """Ends it and all it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    async def death(self) -> str:
        """How it ended, once it has closed its end of the pipe."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.process.wait(), LEAVING_S)
        await self.kill()
        code = self.process.returncode or 0
        return f"died of signal {-code}" if code < 0 else f"exited with {code}"


@dataclass(slots=True, kw_only=True)
class _Pool:
    """The workers of one backend: ``places`` at once, ``idle`` ones kept."""

    places: asyncio.Semaphore
    idle: list[_Worker] = field(default_factory=list)
    all: set[_Worker] = field(default_factory=set)


@dataclass(slots=True, kw_only=True)
class Local:
    """The adapter. A worker is replaced after ``recycle_after`` payloads, or when it has held ``recycle_mib``.

    ``start_s``: how long a worker may take to import its function. ``environment``: what workers see; leave out keys
    they do not need. ``noisy``: what functions print is shown, which may show payloads.
    """

    door: Door
    recycle_after: int = 500
    recycle_mib: float | None = None
    start_s: float = 120.0
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    noisy: bool = False
    _pools: dict[str, _Pool] = field(default_factory=dict)

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """One try, after waiting for a free worker."""
        try:
            cleared = self.door.clear(job.data, backend)
        except NotAllowedError as error:
            return Ran(ending=AttemptEnding.REJECTED, error=error.message)
        pool, came_s = self._pool(backend), time.monotonic()
        if not await _placed(pool.places, tell.stopped):
            return Ran(ending=AttemptEnding.ABANDONED, error="cancelled", queue_s=time.monotonic() - came_s)
        queue_s = time.monotonic() - came_s
        try:
            for last in (False, True):
                try:
                    return await self._try(pool, cleared, job.payload or Payload(), tell, queue_s)
                except _DiedError as error:
                    if error.started or last:
                        what = f"backend {backend.name!r}: the worker process {error.how}"
                        return Ran(ending=AttemptEnding.LOST, error=what, retryable=True, queue_s=queue_s)
            raise AssertionError
        finally:
            pool.places.release()

    async def warm(self, backend: Backend, count: int = 1) -> int:
        """Starts workers ahead, up to its concurrency; answers how many are ready."""
        pool = self._pool(backend)
        for _ in range(min(count, backend.concurrency) - len(pool.all)):
            worker = await self._start(pool, backend)
            if await self._ready(pool, worker, backend) is None:
                pool.idle.append(worker)
        return len(pool.idle)

    async def close(self) -> None:
        """Ends all workers."""
        for pool in self._pools.values():
            for worker in list(pool.all):
                await self._drop(pool, worker)
        self._pools.clear()

    # One try

    async def _try(self, pool: _Pool, cleared: Cleared, payload: Payload, tell: Tell, queue_s: float) -> Ran:
        backend, asked_s = cleared.backend, time.monotonic()
        worker = await self._take(pool, backend)
        kept = False
        try:
            broken = None if worker.ready else await self._ready(pool, worker, backend)
            if broken is not None:
                return broken
            began_s = time.monotonic()
            ran = await self._work(worker, payload, backend, tell)
            worker.done += 1
            kept = self._may_stay(worker, ran)
            took_s = time.monotonic() - began_s
            return Ran(
                ending=ran[0],
                result=ran[1].get("result"),
                error=ran[1].get("error"),
                detail=ran[1].get("message"),
                queue_s=queue_s,
                cold_s=began_s - asked_s if worker.done == 1 else 0.0,
                execution_s=took_s,
                billed_s=took_s if backend.rates.per_second else 0.0,
                worker=f"pid-{worker.process.pid}",
            )
        finally:
            if kept:
                pool.idle.append(worker)
            else:
                await asyncio.shield(self._drop(pool, worker))

    async def _work(
        self, worker: _Worker, payload: Payload, backend: Backend, tell: Tell
    ) -> tuple[AttemptEnding, dict[str, Any]]:
        """Hands the payload over and reads on until there is an end. Raises `_DiedError`."""
        started = False
        until_s = time.monotonic() + backend.timeout_s
        try:
            await _hand_over(worker, payload)
            while True:
                read = asyncio.ensure_future(worker.read())
                stopping = asyncio.ensure_future(tell.stopped.wait())
                try:
                    await asyncio.wait(
                        [read, stopping],
                        timeout=max(0.0, until_s - time.monotonic()),
                        return_when=asyncio.FIRST_COMPLETED,
                    )
                    if not read.done():
                        if tell.stopped.is_set():
                            return AttemptEnding.ABANDONED, {"error": "cancelled"}
                        return AttemptEnding.TIMED_OUT, {"error": f"ran into its time limit of {backend.timeout_s:g} s"}
                    kind, said = read.result()
                finally:
                    read.cancel()
                    stopping.cancel()
                started = started or kind == STARTED
                if kind == PROGRESS:
                    await tell.progress(said)
                elif kind == DONE:
                    return AttemptEnding.COMPLETED, said
                elif kind == FAILED:
                    return AttemptEnding.FAILED, {**said, "error": f"the function failed ({said['type']})"}
        except (asyncio.IncompleteReadError, ConnectionError):
            raise _DiedError(started=started, how=await worker.death()) from None

    def _may_stay(self, worker: _Worker, ran: tuple[AttemptEnding, dict[str, Any]]) -> bool:
        large = self.recycle_mib is not None and ran[1].get("rss_mib", 0.0) > self.recycle_mib
        whole = ran[0] in {AttemptEnding.COMPLETED, AttemptEnding.FAILED}
        return whole and not large and worker.done < self.recycle_after

    # Workers

    def _pool(self, backend: Backend) -> _Pool:
        if backend.name not in self._pools:
            self._pools[backend.name] = _Pool(places=asyncio.Semaphore(max(1, backend.concurrency)))
        return self._pools[backend.name]

    async def _take(self, pool: _Pool, backend: Backend) -> _Worker:
        while pool.idle:
            worker = pool.idle.pop()
            if worker.process.returncode is None:
                return worker
            await self._drop(pool, worker)
        return await self._start(pool, backend)

    async def _start(self, pool: _Pool, backend: Backend) -> _Worker:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            CHILD,
            backend.call or "",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if self.noisy else asyncio.subprocess.DEVNULL,
            env={"OMP_NUM_THREADS": "1", **self.environment},
            start_new_session=True,
        )
        worker = _Worker(process=process)
        pool.all.add(worker)
        return worker

    async def _ready(self, pool: _Pool, worker: _Worker, backend: Backend) -> Ran | None:
        """Waits until it has imported its function; not None: it cannot."""
        try:
            kind, said = await asyncio.wait_for(worker.read(), self.start_s)
        except TimeoutError:
            error = f"backend {backend.name!r}: {backend.call} was not imported within {self.start_s:g} s"
            return Ran(ending=AttemptEnding.LOST, error=error, retryable=True)
        except asyncio.IncompleteReadError:
            raise _DiedError(started=False, how=await worker.death()) from None
        worker.ready = kind == READY
        if kind == BROKEN:
            error = f"backend {backend.name!r}: call {backend.call!r} cannot be imported ({said['type']})"
            return Ran(ending=AttemptEnding.REJECTED, error=error, detail=said["message"])
        return None

    async def _drop(self, pool: _Pool, worker: _Worker) -> None:
        pool.all.discard(worker)
        if worker in pool.idle:
            pool.idle.remove(worker)
        await worker.kill()


async def _hand_over(worker: _Worker, payload: Payload) -> None:
    into = worker.process.stdin
    assert into is not None
    head = {"json": payload.json, "media_type": payload.media_type, "has_data": payload.data is not None}
    into.write(frame(TASK, json.dumps(head).encode()))
    if payload.data is not None:
        into.write(frame(BYTES, payload.data))
    await into.drain()


async def _placed(places: asyncio.Semaphore, stopped: asyncio.Event) -> bool:
    """Waits for a place; False: ``stopped`` came first."""
    coming, stopping = asyncio.ensure_future(places.acquire()), asyncio.ensure_future(stopped.wait())
    try:
        await asyncio.wait([coming, stopping], return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        if coming.done() and not coming.cancelled():
            places.release()
        raise
    finally:
        placed = coming.done()
        coming.cancel()
        stopping.cancel()
    return placed
