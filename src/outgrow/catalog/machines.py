"""Reads the machine list and finds the cheapest machine that carries a need."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.domain.errors import PriceError
from outgrow.domain.price import Machine

if TYPE_CHECKING:
    from collections.abc import Iterable


def parse_machines(text: str, name: str) -> dict[str, Machine]:
    """Machines by name. Raises `PriceError` naming the line that cannot be read."""
    machines: dict[str, Machine] = {}
    reader = csv.DictReader(io.StringIO(text))
    for row in reader:
        try:
            machine = _machine(row)
        except (KeyError, ValueError, TypeError) as problem:
            raise PriceError(f"{name}:{reader.line_num}: not a machine: {problem}") from None
        machines[machine.name] = machine
    return machines


def _machine(row: dict[str, str]) -> Machine:
    return Machine(
        name=row["machine"],
        family=row["family"],
        vcpu=float(row["vcpu"] or 0),
        memory_gib=float(row["memory_gib"] or 0),
        architecture=row["architecture"],
        baseline_frac=float(row["baseline_frac"]) if row["baseline_frac"] else None,
        gpu=row["gpu"] or None,
        gpu_count=int(row["gpu_count"] or 0),
        gpu_memory_gib=float(row["gpu_memory_gib"] or 0),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNeed:
    """What one host must carry: resident memory (GiB), vCPUs busy at the peak hour and on average over the day."""

    memory_gib: float
    peak_vcpu: float = 0.0
    mean_vcpu: float = 0.0


PEAK_UTILISATION_FRAC = 0.6
"""A host is sized so that its busiest hour leaves 40 % of its CPU idle: at that load an M/M/2 queue makes a request
wait about half a service time (Erlang C), and doubling within an hour does not fill it."""


def fits(machine: Machine, need: HostNeed, architecture: str = "any") -> bool:
    """Does the machine carry the need?"""
    return (
        machine.memory_gib >= need.memory_gib
        and machine.vcpu * PEAK_UTILISATION_FRAC >= need.peak_vcpu
        and architecture in ("any", machine.architecture)
    )


def surplus_vcpu(machine: Machine, need: HostNeed) -> float:
    """VCPUs used on average above what a burstable machine earns back over the day.

    Credits accrue at the baseline rate and are kept for 24 h, so only the daily mean counts:
    ``max(0, mean_vcpu - baseline_frac x vcpu)``. Stops holding when a machine is younger than a day (it starts with few
    credits). Source: AWS EC2 user guide, "CPU credits and baseline utilization".
    """
    if machine.baseline_frac is None:
        return 0.0
    return max(0.0, need.mean_vcpu - machine.baseline_frac * machine.vcpu)


def of_family(machines: Iterable[Machine], family: str) -> tuple[Machine, ...]:
    """Machines of one family."""
    return tuple(machine for machine in machines if machine.family == family)
