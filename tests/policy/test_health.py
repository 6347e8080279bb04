"""A backend that fails is left alone, longer each time, and then tried with one attempt."""

from __future__ import annotations

from datetime import timedelta

from outgrow.policy.health import WELL, failed, places

from .gateways import NOW


def test_three_failures_and_it_is_left_alone_longer_each_time():
    state, pauses = WELL, []
    for _ in range(10):
        state = failed(state, NOW)
        pauses.append(0 if state.out_until is None else (state.out_until - NOW).total_seconds())
    assert pauses == [0, 0, 5, 10, 20, 40, 80, 120, 120, 120]


def test_one_attempt_finds_out_whether_it_is_well_again():
    state = failed(failed(failed(WELL, NOW), NOW), NOW)
    assert places(state, 4, NOW) == 0
    assert places(state, 4, NOW + timedelta(seconds=5)) == 1
    assert places(state, 0, NOW + timedelta(seconds=5)) == 0
    assert places(WELL, 4, NOW) == 4


def test_what_it_asks_for_is_waited_for():
    state = failed(WELL, NOW, retry_after_s=30)
    assert places(state, 4, NOW + timedelta(seconds=29)) == 0
    assert places(state, 4, NOW + timedelta(seconds=30)) == 4
