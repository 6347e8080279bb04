"""What knowing an input is worth, on months whose dependence on it is known."""

from __future__ import annotations

import math
from random import Random

import pytest

from outgrow.decide.months import Month
from outgrow.decide.value import fitted, perfect_information_usd, variance_share, with_constraints

COUNT = 2000


def draws(seed: int, count: int = COUNT) -> list[float]:
    rng = Random(seed)  # noqa: S311 - reproducible draws
    return [rng.random() for _ in range(count)]


def month(usd: float, *broke: str) -> Month:
    return Month(usd=usd, outcome=None, broke=broke)


def test_a_parabola_is_fitted_exactly() -> None:
    xs = [0.0, 1.0, 2.0, 5.0, 9.0]
    assert fitted(xs, [3 - 2 * x + 0.5 * x * x for x in xs]) == pytest.approx([3 - 2 * x + 0.5 * x * x for x in xs])


def test_an_input_that_does_not_vary_or_takes_two_values_is_fitted_by_means() -> None:
    assert fitted([2.0, 2.0, 2.0], [1.0, 2.0, 6.0]) == pytest.approx([3.0] * 3)
    assert fitted([0.0, 1.0, 0.0, 1.0], [1.0, 5.0, 3.0, 7.0]) == pytest.approx([2.0, 6.0, 2.0, 6.0])


def test_knowing_which_of_two_lines_is_lower_saves_the_triangle_between_them() -> None:
    # x is even on 0..1; one option costs 10 x, the other 5. Blind both cost 5; seeing costs 5 - 10 * (1/2)^2 / 2 = 3.75.
    xs = draws(1)
    assert perfect_information_usd([[10 * x for x in xs], [5.0] * COUNT], xs) == pytest.approx(1.25, abs=0.15)


def test_knowing_what_changes_nothing_is_worth_nothing() -> None:
    xs = draws(2)
    dear = [9 + x for x in xs]
    assert perfect_information_usd([dear, [3.0] * COUNT], xs) == 0
    assert perfect_information_usd([dear], xs) == 0
    assert perfect_information_usd([], []) == 0


def test_the_share_of_an_input_in_the_variance_is_that_of_its_part() -> None:
    # y = 3 a + b with a, b even on 0..1: a has 9/10 of the variance.
    a, b = draws(3), draws(4)
    ys = [3 * x + y for x, y in zip(a, b, strict=True)]
    assert variance_share(a, ys) == pytest.approx(0.9, abs=0.02)
    assert variance_share(b, ys) == pytest.approx(0.1, abs=0.03)


def test_first_order_shares_of_ishigami_are_met_where_a_parabola_can() -> None:
    # f = sin a + 7 sin^2 b + 0.1 c^4 sin a on (-pi, pi): exact first-order shares 0.3139, 0.4424, 0 (Ishigami, Homma 1990).
    # sin^2 is no parabola, so b is left out; c has no share of its own.
    a, b, c = ([math.pi * (2 * u - 1) for u in draws(seed, 20_000)] for seed in (5, 6, 7))
    ys = [math.sin(x) + 7 * math.sin(y) ** 2 + 0.1 * z**4 * math.sin(x) for x, y, z in zip(a, b, c, strict=True)]
    # E[f | a] is a sine; the best line through it explains 6 / pi^2 = 0.608 of it.
    assert variance_share(a, ys) == pytest.approx(0.3139 * 6 / math.pi**2, abs=0.02)
    assert variance_share(c, ys) == pytest.approx(0.0, abs=0.005)


def test_noise_alone_has_next_to_no_share() -> None:
    shares = [variance_share(draws(seed, 96), draws(seed + 100, 96)) for seed in range(50)]
    assert sum(shares) / 50 < 0.02
    assert variance_share([1.0, 2.0], [1.0, 2.0]) == 0
    assert variance_share(draws(1), [4.0] * COUNT) == 0


def test_an_option_that_breaks_a_constraint_costs_what_replaces_it() -> None:
    cheap = [month(5), month(5, "target-p95"), month(5, "budget"), month(math.inf, "capacity")]
    dear = [month(20), month(20), month(30, "budget"), month(25)]
    assert with_constraints([cheap, dear]) == [[5, 20, 5, 25], [20, 20, 30, 25]]
