"""`/v1/jobs`: asked for, looked at, cancelled, listed, replayed."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import APIRouter, Header, Path, Query, Request, Response
from pydantic import ValidationError

from outgrow.domain.errors import Conflict
from outgrow.domain.job import ENDS, Job, JobState, NewJob, Payload
from outgrow.gateway.caller import Caller
from outgrow.gateway.form import read_form
from outgrow.gateway.problem import Problem, not_found, refused
from outgrow.gateway.runtime import Runtime, TheCaller, TheRuntime
from outgrow.gateway.shapes import NAME, JobFacts, JobIn, JobOut, JobsOut, ResultOut, job_out
from outgrow.gateway.text import check, read_json
from outgrow.gateway.upload import media_type
from outgrow.policy.reach import Admitted, admit
from outgrow.policy.refusal import (
    Refused,
    idempotency_conflict,
    queue_full,
    unsupported_type,
)

JOBS = APIRouter(prefix="/v1/jobs", tags=["jobs"])
MULTIPART = "multipart/form-data"
QUEUE_FULL_S = 5.0

BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/JobIn"}},
            MULTIPART: {"schema": {"$ref": "#/components/schemas/Upload"}},
        },
    }
}

Shape = TypeVar("Shape", bound=JobFacts)
JobId = Annotated[UUID, Path(description="the `id` of the job")]
IdempotencyKey = Annotated[
    str | None,
    Header(pattern=NAME, description="the same key again, from the same API key, is the same job and makes no other"),
]


@JOBS.post("", status_code=HTTPStatus.ACCEPTED, openapi_extra=BODY, responses={200: {"model": JobOut}})
async def ask(
    request: Request,
    response: Response,
    runtime: TheRuntime,
    caller: TheCaller,
    idempotency_key: IdempotencyKey = None,
) -> JobOut:
    """Puts a job into the queue. 202: it is new; 200: the idempotency key's job as it stands."""
    caller.must("jobs.write")
    facts, payload = await _read(request, runtime)
    caller.must("jobs.write", facts.task)
    admitted = admit(runtime.config, facts.task, facts.data)
    if isinstance(admitted, Refused):
        raise refused(admitted)
    await _check_queue(runtime)
    try:
        job, made = await runtime.store.enqueue(_new(facts, payload, admitted, caller, idempotency_key))
    except Conflict as problem:
        raise refused(idempotency_conflict(idempotency_key or "")) from problem
    response.status_code = HTTPStatus.ACCEPTED if made else HTTPStatus.OK
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return job_out(job)


