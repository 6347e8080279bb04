"""Writes files so that a reader, or a kill at any moment, never meets a half-written one."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from typing import TYPE_CHECKING

from outgrow.domain.errors import RecordError

ABANDONED_S = 600.0
"""A file beside its target that is this old belongs to a run that was killed."""

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def write_atomic(path: Path, text: str | Iterable[str]) -> None:
    """Writes ``text`` without a name first and then moves it into place; the old file stays whole until then.

    Where the file system has no nameless files, it has a name beginning with a dot while it is written. Text in pieces
    is written piece by piece; it may be asked for its pieces twice.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = _written(path, (text,) if isinstance(text, str) else text)
    except OSError as problem:
        raise RecordError(
            f"{path}: cannot be written: {problem.strerror or problem}", hint="choose a writable folder with --out"
        ) from None
    try:
        os.replace(name, path)  # noqa: PTH105
    except OSError as problem:
        raise RecordError(f"{path}: cannot be written: {problem.strerror or problem}") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108


def _written(path: Path, data: Iterable[str]) -> str:
    """A complete file beside ``path``, and its name."""
    handle = _nameless(path.parent)
    if handle is None:
        return _named(path, data)
    name = str(path.parent / f".{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        _fill(handle, data)
        os.link(f"/proc/self/fd/{handle}", name, follow_symlinks=True)
    except OSError:
        return _named(path, data)
    finally:
        os.close(handle)
    return name


def _nameless(folder: Path) -> int | None:
    """A file that is gone with its process unless it is given a name; None where there is no such thing."""
    if not hasattr(os, "O_TMPFILE"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o644)
    except OSError as problem:
        if problem.errno in {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL}:
            return None
        raise


def _named(path: Path, data: Iterable[str]) -> str:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        _fill(handle, data)
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp made it private; a record is to be read
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    finally:
        os.close(handle)
    return name


def _fill(handle: int, data: Iterable[str]) -> None:
    for piece in data:
        left = memoryview(piece.encode())
        while left:
            left = left[os.write(handle, left) :]
    os.fsync(handle)


def sweep(folder: Path, name: str) -> None:
    """Removes what killed runs left of ``name`` in a folder."""
    for left in folder.glob(f".{name}.*"):
        with contextlib.suppress(OSError):
            if left.is_file() and time.time() - left.stat().st_mtime > ABANDONED_S:
                left.unlink()
