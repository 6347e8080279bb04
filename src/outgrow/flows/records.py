"""One row a request: what a run saw of each, as CSV."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.decide.evaluate import sized
from outgrow.domain.drivers import with_values
from outgrow.domain.pool import HostPool
from outgrow.flows.study_part import MONTH_REQUESTS, opened_study
from outgrow.sim.observed import RECORD_FIELDS, Ending
from outgrow.sim.predict import Simulated, watched

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence

    from outgrow.catalog.context import Market
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Outcome, Pool
    from outgrow.domain.workload import Service
    from outgrow.flows.study_part import Study

WHOLE = frozenset({"ending", "worker", "met_start", "attempts"})
"""Fields of a record that are whole numbers."""

PIECE_ROWS = 4096


@dataclass(slots=True)
class Witness:
    """A predictor that keeps the records behind its answers, by what was played with which arrivals."""

    how: Simulated
    runs: dict[tuple[Pool, Arrivals], array[float]] = field(default_factory=dict)

    def __call__(self, pool: Pool, arrivals: Arrivals) -> Outcome:
        """What the pool does; hosts of web requests leave no records, nor what is predicted by formula."""
        if isinstance(pool, HostPool):
            return self.how(pool, arrivals)
        outcome, seen = watched(self.how, pool, arrivals, records=True)
        if seen is not None and seen.records is not None:
            self.runs[pool, arrivals] = seen.records
        return outcome


@dataclass(slots=True)
class Rows:
    """Records as CSV, piece by piece: option, task, then `RECORD_FIELDS`."""

    runs: list[tuple[str, str, array[float]]] = field(default_factory=list)

    def add(self, option: str, witness: Witness, service: Service, market: Market) -> None:
        """What a witness saw of an option, by task."""
        ctx = market.context(service)
        tasks = {ctx.arrivals(task): task.name for task in service.inference}
        self.runs += [(option, tasks.get(arrivals, "web"), run) for (_, arrivals), run in witness.runs.items()]

    def __iter__(self) -> Iterator[str]:
        """The header, then some thousand rows at a time."""
        yield ",".join(("option", "task", *RECORD_FIELDS)) + "\n"
        width = len(RECORD_FIELDS)
        for option, task, numbers in self.runs:
            for first in range(0, len(numbers), width * PIECE_ROWS):
                piece = numbers[first : first + width * PIECE_ROWS]
                rows = (piece[at : at + width] for at in range(0, len(piece), width))
                yield "".join(f"{option},{task},{_cells(row)}\n" for row in rows)


def _cells(row: Sequence[float]) -> str:
    return ",".join(map(_cell, RECORD_FIELDS, row))


def _cell(name: str, value: float) -> str:
    if name == "ending":
        return Ending(int(value)).name.lower()
    return str(int(value)) if name in WHOLE else f"{value:.6f}".rstrip("0").rstrip(".")


def month_records(study: Study) -> Rows:
    """Every request of a study's first month, for every option."""
    opened = opened_study(study)
    workload = with_values(opened.service, opened.draws[0])
    rows = Rows()
    for recipe, settings in opened.options:
        witness = Witness(Simulated(seed=study.seed, engine=study.engine, month_requests=MONTH_REQUESTS).month(0))
        sized(recipe, workload, dataclasses.replace(opened.market, observe=witness), settings)
        rows.add(recipe.id, witness, workload, opened.market)
    return rows
