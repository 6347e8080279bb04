"""What arrives, how it behaves and what it must achieve: the service spec as values.

Numbers are plain floats: the middle of a range where the spec gave one. The ranges themselves are in
``Service.drivers`` so that any of them can be moved (`outgrow.domain.drivers`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from outgrow.domain.arrivals import SESSIONS, Pattern
from outgrow.domain.task import DataClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.domain.document import ClaimSpec, Document
    from outgrow.domain.task import InferenceTask

FLAT_DAY: Final[tuple[float, ...]] = (1.0 / 24,) * 24


class Source(StrEnum):
    """Where a number in the spec comes from."""

    MEASURED = "measured"
    QUOTED = "quoted"
    GUESSED = "guessed"
    STATED = "stated"


class Need(StrEnum):
    """What the service must be able to do wherever it runs."""

    WEBSOCKET = "websocket"
    BACKGROUND_JOBS = "background-jobs"


class Trust(StrEnum):
    """Who could read the payload, from nobody else to somebody else's service."""

    OWN_HARDWARE = "own-hardware"
    OWN_CLOUD_ACCOUNT = "own-cloud-account"
    RENTED_INFRASTRUCTURE = "rented-infrastructure"
    EXTERNAL_SERVICE = "external-service"

    @property
    def distance(self) -> int:
        """0 for own hardware, 3 for an external service."""
        return list(Trust).index(self)


class Tier(StrEnum):
    """Which host a component lives on once the service is split."""

    FRONTEND = "frontend"
    BACKEND = "backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One uncertain number of the spec: ``low <= mid <= high`` at ``path``."""

    path: str
    low: float
    mid: float
    high: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One number of the spec as a reader should see it: where, how much, on whose word."""

    path: str
    value: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Currency:
    """``per_usd`` units of ``code`` buy one US dollar, stated with its date and source."""

    code: str = "USD"
    per_usd: Decimal = Decimal(1)
    as_of: date | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Money a provider gave: ``usd`` left today, worthless after ``ends``."""

    name: str
    provider: str
    usd: Decimal
    ends: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """Who uses the service, and when: ``day_shape[h]`` is the share of a day that falls into hour h."""

    daily_active: float
    growth_per_month_frac: float = 0.0
    day_shape: tuple[float, ...] = FLAT_DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """Traffic of the web part. ``open_connections_frac``: share of the daily users holding a WebSocket at the peak."""

    requests_per_user_day: float = 0.0
    egress_kb_per_request: float = 0.0
    open_connections_frac: float = 0.0
    arrivals: Pattern = SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedComponent:
    """A part that must run somewhere. Memory in GiB resident, CPU in milliseconds a web request, storage in GB."""

    name: str
    tier: Tier
    memory_gib: float
    cpu_ms_per_request: float = 0.0
    storage_gb: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """PostgreSQL with or without pgvector. ``memory_gib`` is what it needs besides the vector index."""

    memory_gib: float = 0.5
    storage_gb: float = 20.0
    cpu_ms_per_request: float = 0.0
    vectors: float = 0.0
    dimensions: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """Who builds and runs it."""

    engineers: int = 1
    can_run_infrastructure: int = 1
    hourly_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveSpec:
    """What moving to an option takes, as the team knows it. ``None``: derived."""

    to: str
    days: float | None = None
    downtime_minutes: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """How many months ahead to plan, what an hour of downtime costs, and moves whose effort is known."""

    months: int = 24
    downtime_usd_per_hour: float = 0.0
    moves: tuple[MoveSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRule:
    """Where payloads of one class may go: at most this far from home, and only to these countries (``None``: any)."""

    at_most: Trust
    countries: tuple[str, ...] | None = None


DEFAULT_DATA_RULES: Final[Mapping[DataClass, DataRule]] = MappingProxyType(
    {
        DataClass.SENSITIVE: DataRule(at_most=Trust.OWN_CLOUD_ACCOUNT),
        DataClass.INTERNAL: DataRule(at_most=Trust.RENTED_INFRASTRUCTURE),
        DataClass.PUBLIC: DataRule(at_most=Trust.EXTERNAL_SERVICE),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What an option must meet to be ranked. ``None`` asks nothing."""

    max_monthly_usd: float | None = None
    max_upfront_usd: float | None = None
    max_procurement_days: float | None = None
    max_management_points: int | None = None
    database_private: bool = False
    database_survives_web_host: bool = False
    data: Mapping[DataClass, DataRule] = field(default_factory=lambda: DEFAULT_DATA_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """How much each criterion weighs, relative to the others; the ranking samples around these."""

    monthly_usd: float = 3.0
    response_p95_s: float = 1.0
    management_points: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """What a service needs besides capacity and a hand-made bill forgets."""

    backup_gb: float = 0.0
    snapshot_gb: float = 0.0
    logs_gb_per_month: float = 0.0
    alarms: int = 0
    secrets: int = 0
    dns_zones: int = 0
    monitoring_host: bool = False
    second_environment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPrem:
    """A server bought. Prices in US dollars, power in watts drawn on average."""

    server_usd: float | None = None
    gpu: str | None = None
    lifetime_months: float = 36.0
    server_watts: float = 0.0
    gpu_watts: float = 0.0
    colocation: bool = False
    procurement_days: float = 14.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedHost:
    """A host exactly as a document writes it."""

    name: str
    machine: str
    count: int = 1
    disk_gb: float | None = None
    disk_type: str = "gp3"
    public_ipv4: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedDatabase:
    """A managed database exactly as a document writes it."""

    machine: str
    storage_gb: float
    multi_az: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedItem:
    """Any other line a document lists: a sku of the price book and a monthly quantity in its unit."""

    name: str
    sku: str
    quantity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pins:
    """One option as written: fixed sizes instead of sizes derived from the load. ``None`` means not pinned."""

    hosts: tuple[PinnedHost, ...] | None = None
    database: PinnedDatabase | None = None
    load_balancers: int | None = None
    load_balancer_zones: int | None = None
    nat_gateways: int | None = None
    gpu: str | None = None
    workers: int | None = None
    idle_timeout_s: float | None = None
    requests_per_month: float | None = None
    window_hours: float | None = None
    seats: int | None = None
    items: tuple[PinnedItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The whole spec."""

    name: str
    region: str
    users: Users
    on: date | None = None
    title: str | None = None
    currency: Currency = Currency()
    vat_frac: float = 0.0
    budget_usd_per_month: float | None = None
    credits: tuple[Credit, ...] = ()
    web: Web = Web()
    architecture: str = "any"
    components: tuple[HostedComponent, ...] = ()
    database: Database | None = None
    needs: frozenset[Need] = frozenset()
    inference: tuple[InferenceTask, ...] = ()
    team: Team = Team()
    growth: Growth = Growth()
    constraints: Constraints = field(default_factory=Constraints)
    criteria: Criteria = Criteria()
    operations: Operations = Operations()
    onprem: OnPrem = OnPrem()
    claims: tuple[ClaimSpec, ...] = ()
    document: Document | None = None
    pins: Mapping[str, Pins] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    drivers: tuple[Driver, ...] = ()
    inputs: tuple[Input, ...] = ()
