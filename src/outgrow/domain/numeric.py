"""The little numerical work that several rooms share: quantiles, linear systems. Standard library only."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value within which ``share`` (0 to 1) of the ascending values lie, straight between neighbours.

    Place ``share x (n - 1)``, counted from 0. In their unit; infinite ones are allowed. Source: type 7 of Hyndman and
    Fan 1996.
    """
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    if ordered[below] == ordered[above]:
        return ordered[below]
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def solve(matrix: Sequence[Sequence[float]], right: Sequence[float], least: float = 1e-300) -> list[float]:
    """Solves ``matrix x = right`` by Gauss-Jordan elimination with row exchange.

    A direction whose pivot is below ``least`` gets 0. For few unknowns: a nearly singular matrix loses digits and
    nothing says so.
    """
    size = len(right)
    rows = [[*row, value] for row, value in zip(matrix, right, strict=True)]
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column]
        if abs(head[column]) < least:
            head[column] = math.inf
        for row in range(size):
            if row != column and rows[row][column]:
                times = rows[row][column] / head[column]
                rows[row] = [value - times * above for value, above in zip(rows[row], head, strict=True)]
    return [rows[row][size] / rows[row][row] for row in range(size)]
