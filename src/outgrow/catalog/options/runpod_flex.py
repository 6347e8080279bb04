"""RunPod serverless workers that start on demand and stop after an idle timeout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import runpod
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.domain.option import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "runpod-flex"


def _knobs(_ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
    return tuple({"idle_timeout_s": seconds} for seconds in runpod.IDLE_TIMEOUTS_S)


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    name = runpod.gpu_class(ctx, ID, task, None, runpod.FLEX)
    if isinstance(name, Rejection):
        return name
    idle_s = runpod.idle_timeout(ID, settings)
    if isinstance(idle_s, Rejection):
        return idle_s
    pool = runpod.flex_pool(task, idle_s)
    outcome = ctx.observe(pool, ctx.arrivals(task))
    return TaskPlan(
        usage=runpod.flex_usage(name, outcome, task),
        outcome=outcome,
        managed=("RunPod endpoint",),
        capacity=runpod.capacity(ctx, name),
        settings={"gpu": name, "max_workers": task.max_workers},
        notes=runpod.quiet_note(ctx, task),
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    name = runpod.gpu_class(ctx, ID, task, pins, runpod.FLEX)
    if isinstance(name, Rejection):
        return name
    return TaskPlan(
        usage=runpod.always_cold_usage(ctx, task, pins, name),
        outcome=None,
        managed=("RunPod endpoint",),
        capacity=runpod.capacity(ctx, name) if name in ctx.machines else None,
        settings={"gpu": name},
    )


OPTION = InferenceOption(
    id=ID,
    order=160,
    plan=_plan,
    pinned=_pinned,
    place=runpod.place,
    knobs=_knobs,
    scales_to_zero=True,
    leaves_network=True,
)
