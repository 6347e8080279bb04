"""What does a trace say about a service? Read, fitted, checked on held-out days, and written as part of a spec."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outgrow.adapters.files import write_atomic
from outgrow.adapters.spec_fields import SLUG
from outgrow.adapters.traces.door import read_trace
from outgrow.adapters.word_files import load_words
from outgrow.domain.errors import TraceError
from outgrow.domain.message import message
from outgrow.domain.trace import Totals
from outgrow.fit.check import check_fit
from outgrow.fit.process import fit_trace
from outgrow.fit.totals import fit_totals
from outgrow.flows.fit_fragment import fragment_of, totals_fragment
from outgrow.flows.token_speeds import speed_notes
from outgrow.record.data import FORMAT
from outgrow.sim.requests import DAY_S, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from outgrow.adapters.traces.collect import ReadOptions
    from outgrow.domain.message import Message
    from outgrow.domain.trace import Trace
    from outgrow.fit.check import Check
    from outgrow.fit.process import Fit, Speeds


HOURS_BELOW_S = 1.5 * DAY_S
"""A stretch shorter than this is given in hours: rounded to whole days it would be one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `outgrow fit` was asked for."""

    path: Path
    options: ReadOptions
    speeds: Speeds
    task: str
    seed: int


def fit_file(asked: Asked, progress: Callable[[int], None]) -> dict[str, Any]:
    """Everything the answer holds, as one object; ``fragment`` is the text of the spec's part."""
    if not re.fullmatch(SLUG, asked.task):
        raise TraceError(f"--task: found {asked.task!r}; expected a name of a-z, 0-9 and -")
    trace = read_trace(asked.path, asked.options, progress)
    about_speeds = speed_notes(trace, asked.speeds)
    if isinstance(trace, Totals):
        return _totals_data(trace, asked.task)
    fit = fit_trace(trace, asked.speeds)
    check = check_fit(trace, asked.speeds, asked.seed)
    return {
        "format": FORMAT,
        "trace": _trace_data(trace, fit),
        "estimates": _estimates(fit),
        "check": None if check is None else _check_data(check, trace),
        "notes": _said((*trace.notes, *about_speeds, *fit.notes, *_verdict(check, trace))),
        "fragment": fragment_of(trace, fit, asked.task),
    }


def write_fragment(path: Path, text: str) -> None:
    """Puts the fragment into a file, whole or not at all."""
    write_atomic(path, text)


def _verdict(check: Check | None, trace: Trace) -> tuple[Message, ...]:
    """What to do where the fit does not hold."""
    if check is None or check.holds:
        return ()
    return (message("trace.not-held", inside=check.inside, total=len(check.figures), file=trace.name),)


def _said(notes: tuple[Message, ...]) -> list[dict[str, str]]:
    words = load_words("en")
    return [{"code": note.code, "text": words.say(note)} for note in notes]


def _totals_data(totals: Totals, task: str) -> dict[str, Any]:
    fit = fit_totals(totals)
    service = None if fit.mean_s is None else {"mean_s": dataclasses.asdict(fit.mean_s), "cv": fit.cv}
    return {
        "format": FORMAT,
        "trace": {"name": totals.name, "requests": totals.requests, "watched_s": totals.duration_s},
        "estimates": {"requests_per_day": dataclasses.asdict(fit.per_day), "service": service},
        "check": None,
        "notes": _said(totals.notes),
        "fragment": totals_fragment(totals, fit, task),
    }


def _trace_data(trace: Trace, fit: Fit) -> dict[str, Any]:
    return {
        "name": trace.name,
        "requests": fit.requests,
        "days": fit.days,
        "whole_days": fit.whole_days,
        "watched_s": fit.watched_s,
        "first_day": None if fit.first_day is None else fit.first_day.isoformat(),
        "last_day": None if fit.last_day is None else fit.last_day.isoformat(),
        "zone": trace.zone,
        "resolution_s": trace.resolution_s,
    }


def _estimates(fit: Fit) -> dict[str, Any]:
    sessions, service, starts = fit.sessions, fit.service, fit.starts
    return {
        "requests_per_day": dataclasses.asdict(fit.per_day),
        "day_shape": [dataclasses.asdict(share) for share in fit.shape.shares] if fit.shape.seen else None,
        "day_shape_flattened_frac": fit.shape.flattened_frac if fit.shape.seen else None,
        "day_variance": None if fit.day_variance is None else dataclasses.asdict(fit.day_variance),
        "arrivals": "poisson" if sessions is None else "sessions",
        "sessions": None if sessions is None else dataclasses.asdict(sessions) | {"pause_s": fit.pause_s},
        "even": None if fit.even is None else dataclasses.asdict(fit.even),
        "service": None if service is None else dataclasses.asdict(service) | {"by": fit.service_by},
        "starts": None if starts is None else dataclasses.asdict(starts),
        "input_tokens": None if fit.tokens[0] is None else dataclasses.asdict(fit.tokens[0]),
        "output_tokens": None if fit.tokens[1] is None else dataclasses.asdict(fit.tokens[1]),
    }


def _check_data(check: Check, trace: Trace) -> dict[str, Any]:
    return {
        "fitted": _stretch(trace, trace.span_s[0], check.fitted_until_s),
        "held_out": _stretch(trace, *check.held_s),
        "held_out_requests": check.held_requests,
        "draws": check.draws,
        "holds": check.holds,
        "inside": check.inside,
        "inside_poisson": check.inside_poisson,
        "pools": {
            "flex": {"service_s": _mean(check.flex.service), "cold_start_s": _mean(check.flex.cold_start)},
            "server": {"service_s": _mean(check.server.service)},
        },
        "figures": [
            {
                "name": figure.name,
                "unit": figure.unit,
                "real": figure.real,
                "fitted": dataclasses.asdict(figure.fitted),
                "fitted_holds": figure.fitted.holds(figure.real),
                "poisson": dataclasses.asdict(figure.poisson),
                "poisson_holds": figure.poisson.holds(figure.real),
            }
            for figure in check.figures
        ],
    }


def _stretch(trace: Trace, begin_s: float, end_s: float) -> str:
    """Days ``3 to 8``, or hours where it is shorter than `HOURS_BELOW_S`."""
    if end_s - begin_s < HOURS_BELOW_S:
        first_s = trace.span_s[0]
        return f"hours {(begin_s - first_s) / HOUR_S:.1f} to {(end_s - first_s) / HOUR_S:.1f}"
    first = int(trace.span_s[0] // DAY_S)
    return f"days {int(begin_s // DAY_S) - first + 1} to {int((end_s - 1) // DAY_S) - first + 1}"


def _mean(law: Any) -> float:
    from outgrow.sim.laws import mean_s

    return mean_s(law)
