"""What the gateway tells its operators: one JSON line an event, and counters in the text form of Prometheus."""

from __future__ import annotations

import json
import sys
from bisect import bisect_left
from collections import defaultdict
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

KINDS: dict[str, tuple[str, str]] = {
    "outgrow_http_requests_total": ("counter", "Requests answered, by route and status."),
    "outgrow_http_request_seconds": ("histogram", "From request head to the last byte of the answer."),
    "outgrow_refused_total": ("counter", "Requests refused, by code of the problem."),
    "outgrow_shed_connections_total": ("counter", "Connections closed because no request came in time."),
    "outgrow_waiting_connections": ("gauge", "Connections that have not sent a request head."),
    "outgrow_progress_clients": ("gauge", "WebSocket and SSE clients connected to this instance."),
    "outgrow_progress_lagged_total": ("counter", "Progress clients closed because they did not read."),
    "outgrow_jobs": ("gauge", "Jobs that have not ended, by task and state; dead ones too."),
    "outgrow_budget_usd_micro": ("gauge", "Money of the present period in micro-dollars: cap, spent, reserved."),
    "outgrow_chat_tokens_total": ("counter", "Tokens of the OpenAI route, by task and direction."),
    "outgrow_up": ("gauge", "1 when the database answers."),
}


class Metrics:
    """Counters and histograms of this process."""

    def __init__(self) -> None:
        """All at zero."""
        self._counts: defaultdict[tuple[str, tuple[tuple[str, str], ...]], float] = defaultdict(float)
        self._histograms: dict[tuple[tuple[str, str], ...], list[float]] = {}

    def add(self, name: str, amount: float = 1, **labels: str) -> None:
        """Counts ``amount`` more."""
        self._counts[name, tuple(labels.items())] += amount

    def observe(self, seconds: float, **labels: str) -> None:
        """One more answer that took so long."""
        row = self._histograms.setdefault(tuple(labels.items()), [0.0] * (len(BOUNDS_S) + 2))
        row[bisect_left(BOUNDS_S, seconds)] += 1
        row[-1] += seconds

    def value(self, name: str, **labels: str) -> float:
        """What has been counted."""
        return self._counts.get((name, tuple(labels.items())), 0.0)

    def text(self, gauges: Iterable[tuple[str, Mapping[str, str], float]] = ()) -> str:
        """Everything, and ``gauges`` that were read just now, in version 0.0.4 of the text format."""
        rows: defaultdict[str, list[str]] = defaultdict(list)
        for (name, labels), count in sorted(self._counts.items()):
            rows[name].append(_row(name, labels, count))
        for name, gauge_labels, value in gauges:
            rows[name].append(_row(name, tuple(gauge_labels.items()), value))
        for labels, row in sorted(self._histograms.items()):
            rows["outgrow_http_request_seconds"] += _histogram("outgrow_http_request_seconds", labels, row)
        lines = []
        for name, (kind, says) in KINDS.items():
            if rows[name]:
                lines += [f"# HELP {name} {says}", f"# TYPE {name} {kind}", *rows[name]]
        return "\n".join(lines) + "\n"


def _histogram(name: str, labels: tuple[tuple[str, str], ...], row: list[float]) -> list[str]:
    lines, total = [], 0.0
    for bound, count in zip((*BOUNDS_S, "+Inf"), row[:-1], strict=True):
        total += count
        lines.append(_row(f"{name}_bucket", (*labels, ("le", str(bound))), total))
    return [*lines, _row(f"{name}_sum", labels, row[-1]), _row(f"{name}_count", labels, total)]


def _row(name: str, labels: tuple[tuple[str, str], ...], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    number = repr(float(value)).removesuffix(".0")
    return f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Log:
    """JSON lines on a stream. Callers pass names, counts and times; never a payload, a key or what a user wrote."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        """Standard error unless told otherwise; ``None`` at exit is no reason to fail."""
        self._stream = stream

    def tell(self, event: str, **facts: str | float | bool | None) -> None:
        """One line: when, what, and its facts."""
        line = {"at": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        stream = self._stream if self._stream is not None else sys.stderr
        stream.write(json.dumps(line, ensure_ascii=False) + "\n")
        stream.flush()
