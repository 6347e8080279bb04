"""What happens to jobs, told as it happens by WebSocket and server-sent events, resumable after the last one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query
from starlette.responses import Response, StreamingResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from outgrow.domain.job import ENDS
from outgrow.gateway.hub import PROGRESS as KIND_PROGRESS
from outgrow.gateway.hub import Wanted, follow
from outgrow.gateway.jobs import JobId, owned
from outgrow.gateway.runtime import Runtime, TheCaller, TheRuntime, caller_of, runtime_of
from outgrow.gateway.shapes import EventOut

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outgrow.adapters.postgres.events import Event

PROGRESS = APIRouter(tags=["progress"])
PING_S = 20.0
SEND_S = 5.0
LATEST = 2**63 - 1
GOING_AWAY, DONE, TOO_SLOW, BAD_CURSOR = 1001, 1000, 4408, 4400

After = Annotated[int, Query(ge=0, le=LATEST, description="the `id` of the last event heard; 0: from the beginning")]


@PROGRESS.get("/v1/jobs/{job_id}/events", response_class=StreamingResponse, responses={204: {}})
async def job_events(
    job_id: JobId,
    runtime: TheRuntime,
    caller: TheCaller,
    after: After = 0,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,18}$")] = None,
) -> Response:
    """Server-sent events of one job until it ends; 204 when there is nothing more to hear."""
    caller.must("jobs.read")
    job = await owned(runtime, caller, job_id)
    cursor = max(after, int(last_event_id or 0))
    wanted = Wanted(job=job_id)
    if job.state in ENDS and not await _past(runtime)(wanted, cursor):
        return Response(status_code=HTTPStatus.NO_CONTENT)
    return stream(runtime, wanted, cursor)


@PROGRESS.get("/v1/events", response_class=StreamingResponse)
async def events(
    runtime: TheRuntime,
    caller: TheCaller,
    after: After | None = None,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,18}$")] = None,
) -> Response:
    """Server-sent events of every job of this key; from now on, unless ``after`` says from where."""
    caller.must("jobs.read")
    cursor = int(last_event_id) if last_event_id else after
    return stream(runtime, Wanted(key=caller.only), await cursor_of(runtime, cursor))


@PROGRESS.websocket("/v1/jobs/{job_id}/ws")
async def job_socket(websocket: WebSocket, job_id: UUID) -> None:
    """The events of one job as JSON messages, until it ends."""
    runtime, caller = runtime_of(websocket), caller_of(websocket)
    caller.must("jobs.read")
    await owned(runtime, caller, job_id)
    await _serve(websocket, runtime, Wanted(job=job_id), after=0)


@PROGRESS.websocket("/v1/events/ws")
async def socket(websocket: WebSocket) -> None:
    """The events of every job of this key as JSON messages."""
    runtime, caller = runtime_of(websocket), caller_of(websocket)
    caller.must("jobs.read")
    await _serve(websocket, runtime, Wanted(key=caller.only), after=None)


async def _serve(websocket: WebSocket, runtime: Runtime, wanted: Wanted, after: int | None) -> None:
    asked = websocket.query_params.get("after")
    offered = websocket.scope.get("subprotocols") or [None]
    spoken = next((name for name in offered if name and not name.startswith("bearer.")), None)
    await websocket.accept(subprotocol=spoken)
    if asked is not None and not (asked.isdecimal() and int(asked) <= LATEST):
        await websocket.close(BAD_CURSOR, "after: a whole number from 0 is allowed")
        return
    cursor = await cursor_of(runtime, int(asked) if asked is not None else after)
    leaving = asyncio.create_task(_until_gone(websocket))
    telling = asyncio.create_task(_tell(websocket, runtime, wanted, cursor))
    draining = asyncio.create_task(runtime.draining.wait())
    runtime_tasks = {leaving, telling, draining}
    try:
        await asyncio.wait(runtime_tasks, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            return
        code = await telling if telling.done() else GOING_AWAY
        if code == TOO_SLOW:
            runtime.metrics.add("outgrow_progress_lagged_total")
        async with asyncio.timeout(SEND_S):
            await websocket.close(code)
    except WebSocketDisconnect:
        return
    except TimeoutError:
        runtime.metrics.add("outgrow_progress_lagged_total")
        _cut(websocket.scope)
    finally:
        for task in runtime_tasks:
            task.cancel()
        await asyncio.gather(*runtime_tasks, return_exceptions=True)


async def _tell(websocket: WebSocket, runtime: Runtime, wanted: Wanted, cursor: int) -> int:
    """Sends until the job has ended or the client is too slow; the code to close with."""
    async with contextlib.aclosing(follow(runtime.hub, wanted, cursor, _past(runtime))) as pages:
        async for page in pages:
            for event in page:
                async with asyncio.timeout(SEND_S):
                    await websocket.send_text(_text(event))
            if wanted.job is not None and _ended(page):
                return DONE
    return TOO_SLOW


async def _until_gone(websocket: WebSocket) -> None:
    """What a client says is read and forgotten, so that its pongs and its farewell are heard."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass


