"""An OpenAI-compatible server that counts words: chat, streamed or not, embeddings, models, faults, a ledger.

``python -m outgrow.emulators.openai --port 8901 --key test`` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web

from outgrow.emulators.faults import Fault, Faults, Kind, drop, fault_of, misanswer
from outgrow.emulators.speech import chunks, completion, embeddings, models, prompt_tokens

KEPT = 100_000


@dataclass(slots=True, kw_only=True)
class Call:
    """One call as the provider bills it: the tokens it read and wrote, also where the caller left before the end."""

    route: str
    model: str
    input_tokens: int
    output_tokens: int
    status: int
    whole: bool
    body: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class OpenAiEmulator:
    """The server and what it remembers. ``first_s`` passes before an answer, ``each_s`` between words of a stream."""

    key: str = "emulator-key"
    first_s: float = 0.0
    each_s: float = 0.0
    faults: Faults = field(default_factory=Faults)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=KEPT))

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=20 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/_emulator/ledger", self._ledger)
        app.router.add_post("/_emulator/faults", self._faults)
        return app

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await self._opened(request, "messages")
        if isinstance(body, web.Response):
            return body
        fault = self.faults.take("chat")
        if fault is not None and not fault.acts:
            return await misanswer(request, fault, None)
        await asyncio.sleep(self.first_s)
        if body.get("stream"):
            return await self._stream(request, body, fault)
        answer = completion(body)
        self._note("chat", body, answer["usage"]["completion_tokens"])
        return await _give(request, answer, fault)

    async def _stream(self, request: web.Request, body: dict[str, Any], fault: Fault | None) -> web.StreamResponse:
        events = list(chunks(body))
        call = self._note("chat", body, 0, whole=False)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        await stream.prepare(request)
        for place, event in enumerate(events):
            if fault is not None and place == len(events) // 2:
                if fault.kind is Kind.SILENCE:
                    await asyncio.sleep(fault.wait_s)
                drop(request)
                return stream
            await stream.write(event)
            call.output_tokens += b'"content"' in event
            if self.each_s:
                await asyncio.sleep(self.each_s)
        call.whole = True
        await stream.write_eof()
        return stream

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        body = await self._opened(request, "input")
        if isinstance(body, web.Response):
            return body
        fault = self.faults.take("embeddings")
        if fault is not None and not fault.acts:
            return await misanswer(request, fault, None)
        self._note("embeddings", body, 0)
        return await _give(request, embeddings(body), fault)

    async def _models(self, request: web.Request) -> web.StreamResponse:
        refused = self._refused(request)
        return refused or await _give(request, models(), self.faults.take("models"))

    async def _opened(self, request: web.Request, needs: str) -> dict[str, Any] | web.Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        try:
            body = await request.json()
        except ValueError:
            return _error(400, "invalid_request_error", "invalid_json", "the body is not JSON")
        if not isinstance(body, dict) or needs not in body:
            return _error(400, "invalid_request_error", "missing", f"you sent {body!r} without {needs}")
        return body

    def _refused(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        said = request.headers.get("Authorization", "")
        return _error(401, "invalid_request_error", "invalid_api_key", f"incorrect API key provided: {said}")

    def _note(self, route: str, body: dict[str, Any], output_tokens: int, *, whole: bool = True) -> Call:
        call = Call(
            route=route,
            model=str(body.get("model")),
            input_tokens=prompt_tokens(body),
            output_tokens=output_tokens,
            status=200,
            whole=whole,
            body=body,
        )
        self.calls.append(call)
        return call

    async def _ledger(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(call) for call in self.calls])

    async def _faults(self, request: web.Request) -> web.Response:
        self.faults.add(fault_of(given) for given in await request.json())
        return web.json_response({"waiting": len(self.faults.waiting)})


async def _give(request: web.Request, answer: dict[str, Any], fault: Fault | None) -> web.StreamResponse:
    response = web.json_response(answer)
    return response if fault is None else await misanswer(request, fault, response)


def _error(status: int, kind: str, code: str, words: str) -> web.Response:
    return web.json_response({"error": {"message": words, "type": kind, "code": code, "param": None}}, status=status)


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m outgrow.emulators.openai", description=__doc__)
    parser.add_argument("--port", type=int, default=8901)
    parser.add_argument("--key", default="emulator-key")
    parser.add_argument("--first-s", type=float, default=0.0, help="seconds before an answer")
    parser.add_argument("--each-s", type=float, default=0.0, help="seconds between words of a stream")
    given = parser.parse_args()
    emulator = OpenAiEmulator(key=given.key, first_s=given.first_s, each_s=given.each_s)
    web.run_app(emulator.app(), host="127.0.0.1", port=given.port, print=None)


if __name__ == "__main__":
    main()
