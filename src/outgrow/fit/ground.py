"""How dense requests are around each moment, told without it: the ground that sessions stand out from."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.fit.days import ORDINARY_SIZE, QUARTER_S, QUARTERS, WHOLE_DAY_S, by_hour
from outgrow.fit.estimates import MOST_GROUPS
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.fit.days import Days

DAYS_FOR_SHAPE = 3
"""From so many days on the density is the day's level times the shape of the other days; below, that of the cells
beside."""

REQUESTS_A_CELL = 30
FEWEST_CELLS, MOST_CELLS = 8, 96
"""Cells of a trace too short for a shape: about `REQUESTS_A_CELL` requests in each."""

MOST_GAPS = 400_000
"""In longer traces a share of the cells is looked at, spread evenly."""

SHORT_GROUPS = 20
"""Runs of cells of a trace too short for a shape that are left out in turn."""

CLUSTER_DISPERSION = 2 * ORDINARY_SIZE - 1
"""Variance over mean of counts taken for granted when shapes are smoothed: that of ordinary sessions."""

FAINTEST = 1e-4 / QUARTERS
"""A quarter in which nothing ever came is taken to be this share of the day."""

SHAPES_DIFFER = 4.0
"""Standard deviations of chi-squared from which weekends get a shape of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Expected requests a second in cells of equal width, from ``begin_s`` on.

    ``group`` says which part of the trace a cell belongs to when parts are left out in turn; -1: nobody watched.
    ``told_over_s``: how long a time, the cell itself in it, the level was told from.
    """

    begin_s: float
    width_s: float
    per_s: array[float]
    group: array[int]
    groups: int
    told_over_s: float = DAY_S


def ground_of(times_s: Sequence[float], days: Days) -> Ground:
    """The density of requests around each cell (a second), told without the cell or with one request less.

    Days: ``(T_d - 1) x share_q / width``, where the share of quarter q comes from the other days of its kind and is
    smoothed towards its hour, the hour towards a flat day. Short traces: the mean of the two cells beside. Stops
    holding where single days have a shape of their own, or the load moves within a cell. Source of the smoothing:
    James and Stein 1961, positive part.
    """
    if len(days.quarters) >= DAYS_FOR_SHAPE:
        return _by_days(days)
    return _by_neighbours(times_s, days)


def looked_at(cell: int, requests: int) -> bool:
    """Is this cell among those looked at, when there are so many requests? The same cells every time.

    Spread evenly by multiplicative hashing (Knuth 1973): about `MOST_GAPS` requests where cells hold alike many, other
    numbers where a few cells hold most.
    """
    return requests <= MOST_GAPS or (cell * 0x9E3779B1 & 0xFFFFFFFF) < MOST_GAPS / requests * 2**32


def reproducible_ground(times_s: Sequence[float], days: Days) -> Ground:
    """The density (requests a second) that a process with a shape and a day's level can give again.

    As `ground_of` where there are enough days; else the hours as they were counted, or one density for less than a day:
    told with the cell in it, so that counts vary less around it (``told_over_s``). Source: ours.
    """
    if len(days.quarters) >= DAYS_FOR_SHAPE:
        return _by_days(days)
    local = _by_neighbours(times_s, days)
    if days.watched_s < WHOLE_DAY_S:
        even = len(times_s) / days.watched_s
        return replace(local, per_s=array("d", [even]) * len(local.per_s), told_over_s=days.watched_s)
    hours, watched = by_hour(days.quarters), days.watched_by_hour
    per_s = array("d")
    for cell in range(len(local.per_s)):
        hour = int((local.begin_s + (cell + 0.5) * local.width_s) // HOUR_S) % HOURS
        per_s.append(max(hours[hour], 0.5) / max(watched[hour], HOUR_S / 2))
    return replace(local, per_s=per_s, told_over_s=days.watched_s / HOURS)


def _by_days(days: Days) -> Ground:
    count = len(days.quarters)
    groups = min(count, MOST_GROUPS)
    per_s, group = array("d"), array("i")
    profiles = _profiles(days)
    for place, row in enumerate(days.quarters):
        day = days.first + place
        shares = profiles[len(profiles) > 1 and days.weekend(day)].without(day)
        watched = days.watched_quarters(day)
        reach = math.fsum(share * part for share, part in zip(shares, watched, strict=True))
        level = max(sum(row) - 1, 0.5) / max(reach, 0.02)
        per_s.extend(level * max(share, FAINTEST) / QUARTER_S for share in shares)
        group.extend(place * groups // count if part > 0.5 else -1 for part in watched)
    return Ground(begin_s=days.first * DAY_S, width_s=QUARTER_S, per_s=per_s, group=group, groups=groups)


class _Profile:
    """Requests by quarter over some days, and the smoothed shares they give with one day left out."""

    def __init__(self, rows: dict[int, array[int]]) -> None:
        self._rows = rows
        self._pooled = [sum(column) for column in zip(*rows.values(), strict=True)]
        self._keep_hours = _kept(by_hour([self._pooled]))
        self._keep_quarters = _kept_within(self._pooled)

    def without(self, day: int) -> list[float]:
        """Shares of the quarters, that day left out where there are others."""
        left = self._pooled
        if day in self._rows and len(self._rows) > 1:
            left = [all_ - own for all_, own in zip(self._pooled, self._rows[day], strict=True)]
        total = sum(left)
        if not total:
            return [1 / QUARTERS] * QUARTERS
        shares = []
        for hour in range(HOURS):
            own = left[4 * hour : 4 * hour + 4]
            here = self._keep_hours * sum(own) / total + (1 - self._keep_hours) / HOURS
            keep = self._keep_quarters if sum(own) else 0.0
            shares += [here * (keep * part / max(1, sum(own)) + (1 - keep) / 4) for part in own]
        return shares


def _profiles(days: Days) -> list[_Profile]:
    """One profile of whole days (of all days where fewer than two are whole), or one each for weekdays and weekends.

    Weekends get their own where chi-squared of the hours of both kinds is far beyond chance.
    """
    chosen = days.whole if len(days.whole) > 1 else range(days.first, days.first + len(days.quarters))
    rows = {day: days.quarters[day - days.first] for day in chosen}
    kinds = [{day: row for day, row in rows.items() if days.weekend(day) is weekend} for weekend in (False, True)]
    work, rest = (by_hour(kind.values()) for kind in kinds)
    if min(map(len, kinds)) < 2 or not sum(rest) or not sum(work):
        return [_Profile(rows)]
    share = sum(rest) / (sum(rest) + sum(work))
    both = [a + b for a, b in zip(rest, work, strict=True)]
    chi = math.fsum(
        (found - share * total) ** 2 / (share * (1 - share) * total)
        for found, total in zip(rest, both, strict=True)
        if total
    )
    chance = HOURS - 1
    if chi / CLUSTER_DISPERSION < chance + SHAPES_DIFFER * math.sqrt(2 * chance):
        return [_Profile(rows)]
    return [_Profile(kind) for kind in kinds]


def _kept(counts: Sequence[int]) -> float:
    """James-Stein weight of counted shares against equal ones."""
    total = sum(counts)
    if not total:
        return 0.0
    even = total / len(counts)
    found = math.fsum((count - even) ** 2 for count in counts)
    return max(0.0, 1 - CLUSTER_DISPERSION * total / found) if found else 0.0


def _kept_within(pooled: Sequence[int]) -> float:
    """The same for quarters against their hour, over all hours."""
    by_chance = found = 0.0
    for hour in range(HOURS):
        own = pooled[4 * hour : 4 * hour + 4]
        even = sum(own) / 4
        by_chance += CLUSTER_DISPERSION * even * 3
        found += math.fsum((count - even) ** 2 for count in own)
    return max(0.0, 1 - by_chance / found) if found else 0.0


def _by_neighbours(times_s: Sequence[float], days: Days) -> Ground:
    begin, end = days.segments[0][0], days.segments[-1][1]
    most = MOST_CELLS * math.ceil(len(times_s) / MOST_GAPS)
    count = min(most, max(FEWEST_CELLS, len(times_s) // REQUESTS_A_CELL))
    width = max(end - begin, 1e-6) / count
    places = [bisect_left(times_s, begin + cell * width) for cell in range(count)] + [len(times_s)]
    counts = [after - before for before, after in pairwise(places)]
    watched = [days.watched_in(begin + cell * width, begin + (cell + 1) * width) > width / 2 for cell in range(count)]
    mean = sum(counts) / max(1, sum(watched))
    per_s, group = array("d"), array("i")
    groups = min(count, SHORT_GROUPS)
    for cell in range(count):
        beside = [counts[near] for near in (cell - 1, cell + 1) if 0 <= near < count and watched[near]]
        expected = (sum(beside) + 0.5 * mean) / (len(beside) + 0.5)
        per_s.append(max(expected, 0.01 * mean) / width)
        group.append(cell * groups // count if watched[cell] else -1)
    return Ground(begin_s=begin, width_s=width, per_s=per_s, group=group, groups=groups)
