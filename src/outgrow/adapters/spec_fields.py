"""The kinds of field a spec is made of, each with its validator (pydantic-core) and its JSON Schema.

The parts themselves are declared in `spec_schema`. Models are pydantic-core schemas rather than ``BaseModel`` classes:
the same strict engine for 0.03 s of CPU in every command, where importing ``BaseModel`` and one model cost 0.09 s.
"""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from outgrow.domain.shapes import DAY_SHAPES, normalise
from outgrow.domain.workload import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from enum import StrEnum

MAX_NUMBER: Final = 1e12
"""Beyond this a number in a spec is a slip of the hand."""

SLUG: Final = "[a-z0-9][a-z0-9-]*"

Json = dict[str, Any]
Problem = tuple[tuple[str | int, ...], str]
"""Where inside a part, and what is wrong there."""


class Amount(NamedTuple):
    """A number as given: one value or a range, and on whose word."""

    low: float
    mid: float
    high: float
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One key of a part: what it means, what it accepts, how a message names that."""

    core: Any
    json: Json
    expects: str
    about: str = ""
    allowed: str = ""
    options: tuple[str, ...] = ()
    required: bool = False
    part: Part | None = None
    item: Field | None = None
    key: Field | None = None
    number: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A mapping of the spec. ``into`` builds its domain value; ``rules`` look at several keys at once.

    ``listed`` is False for what a reader would not call an input of the calculation (claims, pins, a document).
    """

    name: str
    about: str
    fields: Mapping[str, Field]
    into: Callable[..., Any]
    rules: Sequence[Callable[[dict[str, Any]], Problem | None]] = ()
    listed: bool = True


def _bounds(above: float | None, low: float, high: float) -> str:
    floor = f"above {above:g}" if above is not None else f"{low:g} or more"
    if high < MAX_NUMBER:
        return f"{floor} and at most {high:g}" if above is not None else f"{low:g} to {high:g}"
    return floor


def _limits(above: float | None, low: float, high: float) -> dict[str, float]:
    return {"le": high, **({"gt": above} if above is not None else {"ge": low})}


def _json_limits(above: float | None, low: float, high: float) -> Json:
    return {"maximum": high, **({"exclusiveMinimum": above} if above is not None else {"minimum": low})}


def real(
    about: str,
    *,
    above: float | None = None,
    low: float = 0,
    high: float = MAX_NUMBER,
    like: str = "a number",
    required: bool = False,
) -> Field:
    """A plain number: a limit or a price, nothing uncertain."""
    return Field(
        core=core_schema.float_schema(**_limits(above, low, high)),  # type: ignore[arg-type]
        json={"type": "number", **_json_limits(above, low, high)},
        expects=like,
        about=about,
        allowed=_bounds(above, low, high),
        required=required,
        number=True,
    )


def whole(about: str, *, low: int = 0, high: int = 1_000_000, required: bool = False) -> Field:
    """A count."""
    return Field(
        core=core_schema.int_schema(ge=low, le=high),
        json={"type": "integer", "minimum": low, "maximum": high},
        expects="a whole number" if low < high else str(low),
        about=about,
        allowed=f"{low} to {high}" if low < high else str(low),
        required=required,
        number=True,
    )


def amount(
    about: str, *, above: float | None = None, low: float = 0, high: float = MAX_NUMBER, required: bool = False
) -> Field:
    """An uncertain number: bare, ``{value, source}`` or ``{low, mid, high, source}``."""
    one = core_schema.float_schema(**_limits(above, low, high))  # type: ignore[arg-type]
    json_one = {"type": "number", **_json_limits(above, low, high)}
    source_json = {"enum": [source.value for source in Source], "description": "Where the number comes from."}
    return Field(
        core=core_schema.tagged_union_schema(
            {
                "\0bare": core_schema.no_info_after_validator_function(_bare, one),
                "\0value": _amount_dict({"value": one}, _valued),
                "\0range": _amount_dict({"low": one, "mid": one, "high": one}, _ranged),
            },
            discriminator=_form,
        ),
        json={
            "anyOf": [
                json_one,
                _object({"value": json_one, "source": source_json}, ["value"]),
                _object({"low": json_one, "mid": json_one, "high": json_one, "source": source_json}, _RANGE),
            ]
        },
        expects="a number",
        about=about,
        allowed=_bounds(above, low, high),
        required=required,
        number=True,
    )


