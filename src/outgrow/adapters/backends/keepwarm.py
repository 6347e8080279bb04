"""When a RunPod endpoint must be called so that it is not switched off, and what it is by now. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

REDUCED_AFTER: Final = timedelta(days=3)
OFF_AFTER: Final = timedelta(days=7)
MARGIN: Final = timedelta(hours=6)


class Standing(StrEnum):
    """What an endpoint without requests has become."""

    FULL = "full"
    REDUCED = "reduced"
    OFF = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """``due_at``: when the next call must be made, None where it helps no more; ``standing``: what the endpoint is now.

    A call keeps what there is and brings nothing back: after ``REDUCED`` or ``OFF`` a person raises max workers.
    """

    due_at: datetime | None
    standing: Standing


def keep_alive(last_call: datetime, now: datetime, *, margin: timedelta = MARGIN) -> KeepAlive:
    """When to call next, given when the endpoint was last called.

    RunPod sets max workers to 2 after 3 days without a request and to 0 after 7 days, until a person raises it
    (runpod/docs, 2026-08-20). The call is due ``margin`` before the next such step; now at the latest.
    0 <= margin < 3 days.
    """
    quiet = now - last_call
    if quiet >= OFF_AFTER:
        return KeepAlive(due_at=None, standing=Standing.OFF)
    reduced = quiet >= REDUCED_AFTER
    step = OFF_AFTER if reduced else REDUCED_AFTER
    return KeepAlive(
        due_at=max(now, last_call + step - margin), standing=Standing.REDUCED if reduced else Standing.FULL
    )
