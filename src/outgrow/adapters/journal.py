"""A file that outlives its process: what was written before an answer was given is there after a kill -9.

Each process writes one of its own, with a lock that ends with it. What a dead one left is read by the next to start.
Nothing is synced: a machine that loses its power may lose the last moments, a process that is killed loses nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from outgrow.adapters.locks import is_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SUFFIX = ".journal"


class Journal:
    """One file of this process in ``folder``."""

    def __init__(self, folder: Path) -> None:
        """Makes the folder, closed to others, and the file, locked."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / f"{uuid4().hex}{SUFFIX}"
        self._handle = _open(self._path)
        self.size = 0

    def write(self, entry: dict[str, Any]) -> None:
        """One line, in one write: it is there whole, or not."""
        line = _line(entry)
        os.write(self._handle, line)
        self.size += len(line)

    def rewrite(self, entries: Iterable[dict[str, Any]]) -> None:
        """Holds these alone from now on; a kill at any moment leaves all that was there, or all of these."""
        raw = b"".join(map(_line, entries))
        if not raw:
            os.ftruncate(self._handle, 0)
        else:
            fresh = self._path.with_suffix(".new")
            handle = _open(fresh)
            os.write(handle, raw)
            fresh.replace(self._path)
            os.close(self._handle)
            self._handle = handle
        self.size = len(raw)

    def close(self) -> None:
        """Ends it; removed when it is empty."""
        if os.fstat(self._handle).st_size == 0:
            with suppress(FileNotFoundError):
                self._path.unlink()
        os.close(self._handle)

    @contextmanager
    def left_behind(self) -> Iterator[list[dict[str, Any]]]:
        """The lines that dead processes left, oldest of each file first; removed when the block ends well."""
        found: list[tuple[Path, int]] = []
        lines: list[dict[str, Any]] = []
        try:
            for path in sorted(self._folder.glob(f"*{SUFFIX}")):
                if path == self._path or (handle := _taken(path)) is None:
                    continue
                found.append((path, handle))
                lines += _lines(path.read_bytes())
            yield lines
            for path, _ in found:
                path.unlink(missing_ok=True)
        finally:
            for _, handle in found:
                os.close(handle)


def _open(path: Path) -> int:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return handle


def _line(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _taken(path: Path) -> int | None:
    """The lock of a file whose process is gone; None while it lives, or another was faster."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    if not is_at(handle, path):
        os.close(handle)
        return None
    return handle


def _lines(raw: bytes) -> Iterator[dict[str, Any]]:
    for line in raw.split(b"\n"):
        with suppress(ValueError):
            yield json.loads(line)
