"""Everything the gateway works with, as one value."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends
from starlette.requests import HTTPConnection

from outgrow.gateway.caller import Caller, Callers
from outgrow.gateway.hub import Hub
from outgrow.gateway.slow import Waiting
from outgrow.gateway.telemetry import Log, Metrics
from outgrow.gateway.writes import Writes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg_pool import AsyncConnectionPool

    from outgrow.adapters.backends.port import Runs
    from outgrow.adapters.postgres.events import EventStore
    from outgrow.adapters.postgres.jobs import JobStore
    from outgrow.adapters.postgres.keys import KeyStore
    from outgrow.domain.backend import Backend, BackendKind, Gateway, Task


@dataclass(slots=True, kw_only=True)
class Runtime:
    """One instance of the gateway.

    ``hosts``: the names it answers to, empty for any. ``origins``: further pages that may write. ``draining`` is set
    when it shuts down: writes are refused, streams end. ``environment`` is where the secrets of backends are.
    """

    config: Gateway
    pool: AsyncConnectionPool[Any]
    store: JobStore
    events: EventStore
    keys: KeyStore
    backends: Mapping[BackendKind, Runs]
    callers: Callers
    writes: Writes
    environment: Mapping[str, str]
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    hub: Hub = field(default_factory=Hub)
    waiting: Waiting = field(default_factory=Waiting)
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = field(default_factory=Log)
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    def task(self, name: str) -> Task | None:
        """The task of that name."""
        return next((task for task in self.config.tasks if task.name == name), None)

    def backend(self, name: str) -> Backend | None:
        """The backend of that name."""
        return next((backend for backend in self.config.backends if backend.name == name), None)


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
