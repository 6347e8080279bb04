"""Who is the supervisor of a data folder: a lock that ends with its process."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from outgrow.domain.errors import DatabaseError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

_held: set[int] = set()


def take(file: Path) -> int | None:
    """The handle of a lock that is now ours; None while another has it, in this process or another."""
    if sys.platform == "win32":
        raise DatabaseError("a PostgreSQL of our own does not run on Windows", hint="name a server with --database URL")
    handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    _held.add(handle)
    return handle


def give_back(handle: int) -> None:
    """Lets another take the lock."""
    if handle in _held:
        _held.discard(handle)
        os.close(handle)


def _forget() -> None:
    """A forked worker must not keep the lock when we are gone."""
    for handle in tuple(_held):
        with contextlib.suppress(OSError):
            os.close(handle)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_forget)
