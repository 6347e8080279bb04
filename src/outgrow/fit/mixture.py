"""Times of two kinds in one column (pauses within a session and between sessions, waits with and without a start)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FEWEST_VALUES = 20
ROUNDS = 200
STEP = 0.05
FIRST_CUTS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99)
APART = 1.5
"""Two kinds are told apart when their means (of logarithms) differ by so many times the sum of their deviations."""

MOST_OVERLAP = 0.5
"""And when beyond the threshold the longer kind is in the majority."""

RARE_SHARE = 0.003
RARE_COUNT = 5
"""A kind is one from this share of the values on, and so many of them."""

NARROWEST = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """A mixture of two lognormal laws: share, mean and deviation of the logarithms of seconds, the shorter kind first.

    The logarithm has the density ``a n(x; m, s) + b n(x; n, t)``, n normal, ``a + b = 1``, ``m < n``, s and t at least
    `NARROWEST`.
    """

    shares: tuple[float, float]
    means: tuple[float, float]
    deviations: tuple[float, float]

    @property
    def threshold_s(self) -> float:
        """Where a time is as likely of either kind."""
        low, high = self.means
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self.longer(math.exp(middle)) < 0.5 else (low, middle)
        return math.exp((low + high) / 2)

    @property
    def overlap(self) -> float:
        """Values of the shorter kind beyond the threshold over all of the longer kind."""
        beyond = (math.log(self.threshold_s) - self.means[0]) / self.deviations[0] / math.sqrt(2)
        return self.shares[0] * math.erfc(beyond) / 2 / self.shares[1]

    def longer(self, value_s: float) -> float:
        """Chance that a time is of the longer kind."""
        at = math.log(max(value_s, 1e-12))
        if at <= self.means[0]:
            return 0.0
        if at >= self.means[1]:
            return 1.0
        short, long = (
            share / deviation * math.exp(-0.5 * ((at - mean) / deviation) ** 2)
            for share, mean, deviation in zip(self.shares, self.means, self.deviations, strict=True)
        )
        return long / (short + long) if short + long > 0 else float(at > sum(self.means) / 2)


def two_kinds(values_s: Sequence[float], floor_s: float) -> Kinds | None:
    """The two kinds of some times (s, 0 or more); None if they are of one kind, or fewer than `FEWEST_VALUES`.

    ``floor_s`` > 0 stands for times too short to be told.

    Expectation-maximisation on the logarithms, counted in steps of `STEP`, from several first cuts. Stops holding where
    the kinds overlap: then there is one. Source: Dempster, Laird and Rubin 1977.
    """
    if len(values_s) < FEWEST_VALUES:
        return None
    counted = Counter(round(math.log(max(value, floor_s)) / STEP) for value in values_s)
    logs = [(STEP * place, count) for place, count in sorted(counted.items())]
    found = [settled for share in FIRST_CUTS if (settled := _settled(logs, share * len(values_s))) is not None]
    if not found:
        return None
    kinds = max(found, key=lambda each: each[0])[1]
    apart = kinds.means[1] - kinds.means[0] > APART * sum(kinds.deviations) and kinds.overlap < MOST_OVERLAP
    rare = min(kinds.shares) < max(RARE_SHARE, RARE_COUNT / len(values_s))
    return kinds if apart and not rare else None


Counted = list[tuple[float, int]]


def _settled(logs: Counted, cut: float) -> tuple[float, Kinds] | None:
    """Log likelihood and mixture from a first cut after so many values."""
    weights, before = [], 0
    for _, count in logs:
        before += count
        weights.append(float(before > cut))
    last = -math.inf
    kinds: Kinds | None = None
    for _ in range(ROUNDS):
        kinds = _mixture(logs, weights)
        if kinds is None:
            return None
        height, weights = _weighed(logs, kinds)
        if height - last < 1e-7 * abs(height):
            break
        last = height
    return (last, kinds) if kinds is not None and kinds.means[0] < kinds.means[1] else None


def _mixture(logs: Counted, weights: list[float]) -> Kinds | None:
    """Shares, means and deviations of both kinds, each value being of the longer kind by its weight."""
    long = math.fsum(weight * count for weight, (_, count) in zip(weights, logs, strict=True))
    short = sum(count for _, count in logs) - long
    if min(long, short) < 1:
        return None
    parts = []
    for total, own in ((short, [1 - weight for weight in weights]), (long, weights)):
        mean = math.fsum(weight * count * at for weight, (at, count) in zip(own, logs, strict=True)) / total
        square = math.fsum(weight * count * (at - mean) ** 2 for weight, (at, count) in zip(own, logs, strict=True))
        parts.append((total / (short + long), mean, max(math.sqrt(square / total), NARROWEST)))
    (a, m, s), (b, n, t) = parts
    return Kinds(shares=(a, b), means=(m, n), deviations=(s, t))


def _weighed(logs: Counted, kinds: Kinds) -> tuple[float, list[float]]:
    (a, b), (m, n), (s, t) = kinds.shares, kinds.means, kinds.deviations
    height, weights = 0.0, []
    for at, count in logs:
        short = a / s * math.exp(-0.5 * ((at - m) / s) ** 2)
        long = b / t * math.exp(-0.5 * ((at - n) / t) ** 2)
        both = short + long
        weights.append(long / both if both > 0 else float(abs(at - n) < abs(at - m)))
        height += count * math.log(max(both, 1e-300))
    return height, weights
