"""One part of a study: what travels to another process or machine, and what is done there."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from random import Random
from threading import Lock
from typing import TYPE_CHECKING, Any

from outgrow import __version__
from outgrow.adapters.spec_file import load_text
from outgrow.catalog.options import option as option_named
from outgrow.decide.months import Row, play_month, row_of
from outgrow.decide.sample import draws
from outgrow.domain.arrivals import POISSON, SESSIONS
from outgrow.domain.drivers import with_values
from outgrow.domain.pool import Endings
from outgrow.flows.question import Asked, open_loaded
from outgrow.sim.predict import Simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.workload import Service
    from outgrow.flows.measured import Measured
    from outgrow.sim.compiled import Engine

MONTH_REQUESTS = 100_000.0
"""Requests played of a month; of a busier one, days that stand for all of its days (`outgrow.sim.days`)."""

Settings = dict[str, str | int | float]
Plain = list[Any]


@dataclass(frozen=True, kw_only=True)
class Study:
    """Everything that decides what a study gives, in plain values: it travels to other processes and machines."""

    spec_text: str
    spec_name: str
    asked: Mapping[str, Any]
    price_texts: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, Settings], ...]
    replications: int
    seed: int
    arrivals: str | None = None
    engine: Engine | None = None
    measured: tuple[Measured, ...] = ()

    @property
    def identity(self) -> str:
        """The same study, the same identity; the engine does not matter, both give the same."""
        plain = dataclasses.asdict(dataclasses.replace(self, engine=None, measured=()))
        plain |= {"version": __version__, "measured": [measured.fingerprint for measured in self.measured]}
        return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some months of a study."""

    study: Study
    first: int
    count: int


def with_arrivals(service: Service, arrivals: str | None) -> Service:
    """The service with arrivals of another kind: ``poisson`` or ``sessions`` with the default figures."""
    if arrivals is None:
        return service
    pattern = {"poisson": POISSON, "sessions": SESSIONS}[arrivals]
    tasks = tuple(dataclasses.replace(task, arrivals=pattern) for task in service.inference)
    drivers = tuple(driver for driver in service.drivers if ".arrivals." not in driver.path)
    return dataclasses.replace(service, inference=tasks, drivers=drivers)


def play_part(part: Part) -> list[list[Plain]]:
    """For each month of a part, for each option, its numbers: plain lists that JSON can hold."""
    study = opened_study(part.study)
    played = []
    for number in range(part.first, part.first + part.count):
        workload = with_values(study.service, study.draws[number])
        months = [play_month(recipe, settings, workload, study.market, number) for recipe, settings in study.options]
        played.append([_plain(row_of(month)) for month in months])
    return played


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStudy:
    """A study with its spec read and its months drawn."""

    service: Service
    market: Market
    draws: Sequence[Mapping[str, float]]
    options: tuple[tuple[Recipe, Settings], ...]


_open: dict[tuple[str, str | None], OpenStudy] = {}
_opening = Lock()


def opened_study(study: Study) -> OpenStudy:
    """The study opened, once in each process; the last one is remembered."""
    key = (study.identity, study.engine)
    with _opening:
        found = _open.get(key) or _opened(study)
        _open.clear()
        _open[key] = found
    return found


def _opened(study: Study) -> OpenStudy:
    given = study.asked
    asked = Asked(
        region=given["region"],
        on=date.fromisoformat(given["on"]),
        moved=given["moved"],
        allow_stale=given["allow_stale"],
        seed=study.seed,
    )
    opened = open_loaded(load_text(study.spec_text, study.spec_name), asked, study.price_texts, study.measured)
    service = with_arrivals(opened.service, study.arrivals)
    simulated = Simulated(seed=study.seed, engine=study.engine, month_requests=MONTH_REQUESTS)
    return OpenStudy(
        service=service,
        market=dataclasses.replace(opened.market, month=simulated.month),
        draws=draws(service.drivers, study.replications, lambda name: Random(f"{study.seed}:{name}")),  # noqa: S311
        options=tuple((option_named(name, "--option"), settings) for name, settings in study.options),
    )


def _plain(row: Row) -> Plain:
    return list(dataclasses.astuple(row))


def is_played(text: str, part: Part) -> bool:
    """Is this the text of such a part: for every month and option a row whose fields are of the kinds of a `Row`?"""
    try:
        months = json.loads(text)
        rows = [row for month in months for row in month]
        whole = len(months) == part.count and all(len(month) == len(part.study.options) for month in months)
        return whole and all(_is_row(row) for row in rows)
    except (ValueError, TypeError, RecursionError):
        return False


def _is_row(plain: Any) -> bool:
    usd, broke, requests, *times, attempts, endings = plain
    numbers = (usd, requests, attempts, *endings, *(time for time in times if time is not None))
    return (
        len(plain) == len(dataclasses.fields(Row))
        and all(isinstance(value, int | float) for value in numbers)
        and isinstance(broke, list)
        and isinstance(endings, list)
        and len(endings) in {0, len(dataclasses.fields(Endings))}
        and all(isinstance(name, str) for name in broke)
    )


def row_from(plain: Plain) -> Row:
    """A month's numbers as they were before they travelled."""
    values: Plain = [tuple(value) if isinstance(value, list) else value for value in plain]
    return Row(*values)
