"""What plots over two scales share: the area they are drawn in, its axes, the line of the budget."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.record import numbers
from outgrow.record.svg import Canvas, Point, Scale, width_px

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.record.view import View

NARROW_BELOW_PX = 600.0
STEP_PX = 8.0
"""How finely places for a label are tried and lines are followed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A plot's area and its two scales."""

    canvas: Canvas
    x: Scale
    y: Scale

    @property
    def left(self) -> float:
        """Pixel of the left edge."""
        return self.x.start

    @property
    def right(self) -> float:
        """Pixel of the right edge."""
        return self.x.end

    @property
    def top(self) -> float:
        """Pixel of the upper edge."""
        return self.y.end

    @property
    def bottom(self) -> float:
        """Pixel of the lower edge."""
        return self.y.start

    @property
    def wide(self) -> bool:
        """Is there room for names beside the lines?"""
        return self.canvas.width > NARROW_BELOW_PX

    def at(self, x: float, y: float) -> Point:
        """The pixel of a point."""
        return self.x.at(x), self.y.at(y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where a label would stand."""

    left: float
    top: float
    width: float
    height: float

    def holds(self, point: Point) -> bool:
        """Would it cover this pixel?"""
        x, y = point
        return self.left - 2 <= x <= self.left + self.width + 2 and self.top <= y <= self.top + self.height

    def meets(self, other: Box) -> bool:
        """Would the two cover one another?"""
        beside = self.left + self.width < other.left or other.left + other.width < self.left
        return not beside and self.top < other.top + other.height and other.top < self.top + self.height


@dataclass(slots=True)
class Labels:
    """Finds places for labels: clear of pixels that must be seen, and of one another."""

    taken: list[Point]
    boxes: list[Box] = field(default_factory=list)

    def place(self, boxes: Sequence[Box]) -> int:
        """Which of these places is the first that covers nothing, or else covers least; it is taken from now on."""
        found, least = 0, math.inf
        for place, box in enumerate(boxes):
            covered = sum(map(box.holds, self.taken)) + 3 * sum(map(box.meets, self.boxes))
            if covered < least:
                found, least = place, covered
            if not covered:
                break
        self.boxes.append(boxes[found])
        return found


def axes(
    frame: Frame,
    x_name: str,
    y_name: str,
    *,
    x_ticks: Sequence[float] | None = None,
    y_name_px: float = 12.0,
    most: int = 7,
) -> None:
    """Grid lines with their amounts, the lower axis with its ticks; the upright one is named at ``y_name_px``."""
    canvas = frame.canvas
    for tick in frame.y.ticks(most):
        y = frame.y.at(tick)
        canvas.line((frame.left, y), (frame.right, y), "grid")
        canvas.text(frame.left - 7, y + 4, numbers.significant(tick, 3), "m", "end")
    for tick in frame.x.ticks(10 if frame.wide else 5) if x_ticks is None else x_ticks:
        x = frame.x.at(tick)
        canvas.line((x, frame.bottom), (x, frame.bottom + 4), "axis")
        canvas.text(x, frame.bottom + 18, numbers.significant(tick, 3), "m", "middle")
    canvas.line((frame.left, frame.bottom), (frame.right, frame.bottom), "axis")
    if x_name:
        canvas.text(frame.right, frame.bottom + 36, x_name, "m", "end")
    canvas.text(0, y_name_px, y_name, "m")


def budget(view: View, frame: Frame, labels: Labels) -> None:
    """The budget holds a bill with tax, the scale shows bills without; its name takes a free place."""
    allowed = view.data["budget_usd_per_month"]
    if not allowed or not frame.y.low < allowed / (1 + view.data["vat_frac"]) < frame.y.high:
        return
    y = frame.y.at(allowed / (1 + view.data["vat_frac"]))
    frame.canvas.line((frame.left, y), (frame.right, y), "limit")
    words = view.label("plot.budget", amount=view.usd(allowed))
    starts = [frame.left + 5]
    while starts[-1] + width_px(words) + STEP_PX < frame.right:
        starts.append(starts[-1] + STEP_PX)
    boxes = [Box(left=start, top=y - 17, width=width_px(words), height=16) for start in starts]
    frame.canvas.text(boxes[labels.place(boxes)].left, y - 5, words, "k")


def levels(spans: Sequence[tuple[float, float]]) -> list[int]:
    """On which level above a plot each name stands that begins here and is so wide: the lowest that is free there."""
    ends: list[float] = []
    found = []
    for start, width in spans:
        level = next((place for place, end in enumerate(ends) if start > end + 10), len(ends))
        ends[level : level + 1] = [start + width]
        found.append(level)
    return found


def along(points: Sequence[Point]) -> list[Point]:
    """The pixels of a line through these points, `STEP_PX` apart."""
    found = list(points[:1])
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / STEP_PX))
        found += [(x0 + (x1 - x0) * step / steps, y0 + (y1 - y0) * step / steps) for step in range(1, steps + 1)]
    return found
