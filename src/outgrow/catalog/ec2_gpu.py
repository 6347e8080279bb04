"""How a task runs on a GPU host of one's own on EC2: always on, in given hours, or on spot capacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import gpu, parts
from outgrow.catalog.inference import TaskPlan
from outgrow.catalog.places import country
from outgrow.domain.bill import Group, UnpricedLine, Usage
from outgrow.domain.message import message
from outgrow.domain.option import Capacity, Host, Place, Rejection
from outgrow.domain.pool import Law
from outgrow.domain.units import HOURS_PER_MONTH, quantity
from outgrow.domain.workload import PinnedHost, Trust

if TYPE_CHECKING:
    from outgrow.catalog.context import Context
    from outgrow.domain.pool import Outcome
    from outgrow.domain.price import Machine
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ON_DEMAND = "aws/ec2"
SPOT = "aws/ec2-spot"
GPU_DISK_GB = 100.0
"""Root disk of a GPU host: driver and CUDA image (about 40 GB), one container image with its model. Ours: measure."""

BOOT_S = 90.0
"""From asking for a GPU host to a running system, before the model loads. A planning figure of ours: measure it."""

ALWAYS = (True,) * 24


def place(ctx: Context) -> Place:
    """The team's own AWS account, in the service's region."""
    return Place(operator="AWS", country=country(ctx.region), trust=Trust.OWN_CLOUD_ACCOUNT)


def plan(
    ctx: Context, option: str, task: InferenceTask, on: tuple[bool, ...], prefix: str = ON_DEMAND
) -> TaskPlan | Rejection:
    """The cheapest GPU machine that holds the model, as many as the target needs, on in these hours."""
    machine = gpu.smallest_gpu(ctx, option, task, "ec2-gpu", prefix)
    if isinstance(machine, Rejection):
        return machine
    count, outcome = gpu.servers_for(ctx, task, on, start=_start(task), lost_per_month=_lost(task, prefix))
    disk_gb = max(GPU_DISK_GB, task.container_disk_gb + parts.OS_STORAGE_GB)
    on_h = _on_hours(count, on, outcome)
    notes = (message("note.cheaper-stale", **cheaper) for cheaper in _cheaper_stale(ctx, task, machine, prefix))
    return TaskPlan(
        usage=(
            _gpu_hours(f"{prefix}/{machine.name}", on_h),
            parts.disk("GPU host", disk_gb * count),
            parts.hours("GPU host public IPv4", "aws/vpc/public-ipv4", on_h / HOURS_PER_MONTH),
        ),
        outcome=outcome,
        hosts=(_host(machine, task, count),),
        capacity=_capacity(machine, count, disk_gb),
        settings={"machine": machine.name, "count": count, **({} if all(on) else {"hours": gpu.windows_text(on)})},
        notes=tuple(notes),
    )


def pinned(
    ctx: Context, option: str, task: InferenceTask, pins: Pins, on: tuple[bool, ...], prefix: str = ON_DEMAND
) -> TaskPlan | Rejection:
    """The host a document names, on in these hours; without one, the cheapest that fits."""
    if not pins.hosts:
        return plan(ctx, option, task, on, prefix)
    usage: list[Usage] = []
    unpriced: list[UnpricedLine] = []
    for host in pins.hosts:
        usage += _pinned_usage(host, on, prefix)
        if host.disk_gb is None:
            reason = message("unpriced.disk-not-written", host=host.name)
            unpriced.append(UnpricedLine(component=f"{host.name} disk", sku=None, reason=reason, material=False))
    machine = ctx.machines.get(pins.hosts[0].machine)
    count = sum(host.count for host in pins.hosts)
    workers = tuple(count if hour_on else 0 for hour_on in on)
    return TaskPlan(
        usage=tuple(usage),
        outcome=ctx.observe(gpu.fixed_pool(task, workers, _start(task), _lost(task, prefix)), ctx.arrivals(task)),
        hosts=(_host(machine, task, count),) if machine else (),
        capacity=_capacity(machine, count, sum(host.disk_gb or 0 for host in pins.hosts)) if machine else None,
        settings={"machine": pins.hosts[0].machine, "count": count},
        unpriced=tuple(unpriced),
    )


def _start(task: InferenceTask) -> Law:
    """What a host that is switched on, or that replaces a lost one, needs before it serves."""
    cold = gpu.cold_law(task)
    mean_s = BOOT_S + cold.mean_s
    return Law(mean_s=mean_s, cv=cold.mean_s * cold.cv / mean_s)


def _lost(task: InferenceTask, prefix: str) -> float:
    return task.interruptions_per_month if prefix == SPOT else 0.0


def _pinned_usage(host: PinnedHost, on: tuple[bool, ...], prefix: str) -> list[Usage]:
    month = sum(on) / 24 * HOURS_PER_MONTH * host.count
    usage = [_gpu_hours(f"{prefix}/{host.machine}", month, host.name)]
    if host.disk_gb:
        usage.append(parts.disk(host.name, host.disk_gb * host.count, host.disk_type))
    if host.public_ipv4:
        usage.append(parts.public_ipv4(host.name, host.count))
    return usage


def _gpu_hours(sku: str, amount: float, component: str = "GPU host") -> Usage:
    return Usage(component=component, sku=sku, quantity=quantity(amount), group=Group.INFERENCE)


def _on_hours(count: int, on: tuple[bool, ...], outcome: Outcome) -> float:
    """Host-hours a month: those that are asked for, and those in which the queue is finished after them.

    A host has one public address while it is on, so that it can pull images without a NAT.
    """
    return sum(on) / 24 * HOURS_PER_MONTH * count + gpu.per_month(outcome.flex_s) / 3600


def _host(machine: Machine, task: InferenceTask, count: int) -> Host:
    return Host(name=f"GPU host {task.name}", machine=machine.name, runs=(task.name,), count=count)


def _capacity(machine: Machine, count: int, disk_gb: float) -> Capacity:
    return Capacity(
        vcpu=machine.vcpu * count,
        memory_gib=machine.memory_gib * count,
        storage_gb=disk_gb * count,
        gpu_memory_gib=machine.gpu_memory_gib,
    )


def _cheaper_stale(
    ctx: Context, task: InferenceTask, chosen: Machine, prefix: str
) -> list[dict[str, str | int | float]]:
    """A cheaper machine that was passed over because nobody confirmed its price for too long."""
    rate = ctx.rate_usd(f"{prefix}/{chosen.name}")
    found: list[tuple[float, str]] = []
    for machine in ctx.machines.values():
        other = ctx.rate_usd(f"{prefix}/{machine.name}") if machine.family == "ec2-gpu" else None
        stale = other is not None and not ctx.fresh(f"{prefix}/{machine.name}")
        if stale and other and rate and other < rate and machine.gpu_memory_gib >= task.gpu_memory_gib:
            found.append((other, machine.name))
    if not found:
        return []
    other, name = min(found)
    card = ctx.book.card(f"{prefix}/{name}", ctx.region, ctx.on)
    as_of = str(card.first.as_of) if card else ""
    return [{"machine": name, "monthly_usd": round(other * HOURS_PER_MONTH, 2), "as_of": as_of, "chosen": chosen.name}]
