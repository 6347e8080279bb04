"""The engines a test runs on: the compiled one is skipped, with the reason, where the install could not build it."""

from __future__ import annotations

import math
import statistics

import pytest

from outgrow.sim.compiled import Engine, engine

BUILT = engine() == "compiled"
COMPILED = pytest.param("compiled", marks=pytest.mark.skipif(not BUILT, reason="the compiled kernel is not built here"))
ENGINES = ("plain", COMPILED)


def runs(engine: Engine, compiled: int, plain: int) -> int:
    """How much to play: the plain kernel gets a reduced share."""
    return compiled if engine == "compiled" else plain


def assert_covers(found: list[float], expected: float, *, tabulated: float = 0.0, bias: float = 0.0) -> None:
    """The mean of independent replications is within 3 of its own standard errors (and the table's rounding)."""
    error = statistics.stdev(found) / math.sqrt(len(found))
    assert abs(statistics.fmean(found) - expected) <= 3 * math.hypot(error, tabulated) + bias
