"""What calls hold and cost: never more than the budget, counted to the micro-dollar, and after a kill, too."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from outgrow.adapters.journal import Journal
from outgrow.adapters.postgres.budgets import Budgets
from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.spend import Spend
from outgrow.adapters.postgres.spend_rows import Call
from outgrow.domain.backend import Budget, Period
from outgrow.domain.job import AttemptEnding, Meter

if TYPE_CHECKING:
    from pathlib import Path

DAY = Budget(usd_micro=100_000, period=Period.DAY)
MONTH = Budget(usd_micro=1_000_000, period=Period.MONTH, task="talk")
BOTH = (DAY, MONTH)


def call(usd_micro: int = 100) -> Call:
    return Call(id=uuid4(), task="talk", backend="gpu", rule="r", attempt=1, usd_micro=usd_micro)


def meter(of: Call, cost: int) -> Meter:
    now = datetime.now(UTC)
    return Meter(
        job=of.id,
        attempt=1,
        task=of.task,
        backend=of.backend,
        rule=of.rule,
        started_at=now,
        finished_at=now,
        ending=AttemptEnding.COMPLETED,
        cost_usd_micro=cost,
    )


async def rows(pool: Any) -> list[tuple[Any, ...]]:
    async with pool.connection() as connection:
        found = await connection.execute("select ending, cost_usd_micro from outgrow.attempt order by cost_usd_micro")
        return await found.fetchall()


async def standing(spend: Spend) -> list[tuple[int, int]]:
    return [(one.spent_micro, one.held_micro) for one in await spend.standings(BOTH)]


def test_what_is_spent_is_the_sum_of_the_meters_and_nothing_stays_held(database: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_pool(database) as pool:
            spend = Spend(pool, Budgets(pool), Journal(tmp_path))
            async with spend.running():

                async def one(cost: int) -> None:
                    made = call()
                    assert await spend.hold(made, BOTH)
                    await asyncio.sleep(0.01)
                    spend.settle(meter(made, cost))

                await asyncio.gather(*(one(cost) for cost in range(100)))
                await spend.flush()
                assert await standing(spend) == [(4950, 0)] * 2
                assert sum(row[1] for row in await rows(pool)) == 4950
            assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240

    asyncio.run(scenario())


def test_a_budget_is_held_before_it_is_spent_whoever_asks(database: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_pool(database) as pool:
            spends = [Spend(pool, Budgets(pool), Journal(tmp_path)) for _ in range(3)]
            made = [(number % 3, call(7_000)) for number in range(60)]
            held = await asyncio.gather(*(spends[number].hold(one, BOTH) for number, one in made))
            assert sum(held) == 100_000 // 7_000
            for (number, one), was in zip(made, held, strict=True):
                if was:
                    spends[number].settle(meter(one, 6_999))
            for spend in spends:
                await spend.flush()
            assert await standing(spends[0]) == [(14 * 6_999, 0)] * 2

    asyncio.run(scenario())


def test_a_killed_process_loses_no_meter_and_no_cent(database: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with open_pool(database) as pool:
            journal = Journal(tmp_path)
            spend = Spend(pool, Budgets(pool), journal)
            calls = [call() for _ in range(4)]
            for one in calls:
                assert await spend.hold(one, BOTH)
            spend.settle(meter(calls[0], 10))
            journal.rewrite(spend._lines())
            spend.settle(meter(calls[1], 20))
            await spend._insert(spend._own.pending)
            spend.settle(meter(calls[2], 30))
            journal.write({"advance": str(uuid4()), "spent": 0})
            os.write(journal._handle, b'{"meter": {"job": "torn')
            os.close(journal._handle)

            next_one = Spend(pool, Budgets(pool), Journal(tmp_path))
            async with next_one.running():
                assert await rows(pool) == [("completed", 10), ("completed", 20), ("completed", 30), ("lost", 100)]
                assert await standing(next_one) == [(160, 0)] * 2
            async with Spend(pool, Budgets(pool), Journal(tmp_path)).running():
                assert await standing(next_one) == [(160, 0)] * 2

    asyncio.run(scenario())


def test_a_journal_of_a_process_that_lives_is_left_alone(tmp_path: Path) -> None:
    one, two = Journal(tmp_path), Journal(tmp_path)
    one.write({"a": 1})
    with two.left_behind() as lines:
        assert lines == []
    one.rewrite([{"b": 2}])
    with two.left_behind() as lines:
        assert lines == []
    one.close()
    with two.left_behind() as lines:
        assert lines == [{"b": 2}]
    with two.left_behind() as lines:
        assert lines == []
    two.close()
    assert list(tmp_path.iterdir()) == []
