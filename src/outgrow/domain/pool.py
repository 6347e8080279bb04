"""What serves requests, and what came of it: the port between options and whatever predicts their behaviour.

An option says which `Pool` it runs; a predictor (the closed forms of `outgrow.sim.closed_form`, later the simulator)
answers with an `Outcome`. Neither knows the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from outgrow.domain.message import Message

P95 = 0.95
"""The share of requests a target speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Requests of one average day: ``per_hour[h]`` requests arrive between h:00 and h+1:00."""

    per_hour: tuple[float, ...]

    @property
    def per_day(self) -> float:
        """Requests a day."""
        return sum(self.per_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A positive random time by mean (s) and coefficient of variation (0: fixed; otherwise lognormal)."""

    mean_s: float
    cv: float = 0.0

    @property
    def second_moment(self) -> float:
        """E[X^2] in s^2."""
        return self.mean_s**2 * (1 + self.cv**2)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexPool:
    """Workers that start on demand and stop after ``idle_timeout_s``, beside ``active[h]`` that stay on in hour h.

    ``max_workers`` counts both kinds, as RunPod does.
    """

    service: Law
    cold_start: Law
    idle_timeout_s: float
    max_workers: int
    active: tuple[int, ...] = (0,) * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPool:
    """``workers[h]`` identical servers on in hour h; a request that finds none on waits for an hour that has some.

    ``start`` is what the first request of a window waits for after the machine was off (s).
    """

    service: Law
    workers: tuple[int, ...]
    start: Law = Law(mean_s=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPool:
    """Somebody else's capacity: no queue of ours."""

    service: Law


Pool = FlexPool | FixedPool | OpenPool


class ResponseTimes(Protocol):
    """The distribution of response time (wait + service) over a day's requests."""

    def share_within(self, seconds: float) -> float:
        """Share of requests answered within ``seconds``."""
        ...

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` of the requests are answered; infinite where the queue grows for ever."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a pool does with a day's arrivals, per day. ``bottleneck`` says why it cannot keep up, if it cannot."""

    response: ResponseTimes
    cold_starts: float
    cold_share: float
    busy_s: float
    cold_s: float
    idle_s: float
    active_s: float
    utilisation_frac: float
    bottleneck: Message | None = None


class Predictor(Protocol):
    """Answers what a pool does with arrivals."""

    def __call__(self, pool: Pool, arrivals: Arrivals) -> Outcome:
        """Same pool and arrivals, same outcome."""
        ...
