"""A gateway that runs: real HTTP on a free port, in the loop of the test, on the database of the test."""

from __future__ import annotations

import asyncio
import contextlib
import io
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import aiohttp

from outgrow.adapters.backends.http import Calls
from outgrow.adapters.postgres.connect import open_pool
from outgrow.domain.backend import Backend, BackendKind, Gateway, Limits, RateLimit, Rates, Task
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.gateway.serve import LOOPBACK, new_runtime, serving, working
from outgrow.gateway.telemetry import Log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from outgrow.adapters.backends.port import Runs
    from outgrow.gateway.runtime import Runtime

OPEN = RateLimit(per_s=100_000.0, burst=100_000)

LOCAL = Backend(
    name="here",
    kind=BackendKind.LOCAL,
    operator="us",
    trust=Trust.OWN_HARDWARE,
    call="tests.gateway.tasks:shout",
    concurrency=2,
    timeout_s=20.0,
)

CONFIG = Gateway(
    tasks=(Task(name="shout", backends=("here",), data=DataClass.SENSITIVE),),
    backends=(LOCAL,),
    reach=((DataClass.SENSITIVE, Trust.OWN_HARDWARE), (DataClass.PUBLIC, Trust.EXTERNAL_SERVICE)),
    per_key=OPEN,
    per_user=OPEN,
    limits=Limits(slow_s=5.0),
)


def openai_backend(url: str, name: str = "gpu", trust: Trust = Trust.OWN_HARDWARE, **more: Any) -> Backend:
    return replace(
        Backend(name=name, kind=BackendKind.OPENAI, operator="us", trust=trust, url=url, model="m", concurrency=64),
        rates=Rates(per_input_token=1.0, per_output_token=2.0),
        **more,
    )


@dataclass(frozen=True)
class Running:
    url: str
    runtime: Runtime
    log: io.StringIO
    secret: str
    session: aiohttp.ClientSession

    async def ask(
        self, method: str, path: str, *, secret: str | None = None, **more: Any
    ) -> tuple[int, Any, aiohttp.typedefs.LooseHeaders]:
        headers = {"Authorization": f"Bearer {secret or self.secret}", **more.pop("headers", {})}
        async with self.session.request(method, self.url + path, headers=headers, **more) as answer:
            raw = await answer.read()
            told = await answer.json(content_type=None) if raw.startswith((b"{", b"[")) else raw
            return answer.status, told, answer.headers


@asynccontextmanager
async def running(
    database: str, config: Gateway = CONFIG, *, runs: Runs | None = None, **more: Any
) -> AsyncIterator[Running]:
    """An instance, and the secret of a first admin key that may everything."""
    log = io.StringIO()
    async with open_pool(database, most=8) as pool:
        runtime = new_runtime(config, pool, hosts=LOOPBACK, log=Log(log), **more)
        secret = await runtime.keys.first_admin()
        if secret is None:
            secret, _ = await runtime.keys.rotate("admin", 60, actor="test")
        calls = Calls()
        async with serving(runtime, "127.0.0.1", 0, calls=calls) as instance:
            async with (
                working(runtime, runs, asyncio.Event()),
                aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            ):
                yield Running(instance.url, runtime, log, secret, session)
        await calls.close()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Plays it, with an end."""

    async def bounded() -> None:
        async with asyncio.timeout(50):
            await scenario()

    asyncio.run(bounded())


async def closed(writer: asyncio.StreamWriter) -> None:
    """Lets go of a raw connection, whoever ended it."""
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
