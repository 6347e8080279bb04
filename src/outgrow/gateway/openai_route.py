"""`/v1/chat/completions`, `/v1/embeddings`, `/v1/models`: key, policy, hold, the backend's answer, meter.

Raw ASGI, for everything between a request and its backend is paid by every token.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

from outgrow.adapters.backends.http import BUSY, CallError, KeyMissingError
from outgrow.adapters.backends.passthrough import Answer, post
from outgrow.adapters.postgres.spend_rows import Call as Spent
from outgrow.domain.backend import BackendKind
from outgrow.domain.job import AttemptEnding, Meter
from outgrow.domain.task import DataClass
from outgrow.gateway.openai_body import Asked, chat, embeddings, encoded, model_of
from outgrow.gateway.problem import Problem, refused
from outgrow.gateway.text import read_json
from outgrow.policy.budget import budget_reached, budgets_of
from outgrow.policy.choose import choose
from outgrow.policy.health import WELL, failed
from outgrow.policy.price import cost
from outgrow.policy.reach import Admitted, admit
from outgrow.policy.refusal import Code, Refused, unreadable_body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from outgrow.adapters.backends.door import Door
    from outgrow.adapters.backends.http import Calls
    from outgrow.domain.backend import Backend
    from outgrow.gateway.caller import Caller
    from outgrow.gateway.runtime import Runtime
    from outgrow.policy.choose import Candidate

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

CHAT, EMBEDDINGS, MODELS = "/v1/chat/completions", "/v1/embeddings", "/v1/models"
KIND: Final = {CHAT: ("/chat/completions", chat), EMBEDDINGS: ("/embeddings", embeddings)}
DATA_HEADER: Final = b"x-outgrow-data"
PASSED_ON: Final = frozenset({400, 404, 409, 413, 422})
MOST_DETAIL: Final = 500
MONEY_BACK_S: Final = 5.0
DONE: Final = b"data: [DONE]"
BROKEN_OFF: Final = b'data: {"error":{"message":"the backend broke its answer off","code":"backend-failed"}}\n\n'


@dataclass(slots=True, kw_only=True)
class Call:
    """One call under way, and what becomes known of it."""

    id: UUID
    admitted: Admitted
    candidate: Candidate
    asked: Asked
    attempt: int
    started_at: datetime
    ending: AttemptEnding = AttemptEnding.ABANDONED
    usage: tuple[int, int] | None = None
    error: str | None = None
    settled: bool = False


class OpenAI:
    """The ASGI app of the route. What the door lets in has its caller and its body in the scope."""

    def __init__(self, runtime: Runtime, calls: Calls, door: Door) -> None:
        """``calls`` reaches the backends, ``door`` says which payload may go where."""
        self._runtime = runtime
        self._calls = calls
        self._door = door
        self._in_flight: dict[str, int] = {}

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        path = scope["path"]
        scope["route_name"] = path
        caller: Caller = scope["caller"]
        caller.must("chat")
        method = "GET" if path == MODELS else "POST"
        if scope["method"] not in {method, "HEAD" if method == "GET" else method}:
            raise Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method", f"{method} is allowed", headers={"Allow": method})
        if path == MODELS:
            await _answer(send, _json(self._models(caller)))
            return
        upstream_path, read = KIND[path]
        body = read_json(scope["body"])
        if not isinstance(body, dict):
            raise refused(unreadable_body("an object is expected"))
        admitted = self._admit(model_of(body), caller, scope["headers"])
        asked = read(body, admitted.task)
        await self._run(upstream_path, asked, admitted, caller, receive, send)

    def _admit(self, task: str, caller: Caller, headers: list[tuple[bytes, bytes]]) -> Admitted:
        caller.must("chat", task)
        admitted = admit(self._runtime.config, task, _data_class(headers))
        if isinstance(admitted, Refused):
            raise refused(admitted)
        speaking = tuple(one for one in admitted.backends if one.kind is BackendKind.OPENAI)
        if not speaking:
            raise refused(
                Refused(
                    code=Code.NO_ALLOWED_BACKEND,
                    detail=f"no backend that {admitted.data} data of this task may reach speaks this API; use /v1/jobs",
                    rule=admitted.rule,
                )
            )
        return replace(admitted, backends=speaking)

    async def _run(
        self, path: str, asked: Asked, admitted: Admitted, caller: Caller, receive: Receive, send: Send
    ) -> None:
        """Tries the allowed backends in order until one has begun to answer."""
        last: Problem | None = None
        id_ = uuid4()
        for attempt, candidate in enumerate(self._candidates(admitted, asked), start=1):
            call = Call(
                id=id_ if attempt == 1 else uuid4(),
                admitted=admitted,
                candidate=candidate,
                asked=asked,
                attempt=attempt,
                started_at=datetime.now(UTC),
            )
            if not await self._runtime.spend.hold(_spent(call), self._budgets(admitted, caller)):
                last = await self._no_money(candidate, admitted, caller)
                continue
            last = await self._try(path, call, receive, send)
            if last is None:
                return
        raise last or refused(Refused(code=Code.BACKEND_DOWN, detail="no backend answered", retry_after_s=1))

    def _candidates(self, admitted: Admitted, asked: Asked) -> tuple[Candidate, ...]:
        bounded = replace(admitted.task, input_tokens=max(asked.input_tokens, admitted.task.input_tokens))
        chosen = choose(
            replace(admitted, task=bounded),
            health=self._runtime.health,
            in_flight=self._in_flight,
            standings=(),
            now=datetime.now(UTC),
            input_tokens=asked.input_tokens,
            output_tokens=asked.output_tokens,
        )
        if isinstance(chosen, Refused):
            raise refused(chosen)
        return chosen.order

    async def _try(self, path: str, call: Call, receive: Receive, send: Send) -> Problem | None:
        """None when the answer was given; else why this backend did not, with nothing sent yet."""
        backend = call.candidate.backend
        self._in_flight[backend.name] = self._in_flight.get(backend.name, 0) + 1
        try:
            cleared = self._door.clear(call.admitted.data, backend)
            async with post(self._calls, cleared, path, encoded(call.asked, backend.model)) as answer:
                return await self._hand_on(answer, call, receive, send)
        except KeyMissingError as problem:
            call.ending, call.usage, call.error = AttemptEnding.FAILED, (0, 0), problem.message
            return Problem(HTTPStatus.BAD_GATEWAY, "backend-key", "the backend's key is not set on this server")
        except CallError as problem:
            call.ending, call.error = AttemptEnding.FAILED, problem.message
            call.usage = call.usage if problem.left else (0, 0)
            self._ill(backend)
            return Problem(HTTPStatus.BAD_GATEWAY, "backend-failed", problem.message, retry_after_s=1)
        finally:
            self._in_flight[backend.name] -= 1
            self._settle(call)

    async def _hand_on(self, answer: Answer, call: Call, receive: Receive, send: Send) -> Problem | None:
        backend = call.candidate.backend
        if answer.status != HTTPStatus.OK:
            return await self._not_ok(answer, call)
        self._runtime.health[backend.name] = WELL
        headers = [(b"x-outgrow-backend", backend.name.encode("ascii", "replace"))]
        if call.asked.stream and answer.streams:
            await self._hand_on_stream(answer, call, headers, receive, send)
            return None
        body = await answer.whole()
        call.usage = _usage(body)
        call.ending = AttemptEnding.COMPLETED
        self._settle(call)
        await _answer(send, body, headers)
        return None

    async def _hand_on_stream(
        self,
        answer: Answer,
        call: Call,
        headers: list[tuple[bytes, bytes]],
        receive: Receive,
        send: Send,
    ) -> None:
        """Every event as it comes; the one with the usage is kept from who did not ask for it.

        The meter is written before the last event: what was told to be done is not forgotten.
        """
        head = [(b"content-type", b"text/event-stream"), *headers]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        gone = asyncio.create_task(_until_gone(receive))
        try:
            async for event in answer.events():
                if gone.done():
                    return
                if b'"usage"' in event and (usage := _usage(event.removeprefix(b"data:"))) is not None:
                    call.usage = usage
                    if not call.asked.usage_wanted and not _choices(event):
                        continue
                if event.startswith(DONE):
                    call.ending = AttemptEnding.COMPLETED
                    self._settle(call)
                await send({"type": "http.response.body", "body": event, "more_body": True})
        except CallError as problem:
            call.error = call.error or problem.message
        finally:
            gone.cancel()
        if call.ending is not AttemptEnding.COMPLETED:
            call.ending = AttemptEnding.FAILED
            self._settle(call)
            await send({"type": "http.response.body", "body": BROKEN_OFF, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _not_ok(self, answer: Answer, call: Call) -> Problem:
        """A refusal of the payload is told; everything else is the backend's own trouble, and the next is tried."""
        backend, status = call.candidate.backend, answer.status
        call.error = f"status {status}"
        body = await answer.whole()
        call.usage = (0, 0)
        if status in PASSED_ON:
            call.ending = AttemptEnding.REJECTED
            raise Problem(status, "backend-refused", _said(body) or f"backend {backend.name} answered {status}")
        call.ending = AttemptEnding.FAILED
        self._ill(backend, answer.retry_after_s)
        if status in BUSY:
            return refused(
                Refused(
                    code=Code.BACKEND_DOWN,
                    detail=f"backend {backend.name} is busy",
                    rule="health",
                    retry_after_s=answer.retry_after_s or 1,
                )
            )
        return Problem(
            HTTPStatus.BAD_GATEWAY, "backend-failed", f"backend {backend.name} answered {status}", retry_after_s=1
        )

    def _settle(self, call: Call) -> None:
        """Writes the meter and lets go of the hold, once. Where nobody counted the tokens, the hold is what it cost."""
        if call.settled:
            return
        call.settled = True
        meter = _meter(call)
        self._runtime.spend.settle(meter)
        for direction, tokens in (("input", meter.input_tokens), ("output", meter.output_tokens)):
            self._runtime.metrics.add("outgrow_chat_tokens_total", tokens, task=meter.task, direction=direction)

    def _ill(self, backend: Backend, retry_after_s: float | None = None) -> None:
        health = self._runtime.health.get(backend.name, WELL)
        self._runtime.health[backend.name] = failed(health, datetime.now(UTC), retry_after_s=retry_after_s)

    def _budgets(self, admitted: Admitted, caller: Caller) -> Any:
        return budgets_of(self._runtime.config, admitted.task.name, caller.key)

    async def _no_money(self, candidate: Candidate, admitted: Admitted, caller: Caller) -> Problem:
        standings = await self._runtime.spend.standings(self._budgets(admitted, caller))
        why = budget_reached(standings, candidate.hold_micro, datetime.now(UTC))
        return refused(
            why or Refused(code=Code.BUDGET_REACHED, detail="what calls under way hold comes back as they end",
                           rule="budget", retry_after_s=MONEY_BACK_S)
        )  # fmt: skip

    def _models(self, caller: Caller) -> dict[str, Any]:
        """The tasks that this key may use here, in OpenAI's shape."""
        config = self._runtime.config
        speaking = {one.name for one in config.backends if one.kind is BackendKind.OPENAI}
        names = [task.name for task in config.tasks if speaking.intersection(task.backends)]
        may = [name for name in names if caller.tasks is None or name in caller.tasks]
        models = [{"id": name, "object": "model", "created": 0, "owned_by": "outgrow"} for name in may]
        return {"object": "list", "data": models}


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _spent(call: Call) -> Spent:
    return Spent(
        id=call.id,
        task=call.admitted.task.name,
        backend=call.candidate.backend.name,
        rule=call.admitted.rule,
        attempt=call.attempt,
        usd_micro=call.candidate.hold_micro,
    )


