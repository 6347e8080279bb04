"""Ctrl-C where it may not strike."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def after_this() -> Iterator[None]:
    """An interruption counts when the block is done.

    Compiled code that calls back to Python may swallow one: pydantic-core takes it for a value that does not match.
    """
    ours = threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    met: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: met.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if met:
        raise KeyboardInterrupt
