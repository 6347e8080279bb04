"""One kind of model work: how often, how long, who waits for it, and what else could do it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from outgrow.domain.arrivals import SESSIONS, Pattern
from outgrow.domain.pool import QUEUE_DELAY, Scaling


class DataClass(StrEnum):
    """How much harm a leaked payload does."""

    SENSITIVE = "sensitive"
    INTERNAL = "internal"
    PUBLIC = "public"


class Caller(StrEnum):
    """Does somebody hold a connection open until the answer is there?"""

    SYNCHRONOUS = "synchronous"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuRun:
    """The same inference on a CPU: seconds of one busy vCPU and GiB resident."""

    service_s: float
    memory_gib: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalApi:
    """An API sold by the page (``sku``) or by the token (``provider`` and ``model``), and what it lets through."""

    sku: str | None = None
    units_per_request: float = 1.0
    provider: str | None = None
    model: str | None = None
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    service_s: float | None = None
    service_cv: float = 0.0
    requests_per_minute: float | None = None
    requests_at_a_time: int | None = None
    failure_frac: float = 0.0
    country: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """Starts from a snapshot: how long, and how likely after a stop; the chance fades with the gap (``fade_s``)."""

    start_s: float
    share_frac: float
    start_cv: float = 0.0
    fade_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What a caller does after a time-out, a refusal or a failure; jobs in the background only meet those of an API.

    ``attempts`` in all, the first after ``pause_s``, each later one after ``factor`` times as long, moved by up to
    ``jitter_frac``; ``cancel``: what waits in the queue for an attempt that was given up is cancelled.
    """

    attempts: int = 3
    pause_s: float = 1.0
    factor: float = 2.0
    jitter_frac: float = 0.5
    cancel: bool = True


RETRIES = Retries()


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceTask:
    """One kind of GPU work.

    ``requests_per_day`` is stated at ``base_daily_active`` users and moves in proportion to them. ``patience_s`` is
    how long a synchronous caller waits before it gives up on an attempt; ``target_p95_s`` what 95 of 100 answers must
    meet. ``interruptions_per_month`` is how often a spot machine is taken back. ``service_times`` and ``cold_starts``
    name files; ``service_times_s`` and ``cold_starts_s`` are the seconds read from them, all equally likely.
    """

    name: str
    requests_per_day: float
    base_daily_active: float
    service_s: float = 0.0
    service_cv: float = 0.0
    cold_start_s: float = 0.0
    cold_start_cv: float = 0.0
    gpu_memory_gib: float = 0.0
    custom_model: bool = False
    data_class: DataClass = DataClass.INTERNAL
    caller: Caller = Caller.BACKGROUND
    target_p95_s: float | None = None
    patience_s: float | None = None
    payload_mb: float = 0.0
    container_disk_gb: float = 0.0
    max_workers: int = 3
    requests_per_worker: int = 1
    scaler: Scaling = QUEUE_DELAY
    warm_start: WarmStart | None = None
    retries: Retries = RETRIES
    interruptions_per_month: float = 0.25
    arrivals: Pattern = SESSIONS
    service_times: str | None = None
    service_times_s: tuple[float, ...] = ()
    cold_starts: str | None = None
    cold_starts_s: tuple[float, ...] = ()
    day_shape: tuple[float, ...] | None = None
    windows: tuple[tuple[int, int], ...] = ()
    cpu: CpuRun | None = None
    external: ExternalApi | None = None
