"""Lengths of a month and other constants that must live in exactly one place."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

HOURS_PER_MONTH: Final = 730
"""Every provider in the price book quotes a month as 730 h (365 x 24 / 12)."""

DAYS_PER_MONTH: Final = HOURS_PER_MONTH / 24
SECONDS_PER_MONTH: Final = HOURS_PER_MONTH * 3600

HOURS_PER_MONTH_DECIMAL: Final = Decimal(HOURS_PER_MONTH)

SEED: Final = 20240201
"""Of whatever is drawn, unless another one is asked for."""

UNITS: Final[dict[str, str]] = {
    "hour": "one hour",
    "second": "one second",
    "month": "one month of 730 h",
    "gb": "one gigabyte moved",
    "gb-month": "one gigabyte kept for a month",
    "gb-hour": "one gigabyte held for an hour",
    "gb-5min": "one gigabyte held for a started five-minute block",
    "vcpu-hour": "one virtual CPU for an hour",
    "cpu-hour": "one CPU busy for an hour",
    "lcu-hour": "one load-balancer capacity unit for an hour",
    "iops-month": "one provisioned I/O a second for a month",
    "mbps-month": "one provisioned megabyte a second for a month",
    "page": "one page read",
    "document": "one document of up to ten pages read",
    "1k-requests": "a thousand requests",
    "1m-requests": "a million requests",
    "1m-tokens": "a million tokens",
    "unit": "one piece of hardware",
    "kwh": "one kilowatt-hour",
    "kw-month": "one kilowatt of contracted power for a month",
}
"""Every unit a rate may be quoted in. A price file that names another one is refused."""


def quantity(value: float) -> Decimal:
    """A computed usage as Decimal, kept to nine significant decimals so that equal inputs give equal bytes."""
    return Decimal(repr(round(value, 9)))
