"""Sets every figure of a hand-made document beside ours and finds what explains the difference.

A number that differs is explained by search, not by a list of known mistakes: our own bill lines are priced again as
the author may have priced them (in another region, at a sibling's rate, with parts left out) until one comes within
half of the last digit the document gives.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from fnmatch import fnmatchcase
from itertools import product
from typing import TYPE_CHECKING

from outgrow.cost.bill import price
from outgrow.domain.message import message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.domain.bill import Usage
    from outgrow.domain.message import Message
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Service

SIBLINGS: Mapping[str, str] = {
    "aws/ebs/gp3": "aws/ebs/gp2",
    "aws/ebs/gp2": "aws/ebs/gp3",
    "aws/elb/alb": "aws/elb/classic",
    "aws/rds/storage": "aws/rds/storage-multi-az",
}
"""Skus that are easily taken for one another."""

FORGOTTEN: Mapping[str, Callable[[Usage], bool]] = {
    "public IPv4": lambda use: use.sku == "aws/vpc/public-ipv4",
    "storage": lambda use: use.sku.startswith(("aws/rds/storage", "aws/ebs/")),
    "cold starts and idle tails": lambda use: use.component.endswith(("cold start", "idle tail")),
    "traffic": lambda use: use.group == "traffic",
}
"""What hand-made bills leave out, and how to tell a line of it."""

PADDED_FRAC = 0.02
"""How much of a round figure rounding may explain."""

NEAR_FRAC = 0.1
"""An explanation that leaves less than this share of the figure open is named, with the open rest."""


CAUSE_STRAIN = 0.05
"""A cause must bring an explanation this share of the figure nearer to be worth naming."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One way the author may have come to a figure."""

    amount: float
    causes: tuple[Message, ...]


def tolerance(value: float) -> float:
    """How far a figure a person wrote may be from what they meant.

    Half a unit of its last digit: 98 -> 0.5, 0.9 -> 0.05. Zeros at the end may be digits or padding, so a figure with
    them gets half of their place, but at most `PADDED_FRAC` of itself and at least 0.5: 380 -> 5, 110 -> 2.2.
    """
    if value == 0:
        return 0.5
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    half = 0.5 * 10.0**exponent
    return half if exponent <= 0 else max(0.5, min(half, PADDED_FRAC * abs(value)))


def explained(
    value: float, high: float | None, option: Priced, component: str | None, service: Service, market: Market
) -> tuple[float, bool, tuple[Message, ...]]:
    """Our amount for the lines a figure speaks of, whether it agrees, and what explains it if it does not."""
    usage = [use for use in option.shape.usage if component is None or _matches(use.component, component)]
    ours = _amount(usage, service, market, service.region)
    room = tolerance(value)
    if _agrees(ours, value, high, room):
        return ours, True, ()
    tried = sorted(_tries(usage, service, market), key=lambda entry: (len(entry.causes), abs(entry.amount - value)))
    fitting = [entry for entry in tried if _agrees(entry.amount, value, high, room)]
    if fitting:
        return ours, False, fitting[0].causes
    nearest = min(tried, key=lambda entry: _strain(entry, value), default=None)
    if nearest is None or abs(nearest.amount - value) > NEAR_FRAC * abs(value):
        return ours, False, (message("audit.unexplained", difference=round(value - ours, 2)),)
    rest = message("audit.rest", amount=round(nearest.amount, 2), rest=round(value - nearest.amount, 2))
    return ours, False, (*nearest.causes, rest)


def _strain(entry: Explanation, value: float) -> float:
    """How far an explanation is from the figure; each cause it needs counts like another twentieth of the figure."""
    return abs(entry.amount - value) / (abs(value) or 1.0) + CAUSE_STRAIN * len(entry.causes)


def _matches(component: str, patterns: str) -> bool:
    return any(fnmatchcase(component, pattern.strip()) for pattern in patterns.split(","))


def _agrees(ours: float, value: float, high: float | None, room: float) -> bool:
    return value - room <= ours <= (high if high is not None else value) + room


def _amount(usage: Sequence[Usage], service: Service, market: Market, region: str) -> float:
    bill = price(usage, market.book, region=region, on=market.on, currency=service.currency)
    return float(bill.monthly_usd)


def _tries(usage: Sequence[Usage], service: Service, market: Market) -> Iterator[Explanation]:
    """Every combination of region, sibling rates and forgotten parts, except none of them."""
    regions = [service.region, *(r for r in market.book.regions("aws") if r != service.region)]
    swaps = [False, True] if any(use.sku in SIBLINGS for use in usage) else [False]
    present = [name for name, is_part in FORGOTTEN.items() if any(is_part(use) for use in usage)]
    for region, swap, left_out in product(regions, swaps, _subsets(present)):
        causes = _causes(region, service.region, left_out, usage, swap=swap)
        kept = [_swapped(use) if swap else use for use in usage if not any(FORGOTTEN[name](use) for name in left_out)]
        if not causes or not kept or not _all_priced(kept, market, region):
            continue
        yield Explanation(amount=_amount(kept, service, market, region), causes=causes)


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    for mask in range(2 ** len(names)):
        yield tuple(name for index, name in enumerate(names) if mask >> index & 1)


def _swapped(use: Usage) -> Usage:
    return dataclasses.replace(use, sku=SIBLINGS.get(use.sku, use.sku))


def _all_priced(usage: Sequence[Usage], market: Market, region: str) -> bool:
    return all(market.book.card(use.sku, use.region or region, market.on) for use in usage)


def _causes(
    region: str, home: str, left_out: tuple[str, ...], usage: Sequence[Usage], *, swap: bool
) -> tuple[Message, ...]:
    causes = []
    if region != home:
        causes.append(message("audit.region", region=region, home=home))
    if swap:
        taken = sorted({use.sku for use in usage if use.sku in SIBLINGS})
        causes += [message("audit.sibling", sku=sku, sibling=SIBLINGS[sku]) for sku in taken]
    causes += [message("audit.left-out", what=name) for name in left_out]
    return tuple(causes)
