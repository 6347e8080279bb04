"""How many requests a day, spread over the hours how, and how much do days differ?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.fit.days import FEWEST_DAYS, ORDINARY_DAY_VARIANCE, WEEK, WHOLE_DAY_S, by_hour
from outgrow.fit.estimates import MOST_GROUPS, Estimate, around, half_width, jackknife_errors, mean_and_cv
from outgrow.sim.requests import DAY_S, HOURS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outgrow.fit.days import Days

UNSEEN_SHAPE_VARIANCE = 0.5
"""What the unseen hours of a day may add to the square of the rate's relative error: a guess."""

UNSEEN = 0.5
"""Requests added to each hour: one in which none came is not one in which none can."""

FEWEST_WEEKEND_DAYS = 2
"""With fewer whole days of a weekend nothing is said about weekends."""

FAR_APART = 4.0
"""Standard errors from which growth is told: any slope is looked for."""

WEEKENDS_APART = 2.5
"""The same of weekends, which are a likely thing: told by chance in 8 of 540 drawn traces of two to four weeks, and, of
weekends of 30 % where days differ by two thirds, in 43 of 60 of two weeks and 58 of 60 of four."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shares of a day by hour, which sum to 1, each with its interval.

    ``seen`` False: shorter than a day, the shape is flat because nobody knows. ``flattened_frac`` of the way from what
    was counted to a flat day was gone, because few requests make hours differ by chance.
    """

    shares: tuple[Estimate, ...]
    seen: bool
    flattened_frac: float = 0.0

    @property
    def mids(self) -> tuple[float, ...]:
        """The 24 shares."""
        return tuple(share.mid for share in self.shares)


def fit_rate(days: Days, dispersion: float) -> Estimate:
    """Requests a day (mean of whole days, else count over watched time) with its interval.

    The error of the mean of D days is ``cv / sqrt(D)`` with Student's D - 1 degrees, and not below that of as many
    independent requests: days that are all alike do not make a rate certain. With fewer than three whole days
    it cannot be told, and days are taken to differ by `ORDINARY_DAY_VARIANCE`; hours nobody watched add
    `UNSEEN_SHAPE_VARIANCE`. ``dispersion``: variance over mean of a count within a day of given level, >= 1. At least
    one request. Days are taken as independent of one another. Source: Student 1908.
    """
    totals = list(days.totals.values())
    if len(totals) > 2:
        mean, cv = mean_and_cv(totals)
        if mean > 0:
            by_chance = 1 / math.sqrt(sum(totals))
            return around(mean, max(cv / math.sqrt(len(totals)), by_chance), len(totals) - 1)
    requests = sum(map(sum, days.quarters))
    per_day = requests / days.watched_s * DAY_S
    unseen = UNSEEN_SHAPE_VARIANCE * max(0.0, 1 - days.watched_s / DAY_S)
    watched_days = max(1.0, days.watched_s / DAY_S)
    return around(per_day, math.sqrt(ORDINARY_DAY_VARIANCE / watched_days + unseen + dispersion / requests))


def fit_shape(days: Days, dispersion: float) -> Shape:
    """Share of each hour: requests over time watched, drawn towards a flat day as far as chance explains the spread.

    The James-Stein weight of what was counted is ``1 - expected variance by chance / variance found`` over the hours,
    chance being ``dispersion`` times that of Poisson counts. Intervals leave out groups of days. An hour nobody
    watched gets the mean. Shorter than a day: flat. Source of the weight: Efron and Morris 1975.
    """
    if days.watched_s < WHOLE_DAY_S:
        return Shape(shares=(Estimate(low=0.0, mid=1 / HOURS, high=1.0),) * HOURS, seen=False)
    watched = days.watched_by_hour
    counts = by_hour(days.quarters)
    raw = _normalised(counts, watched)
    by_chance = dispersion * math.fsum(share * (1 - share) for share in raw) / max(1, sum(counts))
    found = math.fsum((share - 1 / HOURS) ** 2 for share in raw)
    kept = max(0.0, 1 - by_chance / found) if found > 0 else 0.0
    mids = [kept * share + (1 - kept) / HOURS for share in raw]
    errors = _share_errors(days, watched, raw, dispersion)
    width = half_width()
    shares = tuple(
        Estimate(low=max(0.0, mid - width * error), mid=mid, high=min(1.0, mid + width * error))
        for mid, error in zip(mids, errors, strict=True)
    )
    return Shape(shares=shares, seen=True, flattened_frac=1 - kept)


def _normalised(counts: Sequence[int], watched: Sequence[float]) -> list[float]:
    rates = [
        (count + UNSEEN) / seconds if seconds > 0 else None for count, seconds in zip(counts, watched, strict=True)
    ]
    known = [rate for rate in rates if rate is not None]
    filled = [sum(known) / len(known) if rate is None else rate for rate in rates]
    total = math.fsum(filled)
    return [rate / total for rate in filled]


