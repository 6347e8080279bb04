"""What was read -> a trace in order: sorted, on the clock of the local day, with a note for all that was mended."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from itertools import islice, pairwise
from operator import eq
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from outgrow.adapters.traces.stamps import offset_name, offset_of, shown
from outgrow.domain.errors import TraceError
from outgrow.domain.message import Message, message
from outgrow.domain.trace import Trace
from outgrow.sim.requests import DAY_S, HOUR_S

if TYPE_CHECKING:
    from pathlib import Path

    from outgrow.adapters.traces.collect import Read

NEAR: Final = 1 << 16
"""Logs are nearly in order: a request is looked for within so many places of where it belongs."""

RESOLUTIONS_S: Final = (HOUR_S, 60.0, 1.0, 0.1, 0.01, 0.001)
"""Steps that clocks have."""

SAMPLED: Final = 2000
"""Stamps looked at for their step, spread over the trace."""

COARSE_S: Final = 1.0
"""Stamps in steps of so much are worth a note."""

FEWEST_STAMPS: Final = 20
"""Fewer may lie on whole minutes by chance."""

ROUNDING_S: Final = 2e-6
"""Stamps since 1970 are told apart to a quarter of a microsecond."""

LONGEST_SPAN_S: Final = 50 * 366 * DAY_S
EARLY_ZONE = "an IANA name such as Asia/Seoul, an offset such as +09:00, or UTC"


def finish(path: Path, read: Read, timezone: str | None) -> Trace:
    """The trace of what was read. Raises `TraceError` when nothing can be made of it."""
    if not len(read.times_s):
        raise TraceError(f"{path}: no request in it", hint="is this the right file, and the right --format?")
    notes = _notes_of(read)
    arrays: dict[str, Any] = {**read.values, **read.names}
    unsorted = sort_together(read.times_s, arrays, read.rows)
    if read.at_end:
        notes.append(message("trace.at-end" if "service" in read.values else "trace.at-end-unknown"))
    elif unsorted:
        notes.append(message("trace.sorted", count=unsorted))
    if read.rows is not None:
        dropped = _drop_copies(read.times_s, arrays, read.rows)
        notes += [message("trace.copies", count=dropped)] if dropped else []
    span = read.span_s or (read.times_s[0], read.times_s[-1])
    if span[1] - span[0] > LONGEST_SPAN_S:
        raise TraceError(
            f"{path}: from {_day_text(span[0])} to {_day_text(span[1])}, over 50 years; a stamp must be wrong",
            hint="name the column: --column time=NAME, with time_ms, time_us or time_ns for a unit",
        )
    resolution_s = resolution_of(read.times_s) if read.resolution_s is None else read.resolution_s
    ties = _ties(read.times_s)
    if ties:
        notes.append(message("trace.ties", count=ties))
    if resolution_s >= COARSE_S:
        notes.append(message("trace.resolution", resolution=resolution_s))
    zone, offsets, zone_notes = _local_day(read, timezone, span)
    midnight_s = math.floor((span[0] + offsets[0][1]) / DAY_S) * DAY_S if read.epoch else 0.0
    times_s = read.times_s
    put_on_wall(times_s, arrays, [(from_s, offset_s - midnight_s) for from_s, offset_s in offsets])
    begin_s, end_s = span[0] + offsets[0][1] - midnight_s, span[1] + offsets[-1][1] - midnight_s
    return Trace(
        name=path.name,
        times_s=times_s,
        span_s=(min(begin_s, times_s[0]), max(end_s, times_s[-1])),
        first_day=date(1970, 1, 1) + timedelta(seconds=midnight_s) if read.epoch else None,
        zone=zone,
        resolution_s=resolution_s,
        service_s=read.values.get("service"),
        service_is_response=read.response,
        input_tokens=read.values.get("input_tokens"),
        output_tokens=read.values.get("output_tokens"),
        session=read.names.get("session"),
        instance=read.names.get("instance"),
        start_s=read.values.get("start"),
        delay_s=read.values.get("delay"),
        notes=tuple(notes + zone_notes),
    )


def _notes_of(read: Read) -> list[Message]:
    notes = [message("trace.columns", columns=read.columns)] if read.columns else []
    if read.skipped:
        notes.append(message("trace.skipped", count=read.skipped, first=read.first_skipped))
    if read.cut_line is not None:
        notes.append(message("trace.cut", line=read.cut_line))
    if read.unserved:
        notes.append(message("trace.unserved", count=read.unserved))
    return notes


def sort_together(times_s: array[float], arrays: dict[str, Any], rows: array[int] | None) -> int:
    """Puts everything in order of time, equal times as they were; how many requests came before an earlier one."""
    unsorted = 0
    last = -math.inf
    for time_s in times_s:
        if time_s < last:
            unsorted += 1
        else:
            last = time_s
    if not unsorted:
        return 0
    columns = [times_s, *arrays.values(), *([rows] if rows is not None else [])]
    _sort_near(times_s, columns)
    if any(times_s[at] > times_s[at + 1] for at in range(len(times_s) - 1)):
        _sort_far(times_s, columns)
    return unsorted


def _sort_near(times_s: array[float], columns: list[Any]) -> None:
    """Sorts overlapping blocks: enough where nothing is further than `NEAR` from its place."""
    for begin in range(0, len(times_s), NEAR):
        end = min(len(times_s), begin + 2 * NEAR)
        order = sorted(range(begin, end), key=times_s.__getitem__)
        for column in columns:
            column[begin:end] = array(column.typecode, [column[place] for place in order])


def _sort_far(times_s: array[float], columns: list[Any]) -> None:
    """Merges sorted blocks, with one array of places beside the columns."""
    runs = []
    for begin in range(0, len(times_s), NEAR):
        end = min(len(times_s), begin + NEAR)
        runs.append(array("q", sorted(range(begin, end), key=times_s.__getitem__)))
    order = array("q", merge(*runs, key=times_s.__getitem__))
    for column in columns:
        column[:] = array(column.typecode, (column[place] for place in order))


def _drop_copies(times_s: array[float], arrays: dict[str, Any], rows: array[int]) -> int:
    """Leaves out rows whose whole text was there before at the same time; how many."""
    kept = array("q")
    seen: set[int] = set()
    last = -math.inf
    for place, time_s in enumerate(times_s):
        if time_s != last:
            seen.clear()
            last = time_s
        if rows[place] not in seen:
            seen.add(rows[place])
            kept.append(place)
    dropped = len(times_s) - len(kept)
    if dropped:
        for column in (times_s, *arrays.values()):
            column[:] = array(column.typecode, (column[place] for place in kept))
    return dropped


def resolution_of(times_s: array[float]) -> float:
    """The coarsest step that all stamps lie on, of those clocks have; 0 for none."""
    step = max(1, len(times_s) // SAMPLED)
    sample = times_s[::step]
    for resolution_s in RESOLUTIONS_S:
        if resolution_s > COARSE_S and len(times_s) < FEWEST_STAMPS:
            continue
        if all(abs(time_s - round(time_s / resolution_s) * resolution_s) < ROUNDING_S for time_s in sample):
            return resolution_s
    return 0.0


def _ties(times_s: array[float]) -> int:
    return sum(map(eq, islice(times_s, 1, None), times_s))


def put_on_wall(times_s: array[float], arrays: dict[str, Any], offsets: list[Offset]) -> None:
    """Puts sorted stamps on the clock on the wall: each is moved by the offset (s) valid from its moment on.

    Days then have 86,400 s, whatever the clocks do: where they go forward an hour is empty, and where they go back the
    requests of two hours lie in one, sorted again as those of a log in local time would be. No request is lost, and no
    time between two of them changes but across the change itself.
    """
    bounds = [0, *(bisect_left(times_s, from_s) for from_s, _ in offsets[1:]), len(times_s)]
    for (first, last), (_, offset_s) in zip(pairwise(bounds), offsets, strict=True):
        for place in range(first, last):
            times_s[place] += offset_s
    if len(offsets) > 1:
        sort_together(times_s, arrays, None)


Offset = tuple[float, float]
"""From which moment on a clock is ahead of the stamps, and by how much (s)."""


def _local_day(
    read: Read, timezone: str | None, span_s: tuple[float, float]
) -> tuple[str, list[Offset], list[Message]]:
    """Name of the local clock, how far it is ahead of the stamps' own and since when, notes.

    A trace of less than a day tells no shape, and an hour more or less would move its rate: one offset for all of it.
    """
    if timezone is None:
        zone, offset_s, notes = _own_day(read)
        return zone, [(span_s[0], offset_s)], notes
    offsets = _offsets(timezone, span_s)
    written_local = not read.zoned and bool(read.offsets)
    if written_local or not read.epoch:
        return timezone, [(span_s[0], 0.0)], []
    if len(offsets) == 1:
        return timezone, offsets, []
    if span_s[1] - span_s[0] < DAY_S:
        return timezone, offsets[:1], [message("trace.clock-kept", zone=timezone)]
    return timezone, offsets, [message("trace.clock-change", zone=timezone)]


def _offsets(timezone: str, span_s: tuple[float, float]) -> list[Offset]:
    """The offsets of a zone over a stretch: looked up day by day, a change found to the second."""
    begin, end = span_s
    found = [(begin, offset_at(timezone, begin))]
    before = begin
    while before < end:
        after = min(before + DAY_S, end)
        offset_s = offset_at(timezone, after)
        if offset_s != found[-1][1]:
            low, high = math.floor(before), math.ceil(after)
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset_at(timezone, middle) == found[-1][1] else (low, middle)
            found.append((float(high), offset_s))
        before = after
    return found


def _own_day(read: Read) -> tuple[str, float, list[Message]]:
    """The same where nobody said whose day it is: the stamps' own offset if they share one, else UTC."""
    if not read.epoch:
        return "local", 0.0, [message("trace.relative")]
    if not read.zoned:
        return ("local", 0.0, []) if read.offsets else ("UTC", 0.0, [message("trace.epoch")])
    if len(read.offsets) > 1:
        names = ", ".join(offset_name(offset_s) for offset_s in sorted(read.offsets)[:4])
        return "UTC", 0.0, [message("trace.zones", zones=names)]
    offset_s = next(iter(read.offsets), 0.0)
    return offset_name(offset_s), offset_s, []


def offset_at(timezone: str, time_s: float) -> float:
    """Seconds a zone is east of Greenwich at a moment. Raises `TraceError` for a zone there is none of."""
    if timezone[:1] in {"+", "-"}:
        try:
            return offset_of(timezone)
        except ValueError:
            raise TraceError(f"--timezone: found {shown(timezone)}; expected {EARLY_ZONE}") from None
    try:
        zone = ZoneInfo(timezone)
    except (ValueError, OSError, LookupError):
        raise TraceError(f"--timezone: unknown zone {shown(timezone)}; expected {EARLY_ZONE}") from None
    offset = datetime.fromtimestamp(time_s, tz=UTC).astimezone(zone).utcoffset()
    return 0.0 if offset is None else offset.total_seconds()


def _day_text(time_s: float) -> str:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)).date().isoformat()
