"""What the speed section and its plot read from the front: its points, which is chosen, and how a point is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.record.view import View

Point = dict[str, Any]

NOTICEABLE_FRAC = 0.1
"""A time that is shorter by less than this is not what anybody would pay for."""

SAME_FRAC = 0.02
"""Times closer than this are one time: the cheaper setting has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """The settings tried, cheapest first, with the numbers the page gives those on the front."""

    points: Sequence[Point]
    target_s: float | None
    cheapest: Point | None
    chosen: Point | None

    @property
    def front(self) -> list[Point]:
        """Those that nothing cheaper matches in speed."""
        return [point for point in self.points if point["on_front"]]

    @property
    def others(self) -> list[Point]:
        """All the rest."""
        return [point for point in self.points if not point["on_front"]]

    def number(self, point: Point) -> int:
        """Which of the front it is, counted from the cheapest."""
        return self.front.index(point) + 1

    def faster(self, name: str, *, within: bool = True) -> Point | None:
        """The fastest setting by this time, at its cheapest: among those that keep every constraint, or among all.

        ``None`` where it is not noticeably faster than the cheapest that keeps them.
        """
        base = self.cheapest
        pool = [point for point in self.points if point[name] is not None and not (within and point["broke"])]
        if base is None or base[name] is None or not pool:
            return None
        best = min(point[name] for point in pool)
        if best > base[name] * (1 - NOTICEABLE_FRAC):
            return None
        reach = best * (1 + SAME_FRAC) if within else base[name] * (1 - NOTICEABLE_FRAC)
        return next(point for point in self.points if point in pool and point[name] <= reach)


def seen(view: View) -> Seen | None:
    """The front of a record; records made before there was one have none."""
    found = view.data.get("front") or {"points": ()}
    points = [point for point in found["points"] if point["p95_s"] is not None]
    if not points:
        return None
    candidate = view.chosen("inference")
    return Seen(
        points=points,
        target_s=found["target_s"],
        cheapest=next((point for point in points if _same(point, found["cheapest"])), None),
        chosen=next((point for point in points if _same(point, candidate)), None),
    )


def _same(point: Point, other: Mapping[str, Any] | None) -> bool:
    """Same option, same settings."""
    return other is not None and point["option"] == other["option"] and point["settings"] == other["settings"]


def tuned(view: View, point: Point, points: Sequence[Point]) -> str:
    """The settings of a point that differ between the points of its option; all of them where it has one point."""
    alike = [other["settings"] for other in points if other["option"] == point["option"]]
    shown = {
        name: value
        for name, value in point["settings"].items()
        if len(alike) == 1 or any(other.get(name) != value for other in alike)
    }
    return view.settings(shown)
