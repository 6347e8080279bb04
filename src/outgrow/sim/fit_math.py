"""The little numerical work of the estimators: linear systems, quantiles, sums. Standard library only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Vector = list[float]
Matrix = list[list[float]]

LEVEL = 0.8
"""How often an interval is meant to hold the truth."""

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


def solve(matrix: Matrix, right: Sequence[float]) -> Vector:
    """x of ``matrix x = right`` by elimination with row exchange; a direction without any weight gets 0."""
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        if abs(head[column]) < 1e-300:
            head[column] = math.inf
        for row in range(size):
            if row != column and rows[row][column]:
                times = rows[row][column] / head[column]
                rows[row] = [value - times * above for value, above in zip(rows[row], head, strict=True)]
    return [rows[row][size] / rows[row][row] for row in range(size)]


def normal_quantile(share: float) -> float:
    """z with P(Z <= z) = share, 0 < share < 1."""
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
    share = 0.5 + LEVEL / 2
    return normal_quantile(share) if freedom is None else student_quantile(share, max(1.0, freedom))


def around(mid: float, relative_error: float, freedom: float | None = None) -> Estimate:
    """The interval of a positive number by its relative standard error, on the logarithmic scale."""
    factor = math.exp(min(12.0, half_width(freedom) * relative_error))
    return Estimate(low=mid / factor, mid=mid, high=mid * factor)


def mean_and_cv(values: Sequence[float]) -> tuple[float, float]:
    """Mean and coefficient of variation (0 for a mean of 0 or a single value)."""
    mean = math.fsum(values) / len(values)
    if len(values) < 2 or mean == 0:
        return mean, 0.0
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)) / mean


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value within which ``share`` of the ascending values lie, straight between neighbours."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def jackknife_errors(without: Sequence[Sequence[float]]) -> Vector:
    """Standard error of each number, from its values with one group of data left out at a time (at least two)."""
    count = len(without)
    errors = []
    for values in zip(*without, strict=True):
        mean = math.fsum(values) / count
        errors.append(math.sqrt((count - 1) / count * math.fsum((value - mean) ** 2 for value in values)))
    return errors
