"""What callers, owners and quiet days do to a pool, one rule at a time, worked out by hand; retries do not multiply workers."""

from __future__ import annotations

import itertools
import math

import pytest

from outgrow.sim.compiled import Engine, simulate
from outgrow.sim.laws import Empirical, Exponential, Fixed, Lognormal
from outgrow.sim.model import (
    FloorOnly,
    Interruptions,
    QueueDelay,
    Quiet,
    RateLimit,
    RequestCount,
    Retry,
    WorkerPool,
)
from outgrow.sim.observed import Ending, Span
from outgrow.sim.requests import DAY_S, Sessions, steady

from .engines import ENGINES, assert_covers
from .test_kernel_rules import at, ended, play, pool

pytestmark = pytest.mark.parametrize("engine", ENGINES)

PLAIN_RETRY = Retry(attempts=3, pause_s=1.0, factor=2.0, jitter_frac=0.0)


def test_a_caller_that_times_out_in_the_queue_asks_again_and_is_answered(engine: Engine) -> None:
    # Asks at 0 and, given up on at 6, again at 7; the worker that started at 0 is ready at 10.
    observed = play(pool(timeout_s=6.0, retry=PLAIN_RETRY), at(0.0), engine)
    assert ended(observed) == [(0, 10, 13, Ending.COMPLETED)]
    assert (observed.meters.attempts, observed.meters.cold_starts, observed.meters.flex_s) == (2, 1, 18)
    assert observed.meters.response_s == 13


def test_pauses_grow_and_the_last_attempt_ends_it(engine: Engine) -> None:
    # 0 to 2, pause 1, 3 to 5, pause 2, 7 to 9.
    observed = play(pool(max_workers=0, timeout_s=2.0, retry=PLAIN_RETRY), at(0.0), engine)
    assert ended(observed) == [(0, -1, 9, Ending.TIMED_OUT)]
    assert observed.records is not None
    assert observed.records[-1] == 3


def test_a_time_out_in_service_asks_again_while_the_worker_goes_on_for_nobody(engine: Engine) -> None:
    # Served from 10 to 30 for nobody: given up on at 15. Asked at 16, served from 30, given up on at 31. Asked at 33, it
    # waits for the worker until 48.
    observed = play(pool(service=Fixed(value_s=20), timeout_s=15.0, retry=PLAIN_RETRY), at(0.0), engine)
    assert ended(observed) == [(0, -1, 48, Ending.TIMED_OUT)]
    assert (observed.meters.busy_s, observed.meters.wasted_s) == (40, 40)
    assert observed.meters.attempts == 3


def test_failures_and_rejections_are_asked_again_too(engine: Engine) -> None:
    failing = play(pool(failure_share=1.0, retry=PLAIN_RETRY), at(0.0), engine)
    assert ended(failing) == [(0, 19, 22, Ending.FAILED)]  # 10 to 13, again at 14 to 17, pause 2, again at 19
    full = play(pool(queue_limit=0, retry=PLAIN_RETRY, scaler=FloorOnly()), at(0.0), engine)
    assert ended(full) == [(0, -1, 3, Ending.REJECTED)]


def test_no_caller_asks_again_beyond_its_patience(engine: Engine) -> None:
    model = pool(max_workers=0, timeout_s=2.0, retry=PLAIN_RETRY, patience=Fixed(value_s=4))
    assert ended(play(model, at(0.0), engine)) == [(0, -1, 4, Ending.ABANDONED)]
    model = pool(max_workers=0, timeout_s=2.0, retry=PLAIN_RETRY, patience=Fixed(value_s=3))
    assert ended(play(model, at(0.0), engine)) == [(0, -1, 2, Ending.TIMED_OUT)]


def test_pauses_are_spread_evenly_around_their_length(engine: Engine) -> None:
    spread = Retry(attempts=2, pause_s=10.0, factor=1.0, jitter_frac=0.5)
    model = pool(max_workers=0, timeout_s=1.0, retry=spread)
    pauses = [row[2] - row[0] - 2 for row in ended(play(model, at(*map(float, range(900))), engine, horizon_s=2000))]
    assert (min(pauses) > 5, max(pauses) < 15) == (True, True)
    assert_covers(pauses, 10)
    assert_covers([(pause - 10) ** 2 for pause in pauses], 100 / 12)


def test_tokens_let_a_burst_in_and_then_so_many_a_second(engine: Engine) -> None:
    model = pool(active=(1,) * 24, service=Fixed(value_s=0), rate_limit=RateLimit(per_s=2, burst=10))
    meters = play(model, at(*[0.001 * k for k in range(50)]), engine).meters
    assert (meters.completed, meters.rejected) == (10, 40)
    meters = play(model, at(*[0.1 * k for k in range(200)]), engine).meters
    assert meters.completed == 10 + math.floor(2 * 19.9)


