from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.receipts.amounts import Style, amounts_in, style_of
from outgrow.receipts.dates import Order, date_in, without_dates
from outgrow.receipts.fields import fields_of, read_fields
from outgrow.receipts.labels import Label, label_of
from outgrow.receipts.lines import Line, rows_of, rows_of_text

from .generated import misread, receipt, seeded
from .made_up import RECEIPTS

DAYS = st.dates(date(2000, 1, 1), date(2039, 12, 31))


@pytest.mark.parametrize("receipt", RECEIPTS, ids=[receipt[0] for receipt in RECEIPTS])
def test_a_made_up_receipt_is_read_whole(receipt):
    _, merchant, day, total, currency, text = receipt
    found = fields_of(rows_of_text(text.strip().splitlines()))
    assert found.total is not None
    assert found.date is not None
    assert found.merchant is not None
    assert (found.total.value, found.date.value.isoformat()) == (Decimal(total), day)
    assert found.merchant.value.replace(" ", "") == merchant.replace(" ", "")
    assert currency in {None, found.place.currency}


@pytest.mark.parametrize(("rate", "totals", "dates"), [(0.0, 1.0, 1.0), (0.02, 0.96, 0.95), (0.05, 0.92, 0.9)])
def test_most_generated_receipts_are_read_even_when_misread(rate, totals, dates):
    count = 400
    right = [0, 0]
    for seed in range(count):
        random = seeded(seed)
        made = receipt(random)
        found = fields_of(rows_of_text(misread(random, made.rows, rate) if rate else made.rows))
        right[0] += found.total is not None and found.total.value == made.total
        right[1] += found.date is not None and found.date.value == made.day
    assert right[0] >= totals * count
    assert right[1] >= dates * count


def test_a_sure_total_is_told_from_an_unsure_one():
    sure, unsure = [], []
    for seed in range(300):
        random = seeded(seed)
        made = receipt(random)
        found = fields_of(rows_of_text(misread(random, made.rows, 0.08)))
        if found.total is not None:
            (sure if found.total.value == made.total else unsure).append(found.total.confidence)
    assert sum(sure) / len(sure) > sum(unsure) / len(unsure) + 0.1


@given(
    day=DAYS,
    form=st.sampled_from(
        [
            "%Y-%m-%d",
            "%Y.%m.%d",
            "%Y/%m/%d",
            "%d %b %Y",
            "%d%b%Y",
            "%d-%B-%Y",
            "%b %d, %Y",
            "%Y년 %m월 %d일",
            "%Y年%m月%d日",
        ]
    ),
    clock=st.sampled_from(["", " 12:31", " 7:05 PM"]),
)
def test_a_date_that_can_be_read_one_way_is_read_that_way(day, form, clock):
    found = date_in(rows_of_text([f"Date: {day.strftime(form)}{clock}"]), None)
    assert found is not None
    assert (found.value, found.assumed) == (day, False)
    assert found.confidence > 0.85


@given(day=DAYS, mark=st.sampled_from("/-."))
def test_the_country_decides_between_day_and_month_and_it_is_said(day, mark):
    day_first = date_in(rows_of_text([day.strftime(f"%d{mark}%m{mark}%Y")]), Order.DAY_FIRST)
    month_first = date_in(rows_of_text([day.strftime(f"%m{mark}%d{mark}%Y")]), Order.MONTH_FIRST)
    nobody = date_in(rows_of_text([day.strftime(f"%d{mark}%m{mark}%Y")]), None)
    assert day_first is not None
    assert month_first is not None
    assert nobody is not None
    assert day_first.value == month_first.value == nobody.value == day
    ambiguous = day.day <= 12 and day.day != day.month
    assert day_first.assumed == nobody.assumed == ambiguous
    if ambiguous:
        assert nobody.confidence < day_first.confidence < 0.9


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("DATE:25/12/20188:13:39PM", "2018-12-25"),
        ("Date O8/1O/2O17", "2017-10-08"),
        ("12-01-19 21:13 SH01", "2019-01-12"),
        ("29/01/1812:30", "2018-01-29"),
        ("2026. 11. 23. 14:05", "2026-11-23"),
        ("2026년11월23일", "2026-11-23"),
        ("20268 11월23일14:05", "2026-11-23"),
        ("1202614 11월23일14:05", "2026-11-23"),
        ("2026년 11월 23일 14:05", "2026-11-23"),
        ("거래일: 2025년3월7일", "2025-03-07"),
        ("22 MAR.2018 18:24", "2018-03-22"),
        ("Sun, Mar 4, 2018", "2018-03-04"),
        ("25l12/2018", "2018-12-25"),
        ("03 0CT 2018", "2018-10-03"),
    ],
)
def test_a_date_as_engines_give_it(text, day):
    found = date_in(rows_of_text([text]), Order.DAY_FIRST)
    assert found is not None
    assert found.value.isoformat() == day


