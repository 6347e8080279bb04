"""Gaps from each request to the next, counted by how dense the requests around are: what sessions are fitted to."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.ground import looked_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from outgrow.fit.ground import Ground

    Counts = list[array[float]]

CLASSES = 16
CLASS_RATIO = 1.6
"""Cells are put into `CLASSES` classes of density, each `CLASS_RATIO` times thinner than the one before."""

ALIKE = 0.3
"""A gap is watched on into later cells as long as their density is within this (logarithm) of the first."""

FINEST_S = 1e-3
STEPS_AN_OCTAVE = 2.0
FINEST_STEPS = 10
"""Gaps up to less than so many of the finest steps, or of the stamps' resolution, tell nothing."""

LONGEST_S = 5400.0
"""Gaps are told apart in logarithmic steps from a millisecond to an hour and a half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GapTable:
    """How often the next request came in each step of lag, out of how many chances.

    Attributes:
        edges: bounds of the steps (s), from 0.
        events: by class, then step: gaps that ended in the step.
        chances: by class, then step: gaps that had lasted until the step and were watched to its end.
        density: by class: mean requests a second around.
    """

    edges: tuple[float, ...]
    events: Counts
    chances: Counts
    density: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroups:
    """The same for each part of the trace, so that parts can be left out."""

    edges: tuple[float, ...]
    events: list[Counts]
    chances: list[Counts]
    weight: list[list[float]]
    requests: list[list[int]]

    @classmethod
    def empty(cls, edges: tuple[float, ...], groups: int) -> GapGroups:
        """Nothing counted yet."""
        steps = len(edges) - 1
        return cls(
            edges=edges,
            events=[[array("d", bytes(8 * steps)) for _ in range(CLASSES)] for _ in range(groups)],
            chances=[[array("d", bytes(8 * steps)) for _ in range(CLASSES)] for _ in range(groups)],
            weight=[[0.0] * CLASSES for _ in range(groups)],
            requests=[[0] * CLASSES for _ in range(groups)],
        )

    def summed(self) -> GapGroups:
        """The same once chances, marked in the last step of each gap, count in every step before it too."""
        for rows in self.chances:
            for row in rows:
                for step in range(len(row) - 2, -1, -1):
                    row[step] += row[step + 1]
        return self

    def table(self, out: int | None = None) -> GapTable:
        """Everything but group ``out``; classes nobody is in are left out."""
        groups = [group for group in range(len(self.events)) if group != out]
        steps = len(self.edges) - 1
        events: Counts = []
        chances: Counts = []
        density = []
        for place in range(CLASSES):
            if not any(self.requests[group][place] for group in range(len(self.events))):
                continue
            events.append(_sum((self.events[group][place] for group in groups), steps))
            chances.append(_sum((self.chances[group][place] for group in groups), steps))
            requests = sum(self.requests[group][place] for group in groups)
            weight = math.fsum(self.weight[group][place] for group in groups)
            density.append(weight / requests if requests else 1.0)
        return GapTable(edges=self.edges, events=events, chances=chances, density=tuple(density))


def _sum(rows: Iterable[array[float]], steps: int) -> array[float]:
    total = array("d", bytes(8 * steps))
    for row in rows:
        for place, value in enumerate(row):
            if value:
                total[place] += value
    return total


def lag_edges(resolution_s: float, longest_s: float) -> tuple[float, ...]:
    """Bounds (s) of the steps of lag from 0 to ``longest_s`` > 0, or up to 1.4 times that: a factor of 1.4 apart.

    While steps are short beside the stamps' resolution (0: none) they end half way between two stamps.
    """
    ratio = 2 ** (1 / STEPS_AN_OCTAVE)
    edges = [0.0]
    lag = max(FINEST_S, 1.5 * resolution_s)
    while lag < longest_s:
        bound = (math.floor(lag / resolution_s) + 0.5) * resolution_s if lag < 200 * resolution_s else lag
        if bound > edges[-1]:
            edges.append(bound)
        lag *= ratio
    edges.append(max(longest_s, edges[-1] * ratio))
    return tuple(edges)


def count_gaps(times_s: Sequence[float], ground: Ground, edges: tuple[float, ...]) -> GapGroups:
    """Counts the gap after each request as long as the density around stays what it was where the gap began.

    A gap cut off by the end of that stretch counts as a chance in the steps that were watched to their end. Source: the
    life table, Cutler and Ederer 1958, but what is cut off within a step counts there as none, not as half.
    """
    found = GapGroups.empty(edges, ground.groups)
    densest = max(ground.per_s)
    for cell, density in enumerate(ground.per_s):
        if ground.group[cell] < 0 or not looked_at(cell, len(times_s)):
            continue
        begin = ground.begin_s + cell * ground.width_s
        first, last = bisect_left(times_s, begin), bisect_left(times_s, begin + ground.width_s)
        if first == last:
            continue
        place = min(CLASSES - 1, int(math.log(densest / density) / math.log(CLASS_RATIO)))
        group = ground.group[cell]
        found.weight[group][place] += density * (last - first)
        found.requests[group][place] += last - first
        until = _alike_until(ground, cell, edges[-1])
        _count_cell(times_s, first, last, until, found.events[group][place], found.chances[group][place], edges)
    return found.summed()


def _alike_until(ground: Ground, cell: int, longest_s: float) -> float:
    end = cell + 1
    here = math.log(ground.per_s[cell])
    last = min(len(ground.per_s), cell + 1 + math.ceil(longest_s / ground.width_s))
    while end < last and ground.group[end] >= 0 and abs(math.log(ground.per_s[end]) - here) < ALIKE:
        end += 1
    return ground.begin_s + end * ground.width_s


def _count_cell(
    times_s: Sequence[float],
    first: int,
    last: int,
    until: float,
    events: array[float],
    chances: array[float],
    edges: tuple[float, ...],
) -> None:
    """Marks in ``chances`` the last step each gap had a chance in; they are summed up from the end later."""
    own = list(times_s[first : min(last + 1, len(times_s))])
    if last == len(times_s):
        own.append(math.inf)
    for at in range(last - first):
        watched = bisect_right(edges, until - own[at]) - 1
        step = bisect_right(edges, own[at + 1] - own[at]) - 1
        if step < watched:
            events[step] += 1
            chances[step] += 1
        elif watched > 0:
            chances[watched - 1] += 1
