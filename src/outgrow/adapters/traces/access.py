"""Access logs: nginx (combined, with ``$request_time`` at the end where it is there), AWS ALB, AWS Lambda reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from outgrow.adapters.traces.collect import Collector, Read, ReadOptions
from outgrow.adapters.traces.columns import Column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outgrow.adapters.traces.lines import Lines

    Cells = Mapping[str, Sequence[str]]

NGINX_LINE: Final = re.compile(r"\S+ \S+ .*?\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] \"")
ALB_LINE: Final = re.compile(r"(?:https?|h2|grpcs|wss?) \d{4}-\d\d-\d\dT\S+Z \S+ \S+ \S+(?: -?[\d.]+){3} ")
LAMBDA_LINE: Final = re.compile(r".*?REPORT RequestId: \S+\s+Duration: [\d.]+ ms")
_STAMP_CHARS: Final = len("10/Oct/2000:13:55:36 -0700")
_LAMBDA_PART: Final = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\S+)\s(?:(?P<stream>\S*\[\S+)\s)?.*?"
    r"REPORT RequestId: \S+\s+Duration: (?P<took>[\d.]+) ms"
    r"(?:.*?Init Duration: (?P<start>[\d.]+) ms)?"
)
RESOLUTION_S: Final = 1.0


def read_nginx(lines: Lines, options: ReadOptions) -> Read:
    """The requests of a combined log; the client address stands for the user.

    Lines are written when a request ends: where its time is logged, it began so much earlier.
    """
    timed = _ends_in_a_time(next(line for line in lines.first_lines() if line.strip()))
    columns = {
        "end": Column(kind="end", name="time_local", place=0),
        "session": Column(kind="session", name="remote_addr", place=0),
    }
    if timed:
        columns["service"] = Column(kind="service", name="request_time", place=0, unit="s")

    def cells(batch: Sequence[str]) -> Cells:
        heads = [line.split("[", 1) for line in batch]
        found = {
            "end": [head[1][:_STAMP_CHARS] for head in heads],
            "session": [head[0].split(" ", 1)[0] for head in heads],
        }
        if timed:
            found["service"] = [line.rsplit('"', 1)[1].split(None, 1)[0] for line in batch]
        return found

    read = _read(lines, options, columns, cells, "no nginx line (combined format)")
    read.resolution_s = RESOLUTION_S
    read.response = timed
    return read


def _ends_in_a_time(line: str) -> bool:
    tail = line.rsplit('"', 1)[-1].split()
    return bool(tail) and re.fullmatch(r"\d+\.\d+", tail[0]) is not None


def read_alb(lines: Lines, options: ReadOptions) -> Read:
    """The requests of an AWS load balancer; the client address stands for the user.

    The three times add up to the response. Where a target never answered (-1) nothing is known and the request counts
    as served at once. Lines are written when a request ends.
    """
    columns = {
        "end": Column(kind="end", name="time", place=1),
        "session": Column(kind="session", name="client", place=3),
        "service": Column(kind="service", name="target_processing_time", place=6, unit="s"),
    }
    unserved = 0

    def cells(batch: Sequence[str]) -> Cells:
        nonlocal unserved
        rows = [line.split(" ", 8) for line in batch]
        unserved += sum("-1" in row[5:8] for row in rows)
        return {
            "end": [row[1] for row in rows],
            "session": [row[3].rsplit(":", 1)[0] for row in rows],
            "service": ["0" if "-1" in row[5:8] else repr(sum(map(float, row[5:8]))) for row in rows],
        }

    read = _read(lines, options, columns, cells, "no load-balancer line")
    read.unserved = unserved
    read.response = True
    return read


def read_lambda(lines: Lines, options: ReadOptions) -> Read:
    """The invocations of an AWS Lambda function from its REPORT lines, each after a stamp; other lines are passed over.

    A line is written when the invocation ends. ``Init Duration`` is the time of a start.
    """
    columns = {
        "end": Column(kind="end", name="time", place=0),
        "service": Column(kind="service", name="Duration", place=0, unit="ms"),
        "start": Column(kind="start", name="Init Duration", place=0, unit="ms"),
        "instance": Column(kind="instance", name="log stream", place=0),
    }
    collector = Collector(str(lines.path), columns, options)
    for number, batch in lines.batches():
        found = [(number + at, line, _LAMBDA_PART.search(line)) for at, line in enumerate(batch) if "REPORT " in line]
        for at, line, match in found:
            if match is None:
                last = lines.cut and at == number + len(batch) - 1
                collector.refuse(at, "a REPORT line without a stamp before it or a duration in it", line, last=last)
        good = [(at, line, match) for at, line, match in found if match is not None]
        texts = {
            "end": [match["time"] for _, _, match in good],
            "service": [match["took"] for _, _, match in good],
            "start": [match["start"] or "" for _, _, match in good],
            "instance": [match["stream"] or "" for _, _, match in good],
        }
        collector.add([at for at, _, _ in good], texts, [line for _, line, _ in good], last=False)
    read = collector.done()
    if set(read.names["instance"]) == {0}:
        del read.names["instance"]
    return read


def _read(
    lines: Lines,
    options: ReadOptions,
    columns: Mapping[str, Column],
    cells: Callable[[Sequence[str]], Cells],
    problem: str,
) -> Read:
    """Cuts batches into cells; where one line is of another kind, line by line."""
    collector = Collector(str(lines.path), columns, options)
    for number, batch in lines.batches():
        try:
            found = cells(batch)
        except (ValueError, IndexError):
            for at, line in enumerate(batch):
                last = lines.cut and at == len(batch) - 1
                if not line.strip():
                    continue
                try:
                    own = cells([line])
                except (ValueError, IndexError):
                    collector.refuse(number + at, problem, line, last=last)
                    continue
                collector.add([number + at], own, [line], last=last)
        else:
            collector.add(range(number, number + len(batch)), found, batch, last=lines.cut)
    return collector.done()
