"""Prints docs/spec.md or docs/gateway.md from the JSON Schema of the file.

python scripts/spec_doc.py > docs/spec.md; python scripts/spec_doc.py gateway > docs/gateway.md.
"""

from __future__ import annotations

import sys
from typing import Any

from outgrow.adapters import gateway_file
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


GATEWAY_INTRO = """# The gateway: `gateway.yaml`

One file says which tasks `outgrow serve` runs, where they may run, and what that may cost. Unknown keys are refused,
units stand in the key names, and every problem is reported with its line. `scripts/spec_doc.py gateway` makes this page
from the JSON Schema.

- **Where payloads may go.** Each task has a data class, each backend a trust. A payload reaches a backend only if the
  task names it and it is no further away than `reach` says for the class; a request can make the class stricter, never
  looser. A backend that no payload of its task could reach is refused when the file is read: to let receipts go to a
  rented GPU, say so under `reach`.
- **What it may cost.** Before an attempt the most it could cost is held of every budget it counts in: (`cold_start_s` +
  `timeout_s` + `idle_timeout_s`) x the price a second, and the price of the tokens and of the call. What is not in your
  own account says its price, and a backend that costs money needs a budget.
- **Secrets** are in environment variables; the file says their names. One that was pasted in is refused.
- **Prices** are those of the day the file is read. A price an hour counts by the second of an attempt; the hours in
  which a machine idles are in no attempt.
"""


def gateway_doc() -> str:
    """The page of ``gateway.yaml``."""
    schema = gateway_file.json_schema()
    tables = {"gateway.yaml": schema, **schema["$defs"]}
    return "\n".join([GATEWAY_INTRO, *(_table(name, part, defaults=True) for name, part in tables.items())])


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


def _table(name: str, part: dict[str, Any], *, defaults: bool = False) -> str:
    required = set(part.get("required", ()))
    rows = [f"## {name}", "", part.get("description", ""), "", "| key | value | what it says |", "| --- | --- | --- |"]
    for key, entry in part["properties"].items():
        mark = " (required)" if key in required else ""
        text = str(entry.get("description", "")).replace("|", "\\|")
        default = entry.get("default")
        if defaults and default and not isinstance(default, str):
            text += f" Default: {default:.12g}."
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
        by = _kind(entry["propertyNames"]) if "enum" in entry.get("propertyNames", {}) else "name"
        return f"{_kind(inner)} by {by}" if isinstance(inner, dict) else "mapping"
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
    sys.stdout.write(gateway_doc() if sys.argv[1:] == ["gateway"] else spec_doc())
