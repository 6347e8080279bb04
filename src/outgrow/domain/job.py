"""One call of a task, and each try of it: what is kept of them, with money in micro-dollars and times in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from outgrow.domain.task import DataClass


class JobState(StrEnum):
    """Where a job is. The last three are ends: nothing but a replay changes them."""

    QUEUED = "queued"
    LEASED = "leased"
    SUBMITTED = "submitted"
    SUCCEEDED = "succeeded"
    DEAD = "dead"
    CANCELLED = "cancelled"


ENDS = frozenset({JobState.SUCCEEDED, JobState.DEAD, JobState.CANCELLED})


class AttemptEnding(StrEnum):
    """How a try ended, in the words of the simulator, and whether its worker was lost."""

    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    TIMED_OUT = "timed-out"
    ABANDONED = "abandoned"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Payload:
    """What a job works on: JSON, or bytes of a media type."""

    json: Any = None
    data: bytes | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job as it is asked for. ``key`` and ``user`` are who asked; equal ``idempotency_key`` of one key, one job."""

    task: str
    payload: Payload
    data: DataClass
    priority: int = 0
    delay_s: float = 0.0
    idempotency_key: str | None = None
    key: str | None = None
    user: str | None = None
    max_attempts: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it stands. ``attempt`` counts tries, 0 before the first; ``fence`` names the lease that may end it.

    A worker that does not hold the present ``fence`` changes nothing. ``external_id`` is the provider's name of a try.
    """

    id: UUID
    task: str
    state: JobState
    data: DataClass
    priority: int
    created_at: datetime
    run_at: datetime
    attempt: int
    max_attempts: int
    fence: int
    payload: Payload | None = None
    lease_until: datetime | None = None
    backend: str | None = None
    external_id: str | None = None
    key: str | None = None
    user: str | None = None
    result: Any = None
    error: str | None = None
    progress: Any = None
    finished_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """What one try took. Seconds; ``cold_s`` is None where nobody knows whether there was a start.

    ``queue_s``: from when it could have run until a worker or provider took it up. ``billed_s``: what the provider
    charges for it, idle tail included where that is known. ``cost_usd_micro`` is by the price book.
    """

    job: UUID
    attempt: int
    task: str
    backend: str
    rule: str
    started_at: datetime
    finished_at: datetime
    ending: AttemptEnding
    queue_s: float = 0.0
    cold_s: float | None = None
    execution_s: float = 0.0
    billed_s: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    worker: str | None = None
    cost_usd_micro: int = 0
    error: str | None = None
