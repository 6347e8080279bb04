"""The door for ``service.yaml``: reads it, or says everything that is wrong with it at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import ValidationError

from outgrow.adapters.spec_door import document_json, find_file, read_text
from outgrow.adapters.spec_problems import describe
from outgrow.adapters.spec_service import SERVICE, build_service, check
from outgrow.adapters.spec_text import read_yaml, refuse_size
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

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
    file = find_file(path, FILE_NAME)
    text = read_text(file, FILE_NAME)
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
    return document_json(SERVICE, "outgrow service spec")


def _parse(text: str, name: str) -> tuple[Service, dict[tuple[str | int, ...], int]]:
    data, positions = read_yaml(text, name)
    try:
        given = check(data)
    except ValidationError as error:
        raise SpecError(describe(error.errors(include_url=False), SERVICE, name, positions)) from None
    return build_service(given), positions
