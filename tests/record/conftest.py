"""Records made by the real pipeline, and the words and template they are rendered with."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import outgrow.record
from outgrow.adapters.spec_file import load_spec
from outgrow.catalog.options import all_options
from outgrow.decide.decision import decide
from outgrow.record.data import as_text, decision_data
from outgrow.record.words import LANGUAGES, Words, parse_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.catalog.context import Market

RECORD = Path(outgrow.record.__file__).parent
EXAMPLES = Path(__file__).parents[2] / "examples"
ATTACK = "<script>alert(1)</script>|`x`\n## Heading\n- item **b** [l](javascript:alert(1)) \"' onload=x &lt; ---"
SPEC_KEYS = {
    "title",
    "service",
    "says",
    "id",
    "section",
    "theirs",
    "name",
    "provider",
    "component",
    "source",
    "path",
    "input",
}
"""Everything a spec can put its own words into."""


@pytest.fixture(scope="session")
def words() -> dict[str, Words]:
    """Both languages."""
    return {
        name: parse_words((RECORD / "text" / f"{name}.toml").read_text(encoding="utf-8"), name) for name in LANGUAGES
    }


@pytest.fixture(scope="session")
def template() -> str:
    """The page's template."""
    return (RECORD / "templates" / "page.html.j2").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def record(market: Market, words: dict[str, Words]) -> Callable[..., dict[str, Any]]:
    """An example decided and written down in a language, as it comes back from its JSON file."""
    decided: dict[str, Any] = {}

    def made(example: str = "receipts", language: str = "en") -> dict[str, Any]:
        spec = EXAMPLES / example / "service.yaml"
        if example not in decided:
            decided[example] = decide(load_spec(spec).service, market, all_options())
        text = spec.read_text(encoding="utf-8")
        made_of = {"spec_name": spec.name, "spec_text": text, "asked": {}, "version": "1"}
        data = decision_data(decided[example], **made_of, words=words[language])
        back: dict[str, Any] = json.loads(as_text(data))
        return back

    return made


@pytest.fixture
def small() -> dict[str, Any]:
    """Two questions, small enough to work out by hand.

    Platform: host 730 h x 0.02 = 14.60, disk 100 GB x 0.094 = 9.40: 24.00 a month. Inference: 50,000 s x 0.0002 = 10.00.
    Together 34.00, with 10 % VAT 37.40; at 1,000 KRW a dollar that is 37,400 with tax.
    """
    return read("small")


@pytest.fixture
def before() -> dict[str, Any]:
    """A record made before anything was simulated: none of its months, front, growth plan and measurements is there."""
    return read("before")


def read(name: str) -> dict[str, Any]:
    """A record kept beside this file."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / f"{name}.json").read_text(encoding="utf-8"))
    return data


@pytest.fixture(scope="session")
def hostile() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """A record whose every text that a spec can hold is an attack, with a title of ten thousand characters."""

    def poisoned(data: dict[str, Any]) -> dict[str, Any]:
        bad: dict[str, Any] = _poisoned(copy.deepcopy(data))
        bad["record"]["title"] = ATTACK + "x" * 10_000
        return bad

    return poisoned


def _poisoned(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _poisoned(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_poisoned(item, key) for item in value]
    if isinstance(value, str) and key in SPEC_KEYS and value not in {"guessed", "stated", "measured", "quoted"}:
        return value + ATTACK
    return value
