"""Does a fit give back what decisions rest on, and if none does: which one session law comes nearest?

Two curves are compared. The share of requests that nobody follows within u decides how often a worker that scales to
zero starts; the variance of counts in windows decides how long queues get. Sessions fitted to gaps explain neither
where requests cluster on several scales at once (parallel calls within a conversation), or where the load swings
within minutes. Then one law is fitted to both curves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.counts import CountTable, Dispersion, count_windows, windows_of
from outgrow.fit.estimates import Matrix, Vector, jackknife_errors, least_squares, settle, slopes_at
from outgrow.fit.gaps import GapTable, count_gaps
from outgrow.fit.ground import reproducible_ground
from outgrow.fit.sessions import (
    FEWEST_GROUPS,
    GAP,
    NARROWEST_CV,
    SETTLING_STEPS,
    SIZE,
    SPREAD,
    Hazards,
    SessionFit,
    beyond_chance,
    session_fit,
    shortest_gap,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.fit.days import Days
    from outgrow.fit.gaps import GapGroups

BETTER, BETTER_WHEN_SHORT = 0.1, 0.05
"""By so much (root mean square of logarithms) the two curves must fit better before they replace another fit. In a
trace too short for the shape of a day the density around a gap is only told from its neighbours, and gaps say less."""

CLEAR_ENOUGH = 1.5
"""So many standard errors of the number of followers are asked for beside `BETTER`."""

RAREST, FEWEST_CHANCES = 0.02, 50
"""The silent share is compared where it is above the one (rarer silences start few workers) and told by more requests
than the other: with fewer, chance alone moves its logarithm by about `BETTER`."""

LEAST_SILENT = 1e-9
"""Keeps logarithms finite."""

LONGEST_SESSION_WINDOWS = 2.0
"""Sessions longer than so many of the longest window cannot be told from a load that moves."""

HELD_SPREAD = 0.02
"""How strongly the cv of gaps is held at 1: a factor of e off costs as much as missing one curve by 0.02, so that the
cv stays put where no curve tells it and is free where one does."""

START_SIZES = (0.5, 5.0, 50.0)
START_GAPS_S = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""Followers and gaps the search begins from, a factor of ten apart: each start finds the lowest place near it only."""

STILL = -9.0
"""Logarithm of the variance of a density that hardly moves: here followers alone are to explain what clusters."""

