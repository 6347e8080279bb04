"""How do options behave over many drawn months? A study: replications of a month, on all cores or on a cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from outgrow import __version__
from outgrow.catalog.options import all_options
from outgrow.catalog.options import option as option_named
from outgrow.decide.months import study_of
from outgrow.decide.size import choose
from outgrow.domain.errors import SpecError
from outgrow.domain.option import Question
from outgrow.domain.units import SEED
from outgrow.flows.measured import described
from outgrow.flows.study_part import (
    Part,
    Settings,
    Study,
    is_played,
    opened_study,
    play_part,
    row_from,
    with_arrivals,
)
from outgrow.flows.study_settings import with_settings
from outgrow.record.foresight import study_data
from outgrow.sim.compiled import engine
from outgrow.sim.requests import DAY_S
from outgrow.sim.runs import WARM_UP_S, knows_months

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outgrow.adapters.spread import Runner
    from outgrow.adapters.study_store import StudyStore
    from outgrow.domain.workload import Service
    from outgrow.flows.question import Opened
    from outgrow.sim.compiled import Engine

FORMAT = 1
PART_MONTHS = 8
"""Months of one part: what is lost at most when a study is killed, on each core."""


def plan_study(
    opened: Opened,
    *,
    only: Sequence[str],
    settings: Settings,
    replications: int,
    seed: int = SEED,
    arrivals: str | None = None,
    asked_engine: Engine | None = None,
) -> Study:
    """A study of some options (`options_to_play`). Raises `SpecError` as that does."""
    service = with_arrivals(opened.service, arrivals)
    return Study(
        spec_text=opened.text,
        spec_name=opened.name,
        asked=opened.asked | {"on": opened.market.on.isoformat()},
        price_texts=opened.price_texts,
        options=options_to_play(opened, service, only, settings),
        replications=replications,
        seed=seed,
        arrivals=arrivals,
        engine=asked_engine,
        measured=opened.measured,
    )


def options_to_play(
    opened: Opened, service: Service, only: Sequence[str], settings: Settings
) -> tuple[tuple[str, Settings], ...]:
    """Which options are played with which settings: those asked for, else every inference option that can be built.

    Each has the settings `decide` would choose for it, with those of ``settings`` in their place. Raises `SpecError`
    for an option that cannot be built, a setting no option has or can have, or a service without inference.
    """
    wanted = [option_named(name, "--option") for name in only]
    recipes = wanted or [recipe for recipe in all_options() if recipe.question is Question.INFERENCE]
    if not service.inference and not wanted:
        raise SpecError(f"{opened.name}: no inference task to simulate", hint="name platform options with --option")
    chosen: list[tuple[str, Settings]] = []
    refused: dict[str, str] = {}
    for recipe in recipes:
        found = choose(recipe, service, opened.market)
        if found.priced is None:
            refused[recipe.id] = found.rejections[0].found
        else:
            chosen.append((recipe.id, dict(found.knobs)))
    if wanted and refused:
        name = next(iter(refused))
        raise SpecError(f"--option {name}: cannot be built: {refused[name]}", hint="outgrow price says what is missing")
    return with_settings(chosen, settings, opened, service)


def run_study(
    study: Study, run: Runner, store: StudyStore | None = None, seen: Callable[[int], None] = lambda _months: None
) -> dict[str, Any]:
    """Plays the months that are not played yet and sums all of them up.

    ``store`` keeps finished parts; ``seen`` is told how many months are done so far. The result does not depend on
    where or in which order months were played. Memory: finished parts as text, some 200 bytes a month and option.
    """
    parts = _parts(study)
    kept = store.begin() if store else {}
    done = {number: text for number, text in kept.items() if number in parts and is_played(text, parts[number])}
    months = sum(parts[number].count for number in done)
    seen(months)
    for number, part in run(play_part, [(number, part) for number, part in parts.items() if number not in done]):
        done[number] = json.dumps(part)
        if store:
            store.keep(number, done[number])
        months += parts[number].count
        seen(months)
    return _result(study, [done[number] for number in sorted(done)])


def _parts(study: Study) -> dict[int, Part]:
    firsts = range(0, study.replications, PART_MONTHS)
    return {
        number: Part(study=study, first=first, count=min(PART_MONTHS, study.replications - first))
        for number, first in enumerate(firsts)
    }


def _result(study: Study, parts: Sequence[str]) -> dict[str, Any]:
    opened = opened_study(study)
    options = []
    for place, (recipe, settings) in enumerate(opened.options):
        rows = [row_from(month[place]) for part in parts for month in json.loads(part)]
        requests = sum(row.requests for row in rows)
        options.append(
            {
                "option": recipe.id,
                "question": recipe.question.value,
                "settings": settings,
                **study_data(study_of(rows)),
                "attempts": sum(row.attempts * row.requests for row in rows) / requests if requests else None,
            }
        )
    return {
        "format": FORMAT,
        "study": {
            "id": study.identity,
            "service": opened.service.name,
            "region": opened.service.region,
            "on": opened.market.on.isoformat(),
            "months": study.replications,
            "warm_up_days": 0.0 if _repeats(opened.service) else WARM_UP_S / DAY_S,
            "seed": study.seed,
            "arrivals": study.arrivals or sorted({task.arrivals.kind.value for task in opened.service.inference}),
            "files": described(study.measured),
            "inputs_drawn": [driver.path for driver in opened.service.drivers],
            "version": __version__,
        },
        "engine": engine(study.engine),
        "options": options,
    }


def _repeats(service: Service) -> bool:
    """Is a trace played that is too short to draw months from, the same every month and from its first request on?"""
    traces = [task.arrivals.trace for task in service.inference]
    return any(trace is not None and not knows_months(trace) for trace in traces)
