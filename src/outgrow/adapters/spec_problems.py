"""What is wrong with a spec, in words: line, path, what was found, what is allowed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from outgrow.adapters.spec_fields import MAX_NUMBER, SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from outgrow.adapters.spec_fields import Field, Part, Problem
    from outgrow.adapters.spec_text import Positions

Loc = tuple[str | int, ...]

MAX_SHOWN: Final = 25
MAX_TEXT: Final = 60

_UNITS: Final = {
    "s": "seconds",
    "ms": "milliseconds",
    "gib": "GiB",
    "gb": "GB",
    "mb": "MB",
    "kb": "KB",
    "usd": "US dollars",
    "frac": "a share",
    "days": "days",
    "months": "months",
    "hours": "hours",
    "watts": "watts",
    "requests": "requests",
    "tokens": "tokens",
    "bytes": "bytes",
}
_FACTORS: Final[Mapping[str, Mapping[str, float]]] = {
    "seconds": {"s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 0.001, "m": 60, "min": 60, "minutes": 60, "h": 3600},
    "milliseconds": {"ms": 1, "s": 1000},
    "GiB": {"gib": 1, "gi": 1, "gb": 1, "g": 1, "mib": 1 / 1024, "mi": 1 / 1024, "mb": 1 / 1024, "m": 1 / 1024},
    "GB": {"gb": 1, "g": 1, "mb": 0.001, "tb": 1000},
    "MB": {"mb": 1, "m": 1, "kb": 0.001, "gb": 1000},
    "KB": {"kb": 1, "k": 1, "mb": 1000},
    "US dollars": {"usd": 1, "$": 1},
    "a share": {"%": 0.01},
    "days": {"d": 1, "day": 1, "days": 1, "weeks": 7},
    "months": {"months": 1, "years": 12},
    "hours": {"h": 1, "hours": 1},
    "bytes": {"b": 1, "kb": 1000, "mb": 1e6, "m": 1e6, "gb": 1e9, "kib": 1024, "mib": 2**20},
    "watts": {"w": 1, "watts": 1, "kw": 1000},
}
_WITH_UNIT: Final = re.compile(r"\$?\s*([-+]?[0-9][0-9,_]*(?:\.[0-9]+)?|[-+]?\.[0-9]+)\s*([A-Za-z%$]*)")
_TRUTH: Final = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_OUT_OF_RANGE: Final = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
_AMOUNT_FORMS: Final = {"\0value": ("value", "source"), "\0range": ("low", "mid", "high", "source")}


def describe(errors: Sequence[ErrorDetails], part: Part, name: str, positions: Positions) -> str:
    """Every problem of a spec, one a line and in the order of the file."""
    return _listed([(_place(error), _problem(error, part)) for error in errors], name, positions)


def describe_problems(problems: Sequence[Problem], name: str, positions: Positions) -> str:
    """The same for problems found by our own rules, each with its place."""
    return _listed([(place, f"{_path(place)}{text}") for place, text in problems], name, positions)


def _listed(problems: Sequence[tuple[Loc, str]], name: str, positions: Positions) -> str:
    placed = sorted((_line(place, positions), index) for index, (place, _) in enumerate(problems))
    shown = [f"{name}:{line} {problems[index][1]}" for line, index in placed[:MAX_SHOWN]]
    more = [f"{name}: {len(placed) - MAX_SHOWN} more problems"] if len(placed) > MAX_SHOWN else []
    return "\n".join([*shown, *more])


def _place(error: ErrorDetails) -> Loc:
    """Where the problem is, without the steps that only the validator knows."""
    loc = tuple(step for step in error["loc"] if not (isinstance(step, str) and step.startswith("\0")))
    return (*(loc[:-1] if loc[-1:] == ("[key]",) else loc), *error.get("ctx", {}).get("at", ()))


def _problem(error: ErrorDetails, part: Part) -> str:
    form = next((_AMOUNT_FORMS[str(step)] for step in error["loc"] if step in _AMOUNT_FORMS), ())
    place = _place(error)
    return f"{_path(place)}{_words(error, part, place, form)}"


def _line(place: Loc, positions: Positions) -> int:
    """The line of a place, or of the nearest thing around it."""
    while place and place not in positions:
        place = place[:-1]
    return positions.get(place, 1)


def _path(place: Loc) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_word(step)}" for step in place)
    return f"{text.removeprefix('.')}: " if text else ""


def _word(step: str) -> str:
    """A key as part of a path, on one line whatever is in it."""
    return _short(step if step.isprintable() else json.dumps(step)) or "(empty)"


def _words(error: ErrorDetails, part: Part, place: Loc, form: tuple[str, ...]) -> str:
    kind, found = error["type"], error["input"]
    field = _field_at(part, place)
    key = next((step for step in reversed(place) if isinstance(step, str) and step not in _NUMBER_KEYS), "")
    if kind == "spec":
        return str(error["ctx"]["text"])
    if kind == "extra_forbidden":
        return f"unknown key; {_instead(str(place[-1]), form or _keys(_part_at(part, place[:-1])))}"
    if error["loc"] and error["loc"][-1] == "[key]":
        return _unknown_key(place, _field_at(part, place[:-1]))
    if field is None:
        return error["msg"]
    if kind == "missing":
        return f"missing; expected {_NUMBER_FORMS if form else _expected(field, key)}"
    if kind == "literal_error":
        return f"expected {field.expects}, found {show(found)}{_meant(found, field.options)}"
    if kind in _OUT_OF_RANGE:
        return f"found {show(found)}, allowed: {field.allowed}{_ceiling(error)}"
    if kind in ("too_short", "too_long") and isinstance(found, list):
        return f"found a list of {len(found)}, allowed: {field.allowed}"
    return f"expected {_expected(field, key)}, found {show(found)}{_fix(found, field, key)}"


_NUMBER_FORMS: Final = "a number as 3, {value, source} or {low, mid, high, source}"
_NUMBER_KEYS: Final = ("value", "low", "mid", "high")


def _field_at(part: Part, place: Loc) -> Field | None:
    """The field at ``place``; inside a number given as a mapping, the number itself."""
    field: Field | None = None
    here: Part | None = part
    for step in place:
        if here is not None:
            field = here.fields.get(str(step))
        elif field is not None and field.item is not None:
            field = field.item
        elif field is None or not field.number:
            return field
        elif step == "source":
            return SOURCE
        if field is None:
            return None
        here = field.part
    return field


def _part_at(part: Part, place: Loc) -> Part | None:
    field = _field_at(part, place)
    return field.part if field else (None if place else part)


def _keys(part: Part | None) -> tuple[str, ...]:
    return tuple(part.fields) if part else ()


def _unknown_key(place: Loc, mapping: Field | None) -> str:
    """A key the writer chose, but not one of those that exist or not shaped as one."""
    key = mapping.key if mapping else None
    if key is None:
        return "unknown key"
    return f"unknown key; {_instead(str(place[-1]), key.options)}" if key.options else f"expected {key.expects}"


def _ceiling(error: ErrorDetails) -> str:
    """The general ceiling, said only to who hit it."""
    limit = error.get("ctx", {}).get("le")
    return " and up to 1e12" if limit == MAX_NUMBER else ""


def _expected(field: Field, key: str) -> str:
    unit = _unit(key)
    if field.expects != "a number" or not unit:
        return field.expects
    return "a share as a number, such as 0.1" if unit == "a share" else f"{unit} as a number"


def _unit(key: str) -> str | None:
    """The unit a key carries in its name: ``egress_kb_per_request`` is in KB."""
    if key in ("per_usd", "per_s"):
        return None
    return _UNITS.get(key.rsplit("_", 1)[-1]) or _UNITS.get(key.partition("_per_")[0].rsplit("_", 1)[-1])


def _fix(found: Any, field: Field, key: str) -> str:
    """What to write instead, where that is certain."""
    if found is None:
        if field.part and not field.required:
            return "; write {} for its defaults or remove the key"
        return "; give it a value" if field.required else "; give it a value or remove the key"
    if not isinstance(found, str):
        return ""
    if field.expects == "true or false":
        meant = _TRUTH.get(found.lower(), found.lower() if found.lower() in ("true", "false") else "")
        return f"; write {meant}" if meant else ""
    number = _as_number(found, _unit(key)) if field.number else None
    return f"; write {number}" if number else ""


def _as_number(found: str, unit: str | None) -> str | None:
    match = _WITH_UNIT.fullmatch(found.strip()[:60])
    if not match:
        return None
    factor = 1.0 if not match[2] else _FACTORS.get(unit or "", {}).get(match[2].lower())
    return f"{float(match[1].replace(',', '').replace('_', '')) * factor:.12g}" if factor else None


def _instead(found: str, allowed: Iterable[str]) -> str:
    options = tuple(allowed)
    near = _nearest(found, options)
    return f"did you mean '{near}'?" if near else f"allowed: {', '.join(options)}"


def _meant(found: Any, options: Sequence[str]) -> str:
    near = _nearest(found, options) if isinstance(found, str) else None
    return f"; did you mean '{near}'?" if near else ""


def _nearest(found: str, options: Sequence[str]) -> str | None:
    import difflib

    near = difflib.get_close_matches(found[:80], options, n=1, cutoff=0.6)
    return near[0] if near else None


def show(found: Any) -> str:
    """A value as its writer would recognise it."""
    match found:
        case None:
            return "nothing"
        case bool():
            return "true" if found else "false"
        case str():
            return json.dumps(_short(found), ensure_ascii=False)
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case float():
            return f"{found:.12g}"
    return _short(str(found))


def _short(text: str) -> str:
    return text if len(text) <= MAX_TEXT else text[: MAX_TEXT - 3] + "..."
