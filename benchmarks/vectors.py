"""Loading and searching a collection: python benchmarks/vectors.py [ROWS] [DIMENSIONS].

Starts a PostgreSQL of its own, stores ROWS (default 10,000) vectors of DIMENSIONS (default 384) numbers, mixtures of
topics drawn with a fixed seed, in batches of 1,000, builds the HNSW index, and asks 200 queries one after another:
exact, by the index, the same with a filter that keeps a tenth, and both fused with full text. Recall is of the 10
nearest, against exact.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.adapters.postgres.connect import open_pool, settle
from outgrow.adapters.postgres.migrate import migrate
from outgrow.adapters.postgres.server import Server
from outgrow.adapters.postgres.vector_index import Indexer
from outgrow.adapters.postgres.vectors import VectorStore
from outgrow.catalog.vectors import vector_size
from outgrow.domain.collection import Collection, Item, Mode, Query

if TYPE_CHECKING:
    from collections.abc import Callable

QUERIES = 200
WORDS = ["receipt", "coffee", "tea", "pharmacy", "market", "taxi", "hotel", "book", "shoe", "lamp"]
FILTER = {"field": "tenth", "eq": 3}


def draw(rows: int, dimensions: int) -> list[list[float]]:
    """Mixtures of four of 300 topics, and noise: neighbours overlap, as those of texts do."""
    rng = random.Random(1)  # noqa: S311 - made-up vectors, no secrets
    topics = [[rng.gauss(0, 1) for _ in range(dimensions)] for _ in range(300)]
    noise = [[rng.gauss(0, 0.3) for _ in range(dimensions)] for _ in range(1000)]
    drawn = []
    for _ in range(rows):
        weights = [rng.expovariate(1) for _ in range(4)]
        mixed = zip(*rng.sample(topics, 4), rng.choice(noise), strict=True)
        drawn.append([weights[0] * a + weights[1] * b + weights[2] * c + weights[3] * d + e for a, b, c, d, e in mixed])
    return drawn


async def ask(
    store: VectorStore, name: str, make: Callable[[int], Query], truth: list[set[str]] | None
) -> list[set[str]]:
    """Prints p50, p99 and recall; answers the ids that each query found."""
    taken_ms, found, indexed = [], [], 0
    for number in range(QUERIES):
        begin = time.perf_counter()
        answer = await store.search("bench", make(number))
        taken_ms.append((time.perf_counter() - begin) * 1000)
        found.append({one.id for one in answer.matches})
        indexed += answer.indexed
    cuts = statistics.quantiles(taken_ms, n=100)
    line = f"{name:34} p50 {cuts[49]:6.2f} ms   p99 {cuts[98]:6.2f} ms   by index {indexed:3}/{QUERIES}"
    if truth is not None:
        hits = sum(len(a & b) for a, b in zip(found, truth, strict=True))
        line += f"   recall {hits / max(1, sum(map(len, truth))):.3f}"
    print(line)
    return found


async def measure(url: str, rows: int, dimensions: int) -> None:
    drawn = draw(rows + QUERIES, dimensions)
    vectors, asked = drawn[:rows], drawn[rows:]
    async with open_pool(url) as pool:
        store = VectorStore(pool)
        made, _ = await store.create(Collection(name="bench", dimensions=dimensions))
        items = [
            Item(id=f"{n:08}", vector=v, text=WORDS[n % 10], metadata={"tenth": n // 7 % 10})
            for n, v in enumerate(vectors)
        ]
        begin = time.perf_counter()
        for start in range(0, rows, 1000):
            await store.upsert("bench", items[start : start + 1000])
        taken_s = time.perf_counter() - begin
        print(f"load, batches of 1,000             {taken_s:.2f} s, {rows / taken_s:,.0f} rows/s")
        begin = time.perf_counter()
        for start in range(0, rows, 1000):
            await store.upsert("bench", items[start : start + 1000])
        print(f"the same again, nothing changed    {time.perf_counter() - begin:.2f} s")

        def plain(number: int, **more: Any) -> Query:
            return Query(vector=asked[number], **more)

        truth = await ask(store, "exact", lambda n: plain(n, mode=Mode.EXACT), None)
        tenth = await ask(store, "exact, filter keeps a tenth", lambda n: plain(n, mode=Mode.EXACT, where=FILTER), None)
        begin = time.perf_counter()
        await Indexer(pool, store, index_rows=1).tend(made)
        print(f"index built                        {time.perf_counter() - begin:.2f} s")
        for ef in (40, 100, 200, 400):
            await ask(store, f"indexed, ef_search {ef}", lambda n, ef=ef: plain(n, ef_search=ef), truth)
        await ask(store, "indexed, filter keeps a tenth", lambda n: plain(n, where=FILTER), tenth)
        await ask(store, "hybrid, indexed", lambda n: plain(n, text=WORDS[n % 10]), None)
        stored, computed = await store.stored("bench"), vector_size(rows, dimensions, other_bytes=80)
        print(f"table {stored.table_bytes / 2**20:.1f} MiB (computed {computed.table_bytes / 2**20:.1f})", end=", ")
        print(f"HNSW {stored.hnsw_bytes / 2**20:.1f} MiB, other indexes {stored.indexes_bytes / 2**20:.1f} MiB")


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    dimensions = int(sys.argv[2]) if len(sys.argv) > 2 else 384
    with tempfile.TemporaryDirectory(prefix="outgrow-vectors-") as folder:
        Path(folder).chmod(0o711)
        server = Server(Path(folder) / "server")
        url = server.start()
        try:
            migrate(url)
            settle(url)
            print(f"{rows:,} x {dimensions}, cosine, one client")
            asyncio.run(measure(url, rows, dimensions))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
