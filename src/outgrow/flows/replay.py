"""What would options have done with the requests somebody recorded? Each plays the trace once, as it was."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outgrow import __version__
from outgrow.adapters.files import write_atomic
from outgrow.adapters.word_files import load_words
from outgrow.catalog.options import option as option_named
from outgrow.decide.evaluate import sized
from outgrow.decide.sample import quantile
from outgrow.domain.errors import SpecError
from outgrow.domain.option import Rejection
from outgrow.domain.units import SEED
from outgrow.flows.measured import WEB, described, with_measured
from outgrow.flows.records import Rows, Witness
from outgrow.flows.study import FORMAT, options_to_play
from outgrow.sim.compiled import engine
from outgrow.sim.predict import Simulated
from outgrow.sim.requests import DAY_S
from outgrow.sim.traces import per_day_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from outgrow.domain.pool import Outcome
    from outgrow.domain.trace import Trace
    from outgrow.domain.workload import Service
    from outgrow.flows.measured import Measured
    from outgrow.flows.question import Opened
    from outgrow.flows.study_part import Settings
    from outgrow.sim.compiled import Engine

SHARES = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What is replayed: the trace of one task of ``service``, which has no other, on some options with their settings.

    As recorded: the demand that the spec states beside the trace does not count, a ``--scale`` of the trace does.
    """

    opened: Opened
    service: Service
    trace: Trace
    options: tuple[tuple[str, Settings], ...]
    seed: int
    engine: Engine | None = None


def plan_replay(
    opened: Opened,
    *,
    only: Sequence[str],
    settings: Settings,
    task: str | None = None,
    seed: int = SEED,
    asked_engine: Engine | None = None,
) -> Replay:
    """A replay of the trace of ``task``. Raises `SpecError` where no or another task has one, as `options_to_play`."""
    measured, trace = _replayed(opened, task)
    if measured.per_day is None:
        measured = dataclasses.replace(measured, per_day=per_day_of(trace), service_times_s=())
    service = with_measured(opened.service, [measured])
    service = dataclasses.replace(service, inference=tuple(t for t in service.inference if t.name == measured.task))
    return Replay(
        opened=opened,
        service=service,
        trace=trace,
        options=options_to_play(opened, service, only, settings),
        seed=seed,
        engine=asked_engine,
    )


def _replayed(opened: Opened, task: str | None) -> tuple[Measured, Trace]:
    """Whose trace it is: that of the command line, else the only one of the spec, else that of ``task``."""
    found = {one.task: (one, one.trace) for one in opened.measured if one.trace is not None and one.task != WEB}
    if not found:
        raise SpecError("--replay: needs a trace; found none", hint="--trace FILE, or arrivals: file in the spec")
    given = [one for one in found.values() if one[0].per_day is not None]
    if given or (len(found) == 1 and task is None):
        return next(iter(given or found.values()))
    if task is None:
        raise SpecError(
            f"--task: {', '.join(found)} have traces; say which is replayed", hint=f"--task {next(iter(found))}"
        )
    if task not in found:
        raise SpecError(f"--task: found {task!r}; tasks with a trace: {', '.join(found)}")
    return found[task]


def run_replay(replay: Replay, records: Path | None = None) -> dict[str, Any]:
    """Plays and sums up; ``records`` gets one row a request and option."""
    opened, trace = replay.opened, replay.trace
    how = Simulated(seed=replay.seed, engine=replay.engine, exact=True)
    options, rows = [], Rows()
    for name, settings in replay.options:
        witness = Witness(how)
        market = dataclasses.replace(opened.market, observe=witness if records else how)
        built = sized(option_named(name, "--option"), replay.service, market, settings)
        if isinstance(built, Rejection):
            raise SpecError(f"--option {name}: cannot be built: {built.found}")
        rows.add(name, witness, replay.service, market)
        days = (trace.span_s[1] - trace.span_s[0]) / DAY_S
        options.append(_option(name, settings, built.monthly_usd, built.shape.outcome, days))
    if records:
        write_atomic(records, rows)
    return {
        "format": FORMAT,
        "replay": {
            "service": opened.service.name,
            "region": opened.service.region,
            "on": opened.market.on.isoformat(),
            "task": replay.service.inference[0].name,
            "trace": trace.name,
            "requests": len(trace.times_s),
            "days": (trace.span_s[1] - trace.span_s[0]) / DAY_S,
            "seed": replay.seed,
            "files": described(opened.measured),
            "version": __version__,
        },
        "recorded": _recorded(trace),
        "engine": engine(replay.engine),
        "options": options,
    }


def _option(name: str, settings: Settings, usd: float, outcome: Outcome | None, days: float) -> dict[str, Any]:
    """Counts over the whole trace; the bill is that of a 730 h month like it."""
    data: dict[str, Any] = {"option": name, "settings": settings, "monthly_usd": usd}
    if outcome is None:
        return data
    hours = days / 3600.0
    return data | {
        "requests": outcome.requests * days,
        "cold_starts": outcome.cold_starts * days,
        "billed_worker_hours": (outcome.active_s + outcome.flex_s) * hours,
        "busy_hours": outcome.busy_s * hours,
        "starting_hours": outcome.cold_s * hours,
        "idle_hours": outcome.idle_s * hours,
        **{f"p{round(100 * share)}_s": _finite(outcome.response.quantile(share)) for share in SHARES},
        "delayed_share": outcome.delayed_share,
        "cold_share": outcome.cold_share,
        "utilisation_frac": outcome.utilisation_frac,
        "attempts": outcome.attempts,
        "endings": dataclasses.asdict(outcome.endings),
        "bottleneck": load_words("en").say(outcome.bottleneck) if outcome.bottleneck else None,
    }


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value


def _recorded(trace: Trace) -> dict[str, Any]:
    """What the log itself says of the same requests, to hold the options against."""
    starts = trace.start_s
    data: dict[str, Any] = {
        "cold_share": None if starts is None else sum(map(bool, starts)) / len(starts),
        "workers": None if trace.instance is None else len(set(trace.instance)),
    }
    responses = trace.service_s if trace.service_is_response else None
    ordered = sorted(responses) if responses is not None else []
    return data | {f"p{round(100 * share)}_s": quantile(ordered, share) if ordered else None for share in SHARES}
