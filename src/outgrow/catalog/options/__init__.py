"""One file an option. A file here that defines ``OPTION`` is found by itself; nothing else lists it."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import TYPE_CHECKING

from outgrow.domain.errors import SpecError
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.option import Question


@cache
def all_options() -> tuple[Recipe, ...]:
    """Every option, platform before inference, in their stated order."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        option = getattr(importlib.import_module(f"{__name__}.{module.name}"), "OPTION", None)
        if option is not None:
            found.append(option)
    return tuple(sorted(found, key=lambda option: (option.question.value != "platform", option.order)))


def options_for(question: Question) -> tuple[Recipe, ...]:
    """The options that answer one question."""
    return tuple(option for option in all_options() if option.question is question)


def option(option_id: str, place: str) -> Recipe:
    """The option with this id. Raises `SpecError` with a suggestion when there is none."""
    for candidate in all_options():
        if candidate.id == option_id:
            return candidate
    ids = [candidate.id for candidate in all_options()]
    raise SpecError(
        f"{place}: unknown option {option_id!r}{did_you_mean(option_id, ids)}", hint=f"options: {', '.join(ids)}"
    )
