"""Why is a bill another one than was assumed? The difference, shared out among the things that changed."""

from __future__ import annotations

import dataclasses
from itertools import combinations
from math import factorial, fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from outgrow.domain.task import InferenceTask
    from outgrow.domain.workload import Service

MOST_FACTORS = 8
"""2^8 bills are worked out for as many factors; more would take minutes."""

REQUESTS, HOURS, SERVICE_TIME, COLD_START = "requests", "hours-and-sessions", "service-time", "cold-start"
PRICES, CURRENCY = "prices", "currency"

OF_TASK: dict[str, tuple[str, ...]] = {
    REQUESTS: ("requests_per_day", "base_daily_active"),
    HOURS: ("day_shape", "arrivals"),
    SERVICE_TIME: ("service_s", "service_cv", "service_times_s"),
    COLD_START: ("cold_start_s", "cold_start_cv", "cold_starts_s"),
}
"""Which fields of a task a factor is made of."""


def attributed(factors: Sequence[str], value: Callable[[frozenset[str]], float]) -> dict[str, float]:
    """What each factor adds to ``value(all factors)`` above ``value(none)``; together exactly that difference.

    ``value(S)`` is the bill (US dollars a month) with the factors of S as measured and the others as assumed. A factor
    gets the mean of what it adds over all orders in which the factors could have changed: the sum over S without it of
    ``|S|! (n - |S| - 1)! / n! x (value(S and it) - value(S))``. At most `MOST_FACTORS` (ValueError). What two factors
    do together is halved between them; which came first in truth is not known. Source: Shapley 1953.
    """
    if len(factors) > MOST_FACTORS:
        raise ValueError(f"factors: {len(factors)} found; allowed are {MOST_FACTORS}")
    count = len(factors)
    known = {
        frozenset(some): value(frozenset(some)) for size in range(count + 1) for some in combinations(factors, size)
    }
    shares = {}
    for factor in factors:
        rest = [name for name in factors if name != factor]
        shares[factor] = fsum(
            factorial(size)
            * factorial(count - size - 1)
            / factorial(count)
            * (known[frozenset((*some, factor))] - known[frozenset(some)])
            for size in range(count)
            for some in combinations(rest, size)
        )
    return shares


def mixed(assumed: Service, measured: Service, task: str, factors: Collection[str]) -> Service:
    """The assumed service with these factors of one task as measured."""
    tasks = tuple(
        _mixed_task(before, after, factors) if before.name == task else before
        for before, after in zip(assumed.inference, measured.inference, strict=True)
    )
    return dataclasses.replace(assumed, inference=tasks)


def _mixed_task(before: InferenceTask, after: InferenceTask, factors: Collection[str]) -> InferenceTask:
    names = [name for factor in factors for name in OF_TASK.get(factor, ())]
    return dataclasses.replace(before, **{name: getattr(after, name) for name in names})


def changed(assumed: Service, measured: Service, task: str) -> list[str]:
    """Factors of a task in which two services differ."""
    before, after = (next(one for one in of.inference if one.name == task) for of in (assumed, measured))
    return [
        factor
        for factor, names in OF_TASK.items()
        if any(getattr(before, name) != getattr(after, name) for name in names)
    ]
