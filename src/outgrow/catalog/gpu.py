"""What the inference options share: the smallest GPU that fits, server counts, windows, tasks priced one by one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.catalog.machines import of_family
from outgrow.domain.message import message
from outgrow.domain.option import Question, Rejection
from outgrow.domain.pool import P95, FixedPool, Law
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.workload import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.catalog.context import Context
    from outgrow.domain.pool import Arrivals, Outcome, ResponseTimes
    from outgrow.domain.price import Machine
    from outgrow.domain.workload import InferenceTask

MAX_SERVERS = 64
"""More GPU servers than this is another product: the search for a server count stops here."""


def smallest_gpu(ctx: Context, option: str, task: InferenceTask, family: str, prefix: str) -> Machine | Rejection:
    """The cheapest machine of a family with enough GPU memory, recently confirmed prices first."""
    fitting = [
        (not ctx.fresh(f"{prefix}/{machine.name}"), rate, machine.name)
        for machine in of_family(ctx.machines.values(), family)
        if machine.gpu_memory_gib >= task.gpu_memory_gib
        and (rate := ctx.rate_usd(f"{prefix}/{machine.name}")) is not None
    ]
    if fitting:
        return ctx.machines[min(fitting)[2]]
    sold = [m for m in of_family(ctx.machines.values(), family) if ctx.rate_usd(f"{prefix}/{m.name}") is not None]
    if not sold:
        return not_sold(option, f"{prefix}/*", ctx.region)
    largest = max((machine.gpu_memory_gib for machine in sold), default=0.0)
    return Rejection(
        option=option,
        question=Question.INFERENCE,
        constraint="gpu-memory",
        found=f"{task.gpu_memory_gib:g} GiB",
        allowed=f"{largest:g} GiB",
        reason=message("reject.gpu-memory", task=task.name, needed=task.gpu_memory_gib, largest=largest),
    )


def not_sold(option: str, what: str, region: str) -> Rejection:
    """The provider has no price for this here."""
    return Rejection(
        option=option,
        question=Question.INFERENCE,
        constraint="price-missing",
        found=f"no price for {what} in {region}",
        allowed="a row in a price file",
        reason=message("reject.price-missing", what=what, region=region),
    )


def service_law(task: InferenceTask) -> Law:
    """The task's service time."""
    return Law(mean_s=task.service_s, cv=task.service_cv)


def cold_law(task: InferenceTask) -> Law:
    """The task's cold start."""
    return Law(mean_s=task.cold_start_s, cv=task.cold_start_cv)


def servers_for(
    ctx: Context, task: InferenceTask, on: tuple[bool, ...], most: int = MAX_SERVERS
) -> tuple[int, Outcome]:
    """The fewest always-on servers (in the hours that are on, ``most`` at the most) that meet the task's target.

    When no number of servers meets it, because the work itself takes too long or the windows are closed too long, the
    fewest that keep up; when even ``most`` do not, those, and the outcome names its bottleneck.
    """
    outcome = _with_servers(ctx, task, on, 1)
    if outcome.bottleneck is None and meets(outcome, task):
        return 1, outcome
    all_on = _with_servers(ctx, task, on, most)
    attainable = meets(all_on, task)
    short, enough, found = 0, most, all_on
    while enough - short > 1:
        count = (short + enough) // 2
        outcome = _with_servers(ctx, task, on, count)
        if _enough(outcome, task, attainable=attainable):
            enough, found = count, outcome
        else:
            short = count
    return enough, found


def _with_servers(ctx: Context, task: InferenceTask, on: tuple[bool, ...], count: int) -> Outcome:
    workers = tuple(count if hour_on else 0 for hour_on in on)
    return ctx.predict(FixedPool(service=service_law(task), workers=workers), ctx.arrivals(task))


def _enough(outcome: Outcome, task: InferenceTask, *, attainable: bool) -> bool:
    return outcome.bottleneck is None and (meets(outcome, task) or not attainable)


