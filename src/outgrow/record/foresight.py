"""What was simulated, as JSON: months, what speed costs, the growth plan."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outgrow.domain.growth import GrowthPlan, Move, PathPoint
    from outgrow.domain.verdict import Front, FrontPoint, Spread, Study

Json = dict[str, Any]
SPREADS = ("bill_usd", "p50_s", "p95_s", "p99_s", "cold_share", "delayed_share", "utilisation_frac")
"""What a study gives a median and an 80 % interval of."""


def study_data(study: Study) -> Json:
    """Median and 80 % interval of what the months brought; ``null`` for what is never answered."""
    return {
        "months": study.months,
        **{name: spread_data(getattr(study, name)) for name in SPREADS},
        "endings": dataclasses.asdict(study.endings) if study.endings else None,
        "kept_share": study.kept_share,
        "broke": [{"constraint": name, "share": share} for name, share in study.broke],
    }


def spread_data(spread: Spread | None) -> Json | None:
    """Low, median and high."""
    if spread is None:
        return None
    return {"low": _finite(spread.low), "median": _finite(spread.median), "high": _finite(spread.high)}


def _finite(value: float | None) -> float | None:
    return None if value is None or math.isinf(value) else value


def front_data(front: Front | None) -> Json | None:
    """Every setting tried, cheapest first, and the cheapest that meets everything."""
    if front is None:
        return None
    return {
        "target_s": front.target_s,
        "cheapest": _point(front.cheapest) if front.cheapest else None,
        "points": [_point(point) for point in front.points],
    }


def _point(point: FrontPoint) -> Json:
    return {
        "option": point.option,
        "settings": dict(point.settings),
        "monthly_usd": point.monthly_usd,
        "p50_s": _finite(point.p50_s),
        "p95_s": _finite(point.p95_s),
        "cold_share": point.cold_share,
        "broke": list(point.broke),
        "on_front": point.on_front,
    }


def growth_data(plan: GrowthPlan | None) -> Json | None:
    """The growth plan: what now, which moves at which demand, month by month, and what it all costs."""
    if plan is None:
        return None
    return {
        "months": plan.months,
        "paths": plan.paths,
        "now": {"platform": plan.now[0], "inference": plan.now[1]},
        "moves": [_move(move) for move in plan.moves],
        "path": [_path_point(point) for point in plan.points],
        "carried_paths": plan.carried_paths,
        "total_usd": spread_data(plan.total_usd),
        "seeing_usd": spread_data(plan.seeing_usd),
        "staying_usd": spread_data(plan.staying_usd),
        "over_budget_from": plan.over_budget_from,
        "carried_until": _finite(plan.carried_until),
        "carried_share": plan.carried_share,
        "work_priced": plan.work_priced,
    }


def _move(move: Move) -> Json:
    return {
        "question": move.question.value,
        "from": move.before,
        "to": move.after,
        "at_users": move.at_users,
        "month": move.month,
        "days": move.effort.days,
        "downtime_minutes": move.effort.downtime_minutes,
        "move_usd": move.effort.usd,
        "stated": move.effort.stated,
        "binds": move.binds,
        "early_usd": move.early_usd,
        "late_usd": move.late_usd,
    }


def _path_point(point: PathPoint) -> Json:
    low, mid, high = point.users
    return {
        "month": point.month,
        "users": {"low": low, "mid": mid, "high": high},
        "usd": point.usd,
        "platform": point.platform,
        "inference": point.inference,
    }
