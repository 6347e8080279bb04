"""Settings somebody asked for, in the place of those `decide` would choose; what an option cannot have is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog.options import option as option_named
from outgrow.decide.evaluate import sized
from outgrow.domain.errors import SpecError
from outgrow.domain.option import Rejection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.domain.workload import Service
    from outgrow.flows.question import Opened
    from outgrow.flows.study_part import Settings

Offered = dict[str, list[str | int | float]]
"""The values a recipe offers of each of its settings."""


def with_settings(
    chosen: Sequence[tuple[str, Settings]], settings: Settings, opened: Opened, service: Service
) -> tuple[tuple[str, Settings], ...]:
    """The options with the settings asked for, where they have such settings.

    Raises `SpecError` for a setting that no option has, a value of another kind than the recipe offers, and one the
    option cannot be built with.
    """
    offers = {name: _offered(name, knobs, opened, service) for name, knobs in chosen}
    known = set().union(*offers.values())
    for setting in settings:
        if setting not in known:
            raise SpecError(
                f"--setting: no option played here has {setting!r}",
                hint=f"settings: {', '.join(sorted(known)) or 'none'}",
            )
    return tuple((name, _with(name, knobs, settings, offers[name], opened, service)) for name, knobs in chosen)


def _offered(name: str, knobs: Settings, opened: Opened, service: Service) -> Offered:
    found: Offered = {}
    for offer in (knobs, *option_named(name, "--option").settings(opened.market.context(service))):
        for key, value in offer.items():
            found.setdefault(key, []).append(value)
    return found


def _with(
    name: str, knobs: Settings, settings: Settings, offered: Offered, opened: Opened, service: Service
) -> Settings:
    own = {key: value for key, value in settings.items() if key in offered}
    for key, value in own.items():
        _refuse_kind(name, key, value, offered[key])
    asked = {**knobs, **own}
    built = sized(option_named(name, "--option"), service, opened.market, asked) if own else None
    if isinstance(built, Rejection):
        raise SpecError(f"--setting: {name} cannot have {built.found}; allowed is {built.allowed}")
    return asked


def _refuse_kind(name: str, key: str, value: str | float, offered: Sequence[str | int | float]) -> None:
    """A number where numbers are offered, a whole one where all are; an offered word; other text where text is."""
    shown = ", ".join(str(one) for one in dict.fromkeys(offered))
    if all(isinstance(one, int) for one in offered):
        fits, kind = isinstance(value, int), "a whole number"
    elif all(isinstance(one, int | float) for one in offered):
        fits, kind = isinstance(value, int | float), "a number"
    elif all(str(one).isalpha() for one in offered):
        fits, kind = value in offered, f"one of {shown}"
    else:
        fits, kind = isinstance(value, str), "text"
    if not fits:
        raise SpecError(
            f"--setting: found {key}={value}; allowed for {name} is {kind}", hint=f"{name} is tried with {shown}"
        )
