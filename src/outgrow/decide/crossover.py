"""Where the ranking changes: along demand, along each uncertain input, and by the break-even formula."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.cost.break_even import flex_usd_per_request, requests_at_break_even
from outgrow.decide.evaluate import sized
from outgrow.decide.size import choose
from outgrow.domain.bill import Group
from outgrow.domain.drivers import at_high, at_low, with_values
from outgrow.domain.option import Rejection
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.verdict import Crossover, Curve, Surface

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.decide.size import Sized
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import InferenceTask, Service

USERS = "users.daily_active"
POINTS = 15
SPAN = 600.0
"""Demand is searched from a third of today's users to this many times as many."""

PRECISION = 0.005
FLEX, ACTIVE = "runpod-flex", "runpod-active"
SURFACE_COLD_S = (0.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0)


def demand_grid(service: Service) -> tuple[float, ...]:
    """Daily users to look at, evenly spaced on a log scale, today's among them."""
    today = max(service.users.daily_active, 1.0)
    ratio = SPAN * 3
    points = [today / 3 * ratio ** (index / (POINTS - 1)) for index in range(POINTS)]
    return tuple(sorted({*points, today}))


def without_budget(service: Service) -> Service:
    """The same workload with no limit on the bill: demand that a budget cannot pay for still has a cheapest option."""
    constraints = dataclasses.replace(service.constraints, max_monthly_usd=None)
    return dataclasses.replace(service, budget_usd_per_month=None, constraints=constraints)


def curves(
    recipes: Sequence[Recipe], service: Service, market: Market, grid: Sequence[float]
) -> tuple[tuple[Curve, ...], list[dict[str, Sized]]]:
    """Monthly cost of every option along demand, sized anew at each point, and what was sized there."""
    at_points = []
    for users in grid:
        workload = with_values(service, {USERS: users})
        at_points.append({recipe.id: choose(recipe, workload, market) for recipe in recipes})
    lines = tuple(
        Curve(
            option=recipe.id,
            points=tuple((users, _cost(found[recipe.id])) for users, found in zip(grid, at_points, strict=True)),
        )
        for recipe in recipes
    )
    return lines, at_points


def _cost(option: Sized) -> float | None:
    return option.priced.monthly_usd if option.feasible and option.priced else None


def along_demand(
    recipes: Sequence[Recipe],
    service: Service,
    market: Market,
    grid: Sequence[float],
    at_points: Sequence[dict[str, Sized]],
) -> list[Crossover]:
    """Each change of the cheapest feasible option along demand, bisected to half a per cent."""
    by_id = {recipe.id: recipe for recipe in recipes}
    found = []
    for index in range(len(grid) - 1):
        before, after = _best(at_points[index]), _best(at_points[index + 1])
        if before is None or after is None or before == after:
            continue
        pair = (by_id[before], by_id[after])
        value, binds = _bisected(pair, service, market, (grid[index], grid[index + 1]))
        low, high = _at_ends(pair, service, market, value)
        found.append(
            Crossover(
                driver=USERS,
                between=(before, after),
                value=value,
                low=low,
                high=high,
                binds=binds,
                method="sized-bills",
                requests_per_month=_requests(service, value) if pair[0].question == "inference" else None,
            )
        )
    return found


def _best(found: dict[str, Sized]) -> str | None:
    costs = [(cost, name) for name, option in found.items() if (cost := _cost(option)) is not None]
    return min(costs)[1] if costs else None


def _requests(service: Service, users: float) -> float:
    return sum(_per_user(task) for task in service.inference) * users * DAYS_PER_MONTH


def _per_user(task: InferenceTask) -> float:
    """Requests a day for each daily user."""
    return task.requests_per_day / task.base_daily_active if task.base_daily_active else 0.0


