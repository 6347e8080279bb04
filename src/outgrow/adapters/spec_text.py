"""YAML text -> plain data and the line of every value. Refuses what a hand-written spec never needs.

Events are read one by one, never composed recursively, so no document can exhaust stack or memory. Scalars follow the
core schema of YAML 1.2: ``no`` and ``on`` are strings, ``12:30`` is a string, a date is a string.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, Never

import yaml

from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterator

Path = tuple[str | int, ...]
Positions = dict[Path, int]

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 32

_LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_BASED_INT: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_WORDS: Final[dict[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MAX_DIGITS: Final = 30


def decode(raw: bytes, name: str) -> str:
    """The bytes of a spec file as text, or a `SpecError` that says at which byte they stop being UTF-8."""
    refuse_size(len(raw), name)
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SpecError(
            f"{name}: byte {error.start} is not UTF-8 (0x{raw[error.start]:02x})", hint="save the file as UTF-8"
        ) from None


def refuse_size(size: int, name: str) -> None:
    """Raise when a spec of ``size`` bytes is larger than anybody writes by hand."""
    if size > MAX_BYTES:
        shown = f"{size / MAX_BYTES:.1f} MiB" if size >= 1.05 * MAX_BYTES else f"{size} bytes"
        raise SpecError(f"{name}: the file is {shown}; a spec is at most 1 MiB", hint="is this the right file?")


def read_yaml(text: str, name: str) -> tuple[dict[str, Any], Positions]:
    """The mapping a spec holds and the line each of its values starts on (key lines for values of a mapping)."""
    refuse_size(len(text.encode("utf-8", "surrogatepass")), name)
    _refuse_control(text, name)
    reader = _Reader(name)
    try:
        for event in _events(text):
            reader.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        if "nesting depth" in (error.problem or ""):  # PyYAML 6.0.4 has a limit of its own, and meets it first
            raise SpecError(f"{place}: nested deeper than {MAX_DEPTH} levels") from None
        raise SpecError(f"{place}: not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise SpecError(f"{name}: not YAML: {str(error).splitlines()[0]}") from None
    return reader.result()


def _events(text: str) -> Iterator[Any]:
    loader = _LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _refuse_control(text: str, name: str) -> None:
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise SpecError(f"{name}:{line}: control character U+{ord(found[0]):04X}; a spec is plain text")


class _Open:
    """A mapping or list whose end has not been read yet."""

    __slots__ = ("key", "path", "value")

    def __init__(self, path: Path, value: dict[str, Any] | list[Any]) -> None:
        self.path = path
        self.value = value
        self.key: str | None = None


class _Reader:
    """Builds plain data from YAML events, with its own stack."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._stack: list[_Open] = []
        self._positions: Positions = {}
        self._top: Any = None
        self._documents = 0

    def take(self, event: Any) -> None:
        match event:
            case yaml.AliasEvent():
                self._refuse(event, f"alias '*{event.anchor}'; write the value out")
            case yaml.ScalarEvent():
                self._take_scalar(event)
            case yaml.MappingStartEvent():
                self._open(event, {})
            case yaml.SequenceStartEvent():
                self._open(event, [])
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                self._stack.pop()
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._refuse(event, "a second document starts here; a spec is one document")

    def result(self) -> tuple[dict[str, Any], Positions]:
        if self._top is None:
            raise SpecError(f"{self._name}: the file is empty", hint="start from examples/receipts/service.yaml")
        if not isinstance(self._top, dict):
            kind = "a list" if isinstance(self._top, list) else "a single value"
            raise SpecError(f"{self._name}:{self._positions[()]}: expected a mapping of keys, found {kind}")
        return self._top, self._positions

    def _take_scalar(self, event: Any) -> None:
        self._refuse_extras(event)
        holder = self._stack[-1] if self._stack else None
        if _CONTROL.search(event.value):
            self._refuse(event, "control character in a value; a spec is plain text")
        if holder and isinstance(holder.value, dict) and holder.key is None:
            self._take_key(event, holder, holder.value)
        else:
            self._place(event, self._resolve(event))

    def _take_key(self, event: Any, holder: _Open, mapping: dict[str, Any]) -> None:
        key = event.value
        if key == "<<" and event.implicit[0]:
            self._refuse(event, "merge key '<<'; write the values out")
        if key in mapping:
            first = self._positions[(*holder.path, key)]
            self._refuse(event, f"key '{_short(key)}' is already given on line {first}; give it once")
        holder.key = key
        self._positions[(*holder.path, key)] = event.start_mark.line + 1

    def _open(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        self._refuse_extras(event)
        if self._stack and isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None:
            self._refuse(event, "a key must be a word, not a mapping or list")
        if len(self._stack) >= MAX_DEPTH:
            self._refuse(event, f"nested deeper than {MAX_DEPTH} levels")
        self._stack.append(_Open(self._place(event, value), value))

    def _place(self, event: Any, value: Any) -> Path:
        """Hang ``value`` where it belongs and return its path."""
        if not self._stack:
            self._top = value
            self._positions[()] = event.start_mark.line + 1
            return ()
        holder = self._stack[-1]
        if isinstance(holder.value, list):
            path = (*holder.path, len(holder.value))
            holder.value.append(value)
            self._positions[path] = event.start_mark.line + 1
            return path
        key = holder.key or ""
        holder.value[key] = value
        holder.key = None
        return (*holder.path, key)

    def _resolve(self, event: Any) -> Any:
        text = event.value
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _NOT_FINITE.fullmatch(text):
            self._refuse(event, f"{text} is not a finite number; write one up to 1e12")
        if _BASED_INT.fullmatch(text) and len(text) <= _MAX_DIGITS:
            return int(text, 0)
        if _INT.fullmatch(text) and len(text) <= _MAX_DIGITS:
            return int(text)
        return self._number(event, float(text)) if _FLOAT.fullmatch(text) else text

    def _number(self, event: Any, value: float) -> float:
        if not math.isfinite(value):
            self._refuse(event, f"{_short(event.value)} is too large; write a number up to 1e12")
        return value

    def _refuse_extras(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, f"anchor '&{event.anchor}'; write the value out")
        if event.tag is not None:
            self._refuse(event, f"tag '{_short(event.tag)}'; write the value without it")

    def _refuse(self, event: Any, problem: str) -> Never:
        raise SpecError(f"{self._name}:{event.start_mark.line + 1}: {problem}")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
