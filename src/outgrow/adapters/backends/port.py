"""What an adapter is given and what it must be able to do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from outgrow.domain.backend import Backend, Task
    from outgrow.domain.job import Job
    from outgrow.domain.ran import Ran


class Tell(Protocol):
    """Whom an adapter tells while a try runs, and who tells it that the try is no longer wanted."""

    @property
    def stopped(self) -> asyncio.Event:
        """Set when the try is no longer wanted: the adapter stops it, meters what ran, and returns."""

    @property
    def keep(self) -> bool:
        """True when stopped because the lease is lost: who holds it now may resume the try, so it is left running."""

    async def submitted(self, external_id: str) -> bool:
        """Writes the provider's name of this try before anything is waited for; False: the lease is lost."""

    async def progress(self, data: Any) -> None:
        """Passes on how far the try is."""


class Runs(Protocol):
    """Something that can run a job on a backend. It raises nothing but `asyncio.CancelledError`."""

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """One try. When its asyncio task is cancelled it lets go, and what a provider runs stays to be resumed."""


@dataclass(slots=True, kw_only=True)
class Unheard:
    """A `Tell` that writes nothing down: for calls that nobody follows, and for warming up."""

    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    keep: bool = False

    async def submitted(self, external_id: str) -> bool:
        """Goes on."""
        return not self.stopped.is_set()

    async def progress(self, data: Any) -> None:
        """Forgets it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The clock of the adapters. ``speed`` seconds pass in one: 1 but against an emulator that runs faster."""

    speed: float = 1.0

    def now_s(self) -> float:
        """Seconds since some fixed moment."""
        return time.monotonic() * self.speed

    async def pause(self, wait_s: float, stopped: asyncio.Event) -> bool:
        """Waits, less when ``stopped`` is set meanwhile; answers whether it is."""
        try:
            await asyncio.wait_for(stopped.wait(), max(0.0, wait_s) / self.speed)
        except TimeoutError:
            return stopped.is_set()
        return True
