"""Writes a record as JSON, Markdown and HTML; a newer record supersedes an older one and both say so."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from outgrow.adapters.files import write_atomic
from outgrow.adapters.word_files import load_template, load_words
from outgrow.domain.errors import RecordError
from outgrow.record.data import FORMAT, as_text
from outgrow.record.markdown import render_markdown
from outgrow.record.page import render_page
from outgrow.record.words import LANGUAGES

JSON, MARKDOWN, PAGE = "decision.json", "decision.md", "decision.html"
ARCHIVE = "superseded"
LARGEST_BYTES = 32 * 2**20


def write_record(data: dict[str, Any], folder: Path, *, supersedes: Path | None = None) -> dict[str, Path]:
    """Writes the record into ``folder`` and returns the files.

    A different record that is already there is moved to ``folder/superseded/<its id>/`` first, marked as superseded;
    so is the record named by ``supersedes``, where it stands. The same record is written again with the same bytes.
    """
    old_file = folder / JSON
    old = read_record(old_file) if old_file.exists() else None
    if old is not None and old["record"]["service"] != data["record"]["service"]:
        raise RecordError(
            f"{folder}: holds the record of service {old['record']['service']!r}, this one is of"
            f" {data['record']['service']!r}",
            hint="choose another --out",
        )
    if old is not None and old["record"]["identity"] == data["record"]["identity"]:
        for key in ("id", "supersedes", "superseded_by"):
            data["record"][key] = old["record"][key]
    elif old is not None:
        data["record"]["id"] = _free_id(data["record"]["identity"], folder)
        archive = folder / ARCHIVE / old["record"]["id"]
        _supersede(old, archive, newer=data, newer_folder=folder)
        data["record"]["supersedes"] = _link(old, archive, folder)
    if supersedes is not None:
        named = _record_file(supersedes)
        older = read_record(named)
        _supersede(older, named.parent, newer=data, newer_folder=folder)
        data["record"]["supersedes"] = _link(older, named.parent, folder)
    return write_files(data, folder)


def _free_id(identity: str, folder: Path) -> str:
    """The identity, or its next revision when a record like it was superseded here and is now decided again."""
    revision = 1
    name = identity
    while (folder / ARCHIVE / name).exists():
        revision += 1
        name = f"{identity}-r{revision}"
    return name


def write_files(data: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Renders and writes the three files; the JSON, which the others are made from, goes first."""
    language = data["record"]["language"]
    words = load_words(language)
    texts = {
        JSON: as_text(data),
        MARKDOWN: render_markdown(data, words),
        PAGE: render_page(data, words, load_template("page.html.j2")),
    }
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return {name: folder / name for name in texts}


def mark_to_review(record: dict[str, Any], path: Path, result: dict[str, Any]) -> None:
    """Writes into a record that it is to review, since when, and why."""
    record["record"]["status"] = "to-review"
    record["review"] = {
        "on": result["on"],
        "status": result["status"],
        "changed_prices": result["changed_prices"],
        "changed_choices": result["changed_choices"],
        "broken_claims": [claim["id"] for claim in result["claims"] if not claim["holds"]],
    }
    write_files(record, _record_file(path).parent)


def _supersede(old: dict[str, Any], folder: Path, *, newer: dict[str, Any], newer_folder: Path) -> None:
    old["record"]["status"] = "superseded"
    old["record"]["superseded_by"] = _link(newer, newer_folder, folder)
    write_files(old, folder)


def _link(record: dict[str, Any], at: Path, seen_from: Path) -> dict[str, str]:
    path = os.path.relpath(at / JSON, seen_from)
    return {"id": record["record"]["id"], "path": Path(path).as_posix()}


def _record_file(path: Path) -> Path:
    return path / JSON if path.is_dir() else path


def read_record(path: Path) -> dict[str, Any]:
    """A record from its file or folder. Raises `RecordError` when it is not one."""
    file = _record_file(path)
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise RecordError(f"{file}: {file.stat().st_size:,} bytes; a record is at most {LARGEST_BYTES:,}")
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as problem:
        raise RecordError(f"{file}: cannot be read: {problem.strerror or problem}") from None
    except (ValueError, RecursionError):
        raise RecordError(
            f"{file}: not JSON", hint="name a decision.json that outgrow wrote, or another --out"
        ) from None
    if not _is_record(data):
        raise RecordError(
            f"{file}: not a decision record of format {FORMAT}",
            hint="name a decision.json that outgrow wrote, or another --out",
        )
    found: dict[str, Any] = data
    return found


def _is_record(data: object) -> bool:
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        return False
    head, spec = data.get("record"), data.get("spec")
    needed = ("id", "identity", "service", "status", "language", "supersedes", "superseded_by")
    return (
        isinstance(head, dict)
        and isinstance(spec, dict)
        and all(key in head for key in needed)
        and head["language"] in LANGUAGES
        and isinstance(spec.get("text"), str)
        and isinstance(data.get("questions"), dict)
        and isinstance(data.get("prices"), list)
    )
