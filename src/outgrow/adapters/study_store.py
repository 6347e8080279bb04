"""Keeps the finished parts of a study, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.adapters.files import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "study.json"


@dataclass(frozen=True, slots=True)
class StudyStore:
    """A folder beside the result, one whole file a part; gone when the study is done.

    A part is written at once or not at all, and belongs to the study whose identity the header holds: another study
    begins with an empty folder.
    """

    folder: Path
    identity: str

    @classmethod
    def beside(cls, result: Path, identity: str) -> StudyStore:
        """The store of a study whose result will be ``result``."""
        return cls(result.parent / f".{result.name}.parts", identity)

    def begin(self) -> dict[int, str]:
        """Parts that are there already, by number; what belongs to another study is thrown away."""
        if self._header() != self.identity:
            self.clear()
            write_atomic(self.folder / HEADER, json.dumps({"identity": self.identity}))
            return {}
        found: dict[int, str] = {}
        for file in self.folder.glob("part-*.json"):
            with contextlib.suppress(ValueError, OSError, RecursionError):
                text = file.read_text(encoding="utf-8")
                json.loads(text)
                found[int(file.stem.removeprefix("part-"))] = text
        return found

    def keep(self, number: int, text: str) -> None:
        """Keeps one part."""
        write_atomic(self.folder / f"part-{number:06d}.json", text)

    def clear(self) -> None:
        """Removes everything."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _header(self) -> str | None:
        try:
            header = json.loads((self.folder / HEADER).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return header.get("identity") if isinstance(header, dict) else None
