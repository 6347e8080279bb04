"""Prints docs/spec.md from the JSON Schema of the spec: python scripts/spec_doc.py > docs/spec.md."""

from __future__ import annotations

import sys
from typing import Any

from outgrow.adapters.spec_file import json_schema
from outgrow.decide.claims import CROSSOVER_METRIC, METRICS, PAIR_METRICS
from outgrow.decide.figures import SUBJECTS

INTRO = """# The spec: `service.yaml`

One file says what the service must carry. Unknown keys are refused, units stand in the key names, and every problem is
reported with its line. `outgrow init` writes a commented one; `outgrow schema` prints a JSON Schema for editors, from
which `scripts/spec_doc.py` makes this page.

*number* means a plain number, `{value: 3, source: measured}`, or a range `{low: 30, mid: 60, high: 120, source: …}`.
Sources are `measured`, `quoted`, `guessed`; without one a number is `stated`. A range is drawn from when options are
ranked (triangular, `mid` is the most likely), and its ends give the low and high of every bill.
"""


def spec_doc() -> str:
    """The whole page."""
    schema = json_schema()
    parts = [INTRO, _table("service.yaml", schema)]
    parts += [_table(name, part) for name, part in schema["$defs"].items()]
    parts.append(_list("What a claim can measure (`metric`)", [*METRICS, *PAIR_METRICS, CROSSOVER_METRIC]))
    parts.append(_list("What a figure can be about (`about`)", [_subject(name) for name in SUBJECTS]))
    return "\n".join(parts)


def _subject(name: str) -> str:
    text = (SUBJECTS[name].__doc__ or "").strip().split("\n")[0].rstrip(".")
    return f"{name}: {text}" if text else name


def _list(title: str, entries: list[str]) -> str:
    lines = [f"## {title}", ""]
    for entry in entries:
        name, _, text = entry.partition(": ")
        lines.append(f"- `{name}`{f': {text}' if text else ''}")
    return "\n".join([*lines, ""])


def _table(name: str, part: dict[str, Any]) -> str:
    required = set(part.get("required", ()))
    rows = [f"## {name}", "", part.get("description", ""), "", "| key | value | what it says |", "| --- | --- | --- |"]
    for key, entry in part["properties"].items():
        mark = " (required)" if key in required else ""
        text = str(entry.get("description", "")).replace("|", "\\|")
        rows.append(f"| `{key}`{mark} | {_kind(entry)} | {text} |")
    return "\n".join([*rows, ""])


def _kind(entry: dict[str, Any]) -> str:
    if "$ref" in entry:
        return f"[{_name(entry)}](#{_name(entry)})"
    if "enum" in entry:
        return ", ".join(f"`{value}`" for value in entry["enum"])
    if "anyOf" in entry:
        kinds = [_kind(option) for option in entry["anyOf"]]
        if kinds[0] in {"number", "whole number"} and any("mid" in o.get("properties", {}) for o in entry["anyOf"]):
            return f"*number*{_bounds(entry['anyOf'][0])}"
        return " or ".join(dict.fromkeys(kinds))
    if entry.get("type") == "array":
        return f"list of {_kind(entry['items'])}"
    if entry.get("type") == "object":
        inner = entry.get("additionalProperties")
        return f"{_kind(inner)} by name" if isinstance(inner, dict) else "mapping"
    plain = {"integer": "whole number", "string": "text", "number": "plain number", "boolean": "true or false"}
    return plain.get(str(entry.get("type")), "") + _bounds(entry)


def _bounds(entry: dict[str, Any]) -> str:
    low = entry.get("minimum", entry.get("exclusiveMinimum"))
    high = entry.get("maximum")
    texts = []
    if "exclusiveMinimum" in entry:
        texts.append("above " + f"{low:g}")
    elif low not in (None, 0):
        texts.append(f"from {low:g}")
    if high is not None and high < 1e12:
        texts.append(f"to {high:g}")
    return f" {' '.join(texts)}" if texts else ""


def _name(entry: dict[str, Any]) -> str:
    return str(entry["$ref"]).rsplit("/", 1)[-1]


if __name__ == "__main__":
    sys.stdout.write(spec_doc())
