"""How much more do counts vary than those of independent requests, in windows from milliseconds to minutes?"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from outgrow.fit.days import QUARTER_S, WHOLE_DAY_S
from outgrow.fit.ground import DAYS_FOR_SHAPE, looked_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from outgrow.fit.days import Days
    from outgrow.fit.ground import Ground

PARTS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
"""Windows are the longest one cut into so many parts."""

SHORTEST_S = 2e-3
FEWEST_WINDOWS = 40
"""The longest window of a trace without a shape is its length over this."""

ROUNDING = 1e-3
"""Windows begin this part of the stamps' resolution early, so that rounding does not move a stamp out of its window."""

_POINTS = tuple(NormalDist().inv_cdf((place + 0.5) / 24) for place in range(24))
_STEP = math.sqrt(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountTable:
    """Sums over the windows of each length, by part of the trace.

    ``excess`` of (N - E)^2, ``requests`` of N, ``squares`` of E^2.
    """

    windows_s: tuple[float, ...]
    told_over_s: float
    excess: list[list[float]]
    requests: list[list[int]]
    squares: list[list[float]]

    def dispersion(self, out: int | None = None) -> list[float]:
        """Variance around the ground over mean of the count in each window, without one part.

        ``sum (N - E)^2 / sum N``, by length of window; about 1 for independent requests.
        """
        groups = [group for group in range(len(self.requests)) if group != out]
        return [
            math.fsum(self.excess[group][at] for group in groups)
            / max(1, sum(self.requests[group][at] for group in groups))
            for at in range(len(self.windows_s))
        ]


def windows_of(days: Days, resolution_s: float) -> tuple[float, ...]:
    """Lengths of the windows, ascending: a quarter of an hour and its parts, or of a short trace a share of it.

    With a day or two five minutes: the hours counts are held against are those same counts, and longer windows would
    vary too little around them. All are whole numbers of the stamps' resolution, two at least; none is left where that
    is too coarse. In seconds. Source: ours.
    """
    longest_s = QUARTER_S if len(days.quarters) >= DAYS_FOR_SHAPE else QUARTER_S / 3
    if days.watched_s < WHOLE_DAY_S:
        longest_s = days.watched_s / FEWEST_WINDOWS
    found = set()
    for parts in PARTS:
        window_s = longest_s / parts
        if resolution_s > 0:
            window_s = math.floor(window_s / resolution_s + 1e-9) * resolution_s
        if window_s >= max(SHORTEST_S, 2 * resolution_s):
            found.add(window_s)
    return tuple(sorted(found))


def count_windows(
    times_s: Sequence[float], ground: Ground, windows_s: tuple[float, ...], resolution_s: float
) -> CountTable:
    """Sums over the whole windows of the cells that are looked at.

    ``sum (N - E)^2 = sum N^2 - 2 sum N E + sum E^2``, ``E = int per_s dt`` over a window; the last two sums go by
    cells, which is exact for windows within one cell.
    """
    excess = [[0.0] * len(windows_s) for _ in range(ground.groups)]
    requests = [[0] * len(windows_s) for _ in range(ground.groups)]
    squares = [[0.0] * len(windows_s) for _ in range(ground.groups)]
    for first, last, group in _stretches(ground, len(times_s)):
        begin, end = ground.begin_s + first * ground.width_s, ground.begin_s + last * ground.width_s
        sums: dict[float, tuple[int, int, float, float]] = {}
        for at, window_s in enumerate(windows_s):
            whole = math.floor((end - begin) / window_s + 1e-9) * window_s
            until = end if whole > end - begin - 1e-6 * window_s else begin + whole
            if until not in sums:
                sums[until] = _ground_sums(times_s, ground, first, last, until)
            low, high, crossed, grounds = sums[until]
            offset = resolution_s * ROUNDING - begin
            counts = Counter([int((time_s + offset) / window_s) for time_s in times_s[low:high]])
            excess[group][at] += sum(map(_square, counts.values())) + window_s * (grounds - 2 * crossed)
            requests[group][at] += high - low
            squares[group][at] += window_s * grounds
    return CountTable(
        windows_s=windows_s, told_over_s=ground.told_over_s, excess=excess, requests=requests, squares=squares
    )


def _square(count: int) -> int:
    return count * count


def _ground_sums(
    times_s: Sequence[float], ground: Ground, first: int, last: int, until: float
) -> tuple[int, int, float, float]:
    """First and last request of some cells, sum of N E and of E^2 over windows of one second; up to ``until``."""
    begin = ground.begin_s + first * ground.width_s
    low = high = bisect_left(times_s, begin)
    crossed = grounds = 0.0
    for cell in range(first, last):
        opens = ground.begin_s + cell * ground.width_s
        closes = min(opens + ground.width_s, until)
        if closes <= opens:
            break
        after = bisect_left(times_s, closes, high)
        crossed += ground.per_s[cell] * (after - high)
        grounds += ground.per_s[cell] ** 2 * (closes - opens)
        high = after
    return low, high, crossed, grounds


def _stretches(ground: Ground, requests: int) -> Iterator[tuple[int, int, int]]:
    """Runs of cells beside each other that are looked at and belong to one group."""
    begun: int | None = None
    for cell in range(len(ground.per_s) + 1):
        on = cell < len(ground.per_s) and ground.group[cell] >= 0 and looked_at(cell, requests)
        if begun is not None and (not on or ground.group[cell] != ground.group[begun]):
            yield begun, cell, ground.group[begun]
            begun = None
        if on and begun is None:
            begun = cell


def followers(size: float, gap_s: float, gap_cv: float, lags_s: Sequence[float]) -> list[float]:
    """Requests of the same session expected within each lag after a request: from 0 to ``size - 1``.

    ``size`` >= 1 request, ``gap_s`` > 0, ``gap_cv`` > 0; ``lags_s`` ascend from 0.

    The renewal equation ``G(u) = q F(u) + q int G(u - x) dF(x)``, q = 1 - 1/size, lognormal F cut into 24 equally
    likely values, G straight between lags: within 1 % for cv up to 3 at lags a factor of 1.4 apart. Source: Cox 1962,
    Renewal Theory.
    """
    follows = 1 - 1 / size
    spread = math.sqrt(math.log1p(gap_cv * gap_cv))
    middle = math.log(gap_s) - spread * spread / 2
    gaps = [math.exp(middle + spread * point) for point in _POINTS]
    each = follows / len(gaps)
    found = [0.0]
    for at in range(1, len(lags_s)):
        lag, before = lags_s[at], lags_s[at - 1]
        known = itself = 0.0
        for gap in gaps:
            left = lag - gap
            if left <= 0:
                break
            if left > before:
                part = (left - before) / (lag - before)
                itself += part
                known += found[at - 1] * (1 - part)
            else:
                place = bisect_left(lags_s, left, 0, at)
                low = lags_s[place - 1]
                known += found[place - 1] + (found[place] - found[place - 1]) * (left - low) / (lags_s[place] - low)
        within = 0.5 * math.erfc((middle - math.log(lag)) / (spread * _STEP))
        found.append((follows * within + each * known) / (1 - each * itself))
    return found


class Dispersion:
    """Variance over mean of counts that sessions give: ``V(w) = 1 + (2/w) int_0^w G(u) du``, G from `followers`.

    Around a mean that was itself counted over a time T with the window in it, counts vary less: ``V(w) - V(T) w / T``,
    V(T) being ``2 size - 1`` for a T much longer than a session. Source: second moments of a Poisson cluster process,
    Bartlett 1963 and Lewis 1964.
    """

    def __init__(self, windows_s: tuple[float, ...], told_over_s: float) -> None:
        """Lags from a third of the shortest window to the longest."""
        self._windows = windows_s
        self._told_over_s = told_over_s
        lags = array("d", [0.0])
        lag = windows_s[0] / 3
        while lag < windows_s[-1]:
            lags.append(lag)
            lag *= _STEP
        lags.append(windows_s[-1])
        self._lags = lags

    def of(self, size: float, gap_s: float, gap_cv: float) -> list[float]:
        """V of each window."""
        lags = self._lags
        found = followers(size, gap_s, gap_cv, lags)
        total = [0.0]
        for at in range(1, len(lags)):
            total.append(total[-1] + (found[at] + found[at - 1]) / 2 * (lags[at] - lags[at - 1]))
        spread = []
        for window_s in self._windows:
            at = min(bisect_left(lags, window_s), len(lags) - 1)
            part = (window_s - lags[at - 1]) / (lags[at] - lags[at - 1])
            here = found[at - 1] + (found[at] - found[at - 1]) * part
            inside = total[at - 1] + (found[at - 1] + here) / 2 * (window_s - lags[at - 1])
            borrowed = min(0.5, window_s / self._told_over_s) * (2 * size - 1)
            spread.append(max(0.1, 1 + 2 / window_s * inside - borrowed))
        return spread
