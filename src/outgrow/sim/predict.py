"""Predicts pools by simulation: what is to be expected of an average month, and what one drawn month brings.

**Expected.** One run over so many days that about `REQUESTS` requests are counted, after a day of warm-up. The factors
of its days are not drawn but spread: the gamma law is cut into as many equally likely parts as there are days, each day
gets the mean of one, in a shuffled order. So the mean over the days is exact, which drawn days would need years for.

What is counted is scaled by arrivals expected over arrivals drawn (a ratio estimator): the bill of the receipts example
then varies by 0.3 % from seed to seed instead of 1.4 %.

**A month.** 30 days after a day of warm-up, scaled to 730 hours, with days drawn from the gamma law. Seed k draws the
same arrivals, services and days for every option: common random numbers. Of a busy month only some days are played,
each standing for as many drawn days that were alike, so that their mean is the month's. A host of web requests is
always an expected month: it answers in milliseconds whatever the month; what it owes in CPU credits, which takes weeks
to settle, is followed day by day by `outgrow.sim.credits`.

Nothing here is random: same pool, arrivals and seed, same outcome, on either kernel.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from outgrow.domain.pool import FixedPool, FlexPool, HostPool, OpenPool
from outgrow.sim import closed_form
from outgrow.sim.compiled import simulate
from outgrow.sim.credits import host_surplus_s
from outgrow.sim.mapping import fixed_servers, flex_workers, host, limited_api
from outgrow.sim.requests import DAY_S, HOUR_S, HOURS
from outgrow.sim.runs import DRAIN_S, MOST_DAYS, Aim, run_of
from outgrow.sim.seen import outcome_of
from outgrow.sim.traces import MOST_FACTOR, per_day_of

if TYPE_CHECKING:
    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Outcome, Pool
    from outgrow.sim.compiled import Engine
    from outgrow.sim.model import Model
    from outgrow.sim.observed import Observed, Span

REQUESTS = 10_000
"""Requests counted in an expected month."""

BUSY_HOST_PER_DAY = 50_000.0
"""Above this many web requests a day a host is predicted by formula: each is small, and so many that sessions merge."""

LEAST_REQUESTS = 100.0
"""Fewer requests than this in `MOST_DAYS` are predicted by formula: one in 80 days has no bill to speak of."""

MOST_PER_DAY = 2_000_000.0
"""Above this many requests a day (23 a second) pools are predicted by formula: hours are so busy that they settle."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A predictor; ``month`` gives one that plays a single drawn month instead of what is to be expected.

    ``requests`` (above 0) are counted of what is to be expected, ``month_requests`` of a drawn month; infinite plays
    all of it. More than ``most_per_day`` a day are predicted by formula. ``exact`` plays a trace as it was recorded,
    whatever its length.
    """

    seed: int = 0
    engine: Engine | None = None
    requests: float = REQUESTS
    month_requests: float = math.inf
    most_per_day: float = MOST_PER_DAY
    drawn: int | None = None
    exact: bool = False

    @property
    def aim(self) -> Aim:
        """What its runs are for."""
        return Aim(
            seed=self.seed,
            requests=self.requests,
            month_requests=self.month_requests,
            drawn=self.drawn,
            exact=self.exact,
            engine=self.engine,
        )

    def month(self, number: int) -> Simulated:
        """The predictor of one drawn month; the same number, the same month for every option."""
        return dataclasses.replace(self, drawn=number)

    def expected(self) -> Simulated:
        """The predictor of what is to be expected."""
        return dataclasses.replace(self, drawn=None)

    def __call__(self, pool: Pool, arrivals: Arrivals) -> Outcome:
        """What the pool does with a day's arrivals; remembered, because options share pools."""
        if self.drawn is None or isinstance(pool, HostPool):
            return _expected(self.expected(), pool, arrivals)
        return _in_month(self, pool, arrivals)


def watched(
    how: Simulated, pool: Pool, arrivals: Arrivals, *, records: bool = False
) -> tuple[Outcome, Observed | None]:
    """What the pool does and, where it was played, the run as the kernel saw it, with its records if asked for.

    Of several hosts that is one of them. Limits: `_by_formula` says what is not played.
    """
    if _by_formula(how, pool, arrivals):
        return closed_form.predict(pool, arrivals), None
    model, capacity_s, workers = _model(pool)
    share = pool.copies if isinstance(pool, HostPool) else 1
    requests, span = run_of(how.aim, pool, _shared(arrivals, share))
    seen = simulate(model, requests, span, records=records, asked=how.engine)
    if how.exact:
        found = _replayed(pool, seen, span, capacity_s, workers)
    else:
        counted = (span.horizon_s - span.warmup_s) / DAY_S
        found = outcome_of(seen, counted, capacity_s=capacity_s, workers=workers)
    return _of_a_month(how, pool, arrivals, found, share), seen


