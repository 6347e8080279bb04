"""Growth plans on curves that are lines, so that the best plan is known."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.decide.crossover import with_ends
from outgrow.decide.effort import BASE_DAYS, DAYS_PER_DATABASE, DAYS_PER_OPERATOR, DAYS_PER_THING, SETTING_DAYS, effort
from outgrow.decide.growth import growth_plan
from outgrow.decide.planner import Field, Plan, Planner
from outgrow.domain.option import Host, Place, Question, Reach, Shape, Variant
from outgrow.domain.verdict import Crossover, Curve
from outgrow.domain.workload import Database, Driver, Growth, MoveSpec, Service, Source, Team, Trust, Users

if TYPE_CHECKING:
    from outgrow.domain.growth import GrowthPlan

RATE = "users.growth_per_month_frac"
GRID = [10 * 1.5**k for k in range(20)]


def service(rate: float = 0.1, users: float = 100, hourly: float | None = 50, **more: object) -> Service:
    return Service(
        name="s",
        region="us-east-1",
        users=Users(daily_active=users, growth_per_month_frac=rate),
        team=Team(hourly_usd=hourly),
        **more,  # type: ignore[arg-type]
    )


def shape(
    option: str, *hosts: str, managed: tuple[str, ...] = (), operator: str = "AWS", reach: Reach | None = None
) -> Shape:
    return Shape(
        option=option,
        question=Question.INFERENCE,
        variant=Variant.SIZED,
        usage=(),
        hosts=tuple(Host(name=name, machine="m", runs=("database",) if name == "db" else ("x",)) for name in hosts),
        managed=managed,
        database_reach=reach,
        place=Place(operator=operator, country=None, trust=Trust.OWN_CLOUD_ACCOUNT),
    )


def field(costs: dict[str, object], question: Question = Question.INFERENCE) -> Field:
    """Options by what a month costs at a demand; ``None`` where it cannot be carried."""
    curves = {
        name: Curve(option=name, points=tuple((x, cost(x)) for x in GRID))  # type: ignore[operator]
        for name, cost in costs.items()
    }
    return Field(question=question, curves=curves, shapes={name: shape(name, name) for name in costs}, ends={})


def rates(*values: float) -> list[dict[str, float]]:
    return [{RATE: value} for value in values]


def plan(costs: dict[str, object], spec: Service, drawn: list[dict[str, float]] | None = None) -> GrowthPlan:
    found = growth_plan([field(costs)], spec, drawn or rates(*[spec.users.growth_per_month_frac] * 5), 0.0)
    assert found is not None
    return found


BY_USE = lambda users: users * 1.0  # noqa: E731
BY_MONTH = lambda users: 300.0  # noqa: E731, ARG005


def test_a_plan_moves_where_the_bills_cross() -> None:
    # By use costs a dollar a user, by the month 300: they cross at 300 users, 11.5 months on at 10 % a month.
    found = plan({"flex": BY_USE, "active": BY_MONTH}, service())
    (move,) = found.moves
    assert found.now == (None, "flex")
    assert (move.before, move.after, move.binds) == ("flex", "active", "monthly_usd")
    assert move.at_users == pytest.approx(300, rel=0.15)
    assert move.month in {11, 12, 13}
    assert [point.inference for point in found.points][:10] == ["flex"] * 10
    assert found.points[-1].inference == "active"


def test_a_dear_move_is_made_later_or_never_and_a_short_horizon_stays() -> None:
    cheap, dear, absurd = (
        plan({"flex": BY_USE, "active": BY_MONTH}, service(hourly=hourly)) for hourly in (1, 100, 1e5)
    )
    assert cheap.moves[0].at_users <= dear.moves[0].at_users
    assert absurd.moves == ()
    short = plan({"flex": BY_USE, "active": BY_MONTH}, service(growth=Growth(months=6)))
    assert (short.now[1], short.moves) == ("flex", ())


def test_totals_are_the_months_and_the_moves() -> None:
    spec = service(hourly=10)
    found = plan({"flex": BY_USE, "active": BY_MONTH}, spec)
    months = [point.usd for point in found.points]
    move_usd = found.moves[0].effort.usd
    assert move_usd is not None
    assert found.total_usd.median == pytest.approx(sum(months) + move_usd, rel=1e-6)
    assert found.staying_usd is not None
    assert found.staying_usd.median == pytest.approx(sum(100 * 1.1**month for month in range(24)), rel=0.01)
    assert found.seeing_usd.median <= found.total_usd.median <= found.staying_usd.median


def test_too_early_and_too_late_cost_more() -> None:
    (move,) = plan({"flex": BY_USE, "active": BY_MONTH}, service()).moves
    assert move.early_usd > 10
    assert move.late_usd > 10


def test_an_option_that_can_carry_no_more_is_left_at_once() -> None:
    small = lambda users: 10.0 if users < 250 else None  # noqa: E731
    large = lambda users: 400.0  # noqa: E731, ARG005
    made = dataclasses.replace(field({"small": small, "large": large}), ends={"small": "target-p95"})
    found = growth_plan([made], service(), rates(0.1), 0.0)
    assert found is not None
    (move,) = found.moves
    assert (move.before, move.after, move.binds) == ("small", "large", "target-p95")
    assert all(point.usd is not None for point in found.points)
    assert found.staying_usd is None
    assert found.carried_share == 1


def test_what_ends_just_above_a_threshold_binds_and_what_ends_far_above_does_not() -> None:
    small = field({"small": BY_MONTH})
    for end, binds in ((1.2, "target-p95"), (1.9, "monthly_usd")):
        curve = Curve(option="small", points=((10.0, 10.0), (100 * end, 10.0), (101 * end, None)))
        made = dataclasses.replace(small, curves={"small": curve}, ends={"small": "target-p95"})
        assert Planner(made, service())._binds("small", 100.0) == binds


def test_demand_that_nothing_carries_is_said_so() -> None:
    only = lambda users: 10.0 if users < 250 else None  # noqa: E731
    found = plan({"only": only}, service())
    assert found.carried_share < 1
    assert found.carried_until == pytest.approx(max(x for x in GRID if x < 250))
    assert found.points[-1].inference is None
    assert (found.carried_paths, found.total_usd, found.seeing_usd, found.staying_usd) == (0, None, None, None)


def test_totals_are_over_the_paths_that_are_carried_to_their_end() -> None:
    only = lambda users: 10.0 if users < 250 else None  # noqa: E731
    found = plan({"only": only}, service(rate=0.01), rates(0.01, 0.01, 0.01, 0.2))
    assert 0 < found.carried_paths < found.paths
    assert found.total_usd is not None
    assert found.total_usd.low == found.total_usd.high == pytest.approx(24 * 10)
    assert found.staying_usd is not None
    assert found.staying_usd.low == found.staying_usd.high == pytest.approx(24 * 10)


def test_demand_that_is_only_reached_beyond_the_curves_is_not_carried_and_said_so() -> None:
    found = plan({"any": lambda users: 0.01 * users}, service(rate=0.5), rates(0.5))
    assert found.carried_share < 1
    assert found.carried_until == pytest.approx(GRID[-1])


def test_the_middle_path_grows_as_the_spec_says_whatever_was_drawn() -> None:
    found = plan({"any": lambda users: 0.01 * users}, service(rate=0.02), rates(0.01, 0.2, 0.3))
    assert found.points[10].users[1] == pytest.approx(100 * 1.02**10)


def test_a_curve_ends_where_the_change_along_demand_was_found() -> None:
    curve = Curve(option="small", points=((100.0, 10.0), (200.0, 20.0), (400.0, None), (800.0, None)))
    turn = Crossover(
        driver="users.daily_active",
        between=("small", "large"),
        value=300.0,
        low=None,
        high=None,
        binds="target-p95",
        method="sized-bills",
    )
    (ended,) = with_ends([curve], [turn])
    assert [x for x, _ in ended.points] == [100, 200, 300, pytest.approx(303, rel=0.01), 400, 800]
    assert [y for _, y in ended.points] == [10, 20, pytest.approx(30), None, None, None]
    (left,) = with_ends([curve], [dataclasses.replace(turn, binds="monthly_usd")])
    assert left == curve


def test_shrinking_demand_moves_down() -> None:
    found = plan({"flex": BY_USE, "active": BY_MONTH}, service(rate=-0.1, users=1500))
    (move,) = found.moves
    assert (move.before, move.after) == ("active", "flex")
    assert move.at_users == pytest.approx(300, rel=0.2)


def test_an_uncertain_path_is_planned_by_demand_not_by_date() -> None:
    found = plan({"flex": BY_USE, "active": BY_MONTH}, service(), rates(0.02, 0.05, 0.1, 0.2, 0.3))
    assert found.moves[0].at_users == pytest.approx(300, rel=0.3)
    assert found.total_usd.low < found.total_usd.median < found.total_usd.high
    assert found.points[-1].users[0] < found.points[-1].users[1] < found.points[-1].users[2]


def test_the_budget_is_watched_with_tax() -> None:
    spec = service(budget_usd_per_month=200)
    found = growth_plan([field({"flex": BY_USE})], spec, rates(0.1), 0.2)
    assert found is not None
    assert found.over_budget_from == next(m for m in range(24) if 100 * 1.1**m * 1.2 > 200 * 1.005)


def test_nothing_to_plan_where_nothing_grows() -> None:
    assert growth_plan([field({"flex": BY_USE})], service(rate=0.0), rates(0.0), 0.0) is None
    assert growth_plan([], service(), rates(0.1), 0.0) is None
    assert growth_plan([field({"none": lambda users: None})], service(), rates(0.1), 0.0) is None  # noqa: ARG005


def test_work_without_a_price_is_not_priced() -> None:
    found = plan({"flex": BY_USE, "active": BY_MONTH}, service(hourly=None))
    assert not found.work_priced
    assert found.moves[0].effort.usd is None


@given(
    slopes=st.lists(st.floats(0.1, 3), min_size=1, max_size=4),
    fixed=st.lists(st.floats(10, 2000), min_size=4, max_size=4),
    rate=st.floats(-0.1, 0.3),
)
def test_the_best_sequence_of_a_known_path_is_never_dearer_than_any_single_option(
    slopes: list[float], fixed: list[float], rate: float
) -> None:
    costs = {
        f"o{k}": (lambda users, slope=slope, base=base: base + slope * users)
        for k, (slope, base) in enumerate(zip(slopes, fixed, strict=False))
    }
    planner = Planner(field(costs), service())
    path = [100 * (1 + rate) ** month for month in range(24)]
    best = planner.seeing([path])[0]
    for name in costs:
        stay = planner.staying(name, [path])
        assert stay is None or best <= stay[0] + 1e-6
    made = planner.best([path], path)
    assert made is not None
    assert planner.totals(made, [path])[0] >= best - 1e-6


def test_a_plan_follows_its_thresholds_in_order() -> None:
    planner = Planner(field({"a": BY_USE, "b": BY_MONTH, "c": BY_MONTH}), service())
    made = Plan(options=("a", "b", "c"), thresholds=(150.0, 400.0))
    path = [100.0, 149.0, 150.0, 399.0, 1000.0]
    assert planner.followed(made, path) == ["a", "a", "b", "b", "c"]


# efforts


def test_other_settings_of_the_same_things_are_an_hour() -> None:
    flex, hybrid = (shape(name, managed=("RunPod endpoint",), operator="RunPod") for name in ("flex", "hybrid"))
    found = effort(flex, hybrid, service())
    assert (found.days, found.downtime_minutes, found.usd) == (SETTING_DAYS, 0.0, SETTING_DAYS * 8 * 50)


def test_what_is_new_and_what_moves_is_counted() -> None:
    single = shape("single", "db")
    split = shape("split", "front", "back", managed=("a database of theirs",), reach=Reach.INTERNET)
    spec = service(database=Database(storage_gb=60), growth=Growth(downtime_usd_per_hour=12))
    found = effort(single, split, spec)
    assert found.days == BASE_DAYS + 3 * DAYS_PER_THING + DAYS_PER_DATABASE
    assert found.downtime_minutes == pytest.approx(60 / 1.2)
    assert found.usd == pytest.approx(found.days * 8 * 50 + 50 / 60 * 12)
    elsewhere = effort(shape("a", "x"), shape("b", "x", operator="RunPod"), spec)
    assert elsewhere.days == BASE_DAYS + DAYS_PER_OPERATOR


def test_things_that_go_do_not_pay_for_things_that_come() -> None:
    assert effort(shape("a", "A", "B"), shape("b", "C", "D"), service()).days == BASE_DAYS + 2 * DAYS_PER_THING
    assert effort(shape("a", "A", "B"), shape("b", "B"), service()).days == BASE_DAYS
    assert effort(shape("a", "A"), shape("b", "A", "A"), service()).days == BASE_DAYS + DAYS_PER_THING


def test_what_the_spec_knows_replaces_what_is_derived() -> None:
    spec = service(growth=Growth(moves=(MoveSpec(to="b", days=4.5),)))
    found = effort(shape("a", "x"), shape("b", "y"), spec)
    assert (found.days, found.stated) == (4.5, True)


def test_drivers_of_growth_are_read_from_the_draws() -> None:
    driver = Driver(path=RATE, low=0.05, mid=0.1, high=0.2, source=Source.GUESSED)
    spec = dataclasses.replace(service(), drivers=(driver,))
    found = plan({"flex": BY_USE}, spec, rates(*[0.05 + 0.15 * k / 95 for k in range(96)]))
    low, _, high = found.points[12].users
    assert low == pytest.approx(100 * 1.065**12, rel=0.04)
    assert high == pytest.approx(100 * 1.185**12, rel=0.04)
    assert not math.isnan(found.total_usd.high)
