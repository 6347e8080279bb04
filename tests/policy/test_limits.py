"""2 a second and a burst of 10, exactly; and the law for every limit."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.backend import Gateway, RateLimit
from outgrow.policy.limits import NS, Bucket, Taken, buckets, interval_ns, pour, take
from outgrow.policy.refusal import Refused

LIMIT = RateLimit(per_s=2.0, burst=10)
GATEWAY = Gateway(tasks=(), backends=(), reach=())


def play(limit: RateLimit, moments_ns: list[int]) -> list[int]:
    """The moments at which a write passed."""
    state: int | None = None
    passed = []
    for now in moments_ns:
        state, wait_ns = pour(limit, state, now)
        passed += [] if wait_ns else [now]
    return passed


def test_of_fifty_at_once_eleven_pass_and_none_of_the_next_fifty_within_four_tenths():
    again = [100 + step * (4 * NS // 10) // 49 for step in range(50)]
    assert len(play(LIMIT, [100] * 50)) == 11
    assert len(play(LIMIT, [100] * 50 + again)) == 11
    assert len(play(LIMIT, [100] * 50 + [100 + NS // 2 - 1])) == 11
    assert len(play(LIMIT, [100] * 50 + [100 + NS // 2])) == 12
    assert len(play(LIMIT, [100] * 50 + [100 + 60 * NS] * 50)) == 22


@given(
    st.builds(RateLimit, per_s=st.floats(min_value=0.01, max_value=1e6), burst=st.integers(0, 50)),
    st.lists(st.integers(0, 10 * NS), max_size=60),
    st.booleans(),
)
def test_no_span_lets_more_than_the_rate_and_the_burst_through(limit, moments, in_order):
    passed = sorted(play(limit, sorted(moments) if in_order else moments))
    rate = Fraction(repr(limit.per_s)) / NS
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            assert last - first + 1 <= 1 + limit.burst + rate * (passed[last] - passed[first])


@given(st.lists(st.integers(0, 10 * NS), min_size=1, max_size=40))
def test_whoever_waits_as_told_passes(moments):
    state: int | None = None
    for now in sorted(moments):
        state, wait_ns = pour(LIMIT, state, now)
        if wait_ns:
            assert pour(LIMIT, state, now + wait_ns)[1] == 0
            assert pour(LIMIT, state, now + wait_ns - 1)[1] == 1


def test_a_third_of_a_second_is_never_too_short():
    assert interval_ns(3.0) * 3 >= NS
    assert interval_ns(2.0) == NS // 2


def test_people_of_one_address_are_told_apart_and_a_write_counts_for_key_and_user():
    states: dict[str, int] = {}
    answers = []
    for user in ["kim"] * 12 + ["lee"]:
        found = buckets(GATEWAY, "k1", user)[1:]  # the users alone
        verdict = take(found, states, 0)
        states |= dict(verdict.states) if isinstance(verdict, Taken) else {}
        answers.append(isinstance(verdict, Taken))
    assert answers == [True] * 11 + [False, True]
    assert [one.name for one in buckets(GATEWAY, "k1", "kim")] == ["key:k1", "user:k1/kim"]
    assert [one.name for one in buckets(GATEWAY, "k2", None)] == ["key:k2"]


def test_what_one_bucket_refuses_is_taken_from_none():
    slow = Bucket(name="slow", limit=RateLimit(per_s=1, burst=0), rule="limits.per_key")
    wide = Bucket(name="wide", limit=LIMIT, rule="limits.per_user")
    first = take((slow, wide), {}, 0)
    assert isinstance(first, Taken)
    refused = take((slow, wide), dict(first.states), NS // 4)
    assert isinstance(refused, Refused)
    assert (refused.rule, refused.retry_after_s, refused.status) == ("limits.per_key", 0.75, 429)


def test_more_in_one_request_than_ever_pass_at_once_is_told_so():
    assert isinstance(take(buckets(GATEWAY, "k", None), {}, 0, writes=11), Taken)
    refused = take(buckets(GATEWAY, "k", None), {}, 0, writes=12)
    assert isinstance(refused, Refused)
    assert refused.retry_after_s is None
    assert refused.detail == (
        "found 12 writes in one request, allowed: 2 writes a second and 10 more at once for one key; send fewer at a time"
    )
