"""What was bought: rows with a name and an amount, between the head of the receipt and its totals."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from outgrow.receipts.dates import has_date
from outgrow.receipts.labels import Label
from outgrow.receipts.lines import spelled
from outgrow.receipts.merchant import is_address

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.receipts.totals import Priced


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing bought: ``amount`` is for all ``quantity`` of it."""

    name: str
    quantity: Decimal
    amount: Decimal
    confidence: float


_ENDS = frozenset(
    {Label.FINAL, Label.TOTAL, Label.TAXED, Label.SUBTOTAL, Label.NET, Label.TENDERED, Label.CHANGE, Label.SUMMARY}
)
_SKIPS = frozenset({Label.TAX, Label.ROUNDING, Label.DISCOUNT, Label.COUNT, Label.CARD, Label.SERVICE, Label.AMOUNT})
_TIMES = (
    re.compile(r"(?i)(?<![A-Za-z\d])[x×✕]\s?(?P<quantity>\d{1,3})(?![\d.,])"),
    re.compile(
        r"(?i)(?<![\d.,])(?P<quantity>\d{1,3}(?:\.\d{1,3})?)\s?(?:PCS?|EA|개|UNITS?|PKT|BTL|NOS?|SET|KG)?\s?[x×*@](?![a-z])"
    ),
    re.compile(r"(?i)^\s*(?P<quantity>\d{1,2})\s+(?=[A-Za-z가-힣])"),
)
_UNITS = re.compile(r"(?i)\b(?:PCS?|EA|UNITS?|PKT|BTL|NOS|SET|KG|SR|ZRL?|RM|QTY|DISC|TX|X)\b|[x×*@]")
_CODE = re.compile(r"^\s*[#*]?\d{4,}\s*")
_CONTACT = re.compile(
    r"(?i)\bTEL|FAX|PHONE|WWW|\bREG\b|\bNO\s*[:.]|INVOICE|CASHIER|TABLE|ORDER|PAX|전화|사업자|승인번호|CARD"
)
MOST_ITEMS = 300


def items_in(priced: Sequence[Priced]) -> tuple[Item, ...]:
    """Rows until the first line of totals; a row with numbers only is the price of the name above it."""
    items: list[Item] = []
    name_above: Priced | None = None
    for here in priced:
        if here.label in _ENDS and here.amounts:
            break
        if here.label in _SKIPS or has_date(here.row.text):
            name_above = None
            continue
        name = _name(here)
        if not here.amounts:
            name_above = here if _is_name(name) and not _CONTACT.search(here.text) else None
            continue
        source = here
        if not here.amounts[-1].decimals and is_address(here.row.text):
            continue
        if not _is_name(name):
            if name_above is None:
                continue
            name, source = _name(name_above), name_above
        if _CONTACT.search(source.text):
            continue
        items.append(
            Item(
                name=name,
                quantity=_quantity(here, source),
                amount=here.amounts[-1].value,
                confidence=round(0.9 * min(here.row.confidence, source.row.confidence), 3),
            )
        )
        name_above = None
        if len(items) >= MOST_ITEMS:
            break
    return tuple(items)


def _name(here: Priced) -> str:
    """The words of the row: those of its boxes that hold words, or what stands before the first amount."""
    worded = [line.text for line in here.row.lines if _is_name(line.text)]
    if here.amounts and not here.borrowed and (len(here.row.lines) == 1 or not worded):
        text = here.text[: here.amounts[0].start]
    else:
        text = " ".join(worded)
    text = _CODE.sub("", text)
    for pattern in _TIMES:
        text = pattern.sub(" ", text)
    text = re.sub(r"\s+", " ", text).strip(" *-=_~:;,.'\"|@")
    return spelled(re.sub(r"\s+(?:RM|[$£€])$", "", text))


def _is_name(name: str) -> bool:
    return sum(character.isalpha() for character in _UNITS.sub("", name)) >= 2


def _quantity(here: Priced, source: Priced) -> Decimal:
    for text in (here.text, source.text):
        for pattern in _TIMES:
            match = pattern.search(text)
            if match and Decimal(match["quantity"]) > 0:
                return Decimal(match["quantity"])
    return Decimal(1)
