"""Hears what PostgreSQL notifies, over a connection of its own that is made again when it is lost."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import AsyncConnection

    from outgrow.adapters.postgres.pool import Pool

AGAIN_S, MOST_AGAIN_S = 0.05, 2.0
QUIET_S = 10.0
"""After so long without a word the connection is asked whether it lives."""

KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 3, "keepalives_count": 3, "connect_timeout": 5}


async def listen(
    pool: Pool,
    channels: Sequence[str],
    heard: Callable[[str, str], None],
    connected: Callable[[], None],
) -> None:
    """Calls ``heard(channel, payload)`` for ever; ``connected`` whenever it listens (again): what was missed is read.

    What is notified while nobody listens is lost, so whoever listens also looks from time to time.
    """
    from psycopg import Error

    wait_s = AGAIN_S
    while True:
        try:
            async with await _connect(pool) as connection:
                for channel in channels:
                    await connection.execute(f"listen {channel}".encode())
                connected()
                wait_s = AGAIN_S
                await _hear(connection, heard)
        except (Error, OSError):
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, MOST_AGAIN_S)


async def _hear(connection: AsyncConnection[Any], heard: Callable[[str, str], None]) -> None:
    while True:
        async for note in connection.notifies(timeout=QUIET_S):
            heard(note.channel, note.payload)
        await asyncio.wait_for(connection.execute("select 1"), QUIET_S)


async def _connect(pool: Pool) -> AsyncConnection[tuple[Any, ...]]:
    import psycopg

    conninfo, kwargs = pool.conninfo, pool.kwargs
    assert isinstance(conninfo, str)
    assert not callable(kwargs)
    return await psycopg.AsyncConnection.connect(conninfo, **{**KEEPALIVE, **(kwargs or {}), "autocommit": True})
