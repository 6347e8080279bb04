"""Files of measured things that a spec names or a command is given: read once, put into the spec, sent with a study."""

from __future__ import annotations

import hashlib
from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from outgrow.adapters.traces.collect import ReadOptions
from outgrow.adapters.traces.door import read_trace
from outgrow.adapters.traces.times import SERVICE, START, read_times
from outgrow.adapters.word_files import load_words
from outgrow.domain.arrivals import ArrivalKind, Pattern
from outgrow.domain.errors import SpecError, TraceError
from outgrow.domain.message import message
from outgrow.domain.trace import STARTED, Totals
from outgrow.domain.workload import Driver, Input, Source
from outgrow.fit.process import Speeds
from outgrow.fit.times import fit_starts, fit_times, service_times, warm_services
from outgrow.flows.token_speeds import speed_notes
from outgrow.sim.traces import as_work, hours_of, per_day_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from outgrow.domain.message import Message
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.trace import Trace
    from outgrow.domain.workload import Service
    from outgrow.fit.times import TimeFit

WEB = "web requests"
"""Stands where the name of a task stands; no task can be called this."""

FEWEST_REQUESTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Measured files of the command line, all about one inference task (by default the only one).

    The trace is played with its own load times ``scale`` instead of the spec's demand.
    """

    task: str | None = None
    trace: Path | None = None
    options: ReadOptions = field(default_factory=ReadOptions)
    speeds: Speeds = field(default_factory=Speeds)
    scale: float = 1.0
    cold_starts: Path | None = None
    service_times: Path | None = None

    @property
    def anything(self) -> bool:
        """Is there a file at all?"""
        return any((self.trace, self.cold_starts, self.service_times))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """What files say about one task, or `WEB`.

    ``per_day`` requests are played of the trace; None: as many as the spec asks for. ``own_times``: service times and
    starts of the trace replace those of the spec. ``files`` are their names with the SHA-256 of what was read.
    """

    task: str
    trace: Trace | None = None
    per_day: float | None = None
    own_times: bool = False
    service_times_s: tuple[float, ...] = ()
    cold_starts_s: tuple[float, ...] = ()
    files: tuple[tuple[str, str], ...] = ()

    @property
    def notes(self) -> tuple[Message, ...]:
        """What a reader should know of how the files were read."""
        if self.trace is None:
            return ()
        silent = self.task != WEB and as_work(self.trace).service_s is None and not self.service_times_s
        return (*self.trace.notes, *((message("trace.spec-service"),) if silent else ()))

    @property
    def fingerprint(self) -> str:
        """The same numbers, the same fingerprint, however they were read."""
        found = hashlib.sha256(repr((self.task, self.per_day, self.own_times, self.files)).encode())
        found.update(array("d", self.service_times_s + self.cold_starts_s).tobytes())
        if self.trace is not None:
            found.update(repr(self.trace.span_s).encode())
            for column in (self.trace.times_s, self.trace.service_s, self.trace.start_s):
                found.update(b"" if column is None else column.tobytes())
        return found.hexdigest()


def named_by(service: Service, folder: Path | None, spec: str) -> tuple[Measured, ...]:
    """The files the spec names, read from its folder. Raises `TraceError`, or `SpecError` where there is no folder."""
    tasks = [(task.name, task.arrivals, task.service_times, task.cold_starts) for task in service.inference]
    found = []
    for name, pattern, times, starts in [*tasks, (WEB, service.web.arrivals, None, None)]:
        files = [file for file in (pattern.file, times, starts) if file]
        if not files:
            continue
        if folder is None:
            raise SpecError(
                f"{spec}: names {files[0]}, which is not here",
                hint="put it beside the record, or give the spec beside it",
            )
        options = ReadOptions(timezone=pattern.timezone, columns=pattern.columns)
        found.append(
            Measured(
                task=name,
                trace=_trace(folder / pattern.file, options) if pattern.file else None,
                service_times_s=read_times(folder / times, SERVICE) if times else (),
                cold_starts_s=read_times(folder / starts, START) if starts else (),
                files=tuple((file, digest(folder / file)) for file in files),
            )
        )
    return tuple(found)


def given_with(given: Given, service: Service) -> Measured:
    """The files of the command line, read. Raises `TraceError`, or `SpecError` for a task nobody knows."""
    task = _task(given, service)
    trace = _trace(given.trace, given.options) if given.trace else None
    if trace is not None:
        services = service_times(trace, given.speeds.input_per_s, given.speeds.output_per_s)
        trace = replace(trace, notes=(*trace.notes, *speed_notes(trace, given.speeds)))
        trace = replace(trace, service_s=None if services is None else array("d", services))
    paths = [path for path in (given.trace, given.service_times, given.cold_starts) if path]
    return Measured(
        task=task.name,
        trace=trace,
        per_day=None if trace is None else per_day_of(trace) * given.scale,
        own_times=True,
        service_times_s=read_times(given.service_times, SERVICE) if given.service_times else (),
        cold_starts_s=read_times(given.cold_starts, START) if given.cold_starts else (),
        files=tuple((path.name, digest(path)) for path in paths),
    )


def _task(given: Given, service: Service) -> InferenceTask:
    names = [task.name for task in service.inference]
    if given.task is None and len(names) == 1:
        return service.inference[0]
    if given.task is None:
        raise SpecError(f"--task: whose trace is it? found none; tasks: {', '.join(names) or 'none'}")
    found = next((task for task in service.inference if task.name == given.task), None)
    if found is None:
        raise SpecError(f"--task: found {given.task!r}; tasks: {', '.join(names) or 'none'}")
    return found


def _trace(path: Path, options: ReadOptions) -> Trace:
    trace = read_trace(path, options)
    if isinstance(trace, Totals):
        raise TraceError(f"{path}: a summary, which has no single requests to play", hint="give the requests one a row")
    if len(trace.times_s) < FEWEST_REQUESTS or trace.span_s[1] <= trace.span_s[0]:
        raise TraceError(f"{path}: {len(trace.times_s)} requests of one moment; there is nothing to play")
    return trace


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises `TraceError` where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as problem:
        raise TraceError(f"{path}: cannot be read ({problem.strerror})") from None


def with_measured(service: Service, all_measured: Iterable[Measured]) -> Service:
    """The service with what was measured in the place of what was stated; its ranges are those of the measurement."""
    for measured in all_measured:
        service = _with_one(service, measured)
    return service


def _with_one(service: Service, measured: Measured) -> Service:
    if measured.task == WEB:
        pattern = replace(service.web.arrivals, trace=measured.trace)
        return replace(service, web=replace(service.web, arrivals=pattern))
    before = next(task for task in service.inference if task.name == measured.task)
    task, known = _measured_task(before, measured, service.users.daily_active)
    tasks = tuple(task if one is before else one for one in service.inference)
    path = f"inference.{task.name}"
    gone = {f"{path}.{name}" for name in known} | ({"users.daily_active"} if measured.per_day is not None else set())
    if measured.trace is not None:
        gone |= {one.path for one in service.drivers if one.path.startswith(f"{path}.arrivals.")}
    numbers = {f"{path}.{name}": found for name, found in known.items()}
    return replace(
        service,
        inference=tasks,
        drivers=(*(one for one in service.drivers if one.path not in gone), *_drivers(numbers)),
        inputs=(*(one for one in service.inputs if one.path not in gone - {"users.daily_active"}), *_inputs(numbers)),
    )


_Known = dict[str, "float | TimeFit"]


def _measured_task(task: InferenceTask, measured: Measured, users: float) -> tuple[InferenceTask, _Known]:
    """The task, and which of its numbers are now known."""
    known: _Known = {}
    changes: dict[str, Any] = {}
    trace = measured.trace
    if trace is not None:
        work = as_work(trace)
        changes |= {
            "arrivals": Pattern(
                kind=ArrivalKind.TRACE,
                session_size=1.0,
                day_variance=0.0,
                file=task.arrivals.file,
                trace=work,
            ),
            "day_shape": hours_of(trace),
        }
        if measured.own_times:
            known |= _own_times(trace, work, changes)
    if measured.per_day is not None:
        known["requests_per_day"] = measured.per_day
        changes |= {"requests_per_day": measured.per_day, "base_daily_active": users}
    for name, values_s in (("service", measured.service_times_s), ("cold_start", measured.cold_starts_s)):
        if values_s:
            known |= _of_times(name, values_s, changes)
    return replace(task, **changes), known


def _own_times(trace: Trace, work: Trace, changes: dict[str, Any]) -> _Known:
    """Service times and starts as the trace has them."""
    known: _Known = {}
    if work.service_s is not None and (fit := fit_times(warm_services(trace, work.service_s))):
        known |= {"service_s": fit, "service_cv": fit.cv.mid}
        changes |= {"service_s": fit.mean_s.mid, "service_cv": fit.cv.mid, "service_times_s": ()}
    starts = fit_starts(trace, trace.service_s)
    logged = tuple(value for value in trace.start_s or () if value > 0 and value != STARTED)
    if starts is not None and starts.time is not None:
        if starts.by == "logged" and len(logged) > 1:
            return known | _of_times("cold_start", logged, changes)
        known |= {"cold_start_s": starts.time, "cold_start_cv": starts.time.cv.mid}
        changes |= {"cold_start_s": starts.time.mean_s.mid, "cold_start_cv": starts.time.cv.mid, "cold_starts_s": ()}
    return known


def _of_times(name: str, values_s: Sequence[float], changes: dict[str, Any]) -> _Known:
    """Measured times as the law of ``service`` or ``cold_start``."""
    fit = fit_times(values_s)
    if fit is None:
        return {}
    values = "service_times_s" if name == "service" else "cold_starts_s"
    changes |= {f"{name}_s": fit.mean_s.mid, f"{name}_cv": fit.cv.mid, values: tuple(values_s)}
    return {f"{name}_s": fit, f"{name}_cv": fit.cv.mid}


def _drivers(numbers: dict[str, float | TimeFit]) -> list[Driver]:
    """How uncertain a mean is that was measured on so many."""
    return [
        Driver(
            path=path,
            low=found.mean_s.low,
            mid=found.mean_s.mid,
            high=found.mean_s.high,
            source=Source.MEASURED,
        )
        for path, found in numbers.items()
        if not isinstance(found, float) and found.mean_s.low < found.mean_s.high
    ]


def _inputs(numbers: dict[str, float | TimeFit]) -> list[Input]:
    return [
        Input(path=path, value=found if isinstance(found, float) else found.mean_s.mid, source=Source.MEASURED)
        for path, found in numbers.items()
    ]


def said(all_measured: Iterable[Measured]) -> list[str]:
    """The notes on all files, in words."""
    words = load_words("en")
    return [words.say(note) for measured in all_measured for note in measured.notes]


def described(all_measured: Iterable[Measured]) -> list[dict[str, str]]:
    """The files behind the numbers, for a record."""
    return [{"file": file, "sha256": found} for measured in all_measured for file, found in measured.files]
