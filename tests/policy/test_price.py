"""A hold is never below a cost; both are exact."""

from __future__ import annotations

import math
from datetime import timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from outgrow.domain.backend import Rates, Task
from outgrow.domain.job import AttemptEnding, Meter
from outgrow.domain.workload import Trust
from outgrow.policy.price import cost, hold, most_billed_s

from .gateways import NOW, backend, backends, tasks

SHARE = st.floats(min_value=0, max_value=1)


def meter(billed_s: float, input_tokens: int = 0, output_tokens: int = 0) -> Meter:
    return Meter(
        job=UUID(int=1),
        attempt=1,
        task="t",
        backend="a",
        rule="",
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=1),
        ending=AttemptEnding.COMPLETED,
        billed_s=billed_s,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
    )


@given(backends(), tasks(), st.tuples(SHARE, SHARE, SHARE, SHARE, SHARE), st.booleans())
def test_no_cost_within_the_bounds_is_above_the_hold(one, task, shares, whole):
    start, run, idle, input_share, output_share = shares
    billed = one.cold_start_s * start + one.timeout_s * run + one.idle_timeout_s * idle
    billed = min(billed, one.cold_start_s + one.timeout_s + one.idle_timeout_s)
    tokens = int(task.input_tokens * input_share), int(task.output_tokens * output_share)
    found = cost(one.rates, meter(math.ceil(billed) if whole else billed, *tokens))
    assert found <= hold(one, task)
    asked = hold(one, task, input_tokens=tokens[0], output_tokens=tokens[1])
    assert found <= asked <= hold(one, task)


def test_by_hand():
    """24 GB on RunPod: (60 + 600 + 5) s x 190 = 126,350 micro-dollars; a receipt of 38 s costs 7,220."""
    gpu = backend(
        "gpu",
        Trust.RENTED_INFRASTRUCTURE,
        rates=Rates(per_second=190.0),
        timeout_s=600,
        cold_start_s=60,
        idle_timeout_s=5,
    )
    assert hold(gpu, Task(name="t", backends=("gpu",))) == 126_350
    assert cost(gpu.rates, meter(38)) == 7_220


def test_tenths_are_tenths_and_a_part_of_a_micro_dollar_is_one():
    assert cost(Rates(per_input_token=0.1), meter(0, 10)) == 1
    assert cost(Rates(per_input_token=0.15), meter(0, 1)) == 1
    assert cost(Rates(per_call=10_000.0), meter(0)) == 10_000
    assert cost(Rates(), meter(3600, 10, 10)) == 0


def test_seconds_are_rounded_up_together():
    assert most_billed_s(backend("a", Trust.OWN_HARDWARE, timeout_s=0.1, cold_start_s=0.2, idle_timeout_s=0.7)) == 1
