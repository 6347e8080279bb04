"""Which column of a log says what: recognised by name, or named with ``--column KIND=NAME``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from outgrow.adapters.traces.stamps import UNITS_S, shown
from outgrow.domain.errors import TraceError
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TIMED: Final = ("time", "end", "service", "start", "delay")
KINDS: Final = (*TIMED, "cold", "input_tokens", "output_tokens", "session", "instance")
"""What a column can say. Those in `TIMED` may carry a unit: ``service_ms=took``."""

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": (
        *(
            "timestamp",
            "time",
            "ts",
            "datetime",
            "date",
            "arrival",
            "arrivaltime",
            "arrivedat",
            "starttime",
            "startedat",
        ),
        *(
            "starttimestamp",
            "start",
            "createdat",
            "created",
            "requestedat",
            "requesttimestamp",
            "receivedat",
            "submittime",
        ),
        *("submittedat", "invocationtime", "invokedat", "eventtime", "logtime", "clientstarttime", "begin", "when"),
    ),
    "end": (
        *(
            "end",
            "endtime",
            "endtimestamp",
            "endedat",
            "finish",
            "finishtime",
            "finishedat",
            "completedat",
            "completed",
        ),
        *("stoptime", "clientendtime"),
    ),
    "service": (
        *("executiontime", "servicetime", "service", "exectime", "processingtime", "runtime", "execution"),
        *("executionduration", "processing", "inferencetime", "duration", "latency"),
        *(
            "responsetime",
            "requesttime",
            "elapsed",
            "elapsedtime",
            "e2elatency",
            "totaltime",
            "took",
            "clientelapsedtime",
        ),
        *("httpreqduration", "rt"),
    ),
    "start": ("initduration", "coldstarttime", "coldstartduration", "startuptime", "inittime", "loadtime", "boottime"),
    "delay": ("delaytime", "queuetime", "queuedelay", "waittime", "wait", "delay", "queued"),
    "cold": ("cold", "iscold", "coldstart", "iscoldstart", "wascold", "coldstarted"),
    "input_tokens": (
        *("contexttokens", "prompttokens", "inputtokens", "requesttokens", "numprompttokens", "promptlength"),
        *("inputlength", "promptlen", "inputlen", "tokensin", "usageprompttokens", "usageinputtokens"),
    ),
    "output_tokens": (
        *("generatedtokens", "completiontokens", "outputtokens", "responsetokens", "numcompletiontokens"),
        *("outputlength", "outputlen", "tokensout", "usagecompletiontokens", "usageoutputtokens"),
    ),
    "session": (
        *("session", "sessionid", "conversation", "conversationid", "chatid", "threadid", "user", "userid", "username"),
        *("client", "clientid", "customerid", "accountid", "tenant", "tenantid", "apikey", "clientip", "remoteaddr"),
        *("remoteip", "ip", "ipaddress", "clientaddress"),
    ),
    "instance": (
        *("instance", "instanceid", "instid", "continstid", "worker", "workerid", "container", "containerid", "pod"),
        *("podid", "podname", "sandboxid", "vmid", "logstream"),
    ),
}
"""Names in the order in which they are believed, lower case and without signs between words."""

RESPONSES: Final = frozenset(
    {"latency", "responsetime", "requesttime", "elapsed", "elapsedtime", "e2elatency", "totaltime", "took", "rt"}
    | {"clientelapsedtime", "httpreqduration"}
)
"""Times a caller saw, waits included."""

IN_MS: Final = frozenset({"executionTime", "delayTime", "@duration", "@initDuration", "http_req_duration"})
"""Columns of RunPod jobs, CloudWatch Logs Insights and k6 that count in milliseconds without saying so."""

SUFFIXES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "usec", "micros", "microsecond", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nsec", "nanos", "nanosecond", "nanoseconds"), "ns"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
}
_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """Where one kind is read from: name and place of the column, and the unit of a time (None: not stated)."""

    kind: str
    name: str
    place: int
    unit: str | None = None

    @property
    def scale(self) -> float:
        """Seconds of one; a time without a unit is in seconds."""
        return UNITS_S[self.unit or "s"]


def named_columns(pairs: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """``KIND=NAME`` of the command line as kind -> (name, unit). Raises `TraceError`."""
    found: dict[str, tuple[str, str | None]] = {}
    for pair in pairs:
        kind, equals, name = pair.partition("=")
        bare, _, unit = kind.rpartition("_")
        if bare in TIMED and unit in UNITS_S:
            kind = bare
        else:
            unit = ""
        if not equals or not name or kind not in KINDS:
            raise TraceError(
                f"--column: found {shown(pair)}; expected KIND=NAME with KIND one of {', '.join(KINDS)}"
                f"{did_you_mean(kind, KINDS) if equals and kind not in KINDS else ''}",
                hint="--column time=started_at --column service_ms=took",
            )
        if kind in found:
            raise TraceError(
                f"--column: {kind} is named twice, {shown(found[kind][0])} and {shown(name)}; allowed is once"
            )
        found[kind] = (name, unit or None)
    return found


def recognise(header: Sequence[str], named: Mapping[str, tuple[str, str | None]], place: str) -> dict[str, Column]:
    """Which column says what. Raises `TraceError` where a named one is missing or nothing says when requests came."""
    found: dict[str, Column] = {}
    taken: set[int] = set()
    for kind, (name, unit) in named.items():
        at = _place(header, name)
        if at is None:
            raise TraceError(
                f"{place}: no column {shown(name)}; columns: {', '.join(map(shown, header[:20]))}"
                f"{did_you_mean(name, header)}"
            )
        found[kind] = Column(kind=kind, name=header[at], place=at, unit=unit or _split(header[at])[1])
        taken.add(at)
    bare = [_split(name) for name in header]
    for kind, names in NAMES.items():
        if kind in found:
            continue
        for wanted in names:
            places = [at for at, (word, _) in enumerate(bare) if word == wanted and at not in taken]
            if places:
                at = places[0]
                found[kind] = _column(kind, header[at], at, bare[at][1])
                taken.add(at)
                break
    _settle(found)
    if "time" not in found and "end" not in found:
        raise TraceError(
            f"{place}: no column says when requests came; columns: {', '.join(map(shown, header[:20]))}",
            hint="name it: --column time=NAME",
        )
    return found


def _column(kind: str, name: str, place: int, unit: str | None) -> Column:
    if unit is None and name in IN_MS:
        unit = "ms"
    return Column(kind=kind, name=name, place=place, unit=unit)


def _settle(found: dict[str, Column]) -> None:
    """A cold-start column with a unit is a time, not a flag."""
    cold = found.get("cold")
    if cold is not None and cold.unit is not None and "start" not in found:
        del found["cold"]
        found["start"] = Column(kind="start", name=cold.name, place=cold.place, unit=cold.unit)


def _place(header: Sequence[str], name: str) -> int | None:
    """By name, or by number from 1 where there is no such name."""
    if name in header:
        return header.index(name)
    lower = [each.lower() for each in header]
    if name.lower() in lower:
        return lower.index(name.lower())
    if name.isdigit() and 1 <= int(name) <= len(header):
        return int(name) - 1
    return None


def bare_name(name: str) -> str:
    """The name without its unit, as `NAMES` has it."""
    return _split(name)[0]


def unit_of(name: str) -> str | None:
    """The unit a name ends in, or which its tool means without saying so."""
    return _split(name)[1] or ("ms" if name in IN_MS else None)


def _split(name: str) -> tuple[str, str | None]:
    """``Duration (ms)`` -> (duration, ms); ``startTime`` -> (starttime, None)."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if len(words) > 1 and words[-1] in SUFFIXES:
        return "".join(words[:-1]), SUFFIXES[words[-1]]
    return "".join(words), None
