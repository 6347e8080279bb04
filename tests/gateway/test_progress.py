"""Progress: told as it happens over WebSocket and SSE, resumed without a gap, on any instance, and no slower for one."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import aiohttp
import pytest

from outgrow.adapters.postgres.events import Event
from outgrow.gateway import progress
from outgrow.gateway.hub import MOST_PENDING, Hub, Slot, Wanted

from .instances import Running, closed, run, running, until

STEPS = {"task": "shout", "input": {"steps": 3}}


def auth(one: Running) -> dict[str, str]:
    return {"Authorization": f"Bearer {one.secret}"}


async def heard(one: Running, path: str, most: int = 100) -> list[dict[str, Any]]:
    found = []
    async with one.session.ws_connect(one.url.replace("http", "ws") + path, headers=auth(one)) as socket:
        async for message in socket:
            found.append(json.loads(message.data))
            if len(found) == most:
                break
    return found


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["kind"] for event in events]


def test_a_websocket_hears_a_job_to_its_end_and_resumes_where_it_was(database: str) -> None:
    async def scenario() -> None:
        async with running(database, works=True) as one:
            _, job, _ = await one.ask("POST", "/v1/jobs", json=STEPS)
            path = f"/v1/jobs/{job['id']}/ws"
            first = await heard(one, path, most=2)
            rest = await heard(one, f"{path}?after={first[-1]['id']}")
            whole = await heard(one, path)
            assert first + rest == whole
            assert kinds(whole)[0] == "queued"
            assert kinds(whole)[-1] == "succeeded"
            assert "progress" in kinds(whole)
            assert (whole[0]["job"], [e["id"] for e in whole]) == (job["id"], sorted(e["id"] for e in whole))
            async with one.session.ws_connect(f"{one.url}{path}?after=x", headers=auth(one)) as socket:
                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
                assert socket.close_code == 4400

    run(scenario)


def test_a_websocket_without_a_key_or_of_another_s_job_is_refused_with_a_problem(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            _, job, _ = await one.ask("POST", "/v1/jobs", json=STEPS)
            _, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "other"})
            for headers, origin, status in (
                ({}, None, 401),
                ({"Authorization": f"Bearer {told['secret']}"}, None, 404),
                (auth(one), "https://evil.example", 403),
            ):
                with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                    await one.session.ws_connect(f"{one.url}/v1/jobs/{job['id']}/ws", headers=headers, origin=origin)
                assert caught.value.status == status
                assert caught.value.headers["Content-Type"] == "application/problem+json"
            offered = ("outgrow", f"bearer.{one.secret}")
            async with one.session.ws_connect(f"{one.url}/v1/jobs/{job['id']}/ws", protocols=offered) as socket:
                assert socket.protocol == "outgrow"
                assert not socket.compress
                assert json.loads((await socket.receive()).data)["kind"] == "queued"

    run(scenario)


def test_server_sent_events_are_the_same_and_end_with_the_job(database: str) -> None:
    async def scenario() -> None:
        async with running(database, works=True) as one:
            _, job, _ = await one.ask("POST", "/v1/jobs", json=STEPS)
            path = f"/v1/jobs/{job['id']}/events"
            status, raw, headers = await one.ask("GET", path)
            assert (status, headers["Content-Type"].partition(";")[0]) == (200, "text/event-stream")
            events = [block.splitlines() for block in raw.decode().split("\n\n") if block.startswith("id:")]
            told = [json.loads(lines[2].removeprefix("data: ")) for lines in events]
            assert told == await heard(one, path.replace("/events", "/ws"))
            assert events[0][1] == "event: queued"
            after = {"Last-Event-ID": str(told[-2]["id"])}
            _, raw, _ = await one.ask("GET", path, headers=after)
            assert raw.decode().count("id: ") == 1
            status, _, _ = await one.ask("GET", path, headers={"Last-Event-ID": str(told[-1]["id"])})
            assert status == 204

    run(scenario)


def test_an_event_of_one_instance_reaches_a_client_of_another_which_goes_on_when_one_ends(database: str) -> None:
    async def scenario() -> None:
        async with running(database, works=True) as one:
            async with (
                running(database) as two,
                two.session.ws_connect(f"{two.url}/v1/events/ws", headers=auth(two)) as socket,
            ):
                _, job, _ = await one.ask("POST", "/v1/jobs", json=STEPS, secret=two.secret)
                first = json.loads((await socket.receive()).data)
                assert (first["job"], first["kind"]) == (job["id"], "queued")
            rest = await heard(
                Running(one.url, one.runtime, one.log, two.secret, one.session),
                f"/v1/events/ws?after={first['id']}",
                most=4,
            )
            whole = await heard(
                Running(one.url, one.runtime, one.log, two.secret, one.session), f"/v1/jobs/{job['id']}/ws"
            )
            assert [first, *rest] == whole[:5]

    run(scenario)


def test_streams_end_when_the_instance_shuts_down(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            _, job, _ = await one.ask("POST", "/v1/jobs", json=STEPS)
            socket = await one.session.ws_connect(f"{one.url}/v1/jobs/{job['id']}/ws", headers=auth(one))
            stream = await one.session.get(f"{one.url}/v1/events", headers=auth(one))
            assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT
            one.runtime.draining.set()
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == 1001
            assert b"retry:" in await stream.read()
            status, told, headers = await one.ask("POST", "/v1/jobs", json=STEPS)
            assert (status, told["code"], headers["Retry-After"]) == (503, "draining", "5")
            assert (await one.ask("GET", "/readyz"))[0] == 503

    run(scenario)


def test_a_client_that_does_not_read_is_cut_off_and_the_others_are_not_held_up(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "SEND_S", 0.2)

    async def scenario() -> None:
        async with running(database) as one:
            port = int(one.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
            writer.write(
                f"GET /v1/events/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                f"Authorization: Bearer {one.secret}\r\n\r\n".encode()
            )
            assert b"101" in await reader.readline()
            async with one.session.ws_connect(f"{one.url}/v1/events/ws", headers=auth(one)) as socket:
                await until(lambda: len(one.runtime.hub) == 2)
                await one.ask("POST", "/v1/jobs", json=STEPS)
                template = json.loads((await socket.receive()).data)
                for number in range(200):
                    one.runtime.hub.publish(big(template, number))
                    await asyncio.sleep(0)
                    assert (await socket.receive()).type is aiohttp.WSMsgType.TEXT
                await until(lambda: len(one.runtime.hub) == 1)
                await until(lambda: one.runtime.metrics.value("outgrow_progress_lagged_total") == 1)
            await closed(writer)

    run(scenario)


def big(template: dict[str, Any], number: int) -> Event:
    return Event(
        id=template["id"] + 1 + number,
        job=UUID(template["job"]),
        key="admin",
        at=datetime.now(UTC),
        kind="queued",
        data={"text": "x" * 100_000},
    )


def test_of_progress_a_slot_keeps_the_newest_of_states_all_up_to_a_bound() -> None:
    async def scenario() -> None:
        template = {"id": 0, "job": "00000000-0000-0000-0000-000000000001"}
        events = [big(template, number) for number in range(10)]
        slot = Slot(Wanted())
        for event in events:
            slot.put(replace(event, kind="progress") if event.id > 2 else event)
        assert [event.id for event in await slot.take()] == [1, 2, 10]
        hub = Hub()
        slot = hub.open(Wanted(key="admin"))
        other = hub.open(Wanted(key="other"))
        for number in range(MOST_PENDING + 1):
            hub.publish(big(template, number))
        assert slot.lagged
        assert await slot.take() == []
        assert not other._pending

    run(scenario)
