"""The adapter for OpenAI-compatible servers against one that counts and misbehaves."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from outgrow.adapters.backends.door import Door, NotAllowedError
from outgrow.adapters.backends.http import CallError
from outgrow.adapters.backends.openai import OpenAi, base_url
from outgrow.adapters.backends.openai_events import Events
from outgrow.domain.backend import Backend, BackendKind
from outgrow.domain.job import AttemptEnding
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.emulators.faults import Fault, Kind
from outgrow.emulators.openai import OpenAiEmulator
from outgrow.emulators.speech import chunks

from .providers import KEY, TASK, Told, a_job, a_pod, allows, calls

SECRET = "hunter2-card-4111"
CHAT = {"messages": [{"role": "user", "content": f"what is {SECRET} about"}], "max_tokens": 6}
PUBLIC = DataClass.PUBLIC


@asynccontextmanager
async def a_server(*, key=KEY, quiet_s=1.0, **setup):
    emulator = OpenAiEmulator(key=KEY, **setup)
    server = TestServer(emulator.app())
    await server.start_server()
    adapter = OpenAi(door=Door(allows), calls=calls(key), quiet_s=quiet_s)
    backend = Backend(
        name="llm", kind=BackendKind.OPENAI, operator="Somebody", trust=Trust.EXTERNAL_SERVICE, key="THE_KEY",
        url=f"http://127.0.0.1:{server.port}/v1", model="small", timeout_s=5.0,
    )  # fmt: skip
    try:
        yield SimpleNamespace(emulator=emulator, adapter=adapter, backend=backend)
    finally:
        await adapter.calls.close()
        await server.close()


async def run(server, given=CHAT, tell=None, **changes):
    async with asyncio.timeout(10):
        return await server.adapter.run(a_job(given, **changes), TASK, server.backend, tell or Told())


async def streamed(server, **more):
    body = {**CHAT, "stream": True, **more}
    async with server.adapter.open(PUBLIC, server.backend, "chat/completions", body) as answer:
        raw = b"".join([chunk async for chunk in answer.chunks()])
    return raw, answer


def words(raw):
    events = [json.loads(line[6:]) for line in raw.decode().splitlines() if line.startswith("data: {")]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events if event["choices"]), events


def test_a_chat_job_gives_the_answer_and_its_tokens():
    async def go():
        async with a_server() as server:
            ran = await run(server)
            assert ran.ending is AttemptEnding.COMPLETED
            assert ran.result["choices"][0]["message"]["content"] == "one two three four five six"
            assert (ran.input_tokens, ran.output_tokens, ran.tokens_known) == (4, 6, True)
            (call,) = server.emulator.calls
            assert (call.input_tokens, call.output_tokens, call.model) == (4, 6, "small")

    asyncio.run(go())


def test_embeddings_and_models():
    async def go():
        async with a_server() as server:
            ran = await run(server, {"input": ["one two", "three"]})
            assert len(ran.result["data"]) == 2
            assert (ran.input_tokens, ran.output_tokens) == (3, 0)
            assert await server.adapter.models(server.backend) == ["small", "large", "embed"]
            odd = await run(server, {"text": "neither"})
            assert (odd.ending, odd.retryable) == (AttemptEnding.REJECTED, False)

    asyncio.run(go())


@pytest.mark.parametrize("asked", [False, True])
def test_a_stream_passes_and_its_usage_is_read(asked):
    async def go():
        async with a_server(each_s=0.002) as server:
            more = {"stream_options": {"include_usage": True}} if asked else {}
            raw, answer = await streamed(server, **more)
            said, events = words(raw)
            assert said == "one two three four five six"
            assert any(not event["choices"] for event in events) is asked
            assert raw.endswith(b"data: [DONE]\n\n")
            ran = answer.ran()
            assert (ran.ending, ran.input_tokens, ran.output_tokens) == (AttemptEnding.COMPLETED, 4, 6)

    asyncio.run(go())


@given(cuts=st.lists(st.integers(1, 400), max_size=30), crlf=st.booleans(), shown=st.booleans())
def test_events_pass_unchanged_however_they_are_cut(cuts, crlf, shown):
    body = {**CHAT, "stream_options": {"include_usage": True}}
    whole = b"".join(chunks(body))
    if crlf:
        whole = whole.replace(b"\n\n", b"\r\n\r\n")
    events, passed, at = Events(show_usage=shown), [], 0
    for size in [*cuts, len(whole)]:
        passed.append(events.feed(whole[at : at + size]))
        at += size
    passed.append(events.flush())
    assert (events.tokens.input, events.tokens.output, events.whole) == (4, 6, True)
    out = b"".join(passed)
    if shown:
        assert out == whole
    else:
        assert b'"choices":[]' not in out
        assert words(out)[0] == "one two three four five six"


@pytest.mark.parametrize("kind", [Kind.DROP, Kind.SILENCE])
def test_a_stream_that_stops_short_is_said_to_be_short(kind):
    async def go():
        async with a_server(quiet_s=0.3) as server:
            server.emulator.faults.add([Fault(op="chat", kind=kind, acts=True, wait_s=0.6)])
            body = {**CHAT, "stream": True}
            async with server.adapter.open(PUBLIC, server.backend, "chat/completions", body) as answer:
                with pytest.raises(CallError):
                    async for _ in answer.chunks():
                        pass
            ran = answer.ran()
            assert ran.ending is (AttemptEnding.LOST if kind is Kind.DROP else AttemptEnding.TIMED_OUT)
            assert (ran.tokens_known, ran.output_tokens) == (False, server.emulator.calls[0].output_tokens)

    asyncio.run(go())


def test_a_caller_who_leaves_ends_the_call_at_the_server():
    async def go():
        async with a_server(each_s=0.01) as server:
            body = {**CHAT, "stream": True, "max_tokens": 2000}
            async with server.adapter.open(PUBLIC, server.backend, "chat/completions", body) as answer:
                async for _ in answer.chunks():
                    break
            assert (answer.ran().ending, answer.ran().tokens_known) == (AttemptEnding.ABANDONED, False)
            await asyncio.sleep(0.1)
            seen = server.emulator.calls[0].output_tokens
            await asyncio.sleep(0.1)
            assert server.emulator.calls[0].output_tokens == seen < 100

    asyncio.run(go())


@pytest.mark.parametrize(
    ("status", "ending", "retryable"),
    [
        (400, AttemptEnding.REJECTED, False),
        (401, AttemptEnding.REJECTED, False),
        (422, AttemptEnding.REJECTED, False),
        (429, AttemptEnding.REJECTED, True),
        (500, AttemptEnding.FAILED, False),
        (502, AttemptEnding.REJECTED, True),
        (503, AttemptEnding.REJECTED, True),
        (504, AttemptEnding.REJECTED, True),
        (302, AttemptEnding.REJECTED, False),
    ],
)
def test_only_what_is_safe_is_tried_again(status, ending, retryable):
    async def go():
        async with a_server() as server:
            server.emulator.faults.add([Fault(op="chat", kind=Kind.STATUS, status=status, retry_after_s=3)])
            ran = await run(server)
            assert (ran.ending, ran.retryable, ran.retry_in_s) == (ending, retryable, 3.0)
            assert not server.emulator.calls

    asyncio.run(go())


@pytest.mark.parametrize("kind", [Kind.HALF, Kind.DROP, Kind.SILENCE])
def test_half_an_answer_and_none_are_lost_with_tokens_unknown(kind):
    async def go():
        async with a_server(quiet_s=0.3) as server:
            server.emulator.faults.add([Fault(op="chat", kind=kind, acts=True, wait_s=0.6)])
            ran = await run(server)
            assert (ran.ending, ran.retryable, ran.tokens_known) == (AttemptEnding.LOST, True, False)

    asyncio.run(go())


def test_its_time_limit_ends_a_call():
    async def go():
        async with a_server(first_s=2.0) as server:
            server.backend = replace(server.backend, timeout_s=0.2)
            ran = await run(server)
            assert (ran.ending, ran.retryable) == (AttemptEnding.TIMED_OUT, False)

    asyncio.run(go())


def test_a_cancelled_job_lets_go_of_its_call():
    async def go():
        async with a_server(first_s=2.0) as server:
            tell = Told()
            running = asyncio.create_task(run(server, tell=tell))
            await asyncio.sleep(0.1)
            tell.stopped.set()
            ran = await running
            assert (ran.ending, ran.tokens_known) == (AttemptEnding.ABANDONED, False)

    asyncio.run(go())


def test_a_sensitive_payload_does_not_leave():
    async def go():
        async with a_server() as server:
            ran = await run(server, data=DataClass.SENSITIVE)
            assert (ran.ending, ran.retryable) == (AttemptEnding.REJECTED, False)
            with pytest.raises(NotAllowedError):
                async with server.adapter.open(DataClass.SENSITIVE, server.backend, "chat/completions", CHAT):
                    pass
            assert not server.emulator.calls

    asyncio.run(go())


def test_neither_key_nor_payload_is_in_any_log_or_error(caplog):
    async def go():
        ran = []
        async with a_server(key="wrong-key") as server:
            ran.append(await run(server))
        async with a_server() as server:
            ran.append(await run(server, {"input_": 1, "messages": None} | {"messages": 7}))
            server.backend = replace(server.backend, url=f"http://127.0.0.1:9/{SECRET[:0]}v1")
            ran.append(await run(server))
        return ran

    with caplog.at_level(logging.DEBUG, logger="outgrow"), caplog.at_level(logging.DEBUG, logger="aiohttp.client"):
        ran = asyncio.run(go())
    said = "\n".join([*(repr(one) for one in ran), *(str(one.error) for one in ran)])
    assert all(one.error for one in ran)
    assert "the key in THE_KEY is not accepted" in said
    for secret in (KEY, SECRET, "wrong-key"):
        assert secret not in said
        assert secret not in caplog.text
    assert ran[0].detail is None


def test_the_openai_route_of_a_runpod_endpoint():
    async def go():
        async with a_pod(cold_start_s=(1.0, 1.0)) as pod:
            adapter = OpenAi(door=Door(allows), calls=pod.adapter.calls)
            assert base_url(pod.backend).endswith("/v2/emulated/openai/v1")
            ran = await adapter.run(a_job(CHAT), TASK, pod.backend, Told())
            assert (ran.ending, ran.output_tokens) == (AttemptEnding.COMPLETED, 6)
            body = {**CHAT, "stream": True}
            async with adapter.open(PUBLIC, pod.backend, "chat/completions", body) as answer:
                raw = b"".join([chunk async for chunk in answer.chunks()])
            assert words(raw)[0] == "one two three four five six"
            assert answer.ran().input_tokens == 4

    asyncio.run(go())
