"""The forecast of a month: by hand, within its bounds, and as often right as it says."""

from __future__ import annotations

import random

import pytest

from outgrow.policy.forecast import forecast


def test_by_hand() -> None:
    # 4 days of 1, 2, 3, 2: spent 8 in 4 of 30 days is 60; s = 0.8165, r = 26: 1.638 s sqrt(26 + 26^2 / 4) = 18.68
    found = forecast([1, 2, 3, 2], 0, 4, 30)
    assert found is not None
    assert found.at_end == pytest.approx(60)
    assert (found.low, found.high) == (pytest.approx(60 - 18.68, abs=0.01), pytest.approx(60 + 18.68, abs=0.01))


def test_a_month_that_is_over_is_known_and_one_that_has_not_begun_is_not() -> None:
    over = forecast([5.0] * 30, 0, 30, 30)
    assert over is not None
    assert (over.at_end, over.low, over.high) == (150, 150, 150)
    assert forecast([], 0, 0, 30) is None
    first = forecast([], 3, 0.5, 30)
    assert first is not None
    assert (first.at_end, first.low, first.high) == (180, None, None)


def test_never_less_than_is_spent() -> None:
    found = forecast([0, 0, 90], 0, 3, 30)
    assert found is not None
    assert found.low == 90


def test_eight_of_ten_months_end_within_it_where_days_are_alike() -> None:
    draw = random.Random(7)  # noqa: S311 - a drawn month, seeded
    inside = 0
    for _ in range(1_000):
        month = [max(0.0, draw.gauss(10, 3)) for _ in range(30)]
        found = forecast(month[:10], 0, 10, 30)
        assert found is not None
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= sum(month) <= found.high
    assert 770 <= inside <= 830
