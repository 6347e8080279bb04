"""Where the rates come from, numbered once so that a line can point at its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def every_bill(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Candidates, rejected options that have a bill, and the options as written."""
    for answer in data["questions"].values():
        yield from answer["candidates"]
        yield from answer["rejected_bills"]
    yield from data["as_written"]


def sources(data: Mapping[str, Any]) -> list[str]:
    """Every source once: those of the prices in their order, then any that only a bill line names."""
    named = [row["source"] for row in data["prices"]]
    named += [line["source"] for option in every_bill(data) for line in option["lines"]]
    return list(dict.fromkeys(named))
