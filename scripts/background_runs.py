"""Plays what docs/background.md tells of: every number on that page comes from here.

All runs are seeded and play the receipts example or a part of it, so that a reader can play them too. Intervals of a
mean are two standard errors either way, which hold the truth in about 95 of 100 cases. Source of the methods: Law,
Simulation Modeling and Analysis, 5th edition, chapters 9 (warm-up, replications) and 11 (common random numbers).
"""

from __future__ import annotations

import dataclasses
import statistics
from array import array
from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from background_example import (
    ALIKE,
    COLD_START_S,
    IDLE_S,
    LONG_IDLE_S,
    MANY,
    arrivals_of,
    mean_of,
)

from outgrow.catalog.options import option
from outgrow.decide.decision import SAMPLES
from outgrow.decide.months import play_month, spread_of
from outgrow.domain.arrivals import POISSON, SESSIONS, Arrivals
from outgrow.domain.pool import FixedPool
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.domain.units import SEED
from outgrow.sim.compiled import draw_many, simulate
from outgrow.sim.formulas import mean_wait, one_flex_worker
from outgrow.sim.laws import Gamma
from outgrow.sim.mapping import drawn_requests, fixed_servers, flex_workers
from outgrow.sim.observed import RECORD_FIELDS, Span
from outgrow.sim.predict import Simulated, watched
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS
from outgrow.sim.runs import run_of
from outgrow.sim.streams import Purpose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from background_example import Example, Mean

    from outgrow.domain.arrivals import Pattern
    from outgrow.domain.verdict import Spread
    from outgrow.sim.observed import Observed

ALWAYS_ONE = (1,) * HOURS
"""One server, on in every hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One request: when it came, when a worker took it up, when it was answered (s of the run)."""

    arrived_s: float
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Some minutes of a month: the requests that came, and in each second how many workers did what."""

    begin_s: float
    end_s: float
    requests: tuple[Served, ...]
    starting: tuple[int, ...]
    busy: tuple[int, ...]
    idle: tuple[int, ...]


SCENE_S = 600.0
SCENE_DAYS = 7
"""The busiest ten minutes of the first week."""

GLANCE_S = 1e-3


def scene(example: Example) -> Scene:
    """The ten minutes with most requests in the first week of month 0, as the kernel played them.

    What workers do at a second is what a run that stops `GLANCE_S` later counts in that time: up to where it stops, a
    run does not depend on when that is.
    """
    how = Simulated(seed=SEED).month(0)
    _, seen = watched(how, example.pool, example.arrivals, records=True)
    if seen is None:
        raise RuntimeError("the month of the example was not played")
    served = [row for row in _served(seen) if row.arrived_s < SCENE_DAYS * DAY_S]
    begin_s = _busiest(served) // 60 * 60
    end_s = begin_s + SCENE_S
    given, span = run_of(how.aim, example.pool, example.arrivals)
    model = flex_workers(example.pool)
    glances = []
    for second in range(round(SCENE_S)):
        from_s = begin_s + second
        glance = dataclasses.replace(span, horizon_s=from_s + GLANCE_S, warmup_s=from_s)
        glances.append(simulate(model, given, glance).meters)
    return Scene(
        begin_s=begin_s,
        end_s=end_s,
        requests=tuple(row for row in served if begin_s <= row.arrived_s and row.ended_s <= end_s),
        starting=tuple(round(meters.cold_s / GLANCE_S) for meters in glances),
        busy=tuple(round(meters.busy_s / GLANCE_S) for meters in glances),
        idle=tuple(round(meters.idle_s / GLANCE_S) for meters in glances),
    )


def _busiest(served: Sequence[Served]) -> float:
    """Where the window of `SCENE_S` with most requests begins (s): a little before one of them."""
    times = [row.arrived_s for row in served]
    counts = [
        (bisect_left(times, time_s + SCENE_S - COLD_START_S) - place, -time_s) for place, time_s in enumerate(times)
    ]
    return -max(counts)[1]


def _served(seen: Observed) -> list[Served]:
    """Requests in the order they came."""
    rows = zip(*(_column(seen, field) for field in range(3)), strict=True)
    return sorted((Served(arrived_s=a, began_s=b, ended_s=e) for a, b, e in rows), key=lambda row: row.arrived_s)


def _column(seen: Observed, field: int) -> array[float]:
    """One field of the records of a run, by its place in `RECORD_FIELDS`."""
    return (seen.records or array("d"))[field :: len(RECORD_FIELDS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A figure that a formula gives exactly, and what runs found."""

    formula: float
    found: Mean


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWorker:
    """One worker that scales to zero at a steady rate: starts a request, mean response (s), share of time billed."""

    per_hour: float
    starts: Checked
    response_s: Checked
    billed: Checked


