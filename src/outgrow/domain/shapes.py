"""How a day's requests spread over its 24 hours: named shapes as weights that sum to 1.

All of them are ours and illustrative, not measured; give 24 numbers of your own as soon as you have them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def normalise(weights: Sequence[float]) -> tuple[float, ...]:
    """Which share of the day each hour gets. ``weights``: 24 numbers >= 0, at least one above 0, any scale."""
    total = sum(weights)
    return tuple(weight / total for weight in weights)


def _within(hours: Mapping[int, float], share: float) -> tuple[float, ...]:
    """``share`` of the day goes to ``hours`` by their weights, the rest evenly to the other hours."""
    inside = sum(hours.values())
    outside = (1.0 - share) / (24 - len(hours))
    return normalise([share * hours[hour] / inside if hour in hours else outside for hour in range(24)])


DAY_SHAPES: Final[Mapping[str, tuple[float, ...]]] = MappingProxyType(
    {
        "flat": normalise([1.0] * 24),
        "office": _within(dict.fromkeys(range(9, 18), 1.0), 0.9),
        "meals": _within({12: 1.0, 18: 1.0}, 0.8),
        "evening": _within({17: 1.0, 18: 1.5, 19: 2.5, 20: 3.0, 21: 3.0, 22: 2.5, 23: 1.5}, 0.7),
    }
)
"""``flat``: every hour alike. ``office``: 90 % evenly from 9 to 18 h. ``meals``: 40 % in the hour from 12, 40 % in the
hour from 18, 20 % over the other 22 hours (receipts are photographed after a meal). ``evening``: 70 % from 17 to 24 h,
highest from 20 to 22 h (leisure use)."""
