"""The difference of two bills, shared out: exactly, fairly, and by what really changed."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.decide.attribute import COLD_START, REQUESTS, attributed, changed, mixed

if TYPE_CHECKING:
    from outgrow.domain.workload import Service

NAMES = ("price", "quantity", "rate", "days")


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.1, 100)), min_size=1, max_size=4))
def test_the_parts_of_a_product_add_up_to_the_difference(pairs: list[tuple[float, float]]) -> None:
    names = NAMES[: len(pairs)]

    def value(changed: frozenset[str]) -> float:
        return math.prod(pair[name in changed] for name, pair in zip(names, pairs, strict=True))

    shares = attributed(names, value)
    assert math.fsum(shares.values()) == pytest.approx(value(frozenset(names)) - value(frozenset()), abs=1e-6, rel=1e-9)
    for name, (before, after) in zip(names, pairs, strict=True):
        assert shares[name] * (after - before) >= -1e-9


def test_two_factors_halve_what_they_do_together_and_one_that_does_nothing_gets_nothing() -> None:
    # 2 x 3 becomes 4 x 5, whatever the third is: 14 more, of which 2 x 2 belongs to both.
    def value(changed: frozenset[str]) -> float:
        return (4 if "a" in changed else 2) * (5 if "b" in changed else 3)

    assert attributed(("a", "b", "c"), value) == pytest.approx({"a": 2 * 3 + 2, "b": 2 * 2 + 2, "c": 0})


def test_too_many_factors_are_refused() -> None:
    with pytest.raises(ValueError, match="factors: 9 found; allowed are 8"):
        attributed([str(place) for place in range(9)], lambda _: 0.0)


def test_a_service_is_mixed_of_assumed_and_measured(receipts: Service) -> None:
    (task,) = receipts.inference
    later = dataclasses.replace(task, requests_per_day=140.0, cold_start_s=90.0)
    measured = dataclasses.replace(receipts, inference=(later,))
    assert changed(receipts, measured, "receipts") == [REQUESTS, COLD_START]
    (some,) = mixed(receipts, measured, "receipts", {COLD_START}).inference
    assert (some.requests_per_day, some.cold_start_s) == (task.requests_per_day, 90.0)
    assert mixed(receipts, measured, "receipts", {REQUESTS, COLD_START}) == measured
