"""The door: keys, scopes, limits, origins, bodies; and that every refusal is a problem document."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace

import psycopg

from outgrow.domain.backend import Limits, RateLimit
from outgrow.gateway.writes import Writes

from .instances import CONFIG, closed, run, running

JOB = {"task": "shout", "input": "hello"}


def test_without_a_key_there_is_a_problem_and_no_more(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            for secret in ("og_" + "x" * 43, "wrong", " "):
                status, told, headers = await one.ask("GET", "/v1/jobs", secret=secret)
                assert status == 401
                assert told["code"] == "bad-key"
                assert headers["Content-Type"] == "application/problem+json"
                assert headers["WWW-Authenticate"].startswith("Bearer")
            status, told, _ = await one.ask("GET", "/healthz")
            assert (status, told["status"]) == (200, "alive")
            status, told, _ = await one.ask("GET", "/readyz")
            assert (status, told["ready"]) == (200, True)

    run(scenario)


def test_keys_are_scoped_rotated_and_revoked(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            status, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "reader", "scopes": ["jobs.read"]})
            assert status == 201
            first = told["secret"]
            assert (await one.ask("GET", "/v1/jobs", secret=first))[0] == 200
            for method, path, body in (
                ("POST", "/v1/jobs", JOB),
                ("GET", "/v1/admin/keys", None),
                ("GET", "/metrics", None),
                ("POST", "/v1/chat/completions", {"model": "shout", "messages": [{"role": "user", "content": "x"}]}),
            ):
                status, told, _ = await one.ask(method, path, secret=first, json=body)
                assert (status, told["code"]) == (403, "key-scope"), path
            status, told, _ = await one.ask("POST", "/v1/admin/keys/reader/rotate", json={"overlap_s": 60})
            second = told["secret"]
            assert (await one.ask("GET", "/v1/jobs", secret=first))[0] == 200
            assert (await one.ask("GET", "/v1/jobs", secret=second))[0] == 200
            assert (await one.ask("DELETE", "/v1/admin/keys/reader"))[0] == 204
            for _ in range(100):
                if (await one.ask("GET", "/v1/jobs", secret=second))[0] == 401:
                    break
                await asyncio.sleep(0.02)
            assert (await one.ask("GET", "/v1/jobs", secret=first))[0] == 401
            _, audit, _ = await one.ask("GET", "/v1/admin/audit")
            assert [line["action"] for line in audit][:3] == ["key.revoke", "key.rotate", "key.create"]
            assert first not in one.log.getvalue()
            assert (await one.ask("POST", "/v1/admin/keys/nobody/rotate", json={}))[0] == 404
            assert (await one.ask("POST", "/v1/admin/keys", json={"name": "admin"}))[0] == 409
            assert (await one.ask("POST", "/v1/admin/keys", json={"name": "x", "scopes": ["all"]}))[0] == 422

    run(scenario)


def test_a_key_of_one_task_reaches_no_other_and_sees_only_its_jobs(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            _, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "a", "tasks": ["else"]})
            a = told["secret"]
            _, told, _ = await one.ask("POST", "/v1/admin/keys", json={"name": "b"})
            b = told["secret"]
            assert (await one.ask("POST", "/v1/jobs", secret=a, json=JOB))[1]["code"] == "key-scope"
            status, job, _ = await one.ask("POST", "/v1/jobs", secret=b, json=JOB)
            assert status == 202
            assert (await one.ask("GET", f"/v1/jobs/{job['id']}", secret=a))[0] == 404
            assert (await one.ask("DELETE", f"/v1/jobs/{job['id']}", secret=a))[0] == 404
            assert (await one.ask("GET", f"/v1/jobs/{job['id']}"))[0] == 200
            assert (await one.ask("GET", "/v1/jobs", secret=a))[1]["jobs"] == []
            assert len((await one.ask("GET", "/v1/jobs", secret=b))[1]["jobs"]) == 1

    run(scenario)


def test_two_a_second_with_a_burst_of_ten_lets_eleven_of_fifty_through(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, per_key=RateLimit(per_s=2.0, burst=10))
        now_ns = 10**18
        writes = Writes(config, lambda: now_ns)
        async with running(database, config, writes=writes) as one:
            answers = await asyncio.gather(*(one.ask("POST", "/v1/jobs", json=JOB) for _ in range(50)))
            assert sorted(status for status, _, _ in answers) == [202] * 11 + [429] * 39
            refused = next(answer for answer in answers if answer[0] == 429)
            assert refused[2]["Retry-After"] == "1"
            assert refused[1]["retry_after_s"] == 0.5
            now_ns += 400_000_000
            answers = await asyncio.gather(*(one.ask("POST", "/v1/jobs", json=JOB) for _ in range(50)))
            assert {status for status, _, _ in answers} == {429}
            now_ns += 100_000_000
            assert (await one.ask("POST", "/v1/jobs", json=JOB))[0] == 202
            assert (await one.ask("GET", "/v1/jobs"))[0] == 200

    run(scenario)


def test_users_of_one_key_have_limits_of_their_own(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, per_user=RateLimit(per_s=2.0, burst=0))
        async with running(database, config, writes=Writes(config, lambda: 10**18)) as one:
            for user in ("kim", "lee"):
                headers = {"X-Outgrow-User": user}
                assert (await one.ask("POST", "/v1/jobs", json=JOB, headers=headers))[0] == 202
                assert (await one.ask("POST", "/v1/jobs", json=JOB, headers=headers))[0] == 429

    run(scenario)


def test_foreign_hosts_and_origins_are_refused(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            status, told, _ = await one.ask("GET", "/v1/jobs", headers={"Host": "evil.example"})
            assert (status, told["code"]) == (421, "host")
            status, told, _ = await one.ask("POST", "/v1/jobs", json=JOB, headers={"Origin": "https://evil.example"})
            assert (status, told["code"]) == (403, "origin")
            assert (await one.ask("POST", "/v1/jobs", json=JOB, headers={"Origin": one.url}))[0] == 202

    run(scenario)


def test_a_body_too_large_or_too_slow_is_refused_before_it_is_there(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, limits=Limits(body_bytes=10_000, slow_s=0.3))
        async with running(database, config) as one:
            status, told, _ = await one.ask("POST", "/v1/jobs", data=b"x" * 20_000)
            assert (status, told["code"]) == (413, "body-too-large")

            async def parts() -> object:
                for _ in range(20):
                    yield b"x" * 1_000

            status, told, _ = await one.ask("POST", "/v1/jobs", data=parts())
            assert (status, told["code"]) == (413, "body-too-large")
            port = int(one.url.rpartition(":")[2])
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            head = f"POST /v1/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {one.secret}\r\n"
            writer.write(f"{head}Content-Length: 100\r\n\r\n{{".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
            await closed(writer)

    run(scenario)


def test_a_connection_that_sends_no_request_is_closed(database: str) -> None:
    async def scenario() -> None:
        config = replace(CONFIG, limits=Limits(slow_s=0.3))
        async with running(database, config) as one:
            port = int(one.url.rpartition(":")[2])
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
            for _, writer in silent[:10]:
                writer.write(b"GET /v1/jobs HTTP/1.1\r\nX-Slow: ")
            assert (await one.ask("GET", "/v1/jobs"))[0] == 200
            for reader, writer in silent:
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
                await closed(writer)
            assert one.runtime.waiting.shed == 20
            assert len(one.runtime.waiting) == 0
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"\x00\x01 nonsense\r\n\r\n")
            answer = await reader.read()
            assert b"400 Bad Request" in answer
            assert b"application/problem+json" in answer
            await closed(writer)

    run(scenario)


def test_more_silent_connections_than_may_wait_push_out_the_oldest(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            one.runtime.waiting.most = 5
            port = int(one.url.rpartition(":")[2])
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
            for reader, _ in silent[:7]:
                with contextlib.suppress(ConnectionResetError):
                    assert await reader.read() == b""
            assert (await one.ask("GET", "/v1/jobs"))[0] == 200
            for _, writer in silent:
                await closed(writer)

    run(scenario)


def test_every_refusal_is_a_problem_document(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            for method, path, more, expected in (
                ("GET", "/nowhere", {}, 404),
                ("PUT", "/v1/jobs", {}, 405),
                ("GET", "/v1/jobs/not-an-id", {}, 422),
                ("GET", "/v1/jobs?limit=0", {}, 422),
                ("GET", "/v1/jobs?task=%00", {}, 422),
                ("GET", "/v1/jobs/00000000-0000-0000-0000-000000000000", {}, 404),
                ("POST", "/v1/jobs", {"data": b"{", "headers": {"Content-Type": "application/json"}}, 400),
                ("POST", "/v1/jobs", {"data": b"[" * 100_000, "headers": {"Content-Type": "application/json"}}, 400),
                ("POST", "/v1/jobs", {"data": b"x", "headers": {"Content-Type": "text/plain"}}, 415),
                ("POST", "/v1/jobs", {"json": {"task": "nobody"}}, 404),
                ("POST", "/v1/jobs", {"json": {"task": "shout", "input": "\x00"}}, 400),
                ("POST", "/v1/jobs", {"json": {"task": "shout", "input": "\ud800"}}, 400),
                ("POST", "/v1/jobs", {"json": {"task": "shout", "inptu": 1}}, 422),
                ("POST", "/v1/jobs", {"json": {"task": "shout", "priority": 10**9}}, 422),
                ("POST", "/v1/jobs", {"json": {"task": "shout", "data": "secret"}}, 422),
                ("POST", "/v1/chat/completions", {"data": b"nonsense"}, 400),
                ("PUT", "/v1/chat/completions", {"data": b"{}"}, 405),
                ("GET", "/v1/jobs", {"headers": {"X-Outgrow-User": "x" * 200}}, 400),
            ):
                status, told, headers = await one.ask(method, path, **more)
                assert status == expected, (method, path, status, told)
                assert headers["Content-Type"] == "application/problem+json", (method, path)
                assert told["status"] == status
                assert told["detail"]

    run(scenario)


def test_without_a_database_requests_are_told_so_and_when_to_come_back(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            assert (await one.ask("GET", "/v1/jobs"))[0] == 200

            async def gone(*_: object, **__: object) -> object:
                raise psycopg.OperationalError("secret words of a driver")

            one.runtime.store.list = gone  # type: ignore[method-assign]
            status, told, headers = await one.ask("GET", "/v1/jobs")
            assert (status, told["code"], headers["Retry-After"]) == (503, "database", "1")
            assert "secret words" not in one.log.getvalue() + str(told)

    run(scenario)
