"""Gateways to try the rules on, drawn and by hand."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from outgrow.domain.backend import Backend, BackendKind, Budget, Gateway, Period, Rates, Task
from outgrow.domain.task import DataClass
from outgrow.domain.workload import Trust

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NAMES = ("a", "b", "c", "d")
RATES = st.floats(min_value=0, max_value=1e4, allow_nan=False)


def backend(name: str, trust: Trust, **more) -> Backend:
    return Backend(name=name, kind=BackendKind.LOCAL, operator="us", trust=trust, **more)


@st.composite
def rates(draw) -> Rates:
    return Rates(
        per_second=draw(RATES), per_input_token=draw(RATES), per_output_token=draw(RATES), per_call=draw(RATES)
    )


@st.composite
def backends(draw) -> Backend:
    seconds = st.floats(min_value=0, max_value=1e5, allow_nan=False)
    return backend(
        draw(st.sampled_from(NAMES)),
        draw(st.sampled_from(Trust)),
        rates=draw(st.just(Rates()) | rates()),
        concurrency=draw(st.integers(0, 3)),
        timeout_s=draw(seconds),
        cold_start_s=draw(seconds),
        idle_timeout_s=draw(seconds),
    )


@st.composite
def tasks(draw) -> Task:
    return Task(
        name=draw(st.sampled_from(("t", "u"))),
        backends=tuple(draw(st.lists(st.sampled_from((*NAMES, "missing")), max_size=5))),
        data=draw(st.sampled_from(DataClass)),
        input_tokens=draw(st.integers(0, 10_000)),
        output_tokens=draw(st.integers(0, 10_000)),
    )


@st.composite
def gateways(draw) -> Gateway:
    """Any gateway a program can build, also such as no file would be let through: names twice, classes twice."""
    rule = st.tuples(st.sampled_from(DataClass), st.sampled_from(Trust))
    budget = st.builds(
        Budget,
        usd_micro=st.integers(0, 10**9),
        period=st.sampled_from(Period),
        task=st.none() | st.sampled_from(("t", "u")),
        key=st.none() | st.just("k"),
    )
    return Gateway(
        tasks=tuple(draw(st.lists(tasks(), min_size=1, max_size=3))),
        backends=tuple(draw(st.lists(backends(), max_size=5))),
        reach=tuple(draw(st.lists(rule, max_size=4))),
        budgets=tuple(draw(st.lists(budget, max_size=3))),
    )
