"""The plain and the compiled kernel are each other's oracle: any configuration, any seed, equal output to the last bit."""

from __future__ import annotations

import dataclasses
import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.sim.compiled import simulate
from outgrow.sim.laws import Empirical, Exponential, Fixed, Lognormal
from outgrow.sim.model import (
    EachWait,
    Fitted,
    Given,
    PerRequest,
    Poisson,
    QueueDelay,
    RequestCount,
    Span,
    WorkerPool,
)

from .engines import BUILT

pytestmark = pytest.mark.skipif(not BUILT, reason="the compiled kernel is not built here")

# Whole and half seconds on purpose: they make ties.
seconds = st.one_of(st.integers(0, 20).map(float), st.sampled_from([0.5, 1.5, 600.0]), st.floats(0, 100))
laws = st.one_of(
    st.builds(Fixed, value_s=seconds),
    st.builds(Exponential, mean_s=seconds),
    st.builds(Lognormal, mean_s=st.floats(0.01, 60), cv=st.floats(0, 3)),
    st.builds(Empirical, values_s=st.lists(seconds, min_size=1, max_size=5).map(tuple)),
)
idle_laws = st.one_of(laws, st.just(Fixed(value_s=math.inf)))
scalers = st.one_of(
    st.builds(QueueDelay, delay_s=seconds),
    st.builds(RequestCount, per_worker=st.integers(1, 5)),
    st.just(EachWait()),
    st.builds(Fitted, at_once=st.integers(1, 4)),
)
rates = st.one_of(
    st.floats(0, 600).map(lambda requests: (requests,) * 24),
    st.lists(st.sampled_from([0.0, 3.0, 60.0, 400.0]), min_size=24, max_size=24).map(tuple),
)


@st.composite
def pools(draw: st.DrawFn) -> WorkerPool:
    most = draw(st.integers(0, 5))
    active = draw(
        st.one_of(
            st.integers(0, most).map(lambda n: (n,) * 24),
            st.lists(st.integers(0, most), min_size=24, max_size=24).map(tuple),
        )
    )
    return draw(
        st.builds(
            WorkerPool,
            service=laws,
            cold_start=laws,
            warm_start=laws,
            warm_share=st.sampled_from([0.0, 0.4, 1.0]),
            warm_fade_s=st.sampled_from([10.0, 600.0, math.inf]),
            idle_timeout=idle_laws,
            active=st.just(active),
            max_workers=st.just(most),
            slots=st.integers(1, 3),
            scaler=scalers,
            queue_limit=st.one_of(st.none(), st.integers(0, 5)),
            patience=st.one_of(st.none(), laws),
            timeout_s=st.one_of(st.just(math.inf), seconds),
            timeout_drops=st.booleans(),
            failure_share=st.sampled_from([0.0, 0.1, 1.0]),
        )
    )


@st.composite
def traces(draw: st.DrawFn) -> Given:
    gaps = draw(st.lists(seconds, max_size=200))
    now, times = 0.0, array("d")
    for gap in gaps:
        now += gap
        times.append(now)
    services = st.lists(seconds, min_size=len(gaps), max_size=len(gaps)).map(lambda values: array("d", values))
    return Given(times_s=times, service_s=draw(st.one_of(st.none(), services)))


requests = st.one_of(st.builds(Poisson, per_hour=rates), traces())
spans = st.builds(
    Span,
    horizon_s=st.sampled_from([0.0, 900.0, 7200.0, 30_000.0]),
    seed=st.integers(-(2**65), 2**65),
)
warmups = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@settings(max_examples=300, deadline=None)
@given(pool=pools(), requests=requests, span=spans, warmup=warmups)
def test_a_worker_pool_is_the_same_in_both_kernels(
    pool: WorkerPool, requests: Poisson | Given, span: Span, warmup: float
) -> None:
    span = dataclasses.replace(span, warmup_s=warmup * span.horizon_s)
    plain, compiled = (simulate(pool, requests, span, records=True, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled
    endings = [getattr(plain.meters, name) for name in ("completed", "rejected", "timed_out", "abandoned", "failed")]
    assert sum(endings) + plain.meters.unfinished == plain.meters.arrivals
    assert len(plain.records or ()) == 6 * sum(endings)
    m = plain.meters
    assert m.cold_s + m.busy_s + m.idle_s == pytest.approx(m.active_s + m.flex_s, rel=1e-9, abs=1e-6)
    assert m.active_s + m.flex_s <= pool.max_workers * (span.horizon_s - span.warmup_s) * (1 + 1e-9) + 1e-6


@settings(max_examples=150, deadline=None)
@given(
    model=st.builds(PerRequest, warm=laws, cold=laws, expiry=idle_laws, max_instances=st.sampled_from([1, 2, 1000])),
    requests=requests,
    span=spans,
    warmup=warmups,
)
def test_scale_per_request_is_the_same_in_both_kernels(
    model: PerRequest, requests: Poisson | Given, span: Span, warmup: float
) -> None:
    span = dataclasses.replace(span, warmup_s=warmup * span.horizon_s)
    plain, compiled = (simulate(model, requests, span, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled


@pytest.mark.parametrize("times", [[2.0, 1.0], [-1.0], [math.nan], [1.0, math.inf]])
def test_arrivals_out_of_order_or_range_are_refused_in_the_same_words(times: list[float]) -> None:
    trace = Given(times_s=array("d", times))
    models = (
        WorkerPool(service=Fixed(value_s=1)),
        PerRequest(warm=Fixed(value_s=1), cold=Fixed(value_s=1), expiry=Fixed(value_s=1)),
    )
    for model in models:
        said = []
        for engine in ("plain", "compiled"):
            with pytest.raises(ValueError, match="ascending order from 0") as caught:
                simulate(model, trace, Span(horizon_s=1e9), asked=engine)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_a_service_time_that_is_none_is_refused_in_the_same_words() -> None:
    trace = Given(times_s=array("d", [1.0, 2.0]), service_s=array("d", [1.0, -1.0]))
    for engine in ("plain", "compiled"):
        with pytest.raises(ValueError, match=r"service_s: -1.0 found; allowed are finite times from 0"):
            simulate(WorkerPool(service=Fixed(value_s=1)), trace, Span(horizon_s=1e9), asked=engine)
