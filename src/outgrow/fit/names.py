"""Sessions where the log names the user or the session of each request: the gaps of each name alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.estimates import MOST_GROUPS, jackknife_errors
from outgrow.fit.gaps import CLASS_RATIO, CLASSES, FINEST_S, FINEST_STEPS, GapGroups, lag_edges
from outgrow.fit.sessions import (
    CLEAR,
    FEWEST_GROUPS,
    GAP,
    LEVEL,
    MOVES,
    SIZE,
    SPREAD,
    Hazards,
    SessionFit,
    beyond_chance,
    session_fit,
)
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.fit.estimates import Vector

LONGEST_GAP_S = DAY_S / 4
LONGEST_SESSION_S = DAY_S / 4
"""Names that go on for longer on average without a pause of their own part no sessions."""

FEWEST_RETURNS = 0.01
"""Names of which a smaller share than this comes back within `LONGEST_GAP_S` are names of sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Sessions by name; a fit of None: every request is a session of its own.

    ``pause_s``: after a pause of this length a name is as likely to begin a new session as to go on; None: names do
    not come back.
    """

    fit: SessionFit | None
    pause_s: float | None


def fit_by_names(
    times_s: Sequence[float], names: Sequence[int], span_s: tuple[float, float], resolution_s: float
) -> Named | None:
    """Size and gaps of sessions by name; None where names part nothing (one name, or names that never pause).

    The gap from a request to the next of its name is explained as in `outgrow.fit.sessions`, where what is
    unrelated is the name's own return, as dense as its requests are over the whole trace and bunched as it may be.
    Times in seconds, a name for each. Pauses within sessions beyond `LONGEST_GAP_S` are not seen, and a name that
    several users share at once has the gaps of all of them. Source: ours.
    """
    longest_s = min(LONGEST_GAP_S, (span_s[1] - span_s[0]) / 2)
    if len(set(names)) < 2 or longest_s < FINEST_STEPS * max(resolution_s, FINEST_S):
        return None
    if len(set(names)) == len(names):
        return Named(fit=None, pause_s=None)
    edges = lag_edges(resolution_s, longest_s)
    groups = _gaps_by_name(times_s, names, span_s, edges)
    hazards = Hazards(groups.table(), returns=True)
    best, cost = hazards.best()
    if (1 + math.exp(best[SIZE])) * math.exp(best[GAP]) > LONGEST_SESSION_S:
        return None
    if hazards.without_sessions() - cost < CLEAR:
        return Named(fit=None, pause_s=None)
    return _with_intervals(hazards, best, groups)


def _with_intervals(hazards: Hazards, best: Vector, groups: GapGroups) -> Named | None:
    used = [out for out, requests in enumerate(groups.requests) if any(requests)]
    if len(used) < FEWEST_GROUPS:
        return None
    slopes = hazards.slopes(best)
    without = [Hazards(groups.table(out), returns=True).settle(best, slopes) for out in used]
    if not beyond_chance(best, without):
        return Named(fit=None, pause_s=None)
    requests = sum(map(sum, groups.requests))
    density = math.fsum(map(math.fsum, groups.weight)) / requests
    fit = session_fit(best, jackknife_errors(without), len(without) - 1, "names", requests)
    return Named(fit=fit, pause_s=pause_of(best, density, groups.edges))


def _gaps_by_name(
    times_s: Sequence[float], names: Sequence[int], span_s: tuple[float, float], edges: tuple[float, ...]
) -> GapGroups:
    """Gaps by how dense the requests of their name are, and by stretch of the trace; cut off by its end."""
    count = len(times_s)
    groups = min(MOST_GROUPS, count)
    asked: dict[int, int] = {}
    for name in names:
        asked[name] = asked.get(name, 0) + 1
    most = max(asked.values())
    classes = {name: min(CLASSES - 1, int(math.log(most / own) / math.log(CLASS_RATIO))) for name, own in asked.items()}
    found = GapGroups.empty(edges, groups)
    following: dict[int, float] = {}
    length_s = span_s[1] - span_s[0]
    for place in range(count - 1, -1, -1):
        name, time_s = names[place], times_s[place]
        group, own = place * groups // count, classes[name]
        found.requests[group][own] += 1
        found.weight[group][own] += (asked[name] - 1) / length_s
        watched = bisect_right(edges, span_s[1] - time_s) - 1
        step = bisect_right(edges, following.get(name, math.inf) - time_s) - 1
        if step < watched:
            found.events[group][own][step] += 1
            found.chances[group][own][step] += 1
        elif watched > 0:
            found.chances[group][own][watched - 1] += 1
        following[name] = time_s
    return found.summed()


def pause_of(place: Vector, density: float, edges: tuple[float, ...]) -> float | None:
    """The pause (s) after which a session's own next request is less likely than another session's; None: longer ones.

    The first u from the median gap on, in steps of 5 %, with ``q f(u) / (1 - q F(u)) < level (1 + w) / (1 + w level
    u)``: both hazards, those of `outgrow.fit.sessions` with H(u) = u. ``density``: returns of a name a second. Source:
    ours.
    """
    follows = 1 - 1 / (1 + math.exp(place[SIZE]))
    spread = math.sqrt(math.log1p(math.exp(2 * place[SPREAD])))
    middle = place[GAP] - spread * spread / 2
    moves, level = math.exp(place[MOVES]), density * math.exp(place[LEVEL])
    if level * edges[-1] < FEWEST_RETURNS:
        return None
    lag_s = math.exp(middle)
    while lag_s < edges[-1]:
        at = (math.log(lag_s) - middle) / spread
        going_on = follows * math.exp(-at * at / 2) / (lag_s * spread * math.sqrt(2 * math.pi))
        going_on /= 1 - follows * 0.5 * math.erfc(-at / math.sqrt(2))
        if going_on < level * (1 + moves) / (1 + moves * level * lag_s):
            return lag_s
        lag_s *= 1.05
    return None
