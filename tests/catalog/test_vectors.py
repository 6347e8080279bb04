"""What vectors take is what was measured, and when a bigger host or one more is worth it is worked out by hand."""

from __future__ import annotations

import dataclasses
from datetime import date
from decimal import Decimal

import pytest

from outgrow.adapters.price_files import load_book, shipped_machines
from outgrow.catalog.parts import vector_index_gib
from outgrow.catalog.pricebook import COLUMNS, PriceBook, parse_rates
from outgrow.catalog.vectors import Hosts, hnsw_bytes, rows_within, table_bytes, vector_size, verdict
from outgrow.domain.price import Machine
from outgrow.domain.workload import Database

GIB = 2**30


@pytest.mark.parametrize(("number_bytes", "measured_mib"), [(2, 113), (4, 197)])
def test_the_index_is_as_large_as_was_measured(number_bytes: int, measured_mib: float):
    assert hnsw_bytes(100_000, 384, number_bytes) / 2**20 == pytest.approx(measured_mib, rel=0.02)


def test_the_lower_bound_of_the_bill_is_one():
    for dimensions in (64, 384, 768, 1536):
        bound = vector_index_gib(Database(vectors=50_000, dimensions=dimensions))
        assert bound * GIB <= hnsw_bytes(50_000, dimensions, 4) <= bound * GIB * 1.5


def test_sizes_by_hand():
    """384: 1,572 + 28 bytes a row, five a page. 3,000 dimensions: 12,008 bytes are 7 pieces, four pieces a page."""
    assert table_bytes(100, 384) == 20 * 8192
    assert table_bytes(100, 3000) == 100 * 7 * 2048 + 8192
    assert hnsw_bytes(0, 384) == 0
    assert hnsw_bytes(10, 4000) == 20 * 8192
    small, large = vector_size(19_999, 384), vector_size(20_000, 384)
    assert (small.hnsw_bytes, small.resident_bytes) == (0, small.table_bytes)
    assert large.resident_bytes == large.hnsw_bytes == hnsw_bytes(20_000, 384)
    assert [one.code for one in small.unknown] == ["note.vectors-gin", "note.vectors-text"]
    assert [one.code for one in vector_size(1, 3, other_bytes=100).unknown] == ["note.vectors-gin"]


@pytest.mark.parametrize("dimensions", [3, 384, 1536, 4000])
def test_more_memory_never_holds_fewer_rows_and_what_is_held_fits(dimensions: int):
    held = [rows_within(memory, dimensions) for memory in (0, 2**20, 2**25, 2**28, 2**30, 2**34)]
    assert held == sorted(held)
    for memory, rows in zip((2**25, 2**30), (held[2], held[4]), strict=True):
        assert vector_size(rows, dimensions).resident_bytes <= memory < vector_size(rows + 1, dimensions).resident_bytes


def machine(name: str, memory_gib: float) -> Machine:
    return Machine(
        name=name,
        family="ec2",
        vcpu=2,
        memory_gib=memory_gib,
        architecture="arm64",
        baseline_frac=None,
        gpu=None,
        gpu_count=0,
        gpu_memory_gib=0,
    )


def hosts(**changes: object) -> Hosts:
    machines = {one.name: one for one in (machine("small", 2), machine("mid", 4), machine("big", 8))}
    rows = [
        f"aws/ec2/{name},x,instance-hours,hour,USD,{rate},,,,2026-01-01,,,2026-01-01,high,made up"
        for name, rate in (("small", "0.01"), ("mid", "0.02"), ("big", "0.04"))
    ]
    book = PriceBook(parse_rates("\n".join([",".join(COLUMNS), *rows]), "made-up.csv"))
    found = Hosts(now=machines["small"], other_gib=1.0, machines=machines, book=book, region="x", on=date(2026, 11, 1))
    return dataclasses.replace(found, **changes)  # type: ignore[arg-type]


def test_where_a_host_of_its_own_pays_by_hand():
    """7 vectors a page of the index. Beside the rest 0.8, 2.8 and 6.8 GiB are free, alone 1.8, 3.8 and 7.8.

    So small holds 733,999 rows, mid 2,569,007, big 6,239,023; alone 1,651,503, 3,486,511 and 7,156,527. A month costs
    7.30, 14.60, 29.20. Past what mid holds, small and a mid (21.90) cost less than big, until the mid is full; past
    what big holds only two hosts do.
    """
    told = verdict(500_000, 384, hosts())
    assert told.fits
    assert told.rows_here == 733_999
    assert (told.next_machine, told.next_extra_usd) == ("mid", Decimal("7.30"))
    spans = [(s.from_rows, s.to_rows, s.bigger, s.bigger_usd, s.separate, s.separate_usd) for s in told.pays]
    assert spans == [
        (2_569_008, 3_486_511, "big", Decimal("29.20"), "mid", Decimal("21.90")),
        (6_239_024, 7_156_527, None, None, "big", Decimal("36.50")),
    ]
    assert told.quote_pays_from is None
    assert not verdict(734_000, 384, hosts()).fits


def test_a_quote_is_compared_with_growing():
    assert verdict(1, 384, hosts(separate_usd=Decimal(5))).quote_pays_from == 734_000
    assert verdict(1, 384, hosts(separate_usd=Decimal(10))).quote_pays_from == 2_569_008
    assert verdict(1, 384, hosts(separate_usd=Decimal(500))).quote_pays_from == 6_239_024


def test_what_is_not_known_is_said():
    codes = [one.code for one in verdict(1, 384, hosts()).unknown]
    assert codes == ["note.vectors-gin", "note.vectors-text", "note.vectors-work", "note.vectors-store"]
    nowhere = verdict(1, 384, hosts(region="y", separate_usd=Decimal(5)))
    assert nowhere.unknown[-1].code == "note.vectors-price"
    assert (nowhere.next_machine, nowhere.pays, nowhere.quote_pays_from) == (None, (), None)
    full = verdict(1, 384, hosts(other_gib=3.0))
    assert (full.fits, full.rows_here, full.next_machine) == (False, 0, "mid")


def test_with_the_shipped_prices():
    machines = shipped_machines()
    here = Hosts(
        now=machines["t4g.small"],
        other_gib=1.0,
        machines=machines,
        book=load_book(),
        region="ap-northeast-2",
        on=date(2026, 11, 1),
    )
    told = verdict(100_000, 384, here)
    assert told.fits
    assert told.rows_here == 733_999
    assert told.next_machine is not None
    assert told.next_extra_usd is not None
    assert told.next_extra_usd > 0
