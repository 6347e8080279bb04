"""Chooses the settings of an option: the cheapest that meets every constraint."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.decide.constraints import violations
from outgrow.decide.evaluate import sized
from outgrow.domain.option import Rejection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Service


MONEY = frozenset({"budget", "upfront"})
"""Constraints on money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """An option at its best: the knobs it was built with, its bill, and what keeps it out of the ranking."""

    recipe: Recipe
    priced: Priced | None
    rejections: tuple[Rejection, ...]
    knobs: Mapping[str, str | int | float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        """Does it meet every constraint?"""
        return self.priced is not None and not self.rejections


def choose(recipe: Recipe, service: Service, market: Market) -> Sized:
    """The cheapest setting that meets the constraints.

    Failing that, the cheapest of those that break the fewest constraints on anything but money: an option that could do
    the work for more money is rejected for the money, not for a setting that saves it and fails the work.
    """
    tries: list[tuple[int, int, float, int, Priced, tuple[Rejection, ...]]] = []
    refused: list[Rejection] = []
    offered = recipe.settings(market.context(service))
    for index, settings in enumerate(offered):
        built = sized(recipe, service, market, settings)
        if isinstance(built, Rejection):
            refused.append(built)
            continue
        broken = violations(built, service, market.on, market.max_age_days)
        beyond_money = sum(rejection.constraint not in MONEY for rejection in broken)
        tries.append((beyond_money, len(broken), built.monthly_usd, index, built, broken))
    if not tries:
        return Sized(recipe=recipe, priced=None, rejections=tuple(refused[:1]))
    _, _, _, index, best, broken = min(tries, key=lambda entry: entry[:4])
    return Sized(recipe=recipe, priced=best, rejections=broken, knobs=offered[index])
