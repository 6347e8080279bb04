"""Sessions told directly, where the log names the user or the session of each request."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.sim.fit_math import jackknife_errors
from outgrow.sim.fit_mixture import Kinds, two_kinds
from outgrow.sim.fit_sessions import FEWEST_GROUPS, SessionFit, session_fit
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUPS = 30
LONGEST_SESSION_S = DAY_S / 4
"""Names whose requests go on for longer on average than this are not sessions, and have no pauses that part them."""

FLOOR_S = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Sessions by name. ``pause_s``: a longer pause of a name begins a new session; None: each name is one session."""

    fit: SessionFit | None
    pause_s: float | None


def fit_by_names(times_s: Sequence[float], names: Sequence[int], resolution_s: float) -> Named | None:
    """Size and gaps of sessions by name; None where names part nothing (one name, or names that never pause).

    If the gaps between requests of one name are of two kinds, the longer ones part sessions; each gap counts by its
    chance of being of either kind. Size is requests over sessions, gaps have their plain mean and cv. Intervals leave
    out stretches of the trace. A fit of None inside: every session has one request.
    """
    gaps, owners = _gaps_by_name(times_s, names)
    kinds = two_kinds(gaps, max(FLOOR_S, resolution_s / 2)) if gaps else None
    sums = _sums(times_s, names, gaps, owners, kinds)
    pause_s = kinds.threshold_s if kinds else None
    total = [math.fsum(row) for row in zip(*sums, strict=True)]
    if total[SESSIONS] < 2:
        return None
    if total[WITHIN] < 1:
        return Named(fit=None, pause_s=pause_s)
    best = _logs(total)
    if (1 + math.exp(best[0])) * math.exp(best[1]) > LONGEST_SESSION_S:
        return None
    used = [row for row in sums if row[REQUESTS]]
    if len(used) < FEWEST_GROUPS:
        return None
    without = [_logs([all_ - own for all_, own in zip(total, row, strict=True)]) for row in used]
    return Named(fit=session_fit(best, jackknife_errors(without), len(without) - 1, "names"), pause_s=pause_s)


REQUESTS, SESSIONS, WITHIN, GAP_SUM, GAP_SQUARES = range(5)


def _gaps_by_name(times_s: Sequence[float], names: Sequence[int]) -> tuple[array[float], array[int]]:
    """Each gap to the next request of the same name, and the place of the later request."""
    last: dict[int, float] = {}
    gaps, places = array("d"), array("q")
    for place, (time_s, name) in enumerate(zip(times_s, names, strict=True)):
        before = last.get(name)
        if before is not None:
            gaps.append(time_s - before)
            places.append(place)
        last[name] = time_s
    return gaps, places


def _sums(
    times_s: Sequence[float], names: Sequence[int], gaps: array[float], places: array[int], kinds: Kinds | None
) -> list[list[float]]:
    """Requests, sessions, gaps within sessions, their sum and sum of squares, by stretch of the trace."""
    count = len(times_s)
    groups = min(GROUPS, count)
    sums = [[0.0] * 5 for _ in range(groups)]
    for place in range(count):
        sums[place * groups // count][REQUESTS] += 1
        sums[place * groups // count][SESSIONS] += 1
    for gap_s, place in zip(gaps, places, strict=True):
        row = sums[place * groups // count]
        within = 1 - kinds.longer(gap_s) if kinds else 1.0
        row[SESSIONS] -= within
        row[WITHIN] += within
        row[GAP_SUM] += within * gap_s
        row[GAP_SQUARES] += within * gap_s * gap_s
    return sums


def _logs(sums: Sequence[float]) -> list[float]:
    """log(size - 1), log of mean gap, log of its cv."""
    followers = max(sums[WITHIN], 1e-6) / max(sums[SESSIONS], 1e-6)
    within = max(sums[WITHIN], 1e-6)
    mean_s = max(sums[GAP_SUM] / within, FLOOR_S)
    variance = max(0.0, sums[GAP_SQUARES] / within - mean_s * mean_s)
    return [math.log(followers), math.log(mean_s), math.log(max(math.sqrt(variance) / mean_s, 0.01))]
