"""Rows of any log -> arrays. Whole batches at once where all is well, row by row to find what is not."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Never

from outgrow.adapters.traces.stamps import Clock, StampError, ZoneError, clock_of, shown
from outgrow.domain.errors import TraceError
from outgrow.domain.trace import STARTED
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.adapters.traces.columns import Column

LONGEST_S: Final = DAY_S
MOST_TOKENS: Final = 1e9
MOST_REQUESTS: Final = 200_000_000
"""A trace of more requests is refused before it fills the memory."""

YES: Final = frozenset({"true", "1", "yes", "y", "t", "cold", "1.0"})
NO: Final = frozenset({"false", "0", "no", "n", "f", "warm", "0.0", ""})
NOTHING: Final = frozenset({"", "-", "null", "none", "nan", "NaN", "None"})
"""What a log writes for a start that did not happen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How a trace is to be read: what `outgrow fit` was told."""

    format: str | None = None
    columns: tuple[str, ...] = ()
    timezone: str | None = None
    skip_bad: bool = False
    drop_duplicates: bool = False


@dataclass(slots=True, kw_only=True)
class Read:
    """What came out of a file, before it is put in order.

    Attributes:
        times_s: seconds from 1970, or from a start of the file's own (``epoch`` False), all on one clock.
        values: the other numbers of each request by kind.
        names: numbers for sessions and workers by kind.
        rows: a number for the text of each row, to tell copies by.
        epoch: times count from 1970.
        zoned: stamps named a zone; ``offsets`` are those met, in seconds east of Greenwich.
        columns: what was read from where, in words.
        at_end: stamps are those of a request's end.
        resolution_s: where the format fixes it.
        response: the service time is what the caller saw.
        skipped: lines left out, the first with its reason in ``first_skipped``.
        cut_line: the last line, if it was cut off.
        unserved: requests that never reached a target.
        span_s: from when to when the source watched, where it says so.
    """

    times_s: array[float] = field(default_factory=lambda: array("d"))
    values: dict[str, array[float]] = field(default_factory=dict)
    names: dict[str, array[int]] = field(default_factory=dict)
    rows: array[int] | None = None
    epoch: bool = True
    zoned: bool = True
    offsets: set[float] = field(default_factory=set)
    columns: str = ""
    at_end: bool = False
    resolution_s: float | None = None
    response: bool = False
    skipped: int = 0
    first_skipped: str = ""
    cut_line: int | None = None
    unserved: int = 0
    span_s: tuple[float, float] | None = None


class _BadError(ValueError):
    """One row that cannot be used, and why."""


class Collector:
    """Takes rows as texts by kind, and keeps arrays."""

    def __init__(self, name: str, columns: Mapping[str, Column], options: ReadOptions) -> None:
        """``columns`` say which kinds there are and in which unit."""
        self._name, self._columns, self._options = name, columns, options
        self._clock: Clock | None = None
        self._first: tuple[int, str] = (0, "")
        self._ids: dict[str, dict[str, int]] = {kind: {} for kind in ("session", "instance") if kind in columns}
        self._by_end = "time" not in columns
        self.read = Read(rows=array("q") if options.drop_duplicates else None, at_end=self._by_end)
        self.read.columns = ", ".join(_told(column) for column in columns.values())
        for kind in ("service", "start", "delay", "input_tokens", "output_tokens"):
            if kind in columns:
                self.read.values[kind] = array("d")
        if "end" in columns and "service" not in columns and not self._by_end:
            self.read.values["service"] = array("d")
        if "cold" in columns and "start" not in columns:
            self.read.values["start"] = array("d")
        self.read.names = {kind: array("q") for kind in self._ids}

    def add(
        self, numbers: Sequence[int], texts: Mapping[str, Sequence[str]], rows: Sequence[str], *, last: bool
    ) -> None:
        """A batch: the line number of each row, its texts by kind, its whole text.

        ``last``: the last row ends with the file and may have been cut off.
        """
        if not numbers:
            return
        clock = self._clock or self._start(numbers, texts)
        if clock is None:
            return
        try:
            found = self._many(clock, texts)
        except (ValueError, OverflowError):
            self._singly(clock, numbers, texts, rows, last=last)
            return
        self._keep(found, {kind: texts[kind] for kind in self._ids}, rows)

    def done(self) -> Read:
        """Everything that was read."""
        if self._clock is not None:
            self.read.epoch, self.read.zoned = self._clock.epoch, self._clock.zoned
            self.read.offsets = self._clock.offsets
        return self.read

    def refuse(self, line: int, problem: str, row: str = "", *, last: bool = False) -> None:
        """A line that cannot be used: an error, or one more that was skipped."""
        if last:
            self.read.cut_line = line
            return
        if not self._options.skip_bad:
            raise TraceError(
                f"{self._name}:{line}: {problem}", hint="--skip-bad leaves such lines out, and counts them"
            )
        self.read.skipped += 1
        self.read.first_skipped = self.read.first_skipped or f"line {line}: {problem}"

    def _start(self, numbers: Sequence[int], texts: Mapping[str, Sequence[str]]) -> Clock | None:
        """Chooses the clock by the first stamp that can be read."""
        column = self._columns["end" if self._by_end else "time"]
        for number, text in zip(numbers, texts[column.kind], strict=True):
            try:
                self._clock = clock_of(text, column.unit)
            except StampError as problem:
                if not self._options.skip_bad:
                    self.refuse(number, f"{column.name}: {problem}")
                continue
            self._first = (number, text)
            return self._clock
        for number in numbers:
            self.refuse(number, f"{column.name}: no stamp could be read")
        return None

    def _many(self, clock: Clock, texts: Mapping[str, Sequence[str]]) -> dict[str, Sequence[float]]:
        """All rows at once; ValueError if one of them is not well."""
        found: dict[str, Sequence[float]] = {}
        for kind, column in self._columns.items():
            own = texts[kind]
            if kind in {"time", "end"}:
                found[kind] = clock.many(own)
            elif kind == "start":
                found[kind] = [0.0 if text in NOTHING else float(text) * column.scale for text in own]
            elif kind == "cold":
                found[kind] = [_flag(text) for text in own]
            elif kind not in self._ids:
                scale = column.scale
                found[kind] = list(map(float, own)) if scale == 1.0 else [scale * float(text) for text in own]
            if kind in found and kind not in {"time", "end", "cold"}:
                most = MOST_TOKENS if kind.endswith("tokens") else LONGEST_S
                values = found[kind]
                if not (min(values) >= 0 and max(values) <= most and math.isfinite(sum(values))):
                    raise ValueError(kind)
        return self._derived(found)

    def _derived(self, found: dict[str, Sequence[float]]) -> dict[str, Sequence[float]]:
        """Arrival from end and duration, or duration from both ends."""
        ends = found.pop("end", None)
        if ends is not None and self._by_end:
            found["time"] = ends
            for part in (found.get("service"), found.get("start")):
                if part is not None:
                    found["time"] = [end - max(0.0, took) for end, took in zip(found["time"], part, strict=True)]
        elif ends is not None and "service" not in found:
            took = [end - begin for end, begin in zip(ends, found["time"], strict=True)]
            if not (min(took) >= 0 and max(took) <= LONGEST_S):
                raise ValueError("end")
            found["service"] = took
        cold = found.pop("cold", None)
        if cold is not None and "start" not in found:
            found["start"] = cold
        return found

    def _keep(
        self, found: Mapping[str, Sequence[float]], names: Mapping[str, Sequence[str]], rows: Sequence[str]
    ) -> None:
        self.read.times_s.extend(found["time"])
        for kind, values in self.read.values.items():
            values.extend(found[kind])
        for kind, numbers in self.read.names.items():
            known = self._ids[kind]
            numbers.extend([known.setdefault(text, len(known)) for text in names[kind]])
        if self.read.rows is not None:
            self.read.rows.extend(map(hash, rows))
        if len(self.read.times_s) > MOST_REQUESTS:
            raise TraceError(f"{self._name}: over {MOST_REQUESTS:,} requests", hint="give a shorter stretch of the log")

    def _singly(
        self,
        clock: Clock,
        numbers: Sequence[int],
        texts: Mapping[str, Sequence[str]],
        rows: Sequence[str],
        *,
        last: bool,
    ) -> None:
        for at, number in enumerate(numbers):
            own = {kind: [values[at]] for kind, values in texts.items()}
            try:
                found = self._one(clock, own)
            except ZoneError as problem:
                self._mixed_zones(number, problem)
            except _BadError as problem:
                self.refuse(number, str(problem), rows[at], last=last and at == len(numbers) - 1)
                continue
            self._keep(found, {kind: own[kind] for kind in self._ids}, [rows[at]])

    def _one(self, clock: Clock, own: Mapping[str, Sequence[str]]) -> dict[str, Sequence[float]]:
        """One row, told apart by what is wrong with it."""
        found: dict[str, Sequence[float]] = {}
        for kind, column in self._columns.items():
            text = own[kind][0].strip()
            if kind in {"time", "end"}:
                try:
                    found[kind] = [clock.one(text)]
                except ZoneError:
                    raise
                except StampError as problem:
                    raise _BadError(f"{column.name}: {problem}") from None
            elif kind == "cold":
                found[kind] = [_flag_or_bad(column.name, text)]
            elif kind == "start" and text in NOTHING:
                found[kind] = [0.0]
            elif kind not in self._ids:
                found[kind] = [_number(column, text)]
        try:
            return self._derived(found)
        except ValueError:
            raise _BadError(f"it ends before it begins, or takes over {LONGEST_S:,.0f} s") from None

    def _mixed_zones(self, number: int, problem: ZoneError) -> Never:
        here, there = ("with", "without") if problem.zoned else ("without", "with")
        line, text = self._first
        raise TraceError(
            f"{self._name}:{number}: {problem} {here} a zone; line {line} has {shown(text)} {there} one",
            hint="write all stamps with a zone, or all without and say --timezone",
        )


def _told(column: Column) -> str:
    """``service from duration_ms (ms)``."""
    unit = f" ({column.unit or 's'})" if column.kind in {"service", "start", "delay"} else ""
    return f"{column.kind.replace('_', ' ')} from {column.name}{unit}"


def _flag(text: str) -> float:
    word = text.strip().lower()
    if word in YES:
        return STARTED
    if word in NO:
        return 0.0
    raise ValueError(text)


def _flag_or_bad(name: str, text: str) -> float:
    try:
        return _flag(text)
    except ValueError:
        raise _BadError(f"{name}: found {shown(text)}; allowed is true or false") from None


def _number(column: Column, text: str) -> float:
    tokens = column.kind.endswith("tokens")
    allowed = f"0 to {MOST_TOKENS:,.0f}" if tokens else f"0 to {LONGEST_S:,.0f} s"
    try:
        value = float(text) * (1.0 if tokens else column.scale)
    except ValueError:
        raise _BadError(f"{column.name}: found {shown(text)}; allowed is a number, {allowed}") from None
    if not 0 <= value <= (MOST_TOKENS if tokens else LONGEST_S):
        unit = "" if tokens or column.unit in {None, "s"} else f" {column.unit}"
        raise _BadError(f"{column.name}: found {shown(text)}{unit}; allowed is {allowed}")
    return value
