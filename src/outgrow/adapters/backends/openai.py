"""Speaks to any OpenAI-compatible server: chat, streamed or not, embeddings, models."""

from __future__ import annotations

import asyncio
import json
import re
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.backends.door import NotAllowedError
from outgrow.adapters.backends.http import CONNECT_S, CallError, KeyMissingError, failed, retry_after_s
from outgrow.adapters.backends.openai_events import Events, Tokens, tokens_of
from outgrow.adapters.backends.runpod import DEFAULT_URL as RUNPOD_URL
from outgrow.domain.backend import BackendKind
from outgrow.domain.job import AttemptEnding
from outgrow.domain.ran import Ran

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aiohttp import ClientResponse

    from outgrow.adapters.backends.door import Cleared, Door
    from outgrow.adapters.backends.http import Calls
    from outgrow.adapters.backends.port import Tell
    from outgrow.domain.backend import Backend, Task
    from outgrow.domain.job import Job
    from outgrow.domain.task import DataClass

CHAT: Final = "chat/completions"
EMBEDDINGS: Final = "embeddings"
RETRYABLE: Final = frozenset({429, 502, 503, 504})
KEY_REFUSED: Final = frozenset({401, 403})
CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
OK: Final = 200


@dataclass(slots=True, kw_only=True)
class Answer:
    """An answer that has begun. ``chunks`` passes its bytes on; after them, or instead, ``ran`` says what it was.

    Of an answer that is not 200 nothing may be passed on: servers quote keys and payloads in their errors.
    """

    status: int
    media_type: str
    backend: Backend
    response: ClientResponse
    events: Events | None
    began_s: float
    tokens: Tokens = Tokens()  # noqa: RUF009 - frozen
    failure: Ran | None = None
    ended: bool = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come; a stream in whole events. Raises `CallError` where they stop short."""
        import aiohttp

        try:
            if self.events is None:
                raw = await self.response.read()
                self.tokens = tokens_of(_json(raw))
                yield raw
            else:
                async for chunk in self.response.content.iter_any():
                    if passing := self.events.feed(chunk):
                        yield passing
                if passing := self.events.flush():
                    yield passing
                self.tokens = self.events.tokens
            self.ended = True
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.failure = self._cut(error)
            raise failed(self.backend, error) from None

    def ran(self) -> Ran:
        """What it came to so far. Left before its end it is abandoned, its tokens those that were seen to pass."""
        if self.failure is not None:
            return self.failure
        if self.ended:
            return _ran(self.backend, self.began_s, AttemptEnding.COMPLETED, tokens=self.tokens)
        return _ran(
            self.backend, self.began_s, AttemptEnding.ABANDONED, tokens=self._seen(), error="left by the caller"
        )

    def _cut(self, error: BaseException) -> Ran:
        ending = AttemptEnding.TIMED_OUT if isinstance(error, TimeoutError) else AttemptEnding.LOST
        what = failed(self.backend, error).message
        return _ran(self.backend, self.began_s, ending, tokens=self._seen(), error=what, retryable=True)

    def _seen(self) -> Tokens:
        if self.events is None or self.events.tokens.known:
            return self.tokens if self.events is None else self.events.tokens
        return Tokens(output=self.events.pieces)


@dataclass(slots=True, kw_only=True)
class OpenAi:
    """The adapter. ``quiet_s``: how long a stream may say nothing before it is given up."""

    door: Door
    calls: Calls
    quiet_s: float = 60.0

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """One try of a job whose payload is the body of a chat or an embeddings request."""
        body = job.payload.json if job.payload is not None else None
        route = CHAT if isinstance(body, dict) and "messages" in body else EMBEDDINGS
        if not isinstance(body, dict) or not ({"messages", "input"} & body.keys()):
            error = f"backend {backend.name!r}: the payload has neither 'messages' (chat) nor 'input' (embeddings)"
            return Ran(ending=AttemptEnding.REJECTED, error=error)
        began_s = time.monotonic()
        calling = asyncio.ensure_future(self._whole(job.data, backend, route, {**body, "stream": False}))
        stopping = asyncio.ensure_future(tell.stopped.wait())
        try:
            await asyncio.wait([calling, stopping], return_when=asyncio.FIRST_COMPLETED)
            if calling.done():
                return calling.result()
            return _ran(backend, began_s, AttemptEnding.ABANDONED, error="cancelled", tokens=Tokens())
        finally:
            for task_ in (calling, stopping):
                task_.cancel()
            await asyncio.gather(calling, stopping, return_exceptions=True)

    @asynccontextmanager
    async def open(
        self, data: DataClass, backend: Backend, route: str, body: Mapping[str, Any]
    ) -> AsyncIterator[Answer]:
        """Begins a call and yields its answer, to be passed on as it comes. Leaving early closes the connection.

        Raises `NotAllowedError`, `KeyMissingError`, and `CallError` where no answer began.
        """
        import aiohttp

        cleared = self.door.clear(data, backend)
        raw, events = _body(cleared, route, body)
        limit = aiohttp.ClientTimeout(total=backend.timeout_s, sock_connect=CONNECT_S, sock_read=self.quiet_s)
        began_s = time.monotonic()
        try:
            response = await self.calls.session().post(
                f"{base_url(backend)}/{route}",
                data=raw,
                headers=self.calls.headers(backend),
                allow_redirects=False,
                timeout=limit,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise failed(backend, error) from None
        try:
            answer = Answer(
                status=response.status,
                media_type=response.content_type,
                backend=backend,
                response=response,
                events=events if response.content_type == "text/event-stream" else None,
                began_s=began_s,
            )
            if response.status != OK:
                answer.failure = await _refused(answer)
            yield answer
        finally:
            response.close() if not response.content.at_eof() else response.release()

    async def models(self, backend: Backend) -> list[str]:
        """The names of the models it serves. Raises `CallError` and `KeyMissingError`."""
        reply = await self.calls.call("GET", f"{base_url(backend)}/models", backend, wait_s=CONNECT_S)
        rows = reply.body.get("data") if isinstance(reply.body, dict) else None
        if reply.status != OK or not isinstance(rows, list):
            raise CallError(f"backend {backend.name!r} answered {reply.status} and no list of models", left=True)
        return [str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row]

    async def _whole(self, data: DataClass, backend: Backend, route: str, body: dict[str, Any]) -> Ran:
        began_s = time.monotonic()
        try:
            async with self.open(data, backend, route, body) as answer:
                if answer.failure is not None:
                    return answer.failure
                raw = b"".join([chunk async for chunk in answer.chunks()])
        except (NotAllowedError, KeyMissingError) as error:
            return Ran(ending=AttemptEnding.REJECTED, error=error.message)
        except CallError as error:
            return _no_answer(backend, began_s, error)
        result = _json(raw)
        if not isinstance(result, dict):
            error_ = f"backend {backend.name!r} answered something that is not JSON"
            return _ran(backend, began_s, AttemptEnding.FAILED, tokens=Tokens(), error=error_)
        return _ran(backend, began_s, AttemptEnding.COMPLETED, tokens=tokens_of(result), result=result)


def base_url(backend: Backend) -> str:
    """Where its routes begin; a RunPod endpoint has them below its id."""
    if backend.kind is BackendKind.RUNPOD:
        return f"{(backend.url or RUNPOD_URL).rstrip('/')}/{backend.endpoint}/openai/v1"
    return (backend.url or "").rstrip("/")


def _body(cleared: Cleared, route: str, body: Mapping[str, Any]) -> tuple[bytes, Events]:
    """The body to send: the backend's model, and usage asked for where it would not come by itself."""
    options = body.get("stream_options")
    asked = isinstance(options, dict) and options.get("include_usage") is True
    sent = dict(body)
    if cleared.backend.model is not None:
        sent["model"] = cleared.backend.model
    if route == CHAT and body.get("stream") is True:
        sent["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    elif "stream_options" in sent:
        del sent["stream_options"]
    return json.dumps(sent, separators=(",", ":"), ensure_ascii=False).encode(), Events(show_usage=asked)


async def _refused(answer: Answer) -> Ran:
    """An answer that is no answer. The words of the server are for the caller alone, and none where they name a key."""
    import aiohttp

    try:
        said = _json(await answer.response.read())
    except (aiohttp.ClientError, TimeoutError, OSError):
        said = None
    error = said.get("error") if isinstance(said, dict) else None
    code = error.get("code") or error.get("type") if isinstance(error, dict) else None
    known = isinstance(code, str) and CODE.fullmatch(code) is not None
    what = f"backend {answer.backend.name!r} answered {answer.status}{f' ({code})' if known else ''}"
    detail = str(error.get("message", "")) if isinstance(error, dict) else None
    if answer.status in KEY_REFUSED:
        what, detail = f"{what}: the key in {answer.backend.key} is not accepted", None
    retryable = answer.status in RETRYABLE
    return Ran(
        ending=AttemptEnding.REJECTED if answer.status < 500 or retryable else AttemptEnding.FAILED,
        error=what,
        detail=detail,
        retryable=retryable,
        retry_in_s=retry_after_s(answer.response),
        execution_s=0.0,
    )


def _no_answer(backend: Backend, began_s: float, error: CallError) -> Ran:
    if not error.left:
        return Ran(ending=AttemptEnding.FAILED, error=error.message, retryable=True)
    over = time.monotonic() - began_s >= backend.timeout_s
    ending = AttemptEnding.TIMED_OUT if over else AttemptEnding.LOST
    return _ran(backend, began_s, ending, tokens=Tokens(), error=error.message, retryable=not over)


def _ran(
    backend: Backend,
    began_s: float,
    ending: AttemptEnding,
    *,
    tokens: Tokens,
    result: Any = None,
    error: str | None = None,
    retryable: bool = False,
) -> Ran:
    took_s = time.monotonic() - began_s
    return Ran(
        ending=ending,
        result=result,
        error=error,
        retryable=retryable,
        execution_s=took_s,
        billed_s=took_s if backend.rates.per_second else 0.0,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        tokens_known=tokens.known,
    )


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        return None
