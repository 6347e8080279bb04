"""Do requests come in sessions, and of what size and with what gaps? Told from the gaps between all requests.

After a request of a stationary Neyman-Scott process with geometric sizes of mean m, so that a request has a follower
with chance q = 1 - 1/m, after a gap with distribution F, nothing comes within u with chance

    S(u) = (1 - q F(u)) exp(-r H(u)),   H(u) = u - q int_0^u F(x) dx,

r being the density of requests: its own session does not go on within u, and no other session shows up (of the
requests due within u only those count whose predecessor did not come within u as well). Exact where r is constant.
Where it moves around what is known of it by a gamma factor of variance w, the exponential becomes
``(1 + w r H)^-(1 + 1/w)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from typing import TYPE_CHECKING

from outgrow.sim.fit_gaps import LONGEST_S, GapGroups, GapTable, count_gaps, lag_edges
from outgrow.sim.fit_ground import ground_of
from outgrow.sim.fit_math import Estimate, Vector, exactly, half_width, jackknife_errors, solve
from outgrow.sim.laws import Lognormal
from outgrow.sim.requests import NO_GAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.sim.fit_days import Days
    from outgrow.sim.laws import TimeLaw

GROUPS = 30
FEWEST_REQUESTS = 50
SIZE, GAP, SPREAD, LEVEL, MOVES = range(5)
"""Places of log(m - 1), log of mean gap, log of its cv, log of a factor on all densities, log of w."""

USUAL = (0.0, 0.0, 0.0, 0.0, math.log(0.01))
HELD = (1 / 9, 0.0, 1.0, 25.0, 1 / 2.25)
"""What weak knowledge stands in where the data say little: normal around `USUAL` with these precisions. Size 2 within a
factor of 20, cv 1 within a factor of 2.7, densities as counted within 20 %, w 0.01 within a factor of 4.5; nothing on
the gap."""

WIDENED = 1.2
"""Leaving days out gave errors this much too small, over processes of known parameters."""

CLEAR = 25.0
"""Twice the gain in log likelihood over no sessions at all that is needed to speak of sessions."""

CLEAR_ERRORS = 2.5
"""And so many standard errors of the number of followers a request has."""

SHORTEST_SPAN = 12.0
"""Gaps are told apart up to the watched time over this."""

_STEP = 1e-4
_START_RATIO = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFit:
    """Sessions found. ``by`` says how: "gaps" between all requests or "names" of users or sessions in the log."""

    size: Estimate
    gap_s: Estimate
    gap_cv: Estimate
    by: str

    @property
    def gap(self) -> TimeLaw:
        """The law of gaps inside a session."""
        return Lognormal(mean_s=self.gap_s.mid, cv=self.gap_cv.mid) if self.size.mid > 1 else NO_GAP

    @property
    def dispersion(self) -> float:
        """Variance over mean of a count of requests in a time much longer than a session: 2 m - 1."""
        return 2 * self.size.mid - 1


NO_SESSIONS = SessionFit(size=exactly(1.0), gap_s=exactly(0.0), gap_cv=exactly(0.0), by="gaps")


def fit_sessions(times_s: Sequence[float], days: Days, resolution_s: float) -> SessionFit | None:
    """Size and gaps of sessions; None where requests come one by one, or where nobody could tell.

    The hazards that follow from S(u) are fitted to the gap table as Poisson counts. Intervals leave out groups of days
    (cells of short traces). Stops holding where sessions are so many at once that the next request is nearly always
    somebody else's (density x mean gap far above 10 even in quiet hours): intervals grow, then None; and where gaps
    are shorter than the stamps' resolution.
    """
    if len(times_s) < FEWEST_REQUESTS:
        return None
    longest_s = min(LONGEST_S, days.watched_s / SHORTEST_SPAN)
    if longest_s <= 10 * max(resolution_s, 1e-3):
        return None
    groups = count_gaps(times_s, ground_of(times_s, days, GROUPS), lag_edges(resolution_s, longest_s))
    problem = Problem(groups.table())
    best = problem.best()
    if not problem.clear(best):
        return None
    without = [Problem(groups.table(out)).descend(best, 10) for out in range(len(groups.events)) if _used(groups, out)]
    if len(without) < 3:
        return None
    followers = [[math.exp(place[SIZE])] for place in without]
    if math.exp(best[SIZE]) < CLEAR_ERRORS * jackknife_errors(followers)[0]:
        return None
    errors = [WIDENED * error for error in jackknife_errors(without)]
    return _fit_of(best, errors, len(without) - 1)


def _used(groups: GapGroups, out: int) -> bool:
    return any(groups.requests[out])


def _fit_of(best: Vector, errors: Vector, freedom: int) -> SessionFit:
    width = [min(5.0, half_width(freedom) * error) for error in errors]

    def interval(place: int, offset: float = 0.0) -> Estimate:
        low, high = best[place] - width[place], best[place] + width[place]
        return Estimate(low=offset + math.exp(low), mid=offset + math.exp(best[place]), high=offset + math.exp(high))

    return SessionFit(size=interval(SIZE, 1.0), gap_s=interval(GAP), gap_cv=interval(SPREAD), by="gaps")


class Problem:
    """The likelihood of one gap table and its descent."""

    def __init__(self, table: GapTable) -> None:
        """Flattens the table once."""
        self._edges = table.edges
        self._density = table.density
        self._events = [value for row in table.events for value in row]
        self._chances = [value for row in table.chances for value in row]
        shortest = table.edges[1] / 4
        self._low = (-6.0, math.log(shortest), math.log(0.1), -1.5, -9.0)
        self._high = (4.6, math.log(table.edges[-1]), math.log(8.0), 1.5, 1.0)

    def expected(self, place: Sequence[float], *, sessions: bool = True) -> Vector:
        """Events expected in each class and step: chances x (1 - S(end) / S(begin))."""
        follows = 1 - 1 / (1 + math.exp(place[SIZE])) if sessions else 0.0
        mean_s, cv = math.exp(place[GAP]), math.exp(place[SPREAD])
        moves = math.exp(place[MOVES])
        spread = math.sqrt(math.log1p(cv * cv))
        middle = math.log(mean_s) - spread * spread / 2
        scale = 1 / (spread * math.sqrt(2))
        alone, unmet = [1.0], [0.0]
        for edge in self._edges[1:]:
            at = (math.log(edge) - middle) * scale
            within = 0.5 * math.erfc(-at)
            partial_s = mean_s * 0.5 * math.erfc(spread * scale * spread - at)
            alone.append(1 - follows * within)
            unmet.append(edge - follows * (edge * within - partial_s))
        hazards: Vector = []
        power = -(1 + 1 / moves)
        for density in self._density:
            rate = density * math.exp(place[LEVEL]) * moves
            silent = [own * (1 + rate * lag_s) ** power for own, lag_s in zip(alone, unmet, strict=True)]
            hazards += [1 - after / before if before > 0 else 1.0 for before, after in zip(silent, silent[1:], strict=False)]
        return list(map(mul, self._chances, hazards))

    def height(self, place: Sequence[float], expected: Vector) -> float:
        """Twice the negative log likelihood plus what weak knowledge costs; smaller is better."""
        cost = 0.0
        for found, due in zip(self._events, expected, strict=True):
            due = max(due, 1e-9)
            cost += due - found + (found * math.log(found / due) if found else 0.0)
        return 2 * cost + sum(
            held * (value - usual) ** 2 for held, value, usual in zip(HELD, place, USUAL, strict=True)
        )

    def best(self) -> Vector:
        """The best place: a few steps from a grid of gaps, then all the way from the best of them."""
        starts = []
        gap_s = 2 * self._edges[1]
        while gap_s < self._edges[-1] / 1.5:
            starts.append([math.log(0.5), math.log(gap_s), 0.0, 0.0, math.log(0.05)])
            gap_s *= _START_RATIO
        tried = [self.descend(start, 5) for start in starts]
        return self.descend(min(tried, key=lambda place: self.height(place, self.expected(place))), 40)

    def clear(self, place: Vector) -> bool:
        """Is the gain over the best fit without sessions beyond chance?"""
        without = self.descend([*place[:LEVEL], 0.0, math.log(0.05)], 30, sessions=False)
        gain = self.height(without, self.expected(without, sessions=False)) - self.height(place, self.expected(place))
        return gain > CLEAR

    def descend(self, start: Sequence[float], steps: int, *, sessions: bool = True) -> Vector:
        """Levenberg-Marquardt from a start, at most ``steps`` steps."""
        moving = range(5) if sessions else range(LEVEL, 5)
        place = self._inside(start)
        expected = self.expected(place, sessions=sessions)
        height = self.height(place, expected)
        damping = 1e-3
        for _ in range(steps):
            matrix, slope = self._curvature(place, expected, moving, sessions=sessions)
            while True:
                for at in range(len(slope)):
                    matrix[at][at] *= 1 + damping
                step = solve(matrix, slope)
                longest = max(1.0, *(abs(value) for value in step))
                moved = list(place)
                for at, value in zip(moving, step, strict=True):
                    moved[at] += value / longest
                moved = self._inside(moved)
                next_expected = self.expected(moved, sessions=sessions)
                next_height = self.height(moved, next_expected)
                if next_height <= height:
                    break
                for at in range(len(slope)):
                    matrix[at][at] /= 1 + damping
                damping *= 10
                if damping > 1e8:
                    return place
            gained = height - next_height
            place, expected, height = moved, next_expected, next_height
            damping = max(damping / 5, 1e-9)
            if gained < 1e-7 * abs(height) + 1e-9:
                break
        return place

    def _curvature(
        self, place: Vector, expected: Vector, moving: Sequence[int], *, sessions: bool
    ) -> tuple[list[Vector], Vector]:
        """Fisher information and slope, weak knowledge included."""
        changes = []
        for at in moving:
            moved = list(place)
            moved[at] += _STEP
            ahead = self.expected(moved, sessions=sessions)
            changes.append([(after - now) / _STEP for after, now in zip(ahead, expected, strict=True)])
        weights = [1 / max(due, 1e-9) for due in expected]
        missed = [(found - due) * weight for found, due, weight in zip(self._events, expected, weights, strict=True)]
        weighted = [list(map(mul, change, weights)) for change in changes]
        matrix = [[math.fsum(map(mul, left, right)) for right in changes] for left in weighted]
        slope = [math.fsum(map(mul, change, missed)) for change in changes]
        for row, at in enumerate(moving):
            matrix[row][row] += HELD[at] + 1e-12
            slope[row] -= HELD[at] * (place[at] - USUAL[at])
        return matrix, slope

    def _inside(self, place: Sequence[float]) -> Vector:
        return [
            min(max(value, low), high) for value, low, high in zip(place, self._low, self._high, strict=True)
        ]
