"""What deciding says: candidates, rejections, crossovers, claims, and why."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from decimal import Decimal

    from outgrow.domain.bill import Bill
    from outgrow.domain.credit import Runway
    from outgrow.domain.growth import GrowthPlan
    from outgrow.domain.message import Message
    from outgrow.domain.option import Question, Rejection, Shape
    from outgrow.domain.pool import Endings
    from outgrow.domain.workload import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """An option built for a workload, with its bill."""

    shape: Shape
    bill: Bill

    @property
    def monthly_usd(self) -> float:
        """The bill's total as a float, for comparing; documents print the Decimal."""
        return float(self.bill.monthly_usd)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A middle value and the ends of what the spec's ranges allow."""

    low: float
    mid: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The middle of what months brought, and the ends between which 80 of 100 of them lie."""

    low: float
    median: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What an option does over drawn months, inputs drawn with them; ``None`` where it serves nothing.

    ``endings`` are shares of all requests of all months; ``kept_share`` the share of months in which every constraint
    held, ``broke`` the constraints that did not, each with its share of the months.
    """

    months: int
    bill_usd: Spread
    p50_s: Spread | None
    p95_s: Spread | None
    p99_s: Spread | None
    cold_share: Spread | None
    delayed_share: Spread | None
    utilisation_frac: Spread | None
    endings: Endings | None
    kept_share: float
    broke: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """The same option under another assumption, sized anew for it: what a month costs and how it answers."""

    monthly_usd: float
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    cold_share: float
    settings: Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """What people argue about, derived from the components instead of typed in.

    ``management_points``: things somebody must look after. ``lost_with_one_host_frac``: largest share of the components
    that dies with one host. ``database_exposure``: from where the database's host can be reached.
    """

    management_points: int
    lost_with_one_host_frac: float
    fault_isolation: str
    database_exposure: str
    independent_scaling: bool
    deploy_targets: int
    deploy_complexity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An option that met every constraint.

    ``monthly_usd`` spans the spec's ranges; ``interval_80`` holds 80 of 100 months of its ``study``. ``regret_usd`` is
    the most it can cost above the best candidate in any of these months; ``first_share`` how often it comes first over
    months and weights. Times and shares are what is to be expected; ``None`` where nothing is served, or infinite.
    ``as_poisson`` is what it would be if requests came one by one, every day alike; ``None`` where they do.
    """

    priced: Priced
    monthly_usd: Interval
    interval_80: tuple[float, float]
    p50_s: float | None
    p95_s: float | None
    p99_s: float | None
    cold_share: float | None
    delayed_share: float | None
    utilisation_frac: float | None
    endings: Endings | None
    study: Study
    first_share: float
    regret_usd: float
    levels: Levels
    as_poisson: Beside | None = None
    at_risk: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossover:
    """Where the ranking changes: at ``value`` of ``driver`` the first option stops being the better of the two.

    ``low`` and ``high`` are the values at the ends of the spec's ranges (``None`` beyond the searched range);
    ``method`` says how it was found, ``binds`` which criterion or constraint decides.
    """

    driver: str
    between: tuple[str, str]
    value: float
    low: float | None
    high: float | None
    binds: str
    method: str
    requests_per_month: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim, what it expects and what was found."""

    id: str
    says: str
    holds: bool
    expected: str
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """An uncertain input, what measuring it would tell, and the command that does.

    ``swing_usd`` is how far the bill moves between the ends of its range; ``value_usd`` what knowing it before choosing
    would save a month in the mean; ``variance_share`` its share in the spread of the bill over months.
    """

    path: str
    reason: Message
    command: str
    swing_usd: float
    changes_choice: bool
    value_usd: float = 0.0
    variance_share: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One figure of a hand-made document beside ours, with what explains the difference."""

    section: str
    says: str
    theirs: str
    ours: str
    agrees: bool
    causes: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Monthly cost of one option against a driver; ``None`` where it cannot carry the load."""

    option: str
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Break-even daily users of two options over the cold start: always cold, and by the predictor."""

    between: tuple[str, str]
    driver: str
    cold_start_s: tuple[float, ...]
    always_cold: tuple[float, ...]
    predicted: tuple[float | None, ...]
    today: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontPoint:
    """One option with one setting: what a month costs and how it answers; ``broke`` are the constraints it breaks.

    ``on_front``: nothing else is both cheaper and faster (of p95).
    """

    option: str
    settings: Mapping[str, str | int | float]
    monthly_usd: float
    p50_s: float
    p95_s: float
    cold_share: float
    broke: tuple[str, ...]
    on_front: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What speed costs: every setting tried, cheapest first; ``target_s`` is the p95 asked for, if one is."""

    points: tuple[FrontPoint, ...]
    target_s: float | None
    cheapest: FrontPoint | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One question answered."""

    question: Question
    chosen: str | None
    candidates: tuple[Candidate, ...]
    rejections: tuple[Rejection, ...]
    crossovers: tuple[Crossover, ...]
    curves: tuple[Curve, ...]
    indifferent: tuple[str, ...] = ()
    tie_breaker: Message | None = None
    rejected_priced: Mapping[str, Priced] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A platform and an inference option together, on one bill: allowances are shared, the budget covers both."""

    platform: str
    inference: str
    bill: Bill
    monthly_usd: Decimal
    with_vat_usd: Decimal
    within_budget: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Everything one run of deciding found, ready to be rendered."""

    service: Service
    on: date
    method: str
    seed: int
    samples: int
    max_age_days: int | None
    answers: tuple[Answer, ...]
    as_written: tuple[Priced, ...]
    pairs: tuple[Pair, ...]
    runways: tuple[Runway, ...]
    claims: tuple[ClaimResult, ...]
    measures: tuple[Measure, ...]
    findings: tuple[Finding, ...]
    surface: Surface | None
    front: Front | None
    growth: GrowthPlan | None
    warnings: tuple[Message, ...]

    @property
    def measure_first(self) -> Measure | None:
        """The one measurement most likely to change the answer."""
        return self.measures[0] if self.measures else None

    def answer(self, question: Question) -> Answer:
        """The answer to one question."""
        return next(answer for answer in self.answers if answer.question is question)