def _meter(call: Call) -> Meter:
    backend, now = call.candidate.backend, datetime.now(UTC)
    taken_s = (now - call.started_at).total_seconds()
    tokens = (call.asked.input_tokens, call.asked.output_tokens) if call.usage is None else call.usage
    meter = Meter(
        job=call.id,
        attempt=call.attempt,
        task=call.admitted.task.name,
        backend=backend.name,
        rule=call.admitted.rule,
        started_at=call.started_at,
        finished_at=now,
        ending=call.ending,
        execution_s=taken_s,
        billed_s=taken_s if backend.rates.per_second else 0.0,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        error=call.error,
    )
    spent = call.candidate.hold_micro if call.usage is None else cost(backend.rates, meter)
    return replace(meter, cost_usd_micro=0 if call.usage == (0, 0) else spent)


def _usage(body: bytes) -> tuple[int, int] | None:
    """Tokens in and out by the backend's own count; None when it has not counted."""
    try:
        usage = json.loads(body).get("usage")
        return int(usage["prompt_tokens"]), int(usage.get("completion_tokens") or 0)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _choices(event: bytes) -> bool:
    return bool(json.loads(event.removeprefix(b"data:")).get("choices"))


def _said(body: bytes) -> str | None:
    """What a backend says of a payload it refuses: for its owner, not for a log."""
    try:
        document = json.loads(body)
        found = document.get("error", document)
        text = found.get("message") if isinstance(found, dict) else found
    except (ValueError, AttributeError):
        return None
    return text[:MOST_DETAIL] if isinstance(text, str) else None


def _data_class(headers: list[tuple[bytes, bytes]]) -> DataClass | None:
    said = next((value for name, value in headers if name == DATA_HEADER), None)
    if said is None:
        return None
    try:
        return DataClass(said.decode("latin-1").strip().lower())
    except ValueError as problem:
        allowed = ", ".join(DataClass)
        raise refused(unreadable_body(f"X-Outgrow-Data: allowed are {allowed}")) from problem


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


async def _answer(send: Send, body: bytes, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *(headers or [])]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body, "more_body": False})
