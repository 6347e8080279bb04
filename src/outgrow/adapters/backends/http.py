"""Calls to providers: what came back, or what is known of a call that failed. No text repeats what was sent."""

from __future__ import annotations

import io
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from outgrow.domain.errors import OutgrowError

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import ClientResponse, ClientSession

    from outgrow.domain.backend import Backend

BUSY: Final = frozenset({429, 503})
"""The call was refused before anything was done."""
MOST_BYTES: Final = 32 * 2**20
CONNECT_S: Final = 10.0
AT_ONCE_BYTES: Final = 2**19


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer. ``body`` is its JSON, None when it was none."""

    status: int
    body: Any = field(default=None, repr=False)
    retry_after_s: float | None = None


class CallError(OutgrowError):
    """No whole answer came. ``left``: the request may have reached the provider, so it may have been carried out."""

    def __init__(self, message: str, *, left: bool) -> None:
        """The message names the kind of failure, never what was sent."""
        super().__init__(message)
        self.left = left


class KeyMissingError(OutgrowError):
    """The environment variable that a backend names holds no key."""


@dataclass(slots=True, kw_only=True)
class Calls:
    """One connection pool for all providers. ``secret`` reads a key when it is needed; none is kept.

    No redirect is followed and no proxy of the environment is used: a payload goes to the address that was cleared.
    """

    secret: Callable[[str], str | None] = os.environ.get
    connections: int = 256
    _session: ClientSession | None = None

    def session(self) -> ClientSession:
        """The pool, opened at its first use inside a running loop."""
        if self._session is None or self._session.closed:
            import aiohttp

            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Closes the pool."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def headers(self, backend: Backend) -> dict[str, str]:
        """The headers of a call. Raises `KeyMissingError`."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if backend.key is not None:
            key = (self.secret(backend.key) or "").strip()
            if not (key and key.isascii() and key.isprintable()):
                raise KeyMissingError(
                    f"backend {backend.name!r}: the environment variable {backend.key} holds no key",
                    hint=f"set {backend.key} and start again",
                )
            headers["Authorization"] = f"Bearer {key}"
        return headers

    async def call(self, method: str, url: str, backend: Backend, *, wait_s: float, body: bytes | None = None) -> Reply:
        """One call and its whole answer. Raises `CallError` and `KeyMissingError`."""
        import aiohttp

        headers = self.headers(backend)
        data = io.BytesIO(body) if body is not None and len(body) > AT_ONCE_BYTES else body
        timeout = aiohttp.ClientTimeout(total=wait_s, sock_connect=min(CONNECT_S, wait_s))
        try:
            async with self.session().request(
                method, url, data=data, headers=headers, allow_redirects=False, timeout=timeout
            ) as answer:
                return Reply(status=answer.status, body=await _json(answer), retry_after_s=retry_after_s(answer))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failed(backend, error) from None


def failed(backend: Backend, error: BaseException) -> CallError:
    """What is known of a call that ended in ``error``."""
    import aiohttp

    before = isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL))
    what = "could not be reached" if before else "gave no whole answer"
    return CallError(f"backend {backend.name!r} {what} ({type(error).__name__})", left=not before)


def retry_after_s(answer: ClientResponse) -> float | None:
    """The pause the provider asks for; dates are not understood."""
    try:
        return max(0.0, float(answer.headers["Retry-After"]))
    except (KeyError, ValueError):
        return None


async def _json(answer: ClientResponse) -> Any:
    raw = bytearray()
    async for piece in answer.content.iter_chunked(2**16):
        raw += piece
        if len(raw) > MOST_BYTES:
            return None
    try:
        return json.loads(raw)
    except ValueError:
        return None
