"""Each constraint alone, sizing, and the levels derived from components."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from outgrow.catalog.gpu import MixedResponses
from outgrow.catalog.options import all_options, option
from outgrow.decide.constraints import violations
from outgrow.decide.evaluate import as_written, sized
from outgrow.decide.levels import levels
from outgrow.decide.size import choose
from outgrow.domain.arrivals import Arrivals
from outgrow.domain.bill import Basis, Bill, BillLine, Group, UnpricedLine
from outgrow.domain.message import message
from outgrow.domain.option import Capability, Host, Place, Question, Reach, Rejection, Shape, Support, Variant
from outgrow.domain.pool import FixedPool, Law
from outgrow.domain.task import Caller, DataClass, InferenceTask
from outgrow.domain.verdict import Priced
from outgrow.domain.workload import Constraints, DataRule, Need, Service, Trust, Users
from outgrow.sim.closed_form import predict
from outgrow.sim.response import Mixture, Part

if TYPE_CHECKING:
    from outgrow.catalog.context import Market
    from outgrow.catalog.recipe import Recipe

TODAY = date(2026, 11, 23)


def line(usd: int = 10, as_of: date = TODAY, group: Group = Group.CAPACITY) -> BillLine:
    return BillLine(
        component="host",
        sku="aws/ec2/x",
        meter="h",
        quantity=Decimal(1),
        unit="hour",
        rate_usd=Decimal(usd),
        amount_usd=Decimal(usd),
        group=group,
        basis=Basis.ASSUMED,
        region="any",
        source="made up",
        as_of=as_of,
        confidence="high",
    )


def made_of(bill: Bill | None = None, question: Question = Question.PLATFORM, **shape: Any) -> Priced:
    """An option that meets everything, but for what is given."""
    return Priced(
        shape=Shape(option="toy", question=question, variant=Variant.SIZED, usage=(), **shape),
        bill=bill or Bill(lines=(line(),)),
    )


def service(**fields: Any) -> Service:
    return Service(name="s", region="us-east-1", users=Users(daily_active=10.0), **fields)


def task(**fields: Any) -> InferenceTask:
    return InferenceTask(name="t", requests_per_day=24.0, base_daily_active=10.0, service_s=3.0, **fields)


def taking(seconds: float, workers: int = 1, per_hour: float = 1.0) -> dict[str, Any]:
    pool = FixedPool(service=Law(mean_s=seconds), workers=(workers,) * 24)
    return {"question": Question.INFERENCE, "outcome": predict(pool, Arrivals(per_hour=(per_hour,) * 24))}


def hole(*, material: bool) -> Bill:
    unpriced = UnpricedLine(component="disk", sku=None, reason=message("unpriced.no-rate"), material=material)
    return Bill(lines=(line(),), unpriced=(unpriced,))


RENTED = Place(operator="RunPod", country="JP", trust=Trust.RENTED_INFRASTRUCTURE)
SHARED = Host(name="host", machine="m", runs=("web", "database"))
NO = {Need.WEBSOCKET: Capability(support=Support.NO)}
LIMITED = {Need.WEBSOCKET: Capability(support=Support.LIMITED)}
AT_HOME = {DataClass.INTERNAL: DataRule(at_most=Trust.RENTED_INFRASTRUCTURE, countries=("KR",))}
IN_JAPAN = {DataClass.INTERNAL: DataRule(at_most=Trust.RENTED_INFRASTRUCTURE, countries=("JP", "KR"))}
# what is broken (or nothing), by which service, in which option
CASES = [
    ("excluded", service(without=frozenset({"toy"})), made_of()),
    (None, service(without=frozenset({"another"})), made_of()),
    ("need:websocket", service(needs=frozenset({Need.WEBSOCKET})), made_of(capabilities=NO)),
    (None, service(needs=frozenset({Need.WEBSOCKET})), made_of(capabilities=LIMITED)),
    (None, service(), made_of(capabilities=NO)),
    ("data-trust", service(inference=(task(data_class=DataClass.SENSITIVE),)), made_of(place=RENTED)),
    (None, service(inference=(task(data_class=DataClass.INTERNAL),)), made_of(place=RENTED)),
    ("data-country", service(inference=(task(),), constraints=Constraints(data=AT_HOME)), made_of(place=RENTED)),
    (None, service(inference=(task(),), constraints=Constraints(data=IN_JAPAN)), made_of(place=RENTED)),
    (
        "data-country",
        service(inference=(task(),), constraints=Constraints(data=IN_JAPAN)),
        made_of(place=dataclasses.replace(RENTED, country=None)),
    ),
    ("custom-model", service(inference=(task(custom_model=True),)), made_of(custom_model=False)),
    (None, service(inference=(task(),)), made_of(custom_model=False)),
    (
        "database-private",
        service(constraints=Constraints(database_private=True)),
        made_of(database_reach=Reach.INTERNET),
    ),
    (None, service(constraints=Constraints(database_private=True)), made_of(database_reach=Reach.OWN_NETWORK)),
    (None, service(constraints=Constraints(database_private=True)), made_of(database_reach=None)),
    ("fault-isolation", service(constraints=Constraints(database_survives_web_host=True)), made_of(hosts=(SHARED,))),
    (
        None,
        service(constraints=Constraints(database_survives_web_host=True)),
        made_of(hosts=(dataclasses.replace(SHARED, runs=("database",)), dataclasses.replace(SHARED, runs=("web",)))),
    ),
    ("procurement", service(constraints=Constraints(max_procurement_days=13)), made_of(procurement_days=14.0)),
    (None, service(constraints=Constraints(max_procurement_days=14)), made_of(procurement_days=14.0)),
    ("capacity", service(inference=(task(),)), made_of(**taking(3600, per_hour=1.0))),
    ("target-p95", service(inference=(task(target_p95_s=2.9),)), made_of(**taking(3))),
    (None, service(inference=(task(target_p95_s=3.1),)), made_of(**taking(3))),
    (
        "patience",
        service(inference=(task(caller=Caller.SYNCHRONOUS, patience_s=2, target_p95_s=2),)),
        made_of(**taking(3)),
    ),
    (None, service(inference=(task(patience_s=2),)), made_of(**taking(3))),  # nobody waits for it
    ("budget", service(budget_usd_per_month=9.99), made_of()),
    (None, service(budget_usd_per_month=10), made_of()),
    ("budget", service(budget_usd_per_month=10, vat_frac=0.1), made_of()),
    ("budget", service(budget_usd_per_month=100, constraints=Constraints(max_monthly_usd=9)), made_of()),
    ("upfront", service(constraints=Constraints(max_upfront_usd=0)), made_of(upfront_usd=1.0)),
    ("upfront", service(constraints=Constraints(max_upfront_usd=0)), made_of(upfront_usd=None)),  # unknown is not zero
    (None, service(constraints=Constraints(max_upfront_usd=0)), made_of(upfront_usd=0.0)),
    ("price-missing", service(), made_of(hole(material=True))),
    (None, service(), made_of(hole(material=False))),
    ("price-age", service(), made_of(Bill(lines=(line(as_of=date(2025, 11, 22)),)))),
    (None, service(), made_of(Bill(lines=(line(as_of=date(2025, 11, 23)),)))),
    (None, service(), made_of(Bill(lines=(line(as_of=date(2020, 1, 1), group=Group.OPERATIONS),)))),
    (None, service(), made_of(Bill(lines=(line(usd=0, as_of=date(2020, 1, 1)),)))),
    pytest.param(
        "management-points",
        service(constraints=Constraints(max_management_points=1)),
        made_of(managed=("one", "two")),
    ),
]


@pytest.mark.parametrize(("constraint", "asks", "priced"), CASES)
def test_a_constraint_is_broken_by_exactly_the_option_it_speaks_of(
    constraint: str | None, asks: Service, priced: Priced
) -> None:
    found = violations(priced, asks, TODAY, 365)
    assert [broken.constraint for broken in found] == ([constraint] if constraint else [])
    for broken in found:
        assert (broken.option, broken.question) == ("toy", priced.shape.question)
        assert broken.monthly_usd == priced.monthly_usd
        assert broken.found
        assert broken.allowed


def test_every_broken_constraint_is_told_the_most_fundamental_first() -> None:
    asks = service(without=frozenset({"toy"}), needs=frozenset(Need), budget_usd_per_month=1)
    priced = made_of(hole(material=True), capabilities={need: Capability(support=Support.NO) for need in Need})
    names = [broken.constraint for broken in violations(priced, asks, TODAY, 365)]
    assert names == ["excluded", "need:background-jobs", "need:websocket", "budget", "price-missing"]


def test_a_caller_that_waits_is_shown_the_way_out_of_waiting() -> None:
    asks = service(inference=(task(caller=Caller.SYNCHRONOUS, patience_s=2),))
    (broken,) = violations(made_of(**taking(30)), asks, TODAY, 365)
    assert broken.way_out == message("way-out.background", task="t", p95_s=30)
    (broken,) = violations(made_of(**taking(3)), service(inference=(task(target_p95_s=1),)), TODAY, 365)
    assert broken.way_out is None


def test_a_task_that_misses_its_target_is_not_hidden_by_a_frequent_fast_one(market: Market, receipts: Service) -> None:
    (base,) = receipts.inference
    fast = dataclasses.replace(base, name="fast", requests_per_day=10_000.0, service_s=0.1, target_p95_s=None)
    slow = dataclasses.replace(base, name="slow", requests_per_day=1.0, service_s=100.0, target_p95_s=50.0)
    asks = dataclasses.replace(receipts, inference=(fast, slow), budget_usd_per_month=None)
    priced = sized(option("ec2-gpu", "test"), asks, market, {})
    assert not isinstance(priced, Rejection)
    assert "target-p95" in [broken.constraint for broken in violations(priced, asks, TODAY, None)]


def test_a_task_that_meets_its_target_is_not_blamed_for_a_slow_one_without_target(
    market: Market, receipts: Service
) -> None:
    (base,) = receipts.inference
    quick = dataclasses.replace(base, name="quick", target_p95_s=10.0)
    batch = dataclasses.replace(base, name="batch", requests_per_day=20.0, service_s=100.0, target_p95_s=None)
    asks = dataclasses.replace(receipts, inference=(quick, batch), budget_usd_per_month=None)
    priced = sized(option("ec2-gpu", "test"), asks, market, {})
    assert not isinstance(priced, Rejection)
    assert "target-p95" not in [broken.constraint for broken in violations(priced, asks, TODAY, None)]


def test_a_share_that_is_answered_in_time_has_a_quantile_although_some_are_never_answered() -> None:
    answered, never = (Mixture((Part(weight=1, service=Law(mean_s=1), lost=lost),)) for lost in (False, True))
    mixed = MixedResponses(((999.0, answered), (1.0, never)))
    assert mixed.share_within(2) == pytest.approx(0.999)
    assert mixed.quantile(0.95) == pytest.approx(1, rel=0.01)


def test_nobody_buys_workers_for_the_patience_of_a_caller_that_does_not_wait(market: Market, receipts: Service) -> None:
    (base,) = receipts.inference
    bills = []
    for patience_s in (None, 3.2):
        busy = dataclasses.replace(base, requests_per_day=5000.0, caller=Caller.BACKGROUND, patience_s=patience_s)
        priced = sized(option("runpod-active", "test"), dataclasses.replace(receipts, inference=(busy,)), market, {})
        assert not isinstance(priced, Rejection)
        bills.append(priced.monthly_usd)
    assert bills[0] == bills[1]


@pytest.mark.parametrize("recipe", all_options(), ids=lambda recipe: recipe.id)
def test_sizing_takes_the_cheapest_setting_that_meets_everything(
    market: Market, receipts: Service, recipe: Recipe
) -> None:
    tried = [sized(recipe, receipts, market, knobs) for knobs in recipe.settings(market.context(receipts))]
    made = [priced for priced in tried if not isinstance(priced, Rejection)]
    broken = [len(violations(priced, receipts, market.on, market.max_age_days)) for priced in made]
    chosen = choose(recipe, receipts, market)
    if not made:
        assert chosen.priced is None
        assert chosen.rejections
        return
    best = [priced.monthly_usd for priced, count in zip(made, broken, strict=True) if count == min(broken)]
    assert chosen.priced is not None
    assert chosen.priced.monthly_usd == min(best)
    assert len(chosen.rejections) == min(broken)
    assert chosen.feasible == (min(broken) == 0)


def host(*runs: str, **more: Any) -> Host:
    return Host(name="-".join(runs) or "idle", machine="m", runs=runs, **more)


@pytest.mark.parametrize(
    ("hosts", "points", "lost", "isolation", "independent"),
    [
        ((host("web", "api", "database"),), 1, 1.0, "none", False),
        ((host("web"), host("api", "jobs"), host("database")), 3, 0.5, "partial", True),
        ((host("web"), host("api"), host("database")), 3, 1 / 3, "full", True),
        ((host("web", "api", count=3),), 3, 1.0, "none", False),
        ((host("web"), host("database"), host()), 3, 0.5, "full", True),
        ((), 0, 0.0, "managed", False),
    ],
)
def test_levels_follow_from_the_hosts(
    hosts: tuple[Host, ...], points: int, lost: float, isolation: str, *, independent: bool
) -> None:
    found = levels(made_of(hosts=hosts).shape)
    assert found.management_points == points
    assert found.lost_with_one_host_frac == pytest.approx(lost)
    assert (found.fault_isolation, found.independent_scaling) == (isolation, independent)


@pytest.mark.parametrize(
    ("reach", "public", "exposure"),
    [
        (None, True, "no-database"),
        (Reach.INTERNET, True, "host-faces-internet"),
        (Reach.OWN_NETWORK, True, "own-network"),
        (Reach.OWN_NETWORK, False, "own-network-behind-private-hosts"),
    ],
)
def test_exposure_of_the_database_follows_from_its_reach_and_the_hosts(
    reach: Reach | None, exposure: str, *, public: bool
) -> None:
    assert (
        levels(made_of(hosts=(host("web", public=public),), database_reach=reach).shape).database_exposure == exposure
    )


@pytest.mark.parametrize(
    ("option_id", "points", "isolation", "complexity"),
    [
        ("ec2-single", 1, "none", "simple"),
        ("ec2-split", 3, "partial", "pipeline"),
        ("ec2-private", 5, "partial", "pipeline"),
    ],
)
def test_the_documents_three_shapes_have_their_levels(
    market: Market, receipts: Service, option_id: str, points: int, isolation: str, complexity: str
) -> None:
    # B: two hosts and a database; C: a balancer and a NAT gateway more.
    written = as_written(option(option_id, "test"), receipts, market)
    assert not isinstance(written, Rejection)
    found = levels(written.shape)
    assert (found.management_points, found.fault_isolation, found.deploy_complexity) == (points, isolation, complexity)
