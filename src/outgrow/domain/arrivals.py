"""How requests arrive: how many in each hour of an average day, and how they cluster around that."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outgrow.domain.trace import Trace


class ArrivalKind(StrEnum):
    """Where arrivals come from."""

    SESSIONS = "sessions"
    POISSON = "poisson"
    TRACE = "trace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """How requests cluster.

    ``sessions``: people come at the hour's rate, ask a geometric number of times (mean ``session_size`` >= 1) with
    lognormal gaps (mean ``session_gap_s``, coefficient of variation ``session_gap_cv``), and whole days differ by a
    gamma factor of mean 1 and variance ``day_variance``. ``poisson``: independent requests at the hour's rate, all days
    alike. ``trace``: as recorded in ``file``, scaled to the demand; ``trace`` is what was read from it, by the names
    in ``columns`` (``KIND=NAME``) and on the clock of ``timezone`` where they are given.

    Source of the default figures: fitted to a 23-day trace of a GPU service at 358 requests a day (session size 2.06 to
    2.31, gaps 94 to 103 s at cv 1.0, day variance 0.43 to 0.45); measure your own with ``outgrow fit``.
    """

    kind: ArrivalKind = ArrivalKind.SESSIONS
    session_size: float = 2.2
    session_gap_s: float = 100.0
    session_gap_cv: float = 1.0
    day_variance: float = 0.44
    file: str | None = None
    timezone: str | None = None
    columns: tuple[str, ...] = ()
    trace: Trace | None = None


SESSIONS = Pattern()
"""Sessions with the default figures."""

POISSON = Pattern(kind=ArrivalKind.POISSON, session_size=1.0, day_variance=0.0)
"""Independent requests, every day like the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """Requests of an average day: ``per_hour[h]`` arrive between h:00 and h+1:00, clustered by ``pattern``.

    Those of different ``stream`` come independently of each other: one for each task of a service.
    """

    per_hour: tuple[float, ...]
    pattern: Pattern = POISSON
    stream: int = 0

    @property
    def per_day(self) -> float:
        """Requests a day."""
        return sum(self.per_hour)
