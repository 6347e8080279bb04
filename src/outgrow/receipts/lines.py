"""Lines of text as an engine sees them, set into the rows a person reads."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Point = tuple[float, float]
WIDE = 2.5  # width over height from which the angle of a box can be trusted
SAME_ROW = 0.55  # of a line's height, between centres
NEARLY_LEVEL = 0.4  # of a line's height, between lines that are taken for one row while the slope is fitted
FEWEST_PAIRS = 4
FAR_OFF = 0.15  # from the usual slope: a box that stands askew
FEWEST_FOR_FAN = 6  # wide boxes from which the change of the angle down the page is fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One piece of text: ``box`` holds its corners from top left, clockwise, in pixels; ``confidence`` is 0 to 1."""

    text: str
    confidence: float
    box: tuple[Point, Point, Point, Point]

    @property
    def left(self) -> Point:
        """The middle of the left edge."""
        return _between(self.box[0], self.box[3])

    @property
    def right(self) -> Point:
        """The middle of the right edge."""
        return _between(self.box[1], self.box[2])

    @property
    def width(self) -> float:
        """From edge to edge, in pixels."""
        return math.dist(self.left, self.right)

    @property
    def height(self) -> float:
        """From the middle of the top to the middle of the bottom, in pixels."""
        return math.dist(_between(self.box[0], self.box[1]), _between(self.box[3], self.box[2]))

    @property
    def slope(self) -> float:
        """How far it falls a pixel to the right."""
        run = self.right[0] - self.left[0]
        return (self.right[1] - self.left[1]) / run if run else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Lines beside one another, from the left. ``height`` is that of its tallest line, in pixels."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        """All of it, two spaces between lines."""
        return "  ".join(line.text.strip() for line in self.lines)

    @property
    def confidence(self) -> float:
        """That of its least certain line."""
        return min(line.confidence for line in self.lines)

    @property
    def height(self) -> float:
        """Of the tallest line."""
        return max(line.height for line in self.lines)


_ZERO = re.compile(r"(?<![\w.])0(?=[a-z]{2})|(?<=[A-Za-z])0(?=[A-Za-z])|(?<![\w.])0(?=[A-Z]{3})")


def spelled(text: str) -> str:
    """The text with the letter O where a zero stands among letters: *0live 0il*."""
    return _ZERO.sub("O", text)


def line_at(text: str, *, x: float, y: float, width: float, height: float, confidence: float = 1.0) -> Line:
    """A line in an upright box whose top left corner is (x, y)."""
    box = ((x, y), (x + width, y), (x + width, y + height), (x, y + height))
    return Line(text=text, confidence=confidence, box=box)


def rows_of_text(texts: Iterable[str], *, confidence: float = 1.0) -> tuple[Row, ...]:
    """Rows where there is text and no geometry: two or more spaces part the lines of a row."""
    rows: list[Row] = []
    for number, text in enumerate(texts):
        parts = [part for part in text.strip().split("  ") if part.strip()]
        step = 1000.0 / max(1, len(parts))
        lines = tuple(
            line_at(part.strip(), x=place * step, y=number * 30.0, width=step * 0.8, height=20.0, confidence=confidence)
            for place, part in enumerate(parts)
        )
        if lines:
            rows.append(Row(lines=lines))
    return tuple(rows)


def rows_of(lines: Sequence[Line]) -> tuple[Row, ...]:
    """Lines in reading order, set level by the slope of the wide ones.

    A photograph taken at an angle makes the slope change down the page; with enough wide lines that change is fitted.
    """
    kept = [line for line in lines if line.text.strip() and line.height > 0]
    if not kept:
        return ()
    level = _level(kept)
    rows: list[list[tuple[float, Line]]] = []
    for y, line in sorted(((level(line), line) for line in kept), key=lambda pair: pair[0]):
        row = _row_for(y, line, rows[-3:])
        if row is None:
            rows.append([(y, line)])
        else:
            row.append((y, line))
    return tuple(Row(lines=tuple(line for _, line in sorted(row, key=lambda pair: pair[1].left[0]))) for row in rows)


def _row_for(y: float, line: Line, near: list[list[tuple[float, Line]]]) -> list[tuple[float, Line]] | None:
    best: tuple[float, list[tuple[float, Line]]] | None = None
    for row in near:
        off = abs(y - median(other for other, _ in row))
        reach = SAME_ROW * min(line.height, median(other.height for _, other in row))
        if off <= reach and not any(_overlap(line, other) for _, other in row) and (best is None or off < best[0]):
            best = (off, row)
    return best[1] if best else None


def _overlap(one: Line, other: Line) -> bool:
    shared = min(one.right[0], other.right[0]) - max(one.left[0], other.left[0])
    return shared > 0.3 * min(one.width, other.width)


def _level(lines: Sequence[Line]) -> _Level:
    """The slope of the page and its change downwards, first from long lines, then from lines beside one another."""
    middle = _middle(lines)
    wide = [line for line in lines if line.width > WIDE * line.height and abs(line.slope) < 1] or list(lines)
    first = _fitted([(line.left, line.right) for line in wide], middle)
    beside = [
        pair
        for number, one in enumerate(lines)
        for other in lines[number + 1 :]
        if (pair := _beside(one, other))
        and abs(first(one) - first(other)) < NEARLY_LEVEL * min(one.height, other.height)
    ]
    long = [(line.left, line.right) for line in wide]
    return _fitted([*long, *beside], middle) if len(beside) >= FEWEST_PAIRS else first


def _middle(lines: Sequence[Line]) -> Point:
    """The middle of the page's text."""
    return (
        median((line.left[0] + line.right[0]) / 2 for line in lines),
        median((line.left[1] + line.right[1]) / 2 for line in lines),
    )


