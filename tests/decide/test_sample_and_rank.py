"""Draws, weights and the ranking, worked by hand on options whose cost is a line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgrow.decide.rank import rank
from outgrow.decide.sample import draws, quantile, weights
from outgrow.decide.size import choose
from outgrow.domain.bill import Usage
from outgrow.domain.message import message
from outgrow.domain.option import Host, Question, Rejection, Shape, Variant
from outgrow.domain.price import Rate
from outgrow.domain.workload import Driver, Pins, Service, Source, Users

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from outgrow.catalog.context import Context, Market
    from outgrow.decide.rank import Ranking

USERS = "users.daily_active"
NO_PINS = Pins()


def streams(seed: int) -> Callable[[str], Random]:
    return lambda name: Random(f"{seed}:{name}")  # noqa: S311


def seeded(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - reproducible draws, not secrets


DOLLAR = Rate(
    sku="toy/toy/dollar",
    region="any",
    meter="dollars",
    unit="unit",
    currency="USD",
    amount=Decimal(1),
    tier_from=Decimal(0),
    allowance=Decimal(0),
    increment=None,
    valid_from=date(2026, 1, 1),
    valid_until=None,
    withdrawn_on=None,
    as_of=date(2026, 11, 1),
    confidence="high",
    source="made up",
)


@dataclass(frozen=True, kw_only=True)
class Toy:
    """An option that costs ``usd(daily users)`` and has so many things to look after; ``None`` when it cannot grow."""

    id: str
    usd: Callable[[float], float | None]
    points: int = 1
    order: int = 1
    question: Question = Question.PLATFORM
    reference: Pins = NO_PINS

    def settings(self, ctx: Context) -> tuple[dict[str, str], ...]:
        return ({},)

    def sized(self, ctx: Context, settings: object) -> Shape | Rejection:
        amount = self.usd(ctx.service.users.daily_active)
        if amount is None:
            reason = message("reject.capacity")
            return Rejection(
                option=self.id,
                question=self.question,
                constraint="capacity",
                found="much",
                allowed="little",
                reason=reason,
            )
        return Shape(
            option=self.id,
            question=self.question,
            variant=Variant.SIZED,
            usage=(Usage(component="all", sku=DOLLAR.sku, quantity=Decimal(repr(amount)), quoted=DOLLAR),),
            hosts=(Host(name="h", machine="m", runs=(), count=self.points),),
        )

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        return self.sized(ctx, {})


def uncertain(low: float, mid: float, high: float) -> Service:
    driver = Driver(path=USERS, low=low, mid=mid, high=high, source=Source.GUESSED)
    return Service(name="s", region="us-east-1", users=Users(daily_active=mid), drivers=(driver,))


def ranked(market: Market, toys: Sequence[Toy], users: Sequence[float], **more: Any) -> Ranking:
    service = uncertain(min(users), sorted(users)[len(users) // 2], max(users))
    options = [choose(toy, service, market) for toy in toys]
    drawn = [{USERS: float(value)} for value in users]
    return rank(options, service, market, drawn, more.get("weights", [(1.0, 0.0, 0.0)]))


LINE = Toy(id="line", usd=lambda users: 2 * users)
FLAT = Toy(id="flat", usd=lambda _: 50.0)


def test_regret_is_the_most_an_option_costs_above_the_best_of_its_future(market: Market) -> None:
    # users 10, 20, 30: line 20, 40, 60; flat 50, 50, 50; best 20, 40, 50. Regret: line 0, 0, 10; flat 30, 10, 0.
    found = ranked(market, (FLAT, LINE), (10, 20, 30))
    regrets = {candidate.priced.shape.option: candidate.regret_usd for candidate in found.candidates}
    assert regrets == {"line": pytest.approx(10), "flat": pytest.approx(30)}
    assert [candidate.priced.shape.option for candidate in found.candidates] == ["line", "flat"]


def test_intervals_span_the_draws(market: Market) -> None:
    # line at 10..50 users costs 20..100; type-7 quantiles of 20, 40, 60, 80, 100 at 10 % and 90 % are 28 and 92.
    line = ranked(market, (LINE,), (10, 20, 30, 40, 50)).candidates[0]
    assert (line.monthly_usd.low, line.monthly_usd.mid, line.monthly_usd.high) == (20, 60, 100)
    assert line.interval_80 == (pytest.approx(28), pytest.approx(92))


def test_two_options_that_win_about_as_often_are_indifferent_and_the_tie_breaker_is_named(market: Market) -> None:
    found = ranked(market, (FLAT, LINE), (10, 23, 30))  # line is the cheaper in 2 of 3, in the middle 46 to 50
    assert found.indifferent == ("line", "flat")
    assert found.tie_breaker is not None
    assert found.tie_breaker.code == "tie.first-share"


def test_an_option_that_is_cheaper_in_four_of_five_draws_is_not_tied(market: Market) -> None:
    found = ranked(market, (FLAT, LINE), (10, 12, 14, 16, 30))
    assert found.candidates[0].priced.shape.option == "line"
    assert (found.indifferent, found.tie_breaker) == ((), None)


def test_a_tie_goes_to_the_option_with_less_to_look_after(market: Market) -> None:
    many = Toy(id="line", usd=LINE.usd, points=4)
    found = ranked(market, (FLAT, many), (10, 23, 30))
    assert found.indifferent == ("flat", "line")
    assert found.tie_breaker == message("tie.management-points", fewer=1, more=4)
    assert found.candidates[0].priced.shape.option == "flat"


def test_a_tie_breaker_may_not_cost_more_than_a_tenth(market: Market) -> None:
    many = Toy(id="line", usd=LINE.usd, points=4)
    found = ranked(market, (FLAT, many), (10, 20, 30))  # in the middle 40 to 50
    assert found.candidates[0].priced.shape.option == "line"
    assert found.indifferent == ()


def test_options_are_not_tied_when_the_second_is_nearly_always_the_cheaper(market: Market) -> None:
    # users 1..9: gamble 40, flat 50; at 100 users gamble 200. Regret: flat 10, gamble 150; gamble is cheaper in 9 of 10.
    gamble = Toy(id="gamble", usd=lambda users: 40.0 if users < 50 else 200.0)
    found = ranked(market, (FLAT, gamble), (*range(1, 10), 100))
    assert found.candidates[0].priced.shape.option == "flat"
    assert found.indifferent == ()


def test_first_shares_weigh_money_against_things_to_look_after(market: Market) -> None:
    # In each draw line is the cheaper but has more to look after: money weights choose line, the others flat.
    line = Toy(id="line", usd=LINE.usd, points=5)
    weighed = [(0.9, 0.0, 0.1), (0.6, 0.0, 0.4), (0.1, 0.0, 0.9), (0.8, 0.0, 0.2)]
    found = ranked(market, (line, FLAT), (10, 11, 12, 13), weights=weighed)
    shares = {candidate.priced.shape.option: candidate.first_share for candidate in found.candidates}
    assert shares == {"line": 0.75, "flat": 0.25}


def test_nothing_feasible_ranks_nothing(market: Market) -> None:
    assert ranked(market, (), (1, 2, 3)).candidates == ()


def test_an_option_that_cannot_grow_with_a_draw_is_regretted_without_end(market: Market) -> None:
    small = Toy(id="small", usd=lambda users: 1.0 if users < 25 else None)
    found = ranked(market, (small, FLAT), (10, 20, 30))
    regrets = {candidate.priced.shape.option: candidate.regret_usd for candidate in found.candidates}
    assert regrets == {"small": math.inf, "flat": 49}
    at_risk = {
        candidate.priced.shape.option: [risk.code for risk in candidate.at_risk] for candidate in found.candidates
    }
    assert at_risk == {"small": ["risk.at-high"], "flat": []}


def test_a_draw_nobody_can_carry_leaves_a_regret_that_is_a_number(market: Market) -> None:
    small = Toy(id="small", usd=lambda users: 1.0 if users < 25 else None)
    found = ranked(market, (small,), (30, 10, 20))
    assert not math.isnan(found.candidates[0].regret_usd)


def test_the_monthly_span_holds_what_the_draws_cost(market: Market) -> None:
    # At 20, 60 and 100 users (low, mid, high) 60, 60 and 100; at 39 and 40 only 41 and 40.
    valley = Toy(id="valley", usd=lambda users: abs(users - 40) + 40)
    found = ranked(market, (valley,), (20, 39, 40, 60, 70, 80, 100)).candidates[0]
    assert found.monthly_usd.low <= found.interval_80[0] <= found.interval_80[1] <= found.monthly_usd.high


ranges = st.lists(
    st.tuples(st.floats(0, 1e3), st.floats(0, 1e3), st.floats(1, 1e3)).map(
        lambda t: (t[0], t[0] + t[1], t[0] + t[1] + t[2])
    ),
    max_size=4,
)


@given(spans=ranges, count=st.integers(1, 60), seed=st.integers(0, 99))
def test_draws_are_stratified_inside_their_ranges_and_reproducible(
    spans: list[tuple[float, float, float]], count: int, seed: int
) -> None:
    drivers = [
        Driver(path=f"p{index}", low=low, mid=mid, high=high, source=Source.GUESSED)
        for index, (low, mid, high) in enumerate(spans)
    ]
    drawn = draws(drivers, count, streams(seed))
    assert drawn == draws(drivers, count, streams(seed))
    assert len(drawn) == count
    for driver in drivers:
        column = sorted(one[driver.path] for one in drawn)
        strata = [math.floor(round(_share(driver, value) * count, 6)) for value in column]
        assert all(driver.low <= value <= driver.high for value in column)
        assert all(abs(stratum - index) <= 1 for index, stratum in enumerate(strata))


def _share(driver: Driver, value: float) -> float:
    """Distribution function of the triangular law."""
    width = driver.high - driver.low
    if value < driver.mid:
        return (value - driver.low) ** 2 / (width * (driver.mid - driver.low))
    return 1 - (driver.high - value) ** 2 / (width * (driver.high - driver.mid))


def test_another_seed_draws_other_values_and_columns_are_shuffled_apart() -> None:
    drivers = [Driver(path=path, low=0, mid=1, high=2, source=Source.GUESSED) for path in ("a", "b")]
    first, second = draws(drivers, 50, streams(1)), draws(drivers, 50, streams(2))
    assert first != second
    ranks = [sorted(range(50), key=lambda index, path=path: first[index][path]) for path in ("a", "b")]
    assert ranks[0] != ranks[1]


def test_one_more_uncertain_input_leaves_the_draws_of_the_others_alone() -> None:
    drivers = [Driver(path=path, low=0, mid=1, high=2, source=Source.GUESSED) for path in ("a", "b")]
    alone, both = draws(drivers[:1], 20, streams(3)), draws(drivers, 20, streams(3))
    assert [one["a"] for one in alone] == [one["a"] for one in both]


@given(
    shape=st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1, max_size=5).filter(any), seed=st.integers(0, 99)
)
def test_weights_sum_to_one_and_a_zero_stays_zero(shape: list[float], seed: int) -> None:
    for drawn in weights(shape, 20, seeded(seed)):
        assert sum(drawn) == pytest.approx(1)
        assert all((value == 0) == (wanted == 0) for value, wanted in zip(drawn, shape, strict=True))


def test_weights_lie_around_their_shape() -> None:
    drawn = weights((3.0, 1.0, 1.0), 4000, seeded(5))
    means = [sum(column) / len(drawn) for column in zip(*drawn, strict=True)]
    assert means == [pytest.approx(0.6, abs=0.02), pytest.approx(0.2, abs=0.02), pytest.approx(0.2, abs=0.02)]


@pytest.mark.parametrize(("share", "value"), [(0, 1), (0.5, 2.5), (1, 4), (0.1, 1.3)])
def test_a_quantile_lies_between_its_neighbours(share: float, value: float) -> None:
    assert quantile([4, 1, 3, 2], share) == pytest.approx(value)
