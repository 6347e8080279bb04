"""What people look at on the pages: what jobs took and cost, what each day cost, how backends did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from outgrow.adapters.postgres.pool import Pool

_TOOK: Final = """
select job, sum(execution_s), sum(cost_usd_micro)::bigint from outgrow.attempt where job = any(%s) group by job
"""

_DAYS: Final = """
select (finished_at at time zone 'UTC')::date, sum(cost_usd_micro)::bigint
from outgrow.attempt where finished_at >= %s group by 1 order by 1
"""

_BACKENDS: Final = """
with recent as (
    select *, row_number() over (partition by backend order by finished_at desc) as place
    from outgrow.attempt where finished_at > now() - make_interval(secs => %s) and backend <> ''
      and ending <> 'abandoned'
), since as (
    select backend, min(place) filter (where ending = 'completed') as well, count(*) as tries
    from recent group by backend
)
select r.backend, count(*), count(*) filter (where r.ending = 'completed'),
       coalesce(max(since.well) - 1, max(since.tries)),
       percentile_cont(0.5) within group (order by r.execution_s) filter (where r.ending = 'completed'),
       max(r.finished_at),
       (array_agg(r.error order by r.finished_at desc) filter (where r.error is not null))[1]
from recent r join since using (backend) group by r.backend order by r.backend
"""

_REJECTED: Final = """
select finished_at, task, error from outgrow.attempt
where ending = 'rejected' and finished_at > now() - make_interval(secs => %s) order by finished_at desc limit %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """All tries of one job together."""

    execution_s: float = 0.0
    cost_usd_micro: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Did:
    """How the tries of one backend ended. ``failures``: in a row, up to the newest; ``error``: the newest there is."""

    backend: str
    tries: int
    completed: int
    failures: int
    median_s: float | None
    last_at: datetime
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A job that policy let no backend run."""

    at: datetime
    task: str
    error: str


class Figures:
    """Sums over what was metered."""

    def __init__(self, pool: Pool) -> None:
        """Reads through ``pool``."""
        self._pool = pool

    async def took(self, jobs: Sequence[UUID]) -> dict[UUID, Took]:
        """Seconds and money of those jobs that had a try."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_TOOK, [[*jobs]])).fetchall()
        return {job: Took(execution_s=took_s, cost_usd_micro=cost) for job, took_s, cost in rows}

    async def days(self, since: datetime) -> dict[date, int]:
        """Micro-dollars of each UTC day on which anything was metered."""
        async with self._pool.connection() as connection:
            return dict(await (await connection.execute(_DAYS, [since])).fetchall())

    async def backends(self, within_s: float) -> dict[str, Did]:
        """Each backend that was tried within the last seconds."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_BACKENDS, [within_s])).fetchall()
        return {
            row[0]: Did(
                backend=row[0],
                tries=row[1],
                completed=row[2],
                failures=row[3],
                median_s=row[4],
                last_at=row[5],
                error=row[6],
            )
            for row in rows
        }

    async def rejected(self, within_s: float, most: int) -> list[Rejected]:
        """Jobs that policy refused after they were taken, newest first."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_REJECTED, [within_s, most])).fetchall()
        return [Rejected(at=at, task=task, error=error or "") for at, task, error in rows]
