"""What every file of the user goes through at the door: found, read, and described to editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow.adapters.spec_fields import part_json
from outgrow.adapters.spec_text import MAX_BYTES, decode, refuse_size
from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

    from outgrow.adapters.spec_fields import Part


def find_file(path: Path, name: str) -> Path:
    """``path`` itself, or the file called ``name`` in the folder it is."""
    if not path.is_dir():
        return path
    if not (path / name).exists():
        raise SpecError(f"{path}: no {name} in this folder", hint=f"name the spec, or write {path / name}")
    return path / name


def read_text(file: Path, name: str) -> str:
    """The text of a file such as ``name``; raises `SpecError` that says why it cannot be read."""
    try:
        refuse_size(file.stat().st_size, file.name)
        with file.open("rb") as stream:
            return decode(stream.read(MAX_BYTES + 1), file.name)
    except FileNotFoundError:
        raise SpecError(f"{file}: not found", hint=f"name a spec file or a folder that holds {name}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(f"{file}: cannot be read ({reason})", hint="is it a file you may read?") from None


def document_json(part: Part, title: str) -> dict[str, Any]:
    """The JSON Schema of a whole file (draft 2020-12), for editors."""
    inner = {one.name: part_json(one) for one in parts_below(part)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": title,
        **part_json(part),
        "$defs": inner,
    }


def parts_below(part: Part) -> list[Part]:
    """Every part inside ``part``, each once."""
    found: dict[str, Part] = {}
    for field in part.fields.values():
        inner = field.part or (field.item.part if field.item else None)
        if inner:
            found |= {inner.name: inner} | {one.name: one for one in parts_below(inner)}
    return list(found.values())
