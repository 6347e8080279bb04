"""What is sold and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

ANY_REGION = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One row of a price file: the price of one unit of a sku in a region, within a window of days.

    ``tier_from`` is the quantity (after the allowance) from which this rate holds; ``allowance`` the free part of a
    month; ``increment`` the smallest billable step. ``withdrawn_on`` says the provider stopped publishing the price:
    the last published rate stays usable and everything that rests on it is flagged.
    """

    sku: str
    region: str
    meter: str
    unit: str
    currency: str
    amount: Decimal
    tier_from: Decimal
    allowance: Decimal
    increment: Decimal | None
    valid_from: date
    valid_until: date | None
    withdrawn_on: date | None
    as_of: date
    confidence: str
    source: str

    @property
    def provider(self) -> str:
        """The first part of the sku."""
        return self.sku.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCard:
    """The tiers of one sku in one region that are valid on one day, cheapest bound first."""

    tiers: tuple[Rate, ...]

    @property
    def first(self) -> Rate:
        """The tier that starts at zero."""
        return self.tiers[0]

    def age_days(self, on: date) -> int:
        """Days since the oldest of these tiers was last confirmed by its source."""
        return max((on - tier.as_of).days for tier in self.tiers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A size that can be rented. ``baseline_frac``: the share of each vCPU a burstable machine may use for ever."""

    name: str
    family: str
    vcpu: float
    memory_gib: float
    architecture: str
    baseline_frac: float | None
    gpu: str | None
    gpu_count: int
    gpu_memory_gib: float
