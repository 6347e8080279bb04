"""Dates in text that a machine has read, in many orders and languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.receipts.lines import Row


class Order(StrEnum):
    """In which order a country writes day, month and year."""

    DAY_FIRST = "day-first"
    MONTH_FIRST = "month-first"
    YEAR_FIRST = "year-first"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDate:
    """``assumed`` says that day and month could have been the other way round and the country decided."""

    value: date
    confidence: float
    assumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    value: date
    certainty: float
    assumed: bool
    start: int
    end: int


_D = r"[0-9OoQlI|SsBZ]"
_SEP = r"\s?[/.\-–,_]\s?"
_CLOCK = rf"{_D}{{1,2}}\s?[:.;]\s?{_D}{{2}}"
_YEAR = rf"(?:20|2[Oo]|Z0|19){_D}{{2}}"
_END = rf"(?!\d)|(?={_CLOCK})"
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "APR": 4, "MAY": 5, "MEI": 5, "MAI": 5, "JUN": 6, "JUL": 7, "AUG": 8, "OGO": 8,
    "SEP": 9, "OCT": 10, "OKT": 10, "NOV": 11, "DEC": 12, "DIS": 12, "DEZ": 12, "MAC": 3, "ENE": 1, "ABR": 4,
    "AGO": 8, "DIC": 12, "FEV": 2, "AVR": 4, "AOU": 8, "MÄR": 3, "FÉV": 2, "AOÛ": 8, "DÉC": 12, "JUI": 6,
}  # fmt: skip
_MONTH = "|".join(_MONTHS)
_NAME = rf"(?P<name>{_MONTH}|0CT|N0V|0KT|0G0|AU6|JU1|JAИ)[A-Zé]*"
_PATTERNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("ymd", re.compile(rf"(?P<y>{_YEAR})\s?[년\w]{{0,2}}?\s?(?P<m>{_D}{{1,2}})\s?월\s?(?P<d>{_D}{{1,2}})\s?일?")),
    ("ymd", re.compile(rf"(?P<y>{_YEAR})\s?年\s?(?P<m>{_D}{{1,2}})\s?月\s?(?P<d>{_D}{{1,2}})\s?日?")),
    ("ymd", re.compile(rf"(?<!\d)(?P<y>{_YEAR}){_SEP}(?P<m>{_D}{{1,2}}){_SEP}(?P<d>{_D}{{1,2}})(?:{_END})")),
    ("dny", re.compile(rf"(?<!\d)(?P<d>{_D}{{1,2}})(?:ST|ND|RD|TH)?[\s./,\-]*{_NAME}[\s.,/'’\-]*(?P<y>{_YEAR})", re.IGNORECASE)),
    ("ndy", re.compile(rf"(?<![A-Z]){_NAME}[\s.,\-]*(?P<d>\d{{1,2}})(?:ST|ND|RD|TH)?[\s.,/\-]+(?P<y>{_YEAR})", re.IGNORECASE)),
    ("dny", re.compile(rf"(?<!\d)(?P<d>{_D}{{1,2}})[\s./,\-]*{_NAME}[\s.,/'’\-]*(?P<y>\d\d)(?:{_END})", re.IGNORECASE)),
    ("ndy", re.compile(rf"(?<![A-Z]){_NAME}[\s.,\-]*(?P<d>\d{{1,2}})\s?[,'’]\s?(?P<y>\d\d)(?:{_END})", re.IGNORECASE)),
    ("abY", re.compile(rf"(?<!\d)(?P<a>{_D}{{1,2}}){_SEP}(?P<b>{_D}{{1,2}}){_SEP}(?P<y>{_YEAR})(?!\s?:)")),
    ("abc", re.compile(rf"(?<!\d)(?<!\d[/.\-])(?P<a>{_D}{{2}})(?P<s>[/.\-])(?P<b>{_D}{{2}})(?P=s)(?P<y>{_D}{{2}})(?:{_END})(?![/.\-]\d)")),
    ("abc", re.compile(rf"(?<!\d)(?<!\d[/.\-])(?P<a>{_D}{{1,2}})(?P<s>[/])(?P<b>{_D}{{1,2}})(?P=s)(?P<y>{_D}{{2}})(?:{_END})(?!/)")),
    ("abY", re.compile(r"(?<!\d)(?P<a>\d\d)[/.\-]?(?P<b>\d\d)[/.\-](?P<y>20\d\d)(?!\d)")),
    ("abY", re.compile(r"(?<!\d)(?P<a>\d\d)[/.\-](?P<b>\d\d)(?P<y>20\d\d)(?!\d)")),
    ("abY", re.compile(r"(?<!\d)(?P<a>[0-3]\d)[/1lI|](?P<b>[01]\d)[/1lI|](?P<y>20[0-4]\d)(?!\d)")),
    ("ymd", re.compile(r"(?<!\d)(?P<y>20[0-4]\d)(?P<m>0[1-9]|1[0-2])(?P<d>0[1-9]|[12]\d|3[01])(?!\d)")),
)  # fmt: skip
_CLOCKS = re.compile(
    rf"(?<![\d.,])(?:{_CLOCK})(?:\s?:\s?{_D}{{2}})?\s?(?:[AP]\.?M\.?)?|\d{{1,2}}\s?시\s?\d{{1,2}}\s?분?", re.IGNORECASE
)
_COLON = re.compile(r"\d\s?:\s?\d\d")
_LABEL = re.compile(
    r"DATE|DATED|TARIKH|DATUM|FECHA|일시|일자|날짜|거래일|판매일|DAT[EF]|日期|日付|ISSUED", re.IGNORECASE
)
_OTHER = re.compile(
    r"VALID|EXPIR|EXP\b|UNTIL|UNTL|EFFECTIVE|SINCE|DUE\s*DATE|DELIVERY|BIRTH|DOB|PROMO|BEST BEFORE|W\.?E\.?F|RETURN"
    r"|EXCHANGE|REDEEM|MEMBER|POINTS?\b|유효|까지|만료|교환|환불|TERMS|PRINTED|VERSION|VER\b",
    re.IGNORECASE,
)
_FIX = str.maketrans("OoQlI|SsBZ", "0001115582")
EARLIEST, LATEST = 1995, 2099


def date_in(rows: Sequence[Row], order: Order | None, today: date | None = None) -> FoundDate | None:
    """The day of purchase: a date beside its label or a time of day comes before the first one that stands alone.

    ``order`` is what the country says, None where nothing does; ``today`` outranks readings that lie in the future.
    """
    best: tuple[float, _Reading, float] | None = None
    for number, row in enumerate(rows):
        text = row.text
        for reading in readings(text, order, today):
            before = rows[number - 1].text if number else ""
            weight = reading.certainty - 0.004 * number + _context(text, reading, before)
            if today is not None and reading.value > today:
                weight -= 0.5
            if best is None or weight > best[0]:
                best = (weight, reading, row.confidence)
    if best is None:
        return None
    weight, reading, seen = best
    confidence = min(0.99, max(0.05, min(reading.certainty, 0.55 + weight / 3) * (0.5 + seen / 2)))
    return FoundDate(value=reading.value, confidence=round(confidence, 3), assumed=reading.assumed)


def without_dates(text: str) -> str:
    """The text with dates and times blanked, so that none is taken for an amount."""
    for kind, pattern in _PATTERNS:
        for match in list(pattern.finditer(text)):
            if _read(kind, match, None, None) is not None:
                text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    return _CLOCKS.sub(lambda match: " " * len(match[0]) if _is_clock(match[0]) else match[0], text)


def has_date(text: str) -> bool:
    """Whether a date stands in it."""
    return bool(readings(text, None))


def has_clock(text: str) -> bool:
    """Whether a time of day stands in it."""
    return any(_is_clock(match[0]) for match in _CLOCKS.finditer(text))


def readings(text: str, order: Order | None, today: date | None = None) -> list[_Reading]:
    """Every date in it, read the likeliest way; where two patterns claim the same place the first one has it."""
    found: list[_Reading] = []
    for kind, pattern in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < other.end and other.start < match.end() for other in found):
                continue
            reading = _read(kind, match, order, today)
            if reading is not None:
                found.append(reading)
    return found


def _is_clock(text: str) -> bool:
    return bool(_COLON.search(text)) or "시" in text or bool(re.search(r"[AP]\.?M", text, re.IGNORECASE))


def _context(text: str, reading: _Reading, before: str) -> float:
    weight = 0.0
    if _LABEL.search(text[: reading.start]) or _LABEL.search(text[reading.end :]):
        weight += 0.4
    elif _LABEL.search(before) and not re.search(r"\d", before):
        weight += 0.25
    if has_clock(text[: reading.start]) or has_clock(text[reading.end :]):
        weight += 0.3
    if _OTHER.search(text):
        weight -= 0.7
    return weight


def _read(kind: str, match: re.Match[str], order: Order | None, today: date | None) -> _Reading | None:
    numbers = {name: part.translate(_FIX) for name, part in match.groupdict().items() if name in "ymdab" and part}
    if not all(part.isdigit() for part in numbers.values()):
        return None
    values = {name: int(part) for name, part in numbers.items()}
    year = values["y"] + (2000 if values["y"] < 100 else 0)
    raw = "".join(part for name, part in match.groupdict().items() if name in "ymdab" and part)
    exact = 1.0 if raw.isdigit() else 0.85
    chosen: tuple[date, float, bool] | None
    if kind == "ymd":
        chosen = _sure(year, values["m"], values["d"], 0.97 if re.search(r"\D", match[0].strip()) else 0.7)
    elif kind in {"dny", "ndy"}:
        name = match["name"].upper().replace("0", "O").replace("6", "G").replace("1", "L")[:3]
        chosen = _sure(year, _MONTHS.get(name, 0), values["d"], 0.97 if values["y"] > 100 else 0.93)
    elif kind == "abY":
        chosen = _either(values["a"], values["b"], year, order, today)
    else:
        chosen = _short(values, year, match["s"], order, today)
    if chosen is None:
        return None
    value, certainty, assumed = chosen
    return _Reading(value=value, certainty=certainty * exact, assumed=assumed, start=match.start(), end=match.end())


def _short(
    values: dict[str, int], year: int, mark: str, order: Order | None, today: date | None
) -> tuple[date, float, bool] | None:
    """Three pairs of digits: the year may stand first."""
    first = _sure(values["a"] + 2000, values["b"], values["y"], 0.85)
    last = _either(values["a"], values["b"], year, order, today)
    if order is Order.YEAR_FIRST:
        return first or last
    if last is None:
        return first
    if first is not None and today is not None and last[0] > today >= first[0]:
        return (first[0], 0.55, True)
    return (last[0], last[1] * 0.93, last[2])


def _either(a: int, b: int, year: int, order: Order | None, today: date | None) -> tuple[date, float, bool] | None:
    """Day first or month first: what only one order allows is sure; else the country says; else the past, else day."""
    day_first, month_first = _day(year, b, a), _day(year, a, b)
    if day_first is None or month_first is None or a == b:
        only = day_first or month_first
        return None if only is None else (only, 0.96, False)
    if order is Order.MONTH_FIRST:
        return month_first, 0.82, True
    if order is Order.DAY_FIRST:
        return day_first, 0.86, True
    if today is not None and day_first > today >= month_first:
        return month_first, 0.6, True
    return day_first, 0.6, True


def _sure(year: int, month: int, day: int, certainty: float) -> tuple[date, float, bool] | None:
    value = _day(year, month, day)
    return None if value is None else (value, certainty, False)


def _day(year: int, month: int, day: int) -> date | None:
    if not EARLIEST <= year <= LATEST:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None
