"""RunPod serverless workers that are always on, at the discounted rate RunPod published until 2026-05-12."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import gpu, runpod
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.domain.option import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "runpod-active"


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    name = runpod.gpu_class(ctx, ID, task, None, runpod.ACTIVE)
    if isinstance(name, Rejection):
        return name
    workers, outcome = gpu.servers_for(ctx, task, (True,) * 24, most=task.max_workers)
    month_s = runpod.month_of_workers(workers)
    return TaskPlan(
        usage=(runpod.active_usage(name, month_s), *runpod.active_disk(task, month_s / 3600)),
        outcome=outcome,
        managed=("RunPod endpoint",),
        capacity=runpod.capacity(ctx, name),
        settings={"gpu": name, "active_workers": workers},
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    name = runpod.gpu_class(ctx, ID, task, pins, runpod.ACTIVE)
    if isinstance(name, Rejection):
        return name
    workers = pins.workers or 1
    pool = gpu.fixed_pool(task, (workers,) * 24)
    return TaskPlan(
        usage=(runpod.active_usage(name, runpod.month_of_workers(workers)),),
        outcome=ctx.observe(pool, ctx.arrivals(task)),
        managed=("RunPod endpoint",),
        settings={"gpu": name, "active_workers": workers},
    )


OPTION = InferenceOption(id=ID, order=170, plan=_plan, pinned=_pinned, place=runpod.place, leaves_network=True)
