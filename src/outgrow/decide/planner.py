"""Plans one question along a growth path: the cheapest sequence of options, and its thresholds of demand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.decide.effort import effort
from outgrow.domain.growth import Effort, Move

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.domain.option import Question, Shape
    from outgrow.domain.verdict import Curve
    from outgrow.domain.workload import Service

EARLY, LATE = 0.5, 2.0
"""Too early and too late: at half and at twice the demand a plan moves at."""

TRIES = (0.4, 0.55, 0.75, 0.9, 1.1, 1.35, 1.8, 2.5)
"""Factors a threshold is moved by in search of a better one: a third apart far off, a tenth near by, where the mean
cost is flat."""

ROUNDS = 2
"""How often every threshold is tried: again after the others have moved once."""

NEAR = 1.25
"""A threshold this close below the demand at which an option ends is taken to be there because it ends: months and
`TRIES` do not tell them further apart."""

UNCARRIED = 3.0
"""A month nothing carries counts as so many times the dearest month of any option: to be avoided at nearly any cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question as the plan sees it: options, their curves, their shapes, and what binds where one ends."""

    question: Question
    curves: Mapping[str, Curve]
    shapes: Mapping[str, Shape]
    ends: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Options in order, and the demand at which each one after the first is taken up."""

    options: tuple[str, ...]
    thresholds: tuple[float, ...]


