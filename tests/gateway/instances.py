"""A gateway that runs: real HTTP on a free port, in the loop of the test, on the database of the test."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from outgrow.adapters.backends.http import Calls
from outgrow.adapters.journal import Journal
from outgrow.adapters.postgres.connect import open_pool
from outgrow.domain.backend import Backend, BackendKind, Gateway, Limits, RateLimit, Rates, Task
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.gateway.runs import runs_of
from outgrow.gateway.serve import LOOPBACK, new_runtime, serving, working
from outgrow.gateway.telemetry import Log

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from outgrow.gateway.runtime import Runtime

OPEN = RateLimit(per_s=100_000.0, burst=100_000)

LOCAL = Backend(
    name="here",
    kind=BackendKind.LOCAL,
    operator="us",
    trust=Trust.OWN_HARDWARE,
    call="tasks:shout",
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
    database: str, config: Gateway = CONFIG, *, works: bool = False, **more: Any
) -> AsyncIterator[Running]:
    """An instance, with a worker where it ``works``, and the secret of a first admin key that may everything."""
    log = io.StringIO()
    journal = Path(tempfile.mkdtemp(prefix="outgrow-journal-"))
    async with open_pool(database, most=8) as pool:
        runtime = new_runtime(config, pool, Journal(journal), hosts=LOOPBACK, log=Log(log), **more)
        secret = await runtime.keys.first_admin()
        if secret is None:
            secret, _ = await runtime.keys.rotate("admin", 60, actor="test")
        calls = Calls()
        async with (
            serving(runtime, "127.0.0.1", 0, calls=calls) as instance,
            runs_of(config, calls, os.environ, str(Path(__file__).parent)) as runs,
            working(runtime, runs if works else None, asyncio.Event()),
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):
            yield Running(instance.url, runtime, log, secret, session)
        await calls.close()
    shutil.rmtree(journal)


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


async def until(holds: Callable[[], bool]) -> None:
    """Waits for what will be so, at most as long as the test may take."""
    while not holds():  # noqa: ASYNC110 - what is looked at has no event
        await asyncio.sleep(0.01)
