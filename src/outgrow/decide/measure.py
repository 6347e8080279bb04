"""Which one measurement is most likely to change the answer, and the command that takes it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.decide.size import choose
from outgrow.decide.value import perfect_information_usd, variance_share, with_constraints
from outgrow.domain.drivers import with_values
from outgrow.domain.message import message
from outgrow.domain.verdict import Measure
from outgrow.domain.workload import Driver, Source

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.decide.months import Month
    from outgrow.domain.workload import Service

GUESS_FRAC = 0.5
"""A guess without a range is moved by half in both directions, to see whether it matters."""

COMMANDS = {
    "cold_start_s": "for i in 1 2 3 4 5; do curl -s -o /dev/null -w '%{time_total}\\n' -H \"Authorization: Bearer"
    " $RUNPOD_API_KEY\" -H 'Content-Type: application/json' -d '{\"input\":{}}'"
    " https://api.runpod.ai/v2/$ENDPOINT_ID/runsync; sleep 900; done",
    "service_s": "for i in $(seq 20); do curl -s -o /dev/null -w '%{time_total}\\n' \"$YOUR_INFERENCE_URL\"; done",
    "daily_active": 'psql "$DATABASE_URL" -c'
    ' "select created_at::date, count(distinct user_id) from requests group by 1"',
    "requests_per_day": 'psql "$DATABASE_URL" -c "select created_at::date, count(*) from requests group by 1"',
    "memory_gib": "docker stats --no-stream",
}
"""How to measure an input, by the last part of its path."""

ELSE = "read it from your access log or metrics for two weeks, then write it into the spec with source: measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The months a question was decided on: each candidate's, the winner's first, and the inputs drawn for them."""

    months: tuple[tuple[Month, ...], ...]
    draws: Sequence[Mapping[str, float]]


def measures(
    recipes: Sequence[Recipe], service: Service, market: Market, played: Sequence[Played]
) -> tuple[Measure, ...]:
    """Every uncertain input, the one worth measuring first at the head.

    Three things speak for an input: taken to an end of its range, the others staying in the middle, it changes the
    cheapest feasible option of a question; knowing it before choosing would save money (`perfect_information_usd`, to
    the cent); it is behind more of the spread of the bill, or moves it further. In this order. What is neither
    uncertain nor guessed, or moves nothing, is left out.
    """
    today = _best(recipes, service, market)
    uncertain = _uncertain(service)
    tried = market.each(lambda driver: _swing(driver, today, recipes, service, market), uncertain)
    found = [_valued(measure, played) for measure in tried if measure.changes_choice or measure.swing_usd > 0]
    return tuple(sorted(found, key=_rank))


def _rank(one: Measure) -> tuple[bool, float, float, float]:
    return not one.changes_choice, -round(one.value_usd, 2), -round(one.variance_share, 2), -one.swing_usd


def _valued(measure: Measure, played: Sequence[Played]) -> Measure:
    """With what knowing it would save over all questions, and its share in the spread of the winners' bills."""
    value_usd = spread = 0.0
    winners: list[list[float]] = []
    for question in played:
        drawn = [draw[measure.path] for draw in question.draws if measure.path in draw]
        if drawn and question.months:
            value_usd += perfect_information_usd(with_constraints(question.months), drawn)
            winners.append([month.usd for month in question.months[0]])
    if winners and all(math.isfinite(usd) for row in winners for usd in row):
        together = [sum(column) for column in zip(*winners, strict=True)]
        spread = variance_share([draw[measure.path] for draw in played[0].draws], together)
    return dataclasses.replace(measure, value_usd=round(value_usd, 6), variance_share=spread)


def _uncertain(service: Service) -> list[Driver]:
    ranged = {driver.path for driver in service.drivers}
    guesses = [
        Driver(
            path=given.path,
            low=given.value * (1 - GUESS_FRAC),
            mid=given.value,
            high=given.value * (1 + GUESS_FRAC),
            source=given.source,
        )
        for given in service.inputs
        if given.source is Source.GUESSED
        and given.path not in ranged
        and given.value > 0
        and _movable(service, given.path)
    ]
    return [*service.drivers, *guesses]


def _movable(service: Service, path: str) -> bool:
    """Is this a number of the workload that the model reads, and not, say, an exchange rate?"""
    try:
        with_values(service, {path: 1.0})
    except KeyError:
        return False
    return path.split(".", maxsplit=1)[0] in {"users", "web", "components", "database", "inference", "onprem"}


def _best(recipes: Sequence[Recipe], service: Service, market: Market) -> dict[str, tuple[str, float]]:
    """By question, the cheapest feasible option and its bill."""
    best: dict[str, tuple[str, float]] = {}
    for recipe in recipes:
        found = choose(recipe, service, market)
        if not found.feasible or found.priced is None:
            continue
        cost = (recipe.id, found.priced.monthly_usd)
        question = recipe.question.value
        if question not in best or cost[1] < best[question][1]:
            best[question] = cost
    return best


def _swing(
    driver: Driver,
    today: dict[str, tuple[str, float]],
    recipes: Sequence[Recipe],
    service: Service,
    market: Market,
) -> Measure:
    ends = [_best(recipes, with_values(service, {driver.path: value}), market) for value in (driver.low, driver.high)]
    changes = any(_names(end) != _names(today) for end in ends)
    totals = [sum(cost for _, cost in end.values()) for end in ends]
    swing = abs(totals[1] - totals[0])
    code = "measure.changes" if changes else "measure.moves"
    reason = message(
        code, path=driver.path, low=driver.low, high=driver.high, source=driver.source.value, swing_usd=round(swing, 2)
    )
    return Measure(
        path=driver.path,
        reason=reason,
        command=COMMANDS.get(driver.path.split(".")[-1], ELSE),
        swing_usd=swing,
        changes_choice=changes,
    )


def _names(best: dict[str, tuple[str, float]]) -> dict[str, str]:
    return {question: name for question, (name, _) in best.items()}