async def _written(page: list[Event]) -> str:
    return "".join(f"id: {event.id}\nevent: {event.kind}\ndata: {_text(event)}\n\n" for event in page)


def stream(
    runtime: Runtime, wanted: Wanted, cursor: int, write: Callable[[list[Event]], Awaitable[str]] = _written
) -> StreamingResponse:
    """Server-sent events of what is wanted after ``cursor``; ``write`` puts a page of them into lines."""
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_lines(runtime, wanted, cursor, write), media_type="text/event-stream", headers=headers)


async def _lines(
    runtime: Runtime, wanted: Wanted, cursor: int, write: Callable[[list[Event]], Awaitable[str]]
) -> AsyncIterator[str]:
    """Events as lines, a comment when it is quiet, until the job ends or this instance shuts down."""
    yield "retry: 1000\n\n"
    async with contextlib.aclosing(follow(runtime.hub, wanted, cursor, _past(runtime))) as pages:
        waits = asyncio.create_task(runtime.draining.wait())
        following: asyncio.Task[list[Event]] | None = None
        try:
            while True:
                following = following or asyncio.create_task(_next(pages))
                await asyncio.wait({following, waits}, timeout=PING_S, return_when=asyncio.FIRST_COMPLETED)
                if following.done():
                    page, following = following.result(), None
                    yield await write(page)
                    if not page or (wanted.job is not None and _ended(page)):
                        return
                elif waits.done():
                    return
                else:
                    yield ": still here\n\n"
        finally:
            waits.cancel()
            if following is not None:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)


async def _next(pages: AsyncIterator[list[Event]]) -> list[Event]:
    """The next page; an empty one when the client has lagged behind."""
    return await anext(pages, [])


def _past(runtime: Runtime) -> Callable[[Wanted, int], Awaitable[list[Event]]]:
    async def past(wanted: Wanted, after: int) -> list[Event]:
        return await runtime.events.past(job=wanted.job, key=wanted.key, after=after)

    return past


async def cursor_of(runtime: Runtime, asked: int | None) -> int:
    """The event to go on after: the one asked for, else the newest."""
    if asked is not None:
        return asked
    await runtime.events.ready()
    return runtime.events.settled or 0


def _ended(page: list[Event]) -> bool:
    """Is the last state of the page an end? A replayed job has an earlier one."""
    states = [event.kind for event in page if event.kind != KIND_PROGRESS]
    return bool(states) and states[-1] in ENDS


def _text(event: Event) -> str:
    shape = EventOut(id=event.id, job=event.job, at=event.at, kind=event.kind, data=event.data)
    return json.dumps(shape.model_dump(mode="json"), ensure_ascii=False, separators=(",", ":"))


def _cut(scope: Any) -> None:
    abort = scope.get("state", {}).get("abort")
    if abort is not None:
        abort()
