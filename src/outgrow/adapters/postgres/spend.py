"""Money and meters of calls that are no jobs: held before, settled and metered after, many in one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.postgres.batch import Batches
from outgrow.adapters.postgres.job_sql import SETTLE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

    from outgrow.adapters.postgres.budgets import Budgets
    from outgrow.domain.backend import Budget
    from outgrow.domain.job import Meter
    from outgrow.policy.budget import Standing

BATCH: Final = 200

COLUMNS: Final = (
    "job, attempt, task, backend, rule, started_at, finished_at, ending, queue_s, cold_s, execution_s, billed_s,"
    " input_tokens, output_tokens, worker, cost_usd_micro, error"
)

END: Final = f"""
with asked as materialized (
    select * from unnest(
        %s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[],
        %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
        %s::text[]
    ) as a ({COLUMNS})
), metered as (
    insert into outgrow.attempt (fence, {COLUMNS}) select 0, {COLUMNS} from asked on conflict do nothing
), settling as (select job as id, 0::bigint as fence, cost_usd_micro as cost from asked),
{SETTLE}
select count(*) from gone
"""  # noqa: S608 - no value is in the text


class Spend:
    """What calls hold and cost. A call has an id of its own and the fence 0."""

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]], budgets: Budgets) -> None:
        """``budgets`` are those that jobs count in, too."""
        self._pool = pool
        self._budgets = budgets
        self._ends: Batches[Meter, None] = Batches(self._end, BATCH)

    async def hold(self, call: UUID, usd_micro: int, budgets: Sequence[Budget]) -> bool:
        """Holds this much of every budget, or of none: False."""
        return await self._budgets.hold(call, usd_micro, budgets)

    async def settle(self, meter: Meter) -> None:
        """Writes the meter of a call (its ``job``), takes back what it held and counts what it cost."""
        await self._ends.put(meter)

    async def standings(self, budgets: Sequence[Budget]) -> Sequence[Standing]:
        """How the budgets stand."""
        return await self._budgets.standings(budgets)

    async def _end(self, meters: list[Meter]) -> list[None]:
        rows = [_row(meter) for meter in meters]
        async with self._pool.connection() as connection:
            await connection.execute(END.encode(), [list(column) for column in zip(*rows, strict=True)])
        return [None] * len(meters)


def _row(meter: Meter) -> tuple[Any, ...]:
    return (
        meter.job,
        meter.attempt,
        meter.task,
        meter.backend,
        meter.rule,
        meter.started_at,
        meter.finished_at,
        meter.ending.value,
        meter.queue_s,
        meter.cold_s,
        meter.execution_s,
        meter.billed_s,
        meter.input_tokens,
        meter.output_tokens,
        meter.worker,
        meter.cost_usd_micro,
        meter.error,
    )
