"""What does each option cost a month?"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from outgrow.adapters.word_files import load_words
from outgrow.catalog.options import all_options
from outgrow.decide.evaluate import as_written, sized
from outgrow.decide.size import choose
from outgrow.decide.span import span
from outgrow.domain.option import Question, Rejection
from outgrow.record.data import FORMAT, option_data

if TYPE_CHECKING:
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Service
    from outgrow.flows.question import Opened


def price_service(opened: Opened, *, only_as_written: bool = False, language: str = "en") -> dict[str, Any]:
    """Every option's bill by line, as written and sized, with what could not be priced and what could not be built."""
    words = load_words(language)
    service, market = opened.service, opened.market
    options, refused = [], []
    for recipe in all_options():
        if recipe.question is Question.INFERENCE and not service.inference:
            continue
        for variant, built, knobs in _built(recipe, opened, only_as_written=only_as_written):
            if isinstance(built, Rejection):
                refused.append(
                    {"option": recipe.id, "variant": variant, "reason": words.say(built.reason), "found": built.found}
                )
            else:
                spread = _spread(recipe, opened, built, knobs)
                options.append(option_data(built, words) | {"range_usd": spread} | _pinned(recipe, service, variant))
    return {
        "format": FORMAT,
        "service": service.name,
        "region": service.region,
        "currency": service.currency.code,
        "per_usd": float(service.currency.per_usd),
        "vat_frac": service.vat_frac,
        "on": market.on.isoformat(),
        "options": options,
        "not_built": refused,
    }


Knobs = Mapping[str, str | int | float]


def _built(
    recipe: Recipe, opened: Opened, *, only_as_written: bool
) -> list[tuple[str, Priced | Rejection, Knobs | None]]:
    """Both variants, the sized one with its knobs."""
    found: list[tuple[str, Priced | Rejection, Knobs | None]] = [
        ("as-written", as_written(recipe, opened.service, opened.market), None)
    ]
    if not only_as_written:
        chosen = choose(recipe, opened.service, opened.market)
        found.append(("sized", chosen.priced or chosen.rejections[0], chosen.knobs))
    return found


def _pinned(recipe: Recipe, service: Service, variant: str) -> dict[str, Any]:
    """Whose sizes an as-written bill has: the spec's, or the reference sizes of the option."""
    return {"pinned_by": "spec" if recipe.id in service.pins else "reference"} if variant == "as-written" else {}


def _spread(recipe: Recipe, opened: Opened, mid: Priced, knobs: Knobs | None) -> dict[str, float]:
    """The bill over the spec's ranges, with the knobs of the middle for a sized option."""

    def cost(workload: Service) -> float:
        if knobs is None:
            built = as_written(recipe, workload, opened.market)
        else:
            built = sized(recipe, workload, opened.market, knobs)
        return mid.monthly_usd if isinstance(built, Rejection) else built.monthly_usd

    return dataclasses.asdict(span(opened.service, cost))
