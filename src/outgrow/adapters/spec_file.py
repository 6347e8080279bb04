"""The door for ``service.yaml``: reads it, or says everything that is wrong with it at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import ValidationError

from outgrow.adapters.spec_problems import describe
from outgrow.adapters.spec_service import SERVICE, build_service, check
from outgrow.adapters.spec_text import MAX_BYTES, decode, read_yaml, refuse_size
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from outgrow.adapters.spec_fields import Part
    from outgrow.domain.workload import Service

FILE_NAME: Final = "service.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedSpec:
    """A spec, the text it came from, and the line of every value (by path of keys and list indexes)."""

    service: Service
    text: str
    path: PurePath
    positions: Mapping[tuple[str | int, ...], int]


def load_spec(path: Path) -> LoadedSpec:
    """The spec at ``path``: a file, or a folder with a ``service.yaml``. Raises `SpecError` with every problem."""
    file = _find(path)
    text = decode(_read(file), file.name)
    service, positions = _parse(text, file.name)
    return LoadedSpec(service=service, text=text, path=file, positions=positions)


def load_text(text: str, name: str = FILE_NAME) -> LoadedSpec:
    """A spec that is already text: the one a record keeps. Raises `SpecError` with every problem."""
    refuse_size(len(text.encode("utf-8", "surrogatepass")), name)
    service, positions = _parse(text, name)
    return LoadedSpec(service=service, text=text, path=PurePath(name), positions=positions)


def parse_spec(text: str, name: str = FILE_NAME) -> Service:
    """The spec in ``text``; ``name`` is what messages call it."""
    return _parse(text, name)[0]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a spec (draft 2020-12), for editors."""
    from outgrow.adapters.spec_fields import part_json

    inner = {part.name: part_json(part) for part in _parts_below(SERVICE)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "outgrow service spec",
        **part_json(SERVICE),
        "$defs": inner,
    }


def _parse(text: str, name: str) -> tuple[Service, dict[tuple[str | int, ...], int]]:
    data, positions = read_yaml(text, name)
    try:
        given = check(data)
    except ValidationError as error:
        raise SpecError(describe(error.errors(include_url=False), SERVICE, name, positions)) from None
    return build_service(given), positions


def _find(path: Path) -> Path:
    if not path.is_dir():
        return path
    if not (path / FILE_NAME).exists():
        raise SpecError(f"{path}: no {FILE_NAME} in this folder", hint=f"name the spec, or write {path / FILE_NAME}")
    return path / FILE_NAME


def _read(file: Path) -> bytes:
    try:
        refuse_size(file.stat().st_size, file.name)
        with file.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SpecError(f"{file}: not found", hint="name a spec file or a folder that holds service.yaml") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{file}: cannot be read ({reason})", hint="is it a file you may read?") from None


def _parts_below(part: Part) -> list[Part]:
    found: dict[str, Part] = {}
    for field in part.fields.values():
        inner = field.part or (field.item.part if field.item else None)
        if inner:
            found |= {inner.name: inner} | {one.name: one for one in _parts_below(inner)}
    return list(found.values())
