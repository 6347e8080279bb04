"""Many jobs through an endpoint that drops, delays, halves and refuses: each ends once, and the meters are the bill."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import replace

from aiohttp import web
from aiohttp.test_utils import TestServer

from outgrow.adapters.backends.runpod import Waits
from outgrow.domain.job import AttemptEnding
from outgrow.emulators.faults import Fault, Kind

from .providers import TASK, Told, a_job, a_pod

TROUBLE = [
    Fault(op=op, kind=kind, times=None, chance_frac=chance, acts=acts, wait_s=0.4, status=status, retry_after_s=0.5)
    for op, kind, chance, acts, status in (
        ("run", Kind.STATUS, 0.10, False, 429),
        ("run", Kind.STATUS, 0.05, True, 500),
        ("run", Kind.STATUS, 0.05, False, 500),
        ("run", Kind.DROP, 0.08, True, 0),
        ("run", Kind.DROP, 0.05, False, 0),
        ("run", Kind.HALF, 0.05, True, 0),
        ("run", Kind.SILENCE, 0.05, True, 0),
        ("status", Kind.STATUS, 0.10, False, 429),
        ("status", Kind.STATUS, 0.10, False, 502),
        ("status", Kind.HALF, 0.10, True, 0),
        ("status", Kind.DROP, 0.10, False, 0),
    )
]


@asynccontextmanager
async def with_webhooks(pod):
    """What the gateway does with a webhook: it tells the adapter, and believes nothing else of it."""

    async def hear(request):
        pod.adapter.hint(request.match_info["attempt"], (await request.json())["id"])
        return web.Response()

    app = web.Application()
    app.router.add_post("/{attempt}", hear)
    server = TestServer(app)
    await server.start_server()
    pod.adapter.webhook = lambda attempt: str(server.make_url(f"/{attempt}"))
    try:
        yield
    finally:
        await server.close()


def test_each_job_ends_once_and_the_meters_are_the_bill():
    async def one(pod, number, gate):
        """What a worker of the queue does: try again only where it may, under the next number."""
        job = a_job({"emulate": {"execution_s": 1.0 + number % 5}, "number": number})
        tries = []
        async with gate:
            while not tries or (tries[-1].retryable and len(tries) < 12):
                tries.append(await pod.adapter.run(job, TASK, pod.backend, Told()))
                await asyncio.sleep((tries[-1].retry_in_s or 0.0) / pod.adapter.pace.speed)
                job = replace(job, attempt=job.attempt + 1)
        return tries

    async def go():
        waits = Waits(poll_s=0.5, most_poll_s=2.0, answer_s=0.3)
        async with a_pod(cold_start_s=(5.0, 9.0), workers_max=4, waits=waits) as pod, with_webhooks(pod):
            pod.emulator.faults.add(TROUBLE)
            pod.emulator.speed = 100.0
            gate = asyncio.Semaphore(8)
            async with asyncio.timeout(50):
                jobs = await asyncio.gather(*(one(pod, number, gate) for number in range(40)))
            await pod.rest()
            ledger = pod.emulator.ledger()
        assert all(tries[-1].ending is AttemptEnding.COMPLETED for tries in jobs)
        ran = Counter(execution["input"]["number"] for execution in ledger["executions"])
        assert ran == Counter(range(40))
        assert sum(ran.billed_s for tries in jobs for ran in tries) == ledger["billed_s"] - ledger["unused_s"]
        assert sum(len(tries) for tries in jobs) > 40

    asyncio.run(go())
