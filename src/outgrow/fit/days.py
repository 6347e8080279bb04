"""The days of a trace: what the log watched, which days are whole, what came in each quarter of an hour."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.domain.arrivals import SESSIONS
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from outgrow.domain.trace import Trace

QUARTER_S = 900.0
QUARTERS = 96
WEEK = 7
SATURDAY = 5

FEWEST_DAYS = 4
"""With fewer whole days nothing is said about how much days differ, and no whole days are held out."""

ORDINARY_DAY_VARIANCE, ORDINARY_SIZE = SESSIONS.day_variance, SESSIONS.session_size
"""What days and sessions are taken to be like until the trace has been fitted: the defaults of a spec."""

WHOLE_DAY_S = 0.98 * DAY_S
"""Watched for less, a trace says nothing about the shape of a day."""

SURPRISE = 0.01
"""A silence that a process like the rest of the trace would show less often than this is a hole in the log."""

MOST_HOLES = 5
"""A trace with more of them is silent by nature."""

LEAST_WATCHED_S = HOUR_S
"""A trace with less time outside its silences cannot say what explains them."""

ALL_OF_IT = 1 - 1 / QUARTER_S
"""A quarter of an hour counts as watched when at most a second is missing."""

NEGLIGIBLE_SHARE = 0.02
"""A day may miss a stretch that holds this share of the requests of other days and still count as whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """Calendar days from the first request to the last, numbered from second 0 of the trace.

    Attributes:
        first: number of the first day.
        quarters: requests in each quarter of an hour of each day.
        segments: stretches the log watched (s, begin and end).
        missing: holes between them.
        whole: days watched from midnight to midnight, but for stretches in which hardly anything comes.
        weekday: weekday of the first day, Monday 0; None where no calendar is known.
    """

    first: int
    quarters: tuple[array[int], ...]
    segments: tuple[tuple[float, float], ...]
    missing: tuple[tuple[float, float], ...]
    whole: tuple[int, ...]
    weekday: int | None

    @property
    def totals(self) -> dict[int, int]:
        """Requests of each whole day."""
        return {day: sum(self.quarters[day - self.first]) for day in self.whole}

    @property
    def watched_s(self) -> float:
        """Seconds the log watched."""
        return math.fsum(end - begin for begin, end in self.segments)

    @property
    def watched_by_hour(self) -> list[float]:
        """Seconds watched in each hour of the day."""
        watched = [0.0] * HOURS
        for place in range(len(self.quarters)):
            midnight = (self.first + place) * DAY_S
            for hour in range(HOURS):
                watched[hour] += self.watched_in(midnight + hour * HOUR_S, midnight + (hour + 1) * HOUR_S)
        return watched

    def weekend(self, day: int) -> bool:
        """Is it a Saturday or Sunday? False where nobody knows."""
        return self.weekday is not None and (self.weekday + day - self.first) % WEEK >= SATURDAY

    def watched_in(self, begin_s: float, end_s: float) -> float:
        """Seconds of a stretch that the log watched."""
        watched = 0.0
        for at in range(bisect_right(self.segments, begin_s, key=_end_of), len(self.segments)):
            begin, end = self.segments[at]
            if begin >= end_s:
                break
            watched += min(end_s, end) - max(begin_s, begin)
        return watched

    def watched_quarters(self, day: int) -> list[float]:
        """Share of each quarter of an hour of a day that the log watched."""
        midnight = day * DAY_S
        watched = self.watched_in(midnight, midnight + DAY_S)
        if watched <= 0 or watched > DAY_S - 1e-6:
            return [float(watched > 0)] * QUARTERS
        edges = [midnight + quarter * QUARTER_S for quarter in range(QUARTERS + 1)]
        return [self.watched_in(begin, end) / QUARTER_S for begin, end in pairwise(edges)]


def _end_of(segment: tuple[float, float]) -> float:
    return segment[1]


