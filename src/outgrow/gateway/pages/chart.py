"""A month's spend as a picture: what has been spent, where it is going, and the budget."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from outgrow.record.svg import Canvas, Scale, width_px

if TYPE_CHECKING:
    from datetime import date

    from outgrow.gateway.pages.reader import Reader
    from outgrow.policy.forecast import Forecast

WIDE_PX: Final = 760.0
NARROW_PX: Final = 358.0
HEIGHT_PX: Final = 250.0
TOP_PX, BOTTOM_PX, RIGHT_PX = 14.0, 26.0, 12.0
FAR: Final = 4.0
"""A budget more than so many times what is expected is not drawn: nothing else could be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """Micro-dollars of each day up to the present one; ``elapsed`` days of ``length`` have passed."""

    begin: date
    length: int
    elapsed: float
    days: tuple[int, ...]
    forecast: Forecast | None
    cap: int | None

    @property
    def spent(self) -> int:
        """So far."""
        return sum(self.days)

    @property
    def expected(self) -> float:
        """The most that is spoken of: spent, forecast or the end of its interval."""
        found = self.forecast
        return float(self.spent) if found is None else max(self.spent, found.at_end, found.high or 0.0)

    @property
    def cap_shown(self) -> int | None:
        """The budget, where it is near enough to be drawn."""
        return self.cap if self.cap is not None and self.cap <= FAR * max(self.expected, 1.0) else None


def month_svg(month: Month, reader: Reader, width: float) -> str:
    """The month as SVG; its colours are the style sheet's."""
    high = 1.1 * max(month.expected, month.cap_shown or 0, 10_000)
    ticks = [tick for tick in Scale(0, high, 0, 1).ticks(4) if tick <= high]
    names = [_usd(tick) for tick in ticks]
    left = max(map(width_px, names)) + 8
    x = Scale(0, month.length, left, width - RIGHT_PX)
    y = Scale(0, high, HEIGHT_PX - BOTTOM_PX, TOP_PX)
    canvas = Canvas(width, HEIGHT_PX)
    for tick, name in zip(ticks, names, strict=True):
        canvas.line((left, y.at(tick)), (width - RIGHT_PX, y.at(tick)), "grid")
        canvas.text(left - 6, y.at(tick) + 4, name, "tick", "end")
    for day in range(0, month.length, 5 if width > NARROW_PX else 10):
        canvas.text(x.at(day + 0.5), HEIGHT_PX - 8, f"{month.begin.month}/{day + 1}", "tick", "middle")
    _going(canvas, month, x, y)
    _spent(canvas, month, x, y)
    if month.cap_shown is not None:
        canvas.line((left, y.at(month.cap_shown)), (width - RIGHT_PX, y.at(month.cap_shown)), "cap")
        canvas.text(left + 4, y.at(month.cap_shown) - 5, reader.label("spend.cap", usd=reader.usd(month.cap)), "cap")
    said = reader.label("spend.chart-said", spent=reader.usd(month.spent))
    return canvas.svg(reader.label("spend.chart"), said)


def _going(canvas: Canvas, month: Month, x: Scale, y: Scale) -> None:
    found, here = month.forecast, (x.at(month.elapsed), y.at(month.spent))
    if found is None:
        return
    if found.low is not None and found.high is not None:
        canvas.path(
            [here, (x.at(month.length), y.at(found.high)), (x.at(month.length), y.at(found.low))], "fan", closed=True
        )
    canvas.line(here, (x.at(month.length), y.at(found.at_end)), "going")


def _spent(canvas: Canvas, month: Month, x: Scale, y: Scale) -> None:
    sums = [0, *itertools.accumulate(month.days)]
    at = [*(float(day) for day in range(len(month.days))), month.elapsed]
    line = [(x.at(day), y.at(value)) for day, value in zip(at, sums, strict=True)]
    canvas.path([*line, (line[-1][0], y.at(0)), (line[0][0], y.at(0))], "spent-area", closed=True)
    canvas.path(line, "spent")
    canvas.dot(*line[-1], 4, "here")


def _usd(micro: float) -> str:
    return f"${micro / 1_000_000:g}"
