"""Where the ranking changes: along demand, along each uncertain input, and by the break-even formula."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.decide.evaluate import sized
from outgrow.decide.root import PRECISION, crossing, turn
from outgrow.decide.size import choose
from outgrow.domain.drivers import at_high, at_low, with_values
from outgrow.domain.option import Rejection
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.verdict import Crossover, Curve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.decide.size import Sized
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Driver, Service

USERS = "users.daily_active"
POINTS = 15
SPAN = 600.0
"""Demand is searched from a third of today's users to this many times as many, or to `LOOKED_AT_PER_DAY`."""

LOOKED_AT_PER_DAY = 40_000.0
"""Requests a day of the busiest task that demand is searched up to, 1.2 million a month; at least to `AHEAD` times
today's."""

AHEAD = 3.0

PRICE_GAPS = frozenset({"price-age", "price-missing"})
"""Where the ranking changes because the price book ends, not because demand asks for something else."""


def demand_grid(service: Service) -> tuple[float, ...]:
    """Daily users to look at, evenly spaced on a log scale, today's among them."""
    today = max(service.users.daily_active, 1.0)
    ratio = 3 * most_users(service) / today
    points = [today / 3 * ratio ** (index / (POINTS - 1)) for index in range(POINTS)]
    return tuple(sorted({*points, today}))


def most_users(service: Service) -> float:
    """Daily users that demand is searched up to."""
    today = max(service.users.daily_active, 1.0)
    each = max((requests_per_user(task) for task in service.inference), default=0.0)
    return today * max(AHEAD, min(SPAN, LOOKED_AT_PER_DAY / (each * today) if each else SPAN))


def without_budget(service: Service) -> Service:
    """The same workload with no limit on the bill: demand that a budget cannot pay for still has a cheapest option."""
    constraints = dataclasses.replace(service.constraints, max_monthly_usd=None)
    return dataclasses.replace(service, budget_usd_per_month=None, constraints=constraints)


def curves(
    recipes: Sequence[Recipe], service: Service, market: Market, grid: Sequence[float]
) -> tuple[tuple[Curve, ...], list[dict[str, Sized]]]:
    """Dollars a month of every option along demand, sized anew at each point, and what was sized there.

    ``grid``: daily users above 0, ascending. Between two points a curve is not known.
    """

    def at(users: float) -> dict[str, Sized]:
        workload = with_values(service, {USERS: users})
        return {recipe.id: choose(recipe, workload, market) for recipe in recipes}

    at_points = market.each(at, grid[::-1])[::-1]
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
    """Each change of the cheapest feasible option along demand, found to a per cent.

    Two changes between neighbours of the grid are one, from the first option to the last, or none where it is the same.
    """
    by_id = {recipe.id: recipe for recipe in recipes}

    def turn_at(index: int) -> Crossover | None:
        before, after = _best(at_points[index]), _best(at_points[index + 1])
        if before is None or after is None or before == after:
            return None
        pair = (by_id[before], by_id[after])
        value, binds = _turning(pair, service, market, (grid[index], grid[index + 1]))
        if binds in PRICE_GAPS:
            return None
        low, high = _at_ends(pair, service, market, value)
        return Crossover(
            driver=USERS,
            between=(before, after),
            value=value,
            low=low,
            high=high,
            binds=binds,
            method="sized-bills",
            requests_per_month=_requests(service, value) if pair[0].question == "inference" else None,
        )

    return [found for found in market.each(turn_at, range(len(grid) - 1)) if found is not None]


def with_ends(lines: Sequence[Curve], turns: Sequence[Crossover]) -> tuple[Curve, ...]:
    """The curves with a point more where an option stops carrying the demand, as the changes along demand found it.

    Its bill there is read off the line through its last two points, on logarithmic scales.
    """
    ends = {
        turn.between[0]: turn.value
        for turn in turns
        if turn.driver == USERS and turn.method == "sized-bills" and turn.binds != "monthly_usd"
    }
    return tuple(_ended(line, ends[line.option]) if line.option in ends else line for line in lines)


def _ended(line: Curve, end: float) -> Curve:
    before = [(x, y) for x, y in line.points if x < end]
    known = [(x, y) for x, y in before if y is not None]
    if len(known) < 2 or before[-1] != known[-1]:
        return line
    (x0, y0), (x1, y1) = known[-2:]
    slope = math.log(max(y1, 1e-6) / max(y0, 1e-6)) / math.log(x1 / x0)
    last = (end, y1 * (end / x1) ** slope)
    beyond = (end * (1 + PRECISION), None)
    after = [(x, y) for x, y in line.points if x > beyond[0]]
    return dataclasses.replace(line, points=(*before, last, beyond, *after))


def _best(found: dict[str, Sized]) -> str | None:
    costs = [(cost, name) for name, option in found.items() if (cost := _cost(option)) is not None]
    return min(costs)[1] if costs else None


def _requests(service: Service, users: float) -> float:
    return sum(requests_per_user(task) for task in service.inference) * users * DAYS_PER_MONTH


def requests_per_user(task: InferenceTask) -> float:
    """Requests a day for each daily user."""
    return task.requests_per_day / task.base_daily_active if task.base_daily_active else 0.0


