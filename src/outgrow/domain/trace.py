"""Requests somebody recorded, as values: when each came and what else the log said about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from datetime import date

    from outgrow.domain.message import Message

STARTED = -1.0
"""In ``Trace.start_s``: a request that met a start of unknown length."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trace:
    """Requests one by one, in the order they came. Arrays beside ``times_s`` have one entry a request, or are None.

    A trace equals itself only: it is a key by which what was computed from it is remembered.

    Attributes:
        name: what the file is called.
        times_s: arrivals in seconds from local midnight of the first day, ascending; equal ones are kept.
        span_s: from when to when the log watched; without better knowledge the first and the last request.
        first_day: the local date of second 0; None where stamps count from somewhere unknown.
        zone: the clock of the day: a zone, an offset, or "local" for stamps that name none.
        resolution_s: stamps closer than this are not told apart; 0: as fine as they are written.
        service_s: how long each request took.
        service_is_response: the time is what the caller saw, waits included, not the work alone.
        input_tokens: tokens read.
        output_tokens: tokens written.
        session: a number for each session, user or client.
        instance: a number for each worker.
        start_s: how long the request waited for a start: 0 for none, `STARTED` for a start of unknown length.
        delay_s: how long it waited in all before somebody worked on it.
        notes: what was mended on the way in.
    """

    name: str
    times_s: array[float]
    span_s: tuple[float, float]
    first_day: date | None = None
    zone: str = "local"
    resolution_s: float = 0.0
    service_s: array[float] | None = None
    service_is_response: bool = False
    input_tokens: array[float] | None = None
    output_tokens: array[float] | None = None
    session: array[int] | None = None
    instance: array[int] | None = None
    start_s: array[float] | None = None
    delay_s: array[float] | None = None
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What a summary knows: how many requests in how long, and how long they took by share. No single request.

    ``quantiles_s`` are (share, seconds) in ascending order of share; ``missing`` says in words what cannot be told.
    """

    name: str
    requests: int
    duration_s: float
    mean_s: float | None = None
    quantiles_s: tuple[tuple[float, float], ...] = ()
    notes: tuple[Message, ...] = ()