_RANGE: Final = ["low", "mid", "high"]


def _form(given: Any) -> str:
    if not isinstance(given, dict):
        return "\0bare"
    return "\0range" if any(key in given for key in _RANGE) else "\0value"


def _amount_dict(numbers: Mapping[str, Any], build: Callable[[dict[str, Any]], Amount]) -> CoreSchema:
    keys = {key: core_schema.typed_dict_field(one, required=True) for key, one in numbers.items()}
    keys["source"] = core_schema.typed_dict_field(SOURCE.core, required=False)
    return core_schema.no_info_after_validator_function(
        build, core_schema.typed_dict_schema(keys, extra_behavior="forbid")
    )


def _bare(number: float) -> Amount:
    return Amount(number, number, number, Source.STATED)


def _valued(given: dict[str, Any]) -> Amount:
    return Amount(given["value"], given["value"], given["value"], given.get("source", Source.STATED))


def _ranged(given: dict[str, Any]) -> Amount:
    low, mid, high = (given[key] for key in _RANGE)
    if not low <= mid <= high:
        raise custom(f"low {low:g}, mid {mid:g}, high {high:g} are out of order; allowed: low <= mid <= high")
    return Amount(low, mid, high, given.get("source", Source.STATED))


def custom(text: str, at: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """A problem in words, ``at`` a place below the value under validation."""
    return PydanticCustomError("spec", "{text}", {"text": text, "at": at})


def flag(about: str) -> Field:
    """Yes or no."""
    return Field(core=core_schema.bool_schema(), json={"type": "boolean"}, expects="true or false", about=about)


def text(about: str, *, pattern: str = "", like: str = "a text", required: bool = False) -> Field:
    """A string that is not empty; ``pattern`` must match all of it."""
    whole_pattern = f"^(?:{pattern})$" if pattern else r"\S"
    return Field(
        core=core_schema.str_schema(pattern=whole_pattern, max_length=2000),
        json={"type": "string", "pattern": whole_pattern},
        expects=like,
        about=about,
        required=required,
    )


def slug(about: str, *, required: bool = True) -> Field:
    """A name other parts of the spec and messages can point at."""
    return text(about, pattern=SLUG, like="a name of a-z, 0-9 and -", required=required)


def choice(about: str, values: type[StrEnum] | Sequence[str], *, required: bool = False) -> Field:
    """One of a few words; a StrEnum gives its member."""
    options = tuple(str(value) for value in values)
    literal = core_schema.literal_schema(list(options))
    core = core_schema.no_info_after_validator_function(values, literal) if isinstance(values, type) else literal
    return Field(
        core=core,
        json={"enum": list(options)},
        expects=f"one of {', '.join(options)}",
        about=about,
        options=options,
        required=required,
    )


SOURCE: Final = choice("Where the number comes from.", Source)


def day(about: str, *, required: bool = False) -> Field:
    """A date as 2026-11-23."""
    return Field(
        core=core_schema.no_info_after_validator_function(_date, core_schema.str_schema()),
        json={"type": "string", "format": "date"},
        expects="a date such as 2026-11-23",
        about=about,
        required=required,
    )


def _date(given: str) -> date:
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
            return date.fromisoformat(given)
    except ValueError:
        pass
    raise custom(f'expected a date such as 2026-11-23, found "{given[:40]}"')


def dollars(about: str, *, above: float | None = None, required: bool = False) -> Field:
    """Money or a rate that stays exact."""
    plain = real(about, above=above, required=required)
    core = core_schema.no_info_after_validator_function(_exact, plain.core)
    return Field(
        core=core,
        json=plain.json,
        expects="a number",
        about=about,
        allowed=plain.allowed,
        required=required,
        number=True,
    )


def _exact(number: float) -> Decimal:
    exact = Decimal(repr(number))
    return exact.quantize(Decimal(1)) if exact == exact.to_integral_value() else exact


def shape(about: str) -> Field:
    """How a day is spread: the name of a shape or 24 weights."""
    names = list(DAY_SHAPES)
    return Field(
        core=core_schema.no_info_plain_validator_function(_shape),
        json={
            "anyOf": [
                {"enum": names},
                {"type": "array", "items": {"type": "number", "minimum": 0}, "minItems": 24, "maxItems": 24},
            ]
        },
        expects=f"one of {', '.join(names)}, or 24 numbers",
        about=about,
        options=tuple(names),
    )


def _shape(given: Any) -> tuple[float, ...]:
    if isinstance(given, str) and given in DAY_SHAPES:
        return DAY_SHAPES[given]
    if not isinstance(given, list):
        raise PydanticCustomError("literal_error", "")
    if len(given) != 24:
        raise custom(f"found {len(given)} numbers, expected 24, one for each hour from 0 h")
    for hour, weight in enumerate(given):
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= MAX_NUMBER:
            raise custom("a weight of a day shape is a number, 0 or more", (hour,))
    if sum(given) <= 0:
        raise custom("all 24 weights are 0; at least one hour needs requests")
    return normalise(given)


def part(part: Part, *, required: bool = False) -> Field:
    """A mapping of its own."""
    return Field(
        core=_part_core(part),
        json={"$ref": f"#/$defs/{part.name}"},
        expects="a mapping",
        about=part.about,
        required=required,
        part=part,
    )


def _part_core(part: Part) -> CoreSchema:
    keys = {key: core_schema.typed_dict_field(one.core, required=one.required) for key, one in part.fields.items()}
    core: CoreSchema = core_schema.typed_dict_schema(keys, extra_behavior="forbid")
    for rule in part.rules:
        core = core_schema.no_info_after_validator_function(_enforcer(rule), core)
    return core


def _enforcer(rule: Callable[[dict[str, Any]], Problem | None]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def enforce(given: dict[str, Any]) -> dict[str, Any]:
        problem = rule(given)
        if problem:
            raise custom(problem[1], problem[0])
        return given

    return enforce


def many(
    item: Field, about: str, *, unique: str | None = None, low: int = 0, high: int = 200, required: bool = False
) -> Field:
    """A list; ``unique`` names the key no two members may share."""
    core: CoreSchema = core_schema.list_schema(item.core, min_length=low, max_length=high)
    if unique:
        core = core_schema.no_info_after_validator_function(_unique_by(unique), core)
    return Field(
        core=core,
        json={"type": "array", "items": item.json, "minItems": low, "maxItems": high},
        expects="a list",
        about=about,
        allowed=f"{low} to {high} members" if low < high else f"{low} members",
        required=required,
        item=item,
    )


def _unique_by(key: str) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    def check(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
        seen: dict[Any, int] = {}
        for index, member in enumerate(members):
            first = seen.setdefault(member[key], index)
            if first != index:
                raise custom(f"'{member[key]}' is already the {key} of [{first}]; each {key} once", (index, key))
        return members

    return check


def keyed(item: Field, about: str, *, key: Field) -> Field:
    """A mapping whose keys the writer chooses."""
    return Field(
        core=core_schema.dict_schema(key.core, item.core, max_length=200),
        json={"type": "object", "additionalProperties": item.json, "propertyNames": key.json},
        expects="a mapping",
        about=about,
        item=item,
        key=key,
    )


def _object(properties: Json, required: Sequence[str]) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def part_json(part: Part) -> Json:
    """The JSON Schema of one part; other parts are referred to."""
    properties = {key: {**one.json, "description": one.about} for key, one in part.fields.items()}
    for key, value in _defaults(part.into).items():
        if key in properties:
            properties[key]["default"] = value
    return {"description": part.about, **_object(properties, [k for k, f in part.fields.items() if f.required])}


def _defaults(into: Any) -> Json:
    if not is_dataclass(into):
        return {}
    given = {one.name: one.default for one in fields(into) if one.default is not MISSING}
    return {key: value for key, value in given.items() if isinstance(value, str | int | float)}
