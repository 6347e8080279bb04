"""Whatever is given as a filter is compiled or refused; what is compiled has no value in its text."""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from outgrow.adapters.postgres.filters import TESTS, compile_filter
from outgrow.domain.errors import VectorError

SCALARS = some.one_of(some.none(), some.booleans(), some.integers(), some.floats(), some.text(max_size=8))
VALUES = some.one_of(
    SCALARS, some.lists(SCALARS, max_size=3), some.dictionaries(some.text(max_size=3), SCALARS, max_size=2)
)
LEAVES = some.builds(
    lambda field, tests: {"field": field, **tests},
    some.one_of(some.text(max_size=8), some.integers()),
    some.dictionaries(some.one_of(some.sampled_from(TESTS), some.text(max_size=3)), VALUES, max_size=2),
)
FILTERS = some.recursive(
    some.one_of(LEAVES, VALUES),
    lambda below: some.one_of(
        some.builds(lambda key, parts: {key: parts}, some.sampled_from(["and", "or"]), some.lists(below, max_size=3)),
        some.builds(lambda part: {"not": part}, below),
    ),
    max_leaves=6,
)
OURS = re.compile(
    r"true|and|or|not|metadata|@>|->|::text|jsonb_typeof|jsonb_exists|coalesce|false|'string'|'number'"
    r"|%\(w\d+\)s|<=|>=|<|>|=|\(|\)|,|\s"
)


@settings(max_examples=300, deadline=None)
@given(FILTERS)
def test_compiled_or_refused(where: Any) -> None:
    try:
        condition = compile_filter(where)
    except VectorError as problem:
        assert problem.message.startswith("where")
        assert "\n" not in problem.message
        return
    text = condition.sql.as_string()
    assert OURS.sub("", text) == ""
    assert set(re.findall(r"%\((w\d+)\)s", text)) == set(condition.values)
