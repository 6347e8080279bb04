"""A GPU host on EC2 that is on in given hours only; requests outside them wait for the next window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import ec2_gpu, gpu
from outgrow.catalog.inference import InferenceOption, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.option import Rejection
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "ec2-gpu-scheduled"
COVERED_SHARE = 0.96
"""Without windows in the spec, the busiest hours that hold this share: the p95 then falls inside them."""


def _hours(ctx: Context, task: InferenceTask) -> tuple[bool, ...]:
    if task.windows:
        return gpu.window_hours(task.windows)
    return gpu.busiest_hours(ctx.arrivals(task), COVERED_SHARE)


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    return ec2_gpu.plan(ctx, ID, task, _hours(ctx, task))


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    """As written: on for ``window_hours`` a day (the busiest ones), else the hours the spec gives."""
    if pins.window_hours is None:
        return ec2_gpu.pinned(ctx, ID, task, pins, _hours(ctx, task))
    per_hour = ctx.arrivals(task).per_hour
    busiest = sorted(range(24), key=lambda hour: (-per_hour[hour], hour))[: round(pins.window_hours)]
    return ec2_gpu.pinned(ctx, ID, task, pins, tuple(hour in busiest for hour in range(24)))


OPTION = InferenceOption(id=ID, order=130, plan=_plan, pinned=_pinned, place=ec2_gpu.place, deploy_targets=2)
