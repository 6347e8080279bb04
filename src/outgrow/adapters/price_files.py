"""Reads the shipped price files, and those of the user on top of them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from outgrow.catalog.machines import parse_machines
from outgrow.catalog.pricebook import PriceBook, parse_rates
from outgrow.domain.errors import PriceError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from outgrow.domain.price import Machine, Rate

CATALOG = files("outgrow.catalog")
LARGEST_BYTES = 4 * 2**20


@cache
def shipped_rates() -> tuple[Rate, ...]:
    """Every row of the price files that come with the package."""
    found: list[Rate] = []
    for entry in sorted(CATALOG.joinpath("prices").iterdir(), key=lambda item: item.name):
        if entry.name.endswith(".csv"):
            found += parse_rates(entry.read_text(encoding="utf-8"), entry.name)
    return tuple(found)


@cache
def shipped_machines() -> dict[str, Machine]:
    """Every machine the package knows."""
    return parse_machines(CATALOG.joinpath("machines.csv").read_text(encoding="utf-8"), "machines.csv")


def read_prices(path: Path) -> tuple[str, str]:
    """Name and text of one price file of the user. Raises `PriceError` when it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise PriceError(f"{path}: {path.stat().st_size:,} bytes; a price file is at most {LARGEST_BYTES:,}")
        text = path.read_text(encoding="utf-8")
    except OSError as problem:
        raise PriceError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except UnicodeDecodeError as problem:
        raise PriceError(f"{path}: not UTF-8 at byte {problem.start}", hint="save it as UTF-8") from None
    return path.name, text


def load_rates(path: Path) -> tuple[Rate, ...]:
    """The rows of one price file of the user. Raises `PriceError` when it cannot be read or a row is wrong."""
    name, text = read_prices(path)
    return parse_rates(text, name)


def book_with(texts: Sequence[tuple[str, str]]) -> PriceBook:
    """The shipped prices with these files, as (name, text), on top, the last named first."""
    book = PriceBook(shipped_rates())
    for name, text in texts:
        book = book.with_rates(parse_rates(text, name))
    return book


def load_book(overlays: Sequence[Path] = ()) -> PriceBook:
    """The shipped prices with the user's files on top, the last named first."""
    return book_with([read_prices(path) for path in overlays])
