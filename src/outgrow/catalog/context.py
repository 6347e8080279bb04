"""What an option may ask while it is being built: the workload, prices, machines, and a predictor of behaviour."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from outgrow.catalog.machines import HostNeed, fits, of_family, surplus_vcpu
from outgrow.domain.arrivals import Arrivals
from outgrow.domain.message import message
from outgrow.domain.option import Rejection
from outgrow.domain.units import DAYS_PER_MONTH, HOURS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.option import Question
    from outgrow.domain.pool import Predictor
    from outgrow.domain.price import Machine
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Service


WEB_STREAM = -1
"""Web requests come independently of those of any task, whose streams count from 0."""

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def one_by_one(do: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Does the items in turn."""
    return [do(item) for item in items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What does not depend on the workload: prices, machines, a predictor, the day, how old a price may be.

    ``predict`` says what is to be expected in the long run; sizes are chosen by it. ``observe``, if given, says what
    happens in one month, and bills and response times are its. ``estimate``, if given, is a cheap guess of ``predict``
    that says where a search should begin, and nothing else; ``rough``, if given, predicts with less to go by, for
    looking at many demands. ``month`` gives the ``observe`` of one drawn month; ``each`` does independent things, on
    several cores where it can. ``method`` names how behaviour is predicted.
    """

    book: PriceBook
    machines: Mapping[str, Machine]
    predict: Predictor
    on: date
    max_age_days: int | None = None
    observe: Predictor | None = None
    estimate: Predictor | None = None
    rough: Predictor | None = None
    month: Callable[[int], Predictor] | None = None
    each: Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]] = one_by_one
    method: str = "closed-form"

    def roughly(self) -> Market:
        """The same market for looking at many demands."""
        return dataclasses.replace(self, predict=self.rough) if self.rough else self

    def in_month(self, number: int) -> Market:
        """The same market in one drawn month."""
        return dataclasses.replace(self, observe=self.month(number)) if self.month else self

    def context(self, service: Service) -> Context:
        """This market seen by one workload."""
        return Context(
            service=service,
            book=self.book,
            machines=self.machines,
            predict=self.predict,
            observe=self.observe or self.predict,
            estimate=self.estimate or self.predict,
            on=self.on,
            max_age_days=self.max_age_days,
        )


@dataclass(frozen=True, kw_only=True)
class Context:
    """One workload in one place on one day."""

    service: Service
    book: PriceBook
    machines: Mapping[str, Machine]
    predict: Predictor
    observe: Predictor
    estimate: Predictor
    on: date
    max_age_days: int | None = None

    @property
    def region(self) -> str:
        """The region the service lives in."""
        return self.service.region

    def rate_usd(self, sku: str, region: str | None = None) -> float | None:
        """First-tier rate in US dollars, for comparing sizes (bills use the exact tiers); ``None`` if not sold."""
        card = self.book.card(sku, region or self.region, self.on)
        return float(card.first.amount) if card and card.first.currency == "USD" else None

    def fresh(self, sku: str, region: str | None = None) -> bool:
        """Was the price confirmed recently enough to choose a size by it?"""
        card = self.book.card(sku, region or self.region, self.on)
        return card is not None and (self.max_age_days is None or card.age_days(self.on) <= self.max_age_days)

    @cached_property
    def web_arrivals(self) -> Arrivals:
        """Web requests of an average day, by hour."""
        users = self.service.users
        per_day = users.daily_active * self.service.web.requests_per_user_day
        pattern = self.service.web.arrivals
        per_hour = tuple(per_day * weight for weight in users.day_shape)
        return Arrivals(per_hour=per_hour, pattern=pattern, stream=WEB_STREAM)

    def arrivals(self, task: InferenceTask) -> Arrivals:
        """Inference requests of an average day, by hour; they move with the number of daily users."""
        scale = self.service.users.daily_active / task.base_daily_active if task.base_daily_active else 0.0
        shape = task.day_shape or self.service.users.day_shape
        per_hour = tuple(task.requests_per_day * scale * weight for weight in shape)
        stream = next(place for place, one in enumerate(self.service.inference) if one.name == task.name)
        return Arrivals(per_hour=per_hour, pattern=task.arrivals, stream=stream)

    def requests_per_month(self, task: InferenceTask) -> float:
        """Requests of a 730 h month."""
        return self.arrivals(task).per_day * DAYS_PER_MONTH

    def payload_gb_per_month(self) -> float:
        """GB of inference payload sent out in a month, all tasks."""
        return sum(self.requests_per_month(task) * task.payload_mb / 1000 for task in self.service.inference)

    def web_gb_per_month(self) -> float:
        """GB of web answers sent out in a month."""
        return self.web_arrivals.per_day * DAYS_PER_MONTH * self.service.web.egress_kb_per_request / 1e6

    def cheapest_host(self, need: HostNeed, prefix: str = "aws/ec2", family: str = "ec2") -> Machine | None:
        """The machine that carries ``need`` for the least money, recently confirmed prices first."""
        fitting = [
            (not self.fresh(f"{prefix}/{machine.name}"), cost, machine.name)
            for machine in of_family(self.machines.values(), family)
            if fits(machine, need, self.service.architecture)
            and (cost := self.host_usd(machine, need, prefix)) is not None
        ]
        return self.machines[min(fitting)[2]] if fitting else None

    def host_usd(self, machine: Machine, need: HostNeed, prefix: str) -> float | None:
        """A month of the machine under this need, surplus CPU credits counted; ``None`` if it is not sold so."""
        rate = self.rate_usd(f"{prefix}/{machine.name}")
        surplus = self.surplus_usd(machine, need)
        return None if rate is None or surplus is None else rate * HOURS_PER_MONTH + surplus

    def surplus_usd(self, machine: Machine, need: HostNeed) -> float | None:
        """Monthly cost of CPU above the baseline; ``None`` when it cannot be bought (an RDS class has no rate here)."""
        surplus = surplus_vcpu(machine, need)
        if surplus == 0:
            return 0.0
        rate = self.rate_usd(credit_sku(machine))
        return surplus * HOURS_PER_MONTH * rate if rate is not None else None

    def largest(self, family: str, prefix: str) -> Machine | None:
        """The machine of a family with the most memory that is sold here."""
        sold = [m for m in of_family(self.machines.values(), family) if self.rate_usd(f"{prefix}/{m.name}") is not None]
        return max(sold, key=lambda machine: (machine.memory_gib, machine.vcpu), default=None)


def credit_sku(machine: Machine) -> str:
    """The sku surplus CPU credits of a burstable machine are sold under."""
    return f"aws/ec2/cpu-credits-{machine.name.split('.')[0]}"


def too_big(option: str, question: Question, what: str, need: HostNeed, largest: Machine | None) -> Rejection:
    """No machine that is sold here carries what this host must."""
    allowed = f"{largest.memory_gib:g} GiB, {largest.vcpu:g} vCPU ({largest.name})" if largest else "no machine"
    return Rejection(
        option=option,
        question=question,
        constraint="capacity",
        found=f"{need.memory_gib:.1f} GiB, {need.peak_vcpu:.1f} vCPU busy at the peak",
        allowed=allowed,
        reason=message(
            "reject.capacity",
            host=what,
            memory_gib=round(need.memory_gib, 1),
            vcpu=round(need.peak_vcpu, 1),
            largest=allowed,
        ),
    )
