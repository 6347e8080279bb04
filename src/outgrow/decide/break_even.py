"""Break-even of paying by use against paying by the month: by formula, and as a surface over the cold start."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.catalog import runpod
from outgrow.catalog.runpod import DEFAULT_IDLE_S
from outgrow.cost.break_even import flex_usd_per_request, requests_at_break_even
from outgrow.decide.crossover import USERS, requests_per_user
from outgrow.decide.evaluate import sized
from outgrow.decide.root import crossing
from outgrow.domain.bill import Group
from outgrow.domain.drivers import with_values
from outgrow.domain.option import Rejection
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.verdict import Crossover, Surface

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Service

FLEX, ACTIVE = "runpod-flex", "runpod-active"
SURFACE_COLD_S = (0.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0)


def by_formula(
    recipes: Sequence[Recipe], priced: dict[str, Priced], service: Service, market: Market
) -> list[Crossover]:
    """Break-even of flex against every option with a fixed month, by ``N* = fixed / per request``.

    Twice for each: every request cold (over the spec's range of cold starts), and execution alone, which is what a
    hand-made estimate assumes. For one task; several tasks share no such number.
    """
    if len(service.inference) != 1 or FLEX not in priced:
        return []
    task = service.inference[0]
    quiet = with_values(service, {USERS: min(1.0, service.users.daily_active)})
    found = []
    by_id = {recipe.id: recipe for recipe in recipes}
    for other in (ACTIVE, "ec2-gpu", "onprem-gpu"):
        one = sized(by_id[other], quiet, market, {}) if other in by_id else None
        if one is None or isinstance(one, Rejection) or any(line.material for line in one.bill.unpriced):
            continue
        fixed = one_worker_month(one)
        if fixed > 0:
            found += _formula_pair(other, fixed, priced[FLEX], task, service)
    return found


def one_worker_month(option: Priced) -> float:
    """Dollars a month of one always-on worker (or host) of this option; for an active worker its seconds alone."""
    seconds = [line.amount_usd for line in option.bill.lines if line.sku.startswith(f"{runpod.ACTIVE}/")]
    count = float(option.shape.settings.get("active_workers", option.shape.settings.get("count", 1)))
    return (float(sum(seconds)) if seconds else option.monthly_usd) / count


def flex_rate(flex: Priced) -> tuple[float, float]:
    """Dollars of a flex second (0 where none is billed), and the default idle timeout (s)."""
    rates = [float(line.rate_usd) for line in flex.bill.lines if line.sku.startswith(f"{runpod.FLEX}/")]
    return (rates[0] if rates else 0.0), DEFAULT_IDLE_S


def _formula_pair(other: str, fixed: float, flex: Priced, task: InferenceTask, service: Service) -> list[Crossover]:
    rate, idle_s = flex_rate(flex)
    if rate == 0:
        return []
    cold = _range_of(service, f"inference.{task.name}.cold_start_s", task.cold_start_s)

    def users(cold_s: float, probability: float) -> float:
        each = flex_usd_per_request(rate, task.service_s, cold_s, idle_s, p_cold=probability, p_idle=probability)
        return users_for(service, task, requests_at_break_even(fixed, each))

    def crossover(method: str, values: tuple[float, float, float]) -> Crossover:
        return Crossover(
            driver=USERS,
            between=(FLEX, other),
            value=values[1],
            low=min(values),
            high=max(values),
            binds="monthly_usd",
            method=method,
            requests_per_month=values[1] * requests_per_user(task) * DAYS_PER_MONTH,
        )

    always_cold = tuple(users(seconds, 1.0) for seconds in cold)
    busy = users(0.0, 0.0)
    return [
        crossover("always-cold", (always_cold[0], always_cold[1], always_cold[2])),
        crossover("busy-time-only", (busy, busy, busy)),
    ]


def users_for(service: Service, task: InferenceTask, requests_per_month: float) -> float:
    """Daily users at which the task sees this many requests in a 730 h month."""
    per_user = requests_per_user(task)
    return requests_per_month / DAYS_PER_MONTH / per_user if per_user else math.inf


def _range_of(service: Service, path: str, mid: float) -> tuple[float, float, float]:
    for driver in service.drivers:
        if driver.path == path:
            return driver.low, driver.mid, driver.high
    return mid, mid, mid


def surface(priced: dict[str, Priced], service: Service, recipes: Sequence[Recipe], market: Market) -> Surface | None:
    """Break-even demand (users a day) of flex against one active worker over the cold start (s), with today's point.

    For one task only, at its usual idle timeout and the spec's middle values: whether the one active worker could carry
    that demand, or flex meet a target, is not asked. ``predicted`` is searched from a quarter to 16 times the formula's
    figure, ``None`` outside.
    """
    if len(service.inference) != 1 or FLEX not in priced or ACTIVE not in priced:
        return None
    task = service.inference[0]
    rate, idle_s = flex_rate(priced[FLEX])
    fixed = one_worker_month(priced[ACTIVE])
    if rate == 0 or task.requests_per_day == 0:
        return None
    always = tuple(
        users_for(
            service, task, requests_at_break_even(fixed, flex_usd_per_request(rate, task.service_s, cold, idle_s))
        )
        for cold in SURFACE_COLD_S
    )
    flex_recipe = next(recipe for recipe in recipes if recipe.id == FLEX)
    predicted = market.each(
        lambda place: _predicted(flex_recipe, service, market, SURFACE_COLD_S[place], fixed, always[place]),
        range(len(SURFACE_COLD_S)),
    )
    return Surface(
        between=(FLEX, ACTIVE),
        driver=USERS,
        cold_start_s=SURFACE_COLD_S,
        always_cold=always,
        predicted=tuple(predicted),
        today=(task.cold_start_s, service.users.daily_active),
    )


def _predicted(
    recipe: Recipe, service: Service, market: Market, cold_s: float, fixed: float, near: float
) -> float | None:
    """Demand at which flex, with warm workers reused as the predictor says, costs a month of one active worker."""
    name = service.inference[0].name

    def lead(users: float) -> float:
        workload = with_values(service, {USERS: users, f"inference.{name}.cold_start_s": cold_s})
        built = sized(recipe, workload, market, {"idle_timeout_s": DEFAULT_IDLE_S})
        if isinstance(built, Rejection):
            return math.inf
        return math.log(max(float(built.bill.group_usd(Group.INFERENCE)), 1e-9) / fixed)

    low, high = near / 4, near * 16
    ends = lead(low), lead(high)
    if not ends[0] < 0 < ends[1]:
        return None
    low, high = crossing(lead, low, high, ends)
    return math.sqrt(low * high)
