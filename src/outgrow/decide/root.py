"""Finds where a function of a positive input changes its sign, with few calls: each call may be a simulation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PRECISION = 0.01
"""A bracket of one per cent is close enough: bills are predicted to about that."""

MOST_CALLS = 60


def crossing(
    rises: Callable[[float], float], low: float, high: float, ends: tuple[float, float] | None = None
) -> tuple[float, float]:
    """A bracket around the place between ``low`` and ``high`` (both above 0) where ``rises`` turns from < 0 to >= 0.

    Regula falsi on a logarithmic scale in the Illinois form (Dowell and Jarratt 1971), bisection where a value is
    infinite and only its sign counts. Ends when the bracket is within `PRECISION`. ``ends`` are the values at low and
    high, if they are known.
    """
    below, above = ends or (rises(low), rises(high))
    side = 0
    for _ in range(MOST_CALLS):
        if high / low - 1 <= PRECISION:
            break
        middle = _between(low, high, below, above)
        value = rises(middle)
        if value < 0:
            low, below = middle, value
            above = above / 2 if side < 0 and math.isfinite(above) else above
            side = -1
        else:
            high, above = middle, value
            below = below / 2 if side > 0 and math.isfinite(below) else below
            side = 1
    return low, high


def _between(low: float, high: float, below: float, above: float) -> float:
    """Where a straight line through the ends is 0, kept off the ends; the middle where an end is infinite."""
    width = math.log(high / low)
    share = 0.5
    if math.isfinite(below) and math.isfinite(above) and above > below:
        share = min(0.95, max(0.05, -below / (above - below)))
    return low * math.exp(width * share)


def turn(still: Callable[[float], bool], inside: float, outside: float) -> float:
    """The value between two at which ``still`` stops holding, by bisection to a thousandth of their distance.

    ``still`` holds inside and does not outside; of several changes between them one is found.
    """
    for _ in range(10):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if still(middle) else (inside, middle)
    return (inside + outside) / 2