def _bisected(
    pair: tuple[Recipe, Recipe], service: Service, market: Market, bracket: tuple[float, float]
) -> tuple[float, str]:
    """The demand at which the first stops being the better, and what binds there: the bill, or a broken constraint."""
    low, high = bracket
    binds = "monthly_usd"
    while high / low - 1 > PRECISION:
        middle = math.sqrt(low * high)
        workload = with_values(service, {USERS: middle})
        first, second = (choose(recipe, workload, market) for recipe in pair)
        holds = first.feasible and (not second.feasible or (_cost(first) or 0) <= (_cost(second) or 0))
        low, high = (middle, high) if holds else (low, middle)
        if not holds:
            binds = "monthly_usd" if first.feasible else _constraint(first)
    return math.sqrt(low * high), binds


def _constraint(option: Sized) -> str:
    return option.rejections[0].constraint if option.rejections else "monthly_usd"


def _at_ends(
    pair: tuple[Recipe, Recipe], service: Service, market: Market, value: float
) -> tuple[float | None, float | None]:
    """Where the same two bills meet with every other uncertain input at its low and at its high end."""
    if not service.drivers:
        return value, value
    at_value = with_values(service, {USERS: value})
    chosen = [choose(recipe, at_value, market).priced for recipe in pair]
    if chosen[0] is None or chosen[1] is None:
        return None, None
    ends = []
    for corner in (at_low(service), at_high(service)):
        corner.pop(USERS, None)
        ends.append(_meeting(pair, (chosen[0], chosen[1]), with_values(service, corner), market, value))
    ends = [value if end and abs(end / value - 1) < 4 * PRECISION else end for end in ends]
    below, above = [end for end in ends if end and end <= value], [end for end in ends if end and end > value]
    if None in ends:
        return (below[0] if below else None), (above[0] if above else None)
    return min([*below, *above, value]), max([*below, *above, value])


def _meeting(
    pair: tuple[Recipe, Recipe], chosen: tuple[Priced, Priced], service: Service, market: Market, near: float
) -> float | None:
    """Bisection on the difference of two bills with fixed settings, at the change of sign nearest to ``near``."""

    def difference(users: float) -> float:
        workload = with_values(service, {USERS: users})
        costs = []
        for recipe, option in zip(pair, chosen, strict=True):
            built = sized(recipe, workload, market, option.shape.settings)
            costs.append(math.inf if isinstance(built, Rejection) else built.monthly_usd)
        return costs[0] - costs[1]

    bracket = _bracket(difference, near)
    if bracket is None:
        return None
    low, high = bracket
    while high / low - 1 > PRECISION:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if difference(middle) < 0 else (low, middle)
    return math.sqrt(low * high)


def _bracket(difference: Callable[[float], float], near: float) -> tuple[float, float] | None:
    """Two demands, a step apart, between which the first option stops being the cheaper, within a factor of 30."""
    ratio = 1.4
    before = near
    upward = difference(near) < 0
    for _ in range(11):
        after = before * ratio if upward else before / ratio
        if (difference(after) >= 0) is upward:
            return (before, after) if upward else (after, before)
        before = after
    return None


def along_inputs(recipes: Sequence[Recipe], service: Service, market: Market, winner: str | None) -> list[Crossover]:
    """Uncertain inputs (demand apart) whose range changes the cheapest feasible option, and where."""
    if winner is None:
        return []
    found = []
    for driver in service.drivers:
        if driver.path == USERS:
            continue

        def best(value: float, path: str = driver.path) -> str | None:
            return _best_at(recipes, service, market, path, value)

        for end in (driver.low, driver.high):
            other = best(end)
            if other is None or other == winner:
                continue
            value = _turn(lambda at, best=best: best(at) == winner, driver.mid, end)  # type: ignore[misc]
            found.append(
                Crossover(
                    driver=driver.path,
                    between=(winner, other),
                    value=value,
                    low=None,
                    high=None,
                    binds="monthly_usd",
                    method="sized-bills",
                )
            )
    return found


def _best_at(recipes: Sequence[Recipe], service: Service, market: Market, path: str, value: float) -> str | None:
    workload = with_values(service, {path: value})
    return _best({recipe.id: choose(recipe, workload, market) for recipe in recipes})


