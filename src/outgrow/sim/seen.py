"""What a run saw, as the outcome of a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.message import message
from outgrow.domain.pool import Endings, Outcome

if TYPE_CHECKING:
    from outgrow.domain.message import Message
    from outgrow.sim.histogram import Summed
    from outgrow.sim.observed import Meters, Observed


@dataclass(frozen=True, slots=True)
class SeenTimes:
    """Response times of the requests that ended; those that were never answered took for ever."""

    answered: Summed
    ended: float

    def share_within(self, seconds: float) -> float:
        """Share of all that ended answered within ``seconds``; 1 when there were none."""
        return self.answered.within(seconds) / self.ended if self.ended > 0 else 1.0

    def quantile(self, share: float) -> float:
        """Seconds within which ``share`` of all that ended were answered; infinite where fewer ever were."""
        return self.answered.reached(share * self.ended) if self.ended > 0 else 0.0


def outcome_of(
    seen: Observed, days: float, *, capacity_s: float | None, workers: int, drained: bool = False
) -> Outcome:
    """What one run saw, per day; ``capacity_s`` is how many worker-seconds a day there could be at the most.

    Requests without an ending at the horizon: in a ``drained`` run, which played on after the last one came, they never
    get one. Elsewhere a few are simply under way and left out, many (`stuck`) are counted as never answered.
    """
    meters = seen.meters
    unfinished = meters.unfinished if drained else stuck(meters)
    ended = meters.arrivals - meters.unfinished + unfinished
    up_s = meters.active_s + meters.flex_s or (capacity_s or 0.0) * days
    at_once = seen.wait.total - meters.waited
    return Outcome(
        response=SeenTimes(seen.response.summed(), ended),
        requests=meters.arrivals / days,
        cold_starts=(meters.cold_starts + meters.warm_starts) / days,
        cold_share=meters.delayed / ended if ended > 0 else 0.0,
        delayed_share=1.0 - at_once / meters.arrivals if meters.arrivals else 0.0,
        busy_s=meters.busy_s / days,
        cold_s=meters.cold_s / days,
        idle_s=meters.idle_s / days,
        active_s=meters.active_s / days,
        flex_s=meters.flex_s / days,
        second_slack_s=meters.second_slack_s / days,
        block_slack_s=meters.block_slack_s / days,
        surplus_s=meters.surplus_s / days,
        utilisation_frac=meters.busy_s / up_s if up_s > 0 else 0.0,
        served=meters.served / days,
        attempts=meters.attempts / meters.arrivals if meters.arrivals else 1.0,
        endings=_endings(meters, ended, unfinished),
        bottleneck=overload(seen.meters, days, capacity_s, workers),
    )


def _endings(meters: Meters, ended: float, unfinished: float) -> Endings:
    if ended <= 0:
        return Endings()
    return Endings(
        completed=meters.completed / ended,
        rejected=meters.rejected / ended,
        timed_out=meters.timed_out / ended,
        abandoned=meters.abandoned / ended,
        failed=meters.failed / ended,
        unfinished=unfinished / ended,
    )


UNDER_WAY = 10
"""So many requests may be under way at the horizon of any run."""


def stuck(meters: Meters) -> float:
    """Requests that wait at the horizon because nothing serves them: 0, or where there are many, all that wait."""
    many = meters.unfinished > UNDER_WAY and meters.unfinished > NEVER_FINISHED * meters.arrivals
    return meters.unfinished if many else 0.0


NEVER_FINISHED = 0.02
"""A share of arrivals beyond this that is still waiting at the end of many days says that the queue only grows."""


def overload(meters: Meters, days: float, capacity_s: float | None, workers: int) -> Message | None:
    """The queue grows for ever: workers busy 90 % of the time or more, and 2 % of the requests or more without an end.

    ``load`` is in workers: ``busy / capacity / (1 - waiting)``. With time-outs a queue does not grow, and nothing is
    said. Source: ours.
    """
    if capacity_s is None or not meters.arrivals:
        return None
    waiting = meters.unfinished / meters.arrivals
    if meters.busy_s / days < 0.9 * capacity_s or waiting < NEVER_FINISHED:
        return None
    load = meters.busy_s / days / capacity_s / max(1e-9, 1.0 - waiting)
    return message("bottleneck.workers", workers=workers, load=round(load * max(workers, 1), 2))
