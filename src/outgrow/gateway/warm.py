"""`POST /v1/warm`: somebody opened the camera, so the task's backend may start before the picture is there."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter

from outgrow.domain.backend import BackendKind
from outgrow.domain.job import NewJob, Payload
from outgrow.gateway.problem import refused
from outgrow.gateway.runtime import TheCaller, TheRuntime
from outgrow.gateway.shapes import WarmIn, WarmOut
from outgrow.policy.reach import admit
from outgrow.policy.refusal import Refused

WARM: Final = APIRouter(tags=["jobs"])
WARM_INPUT: Final = {"_warm": True}
"""What a worker gets instead of a payload: it has nothing to do but to be there."""

AGAIN_S: Final = 10.0
SOONEST: Final = 100


@WARM.post("/v1/warm", status_code=HTTPStatus.ACCEPTED)
async def warm(asked: WarmIn, runtime: TheRuntime, caller: TheCaller) -> WarmOut:
    """Starts the first backend that the task's data may reach, where it has to start. No payload is sent.

    A start is a job like any other: held, metered, seen. One is made in 10 s, however many ask.
    """
    caller.must("jobs.write", asked.task)
    admitted = admit(runtime.config, asked.task)
    if isinstance(admitted, Refused):
        raise refused(admitted)
    backend = admitted.backends[0]
    if backend.kind is not BackendKind.RUNPOD or not backend.cold_start_s:
        return WarmOut(task=asked.task, backend=backend.name, state="nothing", job=None)
    job, _ = await runtime.store.enqueue(
        NewJob(
            task=asked.task,
            payload=Payload(json=WARM_INPUT),
            data=admitted.data,
            priority=SOONEST,
            idempotency_key=f"warm {asked.task} {int(time.time() // AGAIN_S)}",
            key=caller.key,
            max_attempts=1,
        )
    )
    return WarmOut(task=asked.task, backend=backend.name, state="warming", job=job.id)