class Planner:
    """What months and moves cost in one question, and the plan that is cheapest."""

    def __init__(self, field: Field, service: Service) -> None:
        """Options without a curve or a shape cannot be planned with."""
        self.field, self.service = field, service
        self.options = [name for name, curve in field.curves.items() if any(y is not None for _, y in curve.points)]
        self.options = [name for name in self.options if name in field.shapes]
        self._points = {
            name: [(math.log(x), None if y is None else math.log(max(y, 1e-6))) for x, y in field.curves[name].points]
            for name in self.options
        }
        self._efforts: dict[tuple[str, str], Effort] = {}
        self._bills: dict[tuple[str, float], float | None] = {}
        dearest = max((y for name in self.options for _, y in field.curves[name].points if y is not None), default=0.0)
        self.uncarried = UNCARRIED * dearest

    def bill(self, option: str, users: float) -> float | None:
        """A month of an option (USD) at a demand (users >= 0); ``None`` where it cannot carry it.

        Read off its curve, straight between points on logarithmic scales: a step between two points is smoothed. Below
        the first point the bill is that of the point.
        """
        if (option, users) not in self._bills:
            self._bills[option, users] = self._read_off(option, users)
        return self._bills[option, users]

    def _read_off(self, option: str, users: float) -> float | None:
        points, x = self._points[option], math.log(users) if users else -math.inf
        if x < points[0][0]:
            return None if points[0][1] is None else math.exp(points[0][1])
        for (x0, y0), (x1, y1) in pairwise(points):
            if x0 <= x <= x1:
                if y0 is None or y1 is None:
                    return None
                return math.exp(y0 + (y1 - y0) * ((x - x0) / (x1 - x0) if x1 > x0 else 0.0))
        return None

    def effort(self, before: str, after: str) -> Effort:
        """What a move takes."""
        if (before, after) not in self._efforts:
            shapes = self.field.shapes
            self._efforts[before, after] = effort(shapes[before], shapes[after], self.service)
        return self._efforts[before, after]

    def _move_usd(self, before: str, after: str) -> float:
        return 0.0 if before == after else self.effort(before, after).usd or 0.0

    def carried_until(self, most: float) -> float | None:
        """The demand up to which some option is known to carry it; ``None`` where ``most`` is no more than that."""
        carried = [x for name in self.options for x, y in self.field.curves[name].points if y is not None]
        return max(carried) if carried and max(carried) < most else None

    def sequence(self, path: Sequence[float]) -> list[str]:
        """The cheapest option for every month of a known path, the first month free to choose.

        Dynamic programming over months and options: ``best(m, b) = bill(m, b) + min_a (best(m - 1, a) + move(a, b))``,
        a month that is not carried at `UNCARRIED`. Source: Bellman 1957.
        """
        best: dict[str, float] = dict.fromkeys(self.options, 0.0)
        back: list[dict[str, str]] = []
        for month, users in enumerate(path):
            bills = {name: self._or_uncarried(self.bill(name, users)) for name in self.options}
            came = {after: self._cheapest_way(best, after) if month else after for after in self.options}
            best = {
                after: best[before] + self._move_usd(before, after) + bills[after] for after, before in came.items()
            }
            back.append(came)
        option = min(best, key=lambda name: best[name])
        chosen = [option]
        for came in reversed(back[1:]):
            option = came[option]
            chosen.append(option)
        return chosen[::-1]

    def _cheapest_way(self, best: Mapping[str, float], after: str) -> str:
        """From which option this one is reached for the least money."""
        return min(best, key=lambda before: best[before] + self._move_usd(before, after))

    def _or_uncarried(self, usd: float | None) -> float:
        return self.uncarried if usd is None else usd

    def seeing(self, paths: Sequence[Sequence[float]]) -> list[float]:
        """What the best sequence costs on each path."""
        return [self._cost_of(self.sequence(path), path, 0.0) for path in paths]

    def staying(self, option: str, paths: Sequence[Sequence[float]]) -> list[float] | None:
        """What never moving costs on each path; ``None`` where one of them cannot be carried."""
        bills = [[self.bill(option, users) for users in path] for path in paths]
        if any(bill is None for row in bills for bill in row):
            return None
        return [math.fsum(bill for bill in row if bill is not None) for row in bills]

    def _cost_of(self, options: Sequence[str | None], path: Sequence[float], uncarried: float) -> float:
        total, before = 0.0, options[0]
        for option, users in zip(options, path, strict=True):
            bill = None if option is None else self.bill(option, users)
            total += uncarried if bill is None else bill
            if option is None:
                continue
            if before is not None and option != before:
                total += self._move_usd(before, option)
            before = option
        return total

    def followed(self, plan: Plan, path: Sequence[float]) -> list[str | None]:
        """What a plan runs in each month of a path: the next option at its threshold, or when the present one fails."""
        place, runs = 0, []
        for users in path:
            while place < len(plan.thresholds) and self._due(plan, place, users):
                place += 1
            option = plan.options[place]
            runs.append(option if self.bill(option, users) is not None else self._instead(plan, place, users))
        return runs

    def _due(self, plan: Plan, place: int, users: float) -> bool:
        """Is it time for the option after this one?"""
        threshold, grows = plan.thresholds[place], plan.thresholds[place] >= self.service.users.daily_active
        if (users >= threshold) if grows else (users <= threshold):
            return True
        fails = self.bill(plan.options[place], users) is None
        return fails and self.bill(plan.options[place + 1], users) is not None

    def _instead(self, plan: Plan, place: int, users: float) -> str | None:
        """An option of the plan that carries what the present one cannot."""
        return next((name for name in plan.options[place:] if self.bill(name, users) is not None), None)

    def totals(self, plan: Plan, paths: Sequence[Sequence[float]]) -> list[float]:
        """What following a plan costs on each path that it carries."""
        return [self._cost_of(self.followed(plan, path), path, 0.0) for path in paths]

    def mean(self, plan: Plan, paths: Sequence[Sequence[float]]) -> float:
        """The mean of that, with what is not carried counted against the plan."""
        costs = [self._cost_of(self.followed(plan, path), path, self.uncarried) for path in paths]
        return math.fsum(costs) / len(paths)

    def carries(self, plan: Plan, path: Sequence[float]) -> bool:
        """Does the plan carry every month of a path?"""
        return all(option is not None for option in self.followed(plan, path))

    def carried(self, plan: Plan, paths: Sequence[Sequence[float]]) -> float:
        """Share of all months of all paths that the plan carries."""
        months = [option is not None for path in paths for option in self.followed(plan, path)]
        return sum(months) / len(months)

    def best(self, paths: Sequence[Sequence[float]], middle: Sequence[float]) -> Plan | None:
        """The plan that costs least in the mean over the paths, as far as a local search finds it.

        Thresholds are moved one at a time, `ROUNDS` rounds, started from the best of several paths' sequences: not
        guaranteed the least.
        """
        if not self.options or all(self.bill(name, middle[0]) is None for name in self.options):
            return None
        some = [paths[round(share * (len(paths) - 1))] for share in (0.1, 0.3, 0.5, 0.7, 0.9)]
        tried = {self._as_plan(self.sequence(path), path) for path in (middle, *some)}
        ranked = sorted(tried, key=lambda plan: (self.mean(plan, some), plan.options))[:3]
        better = [self._improved(plan, paths) for plan in ranked]
        return min(better, key=lambda plan: (self.mean(plan, paths), plan.options))

    def _as_plan(self, options: Sequence[str], path: Sequence[float]) -> Plan:
        """A sequence as thresholds: half way between the demand before a move and the one at it."""
        names, thresholds = [options[0]], []
        for month in range(1, len(options)):
            if options[month] != options[month - 1]:
                names.append(options[month])
                thresholds.append(math.sqrt(path[month - 1] * path[month]))
        return Plan(options=tuple(names), thresholds=tuple(thresholds))

    def _improved(self, plan: Plan, paths: Sequence[Sequence[float]]) -> Plan:
        best, cost = plan, self.mean(plan, paths)
        for _ in range(ROUNDS):
            for place in range(len(plan.thresholds)):
                for factor in TRIES:
                    moved = self._moved(best, place, factor)
                    if moved is not None and (mean := self.mean(moved, paths)) < cost - 1e-9:
                        best, cost = moved, mean
        return best

    @staticmethod
    def _moved(plan: Plan, place: int, factor: float) -> Plan | None:
        """One threshold moved; ``None`` where that would change the order of the moves."""
        moved = list(plan.thresholds)
        moved[place] *= factor
        order = sorted(moved) if moved[-1] >= moved[0] else sorted(moved, reverse=True)
        return Plan(options=plan.options, thresholds=tuple(moved)) if moved == order else None

    def moves(self, plan: Plan, paths: Sequence[Sequence[float]], middle: Sequence[float]) -> list[Move]:
        """The moves of a plan, each with what being early or late costs."""
        cost = self.mean(plan, paths)
        runs = self.followed(plan, middle)
        found = []
        for place, threshold in enumerate(plan.thresholds):
            before, after = plan.options[place], plan.options[place + 1]
            month = next((m for m, option in enumerate(runs) if option in plan.options[place + 1 :]), None)
            found.append(
                Move(
                    question=self.field.question,
                    before=before,
                    after=after,
                    at_users=threshold,
                    month=month,
                    effort=self.effort(before, after),
                    binds=self._binds(before, threshold),
                    early_usd=self._shifted(plan, place, EARLY, paths) - cost,
                    late_usd=self._shifted(plan, place, LATE, paths) - cost,
                )
            )
        return found

    def _binds(self, option: str, threshold: float) -> str:
        """The bill, or what the option left behind breaks at a little more than that demand."""
        fails = self.bill(option, threshold * NEAR) is None
        return self.field.ends.get(option, "capacity") if fails else "monthly_usd"

    def _shifted(self, plan: Plan, place: int, factor: float, paths: Sequence[Sequence[float]]) -> float:
        """Mean cost with one threshold moved; others that it would pass go along."""
        moved = list(plan.thresholds)
        moved[place] *= factor
        rises = plan.thresholds[-1] >= plan.thresholds[0]
        for other in range(len(moved)):
            keep = min if (other < place) is rises else max
            moved[other] = keep(moved[other], moved[place])
        return self.mean(Plan(options=plan.options, thresholds=tuple(moved)), paths)
