"""Collections on pgvector: made, filled, emptied, dropped. `outgrow.adapters.postgres.vector_search` searches them.

Each collection is a table of its own, ``outgrow.vectors_<id>``, and not a partition of one table. An HNSW index wants
one number of dimensions; PostgreSQL builds no index concurrently on a partitioned table; a collection that is dropped
gives its disk back at once; and vacuum, statistics and the planner see one kind of metadata. It costs a role that may
create tables, and a few rows of catalog each: `MOST_COLLECTIONS` bounds them. The table is named by a number, so no
name of a user is ever an identifier.

Vectors are kept in full precision, and exact mode compares those. The index holds them in half precision, which is
about half its size and loses no recall (measured); what it finds is put in order by the full ones.
"""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from psycopg import errors, sql
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from outgrow.adapters.postgres.filters import compile_filter
from outgrow.adapters.postgres.grams import document_grams
from outgrow.adapters.postgres.storable import storable
from outgrow.adapters.postgres.vector_search import FEW_ROWS, search
from outgrow.adapters.postgres.vector_type import packed, register
from outgrow.domain.collection import MOST_DIMENSIONS, Collection, IndexState, Item, Language, Metric, Stored, Upserted
from outgrow.domain.errors import CollectionConflict, UnknownCollection, VectorError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from outgrow.domain.collection import Found, Query

NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ESCAPED_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
MOST_COLLECTIONS: Final = 1000
MOST_ITEMS: Final = 1000
LONGEST_ID: Final = 200
LONGEST_TEXT: Final = 20_000
"""Characters; its words must fit into the 1 MB of a ``tsvector`` whatever they are."""

LARGEST_METADATA: Final = 16_384
DROP_WAIT: Final = "5s"
SELECT: Final = "select id, name, dimensions, metric, language, embed_task, created_at from outgrow.collection"
INSERT: Final = (
    "insert into outgrow.collection (name, dimensions, metric, language, embed_task) values (%s, %s, %s, %s, %s)"
    " returning id, name, dimensions, metric, language, embed_task, created_at"
)


def table_of(collection: Collection) -> sql.Identifier:
    """The table of a collection."""
    return sql.Identifier("outgrow", f"vectors_{collection.id}")


def index_name(collection: Collection) -> str:
    """The name of its HNSW index."""
    return f"vectors_{collection.id}_hnsw"


