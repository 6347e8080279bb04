"""All adapters at once, for as long as a process serves."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from outgrow.adapters.backends.door import Door
from outgrow.adapters.backends.http import Calls
from outgrow.adapters.backends.local import Local
from outgrow.adapters.backends.openai import OpenAi
from outgrow.adapters.backends.runpod import RunPod
from outgrow.domain.backend import BackendKind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from outgrow.adapters.backends.door import Allows
    from outgrow.adapters.backends.port import Runs
    from outgrow.domain.backend import Backend


@asynccontextmanager
async def open_backends(
    allows: Allows,
    backends: Sequence[Backend],
    *,
    environment: Mapping[str, str] | None = None,
    webhook: Callable[[str], str] | None = None,
) -> AsyncIterator[Mapping[BackendKind, Runs]]:
    """What runs each kind of backend, behind one door and one connection pool.

    ``environment`` holds the keys; the worker processes of local backends see the rest of it and none of the keys.
    """
    held = dict(os.environ) if environment is None else dict(environment)
    keys = {backend.key for backend in backends if backend.key is not None}
    door, calls = Door(allows), Calls(secret=held.get)
    local = Local(door=door, environment={name: value for name, value in held.items() if name not in keys})
    try:
        yield {
            BackendKind.LOCAL: local,
            BackendKind.RUNPOD: RunPod(door=door, calls=calls, webhook=webhook),
            BackendKind.OPENAI: OpenAi(door=door, calls=calls),
        }
    finally:
        await local.close()
        await calls.close()
