"""Searches a collection: nearest by vector, best by text, or both fused by reciprocal ranks.

With an index the nearest are found in half precision (iterative scan: a filter makes it look on, not answer less) and
put in order in full precision. Where the planner expects a filter to leave few rows, those are compared instead: as
quick, and none is missed. An iterative scan gives up after ``hnsw.max_scan_tuples``; when it came back with fewer rows
than were asked for, every row is compared, so that a filter never hides a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from psycopg import sql

from outgrow.adapters.postgres.filters import compile_filter
from outgrow.adapters.postgres.grams import query_grams, query_phrases
from outgrow.adapters.postgres.storable import storable
from outgrow.adapters.postgres.vector_type import packed, register
from outgrow.domain.collection import FUSION_K, Found, Language, Match, Metric, Mode, Words
from outgrow.domain.errors import VectorError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from outgrow.domain.collection import Collection, Query

FEW_ROWS: Final = 5000
"""So many rows that a filter leaves are compared one by one: about 5 ms at 384 dimensions (measured)."""

MOST_MATCHES: Final = 200
MOST_DEPTH: Final = 1000
LONGEST_QUERY: Final = 2000

OPERATORS: Final = {Metric.COSINE: sql.SQL("<=>"), Metric.L2: sql.SQL("<->"), Metric.IP: sql.SQL("<#>")}
OPERATOR_CLASSES: Final = {
    Metric.COSINE: sql.SQL("halfvec_cosine_ops"),
    Metric.L2: sql.SQL("halfvec_l2_ops"),
    Metric.IP: sql.SQL("halfvec_ip_ops"),
}

NEAREST: Final = """
near as materialized (
    select id, embedding {operator} %(vector)s as distance from {table} where {where}
    order by {order} limit %(wide)s
), by_vector as (
    select id, distance, row_number() over (order by distance, id) as rank from near
    order by distance, id limit %(depth)s
)"""

BEST: Final = """
query as (select {tsquery} as words), by_text as (
    select id, relevance, row_number() over (order by relevance desc, id) as rank
    from (
        select id, ts_rank(kept.words, query.words, 1) as relevance from {table} as kept, query
        where kept.words @@ query.words and {where}
        order by relevance desc, id limit %(depth)s
    ) as best
)"""

ONLY_VECTOR: Final = """
select found.id, distance, null::real, text, metadata, (select count(*) from by_vector)
from by_vector as found join {table} using (id) order by rank limit %(limit)s"""

ONLY_TEXT: Final = """
select found.id, null::real, relevance, text, metadata, 0
from by_text as found join {table} using (id) order by rank limit %(limit)s"""

FUSED: Final = """
select id, found.distance, found.score, text, metadata, (select count(*) from by_vector)
from (
    select id, by_vector.distance,
        coalesce(1.0 / (%(fusion)s + by_vector.rank), 0) + coalesce(1.0 / (%(fusion)s + by_text.rank), 0) as score
    from by_vector full join by_text using (id) order by score desc, id limit %(limit)s
) as found join {table} using (id) order by score desc, id"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A query whose every part was checked."""

    statement: str
    parts: dict[str, sql.Composable]
    values: dict[str, Any]
    depth: int
    ef_search: int


async def search(
    connection: AsyncConnection[Any],
    collection: Collection,
    table: sql.Identifier,
    index: str,
    query: Query,
    few_rows: int = FEW_ROWS,
) -> Found:
    """The matches, in the transaction that is open. Raises `VectorError` for a query that is not as it may be."""
    asked = _asked(collection, table, query)
    await register(connection)
    indexed = query.vector is not None and query.mode is Mode.AUTO and await _has_index(connection, index)
    if indexed and query.where is not None and await _expected_rows(connection, asked) <= few_rows:
        indexed = False
    if indexed:
        await connection.execute(
            "select set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)",
            [str(asked.ef_search)],
        )
        rows = await _run(connection, collection, asked, indexed=True)
        if rows and rows[0][5] >= asked.depth:
            return _found(rows, indexed=True)
    return _found(await _run(connection, collection, asked, indexed=False), indexed=False)


async def _has_index(connection: AsyncConnection[Any], index: str) -> bool:
    cursor = await connection.execute(
        "select indisvalid from pg_index where indexrelid = to_regclass(%s)", [f"outgrow.{index}"]
    )
    return await cursor.fetchone() == (True,)


