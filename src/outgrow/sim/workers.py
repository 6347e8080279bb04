"""The workers of a pool: what each is doing, which one starts next, and who is billed for its seconds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from outgrow.sim.laws import Exponential, Uniform
from outgrow.sim.model import RequestCount
from outgrow.sim.observed import BLOCK_S, ROUNDING_S
from outgrow.sim.streams import Purpose, draws

if TYPE_CHECKING:
    from outgrow.sim.callers import Request
    from outgrow.sim.model import WorkerPool
    from outgrow.sim.observed import Meters, Span

OFF, STARTING, IDLE, BUSY, LEAVING = range(5)
NEVER = math.inf
METER_OF = {STARTING: "cold_s", IDLE: "idle_s", BUSY: "busy_s", LEAVING: "busy_s"}


class Workers:
    """All workers of a pool, numbered from 0; with interruptions there are twice as many numbers as may be up.

    ``up`` counts all that are billed, ``leaving`` those among them that have been taken back and finish what they have;
    ``in_service`` counts the requests on the others.
    """

    def __init__(self, pool: WorkerPool, span: Span, meters: Meters) -> None:
        """The active ones of the first hour are ready, all others off."""
        self.pool, self.warmup_s, self.meters = pool, span.warmup_s, meters
        self.next_cold = draws(pool.cold_start, span.seed, Purpose.COLD_START).__next__
        self.next_warm = draws(pool.warm_start, span.seed, Purpose.WARM_START).__next__
        self.next_flash = draws(Uniform(), span.seed, Purpose.FLASH).__next__
        self.next_idle = draws(pool.idle_timeout, span.seed, Purpose.IDLE).__next__
        taken_back = pool.interruptions
        self.next_life = (
            draws(Exponential(mean_s=taken_back.mean_s), span.seed, Purpose.INTERRUPTION).__next__
            if taken_back
            else None
        )
        self.now = self.up_since = 0.0
        self.floor, self.limit = pool.active[0], pool.max_workers
        ready, count = self.floor, pool.max_workers * (2 if taken_back else 1)
        self.state = [IDLE] * ready + [OFF] * (count - ready)
        self.due = [NEVER] * count
        self.lost_at = [self.next_life() if self.next_life and w < ready else NEVER for w in range(count)]
        self.since = [0.0] * count
        self.started_at = [0.0] * count
        self.ready_at = [-1.0] * count
        self.stopped_at = [-NEVER] * count
        self.done: list[list[float]] = [[] for _ in range(count)]
        self.held: list[list[Request]] = [[] for _ in range(count)]
        self.per_worker = pool.scaler.per_worker if isinstance(pool.scaler, RequestCount) else 0
        self.up, self.starting, self.leaving, self.in_service = ready, 0, 0, 0
        self.places = ready * pool.slots

    @property
    def room(self) -> bool:
        """May another worker start?"""
        return self.up - self.leaving < self.limit and self.up < len(self.state)

    @property
    def stays(self) -> bool:
        """Does an idle worker stay, because the floor asks for it or the scaler would start it again at once?"""
        if self.up - self.starting - self.leaving <= self.floor:
            return True
        return (self.up - self.leaving - 1) * self.per_worker < self.in_service and self.per_worker > 0

    def free(self) -> int:
        """The lowest-numbered worker with a free place."""
        return next(w for w, s in enumerate(self.state) if IDLE <= s <= BUSY and len(self.held[w]) < self.pool.slots)

    def begin(self, w: int, request: Request) -> None:
        """Gives a free place to a request."""
        self.done[w].append(self.now + request.service)
        self.held[w].append(request)
        self.in_service += 1
        self.places -= 1
        if self.state[w] == IDLE:
            self.meters.idle_s += self.spent(self.since[w])
            self.state[w], self.since[w] = BUSY, self.now

    def complete(self, w: int) -> Request:
        """The request that is done now; the last one moves into its place."""
        place = self.done[w].index(self.now)
        request = self.held[w][place]
        last, last_done = self.held[w].pop(), self.done[w].pop()
        if place < len(self.held[w]):
            self.held[w][place], self.done[w][place] = last, last_done
        if self.state[w] != LEAVING:
            self.in_service -= 1
            self.places += 1
        return request

    def ready(self, w: int) -> None:
        """A start is over."""
        self.meters.cold_s += self.spent(self.since[w])
        self.starting -= 1
        self.state[w], self.since[w], self.ready_at[w] = IDLE, self.now, self.now
        self.places += self.pool.slots

    def settle(self, w: int) -> None:
        """Says when a worker is due next, and from when it is idle."""
        if self.held[w]:
            self.due[w] = min(self.done[w])
            return
        if self.state[w] == LEAVING:
            self._gone(w)
            return
        if self.state[w] == BUSY:
            self.meters.busy_s += self.spent(self.since[w])
            self.state[w], self.since[w] = IDLE, self.now
        self.due[w] = NEVER if self.stays else self.now + self.next_idle()

    def idled(self, w: int) -> None:
        """An idle timeout is over."""
        if self.stays:
            self.due[w] = NEVER
            return
        self.meters.idle_s += self.spent(self.since[w])
        self.places -= self.pool.slots
        self._off(w)
        self.stopped_at[w] = self.now

    def start(self) -> None:
        """Starts the worker that stopped last, from its snapshot if that is still warm.

        Chance of that: ``warm_share x exp(-gap / warm_fade_s)``, gap (s) since it stopped.
        """
        pool = self.pool
        w = max((w for w, s in enumerate(self.state) if s == OFF), key=lambda w: (self.stopped_at[w], -w))
        warm = False
        if pool.warm_share > 0:
            fresh = self.next_flash()
            if self.stopped_at[w] > -NEVER:
                warm = fresh < pool.warm_share * math.exp(-(self.now - self.stopped_at[w]) / pool.warm_fade_s)
        self.due[w] = self.now + (self.next_warm() if warm else self.next_cold())
        self.state[w], self.since[w], self.started_at[w] = STARTING, self.now, self.now
        if self.next_life:
            self.lost_at[w] = self.now + self.next_life()
        self.starting += 1
        self.change_up(1)
        if self.now >= self.warmup_s:
            self.meters.warm_starts += warm
            self.meters.cold_starts += not warm

    def cancel_surplus(self, queued: int) -> None:
        """Cancels starts that more places wait for than requests, the newest first."""
        while self.starting and self.up > self.floor and (self.starting - 1) * self.pool.slots >= queued:
            w = max((w for w, s in enumerate(self.state) if s == STARTING), key=lambda w: (self.since[w], w))
            self.meters.cold_s += self.spent(self.since[w])
            self.meters.cancelled_starts += self.now >= self.warmup_s
            self.starting -= 1
            self._off(w)

    def lose(self, w: int) -> list[Request]:
        """The owner takes a worker back: first the notice, then, if it is still there, the end with what it holds."""
        assert self.pool.interruptions is not None
        if self.state[w] == LEAVING:
            thrown = self.held[w]
            self.held[w], self.done[w] = [], []
            self._gone(w)
            return thrown
        self.meters.lost_workers += self.now >= self.warmup_s
        name = METER_OF[self.state[w]]
        setattr(self.meters, name, getattr(self.meters, name) + self.spent(self.since[w]))
        if self.state[w] == STARTING:
            self.starting -= 1
            self._off(w)
        elif self.state[w] == IDLE:
            self.places -= self.pool.slots
            self._off(w)
        else:
            self.places -= self.pool.slots - len(self.held[w])
            self.in_service -= len(self.held[w])
            self.state[w], self.since[w] = LEAVING, self.now
            self.lost_at[w] = self.now + self.pool.interruptions.notice_s
            self.leaving += 1
        self.stopped_at[w] = -NEVER
        self._hold_floor()
        return []

    def _hold_floor(self) -> None:
        """Starts what the floor asks for."""
        while self.up - self.leaving < self.floor and self.up < len(self.state):
            self.start()

    def set_floor(self, floor: int) -> None:
        """A new hour: workers start at once when the floor rises; when it falls, idle timeouts begin."""
        self.change_up(0)
        self.floor = floor
        self._hold_floor()
        self.let_go()

    def let_go(self) -> None:
        """Idle timeouts begin of workers that stayed, if there is no reason any more."""
        if not self.stays:
            for w, state in enumerate(self.state):
                if state == IDLE and self.due[w] == NEVER:
                    self.due[w] = self.now + self.next_idle()

    def _gone(self, w: int) -> None:
        """A worker that was taken back has finished, or its notice has ended."""
        self.meters.busy_s += self.spent(self.since[w])
        self.leaving -= 1
        self._off(w)
        self._hold_floor()

    def _off(self, w: int) -> None:
        if self.now > self.warmup_s:
            lived_s = self.now - self.started_at[w] - ROUNDING_S
            self.meters.stretches += 1
            self.meters.second_slack_s += math.ceil(lived_s) - lived_s - ROUNDING_S
            self.meters.block_slack_s += math.ceil(lived_s / BLOCK_S) * BLOCK_S - lived_s - ROUNDING_S
        self.state[w], self.due[w], self.lost_at[w] = OFF, NEVER, NEVER
        self.change_up(-1)

    def change_up(self, change: int) -> None:
        """Bills the workers that were up until now, within the floor and beyond it."""
        spent = self.spent(self.up_since)
        self.meters.active_s += spent * min(self.up, self.floor)
        self.meters.flex_s += spent * max(0, self.up - self.floor)
        self.up_since = self.now
        self.up += change

    def spent(self, since: float) -> float:
        """Seconds from ``since`` to now that count."""
        return self.now - max(since, self.warmup_s) if self.now > self.warmup_s else 0.0

    def finish(self, horizon_s: float) -> None:
        """Cuts everything at the horizon."""
        self.now = horizon_s
        self.change_up(0)
        for w, state in enumerate(self.state):
            if state != OFF:
                name = METER_OF[state]
                setattr(self.meters, name, getattr(self.meters, name) + self.spent(self.since[w]))
