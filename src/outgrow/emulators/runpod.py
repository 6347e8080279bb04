"""A RunPod that runs here: the queue API of one endpoint over `Endpoint`, its faults, and its bill.

``python -m outgrow.emulators.runpod --port 8900 --speed 60`` runs it alone: 60 seconds of its time pass in one. What
a job does there is said in its input: ``{"emulate": {"execution_s": 2, "error": "no such page"}}`` (`Plan`).
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from outgrow.emulators import speech
from outgrow.emulators.endpoint import ENDS, Endpoint
from outgrow.emulators.faults import Faults, fault_of, misanswer
from outgrow.emulators.parts import EmulatedJob, Plan, Setup

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

LIMITS = {"run": 1000, "runsync": 2000, "status": 2000, "stream": 2000, "cancel": 100, "purge-queue": 2, "openai": 2000}
LIMITS_S = 10.0
RUN_BYTES = 10 * 10**6
SYNC_BYTES = 20 * 10**6
LOOK_S = 0.05


def planned(given: Any) -> Plan:
    """What an input says is to happen with it."""
    asked = given.get("emulate") if isinstance(given, dict) else None
    return Plan(**{**asked, "pieces": tuple(asked.get("pieces", ()))}) if isinstance(asked, dict) else Plan()


@dataclass(slots=True, kw_only=True)
class RunPodEmulator:
    """One endpoint behind the queue API. ``speed`` seconds of its time pass in a real one."""

    setup: Setup = field(default_factory=Setup)
    endpoint_id: str = "emulated"
    key: str = "emulator-key"
    speed: float = 1.0
    faults: Faults = field(default_factory=Faults)
    plan: Callable[[Any], Plan] = planned
    limits: dict[str, int] = field(default_factory=lambda: dict(LIMITS))
    calls: dict[str, int] = field(default_factory=dict)
    endpoint: Endpoint = field(init=False)
    _began_s: float = field(default_factory=time.monotonic)
    _recent: dict[str, deque[float]] = field(default_factory=dict)
    _ended: dict[str, asyncio.Event] = field(default_factory=dict)
    _hooks: asyncio.Queue[tuple[str, dict[str, Any]]] = field(default_factory=asyncio.Queue)

    def __post_init__(self) -> None:
        """The endpoint begins now."""
        self.endpoint = Endpoint(setup=self.setup, plan=self.plan, finished=self._finished)

    def app(self) -> web.Application:
        """The routes of the data plane, the billing API, and what only an emulator has."""
        app = web.Application(client_max_size=SYNC_BYTES)
        app.cleanup_ctx.append(self._live)
        app.router.add_route("*", "/v2/{endpoint}/{op}", self._call)
        app.router.add_route("*", "/v2/{endpoint}/{op}/{rest:.+}", self._call)
        app.router.add_get("/v1/billing/endpoints", self._billing)
        app.router.add_get("/_emulator/ledger", self._ledger)
        app.router.add_post("/_emulator/faults", self._add_faults)
        app.router.add_post("/_emulator/workers", self._set_workers)
        return app

    def now(self) -> Endpoint:
        """The endpoint, brought to this moment."""
        self.endpoint.advance((time.monotonic() - self._began_s) * self.speed)
        return self.endpoint

    # Calls

    async def _call(self, request: web.Request) -> web.StreamResponse:
        op = request.match_info["op"]
        self.calls[op] = self.calls.get(op, 0) + 1
        if request.headers.get("Authorization", "").removeprefix("Bearer ") != self.key:
            return _error(401, "unauthorized")
        if request.match_info["endpoint"] != self.endpoint_id:
            return _error(404, "endpoint not found")
        if self._too_often(op):
            return _error(429, "too many requests")
        fault = self.faults.take(op)
        if fault is not None and not fault.acts:
            await request.read()
            return await misanswer(request, fault, None)
        answer = await self._answer(request, op)
        return answer if fault is None else await misanswer(request, fault, answer)

    async def _answer(self, request: web.Request, op: str) -> web.Response:
        match request.method, op:
            case "POST", "run" | "runsync":
                return await self._submit(request, sync=op == "runsync")
            case "POST", "openai":
                return await self._openai(request)
            case "GET" | "POST", "status":
                job = self._job(request)
                return _error(404, "job not found") if job is None else web.json_response(self._view(job))
            case "GET" | "POST", "stream":
                return self._stream(request)
            case "POST", "cancel" | "retry":
                return self._change(request, op)
            case "POST", "purge-queue":
                return web.json_response({"removed": self.now().purge(), "status": "completed"})
            case "GET", "health":
                return web.json_response(self._health())
        return _error(405 if op in LIMITS else 404, "no such operation")

    async def _submit(self, request: web.Request, *, sync: bool) -> web.Response:
        raw = await request.read()
        if len(raw) > (SYNC_BYTES if sync else RUN_BYTES):
            return _error(400, "request body too large")
        try:
            body = await request.json()
        except ValueError:
            return _error(400, "the body is not JSON")
        if not isinstance(body, dict) or "input" not in body:
            return _error(400, "input is required")
        policy = body.get("policy") or {}
        if policy.get("executionTimeout", 5001) <= 5000 or policy.get("ttl", 10_000) < 10_000:
            return _error(422, "policy out of range")
        job = self.now().submit(body["input"], policy, sync=sync, webhook=body.get("webhook"))
        if job is None:
            return _error(429, "queue is full")
        if not sync:
            return web.json_response({"id": job.id, "status": job.status if job.plan.lost else "IN_QUEUE"})
        await self._wait(job, min(max(float(request.query.get("wait", 90_000)), 1000), 300_000) / 1000)
        return web.json_response(self._view(job))

    async def _openai(self, request: web.Request) -> web.Response:
        if request.match_info["rest"] != "v1/chat/completions":
            return _error(404, "no such route")
        body = await request.json()
        job = self.now().submit({"openai_route": "/v1/chat/completions", **body}, {}, sync=True)
        if job is None:
            return _error(429, "queue is full")
        await self._wait(job, 300.0)
        if job.status != "COMPLETED":
            return _error(500, "the worker failed")
        if body.get("stream"):
            return web.Response(body=b"".join(speech.chunks(body)), content_type="text/event-stream")
        return web.json_response(speech.completion(body))

    def _stream(self, request: web.Request) -> web.Response:
        job = self._job(request)
        if job is None:
            return _error(404, "job not found")
        return web.json_response(
            {"status": job.status, "stream": [{"output": piece} for piece in self.endpoint.pieces(job)]}
        )

    def _change(self, request: web.Request, op: str) -> web.Response:
        job = self._job(request)
        if job is None:
            return _error(404, "job not found")
        if op == "cancel":
            self.endpoint.cancel(job)
            return web.json_response({"id": job.id, "status": job.status if job.status in ENDS else "CANCELLED"})
        if not self.endpoint.retry(job):
            return _error(400, "only a failed job can be retried")
        return web.json_response({"id": job.id, "status": "IN_QUEUE"})

    def _job(self, request: web.Request) -> EmulatedJob | None:
        return self.now().jobs.get(request.match_info.get("rest", ""))

    def _too_often(self, op: str) -> bool:
        now_s = self.now().now_s
        recent = self._recent.setdefault(op, deque())
        while recent and recent[0] <= now_s - LIMITS_S:
            recent.popleft()
        if len(recent) >= self.limits.get(op, 10**9):
            return True
        recent.append(now_s)
        return False

    # Views

    def _view(self, job: EmulatedJob) -> dict[str, Any]:
        view: dict[str, Any] = {"id": job.id, "status": job.status}
        if job.started_s is not None:
            view["delayTime"] = round((job.started_s - job.submitted_s) * 1000)
            if job.ended_s is not None:
                view["executionTime"] = round((job.ended_s - job.started_s) * 1000)
            if self.setup.names_worker and job.worker is not None:
                view["workerId"] = job.worker.id
        return view | {
            name: value for name, value in (("output", job.output), ("error", job.error)) if value is not None
        }

    def _health(self) -> dict[str, Any]:
        endpoint = self.now()
        up = [worker for worker in endpoint.workers if worker.ready_s <= endpoint.now_s]
        busy = sum(worker.job is not None for worker in up)
        return {
            "jobs": {**endpoint.counts, "inProgress": busy, "inQueue": len(endpoint.queue)},
            "workers": {
                "idle": len(up) - busy,
                "running": busy,
                "initializing": len(endpoint.workers) - len(up),
                "ready": len(up),
                "throttled": 0,
            },
        }

    async def _billing(self, request: web.Request) -> web.Response:
        seconds = self.now().billed_s()
        row = {"endpointId": self.endpoint_id, "amount": round(seconds * self.setup.usd_per_s, 8)}
        return web.json_response([{**row, "timeBilledMs": seconds * 1000, "time": "1970-01-01 00:00:00"}])

    def ledger(self) -> dict[str, Any]:
        """What was run and what is billed for it; ``unused_s`` of it for workers that were started and got no job."""
        endpoint = self.now()
        now_s, workers = endpoint.now_s, (*endpoint.gone, *endpoint.workers)
        return {
            "billed_s": endpoint.billed_s(),
            "unused_s": sum(worker.billed_s(now_s) for worker in workers if not worker.executions),
            "usd": round(endpoint.billed_s() * self.setup.usd_per_s, 8),
            "workers": [
                {"id": w.id, "started_s": w.started_s, "ended_s": w.ended_s, "billed_s": w.billed_s(now_s)}
                for w in workers
            ],
            "executions": [asdict(execution) for execution in endpoint.executions],
            "calls": self.calls,
        }

    async def _ledger(self, request: web.Request) -> web.Response:
        return web.json_response(self.ledger())

    async def _add_faults(self, request: web.Request) -> web.Response:
        self.faults.add(fault_of(given) for given in await request.json())
        return web.json_response({"waiting": len(self.faults.waiting)})

    async def _set_workers(self, request: web.Request) -> web.Response:
        self.now().set_workers(int((await request.json())["max"]))
        return web.json_response({"max": self.endpoint.workers_max})

    # What happens without being asked

    def _finished(self, job: EmulatedJob) -> None:
        if job.id in self._ended:
            self._ended[job.id].set()
        if job.webhook is not None:
            self._hooks.put_nowait((job.webhook, self._view(job)))

    async def _wait(self, job: EmulatedJob, most_s: float) -> None:
        ended = self._ended.setdefault(job.id, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), most_s / self.speed)
        self._ended.pop(job.id, None)

    async def _live(self, app: web.Application) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._call_back())]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            next_s = self.now().next_s()
            wait_s = LOOK_S if next_s is None else (next_s - self.endpoint.now_s) / self.speed
            await asyncio.sleep(min(LOOK_S, max(0.001, wait_s)))

    async def _call_back(self) -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                url, view = await self._hooks.get()
                for _ in range(3):
                    with suppress(aiohttp.ClientError):
                        async with session.post(url, json=view) as answer:
                            if answer.status == 200:
                                break
                    await asyncio.sleep(10 / self.speed)


def _error(status: int, words: str) -> web.Response:
    return web.json_response({"error": words}, status=status)


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m outgrow.emulators.runpod", description=__doc__)
    parser.add_argument("--port", type=int, default=8900)
    parser.add_argument("--key", default="emulator-key")
    parser.add_argument("--endpoint", default="emulated")
    parser.add_argument("--speed", type=float, default=1.0, help="seconds of its time in a real one")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--cold-start-s", type=float, nargs=2, default=(20.0, 40.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--execution-s", type=float, nargs=2, default=(1.0, 5.0), metavar=("LEAST", "MOST"))
    parser.add_argument("--idle-timeout-s", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    setup = Setup(
        workers_max=given.workers,
        cold_start_s=tuple(given.cold_start_s),
        execution_s=tuple(given.execution_s),
        idle_timeout_s=given.idle_timeout_s,
        seed=given.seed,
    )
    emulator = RunPodEmulator(setup=setup, endpoint_id=given.endpoint, key=given.key, speed=given.speed)
    web.run_app(emulator.app(), host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()
