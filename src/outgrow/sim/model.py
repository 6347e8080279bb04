"""What the kernels are given and what they give back, as values. Times in seconds from the start of the run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import TYPE_CHECKING

from outgrow.sim.laws import Fixed, TimeLaw, check_law

if TYPE_CHECKING:
    from array import array

    from outgrow.sim.histogram import LogHistogram

HOURS = 24
MOST_WORKERS = 10_000
AT_ONCE = Fixed(value_s=0.0)
IDLE_5_S = Fixed(value_s=5.0)
"""RunPod's idle timeout, console default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelay:
    """Starts a worker when the head of the queue has waited ``delay_s``, and looks again ``delay_s`` after each start.

    Never more places starting than requests waiting. delay_s >= 0; with 0 every request that nobody is starting for
    starts a worker at once. Source: RunPod, scaler type QUEUE_DELAY, default 4 s.
    """

    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
    """Wants ``ceil((queued + running) / per_worker)`` workers up at any moment. per_worker >= 1.

    Source: RunPod, scaler type REQUEST_COUNT.
    """

    per_worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EachWait:
    """Every request that has to wait starts a worker, and the start runs on whatever happens ("keep")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """As many starts as requests wait; a start too many is cancelled, the newest first. At most ``at_once`` starts.

    Not a cloud's rule but the one solved exactly in the literature: Gandhi, Doroudi, Harchol-Balter and Scheller-Wolf,
    M/M/k/setup, SIGMETRICS 2013.
    """

    at_once: int = MOST_WORKERS


Scaler = QueueDelay | RequestCount | EachWait | Fitted


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPool:
    """Workers that start on demand beside a floor of active ones, before one first-come first-served queue.

    Attributes:
        service: time of one request on a worker, whatever else the worker is doing.
        cold_start: time from start to ready without a warm snapshot.
        warm_start: the same with one (FlashBoot).
        warm_share: chance of a warm start right after a stop, 0 to 1; see ``warm_fade_s``.
        warm_fade_s: the chance after a gap g since that worker stopped is ``warm_share x exp(-g / warm_fade_s)``; a
            worker that never ran has no snapshot. Above 0; infinite: the gap does not matter.
        idle_timeout: how long a worker without requests stays up, drawn anew for every idle period.
        active: workers kept up in each hour of the day, the floor; the run starts at hour 0 with them ready.
        max_workers: most workers up at once, active ones included.
        slots: requests a worker serves at the same time, >= 1.
        scaler: when to start another worker.
        queue_limit: requests that may wait; more are rejected. None: no limit.
        patience: how long a caller stays in the queue; then it is abandoned. None: for ever.
        timeout_s: how long a caller waits for the response; then it is timed out. Infinite: for ever.
        timeout_drops: a request that times out in the queue leaves it; otherwise it is served all the same, for nobody.
        failure_share: chance that a served request fails, 0 to 1.
    """

    service: TimeLaw
    cold_start: TimeLaw = AT_ONCE
    warm_start: TimeLaw = AT_ONCE
    warm_share: float = 0.0
    warm_fade_s: float = math.inf
    idle_timeout: TimeLaw = IDLE_5_S
    active: tuple[int, ...] = (0,) * HOURS
    max_workers: int = 3
    slots: int = 1
    scaler: Scaler = field(default_factory=lambda: QueueDelay(delay_s=4.0))
    queue_limit: int | None = None
    patience: TimeLaw | None = None
    timeout_s: float = math.inf
    timeout_drops: bool = True
    failure_share: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        for name in ("service", "cold_start", "warm_start", "idle_timeout", "patience"):
            law = getattr(self, name)
            if law is not None:
                check_law(name, law)
        for name in ("service", "cold_start", "warm_start"):
            if getattr(self, name) == Fixed(value_s=math.inf):
                raise ValueError(f"{name}: infinite; give a time that ends")
        _check("active", len(self.active), HOURS, HOURS)
        _check("max_workers", self.max_workers, 0, MOST_WORKERS)
        _check("active", min(self.active), 0, self.max_workers)
        _check("active", max(self.active), 0, self.max_workers)
        _check("slots", self.slots, 1, MOST_WORKERS)
        _check("queue_limit", self.queue_limit or 0, 0, math.inf)
        _check("warm_share", self.warm_share, 0, 1)
        _check("warm_fade_s", self.warm_fade_s, 1e-9, math.inf)
        _check("timeout_s", self.timeout_s, 0, math.inf)
        _check("failure_share", self.failure_share, 0, 1)
        match self.scaler:
            case QueueDelay(delay_s=delay_s):
                _check("scaler.delay_s", delay_s, 0, math.inf)
            case RequestCount(per_worker=per_worker):
                _check("scaler.per_worker", per_worker, 1, math.inf)
            case Fitted(at_once=at_once):
                _check("scaler.at_once", at_once, 1, math.inf)
            case EachWait():
                pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRequest:
    """Functions scaled per request: no queue, a request that finds no idle instance starts one and is served by it.

    Attributes:
        warm: response time of a request that an idle instance serves.
        cold: response time of one that starts an instance, the start included.
        expiry: how long an instance without a request lives, drawn anew for every idle period.
        max_instances: most instances at once; a request beyond is rejected.
    """

    warm: TimeLaw
    cold: TimeLaw
    expiry: TimeLaw
    max_instances: int = 1000

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        for name in ("warm", "cold", "expiry"):
            check_law(name, getattr(self, name))
        _check("max_instances", self.max_instances, 1, MOST_WORKERS)


def _check(name: str, found: float, low: float, high: float) -> None:
    if not low <= found <= high:
        raise ValueError(f"{name}: {found} found; allowed is {low} to {high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Poisson:
    """Independent arrivals: ``per_hour[h]`` requests expected between h:00 and h+1:00 of every day."""

    per_hour: tuple[float, ...]

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        _check("per_hour", len(self.per_hour), HOURS, HOURS)
        for requests in self.per_hour:
            _check("per_hour", requests, 0, 1e12)


def steady(rate: float) -> Poisson:
    """Poisson arrivals at ``rate`` requests a second around the clock."""
    return Poisson(per_hour=(rate * 3600.0,) * HOURS)


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


Requests = Poisson | Given


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long to play, from where to count, with which seed.

    What arrives before ``warmup_s`` is played but not counted; at ``horizon_s`` everything stops where it stands.
    """

    horizon_s: float
    warmup_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        _check("horizon_s", self.horizon_s, 0, 1e15)
        _check("warmup_s", self.warmup_s, 0, self.horizon_s)


