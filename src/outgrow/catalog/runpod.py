"""How a task runs on RunPod serverless workers: flex, active, or both."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.catalog import gpu
from outgrow.catalog.places import runpod_country
from outgrow.domain.bill import Group, Usage
from outgrow.domain.message import message
from outgrow.domain.option import Capacity, Place, Question, Rejection
from outgrow.domain.pool import FlexPool, Law, Snapshot
from outgrow.domain.units import HOURS_PER_MONTH, SECONDS_PER_MONTH, quantity
from outgrow.domain.workload import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Outcome
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

FLEX = "runpod/serverless-flex"
ACTIVE = "runpod/serverless-active"
DISK = "runpod/serverless/container-disk"
DEFAULT_IDLE_S = 5.0
"""RunPod's default idle timeout in the console (the API's is 10 s). Source: RunPod docs, endpoint settings."""

IDLE_TIMEOUTS_S = (
    *(1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0),
    *(120.0, 180.0, 300.0, 450.0, 600.0, 900.0, 1800.0, 3600.0),
)
"""Idle timeouts worth trying, from the least to the most RunPod allows. Source: RunPod docs, endpoint settings."""

BLOCK_S = 300
"""Container disk is billed in started blocks of five minutes. Source: RunPod docs, pricing."""


def place(ctx: Context) -> Place:
    """A third party's machines, in the data centre nearest to the service."""
    return Place(operator="RunPod", country=runpod_country(ctx.region), trust=Trust.RENTED_INFRASTRUCTURE)


def capacity(ctx: Context, gpu_class: str) -> Capacity:
    """What one worker of the class has."""
    return Capacity(vcpu=0, memory_gib=0, storage_gb=0, gpu_memory_gib=ctx.machines[gpu_class].gpu_memory_gib)


def gpu_class(ctx: Context, option: str, task: InferenceTask, pins: Pins | None, prefix: str) -> str | Rejection:
    """The pinned GPU class, or the cheapest with enough memory."""
    if pins is not None and pins.gpu is not None:
        return pins.gpu
    machine = gpu.smallest_gpu(ctx, option, task, "runpod", prefix)
    return machine if isinstance(machine, Rejection) else machine.name


def refused(option: str, name: str, found: str | float, allowed: str) -> Rejection:
    """A setting that RunPod or the spec does not allow."""
    return Rejection(
        option=option,
        question=Question.INFERENCE,
        constraint="setting",
        found=f"{name}={found}",
        allowed=allowed,
        reason=message("reject.setting", name=name, found=found, allowed=allowed),
    )


def idle_timeout(option: str, settings: Mapping[str, str | int | float]) -> float | Rejection:
    """The idle timeout of flex workers in seconds, RunPod's default where none is set."""
    seconds = knob(settings, "idle_timeout_s", DEFAULT_IDLE_S)
    least, most = IDLE_TIMEOUTS_S[0], IDLE_TIMEOUTS_S[-1]
    if not least <= seconds <= most:
        return refused(option, "idle_timeout_s", f"{seconds:g}", f"{least:g} to {most:,.0f} s")
    return seconds


def flex_pool(task: InferenceTask, idle_timeout_s: float, active: tuple[int, ...] = (0,) * 24) -> FlexPool:
    """Flex workers for a task, beside those that are always on; RunPod counts both towards max workers."""
    return FlexPool(
        service=gpu.service_law(task),
        cold_start=gpu.cold_law(task),
        idle_timeout_s=idle_timeout_s,
        max_workers=max(task.max_workers, *active),
        active=active,
        slots=task.requests_per_worker,
        scaling=task.scaler,
        snapshot=_snapshot(task),
        callers=gpu.callers(task),
        falls_quiet=True,
    )


def _snapshot(task: InferenceTask) -> Snapshot | None:
    warm = task.warm_start
    if warm is None or warm.share_frac == 0:
        return None
    fade_s = math.inf if warm.fade_s is None else warm.fade_s
    return Snapshot(start=Law(mean_s=warm.start_s, cv=warm.start_cv), share_frac=warm.share_frac, fade_s=fade_s)


