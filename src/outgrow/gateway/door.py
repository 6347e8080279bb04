"""The one door: host, origin, key, limits and body of every request, before anything else sees it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.requests import HTTPConnection

from outgrow.adapters.postgres.spend import NO_DATABASE
from outgrow.gateway.body import Disconnected, Reading, replay
from outgrow.gateway.pages.entry import LOGIN, LONGEST_LOGIN_BYTES, is_open, is_page, visitor
from outgrow.gateway.pages.show import problem_page
from outgrow.gateway.problem import Problem, away, internal, refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.responses import Response

    from outgrow.domain.backend import Limits
    from outgrow.gateway.caller import Caller
    from outgrow.gateway.runtime import Runtime

    Message = dict[str, Any]
    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = frozenset({"/healthz", "/readyz", "/openapi.json"})
READS = frozenset({"GET", "HEAD", "OPTIONS"})
BODIES_AT_ONCE = 32
SEND_S = 5.0


class Door:
    """An ASGI app around another: what it lets through has a `Caller` in ``scope["caller"]`` and its whole body."""

    def __init__(self, app: App, runtime: Runtime) -> None:
        """Guards ``app``."""
        self._app = app
        self._runtime = runtime
        self._reading = Reading(BODIES_AT_ONCE * runtime.config.limits.body_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of a WebSocket, one request of HTTP, or the life of the server."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        try:
            receive = await self._let_in(scope, receive)
            await self._app(scope, receive, exchange.send)
        except Problem as problem:
            caller = scope.get("caller")
            if problem.status != HTTPStatus.UNAUTHORIZED or not is_page(scope["path"]):  # who is not logged in yet
                self._runtime.turned(problem, caller.key if caller else None)
            await exchange.refuse(problem)
        except Disconnected:
            exchange.status = exchange.status or 499
        except NO_DATABASE as problem:
            self._runtime.log.tell("database-away", request=exchange.id, error=type(problem).__name__)
            await exchange.refuse(away())
        except Exception as problem:  # noqa: BLE001 - told by its kind and place; its text may hold a payload
            self._runtime.log.tell("failed", request=exchange.id, error=type(problem).__name__, at_line=_place(problem))
            await exchange.refuse(internal())
        finally:
            self._tell(scope, exchange)

    async def _let_in(self, scope: Scope, receive: Receive) -> Receive:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._check_host(headers)
        method, path = scope.get("method", "GET"), scope["path"]
        if scope["type"] == "websocket" or method not in READS:
            self._check_origin(headers, needed=is_page(path))
        if method in READS and (path in OPEN or is_open(path)):
            return receive
        limits = self._runtime.config.limits
        if path == LOGIN:
            return await self._read(scope, receive, headers, replace(limits, body_bytes=LONGEST_LOGIN_BYTES))
        who = visitor(self._runtime, headers) if is_page(path) else self._runtime.callers.who(headers)
        caller = await who
        scope["caller"] = caller
        if method in READS:
            return receive
        if _asks_only(path):
            return await self._read(scope, receive, headers, limits)
        self._check_write(caller)
        return await self._read(scope, receive, headers, limits)

    async def _read(self, scope: Scope, receive: Receive, headers: dict[str, str], limits: Limits) -> Receive:
        body = await self._reading.read(receive, _length(headers), limits)
        scope["body"] = body
        return replay(body, receive)

    def _check_host(self, headers: dict[str, str]) -> None:
        """A page of another site that points its own name at this address (DNS rebinding) is not served."""
        hosts = self._runtime.hosts
        name = urlsplit(f"//{headers.get('host', '')}").hostname
        if hosts and name not in hosts:
            raise Problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "host",
                f"this server does not answer to the Host it was asked for; it answers to {', '.join(sorted(hosts))}",
                headers={"Connection": "close"},
            )

    def _check_origin(self, headers: dict[str, str], *, needed: bool) -> None:
        """A browser says which page sent it: only pages of this server may write or open a WebSocket.

        ``needed``: a cookie lets it in, which a browser sends whoever asks it to, so that not to say is no way round.
        """
        origin = headers.get("origin")
        if (origin is None and not needed) or (origin in self._runtime.origins and not needed):
            return
        if origin is None:
            raise Problem(HTTPStatus.FORBIDDEN, "origin", "the browser did not say which page sent this")
        if urlsplit(origin).netloc != headers.get("host"):
            raise Problem(HTTPStatus.FORBIDDEN, "origin", "pages of another origin may not do this")

    def _check_write(self, caller: Caller) -> None:
        if self._runtime.draining.is_set():
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "draining", "this instance is shutting down", retry_after_s=5)
        why = self._runtime.writes.take(caller.key, caller.user)
        if why is not None:
            raise refused(why)

    def _tell(self, scope: Scope, exchange: _Exchange) -> None:
        route = _route(scope)
        taken_s = time.perf_counter() - exchange.started
        status = str(exchange.status or 0)
        self._runtime.metrics.add("outgrow_http_requests_total", method=exchange.method, route=route, status=status)
        if scope["type"] == "http" and not exchange.streamed:
            self._runtime.metrics.observe(taken_s, route=route)
        if route in OPEN and exchange.status == HTTPStatus.OK:
            return
        caller: Caller | None = scope.get("caller")
        self._runtime.log.tell(
            "request",
            request=exchange.id,
            method=exchange.method,
            route=route,
            status=exchange.status,
            ms=round(taken_s * 1000, 1),
            key=caller.key if caller else None,
        )


class _Exchange:
    """One answer: whether it has begun, how it is refused, how it ended."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.id = uuid4().hex[:16]
        self.started = time.perf_counter()
        self.status: int | None = None
        self.streamed = False
        self.whole = False
        self.method: str = scope.get("method", "WEBSOCKET")
        self._scope = scope
        self._send = send

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in {"http.response.start", "websocket.http.response.start"}:
            self.status = message["status"]
            headers = [*message.get("headers", []), (b"x-request-id", self.id.encode())]
            headers += [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
            message = {**message, "headers": headers}
            self.streamed = any(value.startswith(b"text/event-stream") for _, value in headers)
        elif kind == "websocket.accept":
            self.status = HTTPStatus.SWITCHING_PROTOCOLS
        elif not message.get("more_body", False) and kind.endswith("response.body"):
            self.whole = True
        if not self.streamed:
            await self._send(message)
            return
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(message)
        except TimeoutError as problem:
            self.abort()
            raise Disconnected from problem

    async def refuse(self, problem: Problem) -> None:
        """Answers with the problem, or breaks an answer off that has begun."""
        websocket = self._scope["type"] == "websocket"
        if self.status is None:
            prefix = "websocket.http" if websocket else "http"
            page = not websocket and is_page(self._scope["path"])
            answer = problem_page(HTTPConnection(self._scope), problem) if page else problem.response()
            await _respond(answer, prefix, self.send)
        elif websocket:
            await self._send({"type": "websocket.close", "code": 1011})
        elif not self.whole:
            self.abort()

    def abort(self) -> None:
        """Ends the connection at once: what was sent of the answer is then known to be no whole one."""
        cut = self._scope.get("state", {}).get("abort")
        if cut is not None:
            cut()


async def _respond(response: Response, prefix: str, send: Send) -> None:
    await send({"type": f"{prefix}.response.start", "status": response.status_code, "headers": response.raw_headers})
    await send({"type": f"{prefix}.response.body", "body": response.body})


def _asks_only(path: str) -> bool:
    """A search of a collection is a POST for its body; it writes nothing."""
    return path.startswith("/v1/collections/") and path.endswith(("/query", "/fetch"))


def _length(headers: dict[str, str]) -> int | None:
    length = headers.get("content-length")
    return int(length) if length is not None and length.isdecimal() else None


def _route(scope: Scope) -> str:
    """The template of the path: no ids, so that counters stay few."""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        return route
    named = scope.get("route_name")
    return named if isinstance(named, str) else scope["path"] if scope["path"] in OPEN else "unmatched"


def _place(problem: BaseException) -> str:
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "?"
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/src/')[2]}:{trace.tb_lineno}"