@JOBS.get("")
async def browse(
    runtime: TheRuntime,
    caller: TheCaller,
    state: JobState | None = None,
    task: Annotated[str | None, Query(pattern=NAME)] = None,
    before: Annotated[UUID | None, Query(description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JobsOut:
    """The jobs of this key, newest first; of every key for an administrator."""
    caller.must("jobs.read")
    jobs = await runtime.store.list(key=caller.only, state=state, task=task, before=before, limit=limit)
    following = str(jobs[-1].id) if len(jobs) == limit else None
    return JobsOut(jobs=[job_out(job) for job in jobs], next=following)


@JOBS.get("/{job_id}")
async def look(job_id: JobId, runtime: TheRuntime, caller: TheCaller) -> JobOut:
    """The job as it stands."""
    caller.must("jobs.read")
    return job_out(await owned(runtime, caller, job_id))


@JOBS.get("/{job_id}/result", responses={409: {}, 410: {}})
async def result(job_id: JobId, runtime: TheRuntime, caller: TheCaller) -> ResultOut:
    """What the job came to. 409: it has not ended yet; 410: it ended without a result."""
    caller.must("jobs.read")
    job = await owned(runtime, caller, job_id)
    if job.state is JobState.SUCCEEDED:
        return ResultOut(id=job.id, result=job.result)
    if job.state in ENDS:
        raise Problem(HTTPStatus.GONE, "no-result", f"the job is {job.state}: {job.error or 'it has no result'}")
    raise Problem(HTTPStatus.CONFLICT, "not-ended", f"the job is {job.state}, its result comes later", retry_after_s=1)


@JOBS.delete("/{job_id}", responses={409: {}})
@JOBS.post("/{job_id}/cancel", responses={409: {}})
async def cancel(job_id: JobId, runtime: TheRuntime, caller: TheCaller) -> JobOut:
    """Ends the job: one that waits does not run, one that runs is stopped. Cancelled twice is cancelled."""
    caller.must("jobs.write")
    job = await owned(runtime, caller, job_id)
    cancelled = await runtime.store.cancel(job_id)
    if cancelled is None:
        job = await owned(runtime, caller, job_id)
        if job.state is JobState.CANCELLED:
            return job_out(job)
        raise Problem(HTTPStatus.CONFLICT, "ended", f"the job is {job.state} already")
    await _note(runtime, caller, job, "job.cancel")
    return job_out(cancelled)


@JOBS.post("/{job_id}/replay", responses={409: {}})
async def replay(job_id: JobId, runtime: TheRuntime, caller: TheCaller) -> JobOut:
    """Puts a dead or cancelled job back into the queue, with all its tries."""
    caller.must("jobs.write")
    job = await owned(runtime, caller, job_id)
    replayed = await runtime.store.replay(job_id)
    if replayed is None:
        raise Problem(
            HTTPStatus.CONFLICT, "not-dead", f"the job is {job.state}; only dead and cancelled jobs are replayed"
        )
    await _note(runtime, caller, job, "job.replay")
    return job_out(replayed)


async def owned(runtime: Runtime, caller: Caller, job_id: UUID) -> Job:
    """The job, when this caller may see it; else 404, as if there were none."""
    job = await runtime.store.get(job_id)
    if job is None or caller.only not in {None, job.key}:
        raise not_found("job")
    return job


async def _note(runtime: Runtime, caller: Caller, job: Job, action: str) -> None:
    """What an administrator does to the job of another key is written down."""
    if job.key != caller.key:
        await runtime.keys.note(caller.key, action, str(job.id))


async def _check_queue(runtime: Runtime) -> None:
    most = runtime.config.limits.queue
    if await runtime.waiting_jobs() >= most:
        raise refused(queue_full(most, QUEUE_FULL_S))


def _new(facts: JobFacts, payload: Payload, admitted: Admitted, caller: Caller, idempotency_key: str | None) -> NewJob:
    return NewJob(
        task=facts.task,
        payload=payload,
        data=admitted.data,
        priority=facts.priority,
        delay_s=facts.delay_s,
        idempotency_key=idempotency_key,
        key=caller.key,
        user=caller.user,
        max_attempts=admitted.task.retries.attempts,
    )


async def _read(request: Request, runtime: Runtime) -> tuple[JobFacts, Payload]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = _valid(JobIn, read_json(request.scope["body"]))
        return asked, Payload(json=asked.input)
    if kind == MULTIPART:
        return await _read_upload(request, runtime)
    raise refused(unsupported_type(kind or "no Content-Type", ("application/json", MULTIPART)))


async def _read_upload(request: Request, runtime: Runtime) -> tuple[JobFacts, Payload]:
    form = read_form(request.headers["content-type"], request.scope["body"])
    check(form.fields)
    facts = _valid(JobFacts, form.fields)
    found = await media_type(form.content, form.name, runtime.config.limits.pixels)
    return facts, Payload(data=form.content, media_type=found)


def _valid(shape: type[Shape], value: Any) -> Shape:
    try:
        return shape.model_validate(value)
    except ValidationError as problem:
        raise invalid(problem.errors(include_input=False, include_context=False, include_url=False)) from problem


def invalid(errors: Any) -> Problem:
    """422 with where and what, never with what was sent."""
    said = "; ".join(f"{'.'.join(str(part) for part in one['loc']) or 'body'}: {one['msg']}" for one in errors[:5])
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", said)
