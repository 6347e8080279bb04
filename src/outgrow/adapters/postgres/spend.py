"""Money and meters of calls that are no jobs, without a statement a call.

Budgets are held in advances: one hold in the database of which many calls take their part in memory. What a call takes,
and its meter when it ends, is written to a journal before the call leaves or its answer is given; meters go to the
database in batches, and an advance is settled when its calls have ended. So a budget is never overshot, for every
dollar that may be spent is held before; and a process that is killed loses no meter, for the next one reads its
journal. A call that was under way then counts as what it held.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import PoolTimeout

from outgrow.adapters.postgres.budgets import name_of
from outgrow.adapters.postgres.spend_rows import (
    INSERT,
    Call,
    columns,
    line_of,
    line_of_advance,
    line_of_call,
    lost,
    meter_of,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from outgrow.adapters.journal import Journal
    from outgrow.adapters.postgres.budgets import Budgets
    from outgrow.adapters.postgres.pool import Pool
    from outgrow.domain.backend import Budget
    from outgrow.domain.job import Meter
    from outgrow.policy.budget import Standing

FLUSH_S: Final = 0.05
IDLE_S: Final = 0.2
OLDEST_S: Final = 2.0
"""An advance is given back when nobody took of it for so long, or when it is so old."""

CALLS: Final = 64
"""An advance is for so many calls like the one it is made for,"""

SHARE: Final = 100
"""but no more than this part of the smallest budget, so that what lies idle here is little."""

MOST_PENDING: Final = 20_000
LARGEST_JOURNAL: Final = 4_000_000


class FullError(Exception):
    """The database takes no meters, and as many as may are waiting."""


NO_DATABASE: Final = (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, FullError)
"""What is raised while the database is away."""

AWAY: Final = (*NO_DATABASE, OSError)


@dataclass(slots=True, kw_only=True, eq=False)
class Advance:
    """One hold, of which ``left`` is still to be taken; ``spent`` by calls that ended, ``open`` ones under way."""

    id: UUID
    left: int
    used_at: float
    made_at: float
    spent: int = 0
    open: int = 0
    retired: bool = False


@dataclass(slots=True)
class _Own:
    """What this process has under way."""

    advances: dict[tuple[str, ...], Advance] = field(default_factory=dict)
    all: set[Advance] = field(default_factory=set)
    calls: dict[UUID, tuple[Advance | None, int, dict[str, Any]]] = field(default_factory=dict)
    pending: list[Meter] = field(default_factory=list)


class Spend:
    """What calls hold and cost. `run` must be running."""

    def __init__(self, pool: Pool, budgets: Budgets, journal: Journal) -> None:
        """``budgets`` are those that jobs count in, too."""
        self._pool = pool
        self._budgets = budgets
        self._journal = journal
        self._own = _Own()
        self._lock = asyncio.Lock()

    async def hold(self, call: Call, budgets: Sequence[Budget]) -> bool:
        """May the call be made? Then what it may cost is held of every budget."""
        if len(self._own.pending) >= MOST_PENDING:
            raise FullError
        advance = None
        if call.usd_micro > 0 and budgets:
            advance = await self._advance(call.usd_micro, budgets)
            if advance is None:
                return False
            advance.left -= call.usd_micro
            advance.open += 1
            advance.used_at = time.monotonic()
        line = line_of_call(call, None if advance is None else advance.id)
        self._own.calls[call.id] = (advance, call.usd_micro, line)
        self._journal.write(line)
        return True

    def settle(self, meter: Meter) -> None:
        """The call has ended: from here on its meter is not lost, and its part of the hold is what it cost."""
        advance, held, _ = self._own.calls.pop(meter.job)
        if advance is not None:
            advance.open -= 1
            advance.spent += meter.cost_usd_micro
            advance.left += max(0, held - meter.cost_usd_micro)
        self._own.pending.append(meter)
        self._journal.write({"meter": line_of(meter)})

    async def standings(self, budgets: Sequence[Budget]) -> Sequence[Standing]:
        """How the budgets stand in the database: what calls of the last moments cost is still held there."""
        return await self._budgets.standings(budgets)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Takes over what dead processes left, writes while the block runs, and then the rest."""
        await self._take_over()
        writing = asyncio.create_task(self._write(), name="spend")
        try:
            yield
        finally:
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing
            with contextlib.suppress(*AWAY):  # then the journal stays, for the next process
                await self.flush()
            self._journal.close()

    async def flush(self) -> None:
        """Everything that has ended is in the database when this answers."""
        await self._flush(idle_s=0.0)

    async def _write(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            with contextlib.suppress(*AWAY):  # what cannot be written now waits
                await self._flush(idle_s=IDLE_S)

    async def _flush(self, idle_s: float) -> None:
        async with self._lock:
            meters, self._own.pending = self._own.pending, []
            try:
                await self._insert(meters)
            except BaseException:
                self._own.pending = meters + self._own.pending
                raise
            await self._give_back(idle_s)
            own = self._own
            if self._journal.size > LARGEST_JOURNAL or (
                self._journal.size and not (own.all or own.calls or own.pending)
            ):
                self._journal.rewrite(self._lines())

    def _lines(self) -> list[dict[str, Any]]:
        """All that a next process must know if this one is killed now."""
        advances = [line_of_advance(one.id, one.spent) for one in self._own.all]
        calls = [line for _, _, line in self._own.calls.values()]
        return [*advances, *calls, *({"meter": line_of(meter)} for meter in self._own.pending)]

    async def _give_back(self, idle_s: float) -> None:
        """Settles the advances that are done with."""
        now = time.monotonic()
        for key, advance in list(self._own.advances.items()):
            if now - advance.used_at >= idle_s or now - advance.made_at >= OLDEST_S:
                advance.retired = True
                del self._own.advances[key]
        for advance in [one for one in self._own.all if one.retired and not one.open]:
            await self._budgets.settle(advance.id, advance.spent)
            self._own.all.discard(advance)

    async def _advance(self, usd_micro: int, budgets: Sequence[Budget]) -> Advance | None:
        key = tuple(name_of(one, datetime.now(UTC)) for one in budgets)
        found = self._own.advances.get(key)
        if found is not None and found.left >= usd_micro:
            return found
        async with self._lock:
            found = self._own.advances.get(key)
            if found is not None and found.left >= usd_micro:
                return found
            most = min(one.usd_micro for one in budgets) // SHARE
            for amount in dict.fromkeys((max(usd_micro, min(CALLS * usd_micro, most)), usd_micro)):
                made = Advance(id=uuid4(), left=amount, used_at=time.monotonic(), made_at=time.monotonic())
                self._journal.write(line_of_advance(made.id, 0))
                if await self._budgets.hold(made.id, amount, budgets):
                    if found is not None:
                        found.retired = True
                    self._own.advances[key] = made
                    self._own.all.add(made)
                    return made
        return None

    async def _insert(self, meters: Sequence[Meter]) -> None:
        if meters:
            async with self._pool.connection() as connection:
                await connection.execute(INSERT.encode(), columns(meters))

    async def _take_over(self) -> None:
        """Meters and money of processes that were killed; a call that was under way cost what it held."""
        with self._journal.left_behind() as lines:
            meters = {meter.job: meter for meter in (meter_of(line["meter"]) for line in lines if "meter" in line)}
            spent: dict[UUID, int] = {}
            for line in lines:
                if "spent" in line:
                    spent[UUID(line["advance"])] = line["spent"]
            for line in lines:
                if "call" not in line:
                    continue
                meter = meters.setdefault(UUID(line["call"]), lost(line))
                if line["advance"] is not None:
                    advance = UUID(line["advance"])
                    spent[advance] = spent.get(advance, 0) + meter.cost_usd_micro
            await self._insert(list(meters.values()))
            for advance, cost in spent.items():
                await self._budgets.settle(advance, cost)
