"""Reads price files and answers: what does this sku cost here on that day?

A price file is CSV; a rate is never edited, only succeeded by a row with a later ``valid_from``. A price is added by
appending a row to the file of its provider (or to a file of your own, which takes precedence).
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.domain.errors import PriceError
from outgrow.domain.price import ANY_REGION, Rate, RateCard
from outgrow.domain.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

COLUMNS = (
    "sku",
    "region",
    "meter",
    "unit",
    "currency",
    "rate",
    "tier_from",
    "allowance",
    "increment",
    "valid_from",
    "valid_until",
    "withdrawn_on",
    "as_of",
    "confidence",
    "source",
)
CONFIDENCES = ("high", "medium", "low")


def parse_rates(text: str, name: str) -> tuple[Rate, ...]:
    """The rows of one price file. Raises `PriceError` naming file, line, column, what was found and what is allowed."""
    reader = csv.reader(io.StringIO(text))
    header = tuple(next(reader, ()))
    if header != COLUMNS:
        found = ",".join(header)[:120] or "nothing"
        raise PriceError(f"{name}:1: expected the columns {','.join(COLUMNS)}; found {found}")
    rates = tuple(_rate(row, f"{name}:{reader.line_num}") for row in reader if row)
    _refuse_overlaps(rates, name)
    return rates


def render_rates(rates: Iterable[Rate]) -> str:
    """The text of a price file with these rows: what `parse_rates` reads back unchanged."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for rate in rates:
        writer.writerow(_cells(rate))
    return out.getvalue()


def _cells(rate: Rate) -> list[str]:
    values = {field.name: getattr(rate, field.name) for field in fields(rate)}
    values["rate"] = values.pop("amount")
    return [_cell(values[column], column) for column in COLUMNS]


def _cell(value: object, column: str) -> str:
    if value is None or (column in {"tier_from", "allowance"} and value == 0):
        return ""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _rate(row: list[str], place: str) -> Rate:
    if len(row) != len(COLUMNS):
        raise PriceError(f"{place}: expected {len(COLUMNS)} columns, found {len(row)}")
    cell = dict(zip(COLUMNS, row, strict=True))
    amount = _decimal(cell, "rate", place)
    if amount is None or amount <= 0:
        raise PriceError(f"{place} rate: found {cell['rate']!r}; allowed is a decimal above zero")
    rate = Rate(
        sku=_sku(cell["sku"], place),
        region=_one_word(cell, "region", place),
        meter=_one_word(cell, "meter", place),
        unit=_among(cell, "unit", UNITS, place),
        currency=_one_word(cell, "currency", place),
        amount=amount,
        tier_from=_decimal(cell, "tier_from", place) or Decimal(0),
        allowance=_decimal(cell, "allowance", place) or Decimal(0),
        increment=_decimal(cell, "increment", place),
        valid_from=_day(cell, "valid_from", place),
        valid_until=_optional_day(cell, "valid_until", place),
        withdrawn_on=_optional_day(cell, "withdrawn_on", place),
        as_of=_day(cell, "as_of", place),
        confidence=_among(cell, "confidence", CONFIDENCES, place),
        source=cell["source"],
    )
    if rate.as_of < rate.valid_from:
        raise PriceError(f"{place} as_of: {rate.as_of} is before valid_from {rate.valid_from}")
    if not rate.source.strip():
        raise PriceError(f"{place} source: found nothing; a price says where it comes from")
    return rate


def _sku(text: str, place: str) -> str:
    if text.count("/") != 2 or not all(text.split("/")):
        raise PriceError(f"{place} sku: found {text!r}; expected provider/service/name")
    return text


def _one_word(cell: dict[str, str], column: str, place: str) -> str:
    if not cell[column] or " " in cell[column]:
        raise PriceError(f"{place} {column}: found {cell[column]!r}; expected one word")
    return cell[column]


def _among(cell: dict[str, str], column: str, allowed: Iterable[str], place: str) -> str:
    if cell[column] not in allowed:
        raise PriceError(f"{place} {column}: found {cell[column]!r}; allowed: {', '.join(allowed)}")
    return cell[column]


