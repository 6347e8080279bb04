"""The worker pool played event by event, in plain Python; `native/pool.h` plays the same and both give equal numbers.

**State.** Workers are off, starting, idle, busy, or leaving (taken back by their owner, finishing what they have).
Requests that no worker has a place for wait in one queue, first come first served. Service time and patience of a
request are drawn when it arrives, whether an attempt fails when it is made, so they are the same under every option.

**Which worker.** A request goes to the lowest-numbered worker with a free place, so high numbers fall idle and stop. A
start takes the worker that stopped last (the freshest snapshot), the lowest-numbered among those that never ran.

**Floor.** As many workers as ``active[hour]`` are the active ones, whichever they are: while no more than that many are
ready, an idle one stays. When a new hour raises the floor, workers start at once; when it lowers it, the idle timeout
of idle ones begins then. Under `RequestCount` an idle worker that would be started again at once stays as well.

**Ties.** At one instant: first workers (completion, ready, idle timeout; lowest number first), then workers that are
taken back, then the hour, then a limit that is raised, then callers leaving the queue, then arrivals, then those who
ask again, then the scaler. So a worker that falls free serves the request that arrives at that moment, one whose
timeout ends is gone, and a caller whose patience ends as a place falls free is served. What would happen at the horizon
itself does not.

**Endings.** Rejected: no token at the door, or the queue full. Abandoned: patience over in the queue. Timed out: no
response in time, in the queue or in service; a worker finishes what it has begun, and that is billed. Failed: served in
time, to no use. A request has one ending, after its last attempt.

Memory: the queue, those who will ask again, and a fixed part, whatever the horizon; records, if asked for, 56 bytes a
request.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.sim.arrivals import arrival_times, service_times
from outgrow.sim.callers import Callers
from outgrow.sim.model import EachWait, Fitted, QueueDelay, RequestCount, WorkerPool
from outgrow.sim.observed import METER_FIELDS, Ending, Meters, Observed, Span
from outgrow.sim.requests import HOUR_S, HOURS
from outgrow.sim.workers import BUSY, LEAVING, STARTING, Workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.sim.callers import Request
    from outgrow.sim.requests import Requests

NEVER = math.inf


def play_pool(pool: WorkerPool, requests: Requests, span: Span, *, records: bool = False) -> Observed:
    """What a pool of workers does with the requests, by the semantics above.

    ``records`` keeps one flat record per counted request, `RECORD_FIELDS`, in the order they ended. Limits: service
    does not slow down with the number of requests on a worker; one queue. Cost: a look at every worker an event. Ties
    and endings are ours (above); the rules of `WorkerPool` name their sources.
    """
    run = _Run(pool, requests, span, records=records)
    run.play()
    callers = run.callers
    return Observed(meters=run.meters, wait=callers.wait, response=callers.response, records=callers.records)


class _Run:
    """One run of a pool, from its first event to its last."""

    def __init__(self, pool: WorkerPool, requests: Requests, span: Span, *, records: bool) -> None:
        self.pool, self.horizon_s = pool, span.horizon_s
        self.meters = Meters()
        services = service_times(requests, pool.service, span.seed)
        self.callers = Callers(pool, span, services, self.meters, records=records)
        self.workers = Workers(pool, span, self.meters)
        self.arrivals = arrival_times(requests, span.seed, span.horizon_s)
        self.arrival_at = next(self.arrivals, NEVER)
        self.hour = 0
        self.window_at = NEVER if min(pool.active) == max(pool.active) else HOUR_S
        self.last_asked = 0.0
        self.raise_at = NEVER
        self.last_start = -NEVER

    def play(self) -> None:
        """Plays to the horizon."""
        workers, callers = self.workers, self.callers
        fitted = isinstance(self.pool.scaler, Fitted)
        while True:
            at, act = self._next()
            if at >= self.horizon_s:
                break
            workers.now = at
            act()
            if fitted:
                workers.cancel_surplus(len(callers.queue))
        workers.finish(self.horizon_s)
        self.meters.unfinished = callers.unfinished([request for held in workers.held for request in held])
        for name in METER_FIELDS:
            setattr(self.meters, name, float(getattr(self.meters, name)))

    def _next(self) -> tuple[float, Callable[[], None]]:
        """What happens next, and when: the first of what is due soonest, in the order of the ties."""
        workers, callers = self.workers, self.callers
        at, act = min(workers.due, default=NEVER), self._worker
        if self.pool.interruptions and min(workers.lost_at, default=NEVER) < at:
            at, act = min(workers.lost_at), self._lose
        if self.window_at < at:
            at, act = self.window_at, self._window
        if self.raise_at < at:
            at, act = self.raise_at, self._raise
        if callers.leave_at < at:
            at, act = callers.leave_at, self._leave
        if self.arrival_at < at:
            at, act = self.arrival_at, self._arrive
        if callers.again and callers.again[0][0] < at:
            at, act = callers.again[0][0], self._again
        look_at = self._look_at()
        if look_at < at:
            at, act = look_at, self._look
        return at, act

    def _worker(self) -> None:
        """The worker that is due first completes a request, becomes ready, or has been idle long enough."""
        workers = self.workers
        w = workers.due.index(workers.now)
        if workers.state[w] in {BUSY, LEAVING}:
            request = workers.complete(w)
            self.callers.served(request, workers.now, w, met_start=workers.ready_at[w] >= request.arrived)
            self._fill(w)
            if workers.per_worker:
                workers.let_go()
        elif workers.state[w] == STARTING:
            workers.ready(w)
            self._fill(w)
        else:
            workers.idled(w)

    def _fill(self, w: int) -> None:
        """Takes from the queue what fits."""
        workers, callers = self.workers, self.callers
        while callers.queue and workers.state[w] != LEAVING and len(workers.held[w]) < self.pool.slots:
            request = callers.take()
            callers.began(request, workers.now)
            workers.begin(w, request)
        workers.settle(w)

    def _lose(self) -> None:
        """A worker is taken back, or its notice ends."""
        workers = self.workers
        thrown = workers.lose(workers.lost_at.index(workers.now))
        self.callers.put_back(thrown, workers.now)
        while self.callers.queue and workers.places:
            self._fill(workers.free())

    def _window(self) -> None:
        self.hour += 1
        self.window_at = (self.hour + 1) * HOUR_S
        self.workers.set_floor(self.pool.active[self.hour % HOURS])

    def _raise(self) -> None:
        """A person raises the limit that quiet days had lowered."""
        self.raise_at = NEVER
        self.workers.limit = self.pool.max_workers

    def _leave(self) -> None:
        self.callers.leave(self.workers.now)

    def _arrive(self) -> None:
        request = self.callers.new(self.workers.now)
        self.arrival_at = next(self.arrivals, NEVER)
        self._enter(request)

    def _again(self) -> None:
        self._enter(self.callers.next_again())

    def _enter(self, request: Request) -> None:
        """An attempt at the door."""
        workers, callers = self.workers, self.callers
        now = workers.now
        self._after_quiet(now)
        if not callers.let_in(now):
            callers.ask_again_or_end(request, Ending.REJECTED, now, -1, met_start=False)
        elif workers.places:
            w = workers.free()
            callers.began(request, now)
            workers.begin(w, request)
            workers.settle(w)
        elif self.pool.queue_limit is not None and len(callers.queue) >= self.pool.queue_limit:
            callers.ask_again_or_end(request, Ending.REJECTED, now, -1, met_start=False)
        else:
            callers.join(request)
            if isinstance(self.pool.scaler, EachWait) and workers.room:
                workers.start()

    def _after_quiet(self, now: float) -> None:
        """Lowers the limit if nobody had asked for days."""
        quiet, gap_s = self.pool.quiet, now - self.last_asked
        self.last_asked = now
        if quiet is None or gap_s < quiet.reduced_after_s:
            return
        limit = 0 if gap_s >= quiet.off_after_s else quiet.reduced_to
        if limit < self.workers.limit:
            self.workers.limit = limit
            self.raise_at = now + quiet.raised_after_s
            self.meters.switched_off += now >= self.workers.warmup_s

    def _look_at(self) -> float:
        """When the scaler would start a worker if nothing else happens first."""
        workers, queue = self.workers, self.callers.queue
        if not workers.room:
            return NEVER
        queued = len(queue)
        short = workers.starting * self.pool.slots < queued
        match self.pool.scaler:
            case QueueDelay(delay_s=delay_s) if short:
                if workers.up == workers.leaving:
                    return workers.now
                return max(workers.now, max(queue[0].asked, self.last_start) + delay_s)
            case RequestCount(per_worker=per_worker) if (
                workers.up - workers.leaving
            ) * per_worker < queued + workers.in_service:
                return workers.now
            case Fitted(at_once=at_once) if short and workers.starting < at_once:
                return workers.now
        return NEVER

    def _look(self) -> None:
        self.workers.start()
        self.last_start = self.workers.now
