"""Counts of times by size in fixed memory: 64 bins an octave, from a microsecond to half a year."""

from __future__ import annotations

import math
from array import array

OCTAVE_BINS = 64
LOW_EXPONENT = -20
HIGH_EXPONENT = 24
BINS = (HIGH_EXPONENT - LOW_EXPONENT) * OCTAVE_BINS + 2


class LogHistogram:
    """How often each size occurred.

    An octave, 2^k to 2^(k+1) seconds, is cut into 64 equal bins, so a bin is 0.8 to 1.6 % wide. Bin 0 holds what is
    below 2^-20 s (zero waits), the last one what is above 2^24 s. Merging is adding.
    """

    __slots__ = ("counts",)

    def __init__(self, counts: array[int] | None = None) -> None:
        """Empty, or around ``BINS`` counts (array of 'Q')."""
        self.counts = array("Q", bytes(8 * BINS)) if counts is None else counts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LogHistogram) and self.counts == other.counts

    def __hash__(self) -> int:
        return hash(self.counts.tobytes())

    def add(self, seconds: float) -> None:
        """Counts one time (s, >= 0)."""
        self.counts[bin_of(seconds)] += 1

    def merge(self, other: LogHistogram) -> None:
        """Counts all of the other's too."""
        for place, count in enumerate(other.counts):
            if count:
                self.counts[place] += count

    @property
    def total(self) -> int:
        """How many were counted."""
        return sum(self.counts)

    def share_within(self, seconds: float) -> float:
        """Share of at most ``seconds``, straight inside a bin; 0 for an empty histogram."""
        total = self.total
        if not total:
            return 0.0
        place = bin_of(seconds)
        low, high = edges_of(place)
        inside = 1.0 if place in (0, BINS - 1) else min(1.0, (seconds - low) / (high - low))
        return (sum(self.counts[:place]) + self.counts[place] * inside) / total

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` (0 to 1) lie, straight inside a bin; 0 for an empty histogram."""
        left = share * self.total
        for place, count in enumerate(self.counts):
            if count and left <= count:
                low, high = edges_of(place)
                return low + (high - low) * left / count if place else 0.0
            left -= count
        return 0.0


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
        return 2.0**HIGH_EXPONENT, 2.0**HIGH_EXPONENT
    octave, part = divmod(place - 1, OCTAVE_BINS)
    base = 2.0 ** (LOW_EXPONENT + octave)
    return base * (1 + part / OCTAVE_BINS), base * (1 + (part + 1) / OCTAVE_BINS)
