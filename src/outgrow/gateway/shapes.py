"""What comes in and goes out as JSON, as the API's document says it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from outgrow.domain.job import JobState
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from outgrow.domain.job import Job

LARGEST = 2**31 - 1
LONGEST_DELAY_S = 30 * 86_400.0
NAME = r"^[^\x00-\x1f]{1,200}$"

TaskName = Annotated[str, Field(pattern=NAME)]


class Strict(BaseModel):
    """A body with a word nobody knows is a mistake, and is told."""

    model_config = ConfigDict(extra="forbid")


class JobFacts(Strict):
    """Which task, and how."""

    task: TaskName
    data: Annotated[DataClass | None, Field(description="makes the payload's class stricter, never looser")] = None
    priority: Annotated[int, Field(ge=-100, le=100, description="higher runs earlier")] = 0
    delay_s: Annotated[float, Field(ge=0, le=LONGEST_DELAY_S, description="not before this many seconds")] = 0.0


class JobIn(JobFacts):
    """A job to do, with JSON to work on."""

    input: Annotated[Any, Field(description="what the task is called with")] = None


class Upload(JobFacts):
    """A job to do on a file: JPEG, PNG, WebP, HEIC or PDF."""

    file: Annotated[bytes, Field(json_schema_extra={"type": "string", "format": "binary"})]


class JobOut(BaseModel):
    """A job as it stands."""

    id: UUID
    task: str
    state: JobState
    data: DataClass
    priority: int
    created_at: datetime
    run_at: datetime
    finished_at: datetime | None
    attempt: Annotated[int, Field(description="tries begun")]
    max_attempts: int
    backend: str | None
    user: str | None
    progress: Any
    error: str | None


class JobsOut(BaseModel):
    """A page of jobs, newest first; ``next`` is what ``before`` is for the page after it."""

    jobs: list[JobOut]
    next: str | None


class ResultOut(BaseModel):
    """What a job that succeeded came to."""

    id: UUID
    result: Any


class EventOut(BaseModel):
    """Something that happened to a job."""

    id: Annotated[int, Field(description="give the last one as `after` to resume")]
    job: UUID
    at: datetime
    kind: str
    data: Any


class WarmIn(Strict):
    """Somebody is about to use this task."""

    task: TaskName


class WarmOut(BaseModel):
    """What was done about it."""

    task: str
    backend: str | None
    state: Annotated[str, Field(description="`warming`: asked to start; `nothing`: nothing needs a start")]
    job: Annotated[UUID | None, Field(description="the start, to look at or to cancel")]


class KeyIn(Strict):
    """A key to make."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
    scopes: list[str] = ["jobs.write", "jobs.read", "chat", "vectors"]
    tasks: Annotated[list[TaskName] | None, Field(description="the tasks it may use; null: all")] = None
    expires_in_s: Annotated[float | None, Field(gt=0, le=10 * 366 * 86_400)] = None


class KeyOut(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    shown: str
    scopes: list[str]
    tasks: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    successor: str | None


class NewKeyOut(BaseModel):
    """A key, with its secret: shown this once."""

    secret: str
    key: KeyOut


class RotateIn(Strict):
    """How long the present secret goes on working."""

    overlap_s: Annotated[float, Field(ge=0, le=90 * 86_400)] = 86_400.0


def job_out(job: Job) -> JobOut:
    """What its owner is told of a job."""
    return JobOut(
        id=job.id,
        task=job.task,
        state=job.state,
        data=job.data,
        priority=job.priority,
        created_at=job.created_at,
        run_at=job.run_at,
        finished_at=job.finished_at,
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        backend=job.backend,
        user=job.user,
        progress=job.progress,
        error=job.error,
    )
