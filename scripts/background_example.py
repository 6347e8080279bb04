"""The receipts example as docs/background.md plays it, and the mean of independent runs."""

from __future__ import annotations

import dataclasses
import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.catalog import runpod
from outgrow.catalog.options import option
from outgrow.decide.decision import SAMPLES
from outgrow.decide.months import play_month
from outgrow.domain.arrivals import SESSIONS, Arrivals
from outgrow.domain.shapes import DAY_SHAPES
from outgrow.domain.units import SEED
from outgrow.flows.question import Asked, open_spec
from outgrow.sim import closed_form
from outgrow.sim.predict import Simulated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outgrow.catalog.context import Market
    from outgrow.decide.months import Month
    from outgrow.domain.arrivals import Pattern
    from outgrow.domain.pool import FlexPool
    from outgrow.domain.workload import Service

SPEC = Path(__file__).resolve().parents[1] / "examples" / "receipts"
COLD_START_S = 60.0
IDLE_S = 5.0
NEAR_IDLE_S = 10.0
LONG_IDLE_S = 120.0
OPTION = "runpod-flex"
MOVED = {"inference.receipts.cold_start_s": COLD_START_S}
"""The example's cold start is a range; here it is one number, so that months differ by their requests alone."""

MANY = 10 * SAMPLES
"""Months that stand for the truth beside the `SAMPLES` that the tool plays."""

ALIKE = dataclasses.replace(SESSIONS, day_variance=0.0)
"""The tool's sessions on days that are all alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A mean over independent runs and its standard error, both in the unit of what was averaged."""

    value: float
    error: float

    @property
    def half_width(self) -> float:
        """Half of the interval of the mean."""
        return 2 * self.error

    def holds(self, value: float) -> bool:
        """Is it in the interval?"""
        return abs(value - self.value) <= self.half_width


def mean_of(values: Sequence[float]) -> Mean:
    """Mean and standard error of at least two independent values."""
    return Mean(value=statistics.fmean(values), error=statistics.stdev(values) / math.sqrt(len(values)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The receipts example as the tool opens it, with the pool and the arrivals it plays."""

    service: Service
    market: Market
    pool: FlexPool
    arrivals: Arrivals

    def with_requests(self, shape: str, pattern: Pattern) -> Example:
        """The same requests a day in hours of another shape, clustered by another pattern."""
        weights = DAY_SHAPES[shape]
        (task,) = self.service.inference
        users = dataclasses.replace(self.service.users, day_shape=weights)
        service = dataclasses.replace(
            self.service, users=users, inference=(dataclasses.replace(task, arrivals=pattern, day_shape=None),)
        )
        return example_of(service, self.market)

    def months(self, idle_s: float, count: int) -> list[Month]:
        """The first ``count`` months of the flex option, as `outgrow simulate` plays them."""
        recipe, knobs = option(OPTION, "option"), {"idle_timeout_s": idle_s}
        return [play_month(recipe, knobs, self.service, self.market, number) for number in range(count)]

    def bills(self, idle_s: float, count: int) -> list[float]:
        """Dollars of each month."""
        return [month.usd for month in self.months(idle_s, count)]

    def bill_by_formula(self, idle_s: float) -> float:
        """Dollars of a month by `outgrow.sim.closed_form`."""
        market = dataclasses.replace(self.market, month=lambda _number: closed_form.predict)
        return play_month(option(OPTION, "option"), {"idle_timeout_s": idle_s}, self.service, market, 0).usd


def open_example() -> Example:
    """The example of the page."""
    opened = open_spec(SPEC, Asked(moved=MOVED))
    return example_of(opened.service, dataclasses.replace(opened.market, month=Simulated(seed=SEED).month))


def example_of(service: Service, market: Market) -> Example:
    """The same for a changed service."""
    (task,) = service.inference
    arrivals = market.context(service).arrivals(task)
    return Example(service=service, market=market, pool=runpod.flex_pool(task, IDLE_S), arrivals=arrivals)


def arrivals_of(per_day: float, shape: str, pattern: Pattern) -> Arrivals:
    """So many requests a day in the hours of a named shape."""
    return Arrivals(per_hour=tuple(per_day * weight for weight in DAY_SHAPES[shape]), pattern=pattern)
