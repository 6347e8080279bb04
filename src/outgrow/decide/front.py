"""What speed costs: idle timeouts, active windows and base sizes, each with its bill and its response times."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.decide.constraints import violations
from outgrow.decide.evaluate import sized
from outgrow.decide.size import MONEY
from outgrow.domain.option import Question, Rejection
from outgrow.domain.pool import P95
from outgrow.domain.verdict import Front, FrontPoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.workload import Service

SPEED = frozenset({"target-p95", "patience"})
"""Constraints on how fast an answer is."""


def front(recipes: Sequence[Recipe], service: Service, market: Market) -> Front | None:
    """Every setting of every inference option that may be used at all, and which of them are worth having.

    Options that data, models, prices or capacity rule out are left out; those that are only too slow or too dear stay,
    because what they would cost is the question. Only the settings that options offer are tried: between them there may
    be better ones. ``None`` where no inference option has anything to show.
    """
    ctx = market.context(service)
    tries = [
        (recipe, settings)
        for recipe in recipes
        if recipe.question is Question.INFERENCE
        for settings in recipe.settings(ctx)
    ]
    found = market.each(lambda one: _point(one[0], one[1], service, market), tries)
    points = _marked([point for point in found if point is not None])
    if not points:
        return None
    targets = [task.target_p95_s for task in service.inference if task.target_p95_s is not None]
    meeting = [point for point in points if not point.broke]
    return Front(
        points=points,
        target_s=min(targets, default=None),
        cheapest=min(meeting, key=lambda point: point.monthly_usd, default=None),
    )


def _point(
    recipe: Recipe, settings: Mapping[str, str | int | float], service: Service, market: Market
) -> FrontPoint | None:
    built = sized(recipe, service, market, settings)
    if isinstance(built, Rejection) or built.shape.outcome is None:
        return None
    broke = tuple(rejection.constraint for rejection in violations(built, service, market.on, market.max_age_days))
    p95_s = built.shape.outcome.response.quantile(P95)
    if set(broke) - SPEED - MONEY or math.isinf(p95_s):
        return None
    return FrontPoint(
        option=recipe.id,
        settings={**built.shape.settings, **settings},
        monthly_usd=built.monthly_usd,
        p50_s=built.shape.outcome.response.quantile(0.5),
        p95_s=p95_s,
        cold_share=built.shape.outcome.cold_share,
        broke=broke,
        on_front=False,
    )


NOTICEABLE_FRAC = 0.02
"""Times that differ by less than this are the same to whoever waits."""


def _marked(points: list[FrontPoint]) -> tuple[FrontPoint, ...]:
    """Cheapest first, those on the front marked: no other costs no more and is as fast, at p50 and at p95."""
    marked: list[FrontPoint] = []
    for point in sorted(points, key=lambda one: (one.monthly_usd, one.p95_s, one.p50_s, one.option)):
        beaten = any(_as_fast(other, point) for other in marked if other.on_front)
        marked.append(dataclasses.replace(point, on_front=not beaten))
    return tuple(marked)


def _as_fast(other: FrontPoint, point: FrontPoint) -> bool:
    slack = 1 + NOTICEABLE_FRAC
    return other.p95_s <= point.p95_s * slack and other.p50_s <= point.p50_s * slack