def test_a_rate_limited_api_is_asked_until_it_answers(engine: Engine) -> None:
    api = WorkerPool(
        service=Fixed(value_s=2),
        active=(1,) * 24,
        max_workers=1,
        slots=50,
        scaler=FloorOnly(),
        queue_limit=0,
        rate_limit=RateLimit(per_s=1.0, burst=1),
        retry=Retry(attempts=8, pause_s=1.0, jitter_frac=0.0, factor=1.0),
    )
    meters = play(api, at(0.0, 0.0, 0.0), engine).meters
    assert (meters.completed, meters.attempts, meters.response_s) == (3, 6, 2 + 3 + 4)


def test_nothing_starts_beside_a_floor_alone(engine: Engine) -> None:
    model = pool(max_workers=3, active=(1,) * 24, scaler=FloorOnly())
    assert play(model, at(*[0.0] * 9), engine).meters.cold_starts == 0


def test_scheduled_servers_finish_the_queue_and_go(engine: Engine) -> None:
    hours = (1, 0) + (0,) * 22
    model = pool(active=hours, max_workers=1, scaler=FloorOnly(), idle_timeout=Fixed(value_s=0))
    observed = play(model, at(3599.0, 3599.5, 4000.0), engine, horizon_s=90_000)
    assert [row[1] for row in ended(observed)] == [3599, 3602, 86_410]
    assert observed.meters.flex_s == 5  # from the hour to the end of the second request


def test_a_worker_taken_back_finishes_what_it_can_within_the_notice(engine: Engine) -> None:
    spot = pool(
        active=(1,) * 24,
        scaler=FloorOnly(),
        service=Fixed(value_s=50),
        interruptions=Interruptions(mean_s=200, notice_s=60),
    )
    observed = simulate(spot, steady(0.004), Span(horizon_s=2e6, seed=5), records=True, asked=engine)
    meters = observed.meters
    assert meters.lost_workers == pytest.approx(2e6 / 200, rel=0.05)
    assert (meters.interrupted, meters.wasted_s) == (0, 0)
    assert meters.completed + meters.unfinished == meters.arrivals
    assert meters.active_s + meters.flex_s == pytest.approx(meters.cold_s + meters.busy_s + meters.idle_s)


def test_what_the_notice_cuts_short_begins_anew_at_the_head_of_the_queue(engine: Engine) -> None:
    spot = pool(
        active=(1,) * 24,
        scaler=FloorOnly(),
        service=Fixed(value_s=50),
        interruptions=Interruptions(mean_s=100, notice_s=10),
    )
    observed = simulate(spot, steady(0.001), Span(horizon_s=3e6, seed=5), records=True, asked=engine)
    meters = observed.meters
    assert meters.interrupted > 500
    assert meters.busy_s > 50 * meters.completed * 1.2
    assert meters.completed + meters.unfinished == meters.arrivals
    took = [row[2] - row[1] for row in ended(observed)]
    assert took == pytest.approx([50.0] * len(took))
    # A run of 50 s is cut where the notice comes in its first 40 s; exponential lives have no memory, so a start of 10 s
    # and each try of 50 s survive with these chances.
    assert meters.interrupted / (meters.interrupted + meters.completed) == pytest.approx(
        1 - math.exp(-40 / 100), abs=0.02
    )


def test_quiet_days_lower_the_limit_until_a_person_raises_it(engine: Engine) -> None:
    model = pool(max_workers=3, quiet=Quiet(raised_after_s=3600.0))
    three, seven = 3 * DAY_S, 7 * DAY_S
    observed = play(model, at(three, three, three), engine, horizon_s=2 * seven)
    assert observed.meters.cold_starts == 2
    observed = play(model, at(seven), engine, horizon_s=2 * seven)
    assert [row[1] for row in ended(observed)] == [seven + 3600 + 10]
    assert observed.meters.switched_off == 1
    never = pool(quiet=Quiet(raised_after_s=math.inf), patience=Fixed(value_s=60))
    assert [row[3] for row in ended(play(never, at(seven), engine, horizon_s=2 * seven))] == [Ending.ABANDONED]
    assert play(model, at(three - 1), engine, horizon_s=seven).meters.switched_off == 0


def test_request_count_keeps_a_worker_it_would_start_again(engine: Engine) -> None:
    # Two on one worker want a second one (per_worker 1), which idles beside them until they are done.
    model = pool(slots=2, max_workers=2, scaler=RequestCount(per_worker=1), service=Fixed(value_s=100))
    meters = play(model, at(0.0, 0.0), engine).meters
    assert (meters.cold_starts, meters.stretches) == (2, 2)
    assert meters.flex_s == 2 * (10 + 100 + 5)


