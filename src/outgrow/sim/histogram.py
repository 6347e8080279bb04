"""Counts of times by size in fixed memory: 64 bins an octave, from a microsecond to half a year."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from itertools import accumulate

OCTAVE_BINS = 64
LOW_EXPONENT = -20
HIGH_EXPONENT = 24
BINS = (HIGH_EXPONENT - LOW_EXPONENT) * OCTAVE_BINS + 2


class LogHistogram:
    """How often each size occurred.

    An octave, 2^k to 2^(k+1) seconds, is cut into 64 equal bins, so a bin is 0.8 to 1.6 % wide. Bin 0 holds what is
    below 2^-20 s (zero waits), the last one what is above 2^24 s. Each bin knows the sum of its times too: inside a bin
    times are taken to lie evenly around their mean, as far as the nearer edge, so that times that are all the same are
    exact. Merging is adding.
    """

    __slots__ = ("_below", "counts", "sums")

    def __init__(self, counts: array[int] | None = None, sums: array[float] | None = None) -> None:
        """Empty, or around ``BINS`` counts (array of 'Q') and sums (array of 'd')."""
        self.counts = array("Q", bytes(8 * BINS)) if counts is None else counts
        self.sums = array("d", bytes(8 * BINS)) if sums is None else sums
        self._below: tuple[int, list[int]] | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogHistogram) and self.counts == other.counts and self.sums == other.sums

    def __hash__(self) -> int:
        return hash(self.counts.tobytes())

    def add(self, seconds: float) -> None:
        """Counts one time (s, >= 0)."""
        place = bin_of(seconds)
        self.counts[place] += 1
        self.sums[place] += seconds
        self._below = None

    def merge(self, other: LogHistogram) -> None:
        """Counts all of the other's too."""
        for place, count in enumerate(other.counts):
            if count:
                self.counts[place] += count
                self.sums[place] += other.sums[place]
        self._below = None

    @property
    def total(self) -> int:
        """How many were counted."""
        return self._summed()[1][-1]

    def within(self, seconds: float) -> float:
        """How many are at most ``seconds``, a fraction where a bin is cut."""
        first, below = self._summed()
        place = bin_of(seconds) - first
        if place < 0:
            return 0.0
        if place >= len(below) - 1:
            return float(below[-1])
        count = below[place + 1] - below[place]
        if not count:
            return float(below[place])
        low, high = self._spread(place + first, count)
        inside = 1.0 if seconds >= high else max(0.0, (seconds - low) / (high - low))
        return below[place] + count * inside

    def reached(self, count: float) -> float:
        """Seconds within which ``count`` of them lie; infinite where there are not as many."""
        first, below = self._summed()
        if count > below[-1] or len(below) == 1:
            return math.inf
        place = bisect_left(below, count, 1)
        here = below[place] - below[place - 1]
        low, high = self._spread(place - 1 + first, here) if here else edges_of(place - 1 + first)
        return low + (high - low) * (count - below[place - 1]) / here if here else low

    def share_within(self, seconds: float) -> float:
        """Share of at most ``seconds``; 0 for an empty histogram."""
        total = self.total
        return self.within(seconds) / total if total else 0.0

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` (0 to 1) lie; 0 for an empty histogram."""
        total = self.total
        return self.reached(share * total) if total else 0.0

    def _summed(self) -> tuple[int, list[int]]:
        """The first bin that is not empty, and how many lie below each edge from there on."""
        if self._below is None:
            packed = self.counts.tobytes().rstrip(b"\0")
            last = -(-len(packed) // 8)
            first = (len(packed) - len(packed.lstrip(b"\0"))) // 8
            self._below = first, [0, *accumulate(self.counts[first:last])]
        return self._below

    def _spread(self, place: int, count: int) -> tuple[float, float]:
        """From where to where the times of a bin lie: around their mean, as far as the nearer edge."""
        low, high = edges_of(place)
        mean = min(max(self.sums[place] / count, low), high)
        reach = min(mean - low, high - mean) if place not in (0, BINS - 1) else 0.0
        return mean - reach, mean + reach


def bin_of(seconds: float) -> int:
    """The bin of a time."""
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
