"""Is this process alive, may it be sent requests, and what has it counted?"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from starlette.responses import JSONResponse, PlainTextResponse, Response

from outgrow import __version__
from outgrow.gateway.runtime import TheCaller, TheRuntime

if TYPE_CHECKING:
    from outgrow.gateway.runtime import Runtime

HEALTH = APIRouter(tags=["operations"])
PATIENCE_S = 2.0


@HEALTH.get("/healthz")
async def healthz() -> dict[str, str]:
    """200 while the process answers at all: whoever watches it need not start it again."""
    return {"status": "alive", "version": __version__}


@HEALTH.get("/readyz", response_model=dict[str, Any], responses={503: {"content": {"application/json": {}}}})
async def readyz(runtime: TheRuntime) -> Response:
    """200 when a request can be served: the database answers and is migrated, and nothing is shutting down."""
    checks = {"database": await _answers(runtime), "accepting": not runtime.draining.is_set()}
    checks["listening"] = runtime.listening.is_set()
    ready = all(checks.values())
    status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
    return JSONResponse({"ready": ready, "checks": checks}, status_code=status)


@HEALTH.get("/metrics", response_class=PlainTextResponse)
async def metrics(runtime: TheRuntime, caller: TheCaller) -> PlainTextResponse:
    """Counters of this instance, and jobs and budgets of the database, in the text form of Prometheus."""
    caller.must("metrics")
    gauges: list[tuple[str, dict[str, str], float]] = [
        ("outgrow_progress_clients", {}, len(runtime.hub)),
        ("outgrow_waiting_connections", {}, len(runtime.waiting)),
        ("outgrow_shed_connections_total", {}, runtime.waiting.shed),
    ]
    try:
        async with asyncio.timeout(PATIENCE_S):
            gauges += await _read(runtime)
        gauges.append(("outgrow_up", {}, 1))
    except Exception:  # noqa: BLE001 - without a database there are still counters, and that it is gone is one
        gauges.append(("outgrow_up", {}, 0))
    return PlainTextResponse(runtime.metrics.text(gauges), media_type="text/plain; version=0.0.4")


async def _answers(runtime: Runtime) -> bool:
    """One query that every other depends on."""
    try:
        async with asyncio.timeout(PATIENCE_S), runtime.pool.connection() as connection:
            await connection.execute("select id from outgrow.job limit 1")
    except Exception:  # noqa: BLE001 - whatever it is, requests would meet it too
        return False
    return True


async def _read(runtime: Runtime) -> list[tuple[str, dict[str, str], float]]:
    async with runtime.pool.connection() as connection:
        jobs = await connection.execute(
            "select task, state, count(*) from outgrow.job where state in ('queued', 'leased', 'submitted', 'dead')"
            " group by task, state"
        )
        found = [
            ("outgrow_jobs", {"task": task, "state": state}, float(count))
            for task, state, count in await jobs.fetchall()
        ]
        budgets = await connection.execute(
            "select name, cap_micro, spent_micro, held_micro from outgrow.budget"
            " where starts >= date_trunc(period, now() at time zone 'UTC') at time zone 'UTC'"
        )
        for name, cap, spent, held in await budgets.fetchall():
            for part, value in (("cap", cap), ("spent", spent), ("held", held)):
                found.append(("outgrow_budget_usd_micro", {"budget": name, "part": part}, float(value)))
    return found