def meets(outcome: Outcome, task: InferenceTask) -> bool:
    """Are 95 of 100 requests answered within the target, and within the patience of a caller who waits?"""
    patience_s = task.patience_s if task.caller is Caller.SYNCHRONOUS else None
    limits = [limit for limit in (task.target_p95_s, patience_s) if limit is not None]
    return all(outcome.response.share_within(limit) >= P95 for limit in limits)


def busiest_hours(arrivals: Arrivals, share: float) -> tuple[bool, ...]:
    """The fewest hours of the day that hold at least ``share`` of the requests."""
    ordered = sorted(range(24), key=lambda hour: (-arrivals.per_hour[hour], hour))
    total, covered, chosen = arrivals.per_day, 0.0, set()
    for hour in ordered:
        if total == 0 or covered / total >= share - 1e-9:
            break
        chosen.add(hour)
        covered += arrivals.per_hour[hour]
    return tuple(hour in chosen for hour in range(24))


def window_hours(windows: Iterable[tuple[int, int]]) -> tuple[bool, ...]:
    """Hours inside any of the windows; a window may run over midnight."""
    inside = set()
    for start, end in windows:
        inside |= {hour % 24 for hour in range(start, end if end > start else end + 24)}
    return tuple(hour in inside for hour in range(24))


def windows_text(on: tuple[bool, ...]) -> str:
    """``11-14,18-20`` for the hours that are on; ``none`` when none is."""
    spans, start = [], None
    for hour in range(25):
        now = hour < 24 and on[hour]
        if now and start is None:
            start = hour
        if not now and start is not None:
            spans.append(f"{start:02d}-{hour:02d}")
            start = None
    return ",".join(spans) or "none"


def per_month(per_day: float) -> float:
    """A daily quantity over a 730 h month."""
    return per_day * DAYS_PER_MONTH


@dataclasses.dataclass(frozen=True, slots=True)
class MixedResponses:
    """Response times over several tasks, weighted by their requests."""

    members: tuple[tuple[float, ResponseTimes], ...]

    def share_within(self, seconds: float) -> float:
        """Weighted share of requests answered in time."""
        total = sum(weight for weight, _ in self.members)
        if total == 0:
            return 1.0
        return sum(weight * member.share_within(seconds) for weight, member in self.members) / total

    def quantile(self, share: float) -> float:
        """By bisection between the members' own quantiles, to a thousandth."""
        values = [member.quantile(share) for _, member in self.members]
        low = min(values)
        high = max([value for value in values if math.isfinite(value)] or [1.0])
        while self.share_within(high) < share:
            high *= 2
            if high > 1e8:
                return math.inf
        for _ in range(40):
            if high - low <= 1e-3 * max(high, 1e-9):
                break
            middle = (low + high) / 2
            low, high = (low, middle) if self.share_within(middle) >= share else (middle, high)
        return high


def merged(outcomes: list[tuple[float, Outcome]]) -> Outcome | None:
    """One outcome for several tasks, weighted by requests a day."""
    if len(outcomes) <= 1:
        return outcomes[0][1] if outcomes else None
    total = sum(requests for requests, _ in outcomes) or 1.0
    first = outcomes[0][1]
    members = tuple((requests, outcome.response) for requests, outcome in outcomes)
    return dataclasses.replace(
        first,
        response=MixedResponses(members),
        cold_starts=sum(outcome.cold_starts for _, outcome in outcomes),
        cold_share=sum(requests * outcome.cold_share for requests, outcome in outcomes) / total,
        busy_s=sum(outcome.busy_s for _, outcome in outcomes),
        cold_s=sum(outcome.cold_s for _, outcome in outcomes),
        idle_s=sum(outcome.idle_s for _, outcome in outcomes),
        active_s=sum(outcome.active_s for _, outcome in outcomes),
        utilisation_frac=max(outcome.utilisation_frac for _, outcome in outcomes),
        bottleneck=next((o.bottleneck for _, o in outcomes if o.bottleneck), None),
    )
