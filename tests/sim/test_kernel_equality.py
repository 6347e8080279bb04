"""The plain and the compiled kernel are each other's oracle: any configuration, any seed, equal output to the last bit."""

from __future__ import annotations

import dataclasses
import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outgrow.sim.compiled import draw_arrivals, simulate
from outgrow.sim.laws import Empirical, Exponential, Fixed, Lognormal
from outgrow.sim.model import (
    EachWait,
    Fitted,
    FloorOnly,
    Host,
    Interruptions,
    PerRequest,
    QueueDelay,
    Quiet,
    RateLimit,
    RequestCount,
    Retry,
    WorkerPool,
)
from outgrow.sim.observed import RECORD_FIELDS, Span
from outgrow.sim.requests import Given, Poisson, Requests, Sessions

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
    st.just(FloorOnly()),
)
rates = st.one_of(
    st.floats(0, 600).map(lambda requests: (requests,) * 24),
    st.lists(st.sampled_from([0.0, 3.0, 60.0, 400.0]), min_size=24, max_size=24).map(tuple),
)


retries = st.builds(
    Retry,
    attempts=st.integers(1, 4),
    pause_s=seconds,
    factor=st.sampled_from([1.0, 2.0, 3.5]),
    jitter_frac=st.sampled_from([0.0, 0.5, 1.0]),
)
quiets = st.builds(
    Quiet,
    reduced_after_s=st.sampled_from([20.0, 200.0]),
    reduced_to=st.integers(0, 3),
    off_after_s=st.sampled_from([200.0, 1000.0, math.inf]),
    raised_after_s=st.one_of(seconds, st.just(math.inf)),
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
            retry=st.one_of(st.none(), retries),
            rate_limit=st.one_of(st.none(), st.builds(RateLimit, per_s=st.floats(1e-3, 1), burst=st.integers(1, 5))),
            interruptions=st.one_of(st.none(), st.builds(Interruptions, mean_s=st.floats(5, 5000), notice_s=seconds)),
            quiet=st.one_of(st.none(), quiets),
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


sessions = st.builds(
    Sessions,
    per_hour=rates,
    size=st.sampled_from([1.0, 1.5, 2.2, 8.0]),
    gap=laws,
    day_variance=st.sampled_from([0.0, 0.44, 3.0]),
    day_factors=st.one_of(st.just(()), st.just((0.0, 2.5, 0.5))),
)
requests = st.one_of(st.builds(Poisson, per_hour=rates), sessions, traces())
spans = st.builds(
    Span,
    horizon_s=st.sampled_from([0.0, 900.0, 7200.0, 30_000.0]),
    seed=st.integers(-(2**65), 2**65),
)
warmups = st.sampled_from([0.0, 0.1, 0.5, 1.0])


@settings(max_examples=300, deadline=None)
@given(pool=pools(), requests=requests, span=spans, warmup=warmups)
def test_a_worker_pool_is_the_same_in_both_kernels(
    pool: WorkerPool, requests: Requests, span: Span, warmup: float
) -> None:
    span = dataclasses.replace(span, warmup_s=warmup * span.horizon_s)
    plain, compiled = (simulate(pool, requests, span, records=True, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled
    endings = [getattr(plain.meters, name) for name in ("completed", "rejected", "timed_out", "abandoned", "failed")]
    assert sum(endings) + plain.meters.unfinished == plain.meters.arrivals
    assert len(plain.records or ()) == len(RECORD_FIELDS) * sum(endings)
    m = plain.meters
    assert m.cold_s + m.busy_s + m.idle_s == pytest.approx(m.active_s + m.flex_s, rel=1e-9, abs=1e-6)
    most = pool.max_workers * (2 if pool.interruptions else 1)
    assert m.active_s + m.flex_s <= most * (span.horizon_s - span.warmup_s) * (1 + 1e-9) + 1e-6


@settings(max_examples=150, deadline=None)
@given(
    model=st.builds(PerRequest, warm=laws, cold=laws, expiry=idle_laws, max_instances=st.sampled_from([1, 2, 1000])),
    requests=requests,
    span=spans,
    warmup=warmups,
)
def test_scale_per_request_is_the_same_in_both_kernels(
    model: PerRequest, requests: Requests, span: Span, warmup: float
) -> None:
    span = dataclasses.replace(span, warmup_s=warmup * span.horizon_s)
    plain, compiled = (simulate(model, requests, span, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled


@settings(max_examples=150, deadline=None)
@given(
    host=st.builds(
        Host,
        work=laws,
        vcpu=st.integers(1, 4),
        baseline_frac=st.one_of(st.none(), st.floats(0.05, 1)),
        unlimited=st.booleans(),
        launch_credits_s=st.one_of(seconds, st.just(1e9)),
        system_vcpu=st.sampled_from([0.0, 0.1]),
    ),
    requests=requests,
    span=spans,
    warmup=warmups,
)
def test_a_host_is_the_same_in_both_kernels(host: Host, requests: Requests, span: Span, warmup: float) -> None:
    span = dataclasses.replace(span, warmup_s=warmup * span.horizon_s)
    plain, compiled = (simulate(host, requests, span, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled
    m = plain.meters
    assert m.completed + m.unfinished == m.arrivals
    assert m.busy_s + m.idle_s == pytest.approx(host.vcpu * (span.horizon_s - span.warmup_s), rel=1e-9, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(requests=st.one_of(st.builds(Poisson, per_hour=rates), sessions), seed=st.integers(0, 2**64))
def test_arrivals_are_the_same_in_both_kernels_and_in_order(requests: Requests, seed: int) -> None:
    plain, compiled = (draw_arrivals(requests, seed, 200_000.0, asked=engine) for engine in ("plain", "compiled"))
    assert plain == compiled
    assert list(plain) == sorted(plain)


@settings(max_examples=60, deadline=None)
@given(pool=pools(), requests=sessions, span=spans)
def test_arrivals_drawn_first_play_as_those_drawn_on_the_way(pool: WorkerPool, requests: Sessions, span: Span) -> None:
    times = draw_arrivals(requests, span.seed, span.horizon_s)
    assert simulate(pool, Given(times_s=times), span) == simulate(pool, requests, span)


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
