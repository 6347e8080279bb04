"""How much disk and memory a collection of vectors takes, and from how many rows on a store of its own would pay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from outgrow.catalog.machines import of_family
from outgrow.catalog.parts import OS_MEMORY_GIB, hnsw_row_bytes
from outgrow.domain.collection import INDEX_ROWS
from outgrow.domain.message import Message, message
from outgrow.domain.units import HOURS_PER_MONTH_DECIMAL

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from decimal import Decimal

    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.price import Machine

PAGE: Final = 8192
INDEX_ROOM: Final = PAGE - 24 - 8
"""What a page of an HNSW index holds besides its header and its special space. Source: pgvector ``src/hnsw.h``."""

INDEX_EXTRA: Final = 30
"""Bytes a vector takes in its page beyond `hnsw_row_bytes`: line pointers, alignment, upper layers (1 in 15)."""

TABLE_ROOM: Final = PAGE - 24
ROW_EXTRA: Final = 28
"""Header and line pointer of a row. Source: PostgreSQL documentation, "Database page layout"."""

CHUNK: Final = 1996
"""Bytes of a value kept beside its table, four pieces a page."""

KEY_BYTES: Final = 64
"""Of the primary key's index, a row; ids of about 20 characters. A planning figure of ours."""

MOST_ROWS: Final = 10**10


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSize:
    """Bytes on disk of table, HNSW index and primary key, and those that must stay in memory to answer quickly.

    ``unknown``: what is not counted.
    """

    rows: int
    dimensions: int
    table_bytes: int
    hnsw_bytes: int
    key_bytes: int
    resident_bytes: int
    unknown: tuple[Message, ...]


