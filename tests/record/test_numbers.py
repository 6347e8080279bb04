import pytest

from outgrow.record import numbers


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (1234.56, "USD", "$1,234.56"),
        (0.125, "USD", "$0.12"),  # half to even: 12 is even
        (0.375, "USD", "$0.38"),
        (-2.006, "USD", "-$2.01"),
        (-0.001, "USD", "$0.00"),
        (63392.2478, "KRW", "₩63,392"),
        (1.5, "CHF", "CHF 1.50"),
        (None, "USD", "–"),
    ],
)
def test_money_is_rounded_half_to_even_in_the_decimals_of_its_currency(value, code, shown):
    assert numbers.money(value, code) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.000011574, "0.000011574"), (1390.0, "1,390"), (0.05, "0.05"), (0, "0"), (1234567.8, "1,234,568"), (None, "–")],
)
def test_what_counts_is_kept_and_no_exponent_is_shown(value, shown):
    assert numbers.significant(value) == shown


@pytest.mark.parametrize(("share", "shown"), [(0, "0"), (0.001, "< 1"), (0.982, "98"), (0.9999, "> 99"), (1, "100")])
def test_a_share_that_is_nearly_nothing_or_all_is_not_shown_as_such(share, shown):
    assert numbers.percent(share) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(57.3, "57"), (5142.96, "5,143"), (1.25, "1.2"), (730.0, "730"), (0, "0")]
)
def test_people_have_no_decimals_above_ten(value, shown):
    assert numbers.users(value) == shown


def test_a_spread_that_looks_like_one_number_is_one():
    assert numbers.spread("$1", "$1") == "$1"
    assert numbers.spread("$1", "$2") == "$1 – $2"


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        ("50 s", "100 s", "50 – 100 s"),
        ("50초", "100초", "50 – 100초"),
        ("900 ms", "2.0 s", "900 ms – 2.0 s"),
        ("5 s", "no answer", "5 s – no answer"),
        ("never", "never mind", "never – never mind"),
    ],
)
def test_a_unit_that_both_ends_have_is_said_once(low, high, shown):
    assert numbers.spread(low, high) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.027777778, "0.028"), (730.0, "730"), (89322.5, "89,322"), (4.045416667, "4.045")]
)
def test_a_quantity_has_three_decimals_and_none_when_it_is_large(value, shown):
    assert numbers.quantity(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(999_999_999_999_999.0, "999,999,999,999,999"), (1e15, "1.0 × 10^15"), (6.74e126, "6.7 × 10^126")],
)
def test_what_nobody_has_is_shown_as_a_power_of_ten(value, shown):
    assert numbers.users(value) == numbers.number(value) == shown
    assert numbers.money(value).startswith(f"${shown}")
    assert numbers.significant(value, 15).startswith(shown)
