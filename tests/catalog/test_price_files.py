"""The shipped price files as data."""

from __future__ import annotations

import ast
import dataclasses
import re
from datetime import date
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise

import pytest

from outgrow.adapters.price_files import shipped_machines, shipped_rates
from outgrow.catalog.pricebook import PriceBook, parse_rates, render_rates
from outgrow.catalog.used import LISTED, expand, is_used, machine_skus, used_skus
from outgrow.domain.units import HOURS_PER_MONTH
from outgrow.flows.price_book import check_book

ON = date(2026, 11, 23)
SEOUL, VIRGINIA = "ap-northeast-2", "us-east-1"
CATALOG = files("outgrow.catalog")
NAMES = sorted(entry.name for entry in CATALOG.joinpath("prices").iterdir() if entry.name.endswith(".csv"))
BOOK = PriceBook(shipped_rates())
MACHINES = shipped_machines()


def text_of(name):
    return CATALOG.joinpath("prices", name).read_text(encoding="utf-8")


def usd(sku, region):
    card = BOOK.card(sku, region, ON)
    assert card is not None, f"{sku} is not sold in {region}"
    return card.first.amount


@pytest.mark.parametrize("name", NAMES)
def test_a_file_holds_one_provider_and_reads_back_as_it_was_written(name):
    rates = parse_rates(text_of(name), name)
    assert {f"{rate.provider}.csv" for rate in rates} == {name}
    assert parse_rates(render_rates(rates), name) == rates


@pytest.mark.parametrize("name", NAMES)
def test_no_price_comes_from_the_future_and_each_says_where_from(name):
    for rate in parse_rates(text_of(name), name):
        assert rate.valid_from <= rate.as_of <= ON
        assert len(rate.source) > 8
        assert rate.currency in {"USD", "KRW"}


def test_a_meter_is_counted_in_one_unit():
    units: dict[str, set[str]] = {}
    for rate in BOOK:
        units.setdefault(rate.meter, set()).add(rate.unit)
    assert {meter: found for meter, found in units.items() if len(found) > 1} == {}


def test_later_tiers_are_never_dearer():
    for sku in BOOK.skus():
        for region in BOOK.regions_of(sku, ON):
            card = BOOK.card(sku, region, ON)
            assert all(later.amount < earlier.amount for earlier, later in pairwise(card.tiers)), (sku, region)


# A month is 730 h: t4g.xlarge 0.1344 x 730 = 98.112 and 0.1664 x 730 = 121.472, and so on.
@pytest.mark.parametrize(
    ("sku", "quantity", "virginia", "seoul"),
    [
        ("aws/ec2/t4g.xlarge", HOURS_PER_MONTH, "98.112", "121.472"),
        ("aws/ec2/g4dn.xlarge", HOURS_PER_MONTH, "383.98", "472.31"),
        ("aws/ebs/gp3", 100, "8.00", "9.12"),
        ("aws/ebs/gp2", 100, "10.00", "11.40"),
        ("aws/rds-postgresql/db.t4g.micro", HOURS_PER_MONTH, "11.68", "18.25"),
        ("aws/rds/storage", 20, "2.30", "2.62"),
        ("aws/vpc/nat-gateway", HOURS_PER_MONTH, "32.85", "43.07"),
        ("aws/vpc/nat-gateway-gb", 1, "0.045", "0.059"),
        ("aws/vpc/public-ipv4", HOURS_PER_MONTH, "3.65", "3.65"),
    ],
)
def test_the_figures_of_the_design_come_out(sku, quantity, virginia, seoul):
    assert usd(sku, VIRGINIA) * quantity == Decimal(virginia)
    assert usd(sku, SEOUL) * quantity == Decimal(seoul)


@pytest.mark.parametrize("region", [SEOUL, VIRGINIA])
@pytest.mark.parametrize("series", ["t3", "t4g"])
def test_a_burstable_size_costs_twice_the_one_below(series, region):
    sizes = ["micro", "small", "medium", "large", "xlarge"]
    for smaller, larger in pairwise(sizes):
        assert usd(f"aws/ec2/{series}.{larger}", region) == 2 * usd(f"aws/ec2/{series}.{smaller}", region)


