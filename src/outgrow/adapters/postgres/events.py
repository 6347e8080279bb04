"""What happened to jobs, in one order and without a gap, as it happens and again after a lost connection.

Ids are drawn before a transaction commits, so a reader may see event 10 while 9 is still on its way. A feed publishes
10 only when 9 has come, or when every transaction that was open when 10 was first seen has ended without it. So
whoever has seen an id has seen all that came before it, and may resume after it on any instance.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.postgres.job_sql import EVENT
from outgrow.adapters.postgres.listen import listen

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime
    from uuid import UUID

    from outgrow.adapters.postgres.pool import Pool

PAGE = 1_000
LOOK_S = 5.0
"""How often the table is read where nothing is notified."""

HOLE_S = 10.0
"""How long a missing id is waited for at most: no transaction of ours is open for so long."""

HOLE_LOOK_S = 0.01
"""How soon a missing id is looked for again, at first."""

_COLUMNS: Final = "id, job, key, at, kind, data"

_NEW: Final = f"""
select {_COLUMNS}, pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
from outgrow.event where id > %s order by id limit {PAGE}
"""  # noqa: S608 - no value is in the text

_LAST: Final = """
select coalesce(max(id), 0), pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint
from outgrow.event
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """``kind`` is the state the job came into, or ``progress``; ``data`` then is what the task told."""

    id: int
    job: UUID
    key: str | None
    at: datetime
    kind: str
    data: Any


class Events:
    """The events of this database. `run` must be running for anything to be published or followed."""

    def __init__(self, pool: Pool) -> None:
        """Opens nothing."""
        self._pool = pool
        self._settled: int | None = None
        self._wake = asyncio.Event()
        self._moved = asyncio.Condition()
        self._hole: tuple[int, int, float] | None = None

    @property
    def settled(self) -> int | None:
        """The id up to which all events were published; None before `run` has begun."""
        return self._settled

    async def run(
        self, publish: Callable[[Event], None] | None = None, missed: Callable[[], None] | None = None
    ) -> None:
        """Publishes what happens from now on, for ever, in order of ids. ``missed``: the connection was lost."""
        connections = 0

        def connected() -> None:
            nonlocal connections
            connections += 1
            if connections > 1 and missed is not None:
                missed()
            self._wake.set()

        listening = asyncio.create_task(
            listen(self._pool, [EVENT], lambda *_: self._wake.set(), connected), name="events"
        )
        try:
            while True:
                wait_s = await self._step(publish)
                if wait_s:
                    await _within(self._wake, wait_s)
        finally:
            listening.cancel()

    async def ready(self) -> None:
        """Waits until `run` has begun."""
        async with self._moved:
            await self._moved.wait_for(lambda: self._settled is not None)

    async def past(
        self, *, job: UUID | None = None, key: str | None = None, after: int = 0, limit: int = PAGE
    ) -> list[Event]:
        """Events after this id, of one job or one key where given, as far as they are published."""
        await self.ready()
        wanted = ["id > %(after)s", "id <= %(settled)s"]
        wanted += ["job = %(job)s"] if job is not None else []
        wanted += ["key = %(key)s"] if key is not None else []
        text = f"select {_COLUMNS} from outgrow.event where {' and '.join(wanted)} order by id limit %(limit)s"  # noqa: S608
        asked = {"after": after, "settled": self._settled, "job": job, "key": key, "limit": limit}
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(text.encode(), asked)).fetchall()
        return [_event(row) for row in rows]

    async def follow(
        self, *, job: UUID | None = None, key: str | None = None, after: int | None = None
    ) -> AsyncIterator[Event]:
        """Every event after this id (None: from now on), first those that happened, then as they happen."""
        await self.ready()
        last = self._settled if after is None else after
        assert last is not None
        while True:
            seen = self._settled
            page = await self.past(job=job, key=key, after=last)
            for event in page:
                yield event
            if len(page) == PAGE:
                last = page[-1].id
                continue
            assert seen is not None
            last = max(last, seen, page[-1].id if page else 0)
            async with self._moved:
                await self._moved.wait_for(lambda: (self._settled or 0) > last)  # noqa: B023 - it waits here

    async def _step(self, publish: Callable[[Event], None] | None) -> float:
        """Reads on once; answers how long to wait for a word before the next."""
        from psycopg import Error
        from psycopg_pool import PoolTimeout

        self._wake.clear()
        try:
            if self._settled is None:
                return await self._begin()
            return await self._read(publish)
        except (Error, OSError, PoolTimeout):
            await asyncio.sleep(0.1)
            return 0.5

    async def _begin(self) -> float:
        """From which id on: all up to it were decided when this answers."""
        async with self._pool.connection() as connection:
            last, xmin, xmax = (await (await connection.execute(_LAST)).fetchone()) or (0, 0, 0)
            until = time.monotonic() + HOLE_S
            now_xmin = xmin
            while now_xmin < xmax and time.monotonic() < until:
                await asyncio.sleep(HOLE_LOOK_S)
                _, now_xmin, _ = (await (await connection.execute(_LAST)).fetchone()) or (0, xmax, 0)
        await self._move(last)
        return 0.0

    async def _read(self, publish: Callable[[Event], None] | None) -> float:
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_NEW.encode(), [self._settled])).fetchall()
        settled = self._settled
        assert settled is not None
        wait_s = 0.0 if len(rows) == PAGE else LOOK_S
        for row in rows:
            if row[0] > settled + 1 and not self._is_dead(settled + 1, xmin=row[-2], xmax=row[-1]):
                wait_s = HOLE_LOOK_S
                break
            settled = row[0]
            if publish is not None:
                publish(_event(row))
        await self._move(settled)
        return wait_s

    def _is_dead(self, first: int, *, xmin: int, xmax: int) -> bool:
        """Will the ids missing from ``first`` on never come? They were drawn before what follows them was seen."""
        if self._hole is None or self._hole[0] != first:
            self._hole = (first, xmax, time.monotonic())
        _, until, since = self._hole
        return xmin >= until or time.monotonic() - since > HOLE_S

    async def _move(self, settled: int) -> None:
        if settled != self._settled:
            async with self._moved:
                self._settled = settled
                self._moved.notify_all()


def _event(row: tuple[Any, ...]) -> Event:
    return Event(id=row[0], job=row[1], key=row[2], at=row[3], kind=row[4], data=row[5])


async def _within(event: asyncio.Event, wait_s: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), wait_s)
    except TimeoutError:
        return