def survey(trace: Trace) -> Days:
    """What the log watched and when requests came. A silence of over a day that the process does not explain is a hole.

    A day of x expected sessions is silent with chance ``(1 + x v)^(-1/v)`` (gamma day factor of variance v). Where the
    calendar is known, days on which nothing ever comes are quiet, not missing: weekdays silent each time, more than
    once, or a weekend if no other is busy. At least one request.
    A hole of less than a day is taken for silence, and of more than `MOST_HOLES` holes none is seen. Source of the
    chance: the negative binomial law, Greenwood and Yule 1920; of the rule: ours.
    """
    begin_s, end_s = trace.span_s
    first = int(begin_s // DAY_S)
    days = max(1, math.ceil(end_s / DAY_S) - first)
    quarters = _quarters(trace.times_s, first, days)
    weekday = None if trace.first_day is None else (trace.first_day.weekday() + first) % WEEK
    holes = _holes(trace.times_s, quarters, first, weekday)
    edges = [begin_s, *(edge for hole in holes for edge in hole), end_s]
    segments = tuple((edges[at], edges[at + 1]) for at in range(0, len(edges), 2))
    found = Days(first=first, quarters=quarters, segments=segments, missing=holes, whole=(), weekday=weekday)
    whole = tuple(day for day in range(first, first + days) if _is_whole(found, day))
    return Days(first=first, quarters=quarters, segments=segments, missing=holes, whole=whole, weekday=weekday)


def _quarters(times_s: Sequence[float], first: int, days: int) -> tuple[array[int], ...]:
    counted = []
    before = bisect_left(times_s, first * DAY_S)
    for day in range(first, first + days):
        row = array("q")
        for quarter in range(1, QUARTERS + 1):
            after = bisect_left(times_s, day * DAY_S + quarter * QUARTER_S, before)
            row.append(after - before)
            before = after
        counted.append(row)
    counted[-1][-1] += len(times_s) - before
    return tuple(counted)


def _holes(
    times_s: Sequence[float], quarters: tuple[array[int], ...], first: int, weekday: int | None
) -> tuple[tuple[float, float], ...]:
    silences = _silences(times_s, quarters, first)
    watched_s = times_s[-1] - times_s[0] - math.fsum(end - begin for begin, end in silences)
    if not silences or watched_s < LEAST_WATCHED_S:
        return ()
    sessions_a_day = len(times_s) / max(watched_s / DAY_S, 1.0) / ORDINARY_SIZE
    busy = {day for day, row in enumerate(quarters, first) if any(row)}
    holes = []
    for begin, end in silences:
        inside = range(math.ceil(begin / DAY_S), int(end // DAY_S))
        if inside and weekday is not None and _is_quiet(inside, first, busy, len(quarters), weekday):
            continue
        days = (end - begin) / DAY_S
        silent = -math.log1p(sessions_a_day * ORDINARY_DAY_VARIANCE) / ORDINARY_DAY_VARIANCE * days
        if math.exp(silent) * len(quarters) < SURPRISE:
            holes.append((begin, end))
    return tuple(holes) if len(holes) <= MOST_HOLES else ()


def _is_quiet(inside: range, first: int, busy: set[int], days: int, weekday: int) -> bool:
    """Are these the days on which nothing ever comes: a Saturday and Sunday, or weekdays that were silent each time?"""
    weekend = {day for day in range(first, first + days) if (weekday + day - first) % WEEK >= SATURDAY}
    if weekend.issuperset(inside) and not weekend & busy:
        return True
    return all(_never_busy(day, first, busy, days) for day in inside)


def _never_busy(day: int, first: int, busy: set[int], days: int) -> bool:
    """No day of the same weekday had a request, and there was more than one."""
    same = [other for other in range(first, first + days) if (other - day) % WEEK == 0]
    return len(same) > 1 and not busy.intersection(same)


def _silences(times_s: Sequence[float], quarters: tuple[array[int], ...], first: int) -> list[tuple[float, float]]:
    """Gaps of over a day between two requests."""
    found = []
    last: float | None = None
    for day, row in enumerate(quarters, first):
        if not any(row):
            continue
        begins = bisect_left(times_s, day * DAY_S)
        if last is not None and times_s[begins] - last > DAY_S:
            found.append((last, times_s[begins]))
        last = times_s[min(begins + sum(row), len(times_s)) - 1]
    return found


def _is_whole(days: Days, day: int) -> bool:
    """Watched, but for stretches that hold at most `NEGLIGIBLE_SHARE` of what other days have, or one request."""
    watched = days.watched_quarters(day)
    if min(watched) > ALL_OF_IT:
        return True
    unwatched = [quarter for quarter, part in enumerate(watched) if part <= ALL_OF_IT]
    if len(unwatched) > QUARTERS // 2:
        return False
    others = [row for place, row in enumerate(days.quarters) if place != day - days.first and any(row)]
    if not others:
        return len(unwatched) <= 1
    missed = sum(row[quarter] for row in others for quarter in unwatched) / len(others)
    return missed <= max(1.0, NEGLIGIBLE_SHARE * sum(map(sum, others)) / len(others))


def by_hour(rows: Iterable[Sequence[int]]) -> list[int]:
    """Requests in each hour of the day, over some days of quarters."""
    hours = [0] * HOURS
    for row in rows:
        for hour in range(HOURS):
            hours[hour] += sum(row[4 * hour : 4 * hour + 4])
    return hours
