"""Counts of times by size in fixed memory: 64 bins an octave, from a microsecond to half a year."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate

OCTAVE_BINS = 64
LOW_EXPONENT = -20
HIGH_EXPONENT = 24
BINS = (HIGH_EXPONENT - LOW_EXPONENT) * OCTAVE_BINS + 2


class LogHistogram:
    """How often each size occurred.

    An octave, 2^k to 2^(k+1) seconds, is cut into 64 equal bins, so a bin is 0.8 to 1.6 % wide. Bin 0 holds what is
    below 2^-20 s (zero waits), the last one what is above 2^24 s. Each bin knows the sum of its times too. `summed`
    answers questions.
    """

    __slots__ = ("_summed", "counts", "sums")

    def __init__(self, counts: array[int] | None = None, sums: array[float] | None = None) -> None:
        """Empty, or around ``BINS`` counts (array of 'Q') and sums (array of 'd')."""
        self.counts = array("Q", bytes(8 * BINS)) if counts is None else counts
        self.sums = array("d", bytes(8 * BINS)) if sums is None else sums
        self._summed: Summed | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogHistogram) and self.counts == other.counts and self.sums == other.sums

    def __hash__(self) -> int:
        return hash(self.counts.tobytes())

    def add(self, seconds: float) -> None:
        """Counts one time (s, >= 0)."""
        place = bin_of(seconds)
        self.counts[place] += 1
        self.sums[place] += seconds
        self._summed = None

    def summed(self) -> Summed:
        """The bins that are not empty, summed up: small, and quick to ask."""
        if self._summed is None:
            packed = self.counts.tobytes().rstrip(b"\0")
            last = -(-len(packed) // 8)
            first = (len(packed) - len(packed.lstrip(b"\0"))) // 8
            below = array("Q", accumulate(self.counts[first:last], initial=0))
            self._summed = Summed(first, below, self.sums[first:last])
        return self._summed

    @property
    def total(self) -> int:
        """How many were counted."""
        return self.summed().total

    def share_within(self, seconds: float) -> float:
        """Share of at most ``seconds``; 0 for an empty histogram."""
        summed = self.summed()
        return summed.within(seconds) / summed.total if summed.total else 0.0

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` (0 to 1) lie; 0 for an empty histogram."""
        summed = self.summed()
        return summed.reached(share * summed.total) if summed.total else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Summed:
    """Times from bin ``first`` on: ``below[i]`` of them lie below the i-th edge, ``sums[i]`` is the i-th bin's sum.

    Inside a bin times are taken to lie evenly around their mean, as far as the nearer edge, so that times that are all
    the same are exact.
    """

    first: int
    below: array[int]
    sums: array[float]

    @property
    def total(self) -> int:
        """How many there are."""
        return self.below[-1]

    def within(self, seconds: float) -> float:
        """How many are at most ``seconds``, a fraction where a bin is cut; off by a bin's width at most, 1.6 %."""
        place = bin_of(seconds) - self.first
        if place < 0:
            return 0.0
        if place >= len(self.below) - 1:
            return float(self.below[-1])
        count = self.below[place + 1] - self.below[place]
        if not count:
            return float(self.below[place])
        low, high = self._spread(place, count)
        inside = float(seconds >= high) if high <= low else min(1.0, max(0.0, (seconds - low) / (high - low)))
        return self.below[place] + count * inside

    def reached(self, count: float) -> float:
        """Seconds within which ``count`` of them lie; infinite where there are not as many."""
        if count > self.below[-1] or len(self.below) == 1:
            return math.inf
        place = bisect_left(self.below, count, 1) - 1
        here = self.below[place + 1] - self.below[place]
        if not here:
            return edges_of(place + self.first)[0]
        low, high = self._spread(place, here)
        return low + (high - low) * (count - self.below[place]) / here

    def _spread(self, place: int, count: int) -> tuple[float, float]:
        """From where to where the times of a bin lie: around their mean, as far as the nearer edge."""
        low, high = edges_of(place + self.first)
        mean = min(max(self.sums[place] / count, low), high)
        reach = min(mean - low, high - mean) if place + self.first not in (0, BINS - 1) else 0.0
        return mean - reach, mean + reach


def bin_of(seconds: float) -> int:
    """The bin of a time (s, >= 0; infinite in the last one); ``2^(octave - 20) x (1 + part / 64)`` is its foot."""
    if seconds == math.inf:
        return BINS - 1
    mantissa, exponent = math.frexp(seconds)
    if exponent <= LOW_EXPONENT or not mantissa:
        return 0
    if exponent > HIGH_EXPONENT:
        return BINS - 1
    return (exponent - 2 - LOW_EXPONENT) * OCTAVE_BINS + int(mantissa * 2 * OCTAVE_BINS) + 1


def edges_of(place: int) -> tuple[float, float]:
    """Where a bin begins and ends (s)."""
    if place == 0:
        return 0.0, 2.0**LOW_EXPONENT
    if place == BINS - 1:
        return 2.0**HIGH_EXPONENT, math.inf
    octave, part = divmod(place - 1, OCTAVE_BINS)
    base = 2.0 ** (LOW_EXPONENT + octave)
    return base * (1 + part / OCTAVE_BINS), base * (1 + (part + 1) / OCTAVE_BINS)
