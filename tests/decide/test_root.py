"""Crossings are found in few calls, wherever they are and whatever lies beyond them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.decide.root import MOST_CALLS, PRECISION, crossing, turn


@given(place=st.floats(1.001, 999), bend=st.sampled_from([0.2, 1.0, 5.0]), noise=st.floats(0, 0.5))
def test_a_rising_function_is_crossed_where_it_is_zero(place: float, bend: float, noise: float) -> None:
    calls = []

    def rises(x: float) -> float:
        calls.append(x)
        lead = math.log(x / place)
        return math.copysign(abs(lead) ** bend, lead) * (1 + noise * math.sin(1e4 * x))

    low, high = crossing(rises, 1.0, 1000.0)
    assert low <= place * (1 + 1e-9)
    assert high >= place * (1 - 1e-9)
    assert high / low - 1 <= PRECISION
    assert len(calls) <= 40


@given(place=st.floats(1.01, 99), infinite=st.sampled_from(["below", "above", "both"]))
def test_where_only_the_sign_is_known_it_bisects(place: float, infinite: str) -> None:
    def rises(x: float) -> float:
        if x < place:
            return -math.inf if infinite != "above" else x - place
        return math.inf if infinite != "below" else x - place

    low, high = crossing(rises, 1.0, 100.0)
    assert low <= place <= high
    assert high / low - 1 <= PRECISION


def test_a_smooth_function_needs_few_calls_and_known_ends_none() -> None:
    calls = []

    def rises(x: float) -> float:
        calls.append(x)
        return math.log(x) - 3.0

    crossing(rises, 1.0, 1000.0, (-3.0, math.log(1000) - 3.0))
    assert len(calls) < 12


def test_the_search_ends_whatever_the_function_does() -> None:
    calls = []

    def jumps(x: float) -> float:
        calls.append(x)
        return -1.0 if len(calls) % 2 else 1.0

    crossing(jumps, 1e-6, 1e6)
    assert len(calls) <= MOST_CALLS + 2


def test_a_turn_lies_between_holding_and_not() -> None:
    assert turn(lambda x: x < 7.3, 1.0, 10.0) == pytest.approx(7.3, abs=0.01)
    assert turn(lambda x: x > 7.3, 10.0, 1.0) == pytest.approx(7.3, abs=0.01)