class VectorStore:
    """The collections of a database. Every method is one transaction."""

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]], *, few_rows: int = FEW_ROWS
    ) -> None:
        """Works through ``pool``; where a filter leaves at most ``few_rows`` rows, no index is used."""
        self._pool = pool
        self._few_rows = few_rows

    async def create(self, wanted: Collection) -> tuple[Collection, bool]:
        """The collection, and whether it is new. The same asked for again is the same one.

        Raises `CollectionConflict` when its name has other settings.
        """
        _check_collection(wanted)
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(hashtext('outgrow.collection'))")
            found = await _find(connection, wanted.name)
            if found is not None:
                if _settings(found) != _settings(wanted):
                    raise CollectionConflict(
                        f"collection {wanted.name}: is there with {_told(found)}; asked for {_told(wanted)}",
                        hint="take another name, or drop it first",
                    )
                return found, False
            count = await (await connection.execute("select count(*) from outgrow.collection")).fetchone()
            if count is not None and count[0] >= MOST_COLLECTIONS:
                raise CollectionConflict(f"collection {wanted.name}: there are {count[0]}; that is the most")
            made = await _register(connection, wanted)
            await _create_table(connection, made)
        return made, True

    async def get(self, name: str) -> Collection:
        """The collection. Raises `UnknownCollection`."""
        async with self._pool.connection() as connection:
            return await _one(connection, name)

    async def list(self) -> tuple[Collection, ...]:
        """All of them, by name."""
        async with self._pool.connection() as connection, connection.cursor(row_factory=BY_NAME) as rows:
            await rows.execute(SELECT + " order by name")
            return tuple(await rows.fetchall())

    async def drop(self, name: str) -> None:
        """Drops it with all that is in it. Raises `CollectionConflict` while its index is being built."""
        async with self._pool.connection() as connection, connection.transaction():
            collection = await _one(connection, name)
            await connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(DROP_WAIT)))
            try:
                await connection.execute(sql.SQL("drop table if exists {}").format(table_of(collection)))
            except errors.LockNotAvailable:
                raise CollectionConflict(
                    f"collection {name}: in use, or its index is being built", hint="try again when that is done"
                ) from None
            await connection.execute("delete from outgrow.collection where id = %s", [collection.id])

    async def upsert(self, name: str, items: Sequence[Item]) -> Upserted:
        """Stores the items, all or none; one that is there as given is left alone, so that repeating is free.

        Raises `VectorError` for the first item that is not as it may be, with its place.
        """
        async with self._in(name) as (connection, collection):
            rows = _rows(items, collection)
            if not rows:
                return Upserted(inserted=0, updated=0, unchanged=0)
            await register(connection)
            cursor = await connection.execute(_upsert_of(collection), _columns(rows))
            told = [row[0] for row in await cursor.fetchall()]
        return Upserted(inserted=sum(told), updated=len(told) - sum(told), unchanged=len(rows) - len(told))

    async def delete(self, name: str, ids: Sequence[str] | None = None, where: Any = None) -> int:
        """How many rows were there and are gone: those with these ids, or those that the filter lets through."""
        if (ids is None) == (where is None):
            raise VectorError("delete: give either ids or where")
        async with self._in(name) as (connection, collection):
            delete = sql.SQL("delete from {} where ").format(table_of(collection))
            if ids is None:
                condition = compile_filter(where)
                cursor = await connection.execute(delete + condition.sql, condition.values)
            else:
                _check_ids(ids)
                cursor = await connection.execute(delete + sql.SQL("id = any(%s::text[])"), [list(ids)])
        return cursor.rowcount

    async def fetch(self, name: str, ids: Sequence[str]) -> tuple[Item, ...]:
        """The rows with these ids, by id; what is not there is left out."""
        _check_ids(ids)
        async with self._in(name) as (connection, collection):
            cursor = await connection.execute(
                sql.SQL(
                    "select id, embedding::real[], text, metadata from {} where id = any(%s::text[]) order by id"
                ).format(table_of(collection)),
                [list(ids)],
            )
            rows = await cursor.fetchall()
        return tuple(Item(id=row[0], vector=tuple(row[1]), text=row[2], metadata=row[3]) for row in rows)

    async def search(self, name: str, query: Query) -> Found:
        """The best matches (`Query` says by what). Raises `VectorError` for a query that is not as it may be."""
        async with self._in(name) as (connection, collection):
            table, index = table_of(collection), index_name(collection)
            return await search(connection, collection, table, index, query, self._few_rows)

    async def stored(self, name: str) -> Stored:
        """Rows and bytes, counted now."""
        async with self._in(name) as (connection, collection):
            table = table_of(collection).as_string()
            cursor = await connection.execute(
                sql.SQL(
                    "select (select count(*) from {}), pg_table_size(%(table)s), pg_indexes_size(%(table)s),"
                    " coalesce(pg_relation_size(to_regclass(%(index)s)), 0),"
                    " (select indisvalid from pg_index where indexrelid = to_regclass(%(index)s))"
                ).format(table_of(collection)),
                {"table": table, "index": f"outgrow.{index_name(collection)}"},
            )
            rows, table_bytes, all_bytes, hnsw_bytes, valid = await cursor.fetchone() or (0, 0, 0, 0, None)
        state = IndexState.NONE if valid is None else IndexState.READY if valid else IndexState.UNFINISHED
        return Stored(
            rows=rows, table_bytes=table_bytes, hnsw_bytes=hnsw_bytes, indexes_bytes=all_bytes - hnsw_bytes, index=state
        )

    @asynccontextmanager
    async def _in(self, name: str) -> AsyncIterator[tuple[AsyncConnection[Any], Collection]]:
        """A transaction on a collection; one that is dropped meanwhile is unknown."""
        try:
            async with self._pool.connection() as connection, connection.transaction():
                yield connection, await _one(connection, name)
        except errors.UndefinedTable:
            raise _unknown(name) from None


def _collection(metric: str, language: str, **columns: Any) -> Collection:
    return Collection(metric=Metric(metric), language=Language(language), **columns)


BY_NAME: Final = kwargs_row(_collection)


async def _find(connection: AsyncConnection[Any], name: str) -> Collection | None:
    async with connection.cursor(row_factory=BY_NAME) as rows:
        await rows.execute(SELECT + " where name = %s", [name])
        return await rows.fetchone()


async def _one(connection: AsyncConnection[Any], name: str) -> Collection:
    found = await _find(connection, name) if NAME.fullmatch(name) else None
    if found is None:
        raise _unknown(name)
    return found


def _unknown(name: str) -> UnknownCollection:
    shown = name if NAME.fullmatch(name) else "of that name"
    return UnknownCollection(f"collection {shown}: there is none", hint="create it first")


async def _register(connection: AsyncConnection[Any], wanted: Collection) -> Collection:
    async with connection.cursor(row_factory=BY_NAME) as rows:
        await rows.execute(INSERT, _settings(wanted))
        made = await rows.fetchone()
    assert made is not None
    return made


