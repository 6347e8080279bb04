"""How numbers look in documents. One rounding rule, half to even, applied here and nowhere else."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

NOTHING = "–"
"""Shown where there is no number: an option that serves nothing, a value beyond the searched range."""

SYMBOLS = {"USD": "$", "KRW": "₩", "JPY": "¥", "EUR": "€", "GBP": "£", "CNY": "CN¥"}
UNIT = re.compile(r"(?<=\d)[^\d.,]+$")
"""What stands behind the last digit."""

WHOLE = frozenset({"KRW", "JPY", "VND", "IDR", "CLP"})
"""Currencies nobody writes with decimals."""


EXACT = Context(prec=340)
"""Holds every finite float to some decimals: the default of 28 digits does not."""

LARGEST = Decimal(10) ** 15
"""From here on a float no longer tells one from the next, and nobody reads the digits: a power of ten is shown."""


def rounded(value: float, decimals: int) -> Decimal:
    """``value`` as the nearest decimal with this many places; a tie goes to the even digit, and -0 is 0."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN, EXACT) + 0


def number(value: float | None, decimals: int = 0) -> str:
    """Thousands apart, fixed decimals."""
    return NOTHING if value is None else _digits(rounded(value, decimals))


def _digits(exact: Decimal) -> str:
    """Thousands apart; from `LARGEST` on two digits and a power of ten."""
    if abs(exact) < LARGEST:
        return f"{exact:,f}"
    digits, power = f"{exact:.1e}".split("e+")
    return f"{digits} × 10^{power}"


def money(value: float | None, code: str = "USD", decimals: int | None = None) -> str:
    """An amount in its currency: $1,234.56, ₩63,392, CHF 1,234.56."""
    if value is None:
        return NOTHING
    places = decimals if decimals is not None else (0 if code in WHOLE else 2)
    amount = rounded(value, places)
    sign = "-" if amount < 0 else ""
    return f"{sign}{SYMBOLS.get(code, code + ' ')}{_digits(abs(amount))}"


def significant(value: float | None, digits: int = 6) -> str:
    """As many digits as the value has, at most ``digits`` that count, never an exponent: 1,390 or 0.000011574."""
    if value is None:
        return NOTHING
    exact = Decimal(repr(float(value)))
    if exact == 0:
        return "0"
    kept = rounded(value, max(0, digits - 1 - exact.adjusted()))
    text = _digits(kept)
    if abs(kept) >= LARGEST:
        return text
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float | None) -> str:
    """A metered amount: whole numbers as they are, others to three decimals."""
    if value is None:
        return NOTHING
    return number(value) if value >= 1000 or value == int(value) else significant(float(rounded(value, 3)), 6)


def users(value: float | None) -> str:
    """People and requests: no decimals above ten."""
    return NOTHING if value is None else number(value) if value >= 10 else significant(value, 2)


def percent(value: float) -> str:
    """A share of one in hundredths; what is small but there is not shown as 0, nor what is nearly all as 100."""
    if 0 < value < 0.005:
        return "< 1"
    return "> 99" if 0.995 <= value < 1 else number(value * 100)


def spread(low: str, high: str) -> str:
    """From one formatted number to another, a unit that both have said once; one when they look the same."""
    if low == high:
        return low
    unit = UNIT.search(low)
    return f"{low.removesuffix(unit[0]) if unit and high.endswith(unit[0]) else low} – {high}"