class Ending(IntEnum):
    """How a request ended."""

    COMPLETED = 0
    REJECTED = 1
    TIMED_OUT = 2
    ABANDONED = 3
    FAILED = 4


RECORD_FIELDS = ("arrived_s", "began_s", "ended_s", "ending", "worker", "met_start")
"""One flat record per request. ``began_s`` is -1 and ``worker`` -1 for a request no worker took up; ``met_start`` 1 if
the worker that served it became ready after the request had arrived."""


@dataclass(slots=True, kw_only=True)
class Meters:
    """What was counted from the warm-up to the horizon. Counts of requests, starts; sums of seconds.

    Every counted arrival has one ending or is ``unfinished`` at the horizon. ``delayed`` requests were served by a
    worker that became ready after they had arrived. Worker-seconds by what the worker did: ``cold_s + busy_s +
    idle_s``; the same by who is billed for them: ``active_s`` (within the floor) ``+ flex_s``. Exact, but for rounding.
    """

    arrivals: float = 0.0
    completed: float = 0.0
    rejected: float = 0.0
    timed_out: float = 0.0
    abandoned: float = 0.0
    failed: float = 0.0
    unfinished: float = 0.0
    waited: float = 0.0
    delayed: float = 0.0
    cold_starts: float = 0.0
    warm_starts: float = 0.0
    cancelled_starts: float = 0.0
    cold_s: float = 0.0
    busy_s: float = 0.0
    idle_s: float = 0.0
    active_s: float = 0.0
    flex_s: float = 0.0
    wait_s: float = 0.0
    response_s: float = 0.0


METER_FIELDS = tuple(entry.name for entry in fields(Meters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One run. ``wait`` is of requests a worker took up, ``response`` (wait + service) of completed ones."""

    meters: Meters
    wait: LogHistogram
    response: LogHistogram
    records: array[float] | None = None