def _share_errors(days: Days, watched: list[float], raw: list[float], dispersion: float) -> list[float]:
    """Leave groups of days out, but not below what independent requests give; with one or two days, chance alone."""
    count = len(days.quarters)
    requests = sum(map(sum, days.quarters))
    if count < 3:
        return [math.sqrt(dispersion * max(share, 1 / HOURS) / requests) for share in raw]
    groups = min(count, MOST_GROUPS)
    everything = by_hour(days.quarters)
    without = []
    for group in range(groups):
        out = [place for place in range(count) if place * groups // count == group]
        left = by_hour(days.quarters[place] for place in out)
        kept = [total - less for total, less in zip(everything, left, strict=True)]
        scale = 1 - len(out) / count
        if sum(kept):
            without.append(_normalised(kept, [seconds * scale for seconds in watched]))
    errors = jackknife_errors(without) if len(without) > 1 else [0.0] * HOURS
    by_chance = [math.sqrt(share * (1 - share) / requests) for share in raw]
    return list(map(max, errors, by_chance))


def fit_day_variance(days: Days, dispersion: float) -> Estimate | None:
    """Variance of the gamma factor (mean 1) that multiplies a whole day; None with fewer than `FEWEST_DAYS` days.

    A day's count over ``dispersion`` is taken as negative binomial: Poisson around a level times a gamma factor of
    shape 1/v, so that the noise of requests and sessions is not counted as days that differ. v is where the likelihood,
    corrected for the estimated mean (Cox and Reid 1987), is highest; the interval is where it falls by half the 80 %
    point of chi-squared. All days have one mean: growth and weekends count as variance.
    """
    counts = [total / dispersion for total in days.totals.values()]
    if len(counts) < FEWEST_DAYS or not any(counts):
        return None

    def height(log_variance: float) -> float:
        return _adjusted_likelihood(counts, math.exp(log_variance))

    low, high = math.log(1e-5), math.log(20.0)
    best = _highest(height, low, high)
    drop = height(best) - half_width() ** 2 / 2
    bottom = low if height(low) > drop else _crossing(height, drop, low, best)
    top = high if height(high) > drop else _crossing(height, drop, high, best)
    mid = 0.0 if best < low + 0.5 else math.exp(best)
    return Estimate(low=0.0 if bottom == low else math.exp(bottom), mid=mid, high=math.exp(top))


def _adjusted_likelihood(counts: Sequence[float], variance: float) -> float:
    shape = 1 / variance
    mean = math.fsum(counts) / len(counts)
    base = math.lgamma(shape) - shape * math.log(shape / (shape + mean))
    odds = math.log(mean / (shape + mean))
    fit = math.fsum(math.lgamma(count + shape) - math.lgamma(count + 1) + count * odds for count in counts)
    information = len(counts) * shape / (mean * (shape + mean))
    return fit - len(counts) * base - 0.5 * math.log(information)


def _highest(height: Callable[[float], float], low: float, high: float) -> float:
    """Where a curve with one top is highest: the best of a grid, then golden section around it."""
    grid = [low + (high - low) * step / 60 for step in range(61)]
    best = max(range(61), key=lambda place: height(grid[place]))
    low, high = grid[max(0, best - 1)], grid[min(60, best + 1)]
    ratio = (math.sqrt(5) - 1) / 2
    for _ in range(40):
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if height(left) > height(right) else (left, high)
    return (low + high) / 2


def _crossing(height: Callable[[float], float], level: float, outside: float, inside: float) -> float:
    """Where the curve crosses ``level`` between a place below it and one above."""
    for _ in range(50):
        middle = (outside + inside) / 2
        outside, inside = (middle, inside) if height(middle) < level else (outside, middle)
    return (outside + inside) / 2


def weekend_ratio(days: Days) -> float | None:
    """Requests of a Saturday or Sunday over those of a weekday, 0 or more; None unless they are far apart.

    The ratio of the two means over whole days, told where they differ by `WEEKENDS_APART` standard errors of the
    difference.
    Growth is not taken out. Source: the test of Welch 1947, with a fixed bound.
    """
    work = [float(total) for day, total in days.totals.items() if not days.weekend(day)]
    rest = [float(total) for day, total in days.totals.items() if days.weekend(day)]
    if days.weekday is None or len(work) < FEWEST_DAYS or len(rest) < FEWEST_WEEKEND_DAYS:
        return None
    (mean, cv), (rest_mean, rest_cv) = mean_and_cv(work), mean_and_cv(rest)
    error = math.hypot(mean * cv / math.sqrt(len(work)), rest_mean * max(rest_cv, cv) / math.sqrt(len(rest)))
    apart = mean > 0 and mean != rest_mean and abs(mean - rest_mean) >= WEEKENDS_APART * error
    return rest_mean / mean if apart else None


def growth_of(days: Days) -> float | None:
    """Growth a week as a share, above -1; None unless it stands out, or for less than two weeks of days.

    ``exp(7 b) - 1``, b the slope of the straight line of least squares through the logarithms of whole days with
    requests, told where it is `FAR_APART` standard errors from 0. Days are taken as independent; a step looks like
    growth. Source: ordinary least squares.
    """
    points = [(day, math.log(total)) for day, total in days.totals.items() if total]
    if len(points) < 2 * WEEK:
        return None
    mid_day = math.fsum(day for day, _ in points) / len(points)
    mid = math.fsum(value for _, value in points) / len(points)
    across = math.fsum((day - mid_day) ** 2 for day, _ in points)
    slope = math.fsum((day - mid_day) * (value - mid) for day, value in points) / across
    left = math.fsum((value - mid - slope * (day - mid_day)) ** 2 for day, value in points)
    error = math.sqrt(left / (len(points) - 2) / across)
    return math.expm1(WEEK * slope) if abs(slope) > FAR_APART * error else None
