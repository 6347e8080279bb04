"""What becomes of a credit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Runway:
    """One credit: the day it is gone, why, what is lost unused, and the month's cost before and after that day."""

    name: str
    provider: str
    ends_on: date
    used_up: bool
    unused_usd: Decimal
    covers_usd_per_month: Decimal
    month_before_usd: Decimal
    month_after_usd: Decimal
