"""Locks on open files: the system gives them back when a process ends, however it ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path


def take(handle: int, *, wait: bool = False) -> bool | None:
    """Locks a file for this process: False where another process has it, ``None`` where the system has no locks.

    A process does not shut itself out, and closing any handle of the file gives the lock back.
    """
    if sys.platform == "win32":
        return None
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def is_at(handle: int, path: Path) -> bool:
    """Is the open file the one of this name, not one that was removed meanwhile?"""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False
