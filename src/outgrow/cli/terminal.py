"""What a person at the terminal sees: data on stdout, talk on stderr, readable without colour."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def out(text: str) -> None:
    """Data."""
    sys.stdout.write(f"{text}\n")


def say(text: str) -> None:
    """Talk."""
    sys.stderr.write(f"{text}\n")


def print_json(data: object) -> None:
    """One JSON object; non-ASCII kept where the terminal takes it."""
    plain = "utf" not in (sys.stdout.encoding or "").lower()
    sys.stdout.write(json.dumps(data, ensure_ascii=plain, indent=2, allow_nan=False) + "\n")


def width(text: str) -> int:
    """Columns a terminal gives the text: two for Korean and other wide characters."""
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def table(rows: Sequence[Sequence[str]], header: Sequence[str], right: Iterable[int] = ()) -> str:
    """Aligned columns; those in ``right`` are flush right. No line ends in spaces."""
    aligned = set(right)
    everything = [list(header), *[list(row) for row in rows]]
    widths = [max(width(row[column]) for row in everything) for column in range(len(header))]
    lines = []
    for row in everything:
        cells = []
        for column, cell in enumerate(row):
            gap = " " * (widths[column] - width(cell))
            cells.append(gap + cell if column in aligned else cell + gap)
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * size for size in widths))
    return "\n".join(lines)


def counted(number: float, what: str, form: str = ",") -> str:
    """``1 day``, ``2 days``, ``0.5 days``."""
    shown = f"{number:{form}}"
    return f"{shown} {what}{'' if shown == '1' else 's'}"


def share(part: float) -> str:
    """A share of one in hundredths, what counts of it: ``0.031 %``, ``12 %``, ``99.7 %``; ``100 %`` is all."""
    percent = part * 100
    if percent < 99.5:
        return f"{percent:.2g} %"
    return f"{percent:.3g} %" if part == 1 or percent < 99.95 else "> 99.9 %"


def money(usd: float) -> str:
    """``1,234.56``; a cent is the smallest thing shown, except below ten cents."""
    return f"{usd:,.2f}" if abs(usd) >= 0.1 or usd == 0 else f"{usd:,.4f}"
