"""Keeps the finished parts of a study, so that one that was interrupted goes on where it stopped."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.adapters.files import write_atomic
from outgrow.adapters.locks import is_at, take
from outgrow.domain.errors import RecordError

if TYPE_CHECKING:
    from pathlib import Path

HEADER, LOCK = "study.json", "lock"


@dataclass(slots=True)
class StudyStore:
    """A folder beside the result, one whole file a part; gone when the study is done.

    A part is written at once or not at all, and belongs to the study whose identity the header holds: another study
    begins with an empty folder. From `begin` to `clear` the folder is locked: of two runs with one result the second
    is refused. The lock of a process that is dead is free.
    """

    folder: Path
    identity: str
    _lock: int | None = field(default=None, init=False, repr=False)

    @classmethod
    def beside(cls, result: Path, identity: str) -> StudyStore:
        """The store of a study whose result will be ``result``."""
        return cls(result.parent / f".{result.name}.parts", identity)

    def begin(self) -> dict[int, str]:
        """Parts that are there already, by number; what belongs to another study is thrown away.

        Raises `RecordError` where another run is at it, or the folder cannot be written.
        """
        if self._lock is None:
            self._lock = self._locked()
        if self._header() != self.identity:
            self._empty()
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
        write_atomic(self.folder / f"part-{number:06d}.json", text, tidy=False)

    def clear(self) -> None:
        """Removes everything, the lock last."""
        self._empty()
        with contextlib.suppress(OSError):
            (self.folder / LOCK).unlink()
            self.folder.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _empty(self) -> None:
        with contextlib.suppress(OSError):
            for file in self.folder.iterdir():
                if file.name != LOCK:
                    file.unlink()

    def _locked(self) -> int:
        """The lock of the folder, with the number of this process in it for whoever meets it."""
        file = self.folder / LOCK
        try:
            while True:
                self.folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
                if take(handle) is False:
                    other = os.read(handle, 20).decode(errors="replace").strip() or "unknown"
                    os.close(handle)
                    raise RecordError(
                        f"--out: process {other} is playing a study into {self._result()} already ({file} is locked)",
                        hint="wait for it, or name another --out",
                    )
                if is_at(handle, file):
                    break
                os.close(handle)
            os.truncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode())
        except OSError as problem:
            raise RecordError(
                f"{file}: cannot be written: {problem.strerror or problem}", hint="choose a writable folder with --out"
            ) from None
        return handle

    def _result(self) -> Path:
        return self.folder.with_name(self.folder.name.removeprefix(".").removesuffix(".parts"))

    def _header(self) -> str | None:
        try:
            header = json.loads((self.folder / HEADER).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        return header.get("identity") if isinstance(header, dict) else None