def _turning(
    pair: tuple[Recipe, Recipe], service: Service, market: Market, bracket: tuple[float, float]
) -> tuple[float, str]:
    """The demand at which the first stops being the better, and what binds there: the bill, or a broken constraint."""
    seen: dict[float, tuple[Sized, Sized]] = {}

    def lead(users: float) -> float:
        workload = with_values(service, {USERS: users})
        first, second = (choose(recipe, workload, market) for recipe in pair)
        seen[users] = (first, second)
        return _lead(_cost(first), _cost(second))

    low, high = crossing(lead, *bracket)
    beyond = seen[high][0] if high in seen else choose(pair[0], with_values(service, {USERS: high}), market)
    return math.sqrt(low * high), _constraint(beyond)


def _lead(first: float | None, second: float | None) -> float:
    """Logarithm of the ratio of two bills; below 0 while the first is the better, infinite where one cannot be."""
    if first is None:
        return math.inf
    if second is None:
        return -math.inf
    return math.log(max(first, 1e-9) / max(second, 1e-9))


def _constraint(option: Sized) -> str:
    """What an option that is no longer the best breaks first; its bill where it breaks nothing."""
    return option.rejections[0].constraint if option.rejections else "monthly_usd"


def _at_ends(
    pair: tuple[Recipe, Recipe], service: Service, market: Market, value: float
) -> tuple[float | None, float | None]:
    """Where the same two bills meet with every other uncertain input at its low and at its high end."""
    if not service.drivers:
        return value, value
    at_value = with_values(service, {USERS: value})
    chosen = (choose(pair[0], at_value, market), choose(pair[1], at_value, market))
    if chosen[0].priced is None or chosen[1].priced is None:
        return None, None
    corners = [at_low(service), at_high(service)]
    for corner in corners:
        corner.pop(USERS, None)
    ends = [_meeting(chosen, with_values(service, corner), market, value) for corner in corners]
    ends = [value if end and abs(end / value - 1) < 4 * PRECISION else end for end in ends]
    below, above = [end for end in ends if end and end <= value], [end for end in ends if end and end > value]
    if None in ends:
        return (below[0] if below else None), (above[0] if above else None)
    return min([*below, *above, value]), max([*below, *above, value])


def _meeting(chosen: tuple[Sized, Sized], service: Service, market: Market, near: float) -> float | None:
    """Where two bills with fixed settings meet, at the change of sign nearest to ``near``."""

    def lead(users: float) -> float:
        workload = with_values(service, {USERS: users})
        costs: list[float | None] = []
        for option in chosen:
            built = sized(option.recipe, workload, market, option.knobs)
            costs.append(None if isinstance(built, Rejection) else built.monthly_usd)
        return _lead(costs[0], costs[1])

    bracket = _bracket(lead, near, most_users(service))
    if bracket is None:
        return None
    low, high = crossing(lead, *bracket)
    return math.sqrt(low * high)


STEPS = (1.02, 1.4, 1.4, 1.6, 2.0, 2.0, 2.0)
"""Small ones first: a place that hardly moves is not to be passed over for the next one."""


def _bracket(lead: Callable[[float], float], near: float, most: float) -> tuple[float, float] | None:
    """Two demands, a step apart, between which the first option stops being the cheaper: within a factor of 25."""
    before = near
    upward = lead(near) < 0
    for step in STEPS:
        after = min(before * step, most) if upward else before / step
        if after == before:
            return None
        if (lead(after) >= 0) is upward:
            return (before, after) if upward else (after, before)
        before = after
    return None


def along_inputs(recipes: Sequence[Recipe], service: Service, market: Market, winner: str | None) -> list[Crossover]:
    """Uncertain inputs (demand apart) whose range changes the cheapest feasible option, and where.

    One at a time, the others at their middle, to a thousandth of the way. Several changes on the way to one end are
    one; an option that is the best in between only is not found.
    """
    if winner is None:
        return []
    found = [
        _input_turn(recipes, service, market, winner, driver, end)
        for driver in service.drivers
        if driver.path != USERS
        for end in (driver.low, driver.high)
    ]
    return [turned for turned in found if turned is not None]


def _input_turn(
    recipes: Sequence[Recipe], service: Service, market: Market, winner: str, driver: Driver, end: float
) -> Crossover | None:
    """Where the winner stops being the best on the way from the middle of an input to one end; ``None``: nowhere."""
    seen: dict[float, dict[str, Sized]] = {}

    def stays(value: float) -> bool:
        workload = with_values(service, {driver.path: value})
        seen[value] = {recipe.id: choose(recipe, workload, market) for recipe in recipes}
        return _best(seen[value]) == winner

    if stays(end) or (other := _best(seen[end])) is None:
        return None
    value = turn(stays, driver.mid, end)
    beyond = min((at for at, found in seen.items() if _best(found) != winner), key=lambda at: abs(at - value))
    return Crossover(
        driver=driver.path,
        between=(winner, other),
        value=value,
        low=None,
        high=None,
        binds=_constraint(seen[beyond][winner]),
        method="sized-bills",
    )
