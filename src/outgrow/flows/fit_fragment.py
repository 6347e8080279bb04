"""A fit as the part of a spec it stands for, every number marked `measured`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.sim.requests import DAY_S, HOUR_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.trace import Totals, Trace
    from outgrow.fit.estimates import Estimate
    from outgrow.fit.process import Fit
    from outgrow.fit.totals import TotalsFit

DIGITS = 4
SHAPE_DECIMALS = 5
WIDTH = 8

UNKNOWN_SERVICE = "    # service_s: not known from this trace; give it here, or service_times: FILE"
"""A spec needs one of the two."""


def fragment_of(trace: Trace, fit: Fit, task: str) -> str:
    """YAML of one inference task: what was measured. A service time that was not is asked for in a comment."""
    lines = [
        f"# Measured from {_plain(trace.name)}: {_when(fit)}, {_plain(trace.zone)}",
        "inference:",
        f"  - name: {task}",
    ]
    lines.append(f"    requests_per_day: {_range(fit.per_day)}")
    if fit.shape.seen:
        lines += _shape(fit.shape.mids)
    if fit.service is not None:
        lines.append(f"    service_s: {_range(fit.service.mean_s)}")
        lines.append(f"    service_cv: {_value(fit.service.cv.mid)}")
    else:
        lines.append(UNKNOWN_SERVICE)
    if fit.starts is not None and fit.starts.time is not None:
        lines.append(f"    cold_start_s: {_range(fit.starts.time.mean_s)}")
        lines.append(f"    cold_start_cv: {_value(fit.starts.time.cv.mid)}")
    return "\n".join([*lines, *_arrivals(fit), ""])


def _arrivals(fit: Fit) -> list[str]:
    """Sessions; Poisson; or, where only days differ, sessions of one request."""
    sessions, variance = fit.sessions, fit.day_variance
    differ = variance is not None and variance.low > 0
    lines = ["    arrivals:", f"      kind: {'sessions' if sessions or differ else 'poisson'}"]
    if sessions is not None:
        lines.append(f"      session_size: {_range(sessions.size)}")
        lines.append(f"      session_gap_s: {_range(sessions.gap_s)}")
        lines.append(f"      session_gap_cv: {_value(sessions.gap_cv.mid)}")
    elif differ:
        lines.append("      session_size: {value: 1, source: measured}")
    if variance is not None and (sessions is not None or differ):
        lines.append(f"      day_variance: {_range(variance)}")
    return lines


def totals_fragment(totals: Totals, fit: TotalsFit, task: str) -> str:
    """YAML of what a summary knows. The rate is that of a load test, and stands there as a comment."""
    lines = [
        f"# Measured from {_plain(totals.name)}: a load test, {totals.requests:,} requests, {totals.duration_s:,.0f} s",
        "inference:",
        f"  - name: {task}",
        f"    # requests_per_day: {_range(fit.per_day)}  # the test's rate, kept up all day",
    ]
    if fit.mean_s is not None:
        lines.append(f"    service_s: {_range(fit.mean_s)}")
    if fit.cv is not None:
        lines.append(f"    service_cv: {_value(fit.cv)}")
    if fit.mean_s is None:
        lines.append(UNKNOWN_SERVICE)
    return "\n".join([*lines, ""])


def _when(fit: Fit) -> str:
    days = f"{fit.days} day{'s' if fit.days > 1 else ''}"
    if fit.watched_s < DAY_S:
        days = f"{fit.watched_s / HOUR_S:.2f} hours"
    span = "" if fit.first_day is None else f", {fit.first_day} to {fit.last_day}"
    return f"{days}, {fit.requests:,} requests{span}"


def _shape(shares: Sequence[float]) -> list[str]:
    """Three lines of eight hours."""
    numbers = [f"{share:.{SHAPE_DECIMALS}f}" for share in shares]
    rows = [", ".join(numbers[at : at + WIDTH]) for at in range(0, len(numbers), WIDTH)]
    return ["    day_shape: [", *(f"      {row}," for row in rows[:-1]), f"      {rows[-1]},", "    ]"]


def _range(estimate: Estimate) -> str:
    low, mid, high = (_number(value) for value in (estimate.low, estimate.mid, estimate.high))
    return f"{{low: {low}, mid: {mid}, high: {high}, source: measured}}"


def _value(value: float) -> str:
    return f"{{value: {_number(value)}, source: measured}}"


def _number(value: float) -> str:
    """Four digits, written without an exponent."""
    rounded = float(f"{value:.{DIGITS}g}")
    return f"{rounded:.10f}".rstrip("0").rstrip(".") if abs(rounded) < 1e15 else f"{rounded:.0f}"


def _plain(text: str) -> str:
    """One line of a comment, whatever the file is called."""
    return "".join(char if char.isprintable() else "?" for char in text)
