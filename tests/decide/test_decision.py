"""The whole decision on workloads unlike each other: what must hold whatever is asked, crossovers, warnings."""

from __future__ import annotations

import dataclasses
import math
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from outgrow.catalog.options import all_options, option
from outgrow.decide.constraints import violations
from outgrow.decide.crossover import along_inputs, without_budget
from outgrow.decide.decision import decide
from outgrow.decide.size import choose
from outgrow.domain.drivers import with_values
from outgrow.domain.option import Question
from outgrow.domain.task import DataClass, ExternalApi, InferenceTask
from outgrow.domain.workload import (
    Credit,
    Database,
    DataRule,
    Driver,
    HostedComponent,
    Service,
    Source,
    Tier,
    Trust,
    Users,
    Web,
)

if TYPE_CHECKING:
    from outgrow.catalog.context import Market
    from outgrow.domain.verdict import Candidate, Decision

USERS = "users.daily_active"
WORKLOADS = (
    "as it is",
    "zero users",
    "one user",
    "a million users",
    "huge egress",
    "no database",
    "no inference",
    "several tasks",
    "ten million vectors",
    "a region without prices",
    "nothing but users",
)


def workload(receipts: Service, name: str) -> Service:  # noqa: C901, PLR0911 - a table
    (task,) = receipts.inference
    match name:
        case "zero users":
            return with_values(receipts, {USERS: 0})
        case "one user":
            return with_values(receipts, {USERS: 1})
        case "a million users":
            return with_values(receipts, {USERS: 1e6})
        case "huge egress":
            return with_values(receipts, {"web.egress_kb_per_request": 1e9})
        case "no database":
            return dataclasses.replace(receipts, database=None)
        case "no inference":
            return dataclasses.replace(receipts, inference=(), drivers=(), inputs=())
        case "several tasks":
            more = dataclasses.replace(task, name="thumbnails", service_s=0.2, gpu_memory_gib=8, target_p95_s=None)
            return dataclasses.replace(receipts, inference=(task, more, dataclasses.replace(more, name="search")))
        case "ten million vectors":
            return with_values(receipts, {"database.vectors": 1e7, "database.dimensions": 768})
        case "a region without prices":
            return dataclasses.replace(receipts, region="mars-1")
        case "nothing but users":
            return Service(name="s", region="us-east-1", users=Users(daily_active=5.0))
    return receipts


@pytest.fixture(scope="module", params=WORKLOADS)
def decided(request: pytest.FixtureRequest, market: Market, receipts: Service) -> Decision:
    return decide(workload(receipts, request.param), market, all_options(), samples=12)


def candidates(decision: Decision) -> list[Candidate]:
    return [candidate for answer in decision.answers for candidate in answer.candidates]


def test_every_option_asked_is_either_a_candidate_or_rejected_with_a_reason(decided: Decision) -> None:
    for answer in decided.answers:
        ranked = {candidate.priced.shape.option for candidate in answer.candidates}
        refused = {rejection.option for rejection in answer.rejections}
        assert ranked | refused == {recipe.id for recipe in all_options() if recipe.question is answer.question}
        assert not ranked & refused
        assert answer.chosen == (answer.candidates[0].priced.shape.option if answer.candidates else None)
        for rejection in answer.rejections:
            assert rejection.reason.code
            assert rejection.found
            assert rejection.allowed


def test_a_candidate_breaks_no_constraint(decided: Decision, market: Market) -> None:
    for candidate in candidates(decided):
        assert violations(candidate.priced, decided.service, market.on, market.max_age_days) == ()


def test_figures_of_candidates_are_numbers_in_order(decided: Decision) -> None:
    for answer in decided.answers:
        if answer.candidates:
            assert sum(candidate.first_share for candidate in answer.candidates) == pytest.approx(1)
            assert min(candidate.regret_usd for candidate in answer.candidates) >= 0
    for one in candidates(decided):
        assert 0 <= one.monthly_usd.low <= one.monthly_usd.mid <= one.monthly_usd.high < math.inf
        assert 0 <= one.interval_80[0] <= one.interval_80[1] < math.inf
        assert one.priced.monthly_usd == one.monthly_usd.mid
        assert one.cold_share is None or 0 <= one.cold_share <= 1
        times = [seconds for seconds in (one.p50_s, one.p95_s) if seconds is not None]
        assert times == sorted(times)
        assert all(0 <= seconds < math.inf for seconds in times)


def test_candidates_stand_in_the_order_of_their_regret_unless_the_first_two_are_tied(decided: Decision) -> None:
    for answer in decided.answers:
        regrets = [candidate.regret_usd for candidate in answer.candidates]
        start = 2 if answer.indifferent else 0
        assert regrets[start:] == sorted(regrets[start:])
        assert (answer.tie_breaker is None) == (answer.indifferent == ())


def test_a_pair_is_one_bill(decided: Decision) -> None:
    for pair in decided.pairs:
        assert pair.monthly_usd == sum((line.amount_usd for line in pair.bill.lines), Decimal(0))
    if decided.pairs and decided.answers[-1].question is Question.INFERENCE:
        assert (decided.pairs[0].platform, decided.pairs[0].inference) == tuple(a.chosen for a in decided.answers)
    rest = [pair.monthly_usd for pair in decided.pairs[1:]]
    assert decided.service.inference == () or rest == sorted(rest)