ONE_WORKER_RUNS = 96
ONE_WORKER_DAYS = 10


def one_worker(example: Example) -> OneWorker:
    """Welch's formula beside the kernel: the example's busiest hour round the clock, Poisson, one worker."""
    per_hour = max(example.arrivals.per_hour)
    pool = dataclasses.replace(example.pool, max_workers=1)
    formula = one_flex_worker(per_hour / HOUR_S, pool.service, pool.cold_start, pool.idle_timeout_s)
    requests = drawn_requests(Arrivals(per_hour=(per_hour,) * HOURS, pattern=POISSON))
    runs = [
        simulate(flex_workers(pool), requests, _days(ONE_WORKER_DAYS, SEED + number)).meters
        for number in range(ONE_WORKER_RUNS)
    ]
    return OneWorker(
        per_hour=per_hour,
        starts=Checked(
            formula=formula.cold_per_request, found=mean_of([run.cold_starts / run.arrivals for run in runs])
        ),
        response_s=Checked(
            formula=formula.mean_response_s, found=mean_of([run.response_s / run.completed for run in runs])
        ),
        billed=Checked(
            formula=formula.billed_share, found=mean_of([run.flex_s / (ONE_WORKER_DAYS * DAY_S) for run in runs])
        ),
    )


def _days(days: int, seed: int) -> Span:
    """So many days after one of warm-up."""
    return Span(horizon_s=(1 + days) * DAY_S, warmup_s=DAY_S, seed=seed)


RAMP_LOAD = 0.8
RAMP_RUNS = 2000
RAMP_S = 2 * HOUR_S
RAMP_REST_S = 1200.0
"""Played on, so that those who came last are served too: a run that ends before leaves out the longest waits."""

