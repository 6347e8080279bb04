"""CSV of any dialect: delimiter, header and columns are found out, or named with ``--column KIND=NAME``."""

from __future__ import annotations

import csv
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from outgrow.adapters.traces.collect import Collector, Read, ReadOptions
from outgrow.adapters.traces.columns import RESPONSES, Column, bare_name, named_columns, recognise
from outgrow.adapters.traces.stamps import looks_like_stamp, shown
from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from outgrow.adapters.traces.lines import Lines

DELIMITERS: Final = ",;\t|"
BATCH_ROWS: Final = 8192


def read_csv(lines: Lines, options: ReadOptions) -> Read:
    """The requests of a CSV file, one a row."""
    head = lines.first_lines()
    first = next(line for line in head if line.strip())
    delimiter = delimiter_of(head)
    header = _cells(first, delimiter, f"{lines.path}:{head.index(first) + 1}")
    named = named_columns(options.columns)
    titled = has_header(header)
    if titled:
        columns = recognise([name.strip() for name in header], named, f"{lines.path}:{head.index(first) + 1}")
    else:
        columns = _untitled(header, named, str(lines.path))
    collector = Collector(str(lines.path), columns, options)
    read = collector.read
    read.response = "service" in columns and bare_name(columns["service"].name) in RESPONSES
    width, places = len(header), {kind: column.place for kind, column in columns.items()}
    for numbers, rows, texts, last in _batches(lines, delimiter, skip=titled):
        _add(collector, numbers, rows, texts, width, places, last=last)
    return collector.done()


def _cells(line: str, delimiter: str, place: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error as problem:
        raise TraceError(f"{place}: not CSV: {problem}") from None


def delimiter_of(head: Sequence[str]) -> str:
    """The sign that parts the first line most often, and as often the second; a comma for a single column."""
    lines = [line for line in head if line.strip()][:2]
    counts = {sign: [line.count(sign) for line in lines] for sign in DELIMITERS}
    alike = [sign for sign, found in counts.items() if found[0] and len(set(found)) == 1]
    among = alike or [sign for sign, found in counts.items() if found[0]]
    return max(among, key=lambda sign: counts[sign][0], default=",")


def has_header(row: Sequence[str]) -> bool:
    """Names, if no cell is a stamp or a number."""
    return not any(looks_like_stamp(cell) or _is_number(cell) for cell in row)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _untitled(row: Sequence[str], named: dict[str, tuple[str, str | None]], name: str) -> dict[str, Column]:
    """Columns by number; the first stamp is the time unless another one is named."""
    numbers = [str(place + 1) for place in range(len(row))]
    if "time" not in named and "end" not in named:
        stamps = [place for place, cell in enumerate(row) if looks_like_stamp(cell)]
        if not stamps and len(row) == 1 and _is_number(row[0]):
            stamps = [0]
        if not stamps:
            raise TraceError(
                f"{name}:1: no column names, and no cell that is a time stamp: {', '.join(map(shown, row[:8]))}",
                hint="name the column by its number: --column time=1",
            )
        named = {**named, "time": (str(stamps[0] + 1), None)}
    return recognise(numbers, named, f"{name}:1")


def _add(
    collector: Collector,
    numbers: Sequence[int],
    rows: Sequence[Sequence[str]],
    texts: Sequence[str],
    width: int,
    places: dict[str, int],
    *,
    last: bool,
) -> None:
    """Hands a batch on by column; rows of another width are told one by one, empty ones passed over."""
    if set(map(len, rows)) != {width}:
        kept = []
        for at, row in enumerate(rows):
            if len(row) == width:
                kept.append(at)
            elif any(cell.strip() for cell in row):
                end = last and at == len(rows) - 1
                collector.refuse(
                    numbers[at], f"{len(row)} cell{'' if len(row) == 1 else 's'}; the first line has {width}", last=end
                )
        last = last and bool(kept) and kept[-1] == len(rows) - 1
        numbers, rows, texts = ([part[at] for at in kept] for part in (numbers, rows, texts))  # type: ignore[assignment]
    collector.add(numbers, {kind: [row[at] for row in rows] for kind, at in places.items()}, texts, last=last)


def _batches(
    lines: Lines, delimiter: str, *, skip: bool
) -> Iterator[tuple[Sequence[int], list[list[str]], list[str], bool]]:
    """Numbers, cells and text of each batch of rows, from where quotes begin on by the slower reader."""
    source = lines.batches()
    for number, batch in source:
        if any('"' in line for line in batch):
            rest = chain([(number, batch)], source)
            yield from _quoted(lines, delimiter, rest, skip=skip)
            return
        begin = 0
        if skip:
            while begin < len(batch) and not batch[begin].strip():
                begin += 1
            begin, skip = begin + 1, begin >= len(batch)
        own = batch[begin:]
        if own:
            rows = [line.split(delimiter) for line in own]
            yield range(number + begin, number + len(batch)), rows, own, lines.cut


def _quoted(
    lines: Lines, delimiter: str, rest: Iterable[tuple[int, list[str]]], *, skip: bool
) -> Iterator[tuple[Sequence[int], list[list[str]], list[str], bool]]:
    first = 1

    def each() -> Iterator[str]:
        nonlocal first
        for number, batch in rest:
            if first == 1 and number > 1:
                first = number
            for line in batch:
                yield f"{line}\n"

    reader = csv.reader(each(), delimiter=delimiter)
    while True:
        numbers, rows = [], []
        try:
            for row in islice(reader, BATCH_ROWS):
                if skip and row:
                    skip = False
                    continue
                numbers.append(first + reader.line_num - 1)
                rows.append(row)
        except csv.Error as problem:
            raise TraceError(f"{lines.path}:{first + reader.line_num - 1}: not CSV: {problem}") from None
        if not rows:
            return
        yield numbers, rows, [delimiter.join(row) for row in rows], lines.cut
