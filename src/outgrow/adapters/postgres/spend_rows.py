"""Meters of calls as rows of the table ``attempt`` and as lines of a journal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from outgrow.domain.job import AttemptEnding, Meter

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = (
    "job, attempt, task, backend, rule, started_at, finished_at, ending, queue_s, cold_s, execution_s, billed_s,"
    " input_tokens, output_tokens, worker, cost_usd_micro, error"
)

INSERT: Final = f"""
insert into outgrow.attempt (fence, {COLUMNS})
select 0, a.* from unnest(
    %s::uuid[], %s::int[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::text[],
    %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[],
    %s::text[]
) as a ({COLUMNS}) on conflict do nothing
"""  # noqa: S608 - no value is in the text
"""Written twice is written once: a call has an id of its own and the fence 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call before it is made: its id, and what it may cost at most."""

    id: UUID
    task: str
    backend: str
    rule: str
    attempt: int
    usd_micro: int


def line_of_call(call: Call, advance: UUID | None) -> dict[str, Any]:
    """A call that is about to leave, as a line of a journal."""
    return {
        "call": str(call.id),
        "advance": None if advance is None else str(advance),
        "task": call.task,
        "backend": call.backend,
        "rule": call.rule,
        "attempt": call.attempt,
        "usd_micro": call.usd_micro,
        "at": datetime.now(UTC).isoformat(),
    }


def line_of_advance(advance: UUID, spent: int) -> dict[str, Any]:
    """An advance, and what calls that are in no line of their own have spent of it."""
    return {"advance": str(advance), "spent": spent}


def columns(meters: Sequence[Meter]) -> list[list[Any]]:
    """The values of ``INSERT``: a list a column."""
    return [list(column) for column in zip(*(_row(meter) for meter in meters), strict=True)]


def _row(meter: Meter) -> tuple[Any, ...]:
    return tuple(
        value.value if isinstance(value, AttemptEnding) else value
        for value in (getattr(meter, name.strip()) for name in COLUMNS.split(","))
    )


def line_of(meter: Meter) -> dict[str, Any]:
    """The meter as a line of a journal holds it."""
    values = {name.strip(): getattr(meter, name.strip()) for name in COLUMNS.split(",")}
    return {
        **values,
        "job": str(meter.job),
        "started_at": meter.started_at.isoformat(),
        "finished_at": meter.finished_at.isoformat(),
    }


def meter_of(line: dict[str, Any]) -> Meter:
    """The meter of such a line."""
    return Meter(
        **{
            **line,
            "job": UUID(line["job"]),
            "ending": AttemptEnding(line["ending"]),
            "started_at": datetime.fromisoformat(line["started_at"]),
            "finished_at": datetime.fromisoformat(line["finished_at"]),
        }
    )


def lost(line: dict[str, Any]) -> Meter:
    """The meter of a call that was under way when its process was killed: it counts as what it held."""
    return Meter(
        job=UUID(line["call"]),
        attempt=line["attempt"],
        task=line["task"],
        backend=line["backend"],
        rule=line["rule"],
        started_at=datetime.fromisoformat(line["at"]),
        finished_at=datetime.now(UTC),
        ending=AttemptEnding.LOST,
        cost_usd_micro=line["usd_micro"],
        error="the process was killed: what came of the call is not known",
    )
