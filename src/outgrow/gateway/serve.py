"""One instance of the gateway from start to drained stop: HTTP by uvicorn, events and keys heard, work beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from outgrow.adapters.backends.http import Calls
from outgrow.adapters.postgres.events import Events
from outgrow.adapters.postgres.figures import Figures
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.adapters.postgres.keys import KEY_CHANNEL, KeyStore
from outgrow.adapters.postgres.listen import listen
from outgrow.adapters.postgres.sessions import Sessions
from outgrow.adapters.postgres.spend import Spend
from outgrow.domain.errors import OutgrowError
from outgrow.flows.work import Worker
from outgrow.gateway.app import build_app
from outgrow.gateway.caller import Callers
from outgrow.gateway.runtime import Runtime
from outgrow.gateway.slow import Progress, protocol
from outgrow.gateway.writes import Writes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence

    from outgrow.adapters.backends.port import Runs
    from outgrow.adapters.journal import Journal
    from outgrow.adapters.postgres.pool import Pool
    from outgrow.domain.backend import Gateway
    from outgrow.gateway.door import Door
    from outgrow.gateway.telemetry import Log

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
DRAIN_S: Final = 20
KEEP_ALIVE_S: Final = 65
"""Longer than the 60 s after which load balancers give a connection up: they must be the ones to close it."""

LONGEST_HEAD_BYTES: Final = 32_768
LONGEST_MESSAGE_BYTES: Final = 65_536
"""Of a WebSocket client, who has nothing to say."""


class Http(uvicorn.Server):
    """uvicorn without its own signal handlers: `serving` decides when it ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Takes none."""
        yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """An instance that answers: where, and what it works with."""

    url: str
    runtime: Runtime
    calls: Calls


def new_runtime(config: Gateway, pool: Pool, journal: Journal, **more: Any) -> Runtime:
    """The runtime of one instance on this pool; what its calls cost goes through ``journal``."""
    store, keys = JobStore(pool), KeyStore(pool)
    more.setdefault("writes", Writes(config))
    return Runtime(
        config=config,
        pool=pool,
        store=store,
        events=Events(pool),
        keys=keys,
        spend=Spend(pool, store.budgets, journal),
        sessions=Sessions(pool),
        figures=Figures(pool),
        callers=Callers(keys),
        **more,
    )


@contextlib.asynccontextmanager
async def serving(runtime: Runtime, host: str, port: int, *, calls: Calls | None = None) -> AsyncIterator[Instance]:
    """Answers at ``host`` and ``port`` (0: any free one) while the block runs; then lets what is under way end."""
    own = Calls() if calls is None else calls
    bound = _bind(host, port)
    server = Http(_config(build_app(runtime, own), runtime))
    listening = asyncio.create_task(_listen(runtime), name="keys")
    telling = asyncio.create_task(runtime.events.run(runtime.hub.publish), name="events")
    answering = asyncio.create_task(server.serve(sockets=[bound]), name="http")
    try:
        await runtime.events.ready()
        while not server.started and not answering.done():  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(0.005)
        async with runtime.spend.running():
            yield Instance(url=_url(bound), runtime=runtime, calls=own)
            runtime.draining.set()
            server.should_exit = True
            await answering
    finally:
        runtime.draining.set()
        server.should_exit = True
        await answering
        for task in (listening, telling):
            task.cancel()
        await asyncio.gather(listening, telling, return_exceptions=True)
        if calls is None:
            await own.close()


async def _listen(runtime: Runtime) -> None:
    """Hears of keys that were rotated or revoked; without a connection, forgets them all when there is one again."""

    def connected() -> None:
        runtime.callers.forget()
        runtime.listening.set()

    await listen(runtime.pool, [KEY_CHANNEL], lambda *_: runtime.callers.forget(), connected)


def hosts_of(host: str, more: tuple[str, ...] = ()) -> frozenset[str]:
    """The names an instance answers to: on the loopback only its own, elsewhere any, unless some are given."""
    if more:
        return LOOPBACK | frozenset(more)
    return LOOPBACK if host in LOOPBACK else frozenset()


def bridge(log: Log) -> None:
    """Makes what libraries have to say into lines of our log: by name and kind, for what they say may hold payloads."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None
            ours = record.name.startswith("outgrow")
            text = record.getMessage() if ours else str(record.msg)
            log.tell("library", logger=record.name, level=record.levelname.lower(), error=error, text=text)

    for name in ("uvicorn", "asyncio", "psycopg.pool", "outgrow", "python_multipart"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [Handler()], False
        logger.setLevel(logging.ERROR if name == "python_multipart" else logging.WARNING)


def _config(app: Door, runtime: Runtime) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=protocol(runtime.config.limits.slow_s, runtime.waiting),
        ws=Progress,
        ws_per_message_deflate=False,
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_max_size=LONGEST_MESSAGE_BYTES,
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=DRAIN_S,
        h11_max_incomplete_event_size=LONGEST_HEAD_BYTES,
        loop="asyncio",
    )


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio sets NODELAY on what says TCP
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as problem:
        bound.close()
        raise OutgrowError(
            f"{host}:{port} cannot be listened on: {problem.strerror}", hint="choose another with --port or --host"
        ) from problem
    bound.setblocking(False)  # noqa: FBT003 - the name of the parameter says no more
    return bound


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


@contextlib.asynccontextmanager
async def working(
    runtime: Runtime, runs: Runs | None, stop: asyncio.Event, beside: Sequence[Coroutine[Any, Any, None]] = ()
) -> AsyncIterator[None]:
    """Runs jobs on ``runs`` (None: not here), and what is ``beside``, while the block runs.

    Then the tries under way end, or are given back. Whatever ends by itself sets ``stop``; its error is raised then.
    """
    own = Worker(runtime.pool, runtime.store, runtime.config, runs) if runs is not None else None
    tasks = [asyncio.create_task(one) for one in beside]
    works = asyncio.create_task(own.run(), name="worker") if own else None
    for task in [*tasks, *([works] if works else [])]:
        task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        runtime.draining.set()
        if own is not None and works is not None:
            own.drain()
            await works
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for problem in ended:
            if isinstance(problem, OutgrowError):
                raise problem
