"""Both questions answered, and everything a record needs: the one entrance to this room."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from outgrow.cost.credits import runways
from outgrow.decide import break_even, crossover
from outgrow.decide.claims import checked
from outgrow.decide.evaluate import as_written, bill_for
from outgrow.decide.figures import Evidence, audited
from outgrow.decide.front import front
from outgrow.decide.growth import growth_plan
from outgrow.decide.measure import Played, measures
from outgrow.decide.planner import Field
from outgrow.decide.rank import rank
from outgrow.decide.sample import draws, weights
from outgrow.decide.size import choose
from outgrow.decide.warn import over_budget, warnings
from outgrow.domain.option import Question, Rejection
from outgrow.domain.units import SEED
from outgrow.domain.verdict import Answer, Decision, Pair

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context, Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.decide.size import Sized
    from outgrow.domain.verdict import Curve, Priced
    from outgrow.domain.workload import Service

SAMPLES = 96
"""Joint draws of the uncertain inputs, stratified.

Over 12 seeds of the receipts example the ends of the 80 % interval vary by 0.5 % (standard deviation)."""

WEIGHTS = 480
"""Draws of the criterion weights: sqrt(0.25 / 480), so a first share of one half is good to 2.3 points (one standard
error); 2.6 were seen over 12 seeds of the receipts example."""


def decide(
    service: Service, market: Market, recipes: Sequence[Recipe], *, seed: int = SEED, samples: int = SAMPLES
) -> Decision:
    """Filters, sizes, samples, ranks, finds where the ranking changes, tests the claims, audits the document.

    Same spec, market and seed give the same decision.
    """
    asked = [recipe for recipe in recipes if recipe.question is Question.PLATFORM or service.inference]
    roughly = market.roughly()
    chosen = market.each(lambda recipe: choose(recipe, service, market), asked)
    found = {recipe.id: option for recipe, option in zip(asked, chosen, strict=True)}
    priced = {name: option.priced for name, option in found.items() if option.priced is not None}
    joint = draws(service.drivers, samples, lambda name: Random(f"{seed}:{name}"))  # noqa: S311 - reproducible draws
    solved = [
        _solved(question, [r for r in asked if r.question is question], found, service, market, seed, joint)
        for question in Question
        if any(recipe.question is question for recipe in asked)
    ]
    answers = tuple(one.answer for one in solved)
    written = _written(asked, service, market)
    evidence = Evidence(service=service, market=market, as_written=written, sized=priced, answers=answers)
    findings = audited(evidence)
    pairs = _pairs(answers, service, market)
    return Decision(
        service=service,
        on=market.on,
        method=market.method,
        seed=seed,
        samples=samples,
        max_age_days=market.max_age_days,
        answers=answers,
        as_written=tuple(written.values()),
        pairs=pairs,
        runways=runways(service.credits, pairs[0].bill, market.on) if pairs else (),
        claims=checked(service.claims, answers, pairs, written),
        measures=measures(asked, service, roughly, [one.played for one in solved]),
        findings=findings,
        surface=break_even.surface(priced, service, asked, roughly),
        front=front(asked, service, market),
        growth=growth_plan([one.field for one in solved], service, joint, service.vat_frac),
        warnings=(
            *over_budget(pairs, service),
            *warnings(service, market.on, written, priced, answers, findings),
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Solved:
    """One question answered, and what the rest of the decision builds on."""

    answer: Answer
    played: Played
    field: Field


def _solved(
    question: Question,
    recipes: Sequence[Recipe],
    found: Mapping[str, Sized],
    service: Service,
    market: Market,
    seed: int,
    joint: Sequence[dict[str, float]],
) -> _Solved:
    feasible = [found[recipe.id] for recipe in recipes if found[recipe.id].feasible]
    ranking = rank(feasible, service, market, joint, _weights(service, seed))
    chosen = ranking.candidates[0].priced.shape.option if ranking.candidates else None
    priced: dict[str, Priced] = {r.id: p for r in recipes if (p := found[r.id].priced) is not None}
    grid = crossover.demand_grid(service)
    unbounded = crossover.without_budget(service)
    roughly = market.roughly()
    lines, at_points = crossover.curves(recipes, unbounded, roughly, grid)
    turns = break_even.by_formula(recipes, priced, service, market) if question is Question.INFERENCE else []
    turns += crossover.along_demand(recipes, unbounded, roughly, grid, at_points)
    turns += crossover.along_inputs(recipes, service, roughly, _cheapest(feasible))
    answer = Answer(
        question=question,
        chosen=chosen,
        candidates=ranking.candidates,
        rejections=tuple(rejection for recipe in recipes for rejection in found[recipe.id].rejections),
        crossovers=tuple(turns),
        curves=lines,
        indifferent=ranking.indifferent,
        tie_breaker=ranking.tie_breaker,
        rejected_priced={name: option for name, option in priced.items() if not found[name].feasible},
    )
    return _Solved(
        answer=answer,
        played=Played(months=tuple(ranking.months.values()), draws=joint),
        field=_field(question, crossover.with_ends(lines, turns), at_points, priced),
    )


def _field(
    question: Question,
    lines: Sequence[Curve],
    at_points: Sequence[Mapping[str, Sized]],
    priced: Mapping[str, Priced],
) -> Field:
    """What a growth plan looks at: every option that is feasible somewhere along demand, and why it ends there."""
    shapes, ends = {}, {}
    for name in (line.option for line in lines):
        feasible = [(place, one) for place, at in enumerate(at_points) if (one := at[name]).feasible and one.priced]
        if not feasible:
            continue
        shapes[name] = (priced.get(name) or feasible[0][1].priced or priced[name]).shape
        beyond = [at[name] for at in at_points[feasible[-1][0] + 1 :]]
        if beyond and beyond[0].rejections:
            ends[name] = beyond[0].rejections[0].constraint
    return Field(question=question, curves={line.option: line for line in lines}, shapes=shapes, ends=ends)


def _weights(service: Service, seed: int) -> list[tuple[float, ...]]:
    wanted = dataclasses.astuple(service.criteria)
    return weights(wanted, WEIGHTS, Random(f"{seed}:weights"))  # noqa: S311 - reproducible draws


def _cheapest(feasible: Sequence[Sized]) -> str | None:
    costs = [(option.priced.monthly_usd, option.recipe.id) for option in feasible if option.priced is not None]
    return min(costs)[1] if costs else None


def _written(recipes: Sequence[Recipe], service: Service, market: Market) -> dict[str, Priced]:
    built = {recipe.id: as_written(recipe, service, market) for recipe in recipes}
    return {name: option for name, option in built.items() if not isinstance(option, Rejection)}


def _pairs(answers: Sequence[Answer], service: Service, market: Market) -> tuple[Pair, ...]:
    """The best three of each question together, cheapest first after the chosen pair; allowances shared by one bill."""
    ctx = market.context(service)
    by_question = {answer.question: answer.candidates[:3] for answer in answers}
    platforms = by_question.get(Question.PLATFORM, ())
    inferences = by_question.get(Question.INFERENCE, ())
    if Question.INFERENCE not in by_question:
        return tuple(_pair(platform.priced, None, ctx) for platform in platforms)
    pairs = [_pair(platform.priced, inference.priced, ctx) for platform in platforms for inference in inferences]
    return (*pairs[:1], *sorted(pairs[1:], key=lambda pair: pair.monthly_usd))


def _pair(platform: Priced, inference: Priced | None, ctx: Context) -> Pair:
    usage = platform.shape.usage + (inference.shape.usage if inference else ())
    unpriced = platform.shape.unpriced + (inference.shape.unpriced if inference else ())
    bill = bill_for(usage, ctx, unpriced)
    with_vat = bill.monthly_usd * (1 + Decimal(repr(ctx.service.vat_frac)))
    budget = ctx.service.budget_usd_per_month
    return Pair(
        platform=platform.shape.option,
        inference=inference.shape.option if inference else "",
        bill=bill,
        monthly_usd=bill.monthly_usd,
        with_vat_usd=with_vat,
        within_budget=budget is None or with_vat <= Decimal(repr(budget)),
    )
