"""Where a task may run: backends, what they cost, and what a task demands of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from outgrow.domain.workload import Trust


class BackendKind(StrEnum):
    """How a backend is spoken to."""

    LOCAL = "local"
    RUNPOD = "runpod"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a backend is paid for, in micro-dollars (a millionth of a US dollar) a unit; what is not paid for is 0."""

    per_second: float = 0.0
    per_input_token: float = 0.0
    per_output_token: float = 0.0
    per_call: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One place where attempts run.

    ``operator``, ``country`` and ``trust`` say who could read a payload there; ``sku`` and ``region`` are its names in
    the price book. ``concurrency`` attempts run at once. ``timeout_s`` is how long one may execute; ``cold_start_s``
    how long a start may take before it, ``idle_timeout_s`` how long a worker is billed after it. ``call`` is the Python
    callable of a local backend (``module:name``), ``endpoint`` the id of a RunPod endpoint, ``url`` the address of an
    OpenAI-compatible server (or of RunPod's API, where it is another), ``model`` what it is asked for. ``key`` names
    the environment variable that holds the secret: the secret itself is in no value.
    """

    name: str
    kind: BackendKind
    operator: str
    trust: Trust
    country: str | None = None
    sku: str | None = None
    region: str | None = None
    rates: Rates = Rates()
    concurrency: int = 1
    timeout_s: float = 600.0
    cold_start_s: float = 0.0
    idle_timeout_s: float = 0.0
    call: str | None = None
    endpoint: str | None = None
    url: str | None = None
    model: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """What becomes of a failed attempt: ``attempts`` in all, the pause before the next grows from ``pause_s``."""

    attempts: int = 3
    pause_s: float = 2.0
    factor: float = 2.0
    most_pause_s: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Code that can be called: which backends may run it, in the order they are tried, and how.

    ``data`` is the class of its payloads unless a request says a stricter one. Token counts are the most one call may
    use: what is held of a budget before it.
    """

    name: str
    backends: tuple[str, ...]
    data: DataClass = DataClass.SENSITIVE
    retries: Retries = Retries()
    input_tokens: int = 0
    output_tokens: int = 0


class Period(StrEnum):
    """Over which time a budget holds: UTC calendar days and months."""

    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A hard limit on what is spent: ``usd_micro`` a ``period``, for a task, a key, or (neither) for everything."""

    usd_micro: int
    period: Period
    task: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """A token bucket: ``per_s`` writes a second, ``burst`` at once."""

    per_s: float = 2.0
    burst: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may be: bytes of a body, pixels of an image, seconds a slow client may take to send it."""

    body_bytes: int = 10_000_000
    pixels: int = 50_000_000
    slow_s: float = 30.0
    queue: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gateway:
    """Everything ``outgrow serve`` runs.

    ``reach`` says for each data class the furthest `Trust` its payloads may go; a class that is missing goes nowhere.
    """

    tasks: tuple[Task, ...]
    backends: tuple[Backend, ...]
    reach: tuple[tuple[DataClass, Trust], ...]
    budgets: tuple[Budget, ...] = ()
    per_key: RateLimit = RateLimit()
    per_user: RateLimit = RateLimit()
    limits: Limits = Limits()
