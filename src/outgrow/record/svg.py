"""Small pieces of SVG and the scales to place them. Colours and type come from the page's style sheet, by class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Point = tuple[float, float]
TEXT_PX = 12.0
COLOURS = 8
"""Classes c0 ... c7 of the style sheet: Okabe and Ito's palette, told apart by colour-blind readers."""

WIDE_CHARACTERS = ("가", "힣")


def coordinate(value: float) -> str:
    """Tenths of a pixel are enough, and keep equal input equal bytes."""
    return f"{round(value, 1) + 0:g}"


def width_px(words: str, size_px: float = TEXT_PX) -> float:
    """About how wide a text is set: Hangul is square, the rest a little over half of that."""
    return sum(0.92 if WIDE_CHARACTERS[0] <= sign <= WIDE_CHARACTERS[1] else 0.56 for sign in words) * size_px


def shortened(words: str, room_px: float) -> str:
    """The text, cut with an ellipsis where it would not fit."""
    if width_px(words) <= room_px:
        return words
    kept = words
    while kept and width_px(kept + "…") > room_px:
        kept = kept[:-1]
    return kept.rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high`` onto pixels from ``start`` to ``end``, evenly or by their logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The pixel of a value; beyond the ends it stays on the end."""
        kept = min(max(value, self.low), self.high)
        if self.log:
            share = math.log(kept / self.low) / (math.log(self.high / self.low) or 1.0)
        else:
            share = (kept - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the scale, at most about ``most``."""
        return _log_ticks(self.low, self.high, most) if self.log else _even_ticks(self.low, self.high, most)


def _even_ticks(low: float, high: float, most: int) -> list[float]:
    raw = (high - low) / max(1, most) or 1.0
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    for factors in ((1, 2, 5), (1, 3), (1,)):
        exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [factor * 10.0**exponent for exponent in exponents for factor in factors]
        within = [tick for tick in ticks if low <= tick <= high]
        if len(within) <= most:
            return within
    return within[:: math.ceil(len(within) / most)]


@dataclass(slots=True)
class Canvas:
    """Collects shapes; `svg` closes them with a title and a description for readers who do not see them."""

    width: float
    height: float = 0.0
    parts: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Words at a baseline."""
        classes = f' class="{style}"' if style else ""
        where = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self.parts.append(f'<text x="{coordinate(x)}" y="{coordinate(y)}"{classes}{where}>{escape(words)}</text>')

    def line(self, start: Point, end: Point, style: str) -> None:
        """A straight line."""
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<line x1="{coordinate(x1)}" y1="{coordinate(y1)}"'
            f' x2="{coordinate(x2)}" y2="{coordinate(y2)}" class="{style}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, style: str, hint: str = "") -> None:
        """A filled rectangle; ``hint`` is shown by browsers when a pointer rests on it."""
        inner = f"><title>{escape(hint)}</title></rect>" if hint else "/>"
        self.parts.append(
            f'<rect x="{coordinate(x)}" y="{coordinate(y)}" width="{coordinate(max(0.0, width))}"'
            f' height="{coordinate(height)}" class="{style}"{inner}'
        )

    def dot(self, x: float, y: float, radius: float, style: str, hint: str = "") -> None:
        """A disc; ``hint`` is shown by browsers when a pointer rests on it."""
        inner = f"><title>{escape(hint)}</title></circle>" if hint else "/>"
        self.parts.append(
            f'<circle cx="{coordinate(x)}" cy="{coordinate(y)}" r="{coordinate(radius)}" class="{style}"{inner}'
        )

    def path(self, points: Sequence[Point], style: str, *, closed: bool = False) -> None:
        """A line through points, or the area they enclose."""
        if not points:
            return
        steps = "L".join(f"{coordinate(x)} {coordinate(y)}" for x, y in points)
        self.parts.append(f'<path d="M{steps}{"Z" if closed else ""}" class="{style}"/>')

    def svg(self, title: str, description: str) -> str:
        """The finished picture; it fills the width it is given."""
        box = f"0 0 {coordinate(self.width)} {coordinate(self.height)}"
        return (
            f'<svg viewBox="{box}" role="img" xmlns="http://www.w3.org/2000/svg">'
            f"<title>{escape(title)}</title><desc>{escape(description)}</desc>{''.join(self.parts)}</svg>"
        )


def spread_out(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places as near to the wanted ones as a gap between neighbours allows, inside the bounds, order kept."""
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    places = [0.0] * len(wanted)
    last = low - gap
    for index in order:
        last = places[index] = max(wanted[index], last + gap)
    limit = high
    for index in reversed(order):
        limit = places[index] = min(places[index], limit)
        limit -= gap
    return places