def _turn(still: Callable[[float], bool], inside: float, outside: float) -> float:
    """The value between two at which ``still`` stops holding."""
    for _ in range(12):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if still(middle) else (inside, middle)
    return (inside + outside) / 2


def by_formula(priced: dict[str, Priced], service: Service, market: Market) -> list[Crossover]:
    """Break-even of flex against every option with a fixed month, by ``N* = fixed / per request``.

    Twice for each: every request cold (over the spec's range of cold starts), and execution alone, which is what a
    hand-made estimate assumes. For one task; several tasks share no such number.
    """
    if len(service.inference) != 1 or FLEX not in priced:
        return []
    task = service.inference[0]
    found = []
    for other in (ACTIVE, "ec2-gpu", "onprem-gpu"):
        if other in priced and not any(line.material for line in priced[other].bill.unpriced):
            fixed = one_worker_month(priced[other])
            if fixed > 0:
                found += _formula_pair(other, fixed, priced[FLEX], task, service)
    return found


def one_worker_month(option: Priced) -> float:
    """What one always-on worker (or host) of this option costs a month; for an active worker its seconds alone."""
    seconds = [line.amount_usd for line in option.bill.lines if line.sku.startswith("runpod/serverless-active/")]
    count = float(option.shape.settings.get("active_workers", option.shape.settings.get("count", 1)))
    return (float(sum(seconds)) if seconds else option.monthly_usd) / count


def flex_rate(flex: Priced) -> tuple[float, float]:
    """Rate of a flex second and the default idle timeout."""
    rates = [float(line.rate_usd) for line in flex.bill.lines if line.sku.startswith("runpod/serverless-flex/")]
    return (rates[0] if rates else 0.0), 5.0


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
            requests_per_month=values[1] * _per_user(task) * DAYS_PER_MONTH,
        )

    always_cold = tuple(users(seconds, 1.0) for seconds in cold)
    busy = users(0.0, 0.0)
    return [
        crossover("always-cold", (always_cold[0], always_cold[1], always_cold[2])),
        crossover("busy-time-only", (busy, busy, busy)),
    ]


def users_for(service: Service, task: InferenceTask, requests_per_month: float) -> float:
    """Daily users at which the task sees this many requests in a 730 h month."""
    per_user = _per_user(task)
    return requests_per_month / DAYS_PER_MONTH / per_user if per_user else math.inf


def _range_of(service: Service, path: str, mid: float) -> tuple[float, float, float]:
    for driver in service.drivers:
        if driver.path == path:
            return driver.low, driver.mid, driver.high
    return mid, mid, mid


def surface(priced: dict[str, Priced], service: Service, recipes: Sequence[Recipe], market: Market) -> Surface | None:
    """Break-even demand of flex against one active worker over the cold start, with today's point."""
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
    predicted = tuple(
        _predicted(flex_recipe, service, market, cold, fixed, near)
        for cold, near in zip(SURFACE_COLD_S, always, strict=True)
    )
    return Surface(
        between=(FLEX, ACTIVE),
        driver=USERS,
        cold_start_s=SURFACE_COLD_S,
        always_cold=always,
        predicted=predicted,
        today=(task.cold_start_s, service.users.daily_active),
    )


def _predicted(
    recipe: Recipe, service: Service, market: Market, cold_s: float, fixed: float, near: float
) -> float | None:
    """Demand at which flex, with warm workers reused as the predictor says, costs a month of one active worker."""
    name = service.inference[0].name

    def cost(users: float) -> float:
        workload = with_values(service, {USERS: users, f"inference.{name}.cold_start_s": cold_s})
        built = sized(recipe, workload, market, {"idle_timeout_s": 5.0})
        if isinstance(built, Rejection):
            return math.inf
        return float(built.bill.group_usd(Group.INFERENCE))

    low, high = near / 4, near * 16
    if not cost(low) < fixed < cost(high):
        return None
    while high / low - 1 > 4 * PRECISION:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if cost(middle) < fixed else (low, middle)
    return math.sqrt(low * high)
