"""The adapters that run jobs of an instance, and how they are put away."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from outgrow.adapters.backends.by_kind import ByKind
from outgrow.adapters.backends.door import Door
from outgrow.adapters.backends.local import Local
from outgrow.adapters.backends.openai import OpenAi
from outgrow.adapters.backends.runpod import RunPod
from outgrow.domain.backend import BackendKind
from outgrow.policy.reach import may_reach

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from outgrow.adapters.backends.http import Calls
    from outgrow.adapters.backends.port import Runs
    from outgrow.domain.backend import Backend, Gateway
    from outgrow.domain.task import DataClass

SECRETS: Final = frozenset({"OUTGROW_DATABASE"})


def last_door(gateway: Gateway) -> Door:
    """The rule of the policy, asked once more where a payload would leave."""

    def allows(data: DataClass, backend: Backend) -> bool:
        return may_reach(gateway, data, backend)

    return Door(allows)


@contextlib.asynccontextmanager
async def runs_of(gateway: Gateway, calls: Calls, environment: Mapping[str, str], folder: str) -> AsyncIterator[ByKind]:
    """One adapter a kind while the block runs.

    Functions are found in ``folder`` (a whole path), and see no key of a backend in their environment.
    """
    door = last_door(gateway)
    hidden = SECRETS | {backend.key for backend in gateway.backends if backend.key}
    seen = {name: value for name, value in environment.items() if name not in hidden}
    paths = [folder, *filter(None, [environment.get("PYTHONPATH")])]
    local = Local(door=door, environment={**seen, "PYTHONPATH": ":".join(paths)})
    adapters: dict[BackendKind, Runs] = {
        BackendKind.LOCAL: local,
        BackendKind.RUNPOD: RunPod(door=door, calls=calls),
        BackendKind.OPENAI: OpenAi(door=door, calls=calls),
    }
    try:
        yield ByKind(adapters=adapters)
    finally:
        await local.close()
