"""Amounts of money in text that a machine has read: separators of many countries, letters that look like digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class Style(StrEnum):
    """How a receipt writes amounts."""

    POINT = "point"  # 1,234.50
    COMMA = "comma"  # 1.234,50
    WHOLE = "whole"  # 1,234


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount and where it stands in its text; ``exact`` says that every character was a digit where one belongs."""

    value: Decimal
    start: int
    end: int
    exact: bool = True
    marked: bool = False
    decimals: int = 0


LOOKS_LIKE = str.maketrans("OoQDlI|!SsBZz", "0000111155822")
MARK = r"RM|MYR|USD|US\$|S\$|SGD|AUD|A\$|GBP|EUR|KRW|JPY|INR|Rs\.?|[$£€₩￦¥￥]"
_DIGIT = r"[0-9OoQDlI|SsBZz]"
_TOKEN = re.compile(
    rf"(?<![\w.,/:#*@-])(?P<sign>[-–(]\s?)?(?P<mark>{MARK})?\s?:?(?P<minus>-)?"
    rf"(?P<number>{_DIGIT}+(?:[.,']{_DIGIT}+)*)(?P<tail>\)|-(?!\w))?"
    r"(?P<unit>\s?(?:원|円|€|EUR|RM|SR|ZRL?|TX|[A-Z]{1,2}|\*)(?![A-Za-z]))?(?![\w/:#%])(?!\s?%)(?![.,-]\w)"
)
_HEAL = (
    (re.compile(r"(\d)\s+([.,]\d{2}(?!\d))"), r"\1\2"),
    (re.compile(r"(\d[.,])\s+(\d{2}(?![\d.,/:-]))"), r"\1\2"),
    (re.compile(r"(\d,)\s+(\d{3}(?!\d))"), r"\1\2"),
    (re.compile(r"(\d)[·•;](\d{2}(?!\d))"), r"\1.\2"),
    (re.compile(r"(\d)\.[.,](\d{2}(?!\d))"), r"\1.\2"),
)
_POINT, _COMMA = re.compile(r"\d\.\d{2}(?!\d)(?![.,]\d)"), re.compile(r"\d,\d{2}(?!\d)(?![.,]\d)")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:[,.]\d{3})+(?![\d.,])")
LONGEST = 9  # digits of a number without separators that may still be money


def healed(text: str) -> str:
    """The text without the gaps that reading tears into amounts: ``9 .00`` is 9.00."""
    for pattern, mended in _HEAL:
        text = pattern.sub(mended, text)
    return text


def style_of(texts: Iterable[str]) -> Style:
    """How the amounts of a receipt are written, by what most of them look like."""
    whole = point = comma = 0
    for text in map(healed, texts):
        point += len(_POINT.findall(text))
        comma += len(_COMMA.findall(text))
        whole += len(_GROUPED.findall(text))
    if whole > point + comma:
        return Style.WHOLE
    return Style.COMMA if comma > point else Style.POINT


def amounts_in(text: str, style: Style) -> list[Amount]:
    """Amounts from left to right; give it text that is already `healed` and free of dates and times."""
    found = (_amount(match, style) for match in _TOKEN.finditer(text))
    return [amount for amount in found if amount is not None]


def _amount(match: re.Match[str], style: Style) -> Amount | None:
    raw = match["number"]
    digits = sum(character.isdigit() for character in raw)
    if not digits or (digits * 2 < sum(character.isalnum() for character in raw)):
        return None
    exact = not any(character.isalpha() or character in "|!" for character in raw)
    if not exact and not any(mark in raw for mark in ".,"):
        return None
    read = _number(raw.translate(LOOKS_LIKE).replace("'", ","), style)
    if read is None:
        return None
    value, decimals = read
    negative = bool(match["minus"]) or match["tail"] == "-" or (match["sign"] or "").strip() in {"-", "–"}
    negative = negative or ((match["sign"] or "").strip() == "(" and match["tail"] == ")")
    marked = bool(match["mark"]) or (match["unit"] or "").strip() in {"원", "円", "€"}
    return Amount(
        value=-value if negative else value,
        start=match.start(),
        end=match.end(),
        exact=exact,
        marked=marked,
        decimals=decimals,
    )


def _number(text: str, style: Style) -> tuple[Decimal, int] | None:
    """The value, and how many decimals it was written with."""
    parts = re.split(r"[.,]", text)
    marks = re.findall(r"[.,]", text)
    if not marks:
        return (Decimal(text), 0) if len(text) <= LONGEST else None
    last = parts[-1]
    grouped = all(len(part) == 3 for part in parts[1:]) and 1 <= len(parts[0]) <= 3
    if len(marks) == 1:
        if len(last) == 3 and (style is Style.WHOLE or marks[0] == ("," if style is Style.POINT else ".")):
            return (Decimal(parts[0] + last), 0) if grouped else None
        if len(last) == 3 and style is Style.COMMA:
            return Decimal(f"{parts[0]}.{last}"), 3
        if style is Style.WHOLE and len(last) != 2:
            return None
        return (Decimal(f"{parts[0]}.{last}"), len(last)) if len(last) <= 4 else None
    if grouped:
        return Decimal("".join(parts)), 0
    if len(last) <= 2 and all(len(part) == 3 for part in parts[1:-1]) and len(parts[0]) <= 3:
        return Decimal(f"{''.join(parts[:-1])}.{last}"), len(last)
    return None
