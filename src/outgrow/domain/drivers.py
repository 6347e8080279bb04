"""Move one number of a spec by its path: ``users.daily_active``, ``inference.receipts.cold_start_s``."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from outgrow.domain.workload import Service

_Value = TypeVar("_Value")


def with_values(service: Service, values: Mapping[str, float]) -> Service:
    """The service with the numbers at these paths replaced.

    A list member is addressed by its ``name``. Raises ``KeyError`` for a path that leads nowhere, ``ValueError`` for
    half of what is counted.
    """
    try:
        return _rebuilt(service, [(tuple(path.split(".")), value) for path, value in values.items()])
    except (AttributeError, TypeError) as problem:
        raise KeyError(", ".join(values)) from problem


def at_low(service: Service) -> dict[str, float]:
    """Every uncertain number at the low end of its range."""
    return {driver.path: driver.low for driver in service.drivers}


def at_high(service: Service) -> dict[str, float]:
    """Every uncertain number at the high end of its range."""
    return {driver.path: driver.high for driver in service.drivers}


def _rebuilt(node: _Value, edits: Iterable[tuple[tuple[str, ...], float]]) -> _Value:
    """``node`` with every edit below it applied; nodes without edits are shared, not copied."""
    below: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    here: dict[str, Any] = {}
    for (head, *rest), value in edits:
        if rest:
            below.setdefault(head, []).append((tuple(rest), value))
        else:
            here[head] = _fitting(node, head, value)
    for head, nested in below.items():
        here[head] = _member_rebuilt(getattr(node, head), nested)
    return dataclasses.replace(node, **here)  # type: ignore[type-var]


def _fitting(node: Any, name: str, value: float) -> Any:
    """The value as the number of this field: what is counted stays whole, money exact."""
    own: Any = type(node)
    kind = _kinds(own).get(name, "")
    if "float" in kind or not kind:
        return value
    if kind == "Decimal":
        return Decimal(str(value))
    if kind not in {"int", "int | None"}:
        raise KeyError(name)
    if value != int(value):
        raise ValueError(f"{name}: found {value:g}; allowed is a whole number")
    return int(value)


@cache
def _kinds(kind: type[Any]) -> dict[str, str]:
    """The annotations of a dataclass, as they are written."""
    return {field.name: str(field.type) for field in dataclasses.fields(kind)}


def _member_rebuilt(child: Any, edits: list[tuple[tuple[str, ...], float]]) -> Any:
    if not isinstance(child, tuple):
        if child is None:
            raise KeyError(edits[0][0])
        return _rebuilt(child, edits)
    by_name: dict[str, list[tuple[tuple[str, ...], float]]] = {}
    for (name, *rest), value in edits:
        by_name.setdefault(name, []).append((tuple(rest), value))
    unknown = by_name.keys() - {member.name for member in child}
    if unknown:
        raise KeyError(min(unknown))
    return tuple(_rebuilt(member, by_name[member.name]) if member.name in by_name else member for member in child)
