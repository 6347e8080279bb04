"""Collections on a real pgvector: what is stored, found, fused, refused, and indexed in the background."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import random
import re
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from psycopg import sql

from outgrow.adapters.postgres import vector_search
from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.vector_index import LOCKS, Indexer
from outgrow.adapters.postgres.vector_type import register
from outgrow.adapters.postgres.vectors import VectorStore, table_of
from outgrow.catalog.vectors import hnsw_bytes, table_bytes
from outgrow.domain.collection import Collection, IndexState, Item, Language, Metric, Mode, Query, Words
from outgrow.domain.errors import CollectionConflict, UnknownCollection, VectorError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable


def play(database: str, scene: Callable[[VectorStore, Any], Awaitable[None]]) -> None:
    """Runs a scene on a store of a fresh database, for at most 50 s."""

    async def all_of_it() -> None:
        async with asyncio.timeout(50), open_pool(database) as pool:
            await scene(VectorStore(pool), pool)

    asyncio.run(all_of_it())


def spots(count: int, dimensions: int, seed: int) -> list[list[float]]:
    """Vectors in clusters, as those of texts are."""
    rng = random.Random(seed)  # noqa: S311 - made-up vectors
    centres = [[rng.gauss(0, 1) for _ in range(dimensions)] for _ in range(50)]
    return [[x + rng.gauss(0, 0.7) for x in rng.choice(centres)] for _ in range(count)]


async def fill(store: VectorStore, name: str, items: list[Item]) -> None:
    for start in range(0, len(items), 1000):
        await store.upsert(name, items[start : start + 1000])


async def plan(pool: Any, collection: Collection, query: Query, *, indexed: bool = True) -> set[str]:
    """The indexes that PostgreSQL uses."""
    asked = vector_search._asked(collection, table_of(collection), query)
    statement, values = vector_search._statement(collection, asked, indexed=indexed)
    async with pool.connection() as connection:
        await register(connection)
        rows = await connection.execute(sql.SQL("explain ") + statement, values)
        return set(re.findall(r"Scan using (\w+)", "\n".join([row[0] async for row in rows])))


def ids(found: Any) -> list[str]:
    return [one.id for one in found.matches]


def cosine_distance(one: Iterable[float], other: Iterable[float]) -> float:
    one, other = list(one), list(other)
    product = sum(a * b for a, b in zip(one, other, strict=True))
    return 1 - product / math.hypot(*one) / math.hypot(*other)


def test_the_index_finds_nearly_all_and_a_filter_hides_none(database: str):
    drawn = spots(6040, 64, seed=1)
    vectors, asked = drawn[:6000], drawn[6000:]

    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("select '[1]'::vector")
        connection.execute(
            sql.SQL("alter database {} set hnsw.max_scan_tuples = 200").format(sql.Identifier(connection.info.dbname))
        )

    async def scene(store: VectorStore, pool: Any) -> None:
        made, _ = await store.create(Collection(name="much", dimensions=64))
        items = [
            Item(id=f"{n:05}", vector=v, metadata={"tenth": n % 10, "rare": n % 1000}) for n, v in enumerate(vectors)
        ]
        await fill(store, "much", items)
        assert not (await store.search("much", Query(vector=asked[0]))).indexed
        assert await Indexer(pool, store, index_rows=5000).tend(made)
        hits = {100: 0, 400: 0}
        for vector, ef in itertools.product(asked, hits):
            exact = await store.search("much", Query(vector=vector, mode=Mode.EXACT))
            near = await store.search("much", Query(vector=vector, ef_search=ef))
            assert near.indexed
            assert not exact.indexed
            assert [m.distance for m in near.matches] == sorted(m.distance for m in near.matches)
            hits[ef] += len(set(ids(exact)) & set(ids(near)))
        assert hits[100] >= 0.9 * 400
        assert hits[400] >= 0.98 * 400
        for field, keep, most in (("tenth", 3, 10), ("rare", 7, 6)):
            where = {"field": field, "eq": keep}
            exact = await store.search("much", Query(vector=asked[0], where=where, mode=Mode.EXACT))
            near = await VectorStore(pool, few_rows=0).search("much", Query(vector=asked[0], where=where))
            assert len(near.matches) == len(exact.matches) == most
            assert all(m.metadata[field] == keep for m in near.matches)
        assert ids(near) == ids(exact)
        below = Query(vector=asked[0], where={"field": "rare", "lt": 1})
        assert await plan(pool, made, below) == {"vectors_1_hnsw", "vectors_1_pkey"}
        given_up = await VectorStore(pool, few_rows=0).search("much", below)
        assert (len(given_up.matches), given_up.indexed) == (6, False)
        few = Query(vector=asked[0], where={"field": "tenth", "eq": 3})
        assert not (await store.search("much", few)).indexed
        assert (await VectorStore(pool, few_rows=500).search("much", few)).indexed
        assert "vectors_1_hnsw" not in await plan(pool, made, below, indexed=False)
        stored = await store.stored("much")
        assert stored.rows == 6000
        assert stored.index is IndexState.READY
        assert stored.hnsw_bytes == pytest.approx(hnsw_bytes(6000, 64), rel=0.05)

    play(database, scene)


@pytest.mark.parametrize("metric", list(Metric))
def test_each_metric_is_the_one_it_says(database: str, metric: Metric):
    vectors, asked = spots(300, 8, seed=3), spots(1, 8, seed=4)[0]
    distance = {
        Metric.COSINE: lambda v: cosine_distance(v, asked),
        Metric.L2: lambda v: math.dist(v, asked),
        Metric.IP: lambda v: -sum(a * b for a, b in zip(v, asked, strict=True)),
    }[metric]
    by_hand = sorted(range(300), key=lambda n: distance(vectors[n]))[:5]

    async def scene(store: VectorStore, pool: Any) -> None:
        made, _ = await store.create(Collection(name="m", dimensions=8, metric=metric))
        await fill(store, "m", [Item(id=str(n), vector=v) for n, v in enumerate(vectors)])
        for build in (False, True):
            if build:
                assert await Indexer(pool, store, index_rows=100).tend(made)
            found = await store.search("m", Query(vector=asked, limit=5))
            assert found.indexed == build
            assert ids(found) == [str(n) for n in by_hand]
            assert found.matches[0].distance == pytest.approx(distance(vectors[by_hand[0]]), rel=1e-5)

    play(database, scene)


def test_hybrid_is_fused_by_reciprocal_ranks(database: str):
    """By vector: a, b, c, d. By text (tea): d twice, then b once. So b 1/62 + 1/62, d 1/64 + 1/61, a 1/61, c 1/63."""
    rows = {
        "a": ([1.0, 0.0], "coffee"),
        "b": ([1.0, 0.1], "a tea"),
        "c": ([1.0, 0.2], "cake"),
        "d": ([1.0, 9.0], "tea tea"),
    }
    by_hand = {"b": 1 / 62 + 1 / 62, "d": 1 / 64 + 1 / 61, "a": 1 / 61, "c": 1 / 63}

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="h", dimensions=2))
        await store.upsert("h", [Item(id=i, vector=v, text=t) for i, (v, t) in rows.items()])
        found = await store.search("h", Query(vector=[1.0, 0.0], text="tea"))
        assert {m.id: m.score for m in found.matches} == pytest.approx(by_hand)
        assert ids(found) == ["b", "d", "a", "c"]
        assert ids(await store.search("h", Query(text="tea"))) == ["d", "b"]
        assert set(ids(await store.search("h", Query(text="tea coffee", words=Words.ANY)))) == {"a", "b", "d"}
        assert ids(await store.search("h", Query(text="tea coffee", words=Words.ALL))) == []

    play(database, scene)


def test_korean_is_found_by_its_nouns_whatever_is_glued_to_them(database: str):
    rows = {
        "cafe": "커피를 두 잔, 아메리카노와 녹차라떼",
        "pharmacy": "감기약 1통을 샀다",
        "shop": "편의점에서 커피우유 GS25 1,800원",
    }
    wanted = {
        "커피": {"cafe", "shop"},
        "커피가": {"cafe", "shop"},
        "아메리카노": {"cafe"},
        "라떼": {"cafe"},
        "약": {"pharmacy"},
        "차": {"cafe"},
        "gs25": {"shop"},
        "택시": set(),
    }

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="ko", dimensions=2, language=Language.KOREAN))
        await store.upsert("ko", [Item(id=i, vector=[1, 1], text=t) for i, t in rows.items()])
        for text, expected in wanted.items():
            assert set(ids(await store.search("ko", Query(text=text)))) == expected, text
        both = Query(text="커피 GS25", words=Words.ALL)
        assert ids(await store.search("ko", both)) == ["shop"]
        apart = Query(text="리카메", words=Words.ALL)
        assert ids(await store.search("ko", apart)) == []

    play(database, scene)


def test_upsert_is_repeatable_and_delete_is_final(database: str):
    async def scene(store: VectorStore, pool: Any) -> None:
        made, new = await store.create(Collection(name="c", dimensions=3, metric=Metric.L2))
        assert new
        again, new = await store.create(Collection(name="c", dimensions=3, metric=Metric.L2))
        assert (again, new) == (made, False)
        with pytest.raises(CollectionConflict, match="is there with 3 dimensions, l2"):
            await store.create(Collection(name="c", dimensions=4, metric=Metric.L2))
        items = [Item(id=i, vector=[n, 2, 3], text="x", metadata={"n": n}) for n, i in enumerate("abc")]
        first = await store.upsert("c", items)
        assert (first.inserted, first.updated, first.unchanged) == (3, 0, 0)
        second = await store.upsert("c", [*items[:2], Item(id="c", vector=[9, 9, 9]), Item(id="d", vector=[0, 0, 0])])
        assert (second.inserted, second.updated, second.unchanged) == (1, 1, 2)
        assert await store.fetch("c", ["c", "a", "nobody"]) == (
            Item(id="a", vector=(0, 2, 3), text="x", metadata={"n": 0}),
            Item(id="c", vector=(9, 9, 9)),
        )
        assert await store.delete("c", ids=["a", "a", "nobody"]) == 1
        assert await store.delete("c", where={"field": "n", "gte": 1}) == 1
        assert (await store.stored("c")).rows == 2
        await store.drop("c")
        for work in (store.get("c"), store.upsert("c", items), store.drop("c"), store.search("c", Query(text="x"))):
            with pytest.raises(UnknownCollection):
                await work

    play(database, scene)


def test_batches_that_meet_do_not_lock_each_other_out(database: str):
    async def scene(store: VectorStore, pool: Any) -> None:
        await asyncio.gather(*(store.create(Collection(name="p", dimensions=2)) for _ in range(8)))
        names = [f"{n:03}" for n in range(300)]

        async def write(worker: int) -> None:
            rng = random.Random(worker)  # noqa: S311
            for _ in range(4):
                rng.shuffle(names)
                await store.upsert("p", [Item(id=i, vector=[1, worker], metadata={"w": worker}) for i in list(names)])

        await asyncio.gather(*map(write, range(6)))
        assert (await store.stored("p")).rows == 300
        assert len((await store.search("p", Query(vector=[1, 1], limit=200))).matches) == 200

    play(database, scene)


def test_the_filter_language(database: str):
    rows: dict[str, dict[str, Any]] = {
        "a": {"shop": "GS25", "total": 1000, "tags": ["food", "tea"], "day": "2026-01-02"},
        "b": {"shop": "CU", "total": 2500.5, "tags": [], "day": "2026-02-01", "void": None},
        "c": {"shop": "O'Reilly\"; --", "total": "12", "paid": True},
        "d": {},
    }
    wanted: list[tuple[Any, str]] = [
        (None, "abcd"),
        ({"field": "shop", "eq": "GS25"}, "a"),
        ({"field": "shop", "ne": "GS25"}, "bcd"),
        ({"field": "shop", "eq": "O'Reilly\"; --"}, "c"),
        ({"field": "shop", "in": ["CU", "GS25"]}, "ab"),
        ({"field": "total", "gte": 1000, "lt": 2500.5}, "a"),
        ({"field": "total", "gt": 1000}, "b"),
        ({"field": "total", "lte": "2"}, "c"),
        ({"field": "day", "gte": "2026-01-15"}, "b"),
        ({"field": "tags", "has": "tea"}, "a"),
        ({"field": "void", "exists": True}, "b"),
        ({"field": "void", "eq": None}, "b"),
        ({"field": "shop", "exists": False}, "d"),
        ({"field": "paid", "eq": True}, "c"),
        ({"not": {"field": "total", "gt": 0}}, "cd"),
        (
            {
                "or": [
                    {"field": "paid", "eq": True},
                    {"and": [{"field": "shop", "eq": "CU"}, {"field": "total", "gt": 5}]},
                ]
            },
            "bc",
        ),
    ]

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="f", dimensions=2))
        await store.upsert("f", [Item(id=i, vector=[1, 1], text="word", metadata=m) for i, m in rows.items()])
        for where, expected in wanted:
            for query in (Query(vector=[1, 0], where=where), Query(text="word", where=where)):
                assert "".join(sorted(ids(await store.search("f", query)))) == expected, where

    play(database, scene)


BAD_FILTERS: list[tuple[Any, str]] = [
    ([], "where: found a list with nothing in it; allowed: an object"),
    ({}, "where: found an object with nothing in it"),
    ({"shop": "x"}, r'where: found \["shop"\]; allowed: field with a test, or one of: and, or, not'),
    ({"field": "shop"}, "allowed: field and at least one of: eq, ne"),
    ({"field": "shop", "like": "%"}, r'where: found \["field", "like"\]'),
    ({"field": 7, "eq": 1}, "where.field: found a number"),
    ({"field": "x", "eq": {"a": 1}}, "where.eq: found an object"),
    ({"field": "x", "eq": math.nan}, "where.eq: found a number"),
    ({"field": "x", "eq": "\x00"}, "where.eq: found a text"),
    ({"field": "x", "gt": True}, "where.gt: found true or false; allowed: a number or a text"),
    ({"field": "x", "in": []}, "where.in: found a list with nothing in it; allowed: a list of 1 to 100"),
    ({"field": "x", "exists": 1}, "where.exists: found a number; allowed: true or false"),
    ({"or": [{"field": "x", "eq": 1}, {"not": []}]}, r"where.or\[1\].not: found a list"),
    ({"or": [{"field": "x", "eq": n} for n in range(101)]}, "at most 100 in a filter"),
]


def nested(levels: int) -> dict[str, Any]:
    return {"not": nested(levels - 1)} if levels else {"field": "x", "eq": 1}


def test_what_cannot_be_is_refused_with_its_place(database: str):
    ok = [1.0, 2.0, 3.0]
    bad_items: list[tuple[list[Item], str]] = [
        (
            [Item(id="a", vector=ok), Item(id="b", vector=[1, 2])],
            r"items\[1\].vector: found 2 numbers; r has 3 dimensions",
        ),
        ([Item(id="a", vector=[1, 2, math.nan])], r"items\[0\].vector: found a number that is not finite"),
        ([Item(id="a", vector=[1, 2, 1e39])], "not finite or beyond 65504"),
        ([Item(id="a", vector=[1, 2, 70_000])], "not finite or beyond 65504"),
        ([Item(id="a", vector=[0, 0, 0])], "a cosine vector needs a direction"),
        ([Item(id="a", vector=[1, 2, "3"])], "is no number"),  # type: ignore[list-item]
        ([Item(id="a", vector=ok), Item(id="a", vector=ok)], "an id is there twice"),
        ([Item(id="", vector=ok)], r"items\[0\]: an id has 1 to 200 characters"),
        ([Item(id="\ud800", vector=ok)], r"items\[0\]: an id has"),
        ([Item(id="a", vector=ok, text="\x00")], r"items\[0\].text: allowed"),
        ([Item(id="a", vector=ok, text="가" * 20_001)], "at most 20000 characters"),
        ([Item(id="a", vector=ok, metadata={"a": math.inf})], r"items\[0\].metadata: is no JSON"),
        ([Item(id="a", vector=ok, metadata={"a": "\x00"})], r"items\[0\].metadata: allowed"),
        ([Item(id="a", vector=ok, metadata={"a": "x" * 17_000})], "at most 16384 bytes"),
        ([Item(id=str(n), vector=ok) for n in range(1001)], "found 1001; allowed: at most 1000"),
    ]
    bad_queries: list[tuple[Query, str]] = [
        (Query(), "found neither vector nor text"),
        (Query(vector=[1, 2]), "query.vector: found 2 numbers"),
        (Query(vector=ok, limit=0), "query.limit: found 0; allowed: 1 to 200"),
        (Query(vector=ok, text="x", depth=5), r"query.depth: found 5; allowed: from limit \(10\)"),
        (Query(vector=ok, ef_search=5000), "query.ef_search"),
        (Query(text="\x00"), "query.text"),
        *((Query(vector=ok, where=where), told) for where, told in BAD_FILTERS),
        (Query(vector=ok, where=nested(9)), "at most 8 levels"),
        (Query(vector=ok, where=nested(900)), "at most 8 levels"),
    ]

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="r", dimensions=3))
        for items, told in bad_items:
            with pytest.raises(VectorError, match=told):
                await store.upsert("r", items)
        for query, told in bad_queries:
            with pytest.raises(VectorError, match=told):
                await store.search("r", query)
        with pytest.raises(VectorError, match="either ids or where"):
            await store.delete("r")
        assert (await store.stored("r")).rows == 0
        await store.upsert("r", [Item(id="a", vector=ok, metadata={"a": "\\u0000"})])
        assert (await store.fetch("r", ["a"]))[0].metadata == {"a": "\\u0000"}
        widest = "".join(chr(0xAC00 + n % 11_172) + chr(0x4E00 + n % 20_000) for n in range(10_000))
        await store.create(Collection(name="wide", dimensions=3, language=Language.KOREAN))
        await store.upsert("wide", [Item(id="a", vector=ok, text=widest)])
        assert ids(await store.search("wide", Query(text=widest[:2000]))) == ["a"]

    play(database, scene)


NASTY = [
    "'; drop table outgrow.collection; --",
    '"',
    "\\'; --",
    "%s",
    "%(w0)s",
    "{}",
    "$1",
    "a' or '1'='1",
    "' & !",
    ":*",
    "<->",
    "\\",
]


def test_what_is_written_stays_data(database: str):
    async def scene(store: VectorStore, pool: Any) -> None:
        for language in (Language.SIMPLE, Language.KOREAN, Language.ENGLISH):
            name = f"n_{language}"
            await store.create(Collection(name=name, dimensions=2, language=language))
            items = [Item(id=text, vector=[1, n], text=text, metadata={text: text}) for n, text in enumerate(NASTY, 1)]
            await store.upsert(name, items)
            assert {one.id for one in await store.fetch(name, NASTY)} == set(NASTY)
            for text in NASTY:
                for test in ("eq", "gte"):
                    found = await store.search(name, Query(vector=[1, 1], where={"field": text, test: text}))
                    assert ids(found) == [text]
                for words in Words:
                    await store.search(name, Query(text=text, vector=[1, 1], words=words))
            assert await store.delete(name, where={"field": NASTY[0], "eq": NASTY[0]}) == 1
            assert (await store.stored(name)).rows == len(NASTY) - 1
        for text in [*NASTY, "A", "a/b", "", "ä", "a" * 64, "_x"]:
            with pytest.raises(VectorError, match="collection name: allowed"):
                await store.create(Collection(name=text, dimensions=2))
            with pytest.raises(UnknownCollection):
                await store.get(text)

    play(database, scene)


def test_a_build_cut_off_is_begun_anew_and_nobody_builds_twice(database: str):
    vectors = spots(3000, 32, seed=5)

    async def scene(store: VectorStore, pool: Any) -> None:
        made, _ = await store.create(Collection(name="i", dimensions=32))
        await fill(store, "i", [Item(id=str(n), vector=v) for n, v in enumerate(vectors)])
        indexer = Indexer(pool, store, index_rows=3000)
        assert not await Indexer(pool, store, index_rows=3001).tend(made)

        building = asyncio.create_task(indexer.tend(made))
        while (await store.stored("i")).index is IndexState.NONE:
            await asyncio.sleep(0.01)
            assert not building.done()
        building.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await building
        assert (await store.stored("i")).index is IndexState.UNFINISHED
        assert not (await store.search("i", Query(vector=vectors[0]))).indexed

        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
            await other.execute("select pg_advisory_lock(%s, %s)", [LOCKS, made.id])
            assert not await indexer.tend(made)
        built = await asyncio.gather(*(indexer.tend(made) for _ in range(3)))
        assert sorted(built) == [False, False, True]
        assert (await store.stored("i")).index is IndexState.READY
        assert (await store.search("i", Query(vector=vectors[0]))).indexed
        async with pool.connection() as connection:
            told = await (await connection.execute("show maintenance_work_mem")).fetchone()
        assert told == ("64MB",)

    play(database, scene)


def test_writes_go_on_while_the_index_is_built_and_a_drop_waits_for_it(database: str):
    vectors = spots(4000, 64, seed=6)

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="b", dimensions=64))
        await fill(store, "b", [Item(id=str(n), vector=v) for n, v in enumerate(vectors[:3500])])
        told: list[tuple[str, Exception | None]] = []
        heard = asyncio.Event()

        def hear(name: str, problem: Exception | None) -> None:
            told.append((name, problem))
            heard.set()

        tending = asyncio.create_task(Indexer(pool, store, index_rows=3500).run(hear))
        while (await store.stored("b")).index is IndexState.NONE:
            assert not told
            await asyncio.sleep(0.01)
        written = await store.upsert("b", [Item(id=f"x{n}", vector=v) for n, v in enumerate(vectors[3500:])])
        assert written.inserted == 500
        await heard.wait()
        tending.cancel()
        assert told == [("b", None)]
        found = await store.search("b", Query(vector=vectors[3600]))
        assert found.indexed
        assert found.matches[0].id == "x100"
        await store.drop("b")
        with pytest.raises(UnknownCollection):
            await store.get("b")

    play(database, scene)


def test_a_builder_that_is_killed_is_told_of_and_followed_by_another(database: str):
    vectors = spots(3000, 32, seed=8)

    async def scene(store: VectorStore, pool: Any) -> None:
        await store.create(Collection(name="k", dimensions=32))
        await fill(store, "k", [Item(id=str(n), vector=v) for n, v in enumerate(vectors)])
        told: asyncio.Queue[tuple[str, Exception | None]] = asyncio.Queue()
        indexer = Indexer(pool, store, index_rows=3000)
        tending = asyncio.create_task(indexer.run(lambda *what: told.put_nowait(what), between_s=0.05))
        async with await psycopg.AsyncConnection.connect(database, autocommit=True) as other:
            killed = 0
            while not killed:
                await asyncio.sleep(0.01)
                assert told.empty()
                killed = (
                    await other.execute(
                        "select pg_terminate_backend(pid) from pg_stat_activity where query like 'create index conc%'"
                        " and datname = current_database() and pid <> pg_backend_pid()"
                    )
                ).rowcount
        name, problem = await told.get()
        assert name == "k"
        assert isinstance(problem, psycopg.OperationalError)
        assert await told.get() == ("k", None)
        tending.cancel()
        assert (await store.stored("k")).index is IndexState.READY

    play(database, scene)


@pytest.mark.parametrize("dimensions", [384, 1536, 3000])
def test_the_table_is_as_large_as_computed(database: str, dimensions: int):
    rng = random.Random(7)  # noqa: S311
    vectors = [[rng.gauss(0, 1) for _ in range(dimensions)] for _ in range(400)]

    async def scene(store: VectorStore, pool: Any) -> None:
        made, _ = await store.create(Collection(name="t", dimensions=dimensions))
        await fill(store, "t", [Item(id=str(n), vector=v) for n, v in enumerate(vectors)])
        assert await Indexer(pool, store, index_rows=100).tend(made)
        stored = await store.stored("t")
        overhead = 3 * 8192 + 2 * 24_576  # free space and visibility maps
        computed = table_bytes(400, dimensions, other_bytes=20)
        assert computed * 0.95 <= stored.table_bytes <= computed * 1.05 + overhead
        assert stored.hnsw_bytes == pytest.approx(hnsw_bytes(400, dimensions), rel=0.06)

    play(database, scene)
