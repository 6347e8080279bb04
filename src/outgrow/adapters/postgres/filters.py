"""Filters over the metadata of a collection: a small language, compiled to SQL whose values are parameters.

A filter is one of

    {"field": "merchant", "eq": "GS25"}                eq, ne: text, number, true, false or null
    {"field": "currency", "in": ["KRW", "USD"]}        one of at most 100
    {"field": "tags", "has": "food"}                   a list that contains the value
    {"field": "total", "gte": 1000, "lt": 5000}        gt, gte, lt, lte: numbers with numbers, texts with texts
    {"field": "total", "exists": true}                 there, whatever it is (null too)
    {"and": [...]}   {"or": [...]}   {"not": {...}}

``field`` is a key at the top of the metadata. ``ne`` and ``not`` also let rows through that lack the field.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql
from psycopg.types.json import Jsonb

from outgrow.adapters.postgres.storable import storable
from outgrow.domain.errors import VectorError

DEEPEST, MOST_TESTS, MOST_IN, LONGEST_NAME, LONGEST_VALUE = 8, 100, 100, 200, 1000
RANGES: Final = {"gt": sql.SQL(">"), "gte": sql.SQL(">="), "lt": sql.SQL("<"), "lte": sql.SQL("<=")}
TESTS: Final = ("eq", "ne", "in", "has", "exists", *RANGES)
JOINS: Final = {"and": sql.SQL(" and "), "or": sql.SQL(" or ")}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of SQL and the values of its named parameters (``w0``, ``w1``, ...)."""

    sql: sql.Composable
    values: dict[str, Any]


def compile_filter(where: Any) -> Condition:
    """The condition; ``true`` for no filter. No value is in its text.

    Raises `VectorError`, which says where in the filter and what is allowed there.
    """
    if where is None:
        return Condition(sql.SQL("true"), {})
    compiler = _Compiler()
    return Condition(compiler.node(where, "where", 0), compiler.values)


class _Compiler:
    """Compiles one filter: counts its tests, gathers its values."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self._tests = 0

    def node(self, node: Any, at: str, depth: int) -> sql.Composable:
        if not isinstance(node, dict) or not node:
            raise _bad(at, _kind(node), 'an object such as {"field": "total", "gte": 1000}')
        if depth > DEEPEST:
            raise _bad(at, "another level", f"at most {DEEPEST} levels")
        if "field" in node:
            return self._field(node, at)
        if len(node) != 1 or next(iter(node)) not in {"and", "or", "not"}:
            raise _bad(at, _keys(node), "field with a test, or one of: and, or, not")
        key, below = next(iter(node.items()))
        at = f"{at}.{key}"
        if key == "not":
            return sql.SQL("(not {})").format(self.node(below, at, depth + 1))
        if not isinstance(below, list) or not below:
            raise _bad(at, _kind(below), "a list of filters")
        parts = [self.node(one, f"{at}[{index}]", depth + 1) for index, one in enumerate(below)]
        return sql.SQL("({})").format(JOINS[key].join(parts))

    def _field(self, node: dict[str, Any], at: str) -> sql.Composable:
        name = node["field"]
        tests = [(key, value) for key, value in node.items() if key != "field"]
        if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not storable(name):
            raise _bad(f"{at}.field", _kind(name), f"the name of a metadata key, 1 to {LONGEST_NAME} characters")
        if not tests or any(key not in TESTS for key, _ in tests):
            raise _bad(at, _keys(node), f"field and at least one of: {', '.join(TESTS)}")
        parts = [self._test(name, key, value, f"{at}.{key}") for key, value in tests]
        return sql.SQL("({})").format(sql.SQL(" and ").join(parts))

    def _test(self, name: str, key: str, value: Any, at: str) -> sql.Composable:
        self._tests += 1
        if self._tests > MOST_TESTS:
            raise _bad(at, "another test", f"at most {MOST_TESTS} in a filter")
        match key:
            case "eq":
                return self._equal(name, _scalar(value, at))
            case "ne":
                return sql.SQL("(not {})").format(self._equal(name, _scalar(value, at)))
            case "in":
                return self._among(name, value, at)
            case "has":
                return self._equal(name, [_scalar(value, at)])
            case "exists":
                return self._exists(name, value, at)
            case _:
                return self._range(name, RANGES[key], _scalar(value, at), at)

    def _equal(self, name: str, value: Any) -> sql.Composable:
        """By containment, which the GIN index answers."""
        return sql.SQL("metadata @> {}").format(self._bind(Jsonb({name: value})))

    def _among(self, name: str, value: Any, at: str) -> sql.Composable:
        if not isinstance(value, list) or not 0 < len(value) <= MOST_IN:
            raise _bad(at, _kind(value), f"a list of 1 to {MOST_IN} values")
        parts = [self._equal(name, _scalar(one, f"{at}[{index}]")) for index, one in enumerate(value)]
        return sql.SQL("({})").format(sql.SQL(" or ").join(parts))

    def _exists(self, name: str, value: Any, at: str) -> sql.Composable:
        if not isinstance(value, bool):
            raise _bad(at, _kind(value), "true or false")
        found = sql.SQL("jsonb_exists(metadata, {}::text)").format(self._bind(name))
        return found if value else sql.SQL("(not {})").format(found)

    def _range(self, name: str, operator: sql.SQL, value: Any, at: str) -> sql.Composable:
        """By the order of jsonb: no cast, so a text where a number is expected is no error but no match."""
        if value is None or isinstance(value, bool):
            raise _bad(at, _kind(value), "a number or a text")
        kind = sql.SQL("'string'" if isinstance(value, str) else "'number'")
        field = sql.SQL("metadata -> {}::text").format(self._bind(name))
        return sql.SQL("coalesce(jsonb_typeof({0}) = {1} and {0} {2} {3}, false)").format(
            field, kind, operator, self._bind(Jsonb(value))
        )

    def _bind(self, value: Any) -> sql.Placeholder:
        name = f"w{len(self.values)}"
        self.values[name] = value
        return sql.Placeholder(name)


def _scalar(value: Any, at: str) -> str | float | bool | None:
    """The value, if it is one that can be compared."""
    if isinstance(value, str) and len(value) <= LONGEST_VALUE and storable(value):
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 10**100:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise _bad(at, _kind(value), f"a text of at most {LONGEST_VALUE} characters, a number, true, false or null")


def _kind(value: Any) -> str:
    """What was found, without the value: it may be anybody's data."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    if value in ({}, [], ""):
        return f"{kinds[type(value)]} with nothing in it"
    return kinds.get(type(value), "a number")


def _keys(node: dict[str, Any]) -> str:
    return json.dumps([key[:40] if key.isprintable() else "?" for key in node][:8], ensure_ascii=False)


def _bad(at: str, found: str, allowed: str) -> VectorError:
    return VectorError(f"{at}: found {found}; allowed: {allowed}")
