"""What is set at the emulated provider, and what it keeps of jobs and workers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is set at the provider. ``cold_start_s`` and ``execution_s`` are drawn evenly between their ends.

    ``reports``: workers add ``_meter`` to what they return. ``names_worker``: answers carry ``workerId``.
    """

    workers_max: int = 3
    workers_min: int = 0
    cold_start_s: tuple[float, float] = (20.0, 40.0)
    execution_s: tuple[float, float] = (1.0, 5.0)
    idle_timeout_s: float = 5.0
    queue_delay_s: float = 4.0
    execution_timeout_s: float = 600.0
    ttl_s: float = DAY_S
    retention_s: float = 1800.0
    sync_retention_s: float = 60.0
    queue_floor: int = 50
    queue_per_worker: int = 500
    usd_per_s: float = 0.00019
    reports: bool = True
    names_worker: bool = True
    seed: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the handler will do with one input.

    ``crash_after_s``: the worker dies then. ``lost``: the job vanishes once it was accepted. ``twice``: two workers get
    it. ``deaf``: a cancel is answered and not heeded. ``pieces``: what is streamed, evenly over the execution.
    """

    execution_s: float | None = None
    output: Any = None
    error: str | None = None
    crash_after_s: float | None = None
    lost: bool = False
    twice: bool = False
    deaf: bool = False
    pieces: tuple[Any, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """One worker's life. Billed from ``started_s`` until it has stopped, in whole seconds."""

    id: str
    started_s: float
    ready_s: float
    job: EmulatedJob | None = None
    idle_since_s: float | None = None
    ended_s: float | None = None
    reported_s: float | None = None
    executions: int = 0

    def billed_s(self, now_s: float) -> int:
        """Whole seconds so far."""
        return math.ceil(round((now_s if self.ended_s is None else self.ended_s) - self.started_s, 6))


@dataclass(slots=True, kw_only=True, eq=False)
class EmulatedJob:
    """One job as the provider keeps it."""

    id: str
    input: Any
    plan: Plan
    submitted_s: float
    execution_timeout_s: float
    ttl_s: float
    sync: bool
    status: str = "IN_QUEUE"
    worker: Worker | None = None
    started_s: float | None = None
    ended_s: float | None = None
    output: Any = None
    error: str | None = None
    read: int = 0
    run: int = 0
    webhook: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One time a handler ran: the effects a test counts."""

    job: str
    input: Any
    worker: str
    started_s: float
    ended_s: float
    ending: str
