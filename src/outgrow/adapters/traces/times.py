"""The door for measured times: service times or cold starts in seconds, one a line, or a column of a log."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, Final, Never

from outgrow.adapters.traces.collect import LONGEST_S, NOTHING, ReadOptions
from outgrow.adapters.traces.columns import NAMES, SUFFIXES, bare_name, unit_of
from outgrow.adapters.traces.csv_rows import delimiter_of, has_header
from outgrow.adapters.traces.door import format_of, read_trace
from outgrow.adapters.traces.lines import Lines
from outgrow.adapters.traces.stamps import UNITS_S, looks_like_stamp, shown
from outgrow.domain.errors import TraceError
from outgrow.domain.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

MOST_KEPT: Final = 10_000
"""Of more measured times every second, third or so is kept: a law of so many values is told from no other."""

PLAIN: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
"""A number as people write it: Python alone takes 1_0 and the digits of other scripts."""

SERVICE, START = "service", "start"


def read_times(path: Path, kind: str) -> tuple[float, ...]:
    """Measured times in seconds, in the order of the file: ``kind`` is `SERVICE` or `START`.

    A file with one number a line (seconds), a table with a column whose name says it (``cold_start_ms``), or any log
    that `read_trace` reads. Starts of 0 are requests that met none and are left out. Raises `TraceError`.
    """
    lines = Lines(path, holds=f"{_WHAT[kind]}s")
    found = _of_table(lines, kind) if format_of(lines.head()) == "csv" else None
    values = _of_log(path, kind) if found is None else found
    if kind == START:
        values = [value for value in values if value > 0]
    if not values or not any(values):
        raise TraceError(f"{path}: no {_WHAT[kind]} above 0 in it", hint="one number of seconds a line")
    return _thinned(values)


_WHAT: Final = {SERVICE: "service time", START: "cold start"}


def _of_log(path: Path, kind: str) -> Sequence[float]:
    trace = read_trace(path, ReadOptions())
    column = None
    if isinstance(trace, Trace):
        column = trace.service_s if kind == SERVICE else trace.start_s
    if column is None:
        raise TraceError(f"{path}: no column with {_WHAT[kind]}s", hint="one number of seconds a line")
    return column


def _of_table(lines: Lines, kind: str) -> list[float] | None:
    """The column of a table; None for a table that is a log with more to it."""
    head = lines.first_lines()
    first = next(line for line in head if line.strip())
    delimiter = delimiter_of(head)
    header = [cell.strip() for cell in next(csv.reader([first], delimiter=delimiter))]
    titled = has_header(header)
    place = 0 if len(header) == 1 else _named(header, kind) if titled else None
    if place is None:
        if titled and any(bare_name(name) in NAMES["time"] + NAMES["end"] for name in header):
            return None
        if not titled and any(map(looks_like_stamp, header)):
            return None
        _refuse_columns(lines, header, kind, head.index(first) + 1, titled=titled)
    scale = UNITS_S[_unit(header[place])] if titled else 1.0
    values, skipped = [], head.index(first) + 1 if titled else 0
    for number, line in _rows(lines):
        if number == skipped:
            continue
        cells = next(csv.reader([line], delimiter=delimiter)) if '"' in line else line.split(delimiter)
        text = cells[place].strip() if place < len(cells) else ""
        if kind == SERVICE or text not in NOTHING:
            values.append(_seconds(text, scale, f"{lines.path}:{number}"))
    return values


def _refuse_columns(lines: Lines, header: Sequence[str], kind: str, line: int, *, titled: bool) -> Never:
    shown_cells = ", ".join(map(shown, header[:8]))
    wanted = "service_s" if kind == SERVICE else "cold_start_s"
    if titled:
        raise TraceError(
            f"{lines.path}:{line}: which column holds the {_WHAT[kind]}s? found {shown_cells}",
            hint=f"call it {wanted}, or give one number of seconds a line",
        )
    raise TraceError(
        f"{lines.path}:{line}: which column holds the {_WHAT[kind]}s? found no names, and {len(header)} cells a line:"
        f" {shown_cells}",
        hint=f"begin with a line of names and call it {wanted}, or give one number of seconds a line",
    )


def _rows(lines: Lines) -> Iterator[tuple[int, str]]:
    return ((at, line) for number, batch in lines.batches() for at, line in enumerate(batch, number) if line.strip())


def _named(header: Sequence[str], kind: str) -> int | None:
    """The column whose name says what we look for; of starts also one of plain durations, where nothing says more."""
    names = [bare_name(name) for name in header]

    def among(wanted: Sequence[str]) -> int | None:
        return next((names.index(name) for name in wanted if name in names), None)

    if kind == SERVICE:
        return among(NAMES["service"])
    timed = next((place for place, name in enumerate(names) if name in NAMES["cold"] and unit_of(header[place])), None)
    found = timed if timed is not None else among(NAMES["start"])
    return among(NAMES["service"]) if found is None and among(NAMES["cold"]) is None else found


def _unit(name: str) -> str:
    """The unit a name ends in; a name that is one is one: ``ms``."""
    return unit_of(name) or SUFFIXES.get(name.lower(), "s")


def _seconds(text: str, scale: float, place: str) -> float:
    value = float(text) * scale if PLAIN.fullmatch(text) else -1.0
    if not 0 <= value <= LONGEST_S:
        raise TraceError(f"{place}: found {shown(text)}; allowed is a time of 0 to {LONGEST_S:,.0f} s")
    return value


def _thinned(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(values[:: -(-len(values) // MOST_KEPT)])
