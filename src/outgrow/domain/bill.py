"""Usage and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from outgrow.domain.message import Message
    from outgrow.domain.price import Rate


class Group(StrEnum):
    """What makes a bill line move."""

    CAPACITY = "capacity"
    TRAFFIC = "traffic"
    INFERENCE = "inference"
    OPERATIONS = "operations"


class Basis(StrEnum):
    """Was the usage assumed from the spec, pinned by a document, or metered?"""

    ASSUMED = "assumed"
    PINNED = "pinned"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """A month's quantity of one sku, in the unit its rate is quoted in.

    ``count`` > 1 says the quantity is made of that many separate uses, each rounded up to the rate's increment (a
    serverless second). ``region`` overrides the bill's region where a thing is sold elsewhere; ``quoted`` is a rate the
    spec itself gives, for what no price file can know.
    """

    component: str
    sku: str
    quantity: Decimal
    count: Decimal = Decimal(1)
    group: Group = Group.CAPACITY
    basis: Basis = Basis.ASSUMED
    region: str | None = None
    quoted: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """``quantity`` billable units x ``rate_usd`` = ``amount_usd``; ``free`` units were covered by an allowance."""

    component: str
    sku: str
    meter: str
    quantity: Decimal
    unit: str
    rate_usd: Decimal
    amount_usd: Decimal
    group: Group
    basis: Basis
    region: str
    source: str
    as_of: date
    confidence: str
    free: Decimal = Decimal(0)
    withdrawn_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnpricedLine:
    """Usage that has no price, and why."""

    component: str
    sku: str | None
    reason: Message
    material: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A month's lines. The total is their sum, nothing else."""

    lines: tuple[BillLine, ...]
    unpriced: tuple[UnpricedLine, ...] = ()

    @property
    def monthly_usd(self) -> Decimal:
        """Sum of the lines, before tax, unrounded."""
        return sum((line.amount_usd for line in self.lines), Decimal(0))

    def group_usd(self, group: Group) -> Decimal:
        """Sum of the lines of one group."""
        return sum((line.amount_usd for line in self.lines if line.group is group), Decimal(0))

    def provider_usd(self, provider: str) -> Decimal:
        """Sum of the lines sold by one provider."""
        return sum((line.amount_usd for line in self.lines if line.sku.startswith(f"{provider}/")), Decimal(0))