def _replayed(pool: Pool, seen: Observed, span: Span, capacity_s: float | None, workers: int) -> Outcome:
    """A replay, without what is always on while the last requests are answered after its end."""
    end_s = span.horizon_s - DRAIN_S
    active = pool.active if isinstance(pool, FlexPool) else pool.workers if isinstance(pool, FixedPool) else (0,) * 24
    begun = [max(end_s, hour * HOUR_S) for hour in range(int(end_s // HOUR_S), int(span.horizon_s // HOUR_S) + 1)]
    after_s = sum(
        active[int(begin // HOUR_S) % HOURS] * (end - begin) for begin, end in pairwise([*begun, span.horizon_s])
    )
    on_s = max(0.0, seen.meters.active_s - after_s)
    idle_s = max(0.0, seen.meters.idle_s - (seen.meters.active_s - on_s))
    meters = dataclasses.replace(seen.meters, active_s=on_s, idle_s=idle_s)
    days = (end_s - span.warmup_s) / DAY_S
    return outcome_of(
        dataclasses.replace(seen, meters=meters), days, capacity_s=capacity_s, workers=workers, drained=True
    )


def _predicted(how: Simulated, pool: Pool, arrivals: Arrivals) -> Outcome:
    return watched(how, pool, arrivals)[0]


def _of_a_month(how: Simulated, pool: Pool, arrivals: Arrivals, found: Outcome, share: int) -> Outcome:
    """What was seen, as the answer: somebody else's workers are not ours, and what is expected has all requests."""
    if isinstance(pool, OpenPool):
        found = dataclasses.replace(found, idle_s=0.0, active_s=0.0, utilisation_frac=0.0)
    if how.drawn is not None or how.exact or found.requests == 0:
        return found
    found = _scaled(found, arrivals.per_day / found.requests, share)
    if not isinstance(pool, HostPool):
        return found
    return dataclasses.replace(found, surplus_s=host_surplus_s(pool, arrivals))


_expected = lru_cache(maxsize=1024)(_predicted)
_in_month = lru_cache(maxsize=64)(_predicted)
"""What is to be expected is asked for again and again; a month is over once every option was in it."""


def _by_formula(how: Simulated, pool: Pool, arrivals: Arrivals) -> bool:
    """Where there is nothing to queue for, or too little or too much to play."""
    if arrivals.per_day == 0:
        return True
    if not how.exact and not _playable(how, arrivals):
        return True
    match pool:
        case OpenPool(per_minute=None, at_a_time=None, failure_frac=0.0):
            return how.drawn is None and not how.exact
        case HostPool(copies=copies):
            return arrivals.per_day / copies > BUSY_HOST_PER_DAY
        case FixedPool(workers=workers):
            return not any(workers)
    return False


def _playable(how: Simulated, arrivals: Arrivals) -> bool:
    trace = arrivals.pattern.trace
    factor = 0.0 if trace is None else arrivals.per_day / per_day_of(trace)
    if factor > MOST_FACTOR or (arrivals.per_day > how.most_per_day and abs(factor - 1) > 1e-9):
        return False
    return how.drawn is not None or trace is not None or arrivals.per_day * MOST_DAYS > LEAST_REQUESTS


def _model(pool: Pool) -> tuple[Model, float | None, int]:
    """The pool in the words of a kernel, how many worker-seconds a day it could work at most, and its workers."""
    match pool:
        case FlexPool():
            return flex_workers(pool), pool.max_workers * DAY_S, pool.max_workers
        case FixedPool():
            return fixed_servers(pool), sum(pool.workers) * 3600.0, max(pool.workers)
        case OpenPool():
            return limited_api(pool), None, 0
        case HostPool():
            return host(pool), pool.vcpu * DAY_S, pool.vcpu


def _shared(arrivals: Arrivals, copies: int) -> Arrivals:
    """One host's part of the requests, taken evenly."""
    if copies == 1:
        return arrivals
    return dataclasses.replace(arrivals, per_hour=tuple(each / copies for each in arrivals.per_hour))


_BY_USE = (
    "requests",
    "served",
    "cold_starts",
    "busy_s",
    "cold_s",
    "flex_s",
    "second_slack_s",
    "block_slack_s",
)


def _scaled(outcome: Outcome, ratio: float, copies: int) -> Outcome:
    """What moves with the requests by the ratio of expected to drawn ones; idle time is what is left.

    The ratio of several hosts compares all requests with those of one host, so that all hosts are together.
    """
    scaled: dict[str, Any] = {name: getattr(outcome, name) * ratio for name in _BY_USE}
    workers_s = outcome.active_s + outcome.flex_s
    up_s = outcome.active_s + scaled["flex_s"] if workers_s else (outcome.busy_s + outcome.idle_s) * copies
    scaled["idle_s"] = max(0.0, up_s - scaled["busy_s"] - scaled["cold_s"])
    if outcome.utilisation_frac:
        scaled["utilisation_frac"] = scaled["busy_s"] / up_s
    return dataclasses.replace(outcome, **scaled)