def _beside(one: Line, other: Line) -> tuple[Point, Point] | None:
    """The middles of two lines with room between them, from the left."""
    left, right = (one, other) if one.left[0] <= other.left[0] else (other, one)
    if right.left[0] - left.right[0] < left.height:
        return None
    return _between(left.left, left.right), _between(right.left, right.right)


def _fitted(spans: Sequence[tuple[Point, Point]], middle: Point) -> _Level:
    """Slope = a + b (y - middle), by least squares; longer spans count more, those far off the first fit not at all."""
    rows = [
        ((right[1] - left[1]) / (right[0] - left[0]), _between(left, right)[1] - middle[1], right[0] - left[0])
        for left, right in spans
        if right[0] - left[0] > 1
    ]
    if not rows:
        return _Level(slope=0.0, fan=0.0, x=middle[0], y=middle[1])
    usual = median(slope for slope, _, _ in rows)
    kept = [row for row in rows if abs(row[0] - usual) < FAR_OFF]
    slope, fan = usual, 0.0
    for _ in range(2):
        slope, fan = _line_through(kept) if len(kept) >= FEWEST_FOR_FAN else (usual, 0.0)
        off = sorted(abs(row[0] - slope - fan * row[1]) for row in kept)
        limit = max(0.004, 3 * off[len(off) // 2])
        kept = [row for row in kept if abs(row[0] - slope - fan * row[1]) <= limit]
    return _Level(slope=slope, fan=fan, x=middle[0], y=middle[1])


def _line_through(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    weight = sum(width**2 for _, _, width in rows)
    slope = sum(width**2 * value for value, _, width in rows) / weight
    place = sum(width**2 * y for _, y, width in rows) / weight
    spread = sum(width**2 * (y - place) ** 2 for _, y, width in rows)
    fan = sum(width**2 * (y - place) * (value - slope) for value, y, width in rows) / spread if spread > 0 else 0.0
    return slope - fan * place, fan


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    slope: float
    fan: float
    x: float
    y: float

    def __call__(self, line: Line) -> float:
        x, y = _between(line.left, line.right)
        return y - (self.slope + self.fan * (y - self.y)) * (x - self.x)


def _between(one: Point, other: Point) -> Point:
    return ((one[0] + other[0]) / 2, (one[1] + other[1]) / 2)
