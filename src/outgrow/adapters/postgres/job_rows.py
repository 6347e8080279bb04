"""Jobs to rows and back: ids in order of time, digests of what was asked for, columns to values."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from outgrow.domain.job import AttemptEnding, Job, JobState, Payload
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.job import Meter, NewJob

HEAD_COLUMNS = 19
ERROR_LETTERS = 2_000
RANDOM_BITS = 74


_last = 0
_one_at_a_time = threading.Lock()


def new_id() -> UUID:
    """A UUID of version 7: greater than all that this process made before, and than others' of a millisecond before."""
    global _last  # noqa: PLW0603 - the order is one for the process
    with _one_at_a_time:
        fresh = (time.time_ns() // 1_000_000) << RANDOM_BITS | int.from_bytes(os.urandom(10), "big") >> 80 - RANDOM_BITS
        _last = number = max(fresh, _last + 1)
    high, low = number >> 62, number & (1 << 62) - 1
    return UUID(int=high >> 12 << 80 | 0x7 << 76 | (high & 0xFFF) << 64 | 0x2 << 62 | low)


def as_json(value: Any) -> str | None:
    """JSON text; None for None. Raises `ValueError` for what JSON has no word for, as NaN."""
    if value is None:
        return None
    return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def shown(error: str | None) -> str | None:
    """An error as it can be kept: bounded, without the letter PostgreSQL has no room for."""
    return None if error is None else error.replace("\0", "?")[:ERROR_LETTERS]


def digest(new: NewJob) -> bytes:
    """What was asked for, so that the same idempotency key with something else is noticed."""
    payload = new.payload
    head = [new.task, new.data, new.priority, new.delay_s, new.max_attempts, payload.media_type, payload.json]
    text = json.dumps(head, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()
    found = hashlib.sha256(len(text).to_bytes(8, "big") + text)
    found.update(b"-" if payload.data is None else b"+" + payload.data)
    return found.digest()


def columns(news: Sequence[NewJob]) -> list[list[Any]]:
    """The arguments of ``INSERT``: a list a column."""
    rows = [
        (
            new_id(),
            new.task,
            new.data.value,
            new.priority,
            new.delay_s,
            new.max_attempts,
            new.key,
            new.user,
            new.idempotency_key,
            None if new.idempotency_key is None else digest(new),
            new.payload.media_type,
            as_json(new.payload.json),
            new.payload.data,
        )
        for new in news
    ]
    return [list(column) for column in zip(*rows, strict=True)]


def job_of(row: Sequence[Any], *, with_payload: bool = False) -> Job:
    """The job of a row that begins with ``HEAD``, then ``PAYLOAD`` where asked for."""
    payload = None
    if with_payload:
        media_type, body, data = row[HEAD_COLUMNS : HEAD_COLUMNS + 3]
        payload = Payload(json=body, data=data, media_type=media_type)
    return Job(
        id=row[0],
        task=row[1],
        state=JobState(row[2]),
        data=DataClass(row[3]),
        priority=row[4],
        created_at=row[5],
        run_at=row[6],
        attempt=row[7],
        max_attempts=row[8],
        fence=row[9],
        lease_until=row[10],
        backend=row[11],
        external_id=row[12],
        key=row[13],
        user=row[14],
        result=row[15],
        error=row[16],
        progress=row[17],
        finished_at=row[18],
        payload=payload,
    )


METER_COLUMNS = (
    "backends", "rules", "started", "finished", "endings", "queue", "cold", "execution", "billed", "inputs", "outputs",
    "workers", "costs", "meter_errors",
)  # fmt: skip


def meter_row(meter: Meter | None) -> tuple[Any, ...]:
    """The values of ``METER_COLUMNS``; without a meter nothing was spent."""
    if meter is None:
        return (None, None, None, None, AttemptEnding.LOST.value, 0, None, 0, 0, 0, 0, None, 0, None)
    return (
        meter.backend,
        meter.rule,
        meter.started_at,
        meter.finished_at,
        meter.ending.value,
        meter.queue_s,
        meter.cold_s,
        meter.execution_s,
        meter.billed_s,
        meter.input_tokens,
        meter.output_tokens,
        meter.worker,
        meter.cost_usd_micro,
        shown(meter.error),
    )
