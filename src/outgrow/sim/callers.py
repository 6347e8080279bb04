"""Those who ask: the queue they wait in, how they give up or ask again, and how each request ended."""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from outgrow.sim.histogram import LogHistogram
from outgrow.sim.laws import Uniform
from outgrow.sim.observed import Ending
from outgrow.sim.streams import Purpose, draws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outgrow.sim.model import WorkerPool
    from outgrow.sim.observed import Meters, Span

NEVER = math.inf
ENDING_METERS = ("completed", "rejected", "timed_out", "abandoned", "failed")


@dataclass(slots=True)
class Request:
    """One request and its present attempt. ``orphan``: nobody waits for this attempt any more.

    ``taken``: a worker has taken up this attempt or one before it.
    """

    arrived: float
    service: float
    patient_until: float
    asked: float
    pause: float
    attempt: int = 1
    leaves: float = NEVER
    leaves_as: Ending = Ending.ABANDONED
    fails: bool = False
    orphan: bool = False
    taken: bool = False
    began: float = -1.0


class Callers:
    """Everybody who waits or will ask again. Times in s from the start of the run, shares 0 to 1."""

    def __init__(
        self, pool: WorkerPool, span: Span, services: Iterator[float], meters: Meters, *, records: bool
    ) -> None:
        """Nobody yet; ``services`` gives the service time of each new request in turn."""
        self.pool, self.warmup_s, self.services, self.meters = pool, span.warmup_s, services, meters
        self.next_patience = draws(pool.patience, span.seed, Purpose.PATIENCE).__next__ if pool.patience else None
        self.next_failure = draws(Uniform(), span.seed, Purpose.FAILURE).__next__
        self.next_jitter = draws(Uniform(), span.seed, Purpose.RETRY).__next__
        self.queue: list[Request] = []
        self.leave_at = NEVER
        self.again: list[tuple[float, int, Request]] = []
        self.asked_again = 0
        self.tokens = pool.rate_limit.burst if pool.rate_limit else 0.0
        self.tokens_at = 0.0
        self.wait, self.response = LogHistogram(), LogHistogram()
        self.records = array("d") if records else None

    def new(self, now: float) -> Request:
        """The request that arrives now."""
        patient_until = now + self.next_patience() if self.next_patience else NEVER
        pause = self.pool.retry.pause_s if self.pool.retry else 0.0
        request = Request(now, next(self.services), patient_until, now, pause)
        self.meters.arrivals += now >= self.warmup_s
        return self._asking(request)

    def next_again(self) -> Request:
        """The request that is asked again now."""
        request = heappop(self.again)[2]
        return self._asking(request)

    def _asking(self, request: Request) -> Request:
        """Sets how long this attempt is waited for, and whether it fails."""
        request.leaves, request.leaves_as = request.patient_until, Ending.ABANDONED
        deadline = request.asked + self.pool.timeout_s
        if deadline <= request.leaves:
            request.leaves, request.leaves_as = deadline, Ending.TIMED_OUT
        request.fails = self.pool.failure_share > 0 and self.next_failure() < self.pool.failure_share
        self.meters.attempts += request.arrived >= self.warmup_s
        return request

    def let_in(self, now: float) -> bool:
        """Takes a token, if the door has one."""
        limit = self.pool.rate_limit
        if limit is None:
            return True
        self.tokens = min(limit.burst, self.tokens + (now - self.tokens_at) * limit.per_s)
        self.tokens_at = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True

    def join(self, request: Request) -> None:
        """Waits at the end of the queue."""
        self.queue.append(request)
        self.leave_at = min(self.leave_at, request.leaves)

    def take(self) -> Request:
        """The first of the queue, who waits no longer."""
        request = self.queue.pop(0)
        if request.leaves == self.leave_at < NEVER:
            self._next_leave()
        return request

    def _next_leave(self) -> None:
        self.leave_at = min((request.leaves for request in self.queue), default=NEVER)

    def leave(self, now: float) -> None:
        """The first in the queue whose time is over gives up; an attempt nobody cancels stays as an orphan."""
        place = next(k for k, request in enumerate(self.queue) if request.leaves == self.leave_at)
        request = self.queue[place]
        if request.leaves_as == Ending.TIMED_OUT and not self.pool.timeout_drops:
            request.orphan, request.leaves = True, NEVER
        else:
            del self.queue[place]
        self._next_leave()
        self.ask_again_or_end(request, request.leaves_as, now, -1, met_start=False)

    def put_back(self, thrown: list[Request], now: float) -> None:
        """What a lost worker had begun goes to the head of the queue, in the order asked, unless it is an orphan."""
        for request in sorted(thrown, key=lambda one: one.asked, reverse=True):
            if request.orphan:
                continue
            self.meters.interrupted += request.arrived >= self.warmup_s
            request.began = -1.0
            if request.leaves <= now:
                self.end(request, request.leaves_as, request.leaves, -1, met_start=False)
                continue
            self.queue.insert(0, request)
            self.leave_at = min(self.leave_at, request.leaves)

    def began(self, request: Request, now: float) -> None:
        """A worker takes the request up now; an orphan, if its caller will ask again before the answer is there.

        Its wait is counted once, however often it is asked again or thrown back: from when the caller first asked.
        """
        request.began = now
        if request.orphan:
            return
        if request.arrived >= self.warmup_s and not request.taken:
            wait_s = now - request.arrived
            self.wait.add(wait_s)
            self.meters.wait_s += wait_s
            self.meters.waited += wait_s > 0
        request.taken = True
        deadline = request.asked + self.pool.timeout_s
        request.orphan = now + request.service > deadline and self._asks_again(request, deadline)

    def served(self, request: Request, now: float, w: int, *, met_start: bool) -> None:
        """A worker is done with it."""
        deadline = request.asked + self.pool.timeout_s
        self.meters.served += request.arrived >= self.warmup_s
        if request.orphan or now > deadline or request.fails:
            self.meters.wasted_s += request.service if request.arrived >= self.warmup_s else 0.0
        if request.orphan:
            return
        if now > deadline:
            self.end(request, Ending.TIMED_OUT, deadline, w, met_start=met_start)
        elif request.fails:
            self.ask_again_or_end(request, Ending.FAILED, now, w, met_start=met_start)
        else:
            self.end(request, Ending.COMPLETED, now, w, met_start=met_start)

    def ask_again_or_end(self, request: Request, ending: Ending, now: float, w: int, *, met_start: bool) -> None:
        """After a time-out, a rejection or a failure: another attempt if there is one, otherwise the end."""
        if ending == Ending.ABANDONED or not self._asks_again(request, now):
            self.end(request, ending, now, w, met_start=met_start)

    def _asks_again(self, request: Request, now: float) -> bool:
        retry = self.pool.retry
        if retry is None or request.attempt >= retry.attempts:
            return False
        pause = request.pause
        if retry.jitter_frac > 0:
            pause *= 1.0 + retry.jitter_frac * (2.0 * self.next_jitter() - 1.0)
        at = now + pause
        if at >= request.patient_until:
            return False
        self.asked_again += 1
        later = Request(
            request.arrived,
            request.service,
            request.patient_until,
            at,
            request.pause * retry.factor,
            request.attempt + 1,
            taken=request.taken,
        )
        heappush(self.again, (at, self.asked_again, later))
        return True

    def end(self, request: Request, ending: Ending, at: float, w: int, *, met_start: bool) -> None:
        """Counts how a request ended, and when for its caller."""
        if request.arrived < self.warmup_s:
            return
        name = ENDING_METERS[ending]
        setattr(self.meters, name, getattr(self.meters, name) + 1)
        self.meters.delayed += met_start
        if ending == Ending.COMPLETED:
            response_s = at - request.arrived
            self.response.add(response_s)
            self.meters.response_s += response_s
        if self.records is not None:
            self.records.extend((request.arrived, request.began, at, ending, w, met_start, request.attempt))

    def unfinished(self, held: list[Request]) -> float:
        """Requests that have no ending yet: in the queue, on a worker, or about to be asked again."""
        there = [*self.queue, *held, *(request for _, _, request in self.again)]
        return float(sum(request.arrived >= self.warmup_s and not request.orphan for request in there))
