"""Money that may be spent: held before a call, settled after it, never more than the cap of any budget.

A budget has a row for each period it was used in. A hold goes into all rows of a call or into none, by one statement
that locks them in order of their names. What becomes of a hold:

- the try ends and its cost is known: the hold is taken back and the cost counted, in the transaction that ends it;
- its worker is lost before anything left for the backend (the job was ``leased``): the hold is taken back;
- its worker is lost, or the job cancelled, while the backend may be running it (``submitted``): the cost is unknown,
  so the hold stays and the cap holds. It is resolved by whoever learns the cost: the next try, when it follows the
  same run at the provider, or the lost worker itself when it comes back (`JobStore.late`), or `Budgets.settle`, for
  what the provider's own bill says. Unresolved it counts until its period is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.postgres.job_sql import SETTLE
from outgrow.policy.budget import Standing, rule_of, starts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from outgrow.adapters.postgres.pool import Pool
    from outgrow.domain.backend import Budget
    from outgrow.domain.job import Job

_OF_JOB: Final = (
    "select id from outgrow.job where id = %(owner)s and fence = %(fence)s and state in ('leased', 'submitted')"
    " for no key update"
)
_OF_CALL: Final = "select %(owner)s::uuid as id"

_HOLD: Final = """
with asked as (select * from unnest(%(names)s::text[], %(caps)s::bigint[]) as a (name, cap)),
owner as materialized ({owner}),
locked as materialized (
    select b.name, b.spent_micro + b.held_micro + %(usd)s <= a.cap as fits
    from outgrow.budget b join asked a using (name) cross join owner order by b.name for no key update of b
),
verdict as materialized (
    select count(*) as found, coalesce(bool_and(fits), false) as fits, exists (select from owner) as ours from locked
),
had as (select from outgrow.hold where owner = %(owner)s and fence = %(fence)s and lost_at is null),
taken as (
    update outgrow.budget b set held_micro = b.held_micro + %(usd)s, cap_micro = a.cap
    from asked a, verdict v
    where b.name = a.name and v.found = %(most)s and v.fits and v.ours and not exists (select from had)
    returning b.name
),
kept as (
    insert into outgrow.hold (owner, fence, budget, usd_micro)
    select %(owner)s, %(fence)s, name, %(usd)s from taken
)
select found, ours, (select count(*) from taken), exists (select from had) from verdict
"""
HOLD_FOR_JOB: Final = _HOLD.format(owner=_OF_JOB)
HOLD_FOR_CALL: Final = _HOLD.format(owner=_OF_CALL)

ADOPT: Final = """
with run as (
    select id from outgrow.job
    where id = %(owner)s and fence = %(fence)s and state in ('leased', 'submitted') and external_id is not null
    for no key update
)
update outgrow.hold h set fence = %(fence)s, lost_at = null from run
where h.owner = run.id and h.lost_at is not null
and h.fence = (select max(fence) from outgrow.hold o where o.owner = run.id and o.lost_at is not null)
"""

OPEN: Final = """
insert into outgrow.budget (name, period, starts, task, key, cap_micro)
select * from unnest(%s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::bigint[])
    as a (name, period, starts, task, key, cap)
order by name collate "C" on conflict (name) do nothing
"""

SETTLE_ONE: Final = f"""
with settling as (select %s::uuid as id, %s::bigint as fence, %s::bigint as cost),
{SETTLE}
select count(*) from gone
"""  # noqa: S608 - no value is in the text

STANDINGS: Final = "select name, spent_micro, held_micro from outgrow.budget where name = any(%s)"

UNRESOLVED: Final = """
select owner, fence, max(usd_micro), min(lost_at) from outgrow.hold where lost_at is not null
group by owner, fence order by min(lost_at) limit %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    """What is held for a try whose cost nobody knows, since when; the provider's bill names it by the job."""

    owner: UUID
    fence: int
    usd_micro: int
    lost_at: datetime


