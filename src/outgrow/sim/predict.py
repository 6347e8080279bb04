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
to settle, is followed day by day by `closed_form.host_surplus_s`.

Nothing here is random: same pool, arrivals and seed, same outcome, on either kernel.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outgrow.domain.arrivals import ArrivalKind
from outgrow.domain.pool import FixedPool, FlexPool, HostPool, OpenPool
from outgrow.sim import closed_form
from outgrow.sim.compiled import draw_arrivals, simulate
from outgrow.sim.days import MONTH_DAYS, month_days, month_factors, spread_days
from outgrow.sim.mapping import drawn_requests, fixed_servers, flex_workers, host, limited_api
from outgrow.sim.observed import Observed, Span
from outgrow.sim.requests import DAY_S, Given
from outgrow.sim.seen import outcome_of

if TYPE_CHECKING:
    from array import array

    from outgrow.domain.arrivals import Arrivals
    from outgrow.domain.pool import Outcome, Pool
    from outgrow.sim.compiled import Engine
    from outgrow.sim.model import Model

REQUESTS = 10_000
"""Requests counted in an expected month."""

LEAST_DAYS = 4
MOST_DAYS = 1024
WARM_UP_S = DAY_S
"""A day: sessions, queues and warm workers of the day before are there when counting begins."""

BUSY_HOST_PER_DAY = 50_000.0
"""Above this many web requests a day a host is predicted by formula: each is small, and so many that sessions merge."""

LEAST_REQUESTS = 100.0
"""With fewer requests than this in `MOST_DAYS` none meets another, and the formula is exact."""

MOST_REQUESTS = 100_000.0
"""More requests a run than this are predicted by formula: nobody waits for the answer of a demand of another size."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A predictor; ``month`` gives one that plays a single drawn month instead of what is to be expected.

    ``requests`` are counted of what is to be expected, ``month_requests`` of a drawn month; infinite plays all of it.
    """

    seed: int = 0
    engine: Engine | None = None
    requests: float = REQUESTS
    month_requests: float = math.inf
    drawn: int | None = None

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


def _predicted(how: Simulated, pool: Pool, arrivals: Arrivals) -> Outcome:
    days, span = _span(how, arrivals)
    if _by_formula(pool, arrivals, days, drawn=how.drawn is not None):
        return closed_form.predict(pool, arrivals)
    model, capacity_s, workers = _model(pool)
    share = pool.copies if isinstance(pool, HostPool) else 1
    requests = _arrivals(how, _shared(arrivals, share), days, span)
    seen = simulate(model, requests, span, asked=how.engine)
    counted = (span.horizon_s - span.warmup_s) / DAY_S
    found = outcome_of(seen, counted, capacity_s=capacity_s, workers=workers)
    if how.drawn is not None or found.requests == 0:
        return found
    found = _scaled(found, arrivals.per_day / found.requests, share)
    if not isinstance(pool, HostPool):
        return found
    return dataclasses.replace(found, surplus_s=closed_form.host_surplus_s(pool, arrivals))


_expected = lru_cache(maxsize=1024)(_predicted)
_in_month = lru_cache(maxsize=64)(_predicted)
"""What is to be expected is asked for again and again; a month is over once every option was in it."""


def _by_formula(pool: Pool, arrivals: Arrivals, days: int, *, drawn: bool) -> bool:
    """Where there is nothing to queue for, or too much to play; a drawn month is always played."""
    if arrivals.per_day == 0:
        return True
    if not drawn and not LEAST_REQUESTS < arrivals.per_day * days < MOST_REQUESTS:
        return True
    match pool:
        case OpenPool(per_minute=None, at_a_time=None, failure_frac=0.0):
            return not drawn
        case HostPool(copies=copies):
            return arrivals.per_day / copies > BUSY_HOST_PER_DAY
        case FixedPool(workers=workers):
            return not any(workers)
    return False


def _span(how: Simulated, arrivals: Arrivals) -> tuple[int, Span]:
    """How many days are counted, and the run."""
    if how.drawn is None:
        days, seed = LEAST_DAYS, how.seed
        while days < MOST_DAYS and arrivals.per_day * days < how.requests:
            days *= 2
        return days, Span(horizon_s=WARM_UP_S + days * DAY_S, warmup_s=WARM_UP_S, seed=seed)
    seed, days = how.seed + 1 + how.drawn, month_days(how.month_requests, arrivals.per_day)
    return days, Span(horizon_s=WARM_UP_S + days * DAY_S, warmup_s=WARM_UP_S, seed=seed)


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
    return dataclasses.replace(outcome, **scaled)


def _arrivals(how: Simulated, arrivals: Arrivals, days: int, span: Span) -> Given:
    """The arrivals of a run, drawn once for all options."""
    factors: tuple[float, ...] = ()
    variance = arrivals.pattern.day_variance
    if arrivals.pattern.kind is ArrivalKind.SESSIONS and variance > 0:
        if how.drawn is None:
            factors = (1.0, *spread_days(variance, days, how.seed, how.engine))
        elif days < MONTH_DAYS:
            factors = (1.0, *month_factors(variance, days, span.seed, how.engine))
    return Given(times_s=_drawn(arrivals, factors, span.seed, span.horizon_s, how.engine))


@lru_cache(maxsize=64)
def _drawn(
    arrivals: Arrivals, factors: tuple[float, ...], seed: int, horizon_s: float, engine: Engine | None
) -> array[float]:
    return draw_arrivals(drawn_requests(arrivals, factors), seed, horizon_s, asked=engine)


def observe(how: Simulated, pool: Pool, arrivals: Arrivals, *, records: bool = False) -> Observed:
    """One run as the kernel saw it, with its records if they are asked for."""
    days, span = _span(how, arrivals)
    model, _, _ = _model(pool)
    return simulate(model, _arrivals(how, arrivals, days, span), span, records=records, asked=how.engine)
