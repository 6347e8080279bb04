"""Response-time distributions as mixtures: fixed delays + an exponential queue wait + a service time."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outgrow.domain.pool import Law, ResponseTimes

POINTS = 9
"""Points a continuous law is cut into: at a coefficient of variation of 1 the median comes out 6 % high."""


NEGLIGIBLE = 1e-6
"""Shares below this are dropped: they move a p95 by nothing that is shown."""

FORGOTTEN = 25.0
"""Beyond this many mean waits nobody waits any more (e^-25 is 1e-11)."""


@lru_cache(maxsize=256)
def law_points(mean_s: float, cv: float, points: int = POINTS) -> tuple[float, ...]:
    """Equally likely values of a lognormal law with this mean and coefficient of variation (one value when cv = 0).

    Each is the quantile in the middle of its share, the whole scaled so that the mean is exact. mean_s >= 0 s, cv >= 0,
    points >= 1. Source: ours.
    """
    if cv == 0 or mean_s == 0:
        return (mean_s,)
    sigma = math.sqrt(math.log1p(cv**2))
    normal = NormalDist()
    raw = [math.exp(sigma * normal.inv_cdf((index + 0.5) / points)) for index in range(points)]
    scale = mean_s * points / sum(raw)
    return tuple(scale * value for value in raw)


def points_of(law: Law) -> tuple[float, ...]:
    """`law_points` of a law."""
    return law_points(law.mean_s, law.cv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of the requests.

    Each is delayed by one of ``delays`` (share, seconds), then waits with chance ``p_wait`` an exponential time of rate
    ``wait_rate`` (1/s), then is served. A share that is ``lost`` is never answered. ``P(R > t)`` is the sum over delays
    d and service times s of their share x (1 where d + s > t, else ``p_wait exp(-wait_rate (t - d - s))``).
    """

    weight: float
    service: Law
    delays: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    p_wait: float = 0.0
    wait_rate: float = 1.0
    lost: bool = False

    def flattened(self) -> Flat:
        """Every delay with every service time, sorted, for fast look-ups."""
        served = points_of(self.service)
        pairs = sorted(
            (delay + service_s, share / len(served))
            for share, delay in self.delays
            if share > NEGLIGIBLE
            for service_s in served
        )
        offsets, shares = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        return Flat(offsets=offsets, shares=shares, below=[0.0, *accumulate(shares)], part=self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """A part as sorted offsets with their shares; ``below[i]`` is the share of the first i offsets."""

    offsets: list[float]
    shares: list[float]
    below: list[float]
    part: Part

    def share_within(self, seconds: float) -> float:
        """Share of this part answered within ``seconds``: offsets reached, less those still in the queue."""
        part = self.part
        if part.lost:
            return 0.0
        reached = bisect_right(self.offsets, seconds)
        total = self.below[reached]
        if part.p_wait < NEGLIGIBLE:
            return total
        waiting = 0.0
        for index in range(reached - 1, -1, -1):
            still = part.wait_rate * (seconds - self.offsets[index])
            if still > FORGOTTEN:
                break
            waiting += self.shares[index] * math.exp(-still)
        return total - part.p_wait * waiting


@dataclass(frozen=True, slots=True)
class Mixture:
    """Response times of a day: the parts, weighted by their requests."""

    parts: tuple[Part, ...]
    _cache: dict[float, float] = field(default_factory=dict, compare=False, repr=False)
    _flat: list[Flat] = field(default_factory=list, compare=False, repr=False)

    def share_within(self, seconds: float) -> float:
        """Share of all requests answered within ``seconds``; 1 when there are none."""
        total = sum(part.weight for part in self.parts)
        if total == 0:
            return 1.0
        if not self._flat:
            self._flat.extend(part.flattened() for part in self.parts)
        return sum(flat.part.weight * flat.share_within(seconds + 1e-9) for flat in self._flat) / total

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` of the requests are answered, to a thousandth; infinite when never."""
        if share not in self._cache:
            self._cache[share] = self._bisected(share)
        return self._cache[share]

    def _bisected(self, share: float) -> float:
        low, high = 0.0, 1.0
        while self.share_within(high) < share:
            low, high = high, high * 2
            if high > 1e8:
                return math.inf
        while high - low > 5e-4 * high:
            middle = (low + high) / 2
            low, high = (low, middle) if self.share_within(middle) >= share else (middle, high)
        return high


@dataclass(frozen=True, slots=True)
class Patient:
    """Response times of those whose answer came within ``limit_s``; the others never get one."""

    all: ResponseTimes
    limit_s: float

    def share_within(self, seconds: float) -> float:
        """Share of all callers answered within ``seconds``."""
        return self.all.share_within(min(seconds, self.limit_s))

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` of all callers are answered; infinite where fewer ever are."""
        return self.all.quantile(share) if share <= self.all.share_within(self.limit_s) else math.inf
