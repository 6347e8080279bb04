"""What knowing an input better would be worth, from months that were played anyway."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.domain.numeric import solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.decide.months import Month

NOT_SPANNED = 1e-9
"""A pivot below this for each weight is rounding: inputs are scaled to 1, and a direction without weight gets 0."""


def fitted(xs: Sequence[float], ys: Sequence[float]) -> list[float]:
    """``E[y | x]`` at each x, by least squares on a parabola; the mean where x does not vary.

    A smooth dependence is what it sees; it bends around steps. Source: ordinary least squares.
    """
    count, mean_x = len(xs), math.fsum(xs) / len(xs)
    width = max(abs(x - mean_x) for x in xs)
    mean_y = math.fsum(ys) / count
    if width == 0 or count < 4:
        return [mean_y] * count
    rows = [(1.0, (x - mean_x) / width, ((x - mean_x) / width) ** 2) for x in xs]
    normal = [[math.fsum(row[i] * row[j] for row in rows) for j in range(3)] for i in range(3)]
    right = [math.fsum(row[i] * y for row, y in zip(rows, ys, strict=True)) for i in range(3)]
    weights = solve(normal, right, NOT_SPANNED * len(right))
    return [math.fsum(w * part for w, part in zip(weights, row, strict=True)) for row in rows]


def perfect_information_usd(costs: Sequence[Sequence[float]], xs: Sequence[float]) -> float:
    """Dollars a month that knowing one input before choosing would save in the mean: EVPPI, >= 0.

    ``costs[a][k]`` is what option a costs in month k, ``xs[k]`` the input there. ``min_a E[c_a] - E[min_a E[c_a |
    x]]``, the inner expectation by `fitted`. Zero where one option is the best whatever the input is. It is high by
    chance by about the noise of the fits: of 96 months some per cent of the difference between the options. Source:
    expected value of partial perfect information, Strong, Oakley and Brennan 2014 (by regression).
    """
    if len(costs) < 2 or not xs:
        return 0.0
    count = len(xs)
    blind = min(math.fsum(row) / count for row in costs)
    fits = [fitted(xs, row) for row in costs]
    seeing = math.fsum(min(column) for column in zip(*fits, strict=True)) / count
    return max(0.0, blind - seeing)


def variance_share(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Share of the variance of y that x alone explains, 0 to 1: the first-order Sobol index, by regression.

    ``Var(E[y | x]) / Var(y)`` with `fitted`, less what as many months without any dependence would show (two of the
    parabola's weights). Source: Sobol 1993; from given data as in Plischke, Borgonovo and Smith 2013.
    """
    count = len(ys)
    if count < 4:
        return 0.0
    mean_y = math.fsum(ys) / count
    total = math.fsum((y - mean_y) ** 2 for y in ys)
    if total <= 1e-18 * max(1.0, mean_y * mean_y) * count:
        return 0.0
    explained = math.fsum((fit - mean_y) ** 2 for fit in fitted(xs, ys)) / total
    by_chance = 2.0 / (count - 1)
    return min(1.0, max(0.0, (explained - by_chance) / (1.0 - by_chance)))


def with_constraints(months: Sequence[Sequence[Month]]) -> list[list[float]]:
    """What each option costs in each month when one that breaks a constraint must be replaced for that month.

    It then costs what the cheapest option that keeps all constraints costs, if that is more. Where none keeps them, its
    own bill stands; a month in which it cannot be built at all costs what the dearest option costs. In dollars a month.
    Replacing it and coming back cost nothing here, and a broken constraint no more than the replacement. Source: ours.
    """
    costs: list[list[float]] = [[] for _ in months]
    for column in zip(*months, strict=True):
        kept = [month.usd for month in column if not month.broke]
        finite = [month.usd for month in column if math.isfinite(month.usd)]
        instead = min(kept, default=0.0)
        for row, month in zip(costs, column, strict=True):
            usd = month.usd if math.isfinite(month.usd) else max(finite, default=0.0)
            row.append(max(usd, instead) if month.broke else usd)
    return costs
