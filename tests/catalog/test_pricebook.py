from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from outgrow.catalog.pricebook import COLUMNS, PriceBook, parse_rates, render_rates
from outgrow.domain.errors import PriceError
from outgrow.domain.units import UNITS

GOOD = {
    "sku": "aws/ec2/t4g.small",
    "region": "us-east-1",
    "meter": "instance-hours",
    "unit": "hour",
    "currency": "USD",
    "rate": "0.0168",
    "tier_from": "",
    "allowance": "",
    "increment": "",
    "valid_from": "2026-01-01",
    "valid_until": "",
    "withdrawn_on": "",
    "as_of": "2026-01-01",
    "confidence": "high",
    "source": "a test",
}


def text(*rows, **cells):
    lines = [{**GOOD, **row} for row in rows] or [{**GOOD, **cells}]
    return "\n".join([",".join(COLUMNS), *(",".join(line[column] for column in COLUMNS) for line in lines)]) + "\n"


def rates(*rows, **cells):
    return parse_rates(text(*rows, **cells), "my.csv")


def problem(source):
    with pytest.raises(PriceError) as found:
        parse_rates(source, "my.csv")
    return found.value.message


def rate_on(book, day, region="us-east-1"):
    card = book.card("aws/ec2/t4g.small", region, date.fromisoformat(day))
    return card and str(card.first.amount)


def test_a_row_becomes_a_rate():
    (rate,) = rates(allowance="100", increment="1", withdrawn_on="2026-05-13", valid_until="2026-12-31")
    assert (rate.amount, rate.tier_from, rate.allowance, rate.increment) == (Decimal("0.0168"), 0, 100, 1)
    assert (rate.provider, rate.withdrawn_on, rate.valid_until) == ("aws", date(2026, 5, 13), date(2026, 12, 31))


def test_empty_cells_are_absent_and_not_zero():
    (rate,) = rates()
    assert (rate.increment, rate.valid_until, rate.withdrawn_on) == (None, None, None)


def test_empty_lines_are_passed_over_and_quotes_keep_a_comma():
    (rate,) = parse_rates(text(source='"AWS, Seoul"') + "\n\n", "my.csv")
    assert rate.source == "AWS, Seoul"


def test_a_later_row_succeeds_an_earlier_one_on_its_day():
    book = PriceBook(rates({}, {"valid_from": "2026-06-01", "as_of": "2026-06-01", "rate": "0.02"}))
    assert [rate_on(book, day) for day in ("2025-12-31", "2026-01-01", "2026-05-31", "2026-06-01", "2030-01-01")] == [
        None,
        "0.0168",
        "0.0168",
        "0.02",
        "0.02",
    ]


def test_a_closed_window_leaves_nothing_after_its_last_day():
    book = PriceBook(rates(valid_until="2026-06-30"))
    assert (rate_on(book, "2026-06-30"), rate_on(book, "2026-07-01")) == ("0.0168", None)


def test_a_special_offer_ends_and_the_old_price_returns():
    offer = {"valid_from": "2026-06-01", "as_of": "2026-06-01", "valid_until": "2026-06-30", "rate": "0.01"}
    book = PriceBook(rates({}, offer))
    assert [rate_on(book, day) for day in ("2026-05-31", "2026-06-15", "2026-07-01")] == ["0.0168", "0.01", "0.0168"]


def test_tiers_come_lowest_bound_first_and_each_succeeds_alone():
    book = PriceBook(
        rates(
            {"tier_from": "100", "rate": "0.5"},
            {"tier_from": "", "rate": "0.9"},
            {"tier_from": "100", "rate": "0.4", "valid_from": "2026-03-01", "as_of": "2026-03-01"},
        )
    )
    card = book.card("aws/ec2/t4g.small", "us-east-1", date(2026, 4, 1))
    assert [(tier.tier_from, tier.amount) for tier in card.tiers] == [(0, Decimal("0.9")), (100, Decimal("0.4"))]
    assert card.age_days(date(2026, 4, 1)) == 90  # 1 January to 1 April: the older tier counts


def test_a_card_without_a_tier_at_zero_is_not_on_sale():
    assert rate_on(PriceBook(rates(tier_from="100")), "2026-02-01") is None


def test_a_price_for_any_region_stands_in_where_the_region_has_none():
    book = PriceBook(rates({"region": "any", "rate": "1"}, {"rate": "2"}))
    assert (rate_on(book, "2026-02-01"), rate_on(book, "2026-02-01", "ap-northeast-2")) == ("2", "1")


def test_a_file_on_top_counts_on_the_days_it_is_valid():
    overlay = rates(rate="0.011", valid_from="2026-01-01", valid_until="2026-02-28", as_of="2026-01-05")
    book = PriceBook(rates()).with_rates(overlay)
    assert [rate_on(book, day) for day in ("2026-01-01", "2026-02-28", "2026-03-01")] == ["0.011", "0.011", "0.0168"]


def test_the_file_named_last_wins_over_the_one_before():
    book = PriceBook(rates()).with_rates(rates(rate="0.2")).with_rates(rates(rate="0.3"))
    assert rate_on(book, "2026-02-01") == "0.3"


def test_a_file_on_top_wins_over_a_shipped_row_that_starts_later():
    shipped = rates(valid_from="2026-04-01", as_of="2026-04-01", rate="0.02")
    book = PriceBook(shipped).with_rates(rates(valid_from="2026-01-01", rate="0.01"))
    assert rate_on(book, "2026-07-01") == "0.01"


