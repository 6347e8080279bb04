"""Where does the next try of a job run, and what is held for it? The policy, with what a worker sees of backends."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from outgrow.domain.backend import Retries
from outgrow.policy.budget import budgets_of
from outgrow.policy.choose import Choice, choose
from outgrow.policy.health import WELL, Health, failed, places
from outgrow.policy.price import is_free
from outgrow.policy.reach import admit
from outgrow.policy.refusal import Refused

if TYPE_CHECKING:
    from outgrow.adapters.postgres.budgets import Budgets
    from outgrow.domain.backend import Backend, Budget, Gateway, Task
    from outgrow.domain.job import Job
    from outgrow.domain.ran import Ran


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A backend that may run the job now, the rule that let it, and what to hold of which budgets before."""

    task: Task
    backend: Backend
    rule: str
    hold_micro: int
    budgets: tuple[Budget, ...]


class Routing:
    """Routes for the jobs of one worker; ``in_flight`` and health are what this worker sees."""

    def __init__(self, gateway: Gateway, budgets: Budgets) -> None:
        """Every backend is well until it is not."""
        self._gateway = gateway
        self._budgets = budgets
        self._backends = {one.name: one for one in gateway.backends}
        self._health: dict[str, Health] = {}
        self._in_flight: Counter[str] = Counter()
        self._groups = _groups(gateway)

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks."""
        return tuple(one.name for one in self._gateway.tasks)

    @property
    def groups(self) -> int:
        """How many sets of backends tasks share."""
        return len(self._groups)

    def retries(self, task: str) -> Retries:
        """What becomes of a failed try."""
        return next((one.retries for one in self._gateway.tasks if one.name == task), Retries())

    def rooms(self) -> list[tuple[tuple[str, ...], int]]:
        """Tasks that share their backends, and how many more jobs of them can run now: more than none."""
        now = datetime.now(UTC)
        free = {
            name: places(self._health.get(name, WELL), one.concurrency, now) - self._in_flight[name]
            for name, one in self._backends.items()
        }
        rooms = [(tasks, sum(max(0, free.get(name, 0)) for name in names)) for names, tasks in self._groups]
        return [(tasks, room) for tasks, room in rooms if room > 0]

    async def take(self, job: Job) -> Route | Refused:
        """The route of the next try, with its place at the backend taken (`give_back`)."""
        admitted = admit(self._gateway, job.task, job.data)
        if isinstance(admitted, Refused):
            return admitted
        if job.external_id is not None:  # a run at a provider goes on: nowhere else
            own = tuple(one for one in admitted.backends if one.name == job.backend)
            admitted = replace(admitted, backends=own or admitted.backends)
        budgets = budgets_of(self._gateway, job.task, job.key)
        paid = budgets and job.external_id is None and not all(is_free(one.rates) for one in admitted.backends)
        standings = await self._budgets.standings(budgets) if paid else ()
        choice = choose(
            admitted,
            health=self._health,
            in_flight=self._in_flight,
            standings=standings,
            now=datetime.now(UTC),
        )
        if not isinstance(choice, Choice):
            return choice
        first = choice.order[0]
        self._in_flight[first.backend.name] += 1
        return Route(
            task=admitted.task,
            backend=first.backend,
            rule=admitted.rule,
            hold_micro=first.hold_micro,
            budgets=budgets,
        )

    def give_back(self, route: Route) -> None:
        """Its place is free again."""
        self._in_flight[route.backend.name] -= 1

    def saw(self, route: Route, ran: Ran) -> None:
        """Learns from a try how well the backend is."""
        name = route.backend.name
        if ran.error is None:
            self._health.pop(name, None)
        elif ran.retryable:
            before = self._health.get(name, WELL)
            self._health[name] = failed(before, datetime.now(UTC), retry_after_s=ran.retry_in_s)


def _groups(gateway: Gateway) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """(backends, the tasks that use exactly these), so that a full backend holds up no task that does not use it."""
    by_backends = sorted(gateway.tasks, key=lambda task: task.backends)
    return [
        (names, tuple(task.name for task in tasks))
        for names, tasks in itertools.groupby(by_backends, key=lambda task: task.backends)
    ]
