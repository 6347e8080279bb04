"""What an attempt may cost at most, and what it did cost, in whole micro-dollars."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from outgrow.domain.backend import Backend, Rates, Task
    from outgrow.domain.job import Meter


def most_billed_s(backend: Backend) -> int:
    """The most seconds one attempt can be billed for: start, execution and idle tail, rounded up to a whole second."""
    parts = (backend.cold_start_s, backend.timeout_s, backend.idle_timeout_s)
    return math.ceil(sum((_exact(part) for part in parts), Fraction(0)))


def hold(backend: Backend, task: Task, *, input_tokens: int | None = None, output_tokens: int | None = None) -> int:
    """Micro-dollars held of the budgets before an attempt: (start + time-out + idle tail) x rate + tokens + the call.

    A request that says how many tokens it may use holds those, never more than the task's. No cost of a meter within
    these bounds is above the hold, for each term is.
    """
    return _amount(
        backend.rates,
        most_billed_s(backend),
        _at_most(input_tokens, task.input_tokens),
        _at_most(output_tokens, task.output_tokens),
    )


def cost(rates: Rates, meter: Meter) -> int:
    """Micro-dollars of one attempt by its meter. ``billed_s`` is as the provider rounds it."""
    return _amount(rates, meter.billed_s, meter.input_tokens, meter.output_tokens)


def is_free(rates: Rates) -> bool:
    """Does nothing done there cost anything?"""
    return not (rates.per_second or rates.per_call or rates.per_input_token or rates.per_output_token)


def _at_most(asked: int | None, allowed: int) -> int:
    return allowed if asked is None else min(max(asked, 0), allowed)


def _amount(rates: Rates, seconds: float, input_tokens: int, output_tokens: int) -> int:
    """The terms are exact and the sum is rounded up once."""
    exact = (
        _exact(rates.per_second) * _exact(seconds)
        + _exact(rates.per_input_token) * input_tokens
        + _exact(rates.per_output_token) * output_tokens
        + _exact(rates.per_call)
    )
    return math.ceil(exact)


@lru_cache(maxsize=256)
def _exact(number: float) -> Fraction:
    """The decimal a float is written as: 0.1 is a tenth."""
    return Fraction(repr(number))
