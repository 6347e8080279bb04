"""The pool: it outlives a restart of its server, and a server that cannot be reached is said to be so."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

import psycopg
import pytest

from outgrow.adapters.postgres import connect
from outgrow.adapters.postgres.connect import open_pool
from outgrow.domain.errors import DatabaseError

from .servers import Server

if TYPE_CHECKING:
    from pathlib import Path

    from psycopg_pool import AsyncConnectionPool


async def running(server: Server) -> int:
    for _ in range(500):  # the last answer may have come from a child of the killed server
        if (pid := server.pid) is not None:
            return pid
        await asyncio.sleep(0.02)
    raise AssertionError("the server did not come back")


def test_a_pool_goes_on_after_its_server_was_killed(home: Path) -> None:
    server = Server(home)
    url = server.start()

    async def answer(pool: AsyncConnectionPool, number: int) -> int:
        for _ in range(100):
            try:
                async with pool.connection() as connection:
                    cursor = await connection.execute("select %s::int, current_setting('application_name')", [number])
                    row = await cursor.fetchone()
            except psycopg.OperationalError:  # in flight when the server died
                await asyncio.sleep(0.05)
            else:
                assert row == (number, "a test")
                return number
        raise AssertionError("the pool did not come back")

    async def played() -> list[int]:
        async with open_pool(url, most=3, name="a test") as pool:
            watch = asyncio.create_task(server.keep())
            answers = []
            for number in range(3):
                answers.append(await answer(pool, number))
                if number < 2:
                    os.kill(await running(server), signal.SIGKILL)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        return answers

    assert asyncio.run(played()) == [0, 1, 2]


def test_a_server_that_is_not_there_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "CONNECT_S", 1.0)

    async def played() -> None:
        async with open_pool(f"postgresql://u:hunter2@/outgrow?host={tmp_path}"):
            pass

    with pytest.raises(DatabaseError, match="no connection within 1 s") as told:
        asyncio.run(played())
    assert "hunter2" not in told.value.message