async def _create_table(connection: AsyncConnection[Any], made: Collection) -> None:
    table, prefix = table_of(made), f"vectors_{made.id}"
    statements = (  # a row stays in one piece up to a page: an exact scan then reads nothing but the table
        (
            "create table {table} (id text primary key, embedding vector({dimensions}) not null, text text not null,"
            " metadata jsonb not null, words tsvector not null) with (toast_tuple_target = 8160)"
        ),
        "create index {metadata} on {table} using gin (metadata jsonb_path_ops)",
        "create index {words} on {table} using gin (words)",
    )
    for statement in statements:
        await connection.execute(
            sql.SQL(statement).format(
                table=table,
                dimensions=sql.Literal(made.dimensions),
                metadata=sql.Identifier(f"{prefix}_metadata"),
                words=sql.Identifier(f"{prefix}_words"),
            )
        )


def _settings(collection: Collection) -> tuple[str, int, str, str, str | None]:
    return (
        collection.name,
        collection.dimensions,
        collection.metric.value,
        collection.language.value,
        collection.embed_task,
    )


def _told(collection: Collection) -> str:
    _, dimensions, metric, language, task = _settings(collection)
    return f"{dimensions} dimensions, {metric}, {language}, " + (f"embed_task {task}" if task else "no embed_task")


def _check_collection(wanted: Collection) -> None:
    if not NAME.fullmatch(wanted.name):
        raise VectorError("collection name: allowed are 1 to 63 of a-z, 0-9, - and _, beginning with a letter or digit")
    if not 1 <= wanted.dimensions <= MOST_DIMENSIONS:
        raise VectorError(
            f"collection {wanted.name} dimensions: found {wanted.dimensions}; allowed: 1 to {MOST_DIMENSIONS}"
        )


def _rows(items: Sequence[Item], collection: Collection) -> list[tuple[Any, ...]]:
    """The columns of each item, by id: batches that meet then wait for each other and never in a circle."""
    if len(items) > MOST_ITEMS:
        raise VectorError(f"items: found {len(items)}; allowed: at most {MOST_ITEMS} at once")
    _check_ids([item.id for item in items], "items")
    if len({item.id for item in items}) < len(items):
        raise VectorError("items: an id is there twice; allowed: each id once in a request")
    rows = [_row(item, collection, f"items[{at}]") for at, item in enumerate(items)]
    return sorted(rows, key=lambda row: row[0])


def _row(item: Item, collection: Collection, at: str) -> tuple[Any, ...]:
    if len(item.text) > LONGEST_TEXT or not storable(item.text):
        raise VectorError(f"{at}.text: allowed: at most {LONGEST_TEXT} characters, without NUL; cut it into parts")
    try:
        metadata = json.dumps(item.metadata, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise VectorError(f"{at}.metadata: is no JSON; NaN and infinite numbers are not allowed") from None
    if not isinstance(item.metadata, dict) or not _fits(metadata):
        raise VectorError(f"{at}.metadata: allowed: an object of at most {LARGEST_METADATA} bytes, without NUL")
    words = document_grams(item.text) if collection.language is Language.KOREAN else item.text
    return (item.id, packed(item.vector, collection, f"{at}.vector"), item.text, Jsonb(item.metadata), words)


def _fits(metadata: str) -> bool:
    return storable(metadata) and ESCAPED_NUL.search(metadata) is None and len(metadata.encode()) <= LARGEST_METADATA


def _check_ids(ids: Sequence[str], at: str = "ids") -> None:
    if len(ids) > MOST_ITEMS:
        raise VectorError(f"{at}: found {len(ids)}; allowed: at most {MOST_ITEMS} at once")
    for index, one in enumerate(ids):
        if not isinstance(one, str) or not 0 < len(one) <= LONGEST_ID or not storable(one):
            raise VectorError(f"{at}[{index}]: an id has 1 to {LONGEST_ID} characters, without NUL")


def _upsert_of(collection: Collection) -> sql.Composed:
    return sql.SQL(
        "insert into {table} as kept (id, embedding, text, metadata, words)"
        " select id, embedding, text, metadata, to_tsvector({configuration}::regconfig, words)"
        " from unnest(%s::text[], %b::vector[], %s::text[], %s::jsonb[], %s::text[])"
        " as given (id, embedding, text, metadata, words)"
        " on conflict (id) do update set embedding = excluded.embedding, text = excluded.text,"
        " metadata = excluded.metadata, words = excluded.words"
        " where (kept.embedding, kept.text, kept.metadata)"
        " is distinct from (excluded.embedding, excluded.text, excluded.metadata)"
        " returning xmax = 0"
    ).format(table=table_of(collection), configuration=sql.Literal(configuration(collection.language)))


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]


def configuration(language: Language) -> str:
    """The text search configuration of PostgreSQL behind a language."""
    return "simple" if language is Language.KOREAN else language.value
