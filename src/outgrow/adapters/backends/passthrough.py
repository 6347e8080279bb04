"""A call of an OpenAI-compatible server, handed through as it comes: whole, or event by event."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from outgrow.adapters.backends.http import CONNECT_S, MOST_BYTES, CallError, failed, retry_after_s

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import ClientResponse

    from outgrow.adapters.backends.door import Cleared
    from outgrow.adapters.backends.http import Calls

MOST_EVENT_BYTES: Final = 2**20


class Answer:
    """An answer that has begun."""

    def __init__(self, response: ClientResponse, cleared: Cleared) -> None:
        """Reads nothing yet."""
        self._response = response
        self._cleared = cleared
        self.status = response.status
        self.retry_after_s = retry_after_s(response)
        self.streams = response.content_type == "text/event-stream"

    async def whole(self) -> bytes:
        """All of it. Raises `CallError`, also for one that is too large."""
        import aiohttp

        raw = bytearray()
        try:
            async for piece in self._response.content.iter_any():
                raw += piece
                if len(raw) > MOST_BYTES:
                    raise CallError(f"backend {self._cleared.backend.name!r}: its answer is too large", left=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failed(self._cleared.backend, error) from None
        return bytes(raw)

    async def events(self) -> AsyncIterator[bytes]:
        """Its server-sent events, each whole, with the empty line that ends it. Raises `CallError`."""
        import aiohttp

        rest = b""
        try:
            async for piece in self._response.content.iter_any():
                rest += piece.replace(b"\r\n", b"\n") if b"\r" in piece else piece
                *events, rest = rest.split(b"\n\n")
                for event in events:
                    yield event + b"\n\n"
                if len(rest) > MOST_EVENT_BYTES:
                    raise CallError(f"backend {self._cleared.backend.name!r}: its event has no end", left=True)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failed(self._cleared.backend, error) from None
        if rest.strip():
            yield rest + b"\n\n"


@asynccontextmanager
async def post(calls: Calls, cleared: Cleared, path: str, body: bytes) -> AsyncIterator[Answer]:
    """Sends ``body`` to where ``cleared`` lets it go. Raises `CallError` and `KeyMissingError`."""
    import aiohttp

    backend = cleared.backend
    headers = calls.headers(backend)
    timeout = aiohttp.ClientTimeout(total=backend.timeout_s, sock_connect=min(CONNECT_S, backend.timeout_s))
    url = f"{(backend.url or '').rstrip('/')}{path}"
    try:
        response = await calls.session().post(url, data=body, headers=headers, allow_redirects=False, timeout=timeout)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise failed(backend, error) from None
    try:
        yield Answer(response, cleared)
    finally:
        response.close() if not response.content.at_eof() else response.release()