@pytest.mark.parametrize("region", [SEOUL, VIRGINIA])
def test_two_zones_cost_twice_the_storage(region):
    assert usd("aws/rds/storage-multi-az", region) == 2 * usd("aws/rds/storage", region)


def test_active_workers_were_cheaper_than_flex_and_are_withdrawn():
    active = [rate for rate in BOOK if rate.sku.startswith("runpod/serverless-active/")]
    assert len(active) == 9
    for rate in active:
        assert rate.amount < usd(rate.sku.replace("active", "flex"), "any")
        assert rate.withdrawn_on == date(2026, 5, 13)


def test_the_active_discount_of_the_24gb_class_is_31_6_percent():
    # 1 - 0.00013 / 0.00019 = 0.3158
    discount = 1 - usd("runpod/serverless-active/24gb", "any") / usd("runpod/serverless-flex/24gb", "any")
    assert round(discount, 3) == Decimal("0.316")


def test_the_shipped_book_has_no_errors():
    problems = check_book(BOOK, MACHINES, used_skus(), ON, 365)
    assert [problem for problem in problems if problem.level == "error"] == []
    assert [problem for problem in problems if problem.kind == "overlap"] == []


def test_every_price_is_one_that_an_option_bills_or_a_document_may_list():
    problems = check_book(BOOK, MACHINES, used_skus(), ON, 365)
    assert [problem.about for problem in problems if problem.kind == "orphan"] == []


def test_a_price_nobody_can_bill_is_an_orphan():
    stray = dataclasses.replace(next(iter(BOOK)), sku="aws/nobody/needs-this")
    problems = check_book((*BOOK, stray), MACHINES, used_skus(), ON, 365)
    assert [problem.about for problem in problems if problem.kind == "orphan"] == ["aws/nobody/needs-this"]


SKU = re.compile(r"[a-z0-9-]+/[a-z0-9-]+(/[a-z0-9.-]*)?")


def literals(path):
    """Strings of a source file that begin like a sku of a provider we have, and those an f-string begins with."""
    providers = {rate.provider for rate in BOOK}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if SKU.fullmatch(text) and text.split("/")[0] in providers:
            yield text


def option_sources():
    for folder in (CATALOG, CATALOG.joinpath("options")):
        for entry in folder.iterdir():
            if entry.name.endswith(".py") and entry.name != "used.py":
                yield entry


def test_every_sku_that_option_code_names_is_listed_as_used():
    used = expand(used_skus(), MACHINES.values())
    named = {literal for path in option_sources() for literal in literals(path)}
    assert {"aws/ec2/", "aws/vpc/nat-gateway", "vercel/pro/seat"} <= named
    unlisted = [name for name in named if not is_used(name, used) and not any(sku.startswith(name) for sku in used)]
    assert unlisted == []


def test_every_sku_listed_as_used_is_named_by_option_code():
    named = {literal for path in option_sources() for literal in literals(path)}
    stale = {
        entry
        for entry in used_skus() - set(LISTED)
        if not entry.endswith("/") and not any(entry.startswith(name) for name in named if name.count("/"))
    }
    assert stale == set()


def test_a_sku_listed_as_used_has_a_price_or_comes_from_the_spec():
    plain = {entry for entry in used_skus() if "{" not in entry and not entry.endswith("/")}
    assert plain - set(BOOK.skus()) == {"onprem/server/from-spec"}


def test_a_machine_is_sold_under_the_skus_of_its_family():
    assert machine_skus(used_skus(), MACHINES["g5.xlarge"]) == (
        "aws/ec2-spot-min/g5.xlarge",
        "aws/ec2-spot/g5.xlarge",
        "aws/ec2/g5.xlarge",
    )
    assert machine_skus(used_skus(), MACHINES["db.t4g.micro"]) == (
        "aws/rds-postgresql/db.t4g.micro",
        "aws/rds-postgresql/db.t4g.micro-multi-az",
    )


def test_every_gpu_machine_says_its_memory():
    for machine in MACHINES.values():
        assert (machine.gpu is None) == (machine.gpu_memory_gib == 0) == (machine.gpu_count == 0)
