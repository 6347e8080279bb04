"""What serves requests, and what came of it: the port between options and whatever predicts their behaviour.

An option says which `Pool` it runs; a predictor (the simulator of `outgrow.sim.predict`, or the closed forms of
`outgrow.sim.closed_form`) answers with an `Outcome`. Neither knows the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.message import Message

P95 = 0.95
"""The share of requests a target speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """A positive random time by mean (s) and coefficient of variation (0: fixed; otherwise lognormal).

    ``values_s`` are measured times, all equally likely; then mean and cv are theirs.
    """

    mean_s: float
    cv: float = 0.0
    values_s: tuple[float, ...] = ()

    @property
    def second_moment(self) -> float:
        """E[X^2] in s^2."""
        return self.mean_s**2 * (1 + self.cv**2)


class ScalerKind(StrEnum):
    """When another worker starts."""

    QUEUE_DELAY = "queue-delay"
    REQUEST_COUNT = "request-count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """``queue-delay``: when a request has waited ``delay_s``; ``request-count``: one for every ``per_worker`` requests.

    Source: RunPod endpoint settings; 4 s is its default.
    """

    kind: ScalerKind = ScalerKind.QUEUE_DELAY
    delay_s: float = 4.0
    per_worker: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A warm start from a snapshot (FlashBoot): how long, and its chance ``share x exp(-gap / fade_s)``."""

    start: Law
    share_frac: float
    fade_s: float = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Callers:
    """How long a caller waits for one attempt, and how it asks again: after ``pause_s``, then ``factor`` times as long.

    ``attempts`` in all; pauses are moved by up to ``jitter_frac``; ``cancels``: an attempt given up on in the queue is
    cancelled there. An infinite ``timeout_s`` waits for ever.
    """

    timeout_s: float = math.inf
    attempts: int = 1
    pause_s: float = 1.0
    factor: float = 2.0
    jitter_frac: float = 0.5
    cancels: bool = True


QUEUE_DELAY = Scaling()
"""RunPod's default."""

WAITS = Callers()
"""Nobody holds a connection: the answer is fetched when it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlexPool:
    """Workers that start on demand and stop after ``idle_timeout_s``, beside ``active[h]`` that stay on in hour h.

    ``max_workers`` counts both kinds, as RunPod does. ``slots`` requests share a worker. ``falls_quiet``: the provider
    lowers the limit of an endpoint that nobody asks for days.
    """

    service: Law
    cold_start: Law
    idle_timeout_s: float
    max_workers: int
    active: tuple[int, ...] = (0,) * 24
    slots: int = 1
    scaling: Scaling = QUEUE_DELAY
    snapshot: Snapshot | None = None
    callers: Callers = WAITS
    falls_quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedPool:
    """``workers[h]`` identical servers on in hour h; a request that finds none on waits for an hour that has some.

    ``start`` is what a server needs after it was off (s); ``lost_per_month`` how often its owner takes one back.
    """

    service: Law
    workers: tuple[int, ...]
    start: Law = Law(mean_s=0.0)
    slots: int = 1
    callers: Callers = WAITS
    lost_per_month: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPool:
    """Somebody else's capacity: no queue of ours, but perhaps a limit on requests a minute or at a time."""

    service: Law
    per_minute: float | None = None
    at_a_time: int | None = None
    failure_frac: float = 0.0
    callers: Callers = WAITS


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPool:
    """``copies`` hosts of ``vcpu`` that share the requests, each with CPU credits if it is burstable.

    ``work`` is CPU seconds of one request, ``baseline_frac`` the share of each vCPU that may be used for ever.
    """

    work: Law
    vcpu: int
    copies: int = 1
    baseline_frac: float | None = None


Pool = FlexPool | FixedPool | OpenPool | HostPool


class ResponseTimes(Protocol):
    """The distribution of response time (wait + service) over a day's requests."""

    def share_within(self, seconds: float) -> float:
        """Share of requests answered within ``seconds``."""
        ...

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` of the requests are answered; infinite where the queue grows for ever."""
        ...


@dataclass(frozen=True, slots=True)
class Endings:
    """How requests ended, as shares of all; ``unfinished``: they would still be waiting, long after they came."""

    completed: float = 1.0
    rejected: float = 0.0
    timed_out: float = 0.0
    abandoned: float = 0.0
    failed: float = 0.0
    unfinished: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a pool does with a day's arrivals, per day. ``bottleneck`` says why it cannot keep up, if it cannot.

    Worker-seconds by what workers did: ``busy_s + cold_s + idle_s``; the same by who is billed for them: ``active_s``,
    which are always on, and ``flex_s``. ``second_slack_s`` is what rounding every stretch from start to stop up to
    whole seconds adds, ``block_slack_s`` to blocks of five minutes; ``surplus_s`` vCPU-seconds above a baseline.
    ``cold_share`` of the requests met a start, ``delayed_share`` were not taken up at once; ``attempts`` a request;
    ``requests`` a day, as they came; ``utilisation_frac`` of the time that workers (of hosts: vCPUs) are there they
    work; ``served`` attempts a day that were worked on to the end (``None``: one a request).
    """

    response: ResponseTimes
    requests: float
    cold_starts: float
    cold_share: float
    delayed_share: float
    busy_s: float
    cold_s: float
    idle_s: float
    active_s: float
    flex_s: float
    utilisation_frac: float
    second_slack_s: float = 0.0
    block_slack_s: float = 0.0
    surplus_s: float = 0.0
    attempts: float = 1.0
    served: float | None = None
    endings: Endings = Endings()
    bottleneck: Message | None = None


class Predictor(Protocol):
    """Answers what a pool does with arrivals."""

    def __call__(self, pool: Pool, arrivals: Arrivals) -> Outcome:
        """Same pool and arrivals, same outcome."""
        ...
