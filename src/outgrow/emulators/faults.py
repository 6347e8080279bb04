"""How an emulated provider misbehaves, on demand or by chance."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable


class Kind(StrEnum):
    """What the caller sees."""

    STATUS = "status"
    SILENCE = "silence"
    HALF = "half"
    DROP = "drop"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """``times`` answers (None: for ever) of an operation go wrong, each with ``chance_frac``.

    ``acts``: the operation is carried out all the same, only its answer goes wrong. ``wait_s`` are real seconds: of
    silence before the connection is dropped, or before a late answer. ``op``: the name of an operation, or ``*``.
    """

    op: str
    kind: Kind
    times: int | None = 1
    chance_frac: float = 1.0
    acts: bool = False
    status: int = 500
    retry_after_s: float | None = None
    wait_s: float = 30.0


@dataclass(slots=True, kw_only=True)
class Faults:
    """The faults that are still to come, in order; drawn with a seed."""

    seed: int = 1
    waiting: list[Fault] = field(default_factory=list)
    _draw: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        """The same seed, the same faults."""
        self._draw = random.Random(self.seed)  # noqa: S311 - an emulator, nothing to guess

    def add(self, faults: Iterable[Fault]) -> None:
        """More to come."""
        self.waiting.extend(faults)

    def take(self, op: str) -> Fault | None:
        """The fault that meets this call, used up by it."""
        for place, fault in enumerate(self.waiting):
            if fault.op not in {op, "*"} or self._draw.random() >= fault.chance_frac:
                continue
            if fault.times is not None:
                left = fault.times - 1
                self.waiting[place : place + 1] = [replace(fault, times=left)] if left else []
            return fault
        return None


def fault_of(given: dict[str, object]) -> Fault:
    """A fault from JSON; unknown keys are an error."""
    return Fault(**{**given, "kind": Kind(str(given["kind"]))})  # type: ignore[arg-type]


def drop(request: web.BaseRequest) -> None:
    """Cuts the connection without a word."""
    if request.transport is not None:
        request.transport.abort()


async def misanswer(request: web.Request, fault: Fault, answer: web.Response | None) -> web.StreamResponse:
    """The wrong answer. ``answer`` is the right one, where the operation was carried out."""
    if fault.kind is Kind.STATUS:
        headers = {} if fault.retry_after_s is None else {"Retry-After": f"{fault.retry_after_s:g}"}
        return web.json_response({"error": "emulated fault"}, status=fault.status, headers=headers)
    if fault.kind is Kind.LATE and answer is not None:
        await asyncio.sleep(fault.wait_s)
        return answer
    if fault.kind is Kind.HALF:
        whole = (
            bytes(answer.body) if answer is not None and isinstance(answer.body, bytes) else b'{"status": "COMPLETED"}'
        )
        half = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await half.prepare(request)
        await half.write(whole[: len(whole) // 2])
        drop(request)
        return half
    if fault.kind is Kind.SILENCE:
        await asyncio.sleep(fault.wait_s)
    drop(request)
    return web.Response(status=500)
