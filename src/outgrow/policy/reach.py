"""The one door: which backends may a payload of this data class reach?

A backend is reached only where every rule lets it: the class of the payload (``Gateway.reach``), the backends of the
task, and the stricter class a request may ask for. Whatever is not named is denied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.task import DataClass
from outgrow.policy.refusal import Code, Refused, word

if TYPE_CHECKING:
    from outgrow.domain.backend import Backend, Gateway, Task
    from outgrow.domain.workload import Trust


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A payload that may run: its class, and the backends it may reach in the task's order.

    ``rule`` says what decided, for the log and the meter.
    """

    task: Task
    data: DataClass
    backends: tuple[Backend, ...]
    rule: str


def admit(gateway: Gateway, task: str, requested_class: DataClass | None = None) -> Admitted | Refused:
    """May a payload of ``task`` run, and where? ``requested_class`` makes its class stricter, never looser."""
    found = next((one for one in gateway.tasks if one.name == task), None)
    if found is None:
        known = ", ".join(sorted(one.name for one in gateway.tasks)) or "none"
        return Refused(code=Code.UNKNOWN_TASK, detail=f"found {word(task)}, known: {known}", rule="tasks")
    data = found.data if requested_class is None else stricter(found.data, requested_class)
    furthest = _furthest(gateway, found.data, data)
    rule = _rule(found, data, furthest)
    backends = tuple(_within(gateway, found, furthest))
    if backends:
        return Admitted(task=found, data=data, backends=backends, rule=rule)
    return Refused(code=Code.NO_ALLOWED_BACKEND, detail=_why_none(gateway, found, data, furthest), rule=rule)


def may_reach(gateway: Gateway, data: DataClass, backend: Backend) -> bool:
    """Does the class rule alone let ``data`` go to ``backend``? What an adapter asks once more before it sends."""
    furthest = _furthest(gateway, data, data)
    return furthest is not None and backend.trust.distance <= furthest.distance


def stricter(one: DataClass, other: DataClass) -> DataClass:
    """The class that does more harm when it leaks; `DataClass` names them from the strictest."""
    order = list(DataClass)
    return min(one, other, key=order.index)


def _furthest(gateway: Gateway, *classes: DataClass) -> Trust | None:
    """The furthest all ``classes`` may go: where one is said twice the nearer counts, where one is missing, nowhere."""
    limits = [[trust for data, trust in gateway.reach if data is one] for one in classes]
    if not all(limits):
        return None
    return min((trust for limit in limits for trust in limit), key=lambda trust: trust.distance)


def _within(gateway: Gateway, task: Task, furthest: Trust | None) -> list[Backend]:
    """The task's backends no further away than ``furthest``; a name that means two backends is none."""
    if furthest is None:
        return []
    named = [[one for one in gateway.backends if one.name == name] for name in dict.fromkeys(task.backends)]
    return [found[0] for found in named if len(found) == 1 and found[0].trust.distance <= furthest.distance]


def _rule(task: Task, data: DataClass, furthest: Trust | None) -> str:
    by = "task" if data is task.data else "request"
    return f"{data} by {by} {task.name}: {f'at most {furthest}' if furthest else 'nowhere'}"


def _why_none(gateway: Gateway, task: Task, data: DataClass, furthest: Trust | None) -> str:
    if furthest is None:
        return f"no rule says where {data} payloads may go; add reach.{data} to the gateway file"
    trusts = {one.name: one.trust for one in gateway.backends}
    too_far = [f"{name} is {trusts.get(name, 'not a backend')}" for name in dict.fromkeys(task.backends)]
    return f"{data} payloads go no further than {furthest}, and of task {task.name} {', '.join(too_far) or 'none runs'}"
