"""What moving from one option to another takes: derived from what changes, unless the spec knows better."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from outgrow.domain.growth import Effort

if TYPE_CHECKING:
    from outgrow.domain.option import Shape
    from outgrow.domain.workload import Service

SETTING_DAYS = 0.1
"""The same things with other settings: an hour to change them and to see that it worked."""

BASE_DAYS = 0.5
"""Deciding, announcing, watching: every move to other things has it."""

DAYS_PER_THING = 0.5
"""To set up, secure and watch one more thing that must be looked after."""

DAYS_PER_OPERATOR = 1.0
"""A new account, its keys, its limits, its images, its bill."""

DAYS_PER_DATABASE = 1.0
"""Moving the database and proving that nothing is missing."""

DUMP_GB_PER_MINUTE = 1.2
"""Dump and restore over the network at 20 MB a second: while it runs, nobody may write."""

HOURS_PER_DAY = 8.0


def effort(before: Shape, after: Shape, service: Service) -> Effort:
    """Days, downtime and dollars of a move.

    Days: `SETTING_DAYS` where the same things get other settings; otherwise `BASE_DAYS`, for each thing to run that was
    not there before `DAYS_PER_THING`, for a new operator `DAYS_PER_OPERATOR`, for a database that changes its host
    `DAYS_PER_DATABASE`. Downtime: a moved database is dumped and restored at `DUMP_GB_PER_MINUTE`; nothing else stops
    the service. Days are added up: work that several could do at once is not shortened, and each copy of a host takes
    as long as the first. All six figures are ours: write ``growth.moves`` when you know better.
    """
    known = next((move for move in service.growth.moves if move.to == after.option), None)
    moved = _database_host(before) != _database_host(after)
    days = SETTING_DAYS
    if _kinds(before) != _kinds(after):
        new = (_things(after) - _things(before)).total()
        days = BASE_DAYS + DAYS_PER_THING * new + DAYS_PER_OPERATOR * (_operator(before) != _operator(after))
        days += DAYS_PER_DATABASE * moved
    minutes = service.database.storage_gb / DUMP_GB_PER_MINUTE if moved and service.database else 0.0
    if known is not None:
        days = days if known.days is None else known.days
        minutes = minutes if known.downtime_minutes is None else known.downtime_minutes
    return Effort(days=days, downtime_minutes=minutes, usd=_usd(days, minutes, service), stated=known is not None)


def _usd(days: float, minutes: float, service: Service) -> float | None:
    hourly = service.team.hourly_usd
    if hourly is None:
        return None
    return days * HOURS_PER_DAY * hourly + minutes / 60 * service.growth.downtime_usd_per_hour


def _kinds(shape: Shape) -> tuple[str | None, list[str]]:
    """Whose they are, and what must be looked after by its name, whatever its size or number of copies."""
    return _operator(shape), sorted((*shape.managed, *(host.name for host in shape.hosts)))


def _things(shape: Shape) -> Counter[str]:
    """How many of each thing must be looked after, by its name."""
    found = Counter(shape.managed)
    for host in shape.hosts:
        found[host.name] += host.count
    return found


def _operator(shape: Shape) -> str | None:
    return shape.place.operator if shape.place else None


def _database_host(shape: Shape) -> tuple[str, str] | None:
    """Where the database lives: on a host of which operator, or in a service somebody else runs; None without one."""
    for host in shape.hosts:
        if "database" in host.runs:
            return _operator(shape) or "", "managed" if host.managed else "own host"
    return None if shape.database_reach is None else (_operator(shape) or "", "managed")
