"""Is a backend worth trying now? A circuit breaker as a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

FAILURES: Final = 3
"""In a row, until a backend is left alone for a while."""

PAUSE_S: Final = 5.0
MOST_PAUSE_S: Final = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """``failures`` in a row, and until when the backend is left alone."""

    failures: int = 0
    out_until: datetime | None = None


WELL: Final = Health()


def failed(health: Health, now: datetime, *, retry_after_s: float | None = None) -> Health:
    """After a failure of the backend itself (not of a payload). ``retry_after_s`` is what it asked for, as with a 429.

    From the third in a row on it is left alone for 5 s, then twice as long each time, 120 s at most.
    """
    failures = health.failures + 1
    beyond = min(failures - FAILURES, 10)
    pause_s = min(PAUSE_S * 2**beyond, MOST_PAUSE_S) if beyond >= 0 else 0.0
    pause_s = max(pause_s, retry_after_s or 0.0)
    return Health(failures=failures, out_until=now + timedelta(seconds=pause_s) if pause_s else health.out_until)


def places(health: Health, concurrency: int, now: datetime) -> int:
    """How many attempts may be in flight: none while it is left alone, one to find out whether it is well again."""
    if health.out_until is not None and now < health.out_until:
        return 0
    return concurrency if health.failures < FAILURES else min(1, concurrency)