def flex_usage(name: str, outcome: Outcome, task: InferenceTask) -> tuple[Usage, ...]:
    """Billed worker seconds of a predicted month: execution, cold starts and idle tails, apart.

    RunPod rounds each start-to-stop stretch up to the second. Beside active workers nobody can say which seconds of a
    busy pool are whose: what is not a start is one line.
    """
    cold_s = min(outcome.cold_s, outcome.flex_s)
    lines: tuple[tuple[str, float], ...] = (
        ("execution", outcome.flex_s - cold_s - outcome.idle_s + outcome.second_slack_s),
        ("cold start", cold_s),
        ("idle tail", outcome.idle_s),
    )
    if outcome.active_s:
        rest_s = outcome.flex_s - cold_s + outcome.second_slack_s if outcome.flex_s else 0.0
        lines = (("execution and idle tail", rest_s), ("cold start", cold_s))
    usage = [
        Usage(component=label, sku=f"{FLEX}/{name}", quantity=quantity(gpu.per_month(amount)), group=Group.INFERENCE)
        for label, amount in lines
        if amount > 0
    ]
    return (*usage, *_disk_usage(outcome, task))


def _disk_usage(outcome: Outcome, task: InferenceTask) -> tuple[Usage, ...]:
    """Container disk of flex workers, in started five-minute blocks of each start-to-stop stretch."""
    blocks = (outcome.flex_s + outcome.block_slack_s) / BLOCK_S * task.container_disk_gb
    if not blocks:
        return ()
    amount = quantity(gpu.per_month(blocks))
    return (Usage(component="container disk", sku=DISK, quantity=amount, group=Group.INFERENCE),)


def active_disk(task: InferenceTask, worker_hours: float) -> tuple[Usage, ...]:
    """Container disk of workers that stay on."""
    if not task.container_disk_gb or not worker_hours:
        return ()
    blocks = worker_hours * 3600 / BLOCK_S * task.container_disk_gb
    return (Usage(component="container disk", sku=DISK, quantity=quantity(blocks), group=Group.INFERENCE),)


def active_usage(name: str, seconds_per_month: float) -> Usage:
    """Worker seconds at the active rate."""
    amount = quantity(seconds_per_month)
    return Usage(component="active workers", sku=f"{ACTIVE}/{name}", quantity=amount, group=Group.INFERENCE)


def always_cold_usage(ctx: Context, task: InferenceTask, pins: Pins, name: str) -> tuple[Usage, ...]:
    """Flex as a document writes it: every request starts cold and pays its own idle tail.

    Per request ``ceil(cold start + execution + idle timeout)`` seconds; the rounding is part of the execution line.
    Holds when requests are so sparse that none meets a warm worker.
    """
    requests = pins.requests_per_month if pins.requests_per_month is not None else ctx.requests_per_month(task)
    idle_s = DEFAULT_IDLE_S if pins.idle_timeout_s is None else pins.idle_timeout_s
    stretch_s = task.cold_start_s + task.service_s + idle_s
    execution_s = task.service_s + math.ceil(round(stretch_s, 6)) - stretch_s
    lines = (("execution", execution_s), ("cold start", task.cold_start_s), ("idle tail", idle_s))
    return tuple(
        Usage(component=label, sku=f"{FLEX}/{name}", quantity=quantity(requests * each), group=Group.INFERENCE)
        for label, each in lines
        if each > 0
    )


def quiet_note(ctx: Context, task: InferenceTask) -> tuple[Message, ...]:
    """RunPod lowers max workers after 3 days without a request and switches the endpoint off after 7."""
    if ctx.arrivals(task).per_day < 1:
        return (message("note.runpod-quiet", task=task.name),)
    return ()


def month_of_workers(workers: int) -> float:
    """Seconds a month of this many workers that never stop."""
    return workers * SECONDS_PER_MONTH


def window_seconds(active: tuple[int, ...]) -> float:
    """Active worker seconds a month for workers by hour of the day."""
    return sum(active) / 24 * HOURS_PER_MONTH * 3600


def knob(settings: Mapping[str, str | int | float], name: str, otherwise: float) -> float:
    """A numeric setting."""
    return float(settings.get(name, otherwise))
