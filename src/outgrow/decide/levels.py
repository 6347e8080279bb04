"""Derives what comparison tables argue about from the components themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.domain.option import Reach
from outgrow.domain.verdict import Levels

if TYPE_CHECKING:
    from outgrow.domain.option import Shape

SIMPLE_TARGETS = 1


def levels(shape: Shape) -> Levels:
    """The levels of one option.

    Management points count hosts and managed services, each copy of a host once. Fault isolation is `none` when one
    host carries everything, `full` when no host carries more than one component, else `partial`. Deploying is
    `simple` to one target, a `pipeline` to more. Source: ours.
    """
    running = {component for host in shape.hosts for component in host.runs}
    lost = max((len(host.runs) for host in shape.hosts), default=0)
    return Levels(
        management_points=sum(host.count for host in shape.hosts) + len(shape.managed),
        lost_with_one_host_frac=lost / len(running) if running else 0.0,
        fault_isolation=_isolation(lost, len(running)),
        database_exposure=_exposure(shape),
        independent_scaling=sum(1 for host in shape.hosts if host.runs) > 1,
        deploy_targets=shape.deploy_targets,
        deploy_complexity="simple" if shape.deploy_targets <= SIMPLE_TARGETS else "pipeline",
    )


def _isolation(lost: int, running: int) -> str:
    if running == 0:
        return "managed"
    if lost == running:
        return "none"
    return "full" if lost == 1 else "partial"


def _exposure(shape: Shape) -> str:
    """From where the machine that holds the database can be reached."""
    if shape.database_reach is None:
        return "no-database"
    if shape.database_reach is Reach.OWN_NETWORK:
        return "own-network-behind-private-hosts" if not any(host.public for host in shape.hosts) else "own-network"
    return "host-faces-internet"
