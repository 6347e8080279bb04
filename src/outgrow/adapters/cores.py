"""Does independent things on several cores: in threads, because the compiled kernel holds no lock."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_inside = threading.local()


def core_count() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def each_on_threads(do: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """``do`` of every item, in the order of the items; a call from within one runs its own in turn."""
    cores = core_count()
    if cores == 1 or len(items) < 2 or getattr(_inside, "busy", False):
        return [do(item) for item in items]

    def one(item: _Item) -> _Result:
        _inside.busy = True
        return do(item)

    with ThreadPoolExecutor(max_workers=min(cores, len(items))) as pool:
        futures = [pool.submit(one, item) for item in items]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