NOBODY = (-40.0, 0.0, 0.0)
"""No followers at all: the place of independent requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartCounts:
    """Both curves of a trace by part: counts of gaps and of windows."""

    gaps: GapGroups
    counts: CountTable

    def curves(self, out: int | None = None, used: Sequence[int] | None = None) -> Curves:
        """The curves without one part, compared at steps ``used`` (default: those that tell something)."""
        law = Dispersion(self.counts.windows_s, self.counts.told_over_s)
        return Curves(self.gaps.table(out), law, self.counts.windows_s[-1], self.counts.dispersion(out), used)


def observe(times_s: Sequence[float], days: Days, edges: tuple[float, ...], resolution_s: float) -> PartCounts | None:
    """Both curves; None where fewer than two windows are long enough for the stamps' resolution (s).

    Times and edges in seconds, ascending. Beyond `MOST_GAPS` requests a share of the cells is looked at. Source: ours.
    """
    windows_s = windows_of(days, resolution_s)
    if len(windows_s) < 2:
        return None
    ground = reproducible_ground(times_s, days)
    return PartCounts(
        gaps=count_gaps(times_s, ground, edges), counts=count_windows(times_s, ground, windows_s, resolution_s)
    )


class Curves:
    """Silent shares and dispersion of counts, beside those of sessions."""

    def __init__(
        self,
        table: GapTable,
        law: Dispersion,
        longest_s: float,
        dispersion: list[float],
        used: Sequence[int] | None = None,
    ) -> None:
        """``dispersion`` is variance over mean in each window, ``longest_s`` the longest of them."""
        self._steps = len(table.edges) - 1
        self._hazards = Hazards(table)
        self._chances = [sum(row[step] for row in table.chances) for step in range(self._steps)]
        events = [sum(row[step] for row in table.events) for step in range(self._steps)]
        silent = self._silent(events)
        telling = [
            step for step in range(self._steps) if silent[step] > RAREST and self._chances[step] > FEWEST_CHANCES
        ]
        self.used = telling if used is None else used
        self._found = [math.log(max(silent[step], LEAST_SILENT)) for step in self.used]
        self._found += [math.log(max(value, 0.1)) for value in dispersion]
        self._law = law
        self._longest_s = LONGEST_SESSION_WINDOWS * longest_s
        low = (-5.0, math.log(shortest_gap(table.edges)), math.log(NARROWEST_CV))
        self._bounds = (low, (math.log(1000.0), math.log(table.edges[-1]), math.log(8.0)))

    def misfit(self, place: Sequence[float]) -> float:
        """Root mean square of the logarithms by which both curves are missed, each curve counting one half: 0 or more.

        Steps and windows are not independent, so that no level of chance belongs to a value. Source: ours.
        """
        return math.sqrt(math.fsum(value * value for value in self._misses(place)) / 2)

    def best(self) -> Vector:
        """The place that comes nearest to both curves."""
        starts = [
            [math.log(size), math.log(gap_s), math.log(1.5)]
            for size in START_SIZES
            for gap_s in START_GAPS_S
            if size * gap_s < self._longest_s
        ]
        nearest = min((self.descend(start, 4) for start in starts), key=lambda found: found[1])
        return self.descend(nearest[0], 60)[0]

    def descend(self, start: Sequence[float], steps: int) -> tuple[Vector, float]:
        """The best place near a start, and its cost."""
        return least_squares(self._residuals, start, self._bounds, steps)

    def slopes(self, place: Vector) -> Matrix:
        """How the residuals change around a place."""
        return slopes_at(self._residuals, place)

    def settle(self, start: Vector, slopes: Matrix) -> Vector:
        """The best place, when that of nearly the same curves is known."""
        return settle(self._residuals, start, slopes, self._bounds, SETTLING_STEPS)

    def _residuals(self, place: Vector) -> Vector:
        session_s = (1 + math.exp(place[SIZE])) * math.exp(place[GAP])
        too_long = max(0.0, math.log(session_s / self._longest_s))
        return [*self._misses(place), HELD_SPREAD * place[SPREAD], too_long]

    def _misses(self, place: Sequence[float]) -> Vector:
        due = self._hazards.expected((*place, 0.0, STILL))
        silent = self._silent([math.fsum(due[step :: self._steps]) for step in range(self._steps)])
        made = [math.log(max(silent[step], LEAST_SILENT)) for step in self.used]
        weights = [1 / math.sqrt(max(1, len(made)))] * len(made)
        size, gap_s, cv = 1 + math.exp(place[SIZE]), math.exp(place[GAP]), math.exp(place[SPREAD])
        dispersion = self._law.of(size, gap_s, cv)
        made += [math.log(value) for value in dispersion]
        weights += [1 / math.sqrt(len(dispersion))] * len(dispersion)
        return [weight * (found - value) for weight, found, value in zip(weights, self._found, made, strict=True)]

    def _silent(self, events: Sequence[float]) -> Vector:
        """Share of requests that nobody follows within each lag, from events and chances (Kaplan and Meier 1958)."""
        share, found = 1.0, []
        for came, chances in zip(events, self._chances, strict=True):
            share *= 1 - came / chances if chances else 1.0
            found.append(share)
        return found


def fit_by_counts(observed: PartCounts) -> SessionFit | None:
    """The session law nearest to both curves, with intervals that leave out parts; None where it may be chance.

    Or where fewer than `FEWEST_GROUPS` parts have requests, or counts vary less than by chance in all windows: sessions
    make them vary more. Nearest is not near: `Curves.misfit` says how far off it is, and one law cannot have clusters
    of two scales. Source: minimum distance, ours.
    """
    if max(observed.counts.dispersion()) <= 1:
        return None
    curves = observed.curves()
    best = curves.best()
    slopes = curves.slopes(best)
    used = [out for out, requests in enumerate(observed.gaps.requests) if any(requests)]
    if len(used) < FEWEST_GROUPS:
        return None
    without = [observed.curves(out, curves.used).settle(best, slopes) for out in used]
    if not beyond_chance(best, without, CLEAR_ENOUGH):
        return None
    requests = sum(map(sum, observed.gaps.requests))
    return session_fit(best, jackknife_errors(without), len(without) - 1, "counts", requests)


def place_of(fit: SessionFit | None) -> Vector:
    """The logarithms of a fit; those of independent requests for None."""
    if fit is None or fit.size.mid <= 1:
        return list(NOBODY)
    return [math.log(fit.size.mid - 1), math.log(max(fit.gap_s.mid, 1e-9)), math.log(max(fit.gap_cv.mid, 1e-3))]