async def _expected_rows(connection: AsyncConnection[Any], asked: _Asked) -> int:
    """How many rows the planner thinks the filter leaves. It counts nothing, so this is quick and may be wrong."""
    statement = sql.SQL("explain (format json) select from {table} where {where}").format(**asked.parts)
    row = await (await connection.execute(statement, asked.values, prepare=False)).fetchone()
    return int(row[0][0]["Plan"]["Plan Rows"]) if row else 0


async def _run(connection: AsyncConnection[Any], collection: Collection, asked: _Asked, *, indexed: bool) -> list[Any]:
    """The rows. Never prepared: a plan made without the filter's values and the limit would be a guess."""
    statement, values = _statement(collection, asked, indexed=indexed)
    return await (await connection.execute(statement, values, prepare=False)).fetchall()


def _statement(collection: Collection, asked: _Asked, *, indexed: bool) -> tuple[sql.Composed, dict[str, Any]]:
    """Only the order by the half-precise expression can be answered by the index; the other never is."""
    operator, dimensions = OPERATORS[collection.metric], sql.Literal(collection.dimensions)
    half = sql.SQL("embedding::halfvec({0}) {1} %(vector)s::halfvec({0})").format(dimensions, operator)
    full = sql.SQL("embedding {} %(vector)s, id").format(operator)
    statement = sql.SQL(asked.statement).format(**asked.parts, order=half if indexed else full, operator=operator)
    wide = asked.depth + max(10, asked.depth // 2) if indexed else asked.depth
    return statement, {**asked.values, "wide": wide}


def _found(rows: list[Any], *, indexed: bool) -> Found:
    return Found(
        matches=tuple(
            Match(
                id=row[0],
                distance=None if row[1] is None else float(row[1]),
                score=None if row[2] is None else float(row[2]),
                text=row[3],
                metadata=row[4],
            )
            for row in rows
        ),
        indexed=indexed,
    )


def _asked(collection: Collection, table: sql.Identifier, query: Query) -> _Asked:
    if query.vector is None and not query.text:
        raise VectorError("query: found neither vector nor text; allowed: one of them or both")
    depth = _depth(query)
    condition = compile_filter(query.where)
    values: dict[str, Any] = {**condition.values, "limit": query.limit, "depth": depth, "fusion": FUSION_K}
    parts: dict[str, sql.Composable] = {"table": table, "where": condition.sql}
    tables = []
    if query.vector is not None:
        values["vector"] = packed(query.vector, collection, "query.vector")
        tables.append(NEAREST)
    if query.text:
        parts["tsquery"], values["text"] = _tsquery(collection.language, query.text, query.words)
        tables.append(BEST)
    answer = FUSED if len(tables) == 2 else ONLY_TEXT if query.text else ONLY_VECTOR
    statement = f"with {','.join(tables)}{answer}"
    return _Asked(statement=statement, parts=parts, values=values, depth=depth, ef_search=_ef_search(query, depth))


def _depth(query: Query) -> int:
    """How many rows each list has: what was asked for, or for a hybrid search what fusion wants."""
    if not 1 <= query.limit <= MOST_MATCHES:
        raise VectorError(f"query.limit: found {query.limit}; allowed: 1 to {MOST_MATCHES}")
    if query.depth is not None and not query.limit <= query.depth <= MOST_DEPTH:
        raise VectorError(f"query.depth: found {query.depth}; allowed: from limit ({query.limit}) to {MOST_DEPTH}")
    if query.vector is None or not query.text:
        return query.limit
    return query.depth or max(50, 4 * query.limit)


def _ef_search(query: Query, depth: int) -> int:
    if not 1 <= query.ef_search <= 1000:
        raise VectorError(f"query.ef_search: found {query.ef_search}; allowed: 1 to 1000")
    return min(1000, max(query.ef_search, depth))


def _tsquery(language: Language, text: str, words: Words) -> tuple[sql.Composable, str]:
    """The expression of the query and the value of its parameter ``text``.

    For any of the words, the "and" between them (PostgreSQL makes no other with ``plainto_tsquery``) becomes "or".
    """
    if len(text) > LONGEST_QUERY or not storable(text):
        raise VectorError(f"query.text: allowed: at most {LONGEST_QUERY} characters, without NUL")
    korean = language is Language.KOREAN
    configuration = sql.Literal("simple" if korean else language.value)
    if words is Words.ALL:
        made = sql.SQL("websearch_to_tsquery({}::regconfig, %(text)s)").format(configuration)
        return made, query_phrases(text) if korean else text
    made = sql.SQL("replace(plainto_tsquery({}::regconfig, %(text)s)::text, ' & ', ' | ')::tsquery").format(
        configuration
    )
    return made, query_grams(text) if korean else text
