"""Do requests come more evenly than by chance: from a timer, a poll, a load test of constant rate?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.counts import count_windows, windows_of
from outgrow.fit.days import QUARTER_S, QUARTERS
from outgrow.fit.ground import DAYS_FOR_SHAPE, ground_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outgrow.fit.days import Days
    from outgrow.fit.ground import Ground

CLEAR_ERRORS = 5.0
"""Standard errors below chance at which counts are called even, or above it at which they are not: a dozen windows are
looked at, and the ground under them is itself an estimate."""

MUCH = 0.8
"""And below this share of chance (or above its inverse): less moves neither queues nor starts."""

LONG_QUARTERS = (4, 12)
"""Windows of an hour and of three are looked at beside those of `windows_of`: for a timer of an hour a quarter is
short."""

FEWEST_REQUESTS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Evenness:
    """Where counts vary least: in windows of ``window_s`` their variance is ``of_chance_frac`` of that by chance."""

    window_s: float
    of_chance_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Over the windows of one length: of N, of (N - E)^2 and of E^2."""

    window_s: float
    requests: int
    excess: float
    squares: float


def evenness_of(times_s: Sequence[float], days: Days, resolution_s: float) -> Evenness | None:
    """How even requests are; None unless counts vary less than by chance, and in windows of no length more.

    The index of dispersion around the ground, ``sum (N - E)^2 / sum N``, is for independent requests ``1 - b`` with a
    standard error of ``sqrt(2 sum E^2) / sum N``, given their number. ``b = D sum E^2 / (sum N)^2`` where the level was
    told from D days with the windows in them. Times in seconds, ascending; fewer than `FEWEST_REQUESTS` tell nothing.
    Timers of periods far longer than three hours are not seen, nor those beside as many requests of users, nor bursts
    that come evenly: those are sessions. Source: the dispersion test, Cox and Lewis 1966.
    """
    if len(times_s) < FEWEST_REQUESTS:
        return None
    told_by_days = len(days.quarters) >= DAYS_FOR_SHAPE
    ground = ground_of(times_s, days)
    sums = list(_short(times_s, days, ground, resolution_s))
    if told_by_days:
        sums += [_long(days, ground, quarters) for quarters in LONG_QUARTERS if quarters * QUARTER_S > resolution_s]
    return _evenest(sums, days.watched_s / ground.told_over_s if told_by_days else 0.0)


def _short(times_s: Sequence[float], days: Days, ground: Ground, resolution_s: float) -> Iterator[_Sums]:
    """Windows of up to a quarter of an hour."""
    table = count_windows(times_s, ground, windows_of(days, resolution_s), resolution_s)
    for at, window_s in enumerate(table.windows_s):
        yield _Sums(
            window_s=window_s,
            requests=sum(row[at] for row in table.requests),
            excess=math.fsum(row[at] for row in table.excess),
            squares=math.fsum(row[at] for row in table.squares),
        )


def _long(days: Days, ground: Ground, quarters: int) -> _Sums:
    """Windows of so many quarters of an hour, which divide a day, where the log watched all of them."""
    requests, excess, squares = 0, 0.0, 0.0
    for place, row in enumerate(days.quarters):
        for first in range(0, QUARTERS, quarters):
            cells = range(place * QUARTERS + first, place * QUARTERS + first + quarters)
            if min(ground.group[cell] for cell in cells) < 0:
                continue
            found = sum(row[first : first + quarters])
            due = QUARTER_S * math.fsum(ground.per_s[cell] for cell in cells)
            requests += found
            excess += (found - due) ** 2
            squares += due * due
    return _Sums(window_s=quarters * QUARTER_S, requests=requests, excess=excess, squares=squares)


def _evenest(sums: Sequence[_Sums], days: float) -> Evenness | None:
    """The windows that vary least beside chance, of those clearly below it; None where others are above it."""
    found: Evenness | None = None
    for each in sums:
        if not each.requests or each.squares <= 0:
            continue
        dispersion = each.excess / each.requests
        due = 1 - min(1.0, days * each.squares / each.requests**2)
        error = math.sqrt(2 * each.squares) / each.requests
        if dispersion > 1 / MUCH and dispersion > due + CLEAR_ERRORS * error:
            return None
        if dispersion < MUCH * due and dispersion < due - CLEAR_ERRORS * error:
            share = max(0.0, dispersion / due)
            if found is None or share < found.of_chance_frac:
                found = Evenness(window_s=each.window_s, of_chance_frac=share)
    return found
