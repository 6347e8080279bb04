"""One adapter for every backend: the one of its kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.job import AttemptEnding
from outgrow.domain.ran import Ran

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.adapters.backends.port import Runs, Tell
    from outgrow.domain.backend import Backend, BackendKind, Task
    from outgrow.domain.job import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class ByKind:
    """Hands every try to the adapter of its backend's kind."""

    adapters: Mapping[BackendKind, Runs]

    async def run(self, job: Job, task: Task, backend: Backend, tell: Tell) -> Ran:
        """One try."""
        adapter = self.adapters.get(backend.kind)
        if adapter is None:
            return Ran(ending=AttemptEnding.FAILED, error=f"backend {backend.name!r}: {backend.kind} is not run here")
        return await adapter.run(job, task, backend, tell)
