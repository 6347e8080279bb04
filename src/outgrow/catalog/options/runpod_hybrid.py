"""RunPod: an always-on base, round the clock or in the busy hours only, with flex workers for the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from outgrow.catalog import gpu, runpod
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.domain.option import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Pins

ID = "runpod-hybrid"
COVERED_SHARES = (0.5, 0.8, 0.95)
BESIDE_TIMEOUTS_S = (60.0, 300.0)
"""Longer idle timeouts beside an active base of one."""


HOURS = re.compile(r"{0}-{0}(,{0}-{0})*".format("([01]?[0-9]|2[0-4])"))
"""From an hour to another, 0 to 24, once or more."""


def _knobs(ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
    """An active base in the busiest hours that hold half, 80 % or 95 % of the requests, or in every hour.

    A base of one also beside flex workers that stay longer than RunPod's default.
    """
    windows: list[str] = []
    for task in ctx.service.inference:
        arrivals = ctx.arrivals(task)
        hours = [gpu.busiest_hours(arrivals, share) for share in COVERED_SHARES]
        if task.windows:
            hours.append(gpu.window_hours(task.windows))
        windows += [gpu.windows_text(on) for on in (*hours, (True,) * 24) if any(on)]
    unique = list(dict.fromkeys(windows))
    most = min((task.max_workers for task in ctx.service.inference), default=0)
    bases = [{"active_hours": text, "active_base": base} for text in unique for base in (1, 2) if base <= most]
    longer = [{**knobs, "idle_timeout_s": seconds} for knobs in bases for seconds in BESIDE_TIMEOUTS_S]
    return (*bases, *(knobs for knobs in longer if knobs["active_base"] == 1))


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    name = runpod.gpu_class(ctx, ID, task, None, runpod.ACTIVE)
    if isinstance(name, Rejection):
        return name
    active, idle_s = _active(task, settings), runpod.idle_timeout(ID, settings)
    if isinstance(active, Rejection):
        return active
    return idle_s if isinstance(idle_s, Rejection) else _hybrid(ctx, task, name, active, idle_s)


def _active(task: InferenceTask, settings: Mapping[str, str | int | float]) -> tuple[int, ...] | Rejection:
    """Workers that are always on, by hour of the day; RunPod counts them towards max workers."""
    base, hours = int(runpod.knob(settings, "active_base", 1)), str(settings["active_hours"])
    if not 1 <= base <= task.max_workers:
        return runpod.refused(ID, "active_base", base, f"1 to {task.max_workers} (max_workers of {task.name})")
    if not HOURS.fullmatch(hours):
        return runpod.refused(ID, "active_hours", hours, "hours of the day such as 09-18 or 09-12,22-02")
    return tuple(base if on else 0 for on in _hours_of(hours))


def _hybrid(ctx: Context, task: InferenceTask, name: str, active: tuple[int, ...], idle_timeout_s: float) -> TaskPlan:
    outcome = ctx.observe(runpod.flex_pool(task, idle_timeout_s, active), ctx.arrivals(task))
    active_s = runpod.window_seconds(active)
    return TaskPlan(
        usage=(
            runpod.active_usage(name, active_s),
            *runpod.flex_usage(name, outcome, task),
            *runpod.active_disk(task, active_s / 3600),
        ),
        outcome=outcome,
        managed=("RunPod endpoint",),
        capacity=runpod.capacity(ctx, name) if name in ctx.machines else None,
        settings={"gpu": name, "max_workers": task.max_workers},
    )


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    """As written: ``workers`` on for ``window_hours`` a day (the busiest hours), flex beside them."""
    name = runpod.gpu_class(ctx, ID, task, pins, runpod.ACTIVE)
    if isinstance(name, Rejection):
        return name
    length = 24 if pins.window_hours is None else round(pins.window_hours)
    per_hour = ctx.arrivals(task).per_hour
    busiest = set(sorted(range(24), key=lambda hour: (-per_hour[hour], hour))[:length])
    active = tuple((pins.workers or 1) if hour in busiest else 0 for hour in range(24))
    idle_s = runpod.DEFAULT_IDLE_S if pins.idle_timeout_s is None else pins.idle_timeout_s
    return _hybrid(ctx, task, name, active, idle_s)


def _hours_of(text: str) -> tuple[bool, ...]:
    spans = [span.split("-") for span in text.split(",") if "-" in span]
    return gpu.window_hours((int(start), int(end)) for start, end in spans)


OPTION = InferenceOption(
    id=ID,
    order=180,
    plan=_plan,
    pinned=_pinned,
    place=runpod.place,
    knobs=_knobs,
    leaves_network=True,
)