def test_the_same_question_has_the_same_answer(decided: Decision, market: Market) -> None:
    again = decide(decided.service, market, all_options(), samples=12)
    assert again.answers == decided.answers
    assert again.warnings == decided.warnings
    assert again.surface == decided.surface
    assert again.measure_first == decided.measure_first


def test_where_demand_changes_the_ranking_the_bills_do_change_sides(decided: Decision, market: Market) -> None:
    unbounded = without_budget(decided.service)
    for answer in decided.answers:
        for turn in answer.crossovers:
            if turn.driver != USERS or turn.method != "sized-bills":
                continue
            recipes = [option(name, "test") for name in turn.between]
            for factor, better in ((0.99, 0), (1.01, 1)):
                load = with_values(unbounded, {USERS: turn.value * factor})
                found = [choose(recipe, load, market) for recipe in recipes]
                costs = [
                    one.priced.monthly_usd if one.feasible and one.priced is not None else math.inf for one in found
                ]
                assert costs[better] <= costs[1 - better], (turn, factor, costs)
            assert turn.low is None or turn.low <= turn.value * 1.01
            assert turn.high is None or turn.high >= turn.value * 0.99


def test_no_inference_asks_one_question_and_pairs_platforms_with_nothing(market: Market, receipts: Service) -> None:
    decision = decide(workload(receipts, "no inference"), market, all_options(), samples=4)
    assert [answer.question for answer in decision.answers] == [Question.PLATFORM]
    assert {pair.inference for pair in decision.pairs} == {""}
    assert decision.surface is None


def test_the_formula_crossovers_of_the_document_are_there(market: Market, receipts: Service) -> None:
    turns = decide(receipts, market, all_options(), samples=4).answer(Question.INFERENCE).crossovers
    (cold,) = [turn for turn in turns if turn.method == "always-cold" and turn.between[1] == "runpod-active"]
    (busy,) = [turn for turn in turns if turn.method == "busy-time-only" and turn.between[1] == "runpod-active"]
    assert (cold.low, cold.value, cold.high) == (
        pytest.approx(277, rel=0.01),
        pytest.approx(522, rel=0.01),
        pytest.approx(934, rel=0.01),
    )
    assert busy.value == pytest.approx(11_829, rel=0.01)
    assert cold.requests_per_month == pytest.approx(cold.value * 50 / 30 * 730 / 24)


@pytest.mark.parametrize(("users", "high", "binds"), [(100, 300.0, "target-p95"), (1000, 120.0, "monthly_usd")])
def test_an_input_that_turns_the_ranking_says_what_binds(
    market: Market, receipts: Service, users: float, high: float, binds: str
) -> None:
    """Starts so slow that flex misses the target while it is still the cheaper; starts that only make it the dearer."""
    path = "inference.receipts.cold_start_s"
    driver = Driver(path=path, low=5.0, mid=10.0, high=high, source=Source.GUESSED)
    middle = with_values(without_budget(receipts), {USERS: users, path: driver.mid})
    recipes = [option(name, "test") for name in ("runpod-flex", "runpod-active")]
    (turned,) = along_inputs(recipes, dataclasses.replace(middle, drivers=(driver,)), market, "runpod-flex")
    assert (turned.between, turned.binds) == (("runpod-flex", "runpod-active"), binds)
    assert driver.mid < turned.value < high


def test_requests_at_a_crossover_follow_from_its_users(market: Market, receipts: Service) -> None:
    # 50 requests a day at 30 users, whatever the users are today.
    moved = with_values(receipts, {USERS: 60})
    for turn in decide(moved, market, all_options(), samples=4).answer(Question.INFERENCE).crossovers:
        if turn.driver == USERS:
            assert turn.requests_per_month == pytest.approx(turn.value * 50 / 30 * 730 / 24)


def test_the_surface_falls_with_the_cold_start_and_reuse_moves_it_up(market: Market, receipts: Service) -> None:
    surface = decide(receipts, market, all_options(), samples=4).surface
    assert surface is not None
    assert list(surface.always_cold) == sorted(surface.always_cold, reverse=True)
    assert surface.today == (60, 30)
    pairs = [
        (cold, warm) for cold, warm in zip(surface.always_cold, surface.predicted, strict=True) if warm is not None
    ]
    assert len(pairs) == len(surface.cold_start_s)
    assert all(warm >= cold * 0.98 for cold, warm in pairs)


def test_a_credit_is_followed_to_its_end_on_the_bill_of_the_chosen_pair(market: Market, receipts: Service) -> None:
    decision = decide(receipts, market, all_options(), samples=4)
    (runway,) = decision.runways
    assert runway.covers_usd_per_month == decision.pairs[0].bill.provider_usd("aws")
    assert runway.month_after_usd == decision.pairs[0].monthly_usd


