"""JSON lines and JSON lists of requests, one object each; keys of inner objects are joined by dots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.traces.collect import Collector, Read, ReadOptions
from outgrow.adapters.traces.columns import RESPONSES, bare_name, named_columns, recognise
from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outgrow.adapters.traces.lines import Lines

MOST_BYTES: Final = 1 << 29
DEEPEST: Final = 4
BATCH_ROWS: Final = 8192


def read_json_lines(lines: Lines, options: ReadOptions) -> Read:
    """The requests of a file with an object a line."""
    return _collect(lines, options, _line_objects(lines))


def read_json_list(lines: Lines, options: ReadOptions) -> Read:
    """The requests of one list of objects; told by their place in it."""
    found = parse(lines.whole(MOST_BYTES), str(lines.path))
    if not isinstance(found, list):
        raise TraceError(f"{lines.path}: {kind_of(found)}; expected a list of requests")
    return _collect(lines, options, ((at, item, str(item)) for at, item in enumerate(found, 1)))


def parse(text: str, name: str) -> Any:
    """One JSON document. Raises `TraceError` where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as problem:
        line = getattr(problem, "lineno", 1)
        said = getattr(problem, "msg", "nested too deep")
        raise TraceError(f"{name}:{line}: not JSON: {said}") from None


def kind_of(value: object) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def _line_objects(lines: Lines) -> Iterator[tuple[int, Any, str]]:
    loads = json.loads
    for number, batch in lines.batches():
        for at, line in enumerate(batch, number):
            try:
                yield at, loads(line), line
            except (ValueError, RecursionError):
                if line.strip():
                    yield at, None, line


def _collect(lines: Lines, options: ReadOptions, objects: Iterator[tuple[int, Any, str]]) -> Read:
    """Columns are those of the first object and what the command line names."""
    collector: Collector | None = None
    keys: dict[str, str] = {}
    numbers: list[int] = []
    rows: list[str] = []
    texts: dict[str, list[str]] = {}
    bad: list[tuple[int, str, str]] = []
    for number, item, row in objects:
        flat = _flat(item) if isinstance(item, dict) else None
        if flat is None:
            bad.append((number, "not a JSON object", row))
            continue
        if collector is None:
            columns = recognise(list(flat), named_columns(options.columns), f"{lines.path}:{number}")
            keys = {kind: column.name for kind, column in columns.items()}
            texts = {kind: [] for kind in columns}
            collector = Collector(str(lines.path), columns, options)
            service = columns.get("service")
            collector.read.response = service is not None and bare_name(service.name) in RESPONSES
        numbers.append(number)
        rows.append(row)
        for kind, key in keys.items():
            value = flat.get(key, "")
            texts[kind].append(value if isinstance(value, str) else _text(value))
        if len(numbers) >= BATCH_ROWS:
            collector.add(numbers, texts, rows, last=False)
            numbers, rows, texts = [], [], {kind: [] for kind in keys}
    if collector is None:
        raise TraceError(f"{lines.path}: no JSON object in it", hint="JSON lines have one object on each line")
    ends_badly = bool(bad) and bool(numbers) and bad[-1][0] > numbers[-1]
    collector.add(numbers, texts, rows, last=lines.cut and not ends_badly)
    for at, (number, problem, row) in enumerate(bad):
        collector.refuse(number, problem, row, last=lines.cut and ends_badly and at == len(bad) - 1)
    return collector.done()


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _flat(item: dict[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in item.items():
        if isinstance(value, dict) and depth < DEEPEST:
            flat |= _flat(value, f"{prefix}{key}.", depth + 1)
        else:
            flat[f"{prefix}{key}"] = value
    return flat
