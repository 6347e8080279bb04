"""Do requests come in sessions, and of what size and with what gaps? Told from the gaps between all requests.

After a request of a stationary process of sessions with geometric sizes of mean m, so that a request has a follower
with chance q = 1 - 1/m, after a gap with distribution F, nothing comes within u with chance

    S(u) = (1 - q F(u)) exp(-r H(u)),   H(u) = u - q int_0^u F(x) dx,

r being the density of requests: its own session does not go on within u, and no other session shows up (of the
requests due within u only those count whose predecessor did not come within u as well). Exact where r is constant.
Where it moves around what is known of it by a gamma factor of variance w, the exponential becomes
``(1 + w r H)^-(1 + 1/w)``.

Source: the process is that of Bartlett 1963 and Lewis 1964; S(u) follows from the void probabilities of Poisson cluster
processes (Daley and Vere-Jones 2003), with the gamma factor it is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from operator import mul
from typing import TYPE_CHECKING

from outgrow.fit.estimates import (
    Estimate,
    Matrix,
    Vector,
    half_width,
    jackknife_errors,
    least_squares,
    settle,
    slopes_at,
)
from outgrow.fit.gaps import GapTable, count_gaps
from outgrow.fit.ground import ground_of
from outgrow.sim.laws import Lognormal
from outgrow.sim.requests import NO_GAP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.fit.days import Days
    from outgrow.sim.laws import TimeLaw

FEWEST_GROUPS = 3
SIZE, GAP, SPREAD, LEVEL, MOVES = range(5)
"""Places of log(m - 1), log of mean gap, log of its cv, log of a factor on all densities, log of w."""

USUAL = (0.0, 0.0, 0.0, 0.0, math.log(0.01))
HELD = (1 / 9, 0.0, 1.0, 25.0, 1 / 2.25)
"""What weak knowledge stands in where the data say little: normal around `USUAL` with these precisions. Size 2 within a
factor of 20, cv 1 within a factor of 2.7, densities as counted within 20 %, w 0.01 within a factor of 4.5; nothing on
the gap."""

HELD_OF_RETURNS = (1 / 9, 0.0, 1.0, 0.01, 0.1)
"""The same where what is unrelated is a name coming back: how densely and how bunched is nearly free."""

WIDENED = 1.1
"""Leaving days out gave errors this much too small, over processes of known parameters."""

CLEAR = 25.0
"""Twice the gain in log likelihood over no sessions at all that is needed to speak of sessions."""

CLEAR_ERRORS = 2.5
"""And so many standard errors of the number of followers a request has."""

MOST_DOUBT = 5.0
"""Intervals end at a factor of e^5 either way."""

NARROWEST_CV = 0.03
UNSEEN_GAP = 1.0
"""Error of the logarithm of a gap too short to be seen."""

START_RATIO = 5.0
SETTLING_STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFit:
    """Sessions found.

    ``by`` says how: "gaps" between all requests, "counts" (where gaps alone miss how counts swing), or "names" of users
    or sessions in the log.
    """

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
        """Variance over mean of a count of requests in a time much longer than a session: 2 m - 1, 1 or more.

        ``E[size^2] / E[size]`` of a Poisson cluster process (Neyman and Scott 1958), sizes geometric.
        """
        return 2 * self.size.mid - 1


def fit_by_gaps(times_s: Sequence[float], days: Days, edges: tuple[float, ...]) -> SessionFit | None:
    """Size and gaps of sessions; None where requests come one by one, or where nobody could tell.

    The hazards that follow from S(u) are fitted to the gap table as Poisson counts. Intervals leave out groups of days
    (cells of short traces). Stops holding where sessions are so many at once that the next request is nearly always
    somebody else's (density x mean gap far above 10 even in quiet hours): intervals grow, then None; and where gaps
    are shorter than the stamps' resolution.
    """
    groups = count_gaps(times_s, ground_of(times_s, days), edges)
    hazards = Hazards(groups.table())
    best, cost = hazards.best()
    if hazards.without_sessions() - cost < CLEAR:
        return None
    used = [out for out in range(len(groups.requests)) if any(groups.requests[out])]
    if len(used) < FEWEST_GROUPS:
        return None
    slopes = hazards.slopes(best)
    without = [Hazards(groups.table(out)).settle(best, slopes) for out in used]
    if not beyond_chance(best, without):
        return None
    errors = jackknife_errors(without)
    if math.exp(best[GAP]) < 1.01 * shortest_gap(edges):
        errors[GAP] = max(errors[GAP], UNSEEN_GAP)
    return session_fit(best, errors, len(without) - 1, "gaps", len(times_s))


def shortest_gap(edges: Sequence[float]) -> float:
    """Mean gaps below this (s) look alike in steps of lag with these bounds (s): a quarter of the first step."""
    return edges[1] / 4


def beyond_chance(best: Vector, without: list[Vector], errors: float = CLEAR_ERRORS) -> bool:
    """Is the mean number of followers, ``m - 1``, above so many of its standard errors, told by leaving parts out?"""
    error = jackknife_errors([[math.exp(place[SIZE])] for place in without])[0]
    return math.exp(best[SIZE]) > errors * error


def session_fit(best: Vector, errors: Vector, freedom: int, by: str, requests: int) -> SessionFit:
    """Size (requests), gap (s) and its cv with their intervals, from the logarithms and their errors.

    ``exp(value +- t WIDENED error)``, plus 1 for the size; t of Student with ``freedom`` degrees. Errors are at least
    `least_errors` of so many ``requests``: parts of a trace that are all alike do not make it endless.
    """
    errors = list(map(max, errors, least_errors(best, requests)))
    width = [min(MOST_DOUBT, WIDENED * half_width(freedom) * error) for error in errors]

    def interval(place: int, offset: float = 0.0) -> Estimate:
        low, high = best[place] - width[place], best[place] + width[place]
        return Estimate(low=offset + math.exp(low), mid=offset + math.exp(best[place]), high=offset + math.exp(high))

    return SessionFit(size=interval(SIZE, 1.0), gap_s=interval(GAP), gap_cv=interval(SPREAD), by=by)


def least_errors(best: Vector, requests: int) -> Vector:
    """Errors of log(m - 1), log of gap and log of cv, if one saw to which session each of n requests belongs.

    ``m / sqrt((m - 1) n)`` of geometric sizes, ``cv / sqrt(n q)`` and ``1 / sqrt(2 n q)`` of gaps, n q of them, q =
    1 - 1/m. What is told from times alone is less sure. Source: the variance of a mean; for the cv that of normal laws.
    """
    more = math.exp(best[SIZE])
    gaps = requests * more / (1 + more)
    return [(1 + more) / math.sqrt(more * requests), math.exp(best[SPREAD]) / math.sqrt(gaps), 1 / math.sqrt(2 * gaps)]


class Hazards:
    """One gap table beside what sessions would make of it."""

    def __init__(self, table: GapTable, *, returns: bool = False) -> None:
        """Flattens the table once. ``returns``: what is unrelated is a name coming back, of which little is known."""
        self._held = HELD_OF_RETURNS if returns else HELD
        self._edges = table.edges
        self._density = table.density
        self._events = [value for row in table.events for value in row]
        self._chances = [value for row in table.chances for value in row]
        low = (-6.0, math.log(shortest_gap(table.edges)), math.log(NARROWEST_CV), -12.0 if returns else -1.5, -9.0)
        self._bounds = (low, (4.6, math.log(table.edges[-1]), math.log(8.0), 1.5, 1.0))

    def best(self) -> tuple[Vector, float]:
        """The best place: a few steps from a grid of gaps, then all the way from the best of them."""
        starts = []
        gap_s = 2 * self._edges[1]
        while gap_s < self._edges[-1] / 1.5:
            starts.append([math.log(0.5), math.log(gap_s), 0.0, 0.0, math.log(0.05)])
            gap_s *= START_RATIO
        nearest = min((self.descend(start, 5) for start in starts), key=lambda found: found[1])
        return self.descend(nearest[0], 40)

    def descend(self, start: Sequence[float], steps: int) -> tuple[Vector, float]:
        """The best place near a start and its cost, twice the negative log likelihood."""
        return least_squares(self._residuals, start, self._bounds, steps)

    def slopes(self, place: Vector) -> Matrix:
        """How the residuals change around a place."""
        return slopes_at(self._residuals, place)

    def settle(self, start: Vector, slopes: Matrix) -> Vector:
        """The best place, when that of nearly the same table is known."""
        return settle(self._residuals, start, slopes, self._bounds, SETTLING_STEPS)

    def without_sessions(self) -> float:
        """The cost of the best fit without sessions."""
        start = (-40.0, 0.0, 0.0, 0.0, math.log(0.05))
        bounds = ((-40.0, *self._bounds[0][1:]), self._bounds[1])
        extra = self._held[SIZE] * start[SIZE] ** 2
        return least_squares(self._residuals, start, bounds, 30, (LEVEL, MOVES))[1] - extra

    def _residuals(self, place: Vector) -> Vector:
        """Signed roots of the Poisson deviance in each class and step, then how far from what is usual."""
        found = []
        for events, due in zip(self._events, self.expected(place), strict=True):
            floor = max(due, 1e-9)
            cost = floor - events + (events * math.log(events / floor) if events else 0.0)
            found.append(math.copysign(math.sqrt(max(0.0, 2 * cost)), events - floor))
        for held, value, usual in zip(self._held, place, USUAL, strict=True):
            found.append(math.sqrt(held) * (value - usual))
        return found

    def expected(self, place: Sequence[float]) -> Vector:
        """Events expected in each class and step: chances x (1 - S(end) / S(begin)), S as at the head of this file."""
        follows = 1 - 1 / (1 + math.exp(place[SIZE]))
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
            hazards += [1 - after / before if before > 0 else 1.0 for before, after in pairwise(silent)]
        return list(map(mul, self._chances, hazards))
