"""A GPU host on EC2 that is always on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import ec2_gpu
from outgrow.catalog.inference import InferenceOption, TaskPlan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.option import Rejection
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "ec2-gpu"


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    return ec2_gpu.plan(ctx, ID, task, ec2_gpu.ALWAYS)


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    return ec2_gpu.pinned(ctx, ID, task, pins, ec2_gpu.ALWAYS)


OPTION = InferenceOption(id=ID, order=120, plan=_plan, pinned=_pinned, place=ec2_gpu.place)
