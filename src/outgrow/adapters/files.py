"""Writes files so that a reader, or a kill, never meets a half-written one."""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from typing import TYPE_CHECKING

from outgrow.domain.errors import RecordError

ABANDONED_S = 600.0
"""A half-written file this old belongs to a run that was killed."""

if TYPE_CHECKING:
    from pathlib import Path


def write_atomic(path: Path, text: str) -> None:
    """Writes ``text`` beside ``path`` and moves it into place; the old file stays whole until then."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as problem:
        raise RecordError(
            f"{path}: cannot be written: {problem.strerror or problem}", hint="choose a writable folder with --out"
        ) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp made it private; a record is to be read
        os.replace(name, path)  # noqa: PTH105
    except BaseException as problem:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        if isinstance(problem, OSError):
            raise RecordError(f"{path}: cannot be written: {problem.strerror or problem}") from None
        raise


def sweep(folder: Path, name: str) -> None:
    """Removes what killed runs left of ``name`` in a folder."""
    for left in folder.glob(f".{name}.*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink()
