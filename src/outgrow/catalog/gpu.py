"""What the inference options share: the smallest GPU that fits, server counts, windows, tasks priced one by one."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.catalog.machines import of_family
from outgrow.domain.message import message
from outgrow.domain.option import Question, Rejection
from outgrow.domain.pool import P95, WAITS, Callers, Endings, FixedPool, Law
from outgrow.domain.task import Caller
from outgrow.domain.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from outgrow.catalog.context import Context
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Outcome, Predictor, ResponseTimes
    from outgrow.domain.price import Machine
    from outgrow.domain.task import InferenceTask

AT_ONCE = Law(mean_s=0.0)
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
    return Law(mean_s=task.service_s, cv=task.service_cv, values_s=_scaled(task.service_times_s, task.service_s))


def cold_law(task: InferenceTask) -> Law:
    """The task's cold start."""
    return Law(mean_s=task.cold_start_s, cv=task.cold_start_cv, values_s=_scaled(task.cold_starts_s, task.cold_start_s))


def _scaled(values_s: tuple[float, ...], mean_s: float) -> tuple[float, ...]:
    """Measured times, moved to a mean that is tried in their place."""
    if not values_s:
        return ()
    measured_s = math.fsum(values_s) / len(values_s)
    if measured_s in {mean_s, 0}:
        return values_s
    return tuple(value * mean_s / measured_s for value in values_s)


def callers(task: InferenceTask) -> Callers:
    """Who waits with a connection open, for how long, and how often it asks; nobody, in the background."""
    if task.caller is not Caller.SYNCHRONOUS or task.patience_s is None:
        return WAITS
    return asks_an_api(task)


def asks_an_api(task: InferenceTask) -> Callers:
    """Who calls somebody else's API, which refuses and fails: jobs in the background ask it again as well."""
    again = task.retries
    waits = task.caller is not Caller.SYNCHRONOUS or task.patience_s is None
    return Callers(
        timeout_s=math.inf if waits or task.patience_s is None else task.patience_s,
        attempts=again.attempts,
        pause_s=again.pause_s,
        factor=again.factor,
        jitter_frac=again.jitter_frac,
        cancels=again.cancel,
    )


def fixed_pool(
    task: InferenceTask, workers: tuple[int, ...], start: Law = AT_ONCE, lost_per_month: float = 0.0
) -> FixedPool:
    """Servers of one's own for a task, by hour."""
    return FixedPool(
        service=service_law(task),
        workers=workers,
        start=start,
        slots=task.requests_per_worker,
        callers=callers(task),
        lost_per_month=lost_per_month,
    )


def servers_for(
    ctx: Context,
    task: InferenceTask,
    on: tuple[bool, ...],
    most: int = MAX_SERVERS,
    start: Law = AT_ONCE,
    lost_per_month: float = 0.0,
) -> tuple[int, Outcome]:
    """The fewest always-on servers (in the hours that are on, ``most`` at the most) that meet the task's target.

    When no number of servers meets it, because the work itself takes too long or the windows are closed too long, the
    fewest that keep up; when even ``most`` do not, those, and the outcome names its bottleneck.
    """

    def with_servers(count: int, predict: Predictor = ctx.predict) -> Outcome:
        workers = tuple(count if hour_on else 0 for hour_on in on)
        return predict(fixed_pool(task, workers, start, lost_per_month), ctx.arrivals(task))

    near = _fewest(lambda count: with_servers(count, ctx.estimate), task, most)
    count = _settled(with_servers, task, most, near)
    return count, with_servers(count, ctx.observe)


def _fewest(with_servers: Callable[[int], Outcome], task: InferenceTask, most: int) -> int:
    outcome = with_servers(1)
    if outcome.bottleneck is None and meets(outcome, task):
        return 1
    attainable = meets(with_servers(most), task)
    short, enough = 0, most
    while enough - short > 1:
        count = (short + enough) // 2
        if _enough(with_servers(count), task, attainable=attainable):
            enough = count
        else:
            short = count
    return enough


def _settled(with_servers: Callable[[int], Outcome], task: InferenceTask, most: int, near: int) -> int:
    """The fewest again, from a guess upwards or downwards; the guess, where no number of servers is enough."""

    def enough(count: int) -> bool:
        return _enough(with_servers(count), task, attainable=True)

    step = 1
    if enough(near):
        while near > 1:
            count = max(1, near - step)
            if not enough(count):
                return _between(enough, count, near)
            near, step = count, 2 * step
        return near
    short = near
    while short < most:
        count = min(most, short + step)
        if enough(count):
            return _between(enough, short, count)
        short, step = count, 2 * step
    return _fewest(with_servers, task, most) if with_servers(near).bottleneck else near


def _between(enough: Callable[[int], bool], short: int, count: int) -> int:
    """The fewest that are enough, above ``short`` and up to ``count``."""
    while count - short > 1:
        middle = (short + count) // 2
        short, count = (short, middle) if enough(middle) else (middle, count)
    return count


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
    outcomes_only = [outcome for _, outcome in outcomes]

    def weighted(value: Callable[[Outcome], float]) -> float:
        return sum(requests * value(outcome) for requests, outcome in outcomes) / total

    summed = {name: math.fsum(getattr(outcome, name) for outcome in outcomes_only) for name in _SUMMED}
    return dataclasses.replace(
        first,
        **summed,
        response=MixedResponses(members),
        cold_share=weighted(lambda outcome: outcome.cold_share),
        served=math.fsum(o.requests if o.served is None else o.served for o in outcomes_only),
        delayed_share=weighted(lambda outcome: outcome.delayed_share),
        attempts=weighted(lambda outcome: outcome.attempts),
        endings=Endings(
            **{name: weighted(lambda o, name=name: getattr(o.endings, name)) for name in _ENDINGS}  # type: ignore[misc]
        ),
        utilisation_frac=max(outcome.utilisation_frac for outcome in outcomes_only),
        bottleneck=next((outcome.bottleneck for outcome in outcomes_only if outcome.bottleneck), None),
    )


_SUMMED = (
    "requests",
    "cold_starts",
    "busy_s",
    "cold_s",
    "idle_s",
    "active_s",
    "flex_s",
    "second_slack_s",
    "block_slack_s",
    "surplus_s",
)
_ENDINGS = tuple(field.name for field in dataclasses.fields(Endings))
