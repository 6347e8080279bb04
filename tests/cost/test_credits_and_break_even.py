"""Credits, and the break-even between paying by use and paying by the month."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from outgrow.cost.bill import price
from outgrow.cost.break_even import flex_usd_per_request, requests_at_break_even
from outgrow.cost.credits import runway
from outgrow.domain.bill import Bill, Usage
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.workload import Credit, Currency

if TYPE_CHECKING:
    from outgrow.catalog.pricebook import PriceBook

TODAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def bill(book: PriceBook) -> Bill:
    """A t4g.xlarge month in N. Virginia (98.112) and an active worker's (341.64)."""
    usage = [
        Usage(component="host", sku="aws/ec2/t4g.xlarge", quantity=Decimal(730)),
        Usage(component="worker", sku="runpod/serverless-active/24gb", quantity=Decimal(2_628_000)),
    ]
    return price(usage, book, region="us-east-1", on=TODAY, currency=Currency())


def credit(usd: str, ends: date, provider: str = "aws") -> Credit:
    return Credit(name="c", provider=provider, usd=Decimal(usd), ends=ends)


def test_a_credit_larger_than_the_months_left_expires_with_a_rest(bill: Bill) -> None:
    # 189 days to 31 May x 98.112 / 30.41667 = 609.63 of 1,000: 390.37 is lost.
    found = runway(credit("1000", date(2027, 5, 31)), bill, TODAY)
    assert (found.used_up, found.ends_on) == (False, date(2027, 5, 31))
    assert found.unused_usd == pytest.approx(Decimal("390.37"), abs=Decimal("0.01"))
    assert found.covers_usd_per_month == Decimal("98.112")
    assert (found.month_before_usd, found.month_after_usd) == (Decimal("341.64"), Decimal("439.752"))


def test_a_small_credit_is_used_up_before_it_ends(bill: Bill) -> None:
    # 300 / 98.112 months = 93.005 days: 93 days after 23 November is 24 February.
    found = runway(credit("300", date(2027, 5, 31)), bill, TODAY)
    assert (found.used_up, found.ends_on, found.unused_usd) == (True, date(2027, 2, 24), 0)


def test_a_credit_that_is_already_past_pays_nothing(bill: Bill) -> None:
    found = runway(credit("1000", date(2026, 1, 1)), bill, TODAY)
    assert not found.used_up
    assert found.unused_usd == 1000
    assert found.month_before_usd == found.month_after_usd == Decimal("439.752")


def test_a_credit_of_a_provider_without_lines_covers_nothing(bill: Bill) -> None:
    found = runway(credit("1000", date(2027, 5, 31), provider="google"), bill, TODAY)
    assert (found.covers_usd_per_month, found.unused_usd, found.used_up) == (0, 1000, False)
    assert found.month_before_usd == found.month_after_usd


def users(fixed: float, *, cold_start_s: float, idle_s: float = 5.0) -> float:
    """Daily users at break-even when 30 of them send 50 requests of 3 s a day."""
    each = flex_usd_per_request(0.00019, 3.0, cold_start_s, idle_s)
    return requests_at_break_even(fixed, each) / DAYS_PER_MONTH / (50 / 30)


@pytest.mark.parametrize(
    ("cold_start_s", "daily_users"),
    [(30, 934), (60, 522), (120, 277)],  # 341.64 / (0.00019 x (3 + c + 5)) requests a month
)
def test_flex_meets_active_at_the_documents_daily_users(cold_start_s: float, daily_users: float) -> None:
    assert users(341.64, cold_start_s=cold_start_s) == pytest.approx(daily_users, rel=0.01)


def test_on_busy_time_alone_flex_meets_active_near_12_000_users() -> None:
    assert users(341.64, cold_start_s=0, idle_s=0) == pytest.approx(11_829, rel=0.01)


def test_an_active_worker_at_the_flex_rate_moves_the_break_even() -> None:
    fixed = 0.00019 * 730 * 3600
    assert fixed == pytest.approx(499.32)
    assert users(fixed, cold_start_s=60) == pytest.approx(763, rel=0.01)


def test_probabilities_scale_cold_start_and_idle_tail_apart() -> None:
    # 2 x (3 + 0.5 x 60 + 0.25 x 8) = 70
    assert flex_usd_per_request(2.0, 3.0, 60.0, 8.0, p_cold=0.5, p_idle=0.25) == 70.0


def test_a_request_that_costs_nothing_never_breaks_even() -> None:
    assert requests_at_break_even(100.0, 0.0) == math.inf
    assert requests_at_break_even(0.0, 0.5) == 0.0