def test_the_base_book_does_not_change_when_a_layer_is_added():
    base = PriceBook(rates())
    base.with_rates(rates(rate="9"))
    assert rate_on(base, "2026-02-01") == "0.0168"


def test_the_book_knows_its_skus_and_regions():
    book = PriceBook(rates({}, {"region": "any"}, {"region": "ap-northeast-2"}, {"sku": "runpod/x/y", "region": "eu"}))
    assert book.skus() == ("aws/ec2/t4g.small", "runpod/x/y")
    assert book.regions("aws") == ("ap-northeast-2", "us-east-1")
    assert book.regions_of("aws/ec2/t4g.small", date(2026, 2, 1)) == ("any", "ap-northeast-2", "us-east-1")
    assert book.regions_of("aws/ec2/t4g.small", date(2025, 2, 1)) == ()


def test_what_is_written_reads_back_unchanged():
    rows = rates(
        {"source": '"a, ""b"" c"', "allowance": "100", "increment": "0.5", "withdrawn_on": "2026-05-13"},
        {"tier_from": "10240", "rate": "0.000011574"},
    )
    assert parse_rates(render_rates(rows), "my.csv") == rows


def test_a_written_decimal_has_no_exponent():
    assert "E" not in render_rates(rates(rate="1E-8")).split("\n")[1]


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", f"my.csv:1: expected the columns {HEADER}; found nothing"),
        ("a,b\n", f"my.csv:1: expected the columns {HEADER}; found a,b"),
        (f"{HEADER}\na,b\n", "my.csv:2: expected 15 columns, found 2"),
        (text({}, {"rate": "cheap"}), "my.csv:3 rate: found 'cheap'; expected a decimal"),
    ],
)
def test_a_file_that_is_none_is_refused(source, message):
    assert problem(source) == message


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("sku", "t4g.small", "my.csv:2 sku: found 't4g.small'; expected provider/service/name"),
        ("sku", "aws//x", "my.csv:2 sku: found 'aws//x'; expected provider/service/name"),
        ("sku", "a/b/c/d", "my.csv:2 sku: found 'a/b/c/d'; expected provider/service/name"),
        ("region", "", "my.csv:2 region: found ''; expected one word"),
        ("region", "us east", "my.csv:2 region: found 'us east'; expected one word"),
        ("meter", "", "my.csv:2 meter: found ''; expected one word"),
        ("unit", "fortnight", f"my.csv:2 unit: found 'fortnight'; allowed: {', '.join(UNITS)}"),
        ("currency", "", "my.csv:2 currency: found ''; expected one word"),
        ("rate", "", "my.csv:2 rate: found ''; allowed is a decimal above zero"),
        ("rate", "0", "my.csv:2 rate: found '0'; allowed is a decimal above zero"),
        ("rate", "-1", "my.csv:2 rate: found '-1'; expected a decimal of zero or more"),
        ("rate", "NaN", "my.csv:2 rate: found 'NaN'; expected a decimal of zero or more"),
        ("rate", "Infinity", "my.csv:2 rate: found 'Infinity'; expected a decimal of zero or more"),
        ("rate", "$1", "my.csv:2 rate: found '$1'; expected a decimal"),
        ("tier_from", "x", "my.csv:2 tier_from: found 'x'; expected a decimal"),
        ("allowance", "-5", "my.csv:2 allowance: found '-5'; expected a decimal of zero or more"),
        ("increment", "one", "my.csv:2 increment: found 'one'; expected a decimal"),
        ("valid_from", "", "my.csv:2 valid_from: found ''; expected a date such as 2026-11-23"),
        ("valid_until", "soon", "my.csv:2 valid_until: found 'soon'; expected a date such as 2026-11-23"),
        ("withdrawn_on", "13.5.26", "my.csv:2 withdrawn_on: found '13.5.26'; expected a date such as 2026-11-23"),
        ("as_of", "2026-02-30", "my.csv:2 as_of: found '2026-02-30'; expected a date such as 2026-11-23"),
        ("as_of", "2025-12-31", "my.csv:2 as_of: 2025-12-31 is before valid_from 2026-01-01"),
        ("confidence", "sure", "my.csv:2 confidence: found 'sure'; allowed: high, medium, low"),
        ("source", " ", "my.csv:2 source: found nothing; a price says where it comes from"),
    ],
)
def test_a_bad_cell_is_named_with_its_place_and_what_is_allowed(column, value, message):
    assert problem(text(**{column: value})) == message


TWO_RATES = "my.csv: aws/ec2/t4g.small in us-east-1 has two rates on {day}; a rate is succeeded by a row with a later valid_from"


def test_two_rows_that_start_on_one_day_are_refused():
    assert problem(text({}, {"rate": "2"})) == TWO_RATES.format(day="2026-01-01")


def test_a_closed_window_that_runs_into_the_next_row_is_refused():
    later = {"valid_from": "2026-06-01", "as_of": "2026-06-01"}
    said = problem(text({"valid_until": "2026-06-01"}, later))
    assert said == TWO_RATES.format(day="2026-06-01")
    assert len(rates({"valid_until": "2026-05-31"}, later)) == 2


def test_rows_of_other_regions_and_tiers_do_not_meet():
    assert len(rates({}, {"region": "any"}, {"tier_from": "10"}, {"sku": "aws/ec2/t4g.micro"})) == 4
