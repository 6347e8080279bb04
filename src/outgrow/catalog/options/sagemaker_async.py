"""SageMaker asynchronous inference: a managed GPU instance that scales to zero when its queue is empty.

A start brings up a whole instance before the container's own cold start. Nothing here measured that time: it is a
guess (`INSTANCE_START_S`), shown as one, and the option says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import gpu
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.catalog.places import country
from outgrow.domain.bill import Group, Usage
from outgrow.domain.message import message
from outgrow.domain.option import Capacity, Place, Rejection
from outgrow.domain.pool import FlexPool, Law
from outgrow.domain.units import quantity
from outgrow.domain.workload import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "sagemaker-async"
PREFIX = "aws/sagemaker"
INSTANCE_START_S = 300.0
"""A guess: AWS only says that starting takes minutes. Replace it with a measurement before relying on this option."""

COOLDOWN_S = 300.0
"""Default scale-in cooldown of Application Auto Scaling for SageMaker. Source: AWS Application Auto Scaling docs."""


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    machine = gpu.smallest_gpu(ctx, ID, task, "sagemaker", PREFIX)
    if isinstance(machine, Rejection):
        return machine
    return _on(ctx, task, machine.name)


def _on(ctx: Context, task: InferenceTask, name: str) -> TaskPlan:
    start = Law(mean_s=INSTANCE_START_S + task.cold_start_s, cv=task.cold_start_cv)
    pool = FlexPool(
        service=gpu.service_law(task), cold_start=start, idle_timeout_s=COOLDOWN_S, max_workers=task.max_workers
    )
    outcome = ctx.observe(pool, ctx.arrivals(task))
    billed_h = gpu.per_month(outcome.flex_s) / 3600
    known = ctx.machines.get(name)
    return TaskPlan(
        usage=(
            Usage(component="instance", sku=f"{PREFIX}/{name}", quantity=quantity(billed_h), group=Group.INFERENCE),
        ),
        outcome=outcome,
        managed=("SageMaker endpoint",),
        capacity=Capacity(vcpu=0, memory_gib=0, storage_gb=0, gpu_memory_gib=known.gpu_memory_gib) if known else None,
        settings={"machine": name},
        notes=(message("note.sagemaker-start", seconds=INSTANCE_START_S),),
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    if pins.hosts:
        return _on(ctx, task, pins.hosts[0].machine)
    return _plan(ctx, task, {})


def _place(ctx: Context) -> Place:
    return Place(operator="AWS", country=country(ctx.region), trust=Trust.OWN_CLOUD_ACCOUNT)


OPTION = InferenceOption(id=ID, order=150, plan=_plan, pinned=_pinned, place=_place, scales_to_zero=True)