def test_stretches_are_rounded_up_to_seconds_and_blocks(engine: Engine) -> None:
    meters = play(pool(service=Fixed(value_s=3.25)), at(0.0, 100.0), engine).meters
    assert (meters.stretches, meters.second_slack_s) == (2, pytest.approx(1.5))
    assert meters.block_slack_s == pytest.approx(2 * (300 - 18.25))
    exact = play(pool(), at(100.1, 200.3), engine).meters
    assert exact.second_slack_s == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize(
    ("cold_start_s", "timeout_s", "scaler"),
    [
        *itertools.product((30.0, 60.0, 120.0), (10.0, 30.0), (QueueDelay(delay_s=4.0), RequestCount(per_worker=1))),
        (90.0, 30.0, RequestCount(per_worker=4)),
    ],
)
def test_retries_against_a_cold_endpoint_do_not_multiply_workers(
    engine: Engine, cold_start_s: float, timeout_s: float, scaler: QueueDelay | RequestCount
) -> None:
    """Issue: billed seconds at most 1.3 times those without retries, under the default policy."""
    days = 100 if engine == "compiled" else 10
    for per_hour, size in ((2.0, 1.0), (2.0, 2.2), (25.0, 2.2)):
        requests = Sessions(per_hour=(per_hour,) * 24, size=size, gap=Lognormal(mean_s=100, cv=1), day_variance=0.44)
        once, again = (
            simulate(
                WorkerPool(
                    service=Lognormal(mean_s=3, cv=0.5),
                    cold_start=Lognormal(mean_s=cold_start_s, cv=0.3),
                    scaler=scaler,
                    timeout_s=timeout_s,
                    retry=retry,
                ),
                requests,
                Span(horizon_s=days * DAY_S, seed=3),
                asked=engine,
            ).meters
            for retry in (None, Retry())
        )
        assert again.attempts > once.attempts == once.arrivals
        assert again.flex_s <= 1.3 * once.flex_s
        assert again.completed >= once.completed


def test_a_cancelled_attempt_costs_less_than_one_that_is_left_in_the_queue(engine: Engine) -> None:
    shared = {
        "service": Exponential(mean_s=30),
        "cold_start": Fixed(value_s=60),
        "timeout_s": 20.0,
        "retry": Retry(attempts=5),
    }
    span = Span(horizon_s=20 * DAY_S, seed=4)
    cancelled, left = (
        simulate(WorkerPool(**shared, timeout_drops=drops), steady(0.002), span, asked=engine).meters  # type: ignore[arg-type]
        for drops in (True, False)
    )
    assert left.wasted_s > 1.5 * cancelled.wasted_s
    assert left.flex_s > cancelled.flex_s


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Retry(attempts=0), "retry.attempts: 0"),
        (lambda: Retry(jitter_frac=1.5), "retry.jitter_frac: 1.5"),
        (lambda: RateLimit(per_s=0, burst=1), "rate_limit.per_s: 0"),
        (lambda: RateLimit(per_s=1, burst=0.5), "rate_limit.burst: 0.5"),
        (lambda: Interruptions(mean_s=0), "interruptions.mean_s: 0"),
        (lambda: Quiet(reduced_after_s=9, off_after_s=3), "quiet.off_after_s: 3"),
        (lambda: Sessions(per_hour=(1.0,) * 24, size=0.5), "size: 0.5"),
        (lambda: Sessions(per_hour=(1.0,) * 23), "per_hour: 23 found"),
        (lambda: Sessions(per_hour=(1.0,) * 24, day_factors=(0.0,)), "day_factors: 0 on every day"),
        (lambda: Sessions(per_hour=(1.0,) * 24, gap=Empirical(values_s=())), "gap: an empirical law without values"),
    ],
)
def test_rules_without_meaning_are_refused(engine: Engine, build, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace(".", r"\.")):
        build()


def test_a_request_waits_once_however_often_it_is_asked(engine: Engine) -> None:
    api = pool(max_workers=1, slots=9, active=(1,) * 24, queue_limit=0, failure_share=1.0, retry=PLAIN_RETRY)
    observed = play(api, at(0.0, 100.0), engine)
    assert (observed.meters.attempts, observed.meters.waited, observed.wait.total) == (6, 0, 2)
    # Taken up at 10, lost with its worker and begun anew: it waited until 10.
    spot = pool(service=Fixed(value_s=50), interruptions=Interruptions(mean_s=60, notice_s=10))
    thrown = simulate(spot, steady(0.001), Span(horizon_s=1e6, seed=5), asked=engine)
    assert thrown.meters.interrupted > 100
    assert thrown.meters.waited <= thrown.meters.arrivals
    assert thrown.wait.total <= thrown.meters.arrivals


def test_who_is_thrown_back_after_his_time_was_over_left_when_it_was(engine: Engine) -> None:
    spot = pool(
        active=(1,) * 24,
        scaler=FloorOnly(),
        service=Fixed(value_s=50),
        timeout_s=55.0,
        interruptions=Interruptions(mean_s=100, notice_s=10),
    )
    observed = simulate(spot, steady(0.004), Span(horizon_s=1e6, seed=5), records=True, asked=engine)
    late = [row for row in ended(observed) if row[3] == Ending.TIMED_OUT]
    assert len(late) > 100
    assert [row[2] - row[0] for row in late] == pytest.approx([55.0] * len(late))
