"""Everything the gateway works with, as one value."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from outgrow.gateway.caller import Caller, Callers
from outgrow.gateway.hub import Hub
from outgrow.gateway.refusals import Refusals
from outgrow.gateway.slow import Waiting
from outgrow.gateway.telemetry import Log, Metrics
from outgrow.gateway.writes import Writes

if TYPE_CHECKING:
    from psycopg_pool import AsyncConnectionPool

    from outgrow.adapters.postgres.events import Events
    from outgrow.adapters.postgres.figures import Figures
    from outgrow.adapters.postgres.jobs import JobStore
    from outgrow.adapters.postgres.keys import KeyStore
    from outgrow.adapters.postgres.sessions import Sessions
    from outgrow.adapters.postgres.spend import Spend
    from outgrow.domain.backend import Gateway
    from outgrow.gateway.problem import Problem
    from outgrow.policy.health import Health


COUNT_S = 0.5


@dataclass(slots=True, kw_only=True)
class Runtime:
    """One instance of the gateway.

    ``hosts``: the names it answers to, empty for any. ``origins``: further pages that may write. ``draining`` is set
    when it shuts down: writes are refused, streams end. ``health`` is of the backends of the OpenAI route, by name.
    """

    config: Gateway
    pool: AsyncConnectionPool[Any]
    store: JobStore
    events: Events
    keys: KeyStore
    spend: Spend
    sessions: Sessions
    figures: Figures
    callers: Callers
    writes: Writes
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    hub: Hub = field(default_factory=Hub)
    waiting: Waiting = field(default_factory=Waiting)
    metrics: Metrics = field(default_factory=Metrics)
    refusals: Refusals = field(default_factory=Refusals)
    log: Log = field(default_factory=Log)
    health: dict[str, Health] = field(default_factory=dict)
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    listening: asyncio.Event = field(default_factory=asyncio.Event)

    _counted: int = 0
    _counted_at: float = -1.0

    def turned(self, problem: Problem, key: str | None) -> None:
        """Counts and keeps that a request was refused."""
        self.metrics.add("outgrow_refused_total", code=str(problem.code))
        self.refusals.add(str(problem.code), problem.status, key)

    def indexed(self, collection: str, problem: Exception | None) -> None:
        """Tells that the index of a collection was built, or that it was not."""
        self.log.tell("index", collection=collection, error=None if problem is None else type(problem).__name__)

    async def waiting_jobs(self) -> int:
        """How many jobs wait in the queue, or waited half a second ago."""
        now = time.monotonic()
        if now - self._counted_at > COUNT_S:
            self._counted_at = now
            self._counted = sum((await self.store.waiting()).values())
        return self._counted


def runtime_of(connection: HTTPConnection) -> Runtime:
    """The runtime of the app that a request came to."""
    runtime: Runtime = connection.app.state.runtime
    return runtime


def caller_of(connection: HTTPConnection) -> Caller:
    """Whom the door let in."""
    caller: Caller = connection.scope["caller"]
    return caller


TheRuntime = Annotated[Runtime, Depends(runtime_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
