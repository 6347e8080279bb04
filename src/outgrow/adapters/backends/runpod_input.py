"""A job as RunPod takes it: the input, the limits it always carries, and what does not fit."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Final

from outgrow.domain.errors import OutgrowError

if TYPE_CHECKING:
    from outgrow.domain.backend import Backend
    from outgrow.domain.job import Job, Payload

LARGEST_BODY_BYTES: Final = 10_000_000
LARGEST_DATA_BYTES: Final = 7_400_000
SHORTEST_EXECUTION_S: Final = 5.1
SHORTEST_TTL_S: Final = 10.0
LONGEST_TTL_S: Final = 7 * 86_400.0
ATTEMPT: Final = "_attempt"


class TooLargeError(OutgrowError):
    """A payload that the provider would not take."""


def attempt_id(job: Job) -> str:
    """Our name of a try, known before the provider has one for it."""
    return f"{job.id}:{job.attempt}"


def ttl_s(backend: Backend, queue_s: float) -> float:
    """How long the provider may keep a job alive, from its POST: ``queue_s`` to wait, a start, and the execution."""
    return min(LONGEST_TTL_S, max(SHORTEST_TTL_S, queue_s + backend.cold_start_s + execution_timeout_s(backend)))


def execution_timeout_s(backend: Backend) -> float:
    """How long it may execute; RunPod takes nothing shorter than 5 s."""
    return max(SHORTEST_EXECUTION_S, backend.timeout_s)


def body_of(job: Job, payload: Payload, backend: Backend, *, queue_s: float, webhook: str | None) -> bytes:
    """The body of ``/run``. Raises `TooLargeError`.

    An object is the input as it is; any other JSON is its ``value``; bytes are ``data`` in base64 with their
    ``media_type``. ``_attempt`` names our try, so that a result can be told from that of another.
    """
    policy: dict[str, Any] = {
        "executionTimeout": round(execution_timeout_s(backend) * 1000),
        "ttl": round(ttl_s(backend, queue_s) * 1000),
    }
    if job.priority < 0:
        policy["lowPriority"] = True
    given = {**_input(payload, backend), ATTEMPT: attempt_id(job)}
    body = {"input": given, "policy": policy, **({} if webhook is None else {"webhook": webhook})}
    raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    if len(raw) > LARGEST_BODY_BYTES:
        _too_large(backend, len(raw), LARGEST_BODY_BYTES)
    return raw


def _input(payload: Payload, backend: Backend) -> dict[str, Any]:
    if payload.data is not None:
        if len(payload.data) > LARGEST_DATA_BYTES:
            _too_large(backend, len(payload.data), LARGEST_DATA_BYTES)
        return {"data": base64.b64encode(payload.data).decode(), "media_type": payload.media_type}
    return payload.json if isinstance(payload.json, dict) else {"value": payload.json}


def _too_large(backend: Backend, found: int, allowed: int) -> None:
    raise TooLargeError(
        f"backend {backend.name!r}: the payload has {found:,} bytes, RunPod takes {allowed:,}",
        hint="send a smaller image (2,000 pixels on its long side), or run the task on a local backend",
    )
