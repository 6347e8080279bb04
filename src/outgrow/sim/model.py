"""What serves requests, as values: pools of workers, functions scaled per request, a host with its CPU.

Times in seconds. Every class refuses what has no meaning with a ValueError that names field, found and allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from outgrow.sim.laws import Fixed, TimeLaw, check_law, check_range
from outgrow.sim.requests import DAY_S, HOURS

MOST_WORKERS = 10_000
AT_ONCE = Fixed(value_s=0.0)
IDLE_5_S = Fixed(value_s=5.0)
"""RunPod's idle timeout, console default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDelay:
    """Starts a worker when the head of the queue has waited ``delay_s``, and looks again ``delay_s`` after each start.

    A request that finds no worker up starts one at once. Never more places starting than requests waiting.
    delay_s >= 0; with 0 every request that nobody is starting for starts a worker at once. Source: RunPod, scaler type
    QUEUE_DELAY, default 4 s; that the first start does not wait is how a cold call behaves there.
    """

    delay_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCount:
    """Wants ``ceil((queued + running) / per_worker)`` workers up at any moment. per_worker >= 1.

    Limits: it looks at every event, a provider every few seconds. Source: RunPod, scaler type REQUEST_COUNT.
    """

    per_worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EachWait:
    """Every request that has to wait starts a worker, and the start runs on whatever happens ("keep").

    Not a cloud's rule but one that queues with setup times are studied under; it holds the engine against those.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """As many starts as requests wait, at most ``at_once`` (>= 1); a start too many is cancelled, the newest first.

    Not a cloud's rule but the one solved exactly in the literature: Gandhi, Doroudi, Harchol-Balter and Scheller-Wolf,
    M/M/k/setup, SIGMETRICS 2013.
    """

    at_once: int = MOST_WORKERS


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorOnly:
    """Nothing starts but what the floor asks for: servers that are on, round the clock or by the hour."""


Scaler = QueueDelay | RequestCount | EachWait | Fitted | FloorOnly


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What a caller does after a time-out, a rejection or a failure: it asks again after a pause, with the same work.

    The first pause is ``pause_s``, each further one ``factor`` times the one before, all of them moved evenly by up to
    ``jitter_frac`` either way. After ``attempts`` in all it gives up; one whose patience would be over before it asks
    again does not. ``attempts`` 1 to 100, ``pause_s`` >= 0, ``factor`` 1 to 100, ``jitter_frac`` 0 to 1.
    Source of the shape: exponential backoff with jitter, as HTTP clients do it.
    """

    attempts: int = 3
    pause_s: float = 1.0
    factor: float = 2.0
    jitter_frac: float = 0.5

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_range("retry.attempts", self.attempts, 1, 100)
        check_range("retry.pause_s", self.pause_s, 0, 1e9)
        check_range("retry.factor", self.factor, 1, 100)
        check_range("retry.jitter_frac", self.jitter_frac, 0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket at the door: ``per_s`` tokens a second up to ``burst``; an attempt without one is rejected.

    per_s > 0, burst >= 1; the bucket is full at the start. Source: Turner 1986, leaky bucket as a meter.
    """

    per_s: float
    burst: float

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_range("rate_limit.per_s", self.per_s, 1e-9, 1e9)
        check_range("rate_limit.burst", self.burst, 1, 1e12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interruptions:
    """Workers that their owner takes back: each lives an exponential time of mean ``mean_s``, then has ``notice_s``.

    From the notice on it takes nothing new and a replacement starts if the floor asks for one; what it has not finished
    when the notice ends goes back to the head of the queue and begins anew. mean_s > 0, notice_s >= 0.
    Limits: each worker is lost by itself, where a provider takes many at once when capacity is short.
    Source: EC2 spot instances, notice of two minutes; how often: AWS Spot Instance Advisor, by machine and region.
    """

    mean_s: float
    notice_s: float = 120.0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_range("interruptions.mean_s", self.mean_s, 1e-9, 1e15)
        check_range("interruptions.notice_s", self.notice_s, 0, 1e9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """What becomes of an endpoint that nobody asks: its limit falls, and a person has to raise it again.

    After ``reduced_after_s`` without a request at most ``reduced_to`` workers start, after ``off_after_s`` none. Active
    workers are not touched. The limit is raised ``raised_after_s`` after the first request that met it; infinite:
    never.
    Source: RunPod, 3 days to 2 workers, 7 days to none "until a person raises it"; that it takes the person half a day
    is a guess.
    """

    reduced_after_s: float = 3 * DAY_S
    reduced_to: int = 2
    off_after_s: float = 7 * DAY_S
    raised_after_s: float = 12 * 3600.0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_range("quiet.reduced_after_s", self.reduced_after_s, 0, math.inf)
        check_range("quiet.reduced_to", self.reduced_to, 0, MOST_WORKERS)
        check_range("quiet.off_after_s", self.off_after_s, self.reduced_after_s, math.inf)
        check_range("quiet.raised_after_s", self.raised_after_s, 0, math.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerPool:
    """Workers that start on demand beside a floor of active ones, before one first-come first-served queue.

    Times in seconds, shares 0 to 1. Service does not slow down as a worker fills. Sources: RunPod's serverless
    documentation for workers, scaler and idle timeout; `Retry`, `RateLimit`, `Interruptions` and `Quiet` name theirs.

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
        rate_limit: how fast the door lets attempts in. None: no limit.
        patience: how long a caller stays in the queue, from when it first asked; then it is abandoned. None: for ever.
        timeout_s: how long a caller waits for the response to one attempt; then that is timed out. Infinite: for ever.
        timeout_drops: an attempt that times out in the queue is cancelled; otherwise it is served all the same, for
            nobody. One that a worker has begun is always finished.
        retry: what a caller does then. None: it gives up.
        failure_share: chance that a served attempt fails, 0 to 1.
        interruptions: how workers are taken back. None: never.
        quiet: what days without requests do to the limit. None: nothing.
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
    rate_limit: RateLimit | None = None
    patience: TimeLaw | None = None
    timeout_s: float = math.inf
    timeout_drops: bool = True
    retry: Retry | None = None
    failure_share: float = 0.0
    interruptions: Interruptions | None = None
    quiet: Quiet | None = None

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        for name in ("service", "cold_start", "warm_start"):
            check_law(name, getattr(self, name), ends=True)
        check_law("idle_timeout", self.idle_timeout)
        if self.patience is not None:
            check_law("patience", self.patience)
        check_range("active", len(self.active), HOURS, HOURS)
        check_range("max_workers", self.max_workers, 0, MOST_WORKERS)
        check_range("active", min(self.active), 0, self.max_workers)
        check_range("active", max(self.active), 0, self.max_workers)
        check_range("slots", self.slots, 1, MOST_WORKERS)
        check_range("queue_limit", self.queue_limit or 0, 0, math.inf)
        check_range("warm_share", self.warm_share, 0, 1)
        check_range("warm_fade_s", self.warm_fade_s, 1e-9, math.inf)
        check_range("timeout_s", self.timeout_s, 0, math.inf)
        check_range("failure_share", self.failure_share, 0, 1)
        match self.scaler:
            case QueueDelay(delay_s=delay_s):
                check_range("scaler.delay_s", delay_s, 0, math.inf)
            case RequestCount(per_worker=per_worker):
                check_range("scaler.per_worker", per_worker, 1, math.inf)
            case Fitted(at_once=at_once):
                check_range("scaler.at_once", at_once, 1, math.inf)
            case EachWait() | FloorOnly():
                pass


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRequest:
    """Functions scaled per request: no queue, a request that finds no idle instance starts one and is served by it.

    No option is built on it: it holds the engine against the published values of Mahmoudi and Khazaei, SimFaaS 2021.
    Times in seconds.

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
        check_law("warm", self.warm, ends=True)
        check_law("cold", self.cold, ends=True)
        check_law("expiry", self.expiry)
        check_range("max_instances", self.max_instances, 1, MOST_WORKERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host that serves requests with its CPU, one on a vCPU, before one queue; burstable machines have CPU credits.

    A credit is a vCPU-second here (AWS counts vCPU-minutes). Credits are earned at ``vcpu x baseline_frac`` a second,
    up to what 24 hours earn, and spent by what is busy. Without any left, a *standard* host runs at the baseline, which
    what is busy shares; an *unlimited* one goes on at full speed on surplus credits, pays them back from what it
    earns, and is billed for what exceeds 24 hours of earnings. Source: AWS, "CPU credits and baseline utilization".

    Attributes:
        work: vCPU-seconds of one request.
        vcpu: vCPUs, 1 to 512.
        baseline_frac: share of each vCPU that may be used for ever, 0 to 1; None: the machine is not burstable.
        unlimited: surplus credits may be bought (the default of the T4g and T3 families).
        launch_credits_s: vCPU-seconds in the balance at the start, >= 0; above what 24 hours earn they are lost.
        system_vcpu: vCPUs kept busy by everything else, in the mean, 0 to ``vcpu``: spends credits, takes no speed.
    """

    work: TimeLaw
    vcpu: int
    baseline_frac: float | None = None
    unlimited: bool = True
    launch_credits_s: float = 0.0
    system_vcpu: float = 0.0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_law("work", self.work, ends=True)
        check_range("vcpu", self.vcpu, 1, 512)
        if self.baseline_frac is not None:
            check_range("baseline_frac", self.baseline_frac, 1e-6, 1)
        check_range("launch_credits_s", self.launch_credits_s, 0, 1e12)
        check_range("system_vcpu", self.system_vcpu, 0, self.vcpu)


Model = WorkerPool | PerRequest | Host