RAMP_BIN_S = 300.0
SETTLED_RUNS = 24
SETTLED_DAYS = 8
TEN_MINUTES_S = 600.0
NEAR_FRAC = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Mean wait (s) by minutes since a run began empty, and where it settles.

    ``first_frac`` and ``next_frac``: requests of the first ten minutes and of the ten after them, as shares of those
    expected.
    """

    minutes: tuple[float, ...]
    waits_s: tuple[float, ...]
    settled_s: Mean
    first_frac: float
    next_frac: float

    @property
    def settled_after_min(self) -> float:
        """Minutes to the end of the first stretch that waits `NEAR_FRAC` of the settled level."""
        near_s = NEAR_FRAC * self.settled_s.value
        middle = next(minute for minute, wait_s in zip(self.minutes, self.waits_s, strict=True) if wait_s >= near_s)
        return middle + RAMP_BIN_S / 60 / 2


def ramp(example: Example, pattern: Pattern) -> Ramp:
    """A server that is busy four fifths of the day, played from empty again and again."""
    pool = fixed_servers(FixedPool(service=example.pool.service, workers=ALWAYS_ONE))
    per_hour = ramp_per_hour(example)
    requests = drawn_requests(Arrivals(per_hour=(per_hour,) * HOURS, pattern=pattern))
    bins = round(RAMP_S / RAMP_BIN_S)
    waits, counts, early = [0.0] * bins, [0] * bins, [0, 0]
    for number in range(RAMP_RUNS):
        seen = simulate(pool, requests, Span(horizon_s=RAMP_S + RAMP_REST_S, seed=SEED + number), records=True)
        arrived, began = _column(seen, 0), _column(seen, 1)
        edges = [bisect_left(arrived, place * RAMP_BIN_S) for place in range(bins + 1)]
        for place, (low, high) in enumerate(pairwise(edges)):
            waits[place] += sum(began[low:high]) - sum(arrived[low:high])
            counts[place] += high - low
        for place in (0, 1):
            early[place] += _between(arrived, place * TEN_MINUTES_S, (place + 1) * TEN_MINUTES_S)
    long_runs = [simulate(pool, requests, _days(SETTLED_DAYS, SEED + number)).wait for number in range(SETTLED_RUNS)]
    expected = RAMP_RUNS * per_hour * TEN_MINUTES_S / HOUR_S
    return Ramp(
        minutes=tuple((place + 0.5) * RAMP_BIN_S / 60 for place in range(bins)),
        waits_s=tuple(wait / count for wait, count in zip(waits, counts, strict=True)),
        settled_s=mean_of([sum(wait.sums) / wait.total for wait in long_runs]),
        first_frac=early[0] / expected,
        next_frac=early[1] / expected,
    )


def ramp_per_hour(example: Example) -> float:
    """Requests an hour that keep one server busy for `RAMP_LOAD` of the time."""
    return RAMP_LOAD * HOUR_S / example.pool.service.mean_s


def ramp_formula_s(example: Example) -> float:
    """Mean wait (s) of that server in the long run under Poisson arrivals: Pollaczek and Khinchine, exact."""
    return mean_wait(1, ramp_per_hour(example) / HOUR_S, example.pool.service)


def _between(times: array[float], low: float, high: float) -> int:
    return bisect_left(times, high) - bisect_left(times, low)


OPEN_HOURS = (8, 20)
OPEN_RUNS = 100
OPEN_DAYS = 3
OPEN_PER_DAY = 600.0


def first_mornings(example: Example) -> list[float]:
    """Mean wait (s) in the first open hour of day 1, 2, 3 of a server that is off from 20 to 8 h, runs from empty."""
    opens, closes = OPEN_HOURS
    workers = tuple(int(opens <= hour < closes) for hour in range(HOURS))
    pool = fixed_servers(FixedPool(service=example.pool.service, workers=workers))
    requests = drawn_requests(arrivals_of(OPEN_PER_DAY, "evening", ALIKE))
    waits: list[list[float]] = [[] for _ in range(OPEN_DAYS)]
    for number in range(OPEN_RUNS):
        seen = simulate(pool, requests, Span(horizon_s=OPEN_DAYS * DAY_S, seed=SEED + number), records=True)
        for row in _served(seen):
            if opens <= row.arrived_s % DAY_S / HOUR_S < opens + 1:
                waits[int(row.arrived_s // DAY_S)].append(row.began_s - row.arrived_s)
    return [statistics.fmean(day) for day in waits]


def groups(values: Sequence[float], size: int) -> list[Mean]:
    """The means of as many whole groups of neighbours as there are."""
    return [mean_of(values[first : first + size]) for first in range(0, len(values) - size + 1, size)]


def covered(values: Sequence[float], size: int) -> tuple[int, int]:
    """How many of the groups have an interval that holds the mean of all values, and how many groups there are."""
    truth, means = statistics.fmean(values), groups(values, size)
    return sum(mean.holds(truth) for mean in means), len(means)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The p99 (s) that runs of so many days find: 80 % of the runs, for each number of days; and that of very many."""

    days: tuple[int, ...]
    p99_s: tuple[Spread, ...]
    settled_s: float


TAIL_DAYS = (1, 2, 4, 8, 16, 32, 64)
TAIL_RUNS = 160
TAIL_PER_DAY = 600.0
TAIL_LONG_DAYS = 10_000


