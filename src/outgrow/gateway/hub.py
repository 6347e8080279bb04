"""Who is told of which event on this instance, without one slow client holding up another."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from uuid import UUID

    from outgrow.adapters.postgres.events import Event

MOST_PENDING = 1_000
PROGRESS = "progress"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Events of one job, of the jobs of one key, or (both None) of all."""

    job: UUID | None = None
    key: str | None = None

    def holds(self, event: Event) -> bool:
        """Is this event one of them?"""
        return self.job in {None, event.job} and self.key in {None, event.key}


class Slot:
    """What one client has not been told: every change of state, but of progress only the newest of each job."""

    def __init__(self, wanted: Wanted) -> None:
        """Empty."""
        self.wanted = wanted
        self.lagged = False
        self._pending: dict[tuple[UUID, str | int], Event] = {}
        self._wake = asyncio.Event()

    def put(self, event: Event) -> None:
        """One more; past `MOST_PENDING` the client is too slow, and reads the rest from the table when it is back."""
        name = PROGRESS if event.kind == PROGRESS else event.id
        self._pending[event.job, name] = event
        if len(self._pending) > MOST_PENDING:
            self.lagged = True
            self._pending.clear()
        self._wake.set()

    async def take(self) -> list[Event]:
        """Waits for events, oldest first; none: the client has lagged behind."""
        await self._wake.wait()
        self._wake.clear()
        events = sorted(self._pending.values(), key=lambda event: event.id)
        self._pending.clear()
        return events


class Hub:
    """The open slots of this instance."""

    def __init__(self) -> None:
        """Nobody listens yet."""
        self._slots: set[Slot] = set()

    def __len__(self) -> int:
        return len(self._slots)

    def open(self, wanted: Wanted) -> Slot:
        """From now on every such event is put into the slot."""
        slot = Slot(wanted)
        self._slots.add(slot)
        return slot

    def close(self, slot: Slot) -> None:
        """Its client has left."""
        self._slots.discard(slot)

    def publish(self, event: Event) -> None:
        """Puts the event wherever it is wanted; waits for nobody."""
        for slot in self._slots:
            if slot.wanted.holds(event):
                slot.put(event)


async def follow(
    hub: Hub, wanted: Wanted, after: int, past: Callable[[Wanted, int], Awaitable[list[Event]]]
) -> AsyncGenerator[list[Event], None]:
    """Every wanted event after ``after``, first from the table and then as it happens, without a gap or a repetition.

    Events are published in the order of their ids, and the slot is opened before the table is read. It ends when the
    client has lagged behind.
    """
    slot = hub.open(wanted)
    last = after
    try:
        while page := await past(wanted, last):
            last = page[-1].id
            yield page
        while not slot.lagged:
            fresh = [event for event in await slot.take() if event.id > last]
            if fresh:
                last = fresh[-1].id
                yield fresh
    finally:
        hub.close(slot)
