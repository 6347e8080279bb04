"""Prices a month of usage, line by line."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

from outgrow.domain.bill import Bill, BillLine, Group, UnpricedLine, Usage
from outgrow.domain.message import message
from outgrow.domain.price import RateCard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.price import Rate
    from outgrow.domain.workload import Currency

ZERO = Decimal(0)
ONE = Decimal(1)


def price(
    usage: Iterable[Usage],
    book: PriceBook,
    *,
    region: str,
    on: date,
    currency: Currency,
    unpriced: Iterable[UnpricedLine] = (),
) -> Bill:
    """What a month of usage costs on a day.

    For each use: quantity rounded up to the rate's increment, minus what is left of the sku's monthly allowance,
    through the tiers that are still open, x rate. Allowances and tiers are shared by all lines of one sku, as a
    provider shares them across an account. A line quoted in the spec's currency is converted at the spec's rate;
    one in a third currency, or with no price, becomes an `UnpricedLine`. What else the account uses of a sku, and
    discounts for commitment, are not known here. Source: the price page that each rate names.
    """
    lines: list[BillLine] = []
    missing: list[UnpricedLine] = list(unpriced)
    spent: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for use in usage:
        card = RateCard(tiers=(use.quoted,)) if use.quoted else book.card(use.sku, use.region or region, on)
        per_usd = _per_usd(card, currency)
        if card is None or per_usd is None:
            missing.append(_unpriced(use, card, region, on))
            continue
        key = (use.sku, card.first.region)
        total = _rounded(use, card.first)
        lines += _lines(use, card, spent[key], total, per_usd)
        spent[key] += total
    return Bill(lines=tuple(lines), unpriced=tuple(missing))


def _per_usd(card: RateCard | None, currency: Currency) -> Decimal | None:
    """Units of the rate's currency in one dollar; ``None`` when nobody said."""
    if card is None or card.first.currency == "USD":
        return ONE
    return currency.per_usd if card.first.currency == currency.code else None


def _unpriced(use: Usage, card: RateCard | None, region: str, on: date) -> UnpricedLine:
    if card is None:
        reason = message("unpriced.no-rate", sku=use.sku, region=use.region or region, on=str(on))
    else:
        reason = message("unpriced.currency", sku=use.sku, currency=card.first.currency)
    return UnpricedLine(component=use.component, sku=use.sku, reason=reason, material=use.group is not Group.OPERATIONS)


def _rounded(use: Usage, rate: Rate) -> Decimal:
    """The billable quantity: each of ``count`` uses rounded up to the increment."""
    if not rate.increment:
        return use.quantity
    each = (use.quantity / use.count / rate.increment).to_integral_value(ROUND_CEILING)
    return each * rate.increment * use.count


def _lines(use: Usage, card: RateCard, already: Decimal, total: Decimal, per_usd: Decimal) -> Iterator[BillLine]:
    """One line a tier that the quantity reaches; one of zero when the allowance covers everything."""
    free_left = max(ZERO, card.first.allowance - already)
    free = min(total, free_left)
    start = max(ZERO, already - card.first.allowance)
    end = start + total - free
    if end == start:
        yield _line(use, card.first, ZERO, free, per_usd)
        return
    for index, tier in enumerate(card.tiers):
        upper = card.tiers[index + 1].tier_from if index + 1 < len(card.tiers) else None
        inside = (end if upper is None else min(end, upper)) - max(start, tier.tier_from)
        if inside > 0:
            yield _line(use, tier, inside, free, per_usd)
            free = ZERO


def _line(use: Usage, rate: Rate, billed: Decimal, free: Decimal, per_usd: Decimal) -> BillLine:
    rate_usd = rate.amount if per_usd == ONE else rate.amount / per_usd
    return BillLine(
        component=use.component,
        sku=use.sku,
        meter=rate.meter,
        quantity=billed,
        unit=rate.unit,
        rate_usd=rate_usd,
        amount_usd=billed * rate_usd,
        group=use.group,
        basis=use.basis,
        region=rate.region,
        source=rate.source,
        as_of=rate.as_of,
        confidence=rate.confidence,
        free=free,
        withdrawn_on=rate.withdrawn_on,
    )
