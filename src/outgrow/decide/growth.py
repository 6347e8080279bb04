"""The growth plan: along the growth path the cheapest sequence of options, moves counted, as thresholds of demand.

Two questions are planned apart, because their bills add up: which platform, and where the model runs. For each:

1. What every option costs at a demand comes from its curve (sized anew at each point, budget lifted), straight between
   points on logarithmic scales; where an end of a stretch cannot be carried, all of it cannot. Where the ranking
   changes because an option can carry no more, that demand was searched for and is a point of its curve.
2. For each drawn growth path the cheapest sequence is found by dynamic programming over months and options: a month
   costs its bill, a change of option the effort of that move. That is the best anybody who knew the path could do.
3. A plan cannot know the path. It says "when daily users reach this, move to that". The sequences of step 2 are tried
   as plans: their thresholds are moved, one at a time, to where the mean cost over all paths is least, and the cheapest
   plan wins. An option that can carry the demand no longer is left at once, whatever the threshold.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.decide.months import HIGH, LOW
from outgrow.decide.planner import Plan, Planner
from outgrow.decide.sample import quantile
from outgrow.domain.growth import GrowthPlan, PathPoint
from outgrow.domain.option import Question
from outgrow.domain.verdict import Spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.decide.planner import Field
    from outgrow.domain.workload import Service

GROWTH = "users.growth_per_month_frac"
PATHS = 25
"""Growth paths a plan is held against: equally likely rates from low to high."""


def growth_plan(
    fields: Sequence[Field], service: Service, draws: Sequence[Mapping[str, float]], vat_frac: float
) -> GrowthPlan | None:
    """The plan for all questions together; ``None`` where nothing grows or nothing can be run today.

    Users in month m are ``today x (1 + rate)^m``, rate > -1, one rate for a whole path; the bill of a month is that of
    its first day. ``vat_frac`` >= 0 counts for the budget alone. Growth that changes its pace is not drawn, prices
    stay, and a move takes effect at once. Source: Bellman 1957 for known paths; the thresholds are ours.
    """
    today, months = service.users.daily_active, service.growth.months
    drawn = [draw.get(GROWTH, service.users.growth_per_month_frac) for draw in draws]
    rates = [quantile(drawn, (place + 0.5) / PATHS) for place in range(PATHS)] if drawn else []
    if today <= 0 or not any(rates) or not fields:
        return None
    paths = [_path(today, rate, months) for rate in rates]
    middle = _path(today, service.users.growth_per_month_frac, months)
    by_question: dict[Question, tuple[Planner, Plan]] = {}
    for field in fields:
        planner = Planner(field, service)
        plan = planner.best(paths, middle)
        if plan is None:
            return None
        by_question[field.question] = (planner, plan)
    planned = list(by_question.values())
    moves = [move for planner, plan in planned for move in planner.moves(plan, paths, middle)]
    points = _points(by_question, middle, [_path(today, quantile(rates, share), months) for share in (LOW, HIGH)])
    budget = service.budget_usd_per_month
    over = [p.month for p in points if budget is not None and p.usd is not None and p.usd * (1 + vat_frac) > budget]
    whole = [path for path in paths if all(planner.carries(plan, path) for planner, plan in planned)]
    staying = [planner.staying(plan.options[0], whole) for planner, plan in planned] if whole else [None]
    most = max(max(path) for path in paths)
    return GrowthPlan(
        months=months,
        paths=len(paths),
        now=(_now(by_question, Question.PLATFORM), _now(by_question, Question.INFERENCE)),
        moves=tuple(sorted(moves, key=lambda move: (move.month is None, move.month or 0, move.at_users))),
        points=points,
        carried_paths=len(whole),
        total_usd=_spread([planner.totals(plan, whole) for planner, plan in planned]) if whole else None,
        seeing_usd=_spread([planner.seeing(whole) for planner, _ in planned]) if whole else None,
        staying_usd=None if any(stay is None for stay in staying) else _spread([s for s in staying if s is not None]),
        over_budget_from=over[0] if over else None,
        carried_until=min(
            (end for planner, _ in planned if (end := planner.carried_until(most)) is not None), default=None
        ),
        carried_share=min(planner.carried(plan, paths) for planner, plan in planned),
        work_priced=service.team.hourly_usd is not None,
    )


def _path(today: float, rate: float, months: int) -> list[float]:
    """Daily users at the beginning of each month, growing by the same share every month."""
    return [today * (1 + rate) ** month for month in range(months)]


def _spread(rows: Sequence[Sequence[float]]) -> Spread:
    sums = [math.fsum(column) for column in zip(*rows, strict=True)]
    return Spread(low=quantile(sums, LOW), median=quantile(sums, 0.5), high=quantile(sums, HIGH))


def _now(by_question: Mapping[Question, tuple[Planner, Plan]], question: Question) -> str | None:
    return by_question[question][1].options[0] if question in by_question else None


def _points(
    by_question: Mapping[Question, tuple[Planner, Plan]], middle: Sequence[float], ends: Sequence[Sequence[float]]
) -> tuple[PathPoint, ...]:
    """What runs in each month of the middle path, and its bill."""
    runs = {question: planner.followed(plan, middle) for question, (planner, plan) in by_question.items()}
    points = []
    for month, users in enumerate(middle):
        here = {question: options[month] for question, options in runs.items()}
        bills = [by_question[question][0].bill(option, users) for question, option in here.items() if option]
        known = len(bills) == len(here) and all(bill is not None for bill in bills)
        points.append(
            PathPoint(
                month=month,
                users=(ends[0][month], users, ends[1][month]),
                usd=math.fsum(bill for bill in bills if bill is not None) if known else None,
                platform=here.get(Question.PLATFORM),
                inference=here.get(Question.INFERENCE),
            )
        )
    return tuple(points)
