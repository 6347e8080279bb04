"""A complete way to run the workload, as components, hosts and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.domain.bill import UnpricedLine, Usage
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Outcome
    from outgrow.domain.workload import Need, Trust


class Question(StrEnum):
    """The two questions a decision answers, separately and as a pair."""

    PLATFORM = "platform"
    INFERENCE = "inference"


class Variant(StrEnum):
    """Sizes pinned by a document, or the smallest that carry the workload."""

    AS_WRITTEN = "as-written"
    SIZED = "sized"


class Reach(StrEnum):
    """From where a port can be reached."""

    INTERNET = "internet"
    OWN_NETWORK = "own-network"


class Support(StrEnum):
    """Is a need met?"""

    YES = "yes"
    LIMITED = "limited"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One thing somebody keeps running. What ``runs`` on it dies with it."""

    name: str
    machine: str
    runs: tuple[str, ...]
    managed: bool = False
    public: bool = True
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Who operates the hardware a payload reaches, in which country (``None``: not promised), at what trust."""

    operator: str
    country: str | None
    trust: Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Whether a need is met, and the limit when it is only met in part."""

    support: Support
    limit: Message | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What the sizes carry: the figures two options must share to be comparable."""

    vcpu: float
    memory_gib: float
    storage_gb: float
    gpu_memory_gib: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An option built for one workload: everything its bill, levels and constraints are derived from.

    ``settings`` are the knobs chosen (``nat``, ``idle_timeout_s``, ...); ``managed`` the services somebody else runs
    but the team configures; ``upfront_usd`` is paid before the first request.
    """

    option: str
    question: Question
    variant: Variant
    usage: tuple[Usage, ...]
    hosts: tuple[Host, ...] = ()
    managed: tuple[str, ...] = ()
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    capabilities: Mapping[Need, Capability] = field(default_factory=dict)
    custom_model: bool = True
    place: Place | None = None
    capacity: Capacity | None = None
    outcome: Outcome | None = None
    task_outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    upfront_usd: float | None = 0.0
    procurement_days: float = 0.0
    database_reach: Reach | None = None
    deploy_targets: int = 1
    scales_to_zero: bool = False
    unpriced: tuple[UnpricedLine, ...] = ()
    notes: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why an option is out: the constraint, what was found, what is allowed, and what binds."""

    option: str
    question: Question
    constraint: str
    found: str
    allowed: str
    reason: Message
    way_out: Message | None = None
    monthly_usd: float | None = None
