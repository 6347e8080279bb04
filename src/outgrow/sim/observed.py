"""What a run is asked for and what it gives back, as values. Times in seconds from the start of the run."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING

from outgrow.sim.laws import check_range

if TYPE_CHECKING:
    from array import array

    from outgrow.sim.histogram import LogHistogram


BLOCK_S = 300.0
"""Container disk is billed in started blocks of five minutes. Source: RunPod docs, pricing."""

ROUNDING_S = 1e-6
"""A stretch this little over a whole second is a whole second: what is left of adding times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """How long to play, from where to count, with which seed.

    What arrives before ``warmup_s`` is played but not counted; at ``horizon_s`` everything stops where it stands.
    Seconds, 0 <= warmup_s <= horizon_s <= 1e15; any whole number is a seed.
    """

    horizon_s: float
    warmup_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what has no meaning: ValueError with field, found and allowed."""
        check_range("horizon_s", self.horizon_s, 0, 1e15)
        check_range("warmup_s", self.warmup_s, 0, self.horizon_s)


class Ending(IntEnum):
    """How a request ended."""

    COMPLETED = 0
    REJECTED = 1
    TIMED_OUT = 2
    ABANDONED = 3
    FAILED = 4


RECORD_FIELDS = ("arrived_s", "began_s", "ended_s", "ending", "worker", "met_start", "attempts")
"""One flat record per request. ``began_s`` is -1 and ``worker`` -1 for a request no worker took up; ``met_start`` 1 if
the worker that served it became ready after the request had arrived. ``arrived_s`` is when the caller first asked,
``ended_s`` when the answer came or the caller gave up."""


@dataclass(slots=True, kw_only=True)
class Meters:
    """What was counted from the warm-up to the horizon. Counts of requests, starts; sums of seconds.

    Every counted arrival has one ending or is ``unfinished`` at the horizon; ``attempts`` counts every time somebody
    asked, ``served`` those a worker worked on to the end, ``interrupted`` the requests a lost worker threw back into
    the queue. ``waited`` counts requests that waited for their first worker, ``wait_s`` how long. ``delayed`` requests
    were served by a worker that became ready after they had arrived. Worker-seconds by what the worker did:
    ``cold_s + busy_s + idle_s``; the same by who is billed for them: ``active_s`` (within the floor) ``+ flex_s``;
    ``wasted_s`` of the busy ones were worked to the end for nobody. ``stretches`` counts how often a worker stopped;
    ``second_slack_s`` is what is missing in each stretch from start to stop to whole seconds, ``block_slack_s`` to
    whole blocks of `BLOCK_S`. ``lost_workers`` were taken back by their owner, ``switched_off`` counts how often quiet
    days lowered the limit. Of a host: ``busy_s`` is vCPU-seconds of work, ``surplus_s`` those billed above the
    baseline, ``throttled_s`` seconds at reduced speed. Exact, but for rounding.
    """

    arrivals: float = 0.0
    completed: float = 0.0
    rejected: float = 0.0
    timed_out: float = 0.0
    abandoned: float = 0.0
    failed: float = 0.0
    unfinished: float = 0.0
    attempts: float = 0.0
    served: float = 0.0
    interrupted: float = 0.0
    waited: float = 0.0
    delayed: float = 0.0
    cold_starts: float = 0.0
    warm_starts: float = 0.0
    cancelled_starts: float = 0.0
    lost_workers: float = 0.0
    switched_off: float = 0.0
    stretches: float = 0.0
    second_slack_s: float = 0.0
    block_slack_s: float = 0.0
    cold_s: float = 0.0
    busy_s: float = 0.0
    idle_s: float = 0.0
    active_s: float = 0.0
    flex_s: float = 0.0
    wasted_s: float = 0.0
    wait_s: float = 0.0
    response_s: float = 0.0
    surplus_s: float = 0.0
    throttled_s: float = 0.0


METER_FIELDS = tuple(entry.name for entry in fields(Meters))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One run. ``wait`` is of requests a worker took up, until it first did, ``response`` of completed ones."""

    meters: Meters
    wait: LogHistogram
    response: LogHistogram
    records: array[float] | None = None
