"""Pairs of options over the same months and over months of their own: what common random numbers save."""

from __future__ import annotations

import dataclasses
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from background_example import IDLE_S, LONG_IDLE_S, NEAR_IDLE_S, example_of

from outgrow.decide.decision import SAMPLES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from background_example import Example


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two options over months: differences of their bills in the same months, and in months of their own (dollars)."""

    name: str
    same: tuple[float, ...]
    own: tuple[float, ...]

    @property
    def mean_usd(self) -> float:
        """The difference, from the same months."""
        return statistics.fmean(self.same)

    @property
    def saved(self) -> float:
        """How many times fewer months give the same interval: the ratio of the variances."""
        return statistics.variance(self.own) / statistics.variance(self.same)


def compared(example: Example) -> list[Compared]:
    """The option with an idle timeout of 5 s beside three others, the most alike first; `SAMPLES` pairs each."""
    base = example.bills(IDLE_S, 2 * SAMPLES)
    others = {
        f"a timeout of {NEAR_IDLE_S:g} s": example.bills(NEAR_IDLE_S, 2 * SAMPLES),
        "one worker": _with_workers(example, 1).bills(IDLE_S, 2 * SAMPLES),
        f"a timeout of {LONG_IDLE_S:g} s": example.bills(LONG_IDLE_S, 2 * SAMPLES),
    }
    return [
        Compared(name=name, same=_differences(bills, base[:SAMPLES]), own=_differences(bills, base[SAMPLES:]))
        for name, bills in others.items()
    ]


def _differences(first: Sequence[float], second: Iterable[float]) -> tuple[float, ...]:
    return tuple(one - other for one, other in zip(first, second, strict=False))


def _with_workers(example: Example, most: int) -> Example:
    (task,) = example.service.inference
    changed = dataclasses.replace(task, max_workers=most)
    return example_of(dataclasses.replace(example.service, inference=(changed,)), example.market)
