"""What a request brings: read whole within its limits of bytes and time, before anything looks at it."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from outgrow.gateway.problem import Problem, refused
from outgrow.policy.refusal import body_too_large, slow_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outgrow.domain.backend import Limits

    Receive = Callable[[], Awaitable[dict[str, Any]]]


class Disconnected(Exception):  # noqa: N818 - nobody is there to be told
    """The client left before it had sent everything."""


class Reading:
    """The bytes being read by this process, bounded: many large uploads at once wait for nobody's memory."""

    __slots__ = ("_held", "most")

    def __init__(self, most: int) -> None:
        """Nothing is held yet."""
        self.most = most
        self._held = 0

    async def read(self, receive: Receive, length: int | None, limits: Limits) -> bytes:
        """The body, or a `Problem`: 413 past ``body_bytes``, 408 past ``slow_s``, 503 when memory is spoken for."""
        if length is not None and length > limits.body_bytes:
            raise refused(body_too_large(length, limits.body_bytes), close=True)
        claim = limits.body_bytes if length is None else length
        if self._held + claim > self.most:
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE, "busy", "too many uploads are being read at once", retry_after_s=1
            )
        self._held += claim
        try:
            async with asyncio.timeout(limits.slow_s):
                return await _collect(receive, limits)
        except TimeoutError as problem:
            raise refused(slow_client(limits.slow_s), close=True) from problem
        finally:
            self._held -= claim


async def _collect(receive: Receive, limits: Limits) -> bytes:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        part = message.get("body", b"")
        size += len(part)
        if size > limits.body_bytes:
            raise refused(body_too_large(None, limits.body_bytes), close=True)
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives ``body`` once, and then what the connection says (that the client has left)."""
    given = False

    async def again() -> dict[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
