"""The same job on a CPU host of one's own, no GPU at all.

Needs the task's time on a CPU in the spec: nothing here guesses it from the GPU's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import parts
from outgrow.catalog.context import too_big
from outgrow.catalog.gpu import MAX_SERVERS, callers, meets
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.catalog.machines import HostNeed, of_family
from outgrow.catalog.places import country
from outgrow.domain.message import message
from outgrow.domain.option import Capacity, Host, Place, Question, Rejection
from outgrow.domain.pool import FixedPool, Law
from outgrow.domain.workload import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.pool import Outcome, Predictor
    from outgrow.domain.price import Machine
    from outgrow.domain.task import CpuRun, InferenceTask
    from outgrow.domain.workload import Pins

ID = "cpu-local"


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    if task.cpu is None:
        return _unknown(task)
    need = _need(ctx, task, task.cpu)
    options = [
        (not ctx.fresh(f"aws/ec2/{machine.name}"), cost, machine.name)
        for machine in of_family(ctx.machines.values(), "ec2")
        if machine.memory_gib >= need.memory_gib
        and ctx.service.architecture in ("any", machine.architecture)
        and (cost := ctx.host_usd(machine, need, "aws/ec2")) is not None
    ]
    for _, _, name in sorted(options):
        machine = ctx.machines[name]
        outcome = _outcome(ctx, task, task.cpu, machine, 1, ctx.predict)
        if outcome.bottleneck is None and meets(outcome, task):
            return _on(ctx, task, task.cpu, machine, need)
    if not options:
        return too_big(ID, Question.INFERENCE, f"CPU host {task.name}", need, ctx.largest("ec2", "aws/ec2"))
    machine = ctx.machines[max(options, key=lambda option: ctx.machines[option[2]].vcpu)[2]]
    return _several(ctx, task, machine, need)


def _several(ctx: Context, task: InferenceTask, machine: Machine, need: HostNeed) -> TaskPlan:
    """As many of the largest machine as the target needs, or the last try with its bottleneck."""
    assert task.cpu is not None
    outcome = _outcome(ctx, task, task.cpu, machine, 1, ctx.predict)
    count = 1
    while count < MAX_SERVERS and (outcome.bottleneck is not None or not meets(outcome, task)):
        count *= 2
        outcome = _outcome(ctx, task, task.cpu, machine, count, ctx.predict)
    return _on(ctx, task, task.cpu, machine, need, count)


def _need(ctx: Context, task: InferenceTask, cpu: CpuRun) -> HostNeed:
    busy_vcpu = ctx.arrivals(task).per_day * cpu.service_s / 86400
    return HostNeed(memory_gib=cpu.memory_gib + parts.OS_MEMORY_GIB, mean_vcpu=busy_vcpu)


def _outcome(
    ctx: Context, task: InferenceTask, cpu: CpuRun, machine: Machine, count: int, predict: Predictor
) -> Outcome:
    """One request at a time on each vCPU that has memory for it."""
    room = int((machine.memory_gib - parts.OS_MEMORY_GIB) // cpu.memory_gib) if cpu.memory_gib else int(machine.vcpu)
    servers = max(1, min(int(machine.vcpu), room)) * count
    law = Law(mean_s=cpu.service_s, cv=task.service_cv)
    pool = FixedPool(service=law, workers=(servers,) * 24, callers=callers(task))
    return predict(pool, ctx.arrivals(task))


def _on(ctx: Context, task: InferenceTask, cpu: CpuRun, machine: Machine, need: HostNeed, count: int = 1) -> TaskPlan:
    share = HostNeed(memory_gib=need.memory_gib, mean_vcpu=need.mean_vcpu / count)
    name = f"CPU host {task.name}"
    credits_used = [line for _ in range(count) for line in parts.surplus_credits(name, machine, share)]
    return TaskPlan(
        usage=(
            parts.hours(name, f"aws/ec2/{machine.name}", count),
            parts.disk(name, count * (parts.OS_STORAGE_GB + task.container_disk_gb)),
            parts.public_ipv4(name, count),
            *credits_used,
        ),
        outcome=_outcome(ctx, task, cpu, machine, count, ctx.observe),
        hosts=(Host(name=name, machine=machine.name, runs=(task.name,), count=count),),
        capacity=Capacity(vcpu=machine.vcpu * count, memory_gib=machine.memory_gib * count, storage_gb=0),
        settings={"machine": machine.name, "count": count},
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    if task.cpu is None:
        return _unknown(task)
    if not pins.hosts:
        return _plan(ctx, task, {})
    machine = ctx.machines.get(pins.hosts[0].machine)
    if machine is None:
        name = pins.hosts[0].machine
        return TaskPlan(usage=(parts.hours(f"CPU host {task.name}", f"aws/ec2/{name}"),), outcome=None)
    count = sum(host.count for host in pins.hosts or ())
    return _on(ctx, task, task.cpu, machine, _need(ctx, task, task.cpu), count)


def _unknown(task: InferenceTask) -> Rejection:
    return Rejection(
        option=ID,
        question=Question.INFERENCE,
        constraint="cpu-time-unknown",
        found="no cpu.service_s in the spec",
        allowed="a measured cpu: {service_s, memory_gib}",
        reason=message("reject.cpu-unknown", task=task.name),
    )


def _place(ctx: Context) -> Place:
    return Place(operator="AWS", country=country(ctx.region), trust=Trust.OWN_CLOUD_ACCOUNT)


OPTION = InferenceOption(id=ID, order=200, plan=_plan, pinned=_pinned, place=_place)
