"""Starts a program of PostgreSQL as a child that does not outlive us."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from outgrow.adapters.postgres.programs import Account

PR_SET_PDEATHSIG = 1

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8" if sys.platform == "linux" else "C", "TZ": "UTC"}
"""All a child sees of ours: no PGDATA, no secret."""


def as_account(runner: Account) -> dict[str, Any]:
    """Arguments of `subprocess` that run a child as the account, away from our terminal and our folder."""
    who = {"user": runner.uid, "group": runner.gid, "extra_groups": []} if runner.switch else {}
    return {"cwd": "/", "env": ENVIRONMENT, "stdin": subprocess.DEVNULL, "start_new_session": True, **who}


def spawn(words: Sequence[str | Path], *, runner: Account, log: Path) -> subprocess.Popen[bytes]:
    """Starts PostgreSQL; on Linux it shuts down by itself when we are gone, however we go.

    Only from the main thread: the system takes the end of the thread that started a child for the end of its parent.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("PostgreSQL is started from the main thread: it would stop when any other ends")
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603
            words,
            stdout=handle,
            stderr=handle,
            # runs after the change of account, which would undo it; takes no lock a thread of ours could hold
            preexec_fn=_dying_with_us(),  # noqa: PLW1509
            **as_account(runner),
        )
    finally:
        os.close(handle)


def _dying_with_us() -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl, parent, fast_shutdown = ctypes.CDLL(None).prctl, os.getpid(), int(signal.SIGINT)

    def in_child() -> None:
        prctl(PR_SET_PDEATHSIG, fast_shutdown)
        if os.getppid() != parent:
            os._exit(1)

    return in_child
