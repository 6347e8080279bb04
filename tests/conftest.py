"""Fixtures every room may use: the shipped prices and machines, one market, one service, and a way to vary it."""

from __future__ import annotations

import dataclasses
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

import outgrow.catalog
from outgrow.adapters.spec_file import load_spec
from outgrow.catalog.context import Market
from outgrow.catalog.machines import parse_machines
from outgrow.catalog.pricebook import PriceBook, parse_rates
from outgrow.domain.drivers import with_values
from outgrow.sim.closed_form import predict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from outgrow.domain.price import Machine
    from outgrow.domain.workload import Service

settings.register_profile("outgrow", derandomize=True, deadline=None, database=None)
settings.load_profile("outgrow")

CATALOG = Path(outgrow.catalog.__file__).parent
RECEIPTS = Path(__file__).parents[1] / "examples" / "receipts"


class ShippedMarket(Market):
    """A market that a failing test does not print price by price."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<shipped market>"

    def _repr_pretty_(self, printer: Any, cycle: Any) -> None:
        printer.text(repr(self))


@pytest.fixture(scope="session")
def book() -> PriceBook:
    """The shipped price files."""
    files = sorted((CATALOG / "prices").glob("*.csv"))
    return PriceBook(tuple(rate for file in files for rate in parse_rates(file.read_text(encoding="utf-8"), file.name)))


@pytest.fixture(scope="session")
def machines() -> dict[str, Machine]:
    """The shipped machine list."""
    return parse_machines((CATALOG / "machines.csv").read_text(encoding="utf-8"), "machines.csv")


@pytest.fixture(scope="session")
def market(book: PriceBook, machines: dict[str, Machine]) -> Market:
    """Shipped prices on a fixed day, behaviour by formula."""
    return ShippedMarket(book=book, machines=machines, predict=predict, on=date(2026, 11, 23), max_age_days=365)


@pytest.fixture(scope="session")
def receipts() -> Service:
    """The service of the hand-made document (Seoul, 30 users, 50 receipts a day)."""
    return load_spec(RECEIPTS).service


@pytest.fixture(scope="session")
def varied() -> Callable[..., Service]:
    """A service with numbers moved by their paths, then whole fields replaced."""

    def vary(service: Service, values: Mapping[str, float] | None = None, **fields: Any) -> Service:
        return dataclasses.replace(with_values(service, values or {}), **fields)

    return vary
