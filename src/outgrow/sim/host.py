"""A host with its CPU credits, in plain Python; `native/host.h` plays the same and both give equal numbers.

All busy vCPUs run at one speed, so what is done is measured on a clock of its own, ``done``, that runs at that speed: a
request that began at ``done = d`` with ``work`` vCPU-seconds is over when ``done = d + work``. Speed is 1, or, for a
standard host without credits, ``baseline / busy`` where more than the baseline is busy.

Ties, at one instant: completions, then the end of the credits, then arrivals. Memory: the queue and a fixed part.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

from outgrow.sim.arrivals import arrival_times, service_times
from outgrow.sim.histogram import LogHistogram
from outgrow.sim.observed import METER_FIELDS, Meters, Observed, Span
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from outgrow.sim.model import Host
    from outgrow.sim.requests import Requests

NEVER = math.inf


def play_host(host: Host, requests: Requests, span: Span) -> Observed:
    """What a host does with the requests, and what its credits cost.

    The balance (vCPU-seconds) changes by ``vcpu x baseline - busy`` a second, between 0 and what 24 hours earn.
    Source: AWS, "CPU credits and baseline utilization" and "Unlimited mode concepts".

    Of the meters, ``busy_s`` is vCPU-seconds of work done, ``idle_s`` those not used, ``surplus_s`` vCPU-seconds billed
    above the baseline, ``throttled_s`` seconds at less than full speed. Limits: requests do not share a vCPU, memory
    and disk are not modelled; what is owed at the horizon and not yet billed stays unbilled.
    """
    run = _Run(host, requests, span)
    run.play()
    return Observed(meters=run.meters, wait=run.wait, response=run.response)


class _Run:
    """One run of a host."""

    def __init__(self, host: Host, requests: Requests, span: Span) -> None:
        self.host, self.span = host, span
        self.services = service_times(requests, host.work, span.seed)
        self.arrivals = arrival_times(requests, span.seed, span.horizon_s)
        self.earned = host.vcpu * (host.baseline_frac or 0.0)
        self.most = self.earned * DAY_S
        self.burstable = host.baseline_frac is not None
        self.balance = min(host.launch_credits_s, self.most)
        self.surplus = 0.0
        self.now = self.done = 0.0
        self.ends: list[float] = []
        self.arrived: list[float] = []
        self.queue: deque[tuple[float, float]] = deque()
        self.meters, self.wait, self.response = Meters(), LogHistogram(), LogHistogram()

    def play(self) -> None:
        """Plays to the horizon."""
        arrival_at = next(self.arrivals, NEVER)
        while True:
            speed = self._speed()
            place = self.ends.index(min(self.ends)) if self.ends else -1
            at, what = NEVER, 0
            if self.ends:
                at = self.now + max(0.0, self.ends[place] - self.done) / speed
            empty_at = self._empty_at()
            if empty_at < at:
                at, what = empty_at, 1
            if arrival_at < at:
                at, what = arrival_at, 2
            if at >= self.span.horizon_s:
                self._advance(self.span.horizon_s, speed)
                break
            self._advance(at, speed)
            if what == 0:
                self._complete(place)
            elif what == 1:
                self.balance = 0.0
            else:
                self._arrive(next(self.services))
                arrival_at = next(self.arrivals, NEVER)
        counted = self.span.warmup_s
        waiting = [*(arrived for arrived, _ in self.queue), *self.arrived]
        self.meters.unfinished = float(sum(arrived >= counted for arrived in waiting))
        self.meters.attempts = self.meters.arrivals
        for name in METER_FIELDS:
            setattr(self.meters, name, float(getattr(self.meters, name)))

    def _busy(self) -> float:
        return len(self.ends) + self.host.system_vcpu

    def _speed(self) -> float:
        busy = self._busy()
        if not self.burstable or self.host.unlimited or self.balance > 0 or busy <= self.earned:
            return 1.0
        return self.earned / busy

    def _empty_at(self) -> float:
        """When a standard host runs out of credits if nothing else happens first."""
        net = self._busy() - self.earned
        if not self.burstable or self.host.unlimited or self.balance <= 0 or net <= 0:
            return NEVER
        return self.now + self.balance / net

    def _advance(self, at: float, speed: float) -> None:
        """Lets time pass at one speed: work is done, credits are earned, spent, owed and billed."""
        passed = at - self.now
        counted = max(0.0, at - max(self.now, self.span.warmup_s))
        served = len(self.ends)
        self.done += passed * speed
        self.meters.busy_s += counted * served * speed
        self.meters.idle_s += counted * (self.host.vcpu - served * speed)
        if speed < 1.0:
            self.meters.throttled_s += counted
        elif self.burstable:
            self._settle(passed * (self.earned - self._busy()), counts=counted > 0)
        self.now = at

    def _settle(self, credit: float, *, counts: bool) -> None:
        """Adds earned credits or takes spent ones; a debt is paid before the balance grows."""
        if credit >= 0:
            paid = min(credit, self.surplus)
            self.surplus -= paid
            self.balance = min(self.most, self.balance + (credit - paid))
            return
        spent = -credit
        taken = min(spent, self.balance)
        self.balance -= taken
        if not self.host.unlimited:
            return
        self.surplus += spent - taken
        if self.surplus > self.most:
            if counts:
                self.meters.surplus_s += self.surplus - self.most
            self.surplus = self.most

    def _complete(self, place: int) -> None:
        self.done = self.ends[place]
        arrived = self.arrived[place]
        last, last_arrived = self.ends.pop(), self.arrived.pop()
        if place < len(self.ends):
            self.ends[place], self.arrived[place] = last, last_arrived
        if arrived >= self.span.warmup_s:
            response_s = self.now - arrived
            self.meters.completed += 1
            self.meters.response_s += response_s
            self.response.add(response_s)
        if self.queue:
            self._begin(*self.queue.popleft())

    def _arrive(self, work: float) -> None:
        self.meters.arrivals += self.now >= self.span.warmup_s
        if len(self.ends) < self.host.vcpu:
            self._begin(self.now, work)
        else:
            self.queue.append((self.now, work))

    def _begin(self, arrived: float, work: float) -> None:
        self.ends.append(self.done + work)
        self.arrived.append(arrived)
        if arrived >= self.span.warmup_s:
            wait_s = self.now - arrived
            self.wait.add(wait_s)
            self.meters.wait_s += wait_s
            self.meters.waited += wait_s > 0
