"""The door for request traces: finds out what kind of log a file is, and reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from outgrow.adapters.traces.access import ALB_LINE, LAMBDA_LINE, NGINX_LINE, read_alb, read_lambda, read_nginx
from outgrow.adapters.traces.collect import ReadOptions
from outgrow.adapters.traces.csv_rows import read_csv
from outgrow.adapters.traces.finish import finish
from outgrow.adapters.traces.json_rows import read_json_lines, read_json_list
from outgrow.adapters.traces.lines import Lines
from outgrow.adapters.traces.tools import K6_HEADER, read_k6_csv, read_k6_summary, read_prometheus
from outgrow.domain.errors import TraceError
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from outgrow.adapters.traces.collect import Read
    from outgrow.domain.trace import Totals, Trace

READERS: Final[dict[str, Callable[[Lines, ReadOptions], Read]]] = {
    "csv": read_csv,
    "jsonl": read_json_lines,
    "json": read_json_list,
    "nginx": read_nginx,
    "alb": read_alb,
    "lambda": read_lambda,
    "k6-csv": read_k6_csv,
    "prometheus": lambda lines, _options: read_prometheus(lines, None),
    "prometheus-counter": lambda lines, _options: read_prometheus(lines, "counter"),
    "prometheus-rate": lambda lines, _options: read_prometheus(lines, "rate"),
}
LINES: Final = {"nginx": NGINX_LINE, "alb": ALB_LINE}
SEARCHED: Final = 200
"""Lines among which a report of AWS Lambda is looked for; others stand between them."""

SUMMARY: Final = "k6-summary"
FORMATS: Final = (*READERS, SUMMARY)


def read_trace(
    path: Path, options: ReadOptions | None = None, progress: Callable[[int], None] | None = None
) -> Trace | Totals:
    """The requests in a log file. Raises `TraceError` with file and line where something cannot be used.

    ``progress`` hears how many lines were read so far.
    """
    options = options or ReadOptions()
    if options.format is not None and options.format not in FORMATS:
        raise TraceError(
            f"--format: unknown format {options.format!r}{did_you_mean(options.format, FORMATS)}",
            hint=f"formats: {', '.join(FORMATS)}",
        )
    lines = Lines(path, progress)
    chosen = options.format or format_of(lines.head())
    if chosen == SUMMARY:
        return read_k6_summary(lines)
    return finish(lines.path, READERS[chosen](lines, options), options.timezone)


def format_of(head: str) -> str:
    """The format of a file by its first lines; CSV where nothing else fits."""
    text = head.lstrip()
    first = text.split("\n", 1)[0].rstrip("\r")
    if text.startswith("{"):
        return _json_format(text)
    if text.startswith("[") and text[1:].lstrip()[:1] in {"{", "]"}:
        return "json"
    if first.startswith(K6_HEADER):
        return "k6-csv"
    known = (name for name, pattern in LINES.items() if pattern.match(first))
    found = next(known, None)
    if found is None and any(LAMBDA_LINE.match(line) for line in text.split("\n")[:SEARCHED]):
        return "lambda"
    return found or "csv"


def _json_format(text: str) -> str:
    """One document of a tool we know, or an object a line."""
    start = "".join(text[:4000].split())
    if '"resultType"' in start or start.startswith('{"status":'):
        return "prometheus"
    if '"metrics":{' in start or '"root_group":{' in start:
        return SUMMARY
    return "jsonl"
