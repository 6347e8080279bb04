"""The worker pool played event by event, in plain Python; `_kernel.c` plays the same and both give equal numbers.

**State.** Workers 0 to max - 1 are off, starting, idle or busy. Requests that no worker has a place for wait in one
queue, first come first served. Service time, patience and failure of a request are drawn when it arrives, so they are
the same under every option.

**Which worker.** A request goes to the lowest-numbered worker with a free place, so high numbers fall idle and stop. A
start takes the worker that stopped last (the freshest snapshot), the lowest-numbered among those that never ran.

**Floor.** As many workers as ``active[hour]`` are the active ones, whichever they are: while no more than that many are
ready, an idle one stays. When a new hour raises the floor, workers start at once; when it lowers it, the idle timeout
of idle ones begins then.

**Ties.** At one instant: first workers (completion, ready, idle timeout; lowest number first), then the hour, then
callers leaving the queue, then arrivals, then the scaler. So a worker that falls free serves the request that arrives
at that moment, one whose timeout ends is gone, and a caller whose patience ends as a place falls free is served. What
would happen at the horizon itself does not.

**Endings.** Rejected: queue full on arrival. Abandoned: patience over in the queue. Timed out: no response in time, in
the queue or in service; a worker finishes what it has begun, and that is billed. Failed: served in time, to no use.

Memory: the queue and a fixed part, whatever the horizon; records, if asked for, 48 bytes a request.
"""

from __future__ import annotations

import math
from array import array
from typing import NamedTuple

from outgrow.sim.arrivals import HOUR_S, arrival_times, service_times
from outgrow.sim.histogram import LogHistogram
from outgrow.sim.laws import Uniform
from outgrow.sim.model import (
    HOURS,
    METER_FIELDS,
    EachWait,
    Ending,
    Fitted,
    Meters,
    Observed,
    QueueDelay,
    RequestCount,
    Requests,
    Span,
    WorkerPool,
)
from outgrow.sim.streams import Purpose, draws

OFF, STARTING, IDLE, BUSY = range(4)
NEVER = math.inf
ENDING_METERS = ("completed", "rejected", "timed_out", "abandoned", "failed")


class _Request(NamedTuple):
    """A request in the queue or on a worker."""

    arrived: float
    service: float
    leaves: float
    leaves_as: Ending
    fails: bool
    began: float = -1.0


def play_pool(pool: WorkerPool, requests: Requests, span: Span, *, records: bool = False) -> Observed:
    """What a pool of workers does with the requests, by the semantics above.

    ``records`` keeps one flat record per counted request, `RECORD_FIELDS`, in the order they ended. Limits: service
    does not slow down with the number of requests on a worker; one queue; no retries. Cost: a look at every worker an
    event.
    """
    run = _Run(pool, requests, span, records=records)
    run.play()
    return Observed(meters=run.meters, wait=run.wait, response=run.response, records=run.records)


