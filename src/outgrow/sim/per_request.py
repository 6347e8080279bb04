"""Functions scaled per request, in plain Python: no event list, instances are looked at when a request arrives.

Semantics: a request goes to the most recently started instance that is idle, otherwise to a new one. An instance that
has been idle for its expiry is gone; a request at that very moment comes too late. An instance whose response ends at
the very moment of an arrival is idle. Memory: a few numbers per live instance, whatever the horizon.
Source of the semantics: SimFaaS, Mahmoudi and Khazaei 2021; OpenLambda and AWS Lambda behave so.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.sim.arrivals import arrival_times, service_times
from outgrow.sim.histogram import LogHistogram
from outgrow.sim.observed import Meters, Observed, Span
from outgrow.sim.streams import Purpose, draws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outgrow.sim.model import PerRequest
    from outgrow.sim.requests import Requests


def play_per_request(model: PerRequest, requests: Requests, span: Span) -> Observed:
    """What the functions do with the requests.

    Of the meters, ``cold_starts`` counts starts, ``busy_s`` is the integral of running requests, ``busy_s + idle_s`` =
    ``flex_s`` that of live instances, ``response_s`` the sum of drawn responses. The histograms stay empty: a response
    has the warm or the cold law. Cost: one look at each busy instance younger than the one found.
    """
    times = arrival_times(requests, span.seed, span.horizon_s)
    pairs = zip(times, service_times(requests, model.warm, span.seed), strict=False)
    live = _Instances(model, span)
    pending = live.serve(next(pairs, (math.inf, 0.0)), pairs, span.warmup_s)
    live.count_from(span.warmup_s)
    live.serve(pending, pairs, span.horizon_s)
    return Observed(meters=live.totals(span.horizon_s), wait=LogHistogram(), response=LogHistogram())


class _Instances:
    """The live instances in the order they started, and what they have done."""

    __slots__ = ("arrivals", "busy_s", "cold", "cold_starts", "created", "expiry", "free_at", "most", "rejected",
                 "response_s", "until", "up_s")  # fmt: skip

    def __init__(self, model: PerRequest, span: Span) -> None:
        self.cold = draws(model.cold, span.seed, Purpose.COLD_START)
        self.expiry = draws(model.expiry, span.seed, Purpose.IDLE)
        self.most = model.max_instances
        self.created: list[float] = []
        self.free_at: list[float] = []
        self.until: list[float] = []
        self.up_s = 0.0
        self.count_from(0.0)

    def count_from(self, start_s: float) -> None:
        """Forgets what was counted, keeps what goes on."""
        self.arrivals = self.cold_starts = self.rejected = 0
        self.response_s = self.up_s = self.busy_s = 0.0
        for k, free_at in enumerate(self.free_at):
            if free_at > start_s:
                self.busy_s += free_at - start_s
            self.created[k] = max(self.created[k], start_s)

    def serve(
        self, pending: tuple[float, float], pairs: Iterator[tuple[float, float]], limit_s: float
    ) -> tuple[float, float]:
        """Plays the arrivals before ``limit_s``; the first at or after it is handed back."""
        free_at, until, next_expiry = self.free_at, self.until, self.expiry.__next__
        arrivals, response_s = self.arrivals, self.response_s
        now, served = pending
        while now < limit_s:
            arrivals += 1
            k = len(free_at)
            while k:
                k -= 1
                if free_at[k] <= now:
                    if until[k] > now:
                        response_s += served
                        free_at[k] = done = now + served
                        until[k] = done + next_expiry()
                        break
                    self._expire(k)
            else:
                response_s += self._start(now)
            now, served = next(pairs, (math.inf, 0.0))
        self.arrivals, self.response_s = arrivals, response_s
        return now, served

    def _expire(self, k: int) -> None:
        if self.until[k] > self.created[k]:
            self.up_s += self.until[k] - self.created[k]
        del self.created[k], self.free_at[k], self.until[k]

    def _start(self, now: float) -> float:
        """Response time of a request that found nothing idle."""
        if len(self.free_at) >= self.most:
            self.rejected += 1
            return 0.0
        self.cold_starts += 1
        served = next(self.cold)
        self.created.append(now)
        self.free_at.append(now + served)
        self.until.append(now + served + next(self.expiry))
        return served

    def totals(self, horizon_s: float) -> Meters:
        """The meters at the horizon."""
        busy_s, up_s, unfinished = self.busy_s + self.response_s, self.up_s, 0
        for created, free_at, until in zip(self.created, self.free_at, self.until, strict=True):
            end_s = min(until, horizon_s)
            if end_s > created:
                up_s += end_s - created
            if free_at > horizon_s:
                busy_s -= free_at - horizon_s
                unfinished += 1
        return Meters(
            arrivals=float(self.arrivals),
            attempts=float(self.arrivals),
            completed=float(max(0, self.arrivals - self.rejected - unfinished)),
            rejected=float(self.rejected),
            unfinished=float(unfinished),
            delayed=float(self.cold_starts),
            cold_starts=float(self.cold_starts),
            busy_s=busy_s,
            idle_s=up_s - busy_s,
            flex_s=up_s,
            response_s=self.response_s,
        )
