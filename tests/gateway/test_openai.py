"""The OpenAI route: by OpenAI's own client, against a backend that records; its money, and where payloads never go."""

from __future__ import annotations

import asyncio
import itertools
import json
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import openai
import pytest
from aiohttp import web

from outgrow.domain.backend import Budget, Gateway, Period, Task
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust
from outgrow.emulators.faults import Fault, Kind
from outgrow.emulators.openai import OpenAiEmulator
from outgrow.policy.budget import budgets_of

from .instances import CONFIG, Running, openai_backend, run, running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SAID: list[Any] = [{"role": "user", "content": "one two three"}]
KEY = "emulator-key"


@asynccontextmanager
async def emulated(emulator: OpenAiEmulator) -> AsyncIterator[str]:
    runner = web.AppRunner(emulator.app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    yield f"http://127.0.0.1:{port}/v1"
    await runner.cleanup()


def configured(*backends: Any, budgets: tuple[Budget, ...] = (), data: DataClass = DataClass.SENSITIVE) -> Gateway:
    names = tuple(one.name for one in backends)
    task = Task(name="talk", backends=names, data=data, input_tokens=1_000, output_tokens=100)
    return replace(CONFIG, tasks=(*CONFIG.tasks, task), backends=(*CONFIG.backends, *backends), budgets=budgets)


def client_of(one: Running, **more: Any) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{one.url}/v1", api_key=one.secret, max_retries=0, **more)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKEND_KEY", KEY)


async def metered(one: Running) -> list[tuple[Any, ...]]:
    await one.runtime.spend.flush()
    async with one.runtime.pool.connection() as connection:
        rows = await connection.execute(
            "select backend, ending, input_tokens, output_tokens, cost_usd_micro from outgrow.attempt order by finished_at"
        )
        return await rows.fetchall()


def test_the_client_of_openai_talks_streams_embeds_and_lists(database: str) -> None:
    async def scenario() -> None:
        emulator = OpenAiEmulator(key=KEY)
        async with (
            emulated(emulator) as url,
            running(database, configured(openai_backend(url, key="BACKEND_KEY"))) as one,
            client_of(one) as client,
        ):
            whole = await client.chat.completions.create(model="talk", messages=SAID)
            assert whole.choices[0].message.content
            stream = await client.chat.completions.create(model="talk", messages=SAID, stream=True)
            pieces = [piece async for piece in stream]
            text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
            assert text.strip() == whole.choices[0].message.content.strip()
            assert all(piece.usage is None for piece in pieces)
            stream = await client.chat.completions.create(
                model="talk", messages=SAID, stream=True, stream_options={"include_usage": True}
            )
            assert [piece.usage for piece in [piece async for piece in stream]][-1] is not None
            vectors = await client.embeddings.create(model="talk", input=["a", "b"])
            assert len(vectors.data) == 2
            assert [model.id for model in (await client.models.list()).data] == ["talk"]

            rows = await metered(one)
            assert [row[1] for row in rows] == ["completed"] * 4
            assert [row[2:4] for row in rows] == [(call.input_tokens, call.output_tokens) for call in emulator.calls]
            assert all(row[4] == row[2] + 2 * row[3] for row in rows)
            assert {call.model for call in emulator.calls} == {"m"}
            assert emulator.calls[0].body["max_tokens"] == 100
            assert "one two three" not in one.log.getvalue()

    run(scenario)


def test_what_the_client_gets_when_it_may_not(database: str) -> None:
    async def scenario() -> None:
        async with (
            emulated(OpenAiEmulator(key=KEY)) as url,
            running(database, configured(openai_backend(url, key="BACKEND_KEY"))) as one,
            client_of(one) as client,
        ):
            with pytest.raises(openai.AuthenticationError):
                await client.with_options(api_key="og_wrong").chat.completions.create(model="talk", messages=SAID)
            with pytest.raises(openai.NotFoundError, match="known: shout, talk"):
                await client.chat.completions.create(model="gpt", messages=SAID)
            with pytest.raises(openai.UnprocessableEntityError, match="output tokens"):
                await client.chat.completions.create(model="talk", messages=SAID, max_tokens=101)
            with pytest.raises(openai.PermissionDeniedError, match="use /v1/jobs"):
                await client.chat.completions.create(model="shout", messages=SAID)
            with pytest.raises(openai.UnprocessableEntityError, match="input tokens"):
                await client.chat.completions.create(model="talk", messages=[{"role": "user", "content": "x" * 9_000}])
            assert await metered(one) == []

    run(scenario)


def test_a_hard_budget_is_never_overshot_by_many_at_once(database: str) -> None:
    async def scenario() -> None:
        budget = Budget(usd_micro=2_000, period=Period.DAY, task="talk")
        async with (
            emulated(OpenAiEmulator(key=KEY, first_s=0.05)) as url,
            running(database, configured(openai_backend(url, key="BACKEND_KEY"), budgets=(budget,))) as one,
            client_of(one) as client,
        ):

            async def call() -> int:
                try:
                    await client.chat.completions.create(model="talk", messages=SAID)
                except openai.APIStatusError as problem:
                    assert problem.response.headers["Retry-After"]
                    assert problem.code == "budget-reached"
                    return problem.status_code
                return 200

            answers = await asyncio.gather(*(call() for _ in range(40)))
            assert set(answers) == {200, 402}
            await one.runtime.spend.flush()
            standing = (await one.runtime.spend.standings([budget]))[0]
            assert standing.held_micro == 0
            assert standing.spent_micro == sum(row[4] for row in await metered(one))
            assert standing.spent_micro <= budget.usd_micro

    run(scenario)


