"""A GPU bought and put into the team's own server, at the high end of its street price."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.catalog import bought, gpu
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.domain.message import message
from outgrow.domain.option import Capacity, Host, Question, Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.message import Message
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "onprem-gpu"
MEMORY_GIB = {"rtx-3090": 24, "rtx-4090": 24, "l4": 24, "a10": 24, "a100-40gb": 40}
"""Memory of the GPUs the price file lists. Source: NVIDIA product pages."""


GPUS_PER_SERVER = 2
"""GPUs one bought server holds: what an ordinary workstation board has slots and power for. Ours."""


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    name = _cheapest(ctx, task)
    if name is None:
        return _too_small(task)
    sku = f"onprem/gpu/{name}-high"
    count, outcome = gpu.servers_for(ctx, task, (True,) * 24)
    server_usage, unpriced, server_upfront = bought.server(ctx)
    more = math.ceil(count / GPUS_PER_SERVER) - 1
    rate = ctx.rate_usd(sku) or 0.0
    wanted = ctx.service.onprem
    return TaskPlan(
        usage=(
            *(bought.written_off(f"GPU {name}", sku, wanted.lifetime_months) for _ in range(count)),
            *bought.electricity(ctx, "GPU", wanted.gpu_watts * count),
            *(server_usage * more),
        ),
        outcome=outcome,
        hosts=(Host(name="GPU server", machine=name, runs=(task.name,), public=False),),
        managed=("power and network",),
        capacity=Capacity(vcpu=0, memory_gib=0, storage_gb=0, gpu_memory_gib=MEMORY_GIB[name]),
        settings={"gpu": name, "count": count},
        notes=_street_price(ctx, name),
        upfront_usd=None if server_upfront is None else rate * count + server_upfront * more,
        shared=server_usage,
        shared_unpriced=unpriced,
        shared_upfront_usd=server_upfront,
        procurement_days=wanted.procurement_days,
    )


def _street_price(ctx: Context, name: str) -> tuple[Message, ...]:
    """What the GPU goes for at its cheapest; the bill has the dearest."""
    low, high = ctx.rate_usd(f"onprem/gpu/{name}-low"), ctx.rate_usd(f"onprem/gpu/{name}-high")
    if low is None or high is None:
        return ()
    return (message("note.street-price", gpu=name, low_usd=low, high_usd=high),)


def _cheapest(ctx: Context, task: InferenceTask) -> str | None:
    asked = ctx.service.onprem.gpu
    fitting = [
        (rate, name)
        for name, memory_gib in MEMORY_GIB.items()
        if memory_gib >= task.gpu_memory_gib
        and asked in (None, name)
        and (rate := ctx.rate_usd(f"onprem/gpu/{name}-high")) is not None
    ]
    return min(fitting)[1] if fitting else None


def _too_small(task: InferenceTask) -> Rejection:
    largest = max(MEMORY_GIB.values())
    return Rejection(
        option=ID,
        question=Question.INFERENCE,
        constraint="gpu-memory",
        found=f"{task.gpu_memory_gib:g} GiB",
        allowed=f"{largest} GiB",
        reason=message("reject.gpu-memory", task=task.name, needed=task.gpu_memory_gib, largest=largest),
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    return _plan(ctx, task, {})


OPTION = InferenceOption(id=ID, order=110, plan=_plan, pinned=_pinned, place=bought.place)
