"""A growth plan: what to run now, what to move to and when, and what it costs to be early or late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outgrow.domain.option import Question
    from outgrow.domain.verdict import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a move takes: days of one engineer, minutes of downtime, and both in dollars (``None``: no price given).

    ``stated``: the spec says so; otherwise derived from what changes.
    """

    days: float
    downtime_minutes: float
    usd: float | None
    stated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One move of a plan: made when daily users reach ``at_users``; on the middle path that is in ``month``.

    ``month`` is ``None`` when the middle path never gets there. ``early_usd`` and ``late_usd`` are what moving at half
    or at twice that demand costs more over the whole plan, in the mean over growth paths; below zero never happens by
    more than rounding. ``binds``: the bill, or the constraint that the option left behind breaks.
    """

    question: Question
    before: str
    after: str
    at_users: float
    month: int | None
    effort: Effort
    binds: str
    early_usd: float
    late_usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PathPoint:
    """A month of the plan: daily users on the low, middle and high path; what runs on the middle one, and its bill."""

    month: int
    users: tuple[float, float, float]
    usd: float | None
    platform: str | None
    inference: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthPlan:
    """The cheapest sequence of options along the growth path, as thresholds of measured demand.

    ``total_usd`` is what the plan costs over all its months, moves included, over the ``carried_paths`` of ``paths``
    that it carries to their end, ``None`` where there is none; ``seeing_usd`` what the best sequence for each of them
    would, had one known the path; ``staying_usd`` what never moving from what runs now would on each of them, ``None``
    where it cannot carry the demand on one. ``over_budget_from`` is the first month on the middle path whose bill with
    tax exceeds the budget. ``carried_share`` of all months of all paths are carried; ``carried_until`` is the demand
    beyond which no option is known, where a path gets there.
    """

    months: int
    paths: int
    now: tuple[str | None, str | None]
    moves: tuple[Move, ...]
    points: tuple[PathPoint, ...]
    carried_paths: int
    total_usd: Spread | None
    seeing_usd: Spread | None
    staying_usd: Spread | None
    over_budget_from: int | None
    carried_until: float | None
    carried_share: float
    work_priced: bool
