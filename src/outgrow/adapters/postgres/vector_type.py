"""Vectors on the wire: pgvector's binary form, which is faster to write and to read than digits."""

from __future__ import annotations

import math
import sys
from array import array
from dataclasses import dataclass
from struct import pack
from typing import TYPE_CHECKING, Any, Final

from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format
from psycopg.types import TypeInfo

from outgrow.domain.collection import Metric
from outgrow.domain.errors import VectorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import AsyncConnection

    from outgrow.domain.collection import Collection

LARGEST: Final = 65504.0
"""The largest number of a ``halfvec``, in which the index is."""

SMALLEST: Final = 1e-4
"""A cosine vector needs one number of this size: in half precision smaller ones fade, and 0 has no direction."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A vector as the server reads it."""

    data: bytes


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: Packed) -> Buffer:
        return obj.data


def packed(numbers: Sequence[float], collection: Collection, at: str) -> Packed:
    """The vector on the wire. Raises `VectorError` when it cannot be one of this collection."""
    if len(numbers) != collection.dimensions:
        raise VectorError(
            f"{at}: found {len(numbers)} numbers; {collection.name} has {collection.dimensions} dimensions"
        )
    try:
        values = array("f", numbers)
    except (TypeError, OverflowError):
        raise VectorError(f"{at}: found something that is no number; allowed are numbers") from None
    highest, lowest = max(values), min(values)
    largest = max(highest, -lowest)
    if not math.isfinite(sum(values)) or largest > LARGEST:  # one that is not finite makes the sum so
        raise VectorError(f"{at}: found a number that is not finite or beyond {LARGEST:g}; scale the vectors down")
    if collection.metric is Metric.COSINE and largest < SMALLEST:
        raise VectorError(f"{at}: every number is under {SMALLEST:g}; a cosine vector needs a direction")
    if sys.byteorder == "little":
        values.byteswap()
    return Packed(pack(">HH", len(values), 0) + values.tobytes())


async def register(connection: AsyncConnection[Any]) -> None:
    """Teaches a connection the type, unless it knows it."""
    if connection.adapters.types.get("vector") is not None:
        return
    info = await TypeInfo.fetch(connection, "vector")
    if info is None:
        raise VectorError("database: the extension vector is not installed", hint="run the migrations as its owner")
    info.register(connection)
    connection.adapters.register_dumper(Packed, type("Dumper", (_PackedDumper,), {"oid": info.oid}))
