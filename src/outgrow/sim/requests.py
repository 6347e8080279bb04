"""When requests come, as values: drawn from a process, or given. Times in seconds from the start of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.sim.laws import Fixed, TimeLaw, check_law, check_range

if TYPE_CHECKING:
    from array import array

HOURS = 24
HOUR_S = 3600.0
DAY_S = HOURS * HOUR_S
MOST_PER_HOUR = 1e12
NO_GAP = Fixed(value_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Independent arrivals: ``per_hour[h]`` requests, 0 to 1e12, expected between h:00 and h+1:00 of every day.

    It knows no people who ask twice and no busy days: waits come out too short, cold starts too many.
    """

    per_hour: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        _check_hours(self.per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """People who come, ask a few times and go: a Poisson process of sessions in hours and days that differ.

    Attributes:
        per_hour: requests expected in each hour of an average day; sessions begin at ``per_hour / size``.
        size: mean number of requests in a session, >= 1; the number is geometric.
        gap: time from one request of a session to its next.
        day_variance: variance of the factor that multiplies a whole day, gamma with mean 1; 0: all days alike.
        day_factors: the factors themselves, day after day and over again; drawn when there are none.

    A session that begins late in an hour goes on into the next, so a peak is followed by a short echo. Source of the
    shape: branching renewal processes, Bartlett 1963 and Lewis 1964; of the default figures:
    `outgrow.domain.arrivals.Pattern`.
    """

    per_hour: tuple[float, ...]
    size: float = 1.0
    gap: TimeLaw = NO_GAP
    day_variance: float = 0.0
    day_factors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        _check_hours(self.per_hour)
        check_law("gap", self.gap, ends=True)
        check_range("size", self.size, 1, 1e6)
        check_range("day_variance", self.day_variance, 0, 1e6)
        for factor in self.day_factors:
            check_range("day_factors", factor, 0, 1e6)
        if self.day_factors and not any(self.day_factors):
            raise ValueError("day_factors: 0 on every day; at least one is above 0")


def _check_hours(per_hour: tuple[float, ...]) -> None:
    check_range("per_hour", len(per_hour), HOURS, HOURS)
    for requests in per_hour:
        check_range("per_hour", requests, 0, MOST_PER_HOUR)


def steady(rate: float) -> Poisson:
    """Poisson arrivals at ``rate`` requests a second around the clock."""
    return Poisson(per_hour=(rate * HOUR_S,) * HOURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Arrivals as they came: ``times_s`` in ascending order, from 0 up; equal stamps arrive in the order given.

    ``service_s``, if known, is the service time of each and replaces draws from the pool's law.
    """

    times_s: array[float]
    service_s: array[float] | None = None

    def __post_init__(self) -> None:
        """Refuses arrays of the wrong kind or unequal length; order and range are checked as they are played."""
        for name, values in (("times_s", self.times_s), ("service_s", self.service_s)):
            if values is not None and values.typecode != "d":
                raise ValueError(f"{name}: array of {values.typecode!r}; allowed is 'd'")
        if self.service_s is not None and len(self.service_s) != len(self.times_s):
            raise ValueError(f"service_s: {len(self.service_s)} values for {len(self.times_s)} arrivals")


Requests = Poisson | Sessions | Given
