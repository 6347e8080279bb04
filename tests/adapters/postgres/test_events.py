"""No event is missed or told twice: not by order of commit, not by a lost connection, not between two instances."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.events import Event, Events
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.domain.job import NewJob, Payload
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outgrow.adapters.postgres.pool import Pool

EVENT = "insert into outgrow.event (job, kind, data) values (gen_random_uuid(), %s, '{}') returning id"


def new(key: str | None = None) -> NewJob:
    return NewJob(task="read", payload=Payload(json=1), data=DataClass.PUBLIC, key=key)


@asynccontextmanager
async def feed(url: str) -> AsyncIterator[tuple[Events, list[Event], list[int], Pool]]:
    """An instance: what it published, and how often it said that something was missed."""
    async with open_pool(url, most=4) as pool:
        events, published, missed = Events(pool), [], [0]

        def was_missed() -> None:
            missed[0] += 1

        running = asyncio.create_task(events.run(published.append, was_missed))
        await asyncio.wait_for(events.ready(), 10)
        try:
            yield events, published, missed, pool
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


async def until(found: Any, most_s: float = 10.0) -> None:
    async with asyncio.timeout(most_s):
        while not found():  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)


def test_each_change_is_an_event_and_reaches_another_instance(database: str) -> None:
    async def main() -> None:
        async with feed(database) as (one, _, _, pool), feed(database) as (_, published, _, _):
            store = JobStore(pool)
            job, _ = await store.enqueue(new("k"))
            other, _ = await store.enqueue(new("l"))
            (claimed, _) = await store.claim("w", ["read"], 2, 60)
            await store.tell(claimed, {"page": 1})
            await store.cancel(claimed.id)
            await until(lambda: len(published) == 6)
            mine = [event for event in published if event.job == job.id]
            assert [event.kind for event in mine] == ["queued", "leased", "progress", "cancelled"]
            assert mine[2].data == {"page": 1}
            assert [event.id for event in published] == sorted(event.id for event in published)
            await until(lambda: one.settled == published[-1].id)
            assert await one.past(job=job.id) == mine
            assert await one.past(key="k", after=mine[1].id) == mine[2:]
            assert {event.job for event in await one.past(key="l")} == {other.id}

    asyncio.run(main())


def test_an_event_that_commits_late_is_told_in_its_place(database: str) -> None:
    async def main() -> None:
        async with feed(database) as (events, published, _, pool):
            async with await psycopg.AsyncConnection.connect(database) as slow:
                await slow.execute("update outgrow.job set priority = 1")
                (late,) = (await (await slow.execute(EVENT, ["late"])).fetchone()) or (0,)
                await JobStore(pool).enqueue(new())
                await asyncio.sleep(0.1)
                assert published == []  # whoever resumed after it would miss the late one
                assert await events.past() == []
                await slow.commit()
            await until(lambda: len(published) == 2)
            assert [event.kind for event in published] == ["late", "queued"]
            assert published[0].id == late

    asyncio.run(main())


def test_an_event_that_never_comes_holds_up_nobody(database: str) -> None:
    async def main() -> None:
        async with feed(database) as (_, published, _, pool):
            async with await psycopg.AsyncConnection.connect(database) as slow:
                await slow.execute(EVENT, ["never"])
                await JobStore(pool).enqueue(new())
                await asyncio.sleep(0.05)
                assert published == []
                await slow.rollback()
            await until(lambda: len(published) == 1)

    asyncio.run(main())


def test_who_comes_back_resumes_without_a_gap_while_connections_die(database: str) -> None:
    """Followers come and go, with many writers at work and the listening connections ended again and again."""

    async def main() -> None:
        async with feed(database) as (events, published, missed, pool):
            store = JobStore(pool)

            async def write() -> None:
                for _ in range(40):
                    await store.enqueue(new("k"))

            async def cut() -> None:
                for _ in range(4):
                    await asyncio.sleep(0.05)
                    async with pool.connection() as connection:
                        await connection.execute(
                            "select pg_terminate_backend(pid) from pg_stat_activity"
                            " where query like 'listen%' and datname = current_database()"
                        )

            seen: list[int] = []

            async def follow() -> None:
                while len(seen) < 200:
                    async for event in events.follow(key="k", after=seen[-1] if seen else 0):
                        seen.append(event.id)
                        if len(seen) % 7 == 0 or len(seen) == 200:
                            break  # the client is gone, and comes back

            async with asyncio.timeout(20):
                await asyncio.gather(follow(), cut(), *(write() for _ in range(5)))
                await until(lambda: len(published) == 200)
            assert seen == sorted(set(seen))
            assert seen == [event.id for event in published]
            assert missed[0] > 0

    asyncio.run(main())
