"""Draws the spec's uncertain inputs jointly, the same draws for every option."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.domain import numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from outgrow.domain.workload import Driver


def draws(drivers: Sequence[Driver], count: int, stream: Callable[[str], Random]) -> list[dict[str, float]]:
    """``count`` joint draws, each driver triangular over (low, mid, high), stratified (Latin hypercube).

    Every driver is cut into ``count`` equally likely strata, one point is drawn in each, and the columns are shuffled
    independently, so that small samples still cover each range. Each has a stream of its own (``stream`` of its path),
    so that one more of them leaves the others' draws alone. Drivers are taken as independent: inputs that are high
    together in truth give results that vary more, or less, than drawn. Empty dicts
    when nothing is uncertain. Source: McKay, Beckman and Conover 1979.
    """
    columns: dict[str, list[float]] = {}
    for driver in drivers:
        rng = stream(driver.path)
        column = [_triangular(driver, (index + rng.random()) / count) for index in range(count)]
        rng.shuffle(column)
        columns[driver.path] = column
    return [{path: column[index] for path, column in columns.items()} for index in range(count)]


def _triangular(driver: Driver, share: float) -> float:
    """Quantile of the triangular law with this mode and these ends."""
    width = driver.high - driver.low
    turn = (driver.mid - driver.low) / width
    if share < turn:
        return driver.low + math.sqrt(share * width * (driver.mid - driver.low))
    return driver.high - math.sqrt((1 - share) * width * (driver.high - driver.mid))


def weights(shape: Sequence[float], count: int, rng: Random) -> list[tuple[float, ...]]:
    """``count`` draws of criterion weights that sum to 1, Dirichlet around ``shape`` (a zero stays zero).

    With all ones this is uniform over all weights, as in SMAA. Source: Lahdelma, Hokkanen and Salminen 1998.
    """
    drawn = []
    for _ in range(count):
        raw = [rng.gammavariate(part, 1.0) if part > 0 else 0.0 for part in shape]
        total = sum(raw) or 1.0
        drawn.append(tuple(value / total for value in raw))
    return drawn


def quantile(values: Sequence[float], share: float) -> float:
    """The value within which ``share`` (0 to 1) of the values lie, in any order: `numeric.quantile` (type 7)."""
    return numeric.quantile(sorted(values), share)