def hnsw_bytes(rows: int, dimensions: int, number_bytes: int = 2) -> int:
    """Size of the HNSW index (m = 16) of ``rows`` vectors, in bytes; ``number_bytes`` 2 for halfvec, 4 for vector.

    Whole vectors with their neighbours a page of 8 kB, or two pages a vector that does not fit. 100,000 x 384: 111.6
    MiB in halfvec and 195.3 in vector, measured 113 and 197. Stops holding after many updates: dead ones keep their
    place until vacuum. Source: pgvector ``src/hnsw.h``, ``src/hnswinsert.c``.
    """
    a_page = int(INDEX_ROOM // (hnsw_row_bytes(dimensions, number_bytes) + INDEX_EXTRA))
    return PAGE * (math.ceil(rows / a_page) if a_page else 2 * rows)


def table_bytes(rows: int, dimensions: int, other_bytes: float = 0.0) -> int:
    """Size of the table of ``rows`` vectors in full precision, in bytes; ``other_bytes``: mean of all else in a row.

    A row stays in one piece up to a page; beyond, the vector is kept in pieces of 1,996 bytes.
    """
    vector = 4 * dimensions + 8
    row = 8 * math.ceil((ROW_EXTRA + other_bytes + vector) / 8)
    if row <= TABLE_ROOM:
        return PAGE * math.ceil(rows / (TABLE_ROOM // row))
    outside = rows * math.ceil(vector / CHUNK) * PAGE // 4
    return outside + PAGE * math.ceil(rows * (ROW_EXTRA + other_bytes + 18) / TABLE_ROOM)


def vector_size(rows: int, dimensions: int, other_bytes: float | None = None) -> VectorSize:
    """What ``rows`` vectors take. Without ``other_bytes`` (text, metadata and words of a row) those are left out.

    To answer in milliseconds the HNSW index stays in memory; below `INDEX_ROWS` there is none and the table does.
    """
    table = table_bytes(rows, dimensions, other_bytes or 0.0)
    hnsw = hnsw_bytes(rows, dimensions) if rows >= INDEX_ROWS else 0
    unknown = [message("note.vectors-gin")]
    if other_bytes is None:
        unknown.append(message("note.vectors-text"))
    return VectorSize(
        rows=rows,
        dimensions=dimensions,
        table_bytes=table,
        hnsw_bytes=hnsw,
        key_bytes=rows * KEY_BYTES,
        resident_bytes=hnsw or table,
        unknown=tuple(unknown),
    )


def rows_within(memory_bytes: float, dimensions: int, other_bytes: float | None = None) -> int:
    """The most rows whose resident part fits into ``memory_bytes``.

    With index: a table that would not fit just below `INDEX_ROWS` is no bound, as the index above it is smaller.
    """

    def fits(rows: int) -> bool:
        return vector_size(rows, dimensions, other_bytes).resident_bytes <= memory_bytes

    low, high = (INDEX_ROWS, MOST_ROWS) if fits(INDEX_ROWS) else (0, INDEX_ROWS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Where the collection is and what could be rented instead.

    ``other_gib``: what the host must hold besides vectors and the operating system (services, PostgreSQL itself).
    Vectors of other collections belong there too. ``separate_usd``: a monthly quote for a vector database elsewhere;
    None: none is known.
    """

    now: Machine
    other_gib: float
    machines: Mapping[str, Machine]
    book: PriceBook
    region: str
    on: date
    separate_usd: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """From ``from_rows`` to ``to_rows`` (None: no end is known) a host of its own costs less than a bigger one.

    ``bigger`` is None where no machine of the family holds all.
    """

    from_rows: int
    to_rows: int | None
    bigger: str | None
    bigger_usd: Decimal | None
    separate: str
    separate_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Does the present host hold it, up to how many rows, what comes next, and when something separate would pay.

    Money is US dollars a month for machines alone, at list price, before disks, addresses and tax. ``pays``: where a
    host of its own for the vectors costs less than one bigger host for all. ``quote_pays_from``: rows from which the
    quoted store costs less than growing the host.
    """

    size: VectorSize
    fits: bool
    rows_here: int
    next_machine: str | None
    next_extra_usd: Decimal | None
    pays: tuple[Span, ...]
    quote_pays_from: int | None
    unknown: tuple[Message, ...]


def verdict(rows: int, dimensions: int, hosts: Hosts, other_bytes: float | None = None) -> Verdict:
    """What ``rows`` vectors of ``dimensions`` numbers mean for the present host and for the bill.

    Growing means the cheapest machine of the family that holds all. A host of its own holds vectors and an operating
    system, and the present one stays. Both jump where a machine is full, so they are compared between all such rows.
    """
    size = vector_size(rows, dimensions, other_bytes)
    offers = _offers(hosts)
    room = _room_bytes(hosts.now, hosts.other_gib)
    here = rows_within(room, dimensions, other_bytes) if room > 0 else 0
    now_usd = _usd(hosts.now, hosts)
    bigger = _cheapest(offers, hosts.other_gib, vector_size(here + 1, dimensions, other_bytes).resident_bytes)
    steps = _steps(offers, hosts, dimensions, other_bytes)
    unknown = [*size.unknown, message("note.vectors-work")]
    if hosts.separate_usd is None:
        unknown.append(message("note.vectors-store"))
    if now_usd is None:
        unknown.append(message("note.vectors-price", machine=hosts.now.name))
    return Verdict(
        size=size,
        fits=size.resident_bytes <= room,
        rows_here=here,
        next_machine=bigger[0].name if bigger else None,
        next_extra_usd=bigger[1] - now_usd if bigger and now_usd is not None else None,
        pays=_spans(steps, offers, hosts, now_usd, dimensions, other_bytes),
        quote_pays_from=_quote_from(steps, offers, hosts, now_usd, dimensions, other_bytes),
        unknown=tuple(unknown),
    )


def _room_bytes(machine: Machine, other_gib: float) -> float:
    return (machine.memory_gib - other_gib - OS_MEMORY_GIB) * 2**30


def _usd(machine: Machine, hosts: Hosts) -> Decimal | None:
    """A month of a machine, where the book has it in dollars."""
    card = hosts.book.card(f"aws/{machine.family}/{machine.name}", hosts.region, hosts.on)
    if card is None or card.first.currency != "USD":
        return None
    return card.first.amount * HOURS_PER_MONTH_DECIMAL


def _offers(hosts: Hosts) -> tuple[tuple[Machine, Decimal], ...]:
    """Machines of the present one's family and architecture that have a price, the cheapest first."""
    family = of_family(hosts.machines.values(), hosts.now.family)
    priced = ((one, _usd(one, hosts)) for one in family if one.architecture == hosts.now.architecture)
    found = [(one, usd) for one, usd in priced if usd is not None]
    return tuple(sorted(found, key=lambda offer: (offer[1], offer[0].memory_gib, offer[0].name)))


def _cheapest(
    offers: Iterable[tuple[Machine, Decimal]], other_gib: float, resident_bytes: int, vcpu: float = 0.0
) -> tuple[Machine, Decimal] | None:
    fitting = (offer for offer in offers if _room_bytes(offer[0], other_gib) >= resident_bytes)
    return next((offer for offer in fitting if offer[0].vcpu >= vcpu), None)


def _steps(
    offers: Iterable[tuple[Machine, Decimal]], hosts: Hosts, dimensions: int, other_bytes: float | None
) -> tuple[int, ...]:
    """The rows from which the answer may differ: one more than any machine holds, beside the rest or alone."""
    rooms = {_room_bytes(one, other) for one, _ in offers for other in (0.0, hosts.other_gib)}
    rooms.add(_room_bytes(hosts.now, hosts.other_gib))
    return tuple(sorted({rows_within(room, dimensions, other_bytes) + 1 for room in rooms if room > 0}))


def _spans(
    steps: tuple[int, ...],
    offers: tuple[tuple[Machine, Decimal], ...],
    hosts: Hosts,
    now_usd: Decimal | None,
    dimensions: int,
    other_bytes: float | None,
) -> tuple[Span, ...]:
    """Where a host of its own costs less than a bigger one, from the first row that the present host cannot hold."""
    if now_usd is None:
        return ()
    found = []
    for start, following in zip(steps, (*steps[1:], None), strict=True):
        resident = vector_size(start, dimensions, other_bytes).resident_bytes
        alone = _cheapest(offers, 0.0, resident)
        if resident <= _room_bytes(hosts.now, hosts.other_gib) or alone is None:
            continue
        bigger = _cheapest(offers, hosts.other_gib, resident, hosts.now.vcpu)
        if bigger is None or now_usd + alone[1] < bigger[1]:
            found.append(
                Span(
                    from_rows=start,
                    to_rows=following - 1 if following else None,
                    bigger=bigger[0].name if bigger else None,
                    bigger_usd=bigger[1] if bigger else None,
                    separate=alone[0].name,
                    separate_usd=now_usd + alone[1],
                )
            )
    return tuple(found)


def _quote_from(
    steps: tuple[int, ...],
    offers: tuple[tuple[Machine, Decimal], ...],
    hosts: Hosts,
    now_usd: Decimal | None,
    dimensions: int,
    other_bytes: float | None,
) -> int | None:
    """The first rows at which growing costs more than the quote; growing past the last machine always does."""
    if hosts.separate_usd is None or now_usd is None:
        return None
    for start in steps:
        resident = vector_size(start, dimensions, other_bytes).resident_bytes
        if resident <= _room_bytes(hosts.now, hosts.other_gib):
            continue
        bigger = _cheapest(offers, hosts.other_gib, resident, hosts.now.vcpu)
        if bigger is None or bigger[1] - now_usd > hosts.separate_usd:
            return start
    return None