class _Run:
    """One run of a pool, from its first event to its last."""

    def __init__(self, pool: WorkerPool, requests: Requests, span: Span, *, records: bool) -> None:
        self.pool, self.span = pool, span
        self._open_streams(requests)
        self.now = self.up_since = 0.0
        self.hour, self.floor = 0, pool.active[0]
        self.window_at = NEVER if min(pool.active) == max(pool.active) else HOUR_S
        ready, off = self.floor, pool.max_workers - self.floor
        self.state = [IDLE] * ready + [OFF] * off
        self.due = [NEVER] * pool.max_workers
        self.since = [0.0] * pool.max_workers
        self.ready_at = [-1.0] * pool.max_workers
        self.stopped_at = [-NEVER] * pool.max_workers
        self.done = [[NEVER] * pool.slots for _ in self.state]
        self.held: list[list[_Request | None]] = [[None] * pool.slots for _ in self.state]
        self.running = [0] * pool.max_workers
        self.up, self.starting, self.in_service, self.places = ready, 0, 0, ready * pool.slots
        self.last_start = -NEVER
        self.queue: list[_Request] = []
        self.leave_at = NEVER
        self.meters, self.wait, self.response = Meters(), LogHistogram(), LogHistogram()
        self.records = array("d") if records else None

    def _open_streams(self, requests: Requests) -> None:
        pool, seed = self.pool, self.span.seed
        self.arrivals = arrival_times(requests, seed)
        self.arrival_at = next(self.arrivals, NEVER)
        self.services = service_times(requests, pool.service, seed)
        self.next_cold = draws(pool.cold_start, seed, Purpose.COLD_START).__next__
        self.next_warm = draws(pool.warm_start, seed, Purpose.WARM_START).__next__
        self.next_flash = draws(Uniform(), seed, Purpose.FLASH).__next__
        self.next_idle = draws(pool.idle_timeout, seed, Purpose.IDLE).__next__
        self.next_failure = draws(Uniform(), seed, Purpose.FAILURE).__next__
        self.next_patience = draws(pool.patience, seed, Purpose.PATIENCE).__next__ if pool.patience else None

    def play(self) -> None:
        """Plays to the horizon."""
        horizon = self.span.horizon_s
        fitted = isinstance(self.pool.scaler, Fitted)
        while True:
            at, act = min(self.due, default=NEVER), self._worker
            if self.window_at < at:
                at, act = self.window_at, self._window
            if self.leave_at < at:
                at, act = self.leave_at, self._leave
            if self.arrival_at < at:
                at, act = self.arrival_at, self._arrive
            look_at = self._look_at()
            if look_at < at:
                at, act = look_at, self._look
            if at >= horizon:
                break
            self.now = at
            act()
            if fitted:
                self._cancel_surplus()
        self._finish()

    def _worker(self) -> None:
        """The worker that is due first becomes ready, completes a request, or has been idle long enough."""
        w = self.due.index(self.now)
        if self.state[w] == BUSY:
            self._complete(w)
        elif self.state[w] == STARTING:
            self._ready(w)
        elif self.up - self.starting <= self.floor:
            self.due[w] = NEVER
        else:
            self.meters.idle_s += self._spent(self.since[w])
            self.places -= self.pool.slots
            self._off(w)
            self.stopped_at[w] = self.now

    def _ready(self, w: int) -> None:
        self.meters.cold_s += self._spent(self.since[w])
        self.starting -= 1
        self.state[w], self.since[w], self.ready_at[w] = IDLE, self.now, self.now
        self.places += self.pool.slots
        self._fill(w)

    def _complete(self, w: int) -> None:
        place = self.done[w].index(self.now)
        request = self.held[w][place]
        self.done[w][place], self.held[w][place] = NEVER, None
        self.running[w] -= 1
        self.in_service -= 1
        self.places += 1
        if request is not None:
            self._end(request, self._ending(request), w)
        self._fill(w)

    def _ending(self, request: _Request) -> Ending:
        if self.now - request.arrived > self.pool.timeout_s:
            return Ending.TIMED_OUT
        return Ending.FAILED if request.fails else Ending.COMPLETED

    def _fill(self, w: int) -> None:
        """Takes from the queue what fits; says when the worker is due next, and from when it is idle."""
        while self.queue and self.running[w] < self.pool.slots:
            self._begin(w, self._pop())
        if self.running[w]:
            self.due[w] = min(self.done[w])
            return
        if self.state[w] == BUSY:
            self.meters.busy_s += self._spent(self.since[w])
            self.state[w], self.since[w] = IDLE, self.now
        self.due[w] = NEVER if self.up - self.starting <= self.floor else self.now + self.next_idle()

    def _begin(self, w: int, request: _Request) -> None:
        place = self.done[w].index(NEVER)
        self.done[w][place] = self.now + request.service
        self.held[w][place] = request._replace(began=self.now)
        self.running[w] += 1
        self.in_service += 1
        self.places -= 1
        if self.state[w] == IDLE:
            self.meters.idle_s += self._spent(self.since[w])
            self.state[w], self.since[w] = BUSY, self.now
        if request.arrived >= self.span.warmup_s:
            wait_s = self.now - request.arrived
            self.wait.add(wait_s)
            self.meters.wait_s += wait_s
            self.meters.waited += wait_s > 0
            self.meters.delayed += self.ready_at[w] >= request.arrived

    def _pop(self) -> _Request:
        request = self.queue.pop(0)
        if request.leaves == self.leave_at < NEVER:
            self._next_leave()
        return request

    def _next_leave(self) -> None:
        self.leave_at = min((request.leaves for request in self.queue), default=NEVER)

    def _leave(self) -> None:
        """The first in the queue whose time is over leaves it."""
        place = next(k for k, request in enumerate(self.queue) if request.leaves == self.leave_at)
        request = self.queue.pop(place)
        self._next_leave()
        self._end(request, request.leaves_as, -1)

    def _arrive(self) -> None:
        request = self._drawn()
        self.arrival_at = next(self.arrivals, NEVER)
        self.meters.arrivals += request.arrived >= self.span.warmup_s
        if self.places:
            w = next(w for w, s in enumerate(self.state) if s >= IDLE and self.running[w] < self.pool.slots)
            self._begin(w, request)
            self.due[w] = min(self.done[w])
        elif self.pool.queue_limit is not None and len(self.queue) >= self.pool.queue_limit:
            self._end(request, Ending.REJECTED, -1)
        else:
            self.queue.append(request)
            self.leave_at = min(self.leave_at, request.leaves)
            if isinstance(self.pool.scaler, EachWait) and self.up < self.pool.max_workers:
                self._start()

    def _drawn(self) -> _Request:
        """The request that arrives now."""
        pool, leaves, leaves_as = self.pool, NEVER, Ending.ABANDONED
        if self.next_patience:
            leaves = self.now + self.next_patience()
        if pool.timeout_drops and self.now + pool.timeout_s <= leaves:
            leaves, leaves_as = self.now + pool.timeout_s, Ending.TIMED_OUT
        fails = pool.failure_share > 0 and self.next_failure() < pool.failure_share
        return _Request(self.now, next(self.services), leaves, leaves_as, fails)

    def _end(self, request: _Request, ending: Ending, w: int) -> None:
        if request.arrived < self.span.warmup_s:
            return
        name = ENDING_METERS[ending]
        setattr(self.meters, name, getattr(self.meters, name) + 1)
        if ending == Ending.COMPLETED:
            response_s = self.now - request.arrived
            self.response.add(response_s)
            self.meters.response_s += response_s
        if self.records is not None:
            met_start = w >= 0 and self.ready_at[w] >= request.arrived
            self.records.extend((request.arrived, request.began, self.now, ending, w, met_start))

    def _look_at(self) -> float:
        """When the scaler would start a worker if nothing else happens first."""
        if self.up >= self.pool.max_workers:
            return NEVER
        queued = len(self.queue)
        short = self.starting * self.pool.slots < queued
        match self.pool.scaler:
            case QueueDelay(delay_s=delay_s) if short:
                return max(self.now, max(self.queue[0].arrived, self.last_start) + delay_s)
            case RequestCount(per_worker=per_worker) if self.up * per_worker < queued + self.in_service:
                return self.now
            case Fitted(at_once=at_once) if short and self.starting < at_once:
                return self.now
        return NEVER

    def _look(self) -> None:
        self._start()
        self.last_start = self.now

    def _start(self) -> None:
        """Starts the worker that stopped last, from its snapshot if that is still warm."""
        pool = self.pool
        w = max((w for w, s in enumerate(self.state) if s == OFF), key=lambda w: (self.stopped_at[w], -w))
        warm = False
        if pool.warm_share > 0:
            fresh = self.next_flash()
            if self.stopped_at[w] > -NEVER:
                warm = fresh < pool.warm_share * math.exp(-(self.now - self.stopped_at[w]) / pool.warm_fade_s)
        self.due[w] = self.now + (self.next_warm() if warm else self.next_cold())
        self.state[w], self.since[w] = STARTING, self.now
        self.starting += 1
        self._change_up(1)
        if self.now >= self.span.warmup_s:
            self.meters.warm_starts += warm
            self.meters.cold_starts += not warm

    def _cancel_surplus(self) -> None:
        while self.starting and self.up > self.floor and (self.starting - 1) * self.pool.slots >= len(self.queue):
            w = max((w for w, s in enumerate(self.state) if s == STARTING), key=lambda w: (self.since[w], w))
            self.meters.cold_s += self._spent(self.since[w])
            self.meters.cancelled_starts += self.now >= self.span.warmup_s
            self.starting -= 1
            self._off(w)

    def _off(self, w: int) -> None:
        self.state[w], self.due[w] = OFF, NEVER
        self._change_up(-1)

    def _window(self) -> None:
        """A new hour: the floor may rise or fall."""
        self.hour += 1
        self.window_at = (self.hour + 1) * HOUR_S
        self._change_up(0)
        self.floor = self.pool.active[self.hour % HOURS]
        while self.up < self.floor:
            self._start()
        if self.up - self.starting > self.floor:
            for w, state in enumerate(self.state):
                if state == IDLE and self.due[w] == NEVER:
                    self.due[w] = self.now + self.next_idle()

    def _change_up(self, change: int) -> None:
        """Bills the workers that were up until now, within the floor and beyond it."""
        spent = self._spent(self.up_since)
        self.meters.active_s += spent * min(self.up, self.floor)
        self.meters.flex_s += spent * max(0, self.up - self.floor)
        self.up_since = self.now
        self.up += change

    def _spent(self, since: float) -> float:
        """Seconds from ``since`` to now that count."""
        return self.now - max(since, self.span.warmup_s) if self.now > self.span.warmup_s else 0.0

    def _finish(self) -> None:
        self.now = self.span.horizon_s
        self._change_up(0)
        meter = {STARTING: "cold_s", IDLE: "idle_s", BUSY: "busy_s"}
        for w, state in enumerate(self.state):
            if state != OFF:
                name = meter[state]
                setattr(self.meters, name, getattr(self.meters, name) + self._spent(self.since[w]))
        there = [*self.queue, *(request for held in self.held for request in held if request is not None)]
        self.meters.unfinished = float(sum(request.arrived >= self.span.warmup_s for request in there))
        for name in METER_FIELDS:
            setattr(self.meters, name, float(getattr(self.meters, name)))