class Budgets:
    """The rows of all budgets. ``fence`` is 0 for a call that is no job; its ``owner`` is any new id."""

    def __init__(self, pool: Pool) -> None:
        """Opens nothing."""
        self._pool = pool

    async def hold(self, owner: UUID, usd_micro: int, budgets: Sequence[Budget]) -> bool:
        """Holds for a call that is no job; False: not enough is left of one of them."""
        return await self._hold(HOLD_FOR_CALL, owner, 0, usd_micro, budgets)

    async def hold_for(self, job: Job, usd_micro: int, budgets: Sequence[Budget]) -> bool:
        """Holds for a try of a job, in those of the budgets it counts in; False also where its lease was lost.

        A try that goes on with a run at a provider takes over what was held for that.
        """
        own = [one for one in budgets if one.task in {None, job.task} and one.key in {None, job.key}]
        if job.external_id is not None and await self._adopt(job):
            return True
        return await self._hold(HOLD_FOR_JOB, job.id, job.fence, usd_micro, own)

    async def settle(self, owner: UUID, usd_micro: int, fence: int = 0) -> bool:
        """Takes back what is held and counts what was spent; False: nothing was held, nothing is counted."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(SETTLE_ONE, [owner, fence, usd_micro])).fetchone()
        return row is not None and row[0] > 0

    async def standings(self, budgets: Sequence[Budget]) -> tuple[Standing, ...]:
        """How each stands in its present period."""
        names = [name_of(one, datetime.now(UTC)) for one in budgets]
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(STANDINGS, [names])).fetchall()
        found = {name: (spent, held) for name, spent, held in rows}
        return tuple(
            Standing(budget=one, spent_micro=found.get(name, (0, 0))[0], held_micro=found.get(name, (0, 0))[1])
            for one, name in zip(budgets, names, strict=True)
        )

    async def unresolved(self, limit: int = 100) -> list[Unresolved]:
        """Holds whose cost is unknown, the oldest first: to be asked of the provider, then settled."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(UNRESOLVED, [limit])).fetchall()
        return [Unresolved(owner=row[0], fence=row[1], usd_micro=row[2], lost_at=row[3]) for row in rows]

    async def _adopt(self, job: Job) -> bool:
        async with self._pool.connection() as connection:
            done = await connection.execute(ADOPT, {"owner": job.id, "fence": job.fence})
        return done.rowcount > 0

    async def _hold(self, sql: str, owner: UUID, fence: int, usd_micro: int, budgets: Sequence[Budget]) -> bool:
        rows = _rows(budgets, datetime.now(UTC))
        if usd_micro <= 0 or not rows:
            return True
        asked = {
            "owner": owner,
            "fence": fence,
            "usd": usd_micro,
            "names": list(rows),
            "caps": [one.usd_micro for one in rows.values()],
            "most": len(rows),
        }
        found, ours, taken, had = await self._ask(sql, asked)
        if ours and found < len(rows):
            await self._open(rows)
            found, ours, taken, had = await self._ask(sql, asked)
        return bool(ours and (had or taken == len(rows)))  # had: an answer to this was lost with its connection

    async def _ask(self, sql: str, asked: dict[str, Any]) -> tuple[Any, ...]:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(sql.encode(), asked)).fetchone()
        assert row is not None
        return row

    async def _open(self, rows: Mapping[str, Budget]) -> None:
        """Makes the rows of a period that has just begun."""
        now = datetime.now(UTC)
        values = [
            (name, one.period.value, starts(one.period, now), one.task, one.key, one.usd_micro)
            for name, one in rows.items()
        ]
        async with self._pool.connection() as connection:
            await connection.execute(OPEN, [list(column) for column in zip(*values, strict=True)])


def name_of(budget: Budget, now: datetime) -> str:
    """The name of its row in the present period."""
    return f"{rule_of(budget)} {starts(budget.period, now):%Y-%m-%d}"


def _rows(budgets: Sequence[Budget], now: datetime) -> dict[str, Budget]:
    """One budget a row, in order of names; where a limit is said twice the lower one counts."""
    rows: dict[str, Budget] = {}
    for one in budgets:
        name = name_of(one, now)
        if name not in rows or one.usd_micro < rows[name].usd_micro:
            rows[name] = one
    return dict(sorted(rows.items()))
