"""How long a client may take to send a request: uvicorn with a clock on every connection."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from outgrow.gateway.problem import Problem

if TYPE_CHECKING:
    import asyncio
    from collections import OrderedDict


if TYPE_CHECKING:
    _Base = H11Protocol
else:
    _Base = object


def _no_request() -> bytes:
    answer = Problem(400, "no-request", "what was sent is no HTTP request").response()
    lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in answer.raw_headers)]
    return b"\r\n".join([*lines, b"connection: close", b"", bytes(answer.body)])


NO_REQUEST = _no_request()


class Progress(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket, which tells the app how to end a connection whose client does not read."""

    def handle_connect(self, event: Any) -> None:
        """Gives ``scope["state"]["abort"]`` along."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            self.scope["state"]["abort"] = self.transport.abort


class Waiting:
    """The connections of this process that have not sent a whole request head yet, oldest first.

    When more than ``most`` wait, the oldest is closed: a flood of silent sockets pushes out itself, not whoever comes
    next and speaks at once.
    """

    __slots__ = ("_connections", "most", "shed")

    def __init__(self, most: int = 1_000) -> None:
        """Nobody waits yet."""
        from collections import OrderedDict

        self._connections: OrderedDict[int, asyncio.Transport] = OrderedDict()
        self.most = most
        self.shed = 0

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, owner: int, transport: asyncio.Transport) -> None:
        """One more waits; the oldest goes when there are too many."""
        self._connections[owner] = transport
        if len(self._connections) > self.most:
            _, oldest = self._connections.popitem(last=False)
            self.close(oldest)

    def remove(self, owner: int) -> None:
        """It has spoken, or has left."""
        self._connections.pop(owner, None)

    def close(self, transport: asyncio.Transport) -> None:
        """Closed without an answer: there is no request to answer."""
        self.shed += 1
        transport.abort()


class Timed(_Base):
    """What a connection does beside its protocol: it has ``slow_s`` for each request head."""

    slow_s: float
    silent: Waiting
    head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The first head is awaited."""
        super().connection_made(transport)
        self._start()

    def data_received(self, data: bytes) -> None:
        """A head is whole when a request has begun; the next one is awaited from its first byte."""
        if self.head_timer is None and (self.cycle is None or self.cycle.response_complete):
            self._start()
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before and self.cycle is not None:
            self._stop()
            self.scope["state"]["abort"] = self.transport.abort

    def send_400_response(self, msg: str) -> None:
        """The same document as every other refusal."""
        self.transport.write(NO_REQUEST)
        self.transport.close()

    def handle_websocket_upgrade(self, *event: Any) -> None:
        """From here on another protocol has the connection."""
        self._stop()
        super().handle_websocket_upgrade(*event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is awaited any more."""
        self._stop()
        super().connection_lost(exc)

    def _start(self) -> None:
        self.head_timer = self.loop.call_later(self.slow_s, self._too_slow)
        self.silent.add(id(self), self.transport)

    def _stop(self) -> None:
        if self.head_timer is not None:
            self.head_timer.cancel()
            self.head_timer = None
            self.silent.remove(id(self))

    def _too_slow(self) -> None:
        self._stop()
        self.silent.close(self.transport)


def protocol(slow_s: float, waiting: Waiting) -> type[asyncio.Protocol]:
    """The HTTP protocol class for uvicorn's ``http=``: a connection has ``slow_s`` for each request head.

    uvicorn has a time-out between two requests but none before the first or while a head trickles in. The clock of a
    body is `outgrow.gateway.door`'s, which can answer 408.
    """
    base: type[Any] = H11Protocol
    if importlib.util.find_spec("httptools"):
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

        base = HttpToolsProtocol
    return type("TimedProtocol", (Timed, base), {"slow_s": slow_s, "silent": waiting})
