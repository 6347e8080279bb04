"""What process does a trace look like? Rate, shape, days, sessions, service times and starts, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from outgrow.domain.errors import TraceError
from outgrow.domain.message import Message, message
from outgrow.fit.days import Days, survey
from outgrow.fit.estimates import Estimate, around, mean_and_cv
from outgrow.fit.even import evenness_of
from outgrow.fit.names import fit_by_names
from outgrow.fit.rate import Shape, fit_day_variance, fit_rate, fit_shape, growth_of, weekend_ratio
from outgrow.fit.times import StartFit, TimeFit, fit_starts, fit_times, service_times, warm_services
from outgrow.fit.unnamed import fit_unnamed
from outgrow.sim.requests import DAY_S, HOUR_S, NO_GAP, Poisson, Sessions

if TYPE_CHECKING:
    from array import array
    from datetime import date

    from outgrow.domain.trace import Trace
    from outgrow.fit.even import Evenness
    from outgrow.fit.sessions import SessionFit

FEWEST_REQUESTS = 2
SHORTEST_S = 1.0

RAREST_DAYS = 30.0
"""Fewer requests than one in so many days are refused, unless there are `FEW` of them."""

FEW = 50
"""Of fewer requests nothing is said about sessions: they get a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """Tokens a second that turn token counts into service time; None: not known."""

    input_per_s: float | None = None
    output_per_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A trace as a process: one for all days, so that growth and weekends count as day variance (``notes`` say so).

    Attributes:
        requests: how many there were.
        watched_s: seconds the log watched.
        days: calendar days it touches; ``whole_days`` of them watched from end to end.
        first_day: the local date it begins on, and ``last_day``; None where no calendar is known.
        per_day: requests of an average day.
        shape: how a day spreads over its hours.
        day_variance: variance of the gamma day factor; None with too few days.
        sessions: None where requests come one by one, or nothing can be told.
        pause_s: a longer pause of a name begins a session; None without names.
        even: requests come more evenly than by chance, as from a timer: then there are no sessions. None: they do not.
        service: time of one request; None where the log does not say.
        service_by: "logged", "response" (waits included) or "tokens"; None without a service time.
        tokens: mean input and output tokens of a request.
        starts: what the log says about starts.
        notes: what a reader should know.
    """

    requests: int
    watched_s: float
    days: int
    whole_days: int
    first_day: date | None
    last_day: date | None
    per_day: Estimate
    shape: Shape
    day_variance: Estimate | None
    sessions: SessionFit | None
    pause_s: float | None
    even: Evenness | None
    service: TimeFit | None
    service_by: str | None
    tokens: tuple[Estimate | None, Estimate | None]
    starts: StartFit | None
    notes: tuple[Message, ...]

    @property
    def process(self) -> Poisson | Sessions:
        """The fitted process, to be drawn from."""
        per_hour = tuple(self.per_day.mid * share for share in self.shape.mids)
        variance = 0.0 if self.day_variance is None else self.day_variance.mid
        if self.sessions is None:
            return (
                Sessions(per_hour=per_hour, gap=NO_GAP, day_variance=variance)
                if variance
                else Poisson(per_hour=per_hour)
            )
        return Sessions(per_hour=per_hour, size=self.sessions.size.mid, gap=self.sessions.gap, day_variance=variance)


def fit_trace(trace: Trace, speeds: Speeds) -> Fit:
    """The process that a trace looks like, part by part: rate, shape, days, sessions, times.

    One after the other: sessions first, on whose dispersion the errors of rate, shape and days rest. ``speeds`` are
    used where no service time is logged. Raises `TraceError` for fewer than two requests, all within a second, or a
    few years apart.
    """
    _refuse_short(trace)
    _refuse_rare(trace)
    days = survey(trace)
    found = _sessions(trace, days)
    sessions = found.fit
    dispersion = sessions.dispersion if sessions else 1.0
    services = service_times(trace, speeds.input_per_s, speeds.output_per_s)
    starts = fit_starts(trace, services)
    service = None if services is None else fit_times(warm_services(trace, services))
    by = None if service is None else _told_by(trace)
    shape = fit_shape(days, dispersion)
    return Fit(
        requests=len(trace.times_s),
        watched_s=days.watched_s,
        days=len(days.quarters),
        whole_days=len(days.whole),
        first_day=_date(trace, trace.span_s[0]),
        last_day=_date(trace, trace.span_s[1] - 1e-6),
        per_day=fit_rate(days, dispersion),
        shape=shape,
        day_variance=fit_day_variance(days, dispersion),
        sessions=sessions,
        pause_s=found.pause_s,
        even=found.even,
        service=service,
        service_by=by,
        tokens=(_mean(trace.input_tokens), _mean(trace.output_tokens)),
        starts=starts,
        notes=(*found.notes, *_notes(days, shape, service, by)),
    )


def _refuse_short(trace: Trace) -> None:
    count, length_s = len(trace.times_s), trace.span_s[1] - trace.span_s[0]
    if count >= FEWEST_REQUESTS and length_s >= SHORTEST_S:
        return
    found = ("no request", "one request")[count] if count < FEWEST_REQUESTS else "all requests within one second"
    raise TraceError(f"{trace.name}: {found}; a rate needs at least two moments", hint="give a longer trace")


def _refuse_rare(trace: Trace) -> None:
    """A few rows years apart are wrong stamps or leftovers, and no load."""
    count, days = len(trace.times_s), (trace.span_s[1] - trace.span_s[0]) / DAY_S
    if count >= FEW or days <= RAREST_DAYS * count:
        return
    first, last = _date(trace, trace.span_s[0]), _date(trace, trace.span_s[1] - 1e-6)
    dates = "" if first is None else f", {first} to {last}"
    raise TraceError(
        f"{trace.name}: {count} requests in {days:,.0f} days{dates}; expected one in {RAREST_DAYS:.0f} days, or {FEW}",
        hint="is a stamp wrong, or the unit (--column time_ms=NAME)? else give the stretch in which requests come",
    )


def _told_by(trace: Trace) -> str:
    """How a service time is known."""
    if trace.service_s is None:
        return "tokens"
    return "response" if trace.service_is_response else "logged"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """Sessions, or why there are none."""

    fit: SessionFit | None = None
    pause_s: float | None = None
    even: Evenness | None = None
    notes: tuple[Message, ...] = ()


def _sessions(trace: Trace, days: Days) -> _Found:
    """By name where names part sessions; else none where requests come evenly; else from the times alone."""
    notes: tuple[Message, ...] = ()
    one_by_one = False
    if trace.session is not None:
        named = fit_by_names(trace.times_s, trace.session, trace.span_s, trace.resolution_s)
        if named is not None and named.fit is not None:
            return _Found(fit=named.fit, pause_s=named.pause_s)
        one_by_one = named is not None
        notes = () if one_by_one else (message("trace.names-part-nothing"),)
    even = evenness_of(trace.times_s, days, trace.resolution_s)
    if even is not None:
        return _Found(even=even, notes=(*notes, _even_note(even)))
    return _Found(fit=None if one_by_one else fit_unnamed(trace.times_s, days, trace.resolution_s), notes=notes)


def _even_note(even: Evenness) -> Message:
    window_s = float(f"{even.window_s:.3g}")
    return message("trace.even", window=window_s, percent=round(100 * even.of_chance_frac))


def _notes(days: Days, shape: Shape, service: TimeFit | None, by: str | None) -> list[Message]:
    notes = [
        message("trace.hole", hours=round((end - begin) / HOUR_S, 1), day=int(begin // DAY_S) - days.first + 1)
        for begin, end in days.missing
    ]
    requests = sum(map(sum, days.quarters))
    if requests < FEW:
        notes.append(message("trace.few", count=requests, fewest=FEW))
    if not shape.seen:
        notes.append(message("trace.short", hours=round(days.watched_s / HOUR_S, 2)))
    ratio = weekend_ratio(days)
    if ratio is not None:
        notes.append(message("trace.weekend", percent=round(100 * ratio)))
    growth = growth_of(days)
    if growth is not None:
        notes.append(message("trace.growth", percent=round(100 * growth)))
    if service is not None and not service.lognormal:
        notes.append(message("trace.not-lognormal"))
    if by == "response":
        notes.append(message("trace.response"))
    return notes


def _date(trace: Trace, at_s: float) -> date | None:
    return None if trace.first_day is None else trace.first_day + timedelta(days=int(at_s // DAY_S))


def _mean(values: array[float] | None) -> Estimate | None:
    if values is None or not len(values):
        return None
    mean, cv = mean_and_cv(values)
    return around(mean, cv / len(values) ** 0.5) if mean > 0 else None