def test_two_credits_of_one_provider_last_longer_than_either(market: Market, receipts: Service) -> None:
    credit = Credit(name="a", provider="aws", usd=Decimal(50), ends=receipts.credits[0].ends)
    both = dataclasses.replace(receipts, credits=(credit, dataclasses.replace(credit, name="b")))
    first, second = decide(both, market, all_options(), samples=4).runways
    assert first.ends_on != second.ends_on


def test_ten_terabytes_nobody_priced_do_not_make_an_option_the_cheapest(market: Market) -> None:
    web = HostedComponent(name="web", tier=Tier.FRONTEND, memory_gib=1, cpu_ms_per_request=5)
    service = Service(
        name="s",
        region="us-east-1",
        users=Users(daily_active=100.0),
        web=Web(requests_per_user_day=33.0, egress_kb_per_request=100_000.0),
        components=(web,),
    )
    answer = decide(service, market, all_options(), samples=4).answer(Question.PLATFORM)
    assert answer.chosen != "paas"


def test_payload_that_leaves_is_on_the_bill_of_a_pair_once(market: Market, receipts: Service) -> None:
    heavy = with_values(receipts, {"inference.receipts.payload_mb": 100})
    pair = decide(heavy, market, all_options(), samples=4).pairs[0]
    moved = sum(line.quantity + line.free for line in pair.bill.lines if line.sku == "aws/transfer/egress")
    web_gb = 30 * 60 * 60 * 730 / 24 / 1e6  # users x requests x kB
    assert pair.inference == "runpod-flex"
    assert float(moved) == pytest.approx(50 * 730 / 24 / 10 + web_gb, rel=0.01)


def codes(decision: Decision) -> list[str]:
    return [warning.code for warning in decision.warnings]


def test_warnings_name_unlike_sizes_third_parties_withdrawn_prices_and_guesses(
    market: Market, receipts: Service
) -> None:
    decision = decide(receipts, market, all_options(), samples=4)
    assert codes(decision)[0] == "warn.unlike"
    for code in (
        "warn.same-load",
        "warn.third-party",
        "warn.withdrawn",
        "warn.guesses",
        "warn.region",
        "warn.old-prices",
    ):
        assert code in codes(decision)
    assert len(set(decision.warnings)) == len(decision.warnings)


def test_a_payload_that_is_not_sensitive_may_go_to_a_third_party_without_a_warning(
    market: Market, receipts: Service
) -> None:
    (task,) = receipts.inference
    public = dataclasses.replace(receipts, inference=(dataclasses.replace(task, data_class=DataClass.PUBLIC),))
    assert "warn.third-party" not in codes(decide(public, market, all_options(), samples=4))


def test_pins_of_one_size_are_not_called_unlike(market: Market, receipts: Service) -> None:
    same = dataclasses.replace(receipts, pins={"ec2-single": receipts.pins["ec2-single"]}, document=None)
    found = codes(decide(same, market, all_options(), samples=4))
    assert "warn.unlike" not in found
    assert "warn.region" not in found


def test_an_api_that_may_read_the_payload_wins_where_it_is_cheapest(market: Market, receipts: Service) -> None:
    # One request a day: 0.30 USD by the page, 0.39 USD on flex.
    task = InferenceTask(
        name="read",
        requests_per_day=1,
        base_daily_active=30,
        service_s=3,
        cold_start_s=60,
        gpu_memory_gib=24,
        data_class=DataClass.PUBLIC,
        external=ExternalApi(sku="aws/textract/analyze-expense"),
    )
    public = {DataClass.PUBLIC: DataRule(at_most=Trust.EXTERNAL_SERVICE)}
    constraints = dataclasses.replace(receipts.constraints, data={**receipts.constraints.data, **public})
    service = dataclasses.replace(receipts, inference=(task,), constraints=constraints, drivers=(), inputs=())
    answer = decide(service, market, all_options(), samples=4).answer(Question.INFERENCE)
    assert answer.chosen == "external-api"
    assert answer.candidates[0].monthly_usd.mid == pytest.approx(730 / 24 * 0.01)


def test_a_database_the_web_host_must_not_take_down_leaves_the_single_host_out(
    market: Market, receipts: Service
) -> None:
    constraints = dataclasses.replace(receipts.constraints, database_survives_web_host=True, database_private=True)
    service = dataclasses.replace(receipts, constraints=constraints, database=Database())
    answer = decide(service, market, all_options(), samples=4).answer(Question.PLATFORM)
    broken = {rejection.constraint for rejection in answer.rejections if rejection.option == "ec2-single"}
    assert broken == {"database-private", "fault-isolation"}
    assert answer.chosen == "ec2-split"


def test_the_measurement_to_take_first_moves_the_bill_most(market: Market, receipts: Service) -> None:
    first = decide(receipts, market, all_options(), samples=4).measure_first
    assert first is not None
    assert first.path == "inference.receipts.cold_start_s"
    ends = [
        decide(with_values(receipts, {first.path: value}), market, all_options(), samples=4) for value in (30.0, 120.0)
    ]
    bills = [sum(answer.candidates[0].monthly_usd.mid for answer in end.answers) for end in ends]
    assert first.swing_usd == pytest.approx(bills[1] - bills[0])