def test_a_backend_that_fails_is_followed_by_the_next_one_allowed(database: str) -> None:
    async def scenario() -> None:
        first, second = OpenAiEmulator(key=KEY), OpenAiEmulator(key=KEY)
        async with emulated(first) as a, emulated(second) as b:
            config = configured(
                openai_backend(a, "a", key="BACKEND_KEY"),
                openai_backend(b, "b", key="BACKEND_KEY"),
                openai_backend("http://127.0.0.1:9/v1", "gone"),
            )
            config = replace(config, tasks=(replace(config.tasks[1], backends=("gone", "a", "b")),))
            async with running(database, config) as one, client_of(one) as client:
                first.faults.add([Fault(op="*", kind=Kind.STATUS, status=500)])
                whole = await client.chat.completions.create(model="talk", messages=SAID)
                assert whole.choices
                assert [row[:2] for row in await metered(one)] == [
                    ("gone", "failed"),
                    ("a", "failed"),
                    ("b", "completed"),
                ]
                second.faults.add([Fault(op="*", kind=Kind.STATUS, status=500)])
                first.faults.add([Fault(op="*", kind=Kind.STATUS, status=429)])
                with pytest.raises(openai.APIStatusError) as caught:
                    await client.chat.completions.create(model="talk", messages=SAID)
                assert caught.value.status_code in {502, 503}
                assert caught.value.response.headers["Content-Type"] == "application/problem+json"

    run(scenario)


def test_an_answer_that_breaks_off_says_so_and_costs_what_was_held(database: str) -> None:
    async def scenario() -> None:
        emulator = OpenAiEmulator(key=KEY)
        budget = Budget(usd_micro=10_000, period=Period.DAY)
        async with (
            emulated(emulator) as url,
            running(database, configured(openai_backend(url, key="BACKEND_KEY"), budgets=(budget,))) as one,
            client_of(one) as client,
        ):
            emulator.faults.add([Fault(op="*", kind=Kind.DROP, acts=True)])
            with pytest.raises(openai.APIError, match="broke its answer off"):
                async for _ in await client.chat.completions.create(model="talk", messages=SAID, stream=True):
                    pass
            [(_, ending, _, _, cost)] = await metered(one)
            assert ending == "failed"
            assert cost > 200
            standing = (await one.runtime.spend.standings(budgets_of(one.runtime.config, "talk", "admin")))[0]
            assert (standing.held_micro, standing.spent_micro) == (0, cost)

    run(scenario)


def test_a_sensitive_payload_never_reaches_an_external_backend(database: str) -> None:
    """Over every class, fault and streaming: what the external one recorded is public, and it is reached at all."""

    async def scenario() -> None:
        own, external = OpenAiEmulator(key=KEY), OpenAiEmulator(key=KEY)
        async with emulated(own) as a, emulated(external) as b:
            near = openai_backend(a, "near", key="BACKEND_KEY")
            far = openai_backend(b, "far", Trust.EXTERNAL_SERVICE, key="BACKEND_KEY")
            tasks = tuple(
                Task(name=f"{data}-{n}", backends=names, data=data, input_tokens=1_000, output_tokens=100)
                for data in DataClass
                for n, names in enumerate((("near", "far"), ("far", "near"), ("far",)))
            )
            config = replace(CONFIG, tasks=tasks, backends=(near, far))
            async with running(database, config) as one:
                faults: tuple[Fault | None, ...] = (
                    None,
                    Fault(op="*", kind=Kind.STATUS, status=500),
                    Fault(op="*", kind=Kind.DROP, acts=True),
                )
                ways = tuple(zip(faults, (False, True, True), strict=True))
                cases = itertools.product(tasks, (None, *DataClass), ways)
                for task, said, (fault, stream) in cases:
                    own.faults.waiting.clear()
                    if fault is not None:
                        own.faults.add([fault])
                    one.runtime.health.clear()
                    order = list(DataClass)
                    data = min(task.data, said or task.data, key=order.index)
                    body = {
                        "model": task.name,
                        "messages": [{"role": "user", "content": f"class:{data}"}],
                        "stream": stream,
                    }
                    headers = {} if said is None else {"X-Outgrow-Data": said.value}
                    status, _, _ = await one.ask("POST", "/v1/chat/completions", json=body, headers=headers)
                    assert status < 500 or status in {502, 503}
                recorded = {json.dumps(call.body["messages"]) for call in external.calls}
                assert recorded == {'[{"role": "user", "content": "class:public"}]'}
                assert any("class:sensitive" in json.dumps(call.body) for call in own.calls)
                assert "class:" not in one.log.getvalue()

    run(scenario)
