from __future__ import annotations

from decimal import Decimal

import pytest
from .made_up import RECEIPTS

from outgrow.receipts.fields import fields_of
from outgrow.receipts.lines import rows_of_text


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