def test_a_day_that_has_not_come_is_not_the_day_of_purchase():
    rows = rows_of_text(["11/12/26", "Exchange before 31/12/2026"])
    found = date_in(rows, None, date(2026, 11, 25))
    assert found is not None
    assert found.value == date(2026, 11, 12)


@given(cents=st.integers(1, 99_999_999))
def test_an_amount_is_read_in_each_style(cents):
    value = Decimal(cents) / 100
    plain = f"{value:,.2f}"
    swapped = plain.translate(str.maketrans(",.", ".,"))
    assert [found.value for found in amounts_in(f"TOTAL RM {plain}", Style.POINT)] == [value]
    assert [found.value for found in amounts_in(f"SUMME {swapped} EUR", Style.COMMA)] == [value]
    assert [found.value for found in amounts_in(f"합계 {cents:,}원", Style.WHOLE)] == (
        [Decimal(cents)] if cents < 10**9 else []
    )


@given(cents=st.integers(100, 9_999_999), letters=st.sets(st.sampled_from(["0O", "1l", "5S", "8B"]), min_size=1))
def test_letters_in_amounts_are_digits(cents, letters):
    value = Decimal(cents) / 100
    text = f"{value:.2f}"
    for digit, letter in letters:
        text = text[:-1].replace(digit, letter, 1) + text[-1]
    found = amounts_in(text, Style.POINT)
    if sum(character.isdigit() for character in text) * 2 >= len(text) - 1:
        assert [amount.value for amount in found] == [value]


@given(st.lists(st.text(max_size=40), max_size=30))
def test_no_text_breaks_the_rules(texts):
    fields_of(rows_of_text(texts))
    for text in texts:
        label_of(text)
        style_of([without_dates(text)])


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("TOTAL SALES (EXCLUDING GST)", Label.NET),
        ("TOTAL GST", Label.TAX),
        ("Total Sales Inclusive GST @6%", Label.TAXED),
        ("ROUR DING ADJUSTMENT", Label.ROUNDING),
        ("ROUND D TOTAL (RM)", Label.FINAL),
        ("Total Rounded", Label.FINAL),
        ("CASHIER: AINA", Label.OTHER),
        ("CASH BILL", Label.OTHER),
        ("CASH", Label.TENDERED),
        ("CHANGE", Label.CHANGE),
        ("CHARGER USB", Label.OTHER),
        ("EXCHANGEABLE", Label.OTHER),
        ("GST SUMMARY", Label.SUMMARY),
        ("TOTAL QTY", Label.COUNT),
        ("T0TAI", Label.TOTAL),
        ("TOTAL INCLUDES 6% GST", Label.TAX),
        ("Total GST Payable", Label.TAX),
        ("Total Payable", Label.FINAL),
        ("공 급 가 액", Label.NET),
        ("부가세", Label.TAX),
        ("합 계", Label.TOTAL),
        ("받은금액", Label.TENDERED),
        ("받을금액", Label.FINAL),
        ("거스름돈", Label.CHANGE),
        ("할인금액", Label.DISCOUNT),
    ],
)
def test_what_a_row_is_about(text, label):
    assert label_of(text) is label


@given(slope=st.floats(-0.12, 0.12), fan=st.floats(-0.00008, 0.00008), seed=st.integers(0, 10_000))
def test_rows_are_found_on_a_page_that_is_not_level(slope, fan, seed):
    random = seeded(seed)
    lines = []
    for number in range(14):
        for x, width in ((40, random.randrange(120, 300)), (480, 70)):
            y = 40 + number * 34
            lean = slope + fan * y
            top = y + lean * x + random.uniform(-1, 1)
            box = ((x, top), (x + width, top + lean * width), (x + width, top + lean * width + 22), (x, top + 22))
            lines.append(Line(text=f"{number}", confidence=1.0, box=box))
    random.shuffle(lines)
    assert [row.text for row in rows_of(lines)] == [f"{number}  {number}" for number in range(14)]


def test_a_total_beside_the_wrong_amount_is_outvoted_by_what_adds_up():
    texts = ["공급가액  24,636", "부가세  2,464", "합계  2,464", "받은금액  30,000", "거스름돈  2,900"]
    found = fields_of(rows_of_text(texts))
    assert found.total is not None
    assert found.total.value == 27_100


def test_nothing_is_found_in_nothing():
    found = read_fields([])
    assert (found.merchant, found.date, found.total, found.items) == (None, None, None, ())


def test_items_are_named_counted_and_priced():
    found = fields_of(
        rows_of_text(["SHOP", "0live 0il x2  $15.20", "BREAD", "3 X 1.50  $4.50", "Subtotal  $19.70", "TOTAL  $19.70"])
    )
    assert [(item.name, item.quantity, item.amount) for item in found.items] == [
        ("Olive Oil", 2, Decimal("15.20")),
        ("BREAD", 3, Decimal("4.50")),
    ]
    assert found.total is not None
    assert "sum of items" in found.total.reasons
