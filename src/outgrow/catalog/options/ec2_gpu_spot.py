"""A GPU host on EC2 spot capacity: cheaper, and AWS may take it back with two minutes' notice.

Priced at the dearest availability zone of the snapshot; how often a host is taken back is the spec's to say.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from outgrow.catalog import ec2_gpu
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.domain.message import message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.option import Rejection
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "ec2-gpu-spot"


CHEAPEST_ZONE = "aws/ec2-spot-min"


def _warned(ctx: Context, task: InferenceTask, plan: TaskPlan | Rejection) -> TaskPlan | Rejection:
    """Spot comes with an interruption risk, and with a price that depends on the zone."""
    if not isinstance(plan, TaskPlan):
        return plan
    name = str(plan.settings.get("machine", ""))
    low, high = ctx.rate_usd(f"{CHEAPEST_ZONE}/{name}"), ctx.rate_usd(f"{ec2_gpu.SPOT}/{name}")
    lost = task.interruptions_per_month
    note = message("note.spot", lost=lost)
    if low is not None and high is not None:
        note = message("note.spot-zones", machine=name, low_usd=low, high_usd=high, lost=lost)
    return dataclasses.replace(plan, notes=(*plan.notes, note))


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    return _warned(ctx, task, ec2_gpu.plan(ctx, ID, task, ec2_gpu.ALWAYS, ec2_gpu.SPOT))


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    return _warned(ctx, task, ec2_gpu.pinned(ctx, ID, task, pins, ec2_gpu.ALWAYS, ec2_gpu.SPOT))


OPTION = InferenceOption(id=ID, order=140, plan=_plan, pinned=_pinned, place=ec2_gpu.place)
