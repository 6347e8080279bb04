"""Laws of random times, as values. What draws from them is `outgrow.sim.streams` and its compiled twin."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixed:
    """Always ``value_s`` (s, >= 0, infinite allowed: never). Draws nothing."""

    value_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """``P(X > t) = exp(-t / mean_s)``, mean_s >= 0 in seconds. Drawn by the ziggurat of `outgrow.sim.ziggurat`."""

    mean_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lognormal:
    """``exp(m + s Z)`` with ``s^2 = log(1 + cv^2)``, ``m = log(mean_s) - s^2 / 2``; mean_s > 0 s, cv >= 0."""

    mean_s: float
    cv: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Empirical:
    """One of ``values_s`` (s, each >= 0, at least one), all equally likely, with replacement.

    It knows no time longer than the longest of them: a tail that few measurements have not seen is missing.
    """

    values_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniform:
    """Uniform in (0, 1): for choices, not times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gamma:
    """Gamma with mean 1 and variance ``1 / shape``: the factor of a day. shape > 0.

    Source: a Poisson rate that is gamma gives negative binomial counts, Greenwood and Yule 1920.
    """

    shape: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometric:
    """Whole numbers from 1 on with ``P(X > n) = (1 - 1/mean)^n``: the size of a session. mean >= 1."""

    mean: float


TimeLaw = Fixed | Exponential | Lognormal | Empirical
AnyLaw = TimeLaw | Uniform | Gamma | Geometric


def lognormal_parameters(law: Lognormal) -> tuple[float, float]:
    """(m, s) of ``exp(m + s Z)`` with the mean (s, > 0) and coefficient of variation (>= 0) of the law, both exact."""
    variance = math.log1p(law.cv * law.cv)
    return math.log(law.mean_s) - variance / 2, math.sqrt(variance)


def mean_s(law: TimeLaw) -> float:
    """E[X] in seconds; infinite for a `Fixed` that never comes."""
    match law:
        case Fixed():
            return law.value_s
        case Exponential() | Lognormal():
            return law.mean_s
        case Empirical():
            return math.fsum(law.values_s) / len(law.values_s)


def check_law(name: str, law: TimeLaw, *, ends: bool = False) -> None:
    """A law somebody can draw a time from, or ValueError with its name, what was found and what is allowed.

    ``ends``: infinity, which `Fixed` may say for "never", is refused too.
    """
    values: tuple[float, ...]
    match law:
        case Fixed():
            values = () if law.value_s == math.inf else (law.value_s,)
        case Exponential():
            values = (law.mean_s,)
        case Lognormal():
            values = (law.mean_s, law.cv)
            if not law.mean_s > 0:
                raise ValueError(f"{name}: a lognormal mean of {law.mean_s} s; it must be above 0")
        case Empirical():
            values = law.values_s
            if not values:
                raise ValueError(f"{name}: an empirical law without values; give at least one")
    if ends and law == Fixed(value_s=math.inf):
        raise ValueError(f"{name}: infinite; give a time that ends")
    for value in values:
        if not 0 <= value < math.inf:
            raise ValueError(f"{name}: {value} found; a time law takes finite numbers from 0 up")


def check_range(name: str, found: float, low: float, high: float) -> None:
    """A number within its range, or ValueError with its name, what was found and what is allowed."""
    if not low <= found <= high:
        raise ValueError(f"{name}: {found} found; allowed is {low} to {high}")
