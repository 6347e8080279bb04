"""JSON as it comes in: read strictly, so that what is taken can be stored."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from outgrow.gateway.problem import Problem, refused
from outgrow.policy.refusal import unreadable_body

UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
DEEPEST: Final = 100


def read_json(body: bytes) -> Any:
    """The value of ``body``; raises 400 for what no database stores: NaN, NUL, half a surrogate pair, 100 levels."""
    try:
        value = json.loads(body, parse_constant=_no_number)
    except RecursionError as problem:
        raise _unreadable(f"the JSON is nested deeper than {DEEPEST} levels") from problem
    except (ValueError, UnicodeDecodeError) as problem:
        where = f" at byte {problem.pos}" if isinstance(problem, json.JSONDecodeError) else ""
        raise _unreadable(f"the body is no JSON{where}") from problem
    check(value)
    return value


def check(value: Any) -> None:
    """Raises 400 unless PostgreSQL can store ``value`` as jsonb."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                _check_text(one)
            elif isinstance(one, dict):
                below += one.keys()
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return
        level = below
    raise _unreadable(f"the JSON is nested deeper than {DEEPEST} levels")


def _check_text(text: str) -> None:
    if UNSTORABLE.search(text):
        raise _unreadable("a text of the JSON has the character NUL or half a surrogate pair")


def _no_number(name: str) -> Any:
    raise ValueError(name)


def _unreadable(reason: str) -> Problem:
    return refused(unreadable_body(reason))