def _decimal(cell: dict[str, str], column: str, place: str) -> Decimal | None:
    if not cell[column]:
        return None
    try:
        value = Decimal(cell[column])
    except InvalidOperation:
        raise PriceError(f"{place} {column}: found {cell[column]!r}; expected a decimal") from None
    if not value.is_finite() or value < 0:
        raise PriceError(f"{place} {column}: found {cell[column]!r}; expected a decimal of zero or more")
    return value


def _day(cell: dict[str, str], column: str, place: str) -> date:
    try:
        return date.fromisoformat(cell[column])
    except ValueError:
        raise PriceError(f"{place} {column}: found {cell[column]!r}; expected a date such as 2026-11-23") from None


def _optional_day(cell: dict[str, str], column: str, place: str) -> date | None:
    return _day(cell, column, place) if cell[column] else None


def _refuse_overlaps(rates: tuple[Rate, ...], name: str) -> None:
    """Two rows of one sku, region and tier may not start on one day, nor a closed window run into the next."""
    ordered = sorted(rates, key=lambda rate: (rate.sku, rate.region, rate.tier_from, rate.valid_from))
    for earlier, later in pairwise(ordered):
        if (earlier.sku, earlier.region, earlier.tier_from) != (later.sku, later.region, later.tier_from):
            continue
        closed_late = earlier.valid_until is not None and earlier.valid_until >= later.valid_from
        if earlier.valid_from == later.valid_from or closed_late:
            raise PriceError(
                f"{name}: {later.sku} in {later.region} has two rates on {later.valid_from}; a rate is succeeded by a"
                " row with a later valid_from"
            )


@dataclass(frozen=True)
class PriceBook:
    """Rates by sku. Rows of a later layer take precedence over the shipped ones on the days they are valid."""

    rates: tuple[Rate, ...]
    below: PriceBook | None = None

    def __post_init__(self) -> None:
        """Index once: every lookup of a decision goes through here thousands of times."""
        index: dict[tuple[str, str], list[Rate]] = {}
        for rate in self.rates:
            index.setdefault((rate.sku, rate.region), []).append(rate)
        object.__setattr__(self, "_index", index)
        object.__setattr__(self, "_cards", {})

    def with_rates(self, rates: Iterable[Rate]) -> PriceBook:
        """This book with another layer on top."""
        return PriceBook(tuple(rates), below=self)

    def card(self, sku: str, region: str, on: date) -> RateCard | None:
        """The tiers of ``sku`` in ``region`` (or sold alike anywhere) on a day; ``None`` when nothing is on sale."""
        key = (sku, region, on)
        cards: dict[tuple[str, str, date], RateCard | None] = self._cards  # type: ignore[attr-defined]
        if key not in cards:
            own = self._found(sku, region, on) or self._found(sku, ANY_REGION, on)
            cards[key] = own or (self.below.card(sku, region, on) if self.below else None)
        return cards[key]

    def _found(self, sku: str, region: str, on: date) -> RateCard | None:
        valid = [rate for rate in self._index.get((sku, region), ()) if _holds(rate, on)]  # type: ignore[attr-defined]
        newest: dict[Decimal, Rate] = {}
        for rate in valid:
            if rate.tier_from not in newest or rate.valid_from >= newest[rate.tier_from].valid_from:
                newest[rate.tier_from] = rate
        if Decimal(0) not in newest:
            return None
        return RateCard(tiers=tuple(newest[bound] for bound in sorted(newest)))

    def skus(self) -> tuple[str, ...]:
        """Every sku, sorted."""
        return tuple(sorted({rate.sku for rate in self}))

    def regions(self, provider: str) -> tuple[str, ...]:
        """Where ``provider`` has prices, `any` left out, sorted."""
        return tuple(sorted({r.region for r in self if r.provider == provider and r.region != ANY_REGION}))

    def regions_of(self, sku: str, on: date) -> tuple[str, ...]:
        """Where one sku is sold on a day, sorted."""
        found = {rate.region for rate in self if rate.sku == sku and _holds(rate, on)}
        return tuple(sorted(found))

    def __iter__(self) -> Iterator[Rate]:
        """The rows of all layers, the lowest first, in file order."""
        if self.below is not None:
            yield from self.below
        yield from self.rates


def _holds(rate: Rate, on: date) -> bool:
    return rate.valid_from <= on and (rate.valid_until is None or on <= rate.valid_until)
