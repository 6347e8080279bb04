"""Usage of the parts that options share: hosts, disks, addresses, traffic, what operations need.

Every function answers "which skus, how much of each in a 730 h month".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog.context import credit_sku
from outgrow.catalog.machines import HostNeed, surplus_vcpu
from outgrow.domain.bill import Basis, Group, Usage
from outgrow.domain.units import DAYS_PER_MONTH, HOURS_PER_MONTH, quantity

if TYPE_CHECKING:
    from outgrow.catalog.context import Context
    from outgrow.domain.price import Machine
    from outgrow.domain.workload import Database, HostedComponent

OS_STORAGE_GB = 10.0
"""Disk a Linux host needs before the service: image, logs, package cache. A planning figure of ours, not a price."""

OS_MEMORY_GIB = 0.2
"""Resident memory of a minimal Linux host with a container runtime. A planning figure of ours: measure your own."""

RDS_MIN_STORAGE_GB = 20.0
"""Smallest gp3 volume of an RDS PostgreSQL instance. Source: AWS RDS user guide, storage."""


def per_month(
    component: str, sku: str, amount: float, group: Group = Group.CAPACITY, basis: Basis = Basis.ASSUMED
) -> Usage:
    """A month's continuous quantity of a sku."""
    return Usage(component=component, sku=sku, quantity=quantity(amount), group=group, basis=basis)


def hours(component: str, sku: str, count: float = 1, group: Group = Group.CAPACITY) -> Usage:
    """Something that is on for the whole month, ``count`` times."""
    return per_month(component, sku, count * HOURS_PER_MONTH, group)


def disk(component: str, storage_gb: float, disk_type: str = "gp3") -> Usage:
    """An EBS volume. gp3 comes with 3,000 I/O a second and 125 MB/s, which are not lines."""
    return per_month(f"{component} disk", f"aws/ebs/{disk_type}", storage_gb)


def public_ipv4(component: str, count: int) -> Usage:
    """Public addresses, billed whether used or idle since 2024-02-01."""
    return hours(f"{component} public IPv4", "aws/vpc/public-ipv4", count)


def surplus_credits(component: str, machine: Machine, need: HostNeed) -> tuple[Usage, ...]:
    """CPU above the baseline of a burstable machine, in vCPU-hours; nothing when the baseline carries the day."""
    surplus = surplus_vcpu(machine, need)
    if surplus == 0:
        return ()
    return (per_month(f"{component} CPU credits", credit_sku(machine), surplus * HOURS_PER_MONTH),)


def egress(ctx: Context) -> tuple[Usage, ...]:
    """Web answers sent out to the internet; payload sent to a model elsewhere is on the inference option's bill."""
    return (per_month("data transfer out", "aws/transfer/egress", ctx.web_gb_per_month(), Group.TRAFFIC),)


def lcu(ctx: Context) -> Usage:
    """Load-balancer capacity units of an ALB.

    In each hour the largest of new connections / 25 a second, open connections / 3,000, and GB processed; every
    request counts as a new connection, which is the upper bound. Source: AWS Elastic Load Balancing pricing.
    """
    total = 0.0
    users = ctx.service.users
    for hour, requests in enumerate(ctx.web_arrivals.per_hour):
        peak_share = users.day_shape[hour] / max(users.day_shape)
        open_now = ctx.service.web.open_connections_frac * users.daily_active * peak_share
        processed_gb = requests * ctx.service.web.egress_kb_per_request / 1e6
        total += max(requests / 3600 / 25, open_now / 3000, processed_gb)
    return per_month("load balancer capacity", "aws/elb/lcu", total * DAYS_PER_MONTH, Group.TRAFFIC)


def operations(ctx: Context) -> tuple[Usage, ...]:
    """Backups, logs, alarms, secrets, DNS: what the spec says the service needs besides capacity."""
    wanted = ctx.service.operations
    amounts = (
        ("backups in S3", "aws/s3/storage", wanted.backup_gb),
        ("snapshots", "aws/ebs/snapshot", wanted.snapshot_gb),
        ("logs", "aws/cloudwatch/logs-ingest", wanted.logs_gb_per_month),
        ("alarms", "aws/cloudwatch/alarm", wanted.alarms),
        ("secrets", "aws/secrets-manager/secret", wanted.secrets),
        ("DNS zone", "aws/route53/hosted-zone", wanted.dns_zones),
    )
    return tuple(per_month(name, sku, amount, Group.OPERATIONS) for name, sku, amount in amounts if amount)


def hnsw_row_bytes(dimensions: float, number_bytes: int = 4) -> float:
    """What one vector takes in a pgvector HNSW index, without page padding.

    number_bytes x dimensions + 8 for the vector + 2 x 16 neighbours x 6 bytes + 64 of tuple headers, m = 16;
    ``number_bytes`` is 4 for ``vector``, 2 for ``halfvec``. Source: pgvector ``src/hnsw.h``.
    """
    return number_bytes * dimensions + 8 + 2 * 16 * 6 + 64


def vector_index_gib(database: Database) -> float:
    """Memory a pgvector HNSW index wants to stay in, in GiB: a lower bound, as it leaves out page padding."""
    if database.vectors == 0:
        return 0.0
    return database.vectors * hnsw_row_bytes(database.dimensions) / 2**30


def host_need(ctx: Context, parts: tuple[HostedComponent, ...], database: Database | None = None) -> HostNeed:
    """What a host that runs these parts (and the database) must carry."""
    cpu_ms = sum(part.cpu_ms_per_request for part in parts) + (database.cpu_ms_per_request if database else 0.0)
    memory = sum(part.memory_gib for part in parts) + OS_MEMORY_GIB
    if database:
        memory += database.memory_gib + vector_index_gib(database)
    per_hour = ctx.web_arrivals.per_hour
    return HostNeed(
        memory_gib=memory,
        peak_vcpu=max(per_hour) / 3600 * cpu_ms / 1000,
        mean_vcpu=sum(per_hour) / 86400 * cpu_ms / 1000,
    )


def database_need(ctx: Context, database: Database) -> HostNeed:
    """What a managed database instance must carry."""
    per_hour = ctx.web_arrivals.per_hour
    return HostNeed(
        memory_gib=database.memory_gib + vector_index_gib(database),
        peak_vcpu=max(per_hour) / 3600 * database.cpu_ms_per_request / 1000,
        mean_vcpu=sum(per_hour) / 86400 * database.cpu_ms_per_request / 1000,
    )


def host_storage_gb(parts: tuple[HostedComponent, ...], database: Database | None = None) -> float:
    """Disk a host needs for its system, these parts and the database."""
    stored = sum(part.storage_gb for part in parts) + (database.storage_gb if database else 0.0)
    return OS_STORAGE_GB + stored
