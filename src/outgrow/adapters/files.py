"""Writes files so that a reader, or a kill at any moment, never meets a half-written one."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.adapters.locks import is_at, take
from outgrow.domain.errors import RecordError

ABANDONED_S = 600.0
"""Where files cannot be locked, one beside its target that was not written to for this long was left by a dead run."""

MARK = "outgrow"
"""What the name of a file ends in while it is written; nobody else's file is swept away."""

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def write_atomic(path: Path, text: str | Iterable[str], *, tidy: bool = True) -> None:
    """Writes ``text`` without a name first and then moves it into place; the old file stays whole until then.

    Where the file system has no nameless files, it has a name beginning with a dot while it is written, and is locked.
    Text in pieces is written piece by piece; it may be asked for its pieces twice. ``tidy`` removes what killed runs
    left of this file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if tidy:
            sweep(path)
        with _written(path, (text,) if isinstance(text, str) else text) as name:
            os.replace(name, path)  # noqa: PTH105
    except OSError as problem:
        raise RecordError(
            f"{path}: cannot be written: {problem.strerror or problem}", hint="choose a writable folder with --out"
        ) from None


@contextlib.contextmanager
def _written(path: Path, data: Iterable[str]) -> Iterator[Path]:
    """A complete file beside ``path``, locked until it is moved away or removed."""
    handle, name = _linked(path, data) or _named(path, data)
    if sys.platform == "win32":  # where an open file cannot be moved
        os.close(handle)
    try:
        yield name
    finally:
        with contextlib.suppress(OSError):
            name.unlink()
        if sys.platform != "win32":
            os.close(handle)


def _linked(path: Path, data: Iterable[str]) -> tuple[int, Path] | None:
    """Written without a name, which comes last; None where that cannot be."""
    handle = _nameless(path.parent)
    if handle is None:
        return None
    name = path.parent / f".{path.name}.{os.getpid()}-{time.monotonic_ns()}.{MARK}"
    try:
        _fill(handle, data)
        take(handle)
        os.link(f"/proc/self/fd/{handle}", name, follow_symlinks=True)
    except OSError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return handle, name


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


def _named(path: Path, data: Iterable[str]) -> tuple[int, Path]:
    while True:
        handle, text = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=f".{MARK}")
        name = Path(text)
        take(handle, wait=True)
        if is_at(handle, name):
            break
        os.close(handle)  # swept away between its creation and its lock
    try:
        _fill(handle, data)
        os.chmod(name, 0o644)  # noqa: PTH101 - mkstemp made it private; a record is to be read
    except BaseException:
        with contextlib.suppress(OSError):
            name.unlink()
        os.close(handle)
        raise
    return handle, name


def _fill(handle: int, data: Iterable[str]) -> None:
    for piece in data:
        left = memoryview(piece.encode())
        while left:
            left = left[os.write(handle, left) :]
    os.fsync(handle)


def sweep(path: Path) -> None:
    """Removes what killed runs left of a file: what has our mark and nobody holds the lock of."""
    left_over = re.compile(rf"\.{re.escape(path.name)}\.[\w-]+\.{MARK}")
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            if left_over.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_abandoned(Path(entry.path))


def _remove_abandoned(file: Path) -> None:
    with contextlib.suppress(OSError):
        handle = os.open(file, os.O_RDWR)
        try:
            free = take(handle)
            if free is None:
                free = time.time() - file.stat().st_mtime > ABANDONED_S
            if free:
                file.unlink()
        finally:
            os.close(handle)
