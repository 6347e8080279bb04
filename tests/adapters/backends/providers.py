"""Providers that run here, adapters that speak to them, and jobs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aiohttp.test_utils import TestServer

from outgrow.adapters.backends.door import Door
from outgrow.adapters.backends.http import Calls
from outgrow.adapters.backends.port import Pace
from outgrow.adapters.backends.runpod import RunPod, Waits
from outgrow.domain.backend import Backend, BackendKind, Task
from outgrow.domain.job import Job, JobState, Payload
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.emulators.runpod import RunPodEmulator, Setup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "og-test-KEY-7f3a"
TASK = Task(name="read", backends=("gpu",))
SPEED = 100.0


@dataclass(slots=True, kw_only=True)
class Told:
    """A `Tell` that remembers."""

    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    keep: bool = False
    leased: bool = True
    external_ids: list[str] = field(default_factory=list)
    progresses: list[Any] = field(default_factory=list)

    async def submitted(self, external_id: str) -> bool:
        self.external_ids.append(external_id)
        return self.leased

    async def progress(self, data: Any) -> None:
        self.progresses.append(data)

    async def until(self, state: str) -> None:
        async with asyncio.timeout(10):
            while not any(isinstance(data, dict) and data.get("state") == state for data in self.progresses):
                await asyncio.sleep(0.005)


def a_job(given: Any = None, **changes: Any) -> Job:
    now = datetime.now(tz=UTC)
    payload = given if isinstance(given, Payload) else Payload(json={} if given is None else given)
    job = Job(
        id=uuid4(), task="read", state=JobState.LEASED, data=DataClass.PUBLIC, priority=0, created_at=now, run_at=now,
        attempt=1, max_attempts=3, fence=1, payload=payload,
    )  # fmt: skip
    return replace(job, **changes)


def allows(data: DataClass, backend: Backend) -> bool:
    """Sensitive data stay in the own account, all else may be rented out."""
    return data is not DataClass.SENSITIVE or backend.trust.distance <= Trust.OWN_CLOUD_ACCOUNT.distance


def calls(key: str = KEY) -> Calls:
    return Calls(secret={"THE_KEY": key}.get)


@dataclass(slots=True, kw_only=True)
class Pod:
    """An emulated endpoint, and the adapter in front of it."""

    emulator: RunPodEmulator
    backend: Backend
    adapter: RunPod

    async def run(self, given: Any = None, tell: Told | None = None, **changes: Any) -> Any:
        async with asyncio.timeout(20):
            return await self.adapter.run(a_job(given, **changes), TASK, self.backend, tell or Told())

    async def rest(self) -> None:
        """Until every worker has stopped."""
        async with asyncio.timeout(20):
            while self.emulator.now().workers or self.emulator.endpoint.queue:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def a_pod(
    *, waits: Waits | None = None, key: str = KEY, speed: float = SPEED, **setup: Any
) -> AsyncIterator[Pod]:
    emulator = RunPodEmulator(setup=Setup(**setup), key=KEY, speed=speed)
    emulator.limits.clear()
    server = TestServer(emulator.app())
    await server.start_server()
    adapter = RunPod(
        door=Door(allows),
        calls=calls(key),
        pace=Pace(speed=speed),
        waits=waits or Waits(poll_s=0.5, most_poll_s=2.0, answer_s=2.0),
    )
    backend = Backend(
        name="gpu", kind=BackendKind.RUNPOD, operator="RunPod", trust=Trust.RENTED_INFRASTRUCTURE, key="THE_KEY",
        endpoint="emulated", url=f"http://127.0.0.1:{server.port}/v2", timeout_s=60, cold_start_s=40,
        idle_timeout_s=emulator.setup.idle_timeout_s,
    )  # fmt: skip
    try:
        yield Pod(emulator=emulator, backend=backend, adapter=adapter)
    finally:
        await adapter.calls.close()
        await server.close()
