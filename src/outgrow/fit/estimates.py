"""The little numerical work of the estimators: intervals, errors, least squares. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from operator import mul
from statistics import NormalDist
from typing import TYPE_CHECKING

from outgrow.domain.numeric import solve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Vector = list[float]
Matrix = list[list[float]]

COVERAGE = 0.8
"""How often an interval is meant to hold the truth."""

MOST_GROUPS = 30
"""Parts of a trace (days, stretches) that are left out in turn: more of them would cost more and tell little."""

SLOPE_STEP = 1e-4
MOST_DAMPING = 1e8
SETTLED = 1e-3

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number and its 80 % interval."""

    low: float
    mid: float
    high: float


def exactly(value: float) -> Estimate:
    """A number that is known."""
    return Estimate(low=value, mid=value, high=value)


def normal_quantile(share: float) -> float:
    """The z with P(Z <= z) = share, 0 < share < 1."""
    return _NORMAL.inv_cdf(share)


def student_quantile(share: float, freedom: float) -> float:
    """Student's t at ``share`` (0.5 to 0.99) with ``freedom`` >= 1 degrees.

    Exact for 1 and 2, else the Cornish-Fisher series in 1/freedom: within 0.5 % from 3 up at a share of 0.9. Source:
    Abramowitz and Stegun 26.7.5.
    """
    if freedom < 1.5:
        return math.tan(math.pi * (share - 0.5))
    if freedom < 2.5:
        return (2 * share - 1) * math.sqrt(2 / (4 * share * (1 - share)))
    z = normal_quantile(share)
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def half_width(freedom: float | None = None) -> float:
    """Standard errors on each side of an estimate that make its 80 % interval."""
    share = 0.5 + COVERAGE / 2
    return normal_quantile(share) if freedom is None else student_quantile(share, max(1.0, freedom))


def around(mid: float, relative_error: float, freedom: float | None = None) -> Estimate:
    """The interval of a positive number by its relative standard error e, on the logarithmic scale.

    ``mid x exp(+-z e)``, z from `half_width`; ``mid`` > 0, e >= 0, ends at most a factor of e^12 away.
    """
    factor = math.exp(min(12.0, half_width(freedom) * relative_error))
    return Estimate(low=mid / factor, mid=mid, high=mid * factor)


def mean_and_cv(values: Sequence[float]) -> tuple[float, float]:
    """Mean and coefficient of variation (0 for a mean of 0 or a single value)."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2 or mean == 0:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) / mean


def jackknife_errors(without: Sequence[Sequence[float]]) -> Vector:
    """Standard error of each number, from its values with one group of data left out at a time (at least two).

    ``sqrt((k - 1) / k x sum (value - mean)^2)`` over k groups, in the unit of the values. For what changes smoothly
    with the data, not for quantiles. Source: Tukey 1958.
    """
    count = len(without)
    errors = []
    for values in zip(*without, strict=True):
        mean = math.fsum(values) / count
        errors.append(math.sqrt((count - 1) / count * math.fsum((value - mean) ** 2 for value in values)))
    return errors


def least_squares(
    residuals: Callable[[Vector], Vector],
    start: Sequence[float],
    bounds: tuple[Sequence[float], Sequence[float]],
    steps: int,
    moving: Sequence[int] | None = None,
) -> tuple[Vector, float]:
    """Where the sum of squared residuals is lowest near ``start``, and that sum.

    Levenberg-Marquardt inside a box, slopes by differences, no step longer than 1 in any direction. Only the
    directions in ``moving`` are touched (default: all). A local minimum: elsewhere there may be a lower one. Source:
    Levenberg 1944, Marquardt 1963.
    """
    low, high = bounds
    touched = list(range(len(start)) if moving is None else moving)
    place = [min(max(value, least), most) for value, least, most in zip(start, low, high, strict=True)]
    here = residuals(place)
    cost = math.fsum(map(mul, here, here))
    damping = 1e-3
    for _ in range(steps):
        slopes = [_slope(residuals, place, at, here) for at in touched]
        matrix = [[math.fsum(map(mul, left, right)) for right in slopes] for left in slopes]
        right = [-math.fsum(map(mul, slope, here)) for slope in slopes]
        before = cost
        while damping < MOST_DAMPING:
            damped = [[value * (1 + damping * (a == b)) for b, value in enumerate(row)] for a, row in enumerate(matrix)]
            step = solve(damped, right)
            longest = max(1.0, *(abs(value) for value in step))
            moved = list(place)
            for at, value in zip(touched, step, strict=True):
                moved[at] = min(max(place[at] + value / longest, low[at]), high[at])
            there = residuals(moved)
            cost = math.fsum(map(mul, there, there))
            if cost <= before:
                place, here = moved, there
                damping = max(damping / 5, 1e-9)
                break
            damping *= 10
        else:
            return place, before
        if before - cost < 1e-7 * before + 1e-12:
            break
    return place, cost


def slopes_at(residuals: Callable[[Vector], Vector], place: Vector) -> Matrix:
    """Change of every residual along each direction."""
    here = residuals(place)
    return [_slope(residuals, place, at, here) for at in range(len(place))]


def settle(
    residuals: Callable[[Vector], Vector],
    start: Vector,
    slopes: Matrix,
    bounds: tuple[Sequence[float], Sequence[float]],
    steps: int,
) -> Vector:
    """The lowest place of nearly the same residuals as those that have ``slopes`` at ``start``, their lowest place.

    Gauss-Newton with slopes that stay what they were, so that a step costs one look; no step longer than 1. For starts
    near the end only: further away the slopes are others.
    """
    matrix = [[math.fsum(map(mul, left, right)) for right in slopes] for left in slopes]
    for at, row in enumerate(matrix):
        row[at] *= 1 + 1e-6
    place = list(start)
    for _ in range(steps):
        here = residuals(place)
        step = solve(
            matrix, [-math.fsum(change * value for change, value in zip(slope, here, strict=True)) for slope in slopes]
        )
        longest = max(1.0, *(abs(value) for value in step))
        place = [
            min(max(value + move / longest, least), most)
            for value, move, least, most in zip(place, step, *bounds, strict=True)
        ]
        if max(abs(value) for value in step) < SETTLED:
            break
    return place


def _slope(residuals: Callable[[Vector], Vector], place: Vector, at: int, here: Vector) -> Vector:
    moved = list(place)
    moved[at] += SLOPE_STEP
    return [(after - now) / SLOPE_STEP for after, now in zip(residuals(moved), here, strict=True)]
