"""The frame of every inference option: each task served on its own, then one shape for all of them.

An option file says how one task is served (`TaskPlan`); this frame adds the plans up.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.catalog import parts
from outgrow.catalog.gpu import merged
from outgrow.domain.bill import Basis, Group
from outgrow.domain.option import Question, Rejection, Shape, Variant
from outgrow.domain.workload import Pins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.bill import UnpricedLine, Usage
    from outgrow.domain.message import Message
    from outgrow.domain.option import Capacity, Host, Place
    from outgrow.domain.pool import Outcome
    from outgrow.domain.task import InferenceTask


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """How one option serves one task: what it uses, on which hosts, and what comes of it.

    ``shared`` things are needed once, however many tasks there are (the server that bought GPUs stand in).
    """

    usage: tuple[Usage, ...]
    outcome: Outcome | None
    hosts: tuple[Host, ...] = ()
    managed: tuple[str, ...] = ()
    capacity: Capacity | None = None
    settings: Mapping[str, str | int | float] = field(default_factory=dict)
    unpriced: tuple[UnpricedLine, ...] = ()
    notes: tuple[Message, ...] = ()
    upfront_usd: float | None = 0.0
    procurement_days: float = 0.0
    shared: tuple[Usage, ...] = ()
    shared_unpriced: tuple[UnpricedLine, ...] = ()
    shared_upfront_usd: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InferenceOption:
    """One inference option: how a task is planned when sized and when pinned, and where its payload goes."""

    id: str
    order: int
    plan: Callable[[Context, InferenceTask, Mapping[str, str | int | float]], TaskPlan | Rejection]
    pinned: Callable[[Context, InferenceTask, Pins], TaskPlan | Rejection]
    place: Callable[[Context], Place]
    knobs: Callable[[Context], Sequence[Mapping[str, str | int | float]]] = lambda _: ({},)
    custom_model: bool = True
    scales_to_zero: bool = False
    leaves_network: bool = False
    deploy_targets: int = 1
    reference: Pins = field(default_factory=Pins)
    question: Question = Question.INFERENCE

    def settings(self, ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
        """The knobs worth trying."""
        return self.knobs(ctx)

    def sized(self, ctx: Context, settings: Mapping[str, str | int | float]) -> Shape | Rejection:
        """Every task on the smallest size that carries it."""
        plans = [self.plan(ctx, task, settings) for task in ctx.service.inference]
        return self._shape(ctx, Variant.SIZED, plans, settings)

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        """Every task on what the document wrote; pinned hosts and workers are there once, for all tasks."""
        tasks = ctx.service.inference
        plans = [self.pinned(ctx, task, _share_of(pins, ctx, task)) for task in tasks]
        if pins.hosts is not None or pins.workers is not None:
            plans = [plans[0], *(_without_usage(plan) for plan in plans[1:])] if plans else []
        shape = self._shape(ctx, Variant.AS_WRITTEN, plans, {})
        if isinstance(shape, Rejection):
            return shape
        items = [parts.per_month(item.name, item.sku, item.quantity) for item in pins.items]
        usage = tuple(dataclasses.replace(line, basis=Basis.PINNED) for line in (*shape.usage, *items))
        return dataclasses.replace(shape, usage=usage)

    def _shape(
        self,
        ctx: Context,
        variant: Variant,
        plans: list[TaskPlan | Rejection],
        settings: Mapping[str, str | int | float],
    ) -> Shape | Rejection:
        made: list[TaskPlan] = []
        for plan in plans:
            if isinstance(plan, Rejection):
                return plan
            made.append(plan)
        tasks = ctx.service.inference
        weighted = [
            (ctx.arrivals(task).per_day, plan.outcome)
            for task, plan in zip(tasks, made, strict=True)
            if plan.outcome is not None
        ]
        usage = _named(tasks, made) + made[0].shared + (self._payload(ctx) if variant is Variant.SIZED else ())
        return Shape(
            option=self.id,
            question=self.question,
            variant=variant,
            usage=usage,
            hosts=tuple(host for plan in made for host in plan.hosts),
            managed=tuple(name for plan in made for name in plan.managed),
            settings={**settings, **_settings(tasks, made)},
            custom_model=self.custom_model,
            place=self.place(ctx),
            capacity=made[0].capacity if len(made) == 1 else None,
            outcome=merged(weighted),
            task_outcomes={
                task.name: plan.outcome for task, plan in zip(tasks, made, strict=True) if plan.outcome is not None
            },
            upfront_usd=_sum_known([*(plan.upfront_usd for plan in made), made[0].shared_upfront_usd]),
            procurement_days=max((plan.procurement_days for plan in made), default=0.0),
            deploy_targets=self.deploy_targets * len(made),
            scales_to_zero=self.scales_to_zero,
            unpriced=(*(line for plan in made for line in plan.unpriced), *made[0].shared_unpriced),
            notes=tuple(note for plan in made for note in plan.notes),
        )

    def _payload(self, ctx: Context) -> tuple[Usage, ...]:
        """Payload sent to somebody else leaves AWS through its egress price (and shares its free 100 GB)."""
        amount = ctx.payload_gb_per_month()
        if not self.leaves_network or amount == 0:
            return ()
        return (parts.per_month("payload out", "aws/transfer/egress", amount, Group.TRAFFIC),)


def _share_of(pins: Pins, ctx: Context, task: InferenceTask) -> Pins:
    """The pins as one task sees them: its share of the pinned requests, by how many of them are its own."""
    if pins.requests_per_month is None or len(ctx.service.inference) == 1:
        return pins
    total = sum(ctx.arrivals(other).per_day for other in ctx.service.inference)
    share = ctx.arrivals(task).per_day / total if total else 1 / len(ctx.service.inference)
    return dataclasses.replace(pins, requests_per_month=pins.requests_per_month * share)


def _without_usage(plan: TaskPlan | Rejection) -> TaskPlan | Rejection:
    """What a task runs on is already on the bill of the first one."""
    if isinstance(plan, Rejection):
        return plan
    return dataclasses.replace(plan, usage=(), hosts=(), managed=(), unpriced=())


def _settings(tasks: tuple[InferenceTask, ...], plans: list[TaskPlan]) -> dict[str, str | int | float]:
    """What was chosen for each task; with several, under the task's name."""
    if len(plans) == 1:
        return dict(plans[0].settings)
    return {
        f"{task.name}.{key}": value
        for task, plan in zip(tasks, plans, strict=True)
        for key, value in plan.settings.items()
    }


def _sum_known(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _named(tasks: tuple[InferenceTask, ...], plans: list[TaskPlan]) -> tuple[Usage, ...]:
    """Usage of all tasks; with several, each line says whose it is."""
    if len(tasks) == 1:
        return plans[0].usage
    return tuple(
        dataclasses.replace(line, component=f"{task.name}: {line.component}")
        for task, plan in zip(tasks, plans, strict=True)
        for line in plan.usage
    )
