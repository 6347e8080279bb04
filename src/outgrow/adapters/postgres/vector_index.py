"""Builds the HNSW index of every collection that has grown past `INDEX_ROWS`, in the background.

``CREATE INDEX CONCURRENTLY``: reads and writes go on meanwhile. A build that was cut off leaves an invalid index, which
nothing uses; the next round drops it and builds anew (PostgreSQL cannot take a build up where it ended). Over all
instances one build of a collection runs at a time, by an advisory lock that dies with its connection.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql

from outgrow.adapters.postgres.vector_search import OPERATOR_CLASSES
from outgrow.adapters.postgres.vectors import index_name, table_of
from outgrow.catalog.vectors import hnsw_bytes
from outgrow.domain.collection import INDEX_ROWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from outgrow.adapters.postgres.vectors import VectorStore
    from outgrow.domain.collection import Collection

LOCKS: Final = 0x6F677676
"""The first half of the advisory locks of builds (``ogvv``); the second is the collection's id."""

BUILD_MIB: Final = 512
"""The most memory a build is given. A graph that outgrows it is finished on disk, many times slower."""

BETWEEN_S: Final = 30.0


class Indexer:
    """Tends the indexes of a store's collections."""

    def __init__(
        self,
        pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]],
        store: VectorStore,
        *,
        index_rows: int = INDEX_ROWS,
        build_mib: int = BUILD_MIB,
    ) -> None:
        """Builds from ``index_rows`` rows on, with at most ``build_mib`` MiB of memory."""
        self._pool = pool
        self._store = store
        self._index_rows = index_rows
        self._build_mib = build_mib

    async def run(self, told: Callable[[str, Exception | None], None], *, between_s: float = BETWEEN_S) -> None:
        """Tends until cancelled. ``told`` hears of every index that was built, and of every build that failed."""
        while True:
            for collection in await self._or_nothing(told):
                try:
                    if await self.tend(collection):
                        told(collection.name, None)
                except Exception as problem:  # noqa: BLE001 - one that fails must not stop the others
                    told(collection.name, problem)
            await asyncio.sleep(between_s)

    async def _or_nothing(self, told: Callable[[str, Exception | None], None]) -> tuple[Collection, ...]:
        try:
            return await self._store.list()
        except Exception as problem:  # noqa: BLE001 - the database may be away for a while
            told("", problem)
            return ()

    async def tend(self, collection: Collection) -> bool:
        """Builds the index if it is due and nobody does; True when it was built now."""
        async with self._pool.connection() as connection:
            if not await self._due(connection, collection):
                return False
            row = await (
                await connection.execute("select pg_try_advisory_lock(%s, %s)", [LOCKS, collection.id])
            ).fetchone()
            if row != (True,):
                return False
            try:
                if not await self._due(connection, collection):
                    return False
                await self._build(connection, collection)
            except errors.UndefinedTable:
                return False  # dropped meanwhile
            finally:
                if not connection.closed:
                    await connection.execute("select pg_advisory_unlock(%s, %s)", [LOCKS, collection.id])
        return True

    async def _due(self, connection: AsyncConnection[Any], collection: Collection) -> bool:
        """No index that is valid, and rows enough; they are counted no further than that."""
        if await _valid(connection, collection):
            return False
        table = table_of(collection)
        try:
            cursor = await connection.execute(
                sql.SQL("select count(*) from (select from {} limit %s) as counted").format(table), [self._index_rows]
            )
        except errors.UndefinedTable:
            return False
        row = await cursor.fetchone()
        return row is not None and row[0] >= self._index_rows

    async def _build(self, connection: AsyncConnection[Any], collection: Collection) -> None:
        table, index = table_of(collection), sql.Identifier(index_name(collection))
        count = await (await connection.execute(sql.SQL("select count(*) from {}").format(table))).fetchone()
        rows = count[0] if count else 0
        await connection.execute(
            sql.SQL("drop index concurrently if exists {}").format(sql.Identifier("outgrow", index_name(collection)))
        )
        await self._give_memory(connection, rows, collection.dimensions)
        try:
            await connection.execute(
                sql.SQL("create index concurrently {} on {} using hnsw ((embedding::halfvec({})) {})").format(
                    index, table, sql.Literal(collection.dimensions), OPERATOR_CLASSES[collection.metric]
                )
            )
            await connection.execute(sql.SQL("analyze {}").format(table))
        finally:
            if not connection.closed:
                for setting in ("maintenance_work_mem", "max_parallel_maintenance_workers", "statement_timeout"):
                    await connection.execute(sql.SQL("reset {}").format(sql.Identifier(setting)))

    async def _give_memory(self, connection: AsyncConnection[Any], rows: int, dimensions: int) -> None:
        """What the graph takes and a half, within the bound. One process: the other cores go on serving."""
        wanted_mib = min(self._build_mib, max(64, round(hnsw_bytes(rows, dimensions) * 1.5 / 2**20)))
        await connection.execute(
            "select set_config('maintenance_work_mem', %s, false),"
            " set_config('max_parallel_maintenance_workers', '0', false), set_config('statement_timeout', '0', false)",
            [f"{wanted_mib}MB"],
        )


async def _valid(connection: AsyncConnection[Any], collection: Collection) -> bool:
    cursor = await connection.execute(
        "select indisvalid from pg_index where indexrelid = to_regclass(%s)", [f"outgrow.{index_name(collection)}"]
    )
    return await cursor.fetchone() == (True,)
