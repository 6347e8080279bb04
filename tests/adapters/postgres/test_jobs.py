"""The job table under several connections at once: races over keys and money, order, and what is kept."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.job_rows import new_id
from outgrow.adapters.postgres.jobs import JobStore
from outgrow.domain.backend import Budget, Period
from outgrow.domain.errors import Conflict
from outgrow.domain.job import AttemptEnding, Job, JobState, Meter, NewJob, Payload
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from outgrow.adapters.postgres.pool import Pool

DOLLAR = Budget(usd_micro=1_000_000, period=Period.MONTH)


def new(task: str = "read", *, number: int = 0, **fields: Any) -> NewJob:
    return NewJob(task=task, payload=Payload(json={"number": number}), data=DataClass.SENSITIVE, **fields)


def meter(job: Job, cost: int = 0, ending: AttemptEnding = AttemptEnding.COMPLETED) -> Meter:
    now = datetime.now(UTC)
    return Meter(
        job=job.id,
        attempt=job.attempt,
        task=job.task,
        backend="gpu",
        rule="rule",
        started_at=now,
        finished_at=now,
        ending=ending,
        billed_s=2.0,
        cost_usd_micro=cost,
    )


@asynccontextmanager
async def stored(url: str, most: int = 4) -> AsyncIterator[tuple[JobStore, Pool]]:
    async with open_pool(url, most=most) as pool:
        yield JobStore(pool), pool


async def rows(pool: Pool, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        found = await connection.execute(sql.encode(), values)
        return await found.fetchall() if found.description else []


def test_equal_keys_at_once_make_one_job(database: str) -> None:
    async def main() -> None:
        async with stored(database, 20) as (store, pool):
            said = await asyncio.gather(*(store.enqueue(new(idempotency_key="once", key="k")) for _ in range(50)))
            assert len({job.id for job, _ in said}) == 1
            assert sum(made for _, made in said) == 1
            assert await rows(pool, "select count(*) from outgrow.event") == [(1,)]
            other, made = await store.enqueue(new(idempotency_key="once", key="other"))
            assert made
            assert other.id != said[0][0].id
            with pytest.raises(Conflict, match="used before"):
                await store.enqueue(new(number=1, idempotency_key="once", key="k"))

    asyncio.run(main())


def test_many_at_once_are_made_once_whatever_their_order(database: str) -> None:
    async def main() -> None:
        async with stored(database, 8) as (store, _):
            news = [new(number=one, idempotency_key=f"n{one}", key="k") for one in range(100)]
            made = await asyncio.gather(store.enqueue_many(news), store.enqueue_many(news[::-1]))
            assert sum(len(one) for one in made) == 100
            assert await store.enqueue_many([]) == []

    asyncio.run(main())


def test_bytes_and_json_come_back_as_they_were_sent(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, _):
            data = Payload(data=b"\x00\xff" * 1_000, media_type="image/png")
            job, _ = await store.enqueue(NewJob(task="read", payload=data, data=DataClass.SENSITIVE, user="u"))
            text = Payload(json={"b": "\x00 가\ud800", "a": [1.5, 10**30, None]})
            other, _ = await store.enqueue(NewJob(task="read", payload=text, data=DataClass.PUBLIC))
            found = [await store.get(one.id, with_payload=True) for one in (job, other)]
            assert [one and one.payload for one in found] == [data, text]
            assert found[0] is not None
            assert found[0].user == "u"
            assert (await store.claim("w", ["read"], 1, 60))[0].payload == data
            assert await store.get(uuid4()) is None
            with pytest.raises(ValueError, match="JSON"):
                await store.enqueue(NewJob(task="read", payload=Payload(json=float("nan")), data=DataClass.PUBLIC))

    asyncio.run(main())


def test_the_highest_priority_first_then_the_oldest_and_none_before_it_is_due(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, _):
            wanted = [("low", 0), ("high", 5), ("low again", 0), ("later", 9)]
            made = {}
            for name, priority in wanted:
                job, _ = await store.enqueue(new(priority=priority, delay_s=0.3 if name == "later" else 0))
                made[job.id] = name
            await store.enqueue(new("other"))
            taken = [made[job.id] for _ in range(3) for job in await store.claim("w", ["read"], 1, 60)]
            assert taken == ["high", "low", "low again"]
            due_s = await store.next_due_s(["read"])
            assert due_s is not None
            assert 0 < due_s < 0.31
            await asyncio.sleep(due_s)
            assert [made[job.id] for job in await store.claim("w", ["read"], 10, 60)] == ["later"]
            assert await store.next_due_s(["read"]) is None
            assert await store.waiting() == {"other": 1}

    asyncio.run(main())


def test_no_job_is_claimed_twice(database: str) -> None:
    async def main() -> None:
        async with stored(database, 8) as (store, _):
            await store.enqueue_many([new(number=one) for one in range(200)])
            taken = await asyncio.gather(*(store.claim(f"w{one}", ["read"], 10, 60) for one in range(40)))
            ids = [job.id for jobs in taken for job in jobs]
            assert len(ids) == len(set(ids)) == 200

    asyncio.run(main())


def test_two_hundred_holds_at_once_never_pass_a_dollar(database: str) -> None:
    """Each may cost 0.03 and costs 0.0185: check-then-spend let 3.94 of 1.00 dollars go in the lab."""
    tight = Budget(usd_micro=700_000, period=Period.DAY, task="read")

    async def main() -> None:
        async with stored(database, 30) as (store, pool):
            await store.enqueue_many([new(number=one) for one in range(200)])
            jobs = await store.claim("w", ["read"], 200, 60)

            async def call(job: Job) -> bool:
                budgets = (DOLLAR, tight) if job.id.int % 2 else (tight, DOLLAR)
                if not await store.hold(job, 30_000, budgets):
                    return False
                one, other = await store.budgets.standings((DOLLAR, tight))
                assert one.spent_micro + one.held_micro <= 1_000_000
                assert other.spent_micro + other.held_micro <= 700_000
                return True

            held = await asyncio.gather(*(call(job) for job in jobs))
            assert sum(held) == 23  # 23 x 0.03 = 0.69
            ended = [
                store.succeed(job, None, meter(job, 18_500)) if ok else store.release(job)
                for job, ok in zip(jobs, held, strict=True)
            ]
            assert all(await asyncio.gather(*ended))
            for one in await store.budgets.standings((DOLLAR, tight)):
                assert (one.spent_micro, one.held_micro) == (23 * 18_500, 0)
            assert await rows(pool, "select count(*) from outgrow.hold") == [(0,)]

    asyncio.run(main())


def test_holds_that_waited_for_one_another_see_what_was_held_meanwhile(database: str) -> None:
    """All are asked while the row is locked, so each has read it as it was before any of the others held."""
    tight = Budget(usd_micro=100_000, period=Period.DAY)

    async def main() -> None:
        import psycopg

        async with stored(database, 24) as (store, pool):
            assert await store.budgets.hold(new_id(), 30_000, (DOLLAR, tight))
            async with await psycopg.AsyncConnection.connect(database) as before:
                await before.execute("select from outgrow.budget for no key update")
                asked = [asyncio.create_task(store.budgets.hold(new_id(), 30_000, (DOLLAR, tight))) for _ in range(20)]
                waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
                async with asyncio.timeout(10):
                    while (await rows(pool, waiting))[0][0] < 20:  # noqa: ASYNC110 - nothing tells
                        await asyncio.sleep(0.01)
                await before.commit()
            assert sum(await asyncio.gather(*asked)) == 2
            assert [one.held_micro for one in await store.budgets.standings((DOLLAR, tight))] == [90_000, 90_000]

    asyncio.run(main())


def test_a_hold_that_fits_one_budget_and_not_the_other_is_in_neither(database: str) -> None:
    tight = Budget(usd_micro=10, period=Period.DAY)

    async def main() -> None:
        async with stored(database) as (store, pool):
            assert not await store.budgets.hold(new_id(), 11, (DOLLAR, tight))
            assert not await store.budgets.hold(new_id(), 11, (tight, DOLLAR))
            assert [one.held_micro for one in await store.budgets.standings((DOLLAR, tight))] == [0, 0]
            assert await rows(pool, "select count(*) from outgrow.hold") == [(0,)]
            raised = Budget(usd_micro=11, period=Period.DAY)
            assert await store.budgets.hold(new_id(), 11, (DOLLAR, raised))

    asyncio.run(main())


def test_a_worker_that_lost_its_lease_changes_nothing(database: str) -> None:
    """Everything a worker can write, while another has the job."""

    async def main() -> None:
        async with stored(database) as (store, pool):
            await store.enqueue(new())
            (stale,) = await store.claim("w1", ["read"], 1, 0.01)
            await asyncio.sleep(0.02)
            assert await store.sweep() == 1
            (job,) = await store.claim("w2", ["read"], 1, 60)
            before = await rows(pool, "select * from outgrow.job")
            done = meter(stale)
            said = [
                await store.renew(stale, 600),
                await store.submitted(stale, "gpu", "run-1"),
                await store.tell(stale, 1),
                await store.hold(stale, 500, (DOLLAR,)),
                await store.succeed(stale, 1, done),
                await store.fail(stale, "no", done, None),
                await store.fail(stale, "no", done, 0),
                await store.release(stale),
            ]
            assert not any(said)
            assert await rows(pool, "select * from outgrow.job") == before
            both = await asyncio.gather(store.succeed(stale, "old", done), store.succeed(job, "new", meter(job)))
            assert both == [False, True]
            assert await store.late(stale, done)
            assert await rows(pool, "select result, fence from outgrow.job") == [("new", job.fence)]
            assert await rows(pool, "select count(*) from outgrow.hold") == [(0,)]

    asyncio.run(main())


def test_a_call_that_is_no_job_holds_and_settles_too(database: str) -> None:
    async def main() -> None:
        async with stored(database, 20) as (store, _):
            owners = [new_id() for _ in range(60)]
            held = await asyncio.gather(*(store.budgets.hold(one, 30_000, (DOLLAR,)) for one in owners))
            assert sum(held) == 33
            first = owners[held.index(True)]
            assert await store.budgets.hold(first, 30_000, (DOLLAR,))  # asked again: it is held
            assert await store.budgets.settle(first, 10_000)
            assert not await store.budgets.settle(first, 10_000)
            (standing,) = await store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (10_000, 32 * 30_000)

    asyncio.run(main())


def test_a_run_that_outlives_its_worker_is_followed_and_counted_once(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, pool):
            await store.enqueue(new())
            (first,) = await store.claim("w1", ["read"], 1, 0.01)
            assert await store.hold(first, 500, (DOLLAR,))
            assert await store.submitted(first, "gpu", None)
            assert await store.submitted(first, "gpu", "run-1")
            await asyncio.sleep(0.02)
            assert await store.sweep() == 1
            (unresolved,) = await store.budgets.unresolved()
            assert (unresolved.owner, unresolved.usd_micro) == (first.id, 500)
            (second,) = await store.claim("w2", ["read"], 1, 60)
            assert (second.backend, second.external_id, second.attempt) == ("gpu", "run-1", 2)
            assert await store.hold(second, 500, (DOLLAR,))
            assert not await store.succeed(first, 1, meter(first, 400))
            assert not await store.late(first, meter(first, 400))
            assert await store.succeed(second, 1, meter(second, 400))
            (standing,) = await store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (400, 0)
            assert await rows(pool, "select ending, cost_usd_micro from outgrow.attempt order by fence") == [
                ("lost", 0),
                ("completed", 400),
            ]

    asyncio.run(main())


def test_what_a_cancelled_try_spent_is_metered_when_its_worker_comes_back(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, pool):
            await store.enqueue(new())
            (job,) = await store.claim("w", ["read"], 1, 60)
            assert await store.hold(job, 500, (DOLLAR,))
            assert await store.submitted(job, "gpu", "run-1")
            cancelled = await store.cancel(job.id)
            assert cancelled is not None
            assert cancelled.state is JobState.CANCELLED
            assert not await store.tell(job, 1)
            assert not await store.succeed(job, 1, meter(job, 300))
            done = meter(job, 300, AttemptEnding.ABANDONED)
            assert [await store.late(job, done) for _ in range(2)] == [True, False]
            (standing,) = await store.budgets.standings((DOLLAR,))
            assert (standing.spent_micro, standing.held_micro) == (300, 0)
            assert await rows(pool, "select ending, external_id from outgrow.attempt") == [("abandoned", None)]

    asyncio.run(main())


def test_an_end_asked_for_twice_is_said_to_be_ours_and_done_once(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, pool):
            await store.enqueue(new())
            (job,) = await store.claim("w", ["read"], 1, 60)
            assert await store.succeed(job, {"total": "8.68"}, meter(job))
            assert await store.succeed(job, {"total": "9.00"}, meter(job))
            assert not await store.fail(job, "no", meter(job), None)
            found = await store.get(job.id)
            assert found is not None
            assert found.result == {"total": "8.68"}
            assert await rows(pool, "select count(*) from outgrow.attempt") == [(1,)]

    asyncio.run(main())


def test_what_cannot_be_written_spoils_no_other_end(database: str) -> None:
    async def main() -> None:
        import psycopg

        async with stored(database) as (store, _):
            await store.enqueue_many([new(number=one) for one in range(5)])
            jobs = await store.claim("w", ["read"], 5, 60)
            bad = meter(jobs[2], -1)
            said = await asyncio.gather(
                *(store.succeed(job, 1, bad if job is jobs[2] else meter(job)) for job in jobs), return_exceptions=True
            )
            assert isinstance(said[2], psycopg.IntegrityError)
            assert [said[one] for one in (0, 1, 3, 4)] == [True] * 4

    asyncio.run(main())


def test_lists_pages_and_pruning(database: str) -> None:
    async def main() -> None:
        async with stored(database) as (store, pool):
            made = [(await store.enqueue(new(number=one, key="k" if one % 2 else "l")))[0].id for one in range(10)]
            page = await store.list(limit=4)
            rest = await store.list(before=page[-1].id, limit=10)
            assert [job.id for job in page + rest] == made[::-1]
            assert [job.id for job in await store.list(key="k", task="read", state=JobState.QUEUED)] == made[:0:-2]
            for job in await store.claim("w", ["read"], 3, 60):
                await store.fail(job, "bad\x00 input", meter(job), None)
            dead = await store.list(state=JobState.DEAD)
            assert [job.error for job in dead] == ["bad? input"] * 3
            assert await store.prune(3_600) == 0
            await rows(pool, "update outgrow.job set finished_at = now() - interval '2 h' where state = 'dead'")
            assert await store.prune(3_600) == 3
            assert await rows(pool, "select count(*) from outgrow.attempt") == [(3,)]
            assert await rows(pool, "select count(*) from outgrow.event") == [(7,)]

    asyncio.run(main())


def test_ids_are_in_order_of_time() -> None:
    ids = [new_id() for _ in range(1_000)]
    assert {one.version for one in ids} == {7}
    assert {one.variant for one in ids} == {"specified in RFC 4122"}
    assert sorted(set(ids)) == ids
    assert abs((ids[0].int >> 80) / 1_000 - time.time()) < 60


@pytest.mark.parametrize(
    "change",
    [
        "state = 'succeeded'",
        "state = 'leased'",
        "lease_until = now()",
        "finished_at = now()",
        "state = 'strange'",
        "result = '1'",
        "payload_data = 'x'",
        "state = 'submitted', lease_until = now(), leased_at = now(), worker = 'w'",
    ],
)
def test_the_table_itself_refuses_what_cannot_be(database: str, change: str) -> None:
    async def main() -> None:
        import psycopg

        async with stored(database) as (store, pool):
            await store.enqueue(new())
            with pytest.raises(psycopg.errors.CheckViolation):
                await rows(pool, f"update outgrow.job set {change}")  # noqa: S608

    asyncio.run(main())
