"""How fast somebody may write: a token bucket as one number, with exact arithmetic.

The rule is the virtual scheduling form of the generic cell rate algorithm (ITU-T I.371). With the interval T = 1/rate,
the state is the moment at which everything let through so far would have been used up at the rate. A write passes when
that moment is at most ``burst`` T ahead, and moves it T on. So one write passes by the rate itself, ``burst`` more on
top of it: at 2 a second and a burst of 10, of 50 at once 11 pass, and the next 0.5 s later.

In any span of t seconds at most 1 + burst + rate t writes pass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.domain.backend import Gateway, RateLimit

NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """One bucket: whose it is (``key:ID`` or ``user:ID/NAME``), its limit, and which key of the file set it."""

    name: str
    limit: RateLimit
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a write leaves behind in each bucket (``used_up_ns`` by name)."""

    states: tuple[tuple[str, int], ...]


def buckets(gateway: Gateway, key: str, user: str | None) -> tuple[Bucket, ...]:
    """The buckets a write counts in: its key's, and its user's where it names one.

    An address is nobody: people behind one office address are told apart by key and user, and a user of one key is not
    the user of the same name of another.
    """
    of_key = Bucket(name=f"key:{key}", limit=gateway.per_key, rule="limits.per_key")
    if user is None:
        return (of_key,)
    return (of_key, Bucket(name=f"user:{key}/{user}", limit=gateway.per_user, rule="limits.per_user"))


def take(found: Sequence[Bucket], states: Mapping[str, int], now_ns: int, writes: int = 1) -> Taken | Refused:
    """Lets ``writes`` through all buckets, or through none.

    ``states`` are the ``used_up_ns`` kept by name; a bucket that is missing is full, so one whose moment has passed may
    be forgotten. ``now_ns`` comes from one clock for all callers (the database's); should it go back, nobody gets more.
    """
    after: list[tuple[str, int]] = []
    waits: list[tuple[int, Bucket]] = []
    for one in found:
        state, wait_ns = pour(one.limit, states.get(one.name), now_ns, writes)
        after.append((one.name, state))
        waits += [(wait_ns, one)] if wait_ns else []
    if not waits:
        return Taken(states=tuple(after))
    wait_ns, slowest = max(waits, key=lambda wait: wait[0])
    return _refuse(slowest, wait_ns, writes)


def pour(limit: RateLimit, used_up_ns: int | None, now_ns: int, writes: int = 1) -> tuple[int, int]:
    """(the new state, 0) where ``writes`` pass now, else (the old state, ns to wait)."""
    step_ns = interval_ns(limit.per_s)
    used = now_ns if used_up_ns is None else max(used_up_ns, now_ns)
    last = used + (writes - 1) * step_ns
    wait_ns = last - limit.burst * step_ns - now_ns
    return (last + step_ns, 0) if wait_ns <= 0 else (now_ns if used_up_ns is None else used_up_ns, wait_ns)


@lru_cache(maxsize=64)
def interval_ns(per_s: float) -> int:
    """Nanoseconds between two writes at the rate, rounded up: never faster than asked for."""
    return math.ceil(NS / Fraction(repr(per_s)))


def _refuse(bucket: Bucket, wait_ns: int, writes: int) -> Refused:
    limit = bucket.limit
    whose = bucket.rule.removeprefix("limits.per_")
    allowed = f"{limit.per_s:g} writes a second and {limit.burst} more at once for one {whose}"
    if writes > limit.burst + 1:
        detail = f"found {writes} writes in one request, allowed: {allowed}; send fewer at a time"
        return Refused(code=Code.RATE_LIMITED, detail=detail, rule=bucket.rule)
    return Refused(code=Code.RATE_LIMITED, detail=f"allowed: {allowed}", rule=bucket.rule, retry_after_s=wait_ns / NS)