def tail(example: Example, pattern: Pattern) -> Tail:
    """One always-on server with the example's hours and 600 requests a day: it is busy for a fifth of its peak."""
    pool = fixed_servers(FixedPool(service=example.pool.service, workers=ALWAYS_ONE))
    requests = drawn_requests(arrivals_of(TAIL_PER_DAY, "meals", pattern))
    found = []
    for days in TAIL_DAYS:
        runs = [simulate(pool, requests, _days(days, SEED + number)).response for number in range(TAIL_RUNS)]
        found.append(spread_of([run.quantile(0.99) for run in runs]))
    long_run = simulate(pool, requests, _days(TAIL_LONG_DAYS, SEED)).response
    return Tail(days=TAIL_DAYS, p99_s=tuple(found), settled_s=long_run.quantile(0.99))


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The same requests a day, clustered in one way: what two pools make of them."""

    name: str
    bill_usd: Mean
    starts: float
    long_idle_usd: Mean
    server_p99_s: Spread


LADDER = (
    ("Poisson, all hours alike", "flat", POISSON),
    ("Poisson, hours differ", "meals", POISSON),
    ("+ sessions", "meals", ALIKE),
    ("+ days differ", "meals", SESSIONS),
)
"""Each adds to the one before; the last is what the tool plays unless told otherwise."""

BUSY_FRAC = 0.5
"""How busy the always-on server is in its busiest hour, in the mean."""

LADDER_MONTHS = MANY
LONG_IDLE_MONTHS = 4 * SAMPLES


def ladder(example: Example) -> list[Step]:
    """The flex option at the example's demand, and one server that is half busy at its peak, step by step."""
    return [_step(example, name, shape, pattern) for name, shape, pattern in LADDER]


def server_per_day(example: Example) -> float:
    """Requests a day that keep one server busy for `BUSY_FRAC` of the busiest hour."""
    return BUSY_FRAC * HOUR_S / example.pool.service.mean_s / max(DAY_SHAPES["meals"])


def _step(example: Example, name: str, shape: str, pattern: Pattern) -> Step:
    changed = example.with_requests(shape, pattern)
    months = changed.months(IDLE_S, LADDER_MONTHS)
    outcomes = [month.outcome for month in months if month.outcome is not None]
    server = FixedPool(service=example.pool.service, workers=ALWAYS_ONE)
    arrivals = arrivals_of(server_per_day(example), shape, pattern)
    responses = [Simulated(seed=SEED).month(number)(server, arrivals).response for number in range(SAMPLES)]
    return Step(
        name=name,
        bill_usd=mean_of([month.usd for month in months]),
        starts=sum(one.cold_starts for one in outcomes) / sum(one.requests for one in outcomes),
        long_idle_usd=mean_of(changed.bills(LONG_IDLE_S, LONG_IDLE_MONTHS)),
        server_p99_s=spread_of([response.quantile(0.99) for response in responses]),
    )


def always_on_bills(example: Example) -> tuple[float, float]:
    """Dollars a month of the always-on GPU option, sized by the tool's own arrivals and by Poisson ones."""
    (task,) = example.service.inference
    task = dataclasses.replace(task, requests_per_day=server_per_day(example))
    bills = []
    for pattern in (SESSIONS, POISSON):
        changed = dataclasses.replace(task, arrivals=pattern)
        service = dataclasses.replace(example.service, inference=(changed,))
        bills.append(play_month(option("ec2-gpu", "option"), {}, service, example.market, 0).usd)
    return bills[0], bills[1]


def busy_days(times: float) -> tuple[float, float]:
    """Share of days that bring more than ``times`` the mean, and share of all requests that come on them."""
    factors = draw_many(Gamma(shape=1.0 / SESSIONS.day_variance), SEED, Purpose.DAY, 100_000)
    above = [factor for factor in factors if factor > times]
    return len(above) / len(factors), sum(above) / sum(factors)
