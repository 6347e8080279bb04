"""From lines of text to what a receipt says: pure rules, the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from outgrow.receipts.amounts import Style, style_of
from outgrow.receipts.dates import FoundDate, date_in, without_dates
from outgrow.receipts.items import Item, items_in
from outgrow.receipts.lines import rows_of
from outgrow.receipts.merchant import FoundMerchant, merchant_in
from outgrow.receipts.places import NO_DECIMALS, Place, place_of
from outgrow.receipts.totals import FoundTotal, price_rows, total_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from outgrow.receipts.lines import Line, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What was found; None is what was not. ``place`` holds the currency."""

    merchant: FoundMerchant | None
    date: FoundDate | None
    items: tuple[Item, ...]
    total: FoundTotal | None
    place: Place


def read_fields(lines: Sequence[Line], *, today: date | None = None) -> Fields:
    """Fields from the lines of one receipt; ``today`` only decides between two readings of one date."""
    return fields_of(rows_of(lines), today=today)


def fields_of(rows: Sequence[Row], *, today: date | None = None) -> Fields:
    """Fields from rows in reading order."""
    texts = [row.text for row in rows]
    place = place_of(texts)
    style = style_of(map(without_dates, texts))
    if place.currency in NO_DECIMALS and place.confidence > 0.5:
        style = Style.WHOLE
    priced = price_rows(rows, style)
    items = items_in(priced)
    total = total_in(priced, sum((item.amount for item in items), Decimal(0)))
    return Fields(
        merchant=merchant_in(rows) if rows else None,
        date=date_in(rows, place.order, today),
        items=items,
        total=total,
        place=place,
    )
