"""Pricing a month of usage: tiers, allowances, increments, currencies, holes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.catalog.pricebook import PriceBook, parse_rates
from outgrow.cost.bill import price
from outgrow.domain.bill import Bill, Group, Usage
from outgrow.domain.workload import Currency

if TYPE_CHECKING:
    from collections.abc import Iterable

EGRESS = "aws/transfer/egress"
SEOUL, VIRGINIA = "ap-northeast-2", "us-east-1"
DAY = date(2026, 11, 23)
HEADER = (
    "sku,region,meter,unit,currency,rate,tier_from,allowance,increment,valid_from,valid_until,withdrawn_on,as_of,"
    "confidence,source\n"
)
ROWS = """\
test/gpu/seconds,any,s,second,USD,0.001,,,1,2026-01-01,,,2026-01-01,high,made up
test/plain/hours,any,h,hour,USD,0.01,,,,2026-01-01,,,2026-01-01,high,made up
test/plain/hours,any,h,hour,USD,0.02,,,,2026-06-01,,,2026-06-01,high,made up
test/gone/hours,any,h,hour,USD,0.01,,,,2026-01-01,2026-03-31,,2026-01-01,high,made up
test/won/pages,any,p,page,KRW,80,,3000,,2026-01-01,,,2026-01-01,high,made up
"""
MADE_UP = PriceBook(parse_rates(HEADER + ROWS, "test.csv"))
WON = Currency(code="KRW", per_usd=Decimal(1390))


def use(sku: str, quantity: object, **more: object) -> Usage:
    return Usage(component="part", sku=sku, quantity=Decimal(str(quantity)), **more)


def bill_of(
    usage: Iterable[Usage],
    book: PriceBook = MADE_UP,
    *,
    region: str = SEOUL,
    on: date = DAY,
    currency: Currency = Currency(),  # noqa: B008 - frozen
) -> Bill:
    return price(usage, book, region=region, on=on, currency=currency)


# Egress from Seoul: 100 GB free; then 0.126 up to 10,240 GB, 0.122 up to 51,200, 0.117 up to 153,600, 0.108 beyond.
@pytest.mark.parametrize(
    ("region", "gb", "amounts"),
    [
        (SEOUL, "99", ["0"]),  # inside the allowance
        (SEOUL, "100", ["0"]),  # the last free GB
        (SEOUL, "101", ["0.126"]),  # the first that costs
        (SEOUL, "10340", ["1290.24"]),  # 10,240 x 0.126: the last GB of the first tier
        (SEOUL, "10341", ["1290.24", "0.122"]),  # one GB of the second
        (SEOUL, "51300", ["1290.24", "4997.12"]),  # 40,960 x 0.122
        (SEOUL, "200000", ["1290.24", "4997.12", "11980.80", "5000.40"]),  # 102,400 x 0.117; 46,300 x 0.108
        (VIRGINIA, "10340", ["921.60"]),  # 10,240 x 0.09
        (VIRGINIA, "51301", ["921.60", "3481.60", "0.07"]),  # 40,960 x 0.085; 1 x 0.07
    ],
)
def test_egress_is_free_to_100_gb_and_then_goes_through_the_tiers(
    book: PriceBook, region: str, gb: str, amounts: list[str]
) -> None:
    bill = bill_of([use(EGRESS, gb)], book, region=region)
    assert [line.amount_usd for line in bill.lines] == [Decimal(amount) for amount in amounts]
    assert sum(line.free for line in bill.lines) == min(Decimal(gb), 100)


def test_two_lines_of_one_sku_share_its_allowance(book: PriceBook) -> None:
    # 60 GB are free; of the next 60 the remaining 40 are free and 20 x 0.126 = 2.52 are paid.
    bill = bill_of([use(EGRESS, 60), use(EGRESS, 60)], book)
    assert [(line.free, line.quantity, line.amount_usd) for line in bill.lines] == [
        (60, 0, 0),
        (40, 20, Decimal("2.52")),
    ]


def test_the_second_line_of_a_sku_goes_on_in_the_tier_where_the_first_stopped(book: PriceBook) -> None:
    # 10,300 GB: 10,200 paid at 0.126. The next 100: 40 still at 0.126, 60 at 0.122.
    bill = bill_of([use(EGRESS, 10300), use(EGRESS, 100)], book)
    assert [line.amount_usd for line in bill.lines] == [Decimal("1285.2"), Decimal("5.04"), Decimal("7.32")]


def test_one_sku_in_two_regions_has_two_allowances(book: PriceBook) -> None:
    bill = bill_of([use(EGRESS, 100), use(EGRESS, 100, region=VIRGINIA)], book)
    assert bill.monthly_usd == 0


@given(parts=st.lists(st.decimals(0, 200_000, places=3), min_size=1, max_size=5))
def test_splitting_usage_over_lines_changes_neither_the_sum_nor_what_is_free(
    book: PriceBook, parts: list[Decimal]
) -> None:
    split = bill_of([use(EGRESS, part) for part in parts], book)
    whole = bill_of([use(EGRESS, sum(parts))], book)
    assert split.monthly_usd == whole.monthly_usd == sum(line.amount_usd for line in split.lines)
    assert sum(line.quantity + line.free for line in split.lines) == sum(parts)


@given(less=st.decimals(0, 200_000, places=3), more=st.decimals(0, 200_000, places=3))
def test_moving_more_never_costs_less(book: PriceBook, less: Decimal, more: Decimal) -> None:
    first, second = (bill_of([use(EGRESS, amount)], book).monthly_usd for amount in sorted((less, more)))
    assert first <= second


@pytest.mark.parametrize(
    ("quantity", "count", "billed"),
    [
        ("2.2", 1, "3"),  # one use rounded up
        ("3", 1, "3"),  # already whole
        ("22", 10, "30"),  # ten uses of 2.2 s, each rounded to 3
        ("0.1", 4, "4"),  # four blinks, a second each
    ],
)
def test_each_use_is_rounded_up_to_the_increment(quantity: str, count: int, billed: str) -> None:
    bill = bill_of([use("test/gpu/seconds", quantity, count=Decimal(count))])
    assert bill.lines[0].quantity == Decimal(billed)
    assert bill.monthly_usd == Decimal(billed) * Decimal("0.001")


def test_a_rate_is_succeeded_on_its_day() -> None:
    before, after = (bill_of([use("test/plain/hours", 730)], on=on) for on in (date(2026, 5, 31), date(2026, 6, 1)))
    assert (before.monthly_usd, after.monthly_usd) == (Decimal("7.30"), Decimal("14.60"))


@pytest.mark.parametrize("on", [date(2025, 12, 31), date(2026, 4, 1)])
def test_before_its_first_and_after_its_last_day_a_rate_is_not_on_sale(on: date) -> None:
    bill = bill_of([use("test/gone/hours", 1)], on=on)
    assert (bill.lines, [line.reason.code for line in bill.unpriced]) == ((), ["unpriced.no-rate"])


def test_a_rate_in_the_specs_currency_is_converted_at_the_specs_rate() -> None:
    # 3,100 pages, 3,000 free: 100 x 80 KRW / 1,390 = 5.7554 USD.
    bill = bill_of([use("test/won/pages", 3100)], currency=WON)
    assert bill.monthly_usd == pytest.approx(Decimal("5.755395683"), abs=Decimal("1e-8"))
    assert (bill.lines[0].free, bill.lines[0].quantity) == (3000, 100)


@pytest.mark.parametrize("currency", [Currency(), Currency(code="EUR", per_usd=Decimal("0.9"))])
def test_a_rate_nobody_can_convert_is_a_hole_and_not_zero(currency: Currency) -> None:
    bill = bill_of([use("test/won/pages", 3100), use("test/plain/hours", 1)], currency=currency)
    assert [line.sku for line in bill.lines] == ["test/plain/hours"]
    assert [(line.sku, line.reason.code, line.material) for line in bill.unpriced] == [
        ("test/won/pages", "unpriced.currency", True)
    ]


@pytest.mark.parametrize(
    ("group", "material"), [(Group.CAPACITY, True), (Group.INFERENCE, True), (Group.OPERATIONS, False)]
)
def test_a_hole_in_operations_is_shown_but_does_not_count(group: Group, *, material: bool) -> None:
    bill = bill_of([use("test/no/such", 1, group=group)])
    assert [(line.reason.code, line.material) for line in bill.unpriced] == [("unpriced.no-rate", material)]


def test_a_withdrawn_price_stays_usable_and_is_flagged(book: PriceBook) -> None:
    bill = bill_of([use("runpod/serverless-active/24gb", 2_628_000)], book)
    assert bill.monthly_usd == Decimal("341.64")  # 730 h x 3,600 s x 0.00013
    assert bill.lines[0].withdrawn_on == date(2026, 5, 13)


def test_a_rate_the_spec_quotes_comes_before_the_book() -> None:
    quoted = MADE_UP.card("test/plain/hours", SEOUL, DAY)
    assert quoted is not None
    bill = bill_of([use("anything/at/all", 10, quoted=quoted.first)])
    assert bill.monthly_usd == Decimal("0.20")


def test_groups_and_providers_of_a_bill_add_up_to_it(book: PriceBook) -> None:
    bill = bill_of(
        [use(EGRESS, 300, group=Group.TRAFFIC), use("runpod/serverless-flex/24gb", 1000, group=Group.INFERENCE)], book
    )
    # 200 x 0.126 and 1,000 x 0.00019.
    assert bill.group_usd(Group.TRAFFIC) == bill.provider_usd("aws") == Decimal("25.2")
    assert bill.group_usd(Group.INFERENCE) == bill.provider_usd("runpod") == Decimal("0.19")
    assert bill.provider_usd("run") == 0
    assert bill.monthly_usd == sum(bill.group_usd(group) for group in Group)
