"""Which backend is tried first, and which after it, given health and money. Only ever inside what was admitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from outgrow.policy.budget import budget_reached
from outgrow.policy.health import WELL, Health, places
from outgrow.policy.price import hold
from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from outgrow.domain.backend import Backend
    from outgrow.policy.budget import Standing
    from outgrow.policy.reach import Admitted

BUSY_S: Final = 1.0
"""After how long to come back where every place is taken."""


class Over(StrEnum):
    """Why an allowed backend is passed over this time."""

    DOWN = "down"
    FULL = "full"
    TOO_DEAR = "too-dear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A backend to try, and what to hold before it."""

    backend: Backend
    hold_micro: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What to try, in this order, and what was passed over (by name)."""

    order: tuple[Candidate, ...]
    passed_over: tuple[tuple[str, Over], ...] = ()


def choose(
    admitted: Admitted,
    *,
    health: Mapping[str, Health],
    in_flight: Mapping[str, int],
    standings: Sequence[Standing],
    now: datetime,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
) -> Choice | Refused:
    """The admitted backends worth trying now, in the task's order, or why there is none and when to come back.

    A backend is passed over while it is left alone, has no place free, or may cost more than a budget has left; one
    that costs nothing always fits. The hold itself is what decides about money: this only saves a vain try.
    """
    order: list[Candidate] = []
    passed: list[tuple[str, Over]] = []
    for backend in admitted.backends:
        need = hold(backend, admitted.task, input_tokens=input_tokens, output_tokens=output_tokens)
        over = _over(backend, need, health.get(backend.name, WELL), in_flight, standings, now)
        if over is None:
            order.append(Candidate(backend=backend, hold_micro=need))
        else:
            passed.append((backend.name, over))
    if order:
        return Choice(order=tuple(order), passed_over=tuple(passed))
    if any(over is not Over.TOO_DEAR for _, over in passed):
        return _none_now(passed, health, now)
    needs = [
        hold(one, admitted.task, input_tokens=input_tokens, output_tokens=output_tokens) for one in admitted.backends
    ]
    return budget_reached(standings, min(needs, default=0), now) or _none_now(passed, health, now)


def _over(
    backend: Backend,
    need_micro: int,
    health: Health,
    in_flight: Mapping[str, int],
    standings: Sequence[Standing],
    now: datetime,
) -> Over | None:
    free = places(health, backend.concurrency, now)
    if free == 0:
        return Over.DOWN
    if in_flight.get(backend.name, 0) >= free:
        return Over.FULL
    return Over.TOO_DEAR if any(one.left_micro < need_micro for one in standings) else None


def _none_now(passed: Sequence[tuple[str, Over]], health: Mapping[str, Health], now: datetime) -> Refused:
    waits = [BUSY_S if over is Over.FULL else _out_s(health.get(name, WELL), now) for name, over in passed]
    said = ", ".join(f"{name} is {over}" for name, over in passed) or "none is known"
    return Refused(code=Code.BACKEND_DOWN, detail=said, rule="health", retry_after_s=min(waits, default=BUSY_S))


def _out_s(health: Health, now: datetime) -> float:
    return BUSY_S if health.out_until is None else max((health.out_until - now).total_seconds(), BUSY_S)
