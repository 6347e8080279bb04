"""The shape behind every platform option on EC2: which parts share a host, what is public, what is managed."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from outgrow.catalog import parts
from outgrow.catalog.context import credit_sku, too_big
from outgrow.catalog.machines import HostNeed
from outgrow.catalog.places import country
from outgrow.domain.bill import Basis, Group, UnpricedLine, Usage
from outgrow.domain.message import message
from outgrow.domain.option import Capability, Capacity, Host, Place, Question, Reach, Rejection, Shape, Support, Variant
from outgrow.domain.pool import HostPool, Law
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.domain.workload import Database, Need, PinnedDatabase, PinnedHost, Tier, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Outcome
    from outgrow.domain.price import Machine
    from outgrow.domain.workload import HostedComponent, Pins

DATABASE = "database"
NAT_INSTANCE = "t4g.nano"
MAX_COPIES = 32
"""More copies of one host than this is another architecture."""

EVERYTHING: Mapping[Need, Capability] = {need: Capability(support=Support.YES) for need in Need}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsPlatform:
    """One EC2 platform option: ``split`` puts front, back and database apart; ``private`` hides them behind an ALB."""

    id: str
    order: int
    split: bool
    private: bool
    reference: Pins
    question: Question = Question.PLATFORM

    def settings(self, ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
        """A private option may reach out through a NAT gateway, a NAT instance, or not at all."""
        if not self.private:
            return ({},)
        return tuple({"nat": nat} for nat in ("gateway", "instance", "none"))

    def sized(self, ctx: Context, settings: Mapping[str, str | int | float]) -> Shape | Rejection:
        """The smallest hosts that carry the components, the web traffic and the database."""
        if settings.get("nat") == "none" and ctx.service.inference:
            return _no_way_out(self)
        hosts = _sized_hosts(self, ctx)
        if isinstance(hosts, Rejection):
            return hosts
        database = _sized_database(self, ctx)
        if isinstance(database, Rejection):
            return database
        return _shape(self, ctx, Variant.SIZED, hosts, database, settings, pins=None)

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        """The hosts, disks, database, balancers and gateways a document writes down."""
        hosts = pins.hosts if pins.hosts is not None else self.reference.hosts or ()
        database = pins.database if pins.database is not None or pins.hosts is not None else self.reference.database
        settings = {"nat": "gateway"} if self.private else {}
        full = dataclasses.replace(self.reference, **_given(pins))
        return _shape(self, ctx, Variant.AS_WRITTEN, hosts, database, settings, pins=full)


def _no_way_out(recipe: AwsPlatform) -> Rejection:
    return Rejection(
        option=recipe.id,
        question=recipe.question,
        constraint="outbound",
        found="nat: none",
        allowed="a way out for inference calls",
        reason=message("reject.outbound"),
    )


def _given(pins: Pins) -> dict[str, Any]:
    values = {field.name: getattr(pins, field.name) for field in dataclasses.fields(pins)}
    return {name: value for name, value in values.items() if value is not None}


def _groups(recipe: AwsPlatform, ctx: Context) -> list[tuple[str, tuple[HostedComponent, ...], Database | None]]:
    """Which components, and whether the database, share each host; a host with nothing to run is not made."""
    service = ctx.service
    if not recipe.split:
        return [("host", service.components, service.database)]
    groups: list[tuple[str, tuple[HostedComponent, ...], Database | None]] = []
    for tier in Tier:
        members = tuple(part for part in service.components if part.tier is tier)
        if members:
            groups.append((tier.value, members, None))
    return groups or [("host", (), None)]


def _sized_hosts(recipe: AwsPlatform, ctx: Context) -> tuple[PinnedHost, ...] | Rejection:
    hosts = []
    for name, members, database in _groups(recipe, ctx):
        need = parts.host_need(ctx, members, database)
        found = _copies(ctx, need, MAX_COPIES if recipe.private else 1)
        if found is None:
            return too_big(recipe.id, recipe.question, name, need, ctx.largest("ec2", "aws/ec2"))
        machine, count = found
        hosts.append(
            PinnedHost(
                name=name,
                machine=machine.name,
                count=count,
                disk_gb=parts.host_storage_gb(members, database),
                public_ipv4=not recipe.private,
            )
        )
    return tuple(hosts)


def _copies(ctx: Context, need: HostNeed, most: int) -> tuple[Machine, int] | None:
    """The fewest copies of a host that share the CPU work behind a load balancer; each keeps all of the memory."""
    for count in range(1, most + 1):
        share = HostNeed(memory_gib=need.memory_gib, peak_vcpu=need.peak_vcpu / count, mean_vcpu=need.mean_vcpu / count)
        machine = ctx.cheapest_host(share)
        if machine is not None:
            return machine, count
    return None


def _sized_database(recipe: AwsPlatform, ctx: Context) -> PinnedDatabase | Rejection | None:
    wanted = ctx.service.database
    if not recipe.split or wanted is None:
        return None
    need = parts.database_need(ctx, wanted)
    machine = ctx.cheapest_host(need, prefix="aws/rds-postgresql", family="rds")
    if machine is None:
        return too_big(recipe.id, recipe.question, DATABASE, need, ctx.largest("rds", "aws/rds-postgresql"))
    return PinnedDatabase(machine=machine.name, storage_gb=max(parts.RDS_MIN_STORAGE_GB, wanted.storage_gb))


def _shape(
    recipe: AwsPlatform,
    ctx: Context,
    variant: Variant,
    hosts: tuple[PinnedHost, ...],
    database: PinnedDatabase | None,
    settings: Mapping[str, str | int | float],
    pins: Pins | None,
) -> Shape:
    runs = _placement(recipe, ctx, hosts, database)
    usage = [*_host_usage(ctx, hosts, runs), *_database_usage(database)]
    usage += _network_usage(recipe, ctx, settings, pins)
    usage += parts.egress(ctx)
    if pins is None:
        usage += parts.operations(ctx)
        usage += _extra_environments(ctx, usage)
    else:
        usage = [dataclasses.replace(line, basis=Basis.PINNED) for line in usage] + _items(pins)
    return Shape(
        option=recipe.id,
        question=recipe.question,
        variant=variant,
        usage=tuple(usage),
        hosts=_host_values(ctx, hosts, runs, database, settings, variant),
        managed=_managed(recipe, settings, pins),
        settings=settings,
        capabilities=EVERYTHING,
        place=Place(operator="AWS", country=country(ctx.region), trust=Trust.OWN_CLOUD_ACCOUNT),
        capacity=_capacity(ctx, hosts, database),
        outcome=_web_outcome(ctx, hosts, runs),
        database_reach=_database_reach(recipe, ctx),
        deploy_targets=sum(host.count for host in hosts),
        unpriced=_unpinned_disks(hosts),
        notes=_notes(recipe, settings, variant),
    )


def _placement(
    recipe: AwsPlatform, ctx: Context, hosts: tuple[PinnedHost, ...], database: PinnedDatabase | None
) -> dict[str, tuple[str, ...]]:
    """Which components run on which host, by the host's name or, failing that, by its place in the list."""
    service = ctx.service
    stored = (DATABASE,) if service.database and database is None else ()
    if len(hosts) == 1:
        return {hosts[0].name: tuple(part.name for part in service.components) + stored}
    tiers = list(Tier)
    placed: dict[str, tuple[str, ...]] = {}
    for index, host in enumerate(hosts):
        named = [tier for tier in tiers if host.name.startswith(tier.value[:4])]
        tier = named[0] if named else tiers[min(index, len(tiers) - 1)]
        placed[host.name] = tuple(part.name for part in service.components if part.tier is tier)
    if stored and hosts:
        placed[hosts[-1].name] += stored
    return placed


def _need_of(ctx: Context, names: tuple[str, ...]) -> HostNeed:
    members = tuple(part for part in ctx.service.components if part.name in names)
    return parts.host_need(ctx, members, ctx.service.database if DATABASE in names else None)


def _host_usage(ctx: Context, hosts: tuple[PinnedHost, ...], runs: Mapping[str, tuple[str, ...]]) -> list[Usage]:
    usage: list[Usage] = []
    for host in hosts:
        usage.append(parts.hours(host.name, f"aws/ec2/{host.machine}", host.count))
        if host.disk_gb:
            usage.append(parts.disk(host.name, host.disk_gb * host.count, host.disk_type))
        if host.public_ipv4:
            usage.append(parts.public_ipv4(host.name, host.count))
        usage += _surplus(ctx, host, runs[host.name])
    return usage


def _surplus(ctx: Context, host: PinnedHost, names: tuple[str, ...]) -> tuple[Usage, ...]:
    """CPU above the baseline of a burstable machine, in vCPU-hours; nothing when the baseline carries the days."""
    outcome = _host_outcome(ctx, host, names)
    if outcome is None or outcome.surplus_s == 0:
        return ()
    hours = outcome.surplus_s * DAYS_PER_MONTH / 3600
    return (parts.per_month(f"{host.name} CPU credits", credit_sku(ctx.machines[host.machine]), hours),)


def _database_usage(database: PinnedDatabase | None) -> list[Usage]:
    if database is None:
        return []
    suffix = "-multi-az" if database.multi_az else ""
    return [
        parts.hours(DATABASE, f"aws/rds-postgresql/{database.machine}{suffix}"),
        parts.per_month("database storage", f"aws/rds/storage{suffix}", database.storage_gb),
    ]


def _network_usage(
    recipe: AwsPlatform, ctx: Context, settings: Mapping[str, str | int | float], pins: Pins | None
) -> list[Usage]:
    """Load balancer, NAT and the addresses they hold: one per ALB zone (two at least), one per NAT gateway."""
    balancers = _count(pins.load_balancers if pins else None, 1 if recipe.private else 0)
    zones = _count(pins.load_balancer_zones if pins else None, 2)
    gateways = _count(pins.nat_gateways if pins else None, 1 if settings.get("nat") == "gateway" else 0)
    usage: list[Usage] = []
    if balancers:
        usage += [parts.hours("load balancer", "aws/elb/alb", balancers), parts.lcu(ctx)]
        usage.append(parts.public_ipv4("load balancer", balancers * max(2, zones)))
    if gateways:
        usage += [parts.hours("NAT gateway", "aws/vpc/nat-gateway", gateways)]
        usage.append(parts.public_ipv4("NAT gateway", gateways))
        usage.append(
            parts.per_month("NAT gateway data", "aws/vpc/nat-gateway-gb", ctx.payload_gb_per_month(), Group.TRAFFIC)
        )
    if settings.get("nat") == "instance":
        usage += [parts.hours("NAT instance", f"aws/ec2/{NAT_INSTANCE}"), parts.public_ipv4("NAT instance", 1)]
        usage.append(parts.disk("NAT instance", parts.OS_STORAGE_GB))
    return usage


def _count(pinned: int | None, otherwise: int) -> int:
    return otherwise if pinned is None else pinned


def _items(pins: Pins) -> list[Usage]:
    return [parts.per_month(item.name, item.sku, item.quantity, basis=Basis.PINNED) for item in pins.items]


def _extra_environments(ctx: Context, usage: list[Usage]) -> list[Usage]:
    """A monitoring host, and a second environment of the same capacity, where the spec asks for them."""
    extra: list[Usage] = []
    if ctx.service.operations.monitoring_host:
        extra += [
            parts.hours("monitoring host", "aws/ec2/t4g.micro", group=Group.OPERATIONS),
            parts.per_month("monitoring host disk", "aws/ebs/gp3", 2 * parts.OS_STORAGE_GB, Group.OPERATIONS),
            parts.hours("monitoring host public IPv4", "aws/vpc/public-ipv4", group=Group.OPERATIONS),
        ]
    if ctx.service.operations.second_environment:
        extra += [
            dataclasses.replace(line, component=f"second environment: {line.component}", group=Group.OPERATIONS)
            for line in usage
            if line.group is Group.CAPACITY
        ]
    return extra


def _host_values(
    ctx: Context,
    hosts: tuple[PinnedHost, ...],
    runs: Mapping[str, tuple[str, ...]],
    database: PinnedDatabase | None,
    settings: Mapping[str, str | int | float],
    variant: Variant,
) -> tuple[Host, ...]:
    values = [
        Host(name=h.name, machine=h.machine, runs=runs[h.name], public=h.public_ipv4, count=h.count) for h in hosts
    ]
    if database is not None:
        runs_database = (DATABASE,) if ctx.service.database else ()
        values.append(Host(name=DATABASE, machine=database.machine, runs=runs_database, managed=True, public=False))
    if settings.get("nat") == "instance":
        values.append(Host(name="NAT instance", machine=NAT_INSTANCE, runs=("outbound network",)))
    if ctx.service.operations.monitoring_host and variant is Variant.SIZED:
        values.append(Host(name="monitoring host", machine="t4g.micro", runs=()))
    return tuple(values)


def _managed(recipe: AwsPlatform, settings: Mapping[str, str | int | float], pins: Pins | None) -> tuple[str, ...]:
    balancers = _count(pins.load_balancers if pins else None, 1 if recipe.private else 0)
    gateways = _count(pins.nat_gateways if pins else None, 1 if settings.get("nat") == "gateway" else 0)
    return ("load balancer",) * balancers + ("NAT gateway",) * gateways


def _capacity(ctx: Context, hosts: tuple[PinnedHost, ...], database: PinnedDatabase | None) -> Capacity:
    known = [(ctx.machines[host.machine], host.count) for host in hosts if host.machine in ctx.machines]
    if database is not None and database.machine in ctx.machines:
        known.append((ctx.machines[database.machine], 1))
    storage = sum((host.disk_gb or 0) * host.count for host in hosts) + (database.storage_gb if database else 0)
    return Capacity(
        vcpu=sum(machine.vcpu * count for machine, count in known),
        memory_gib=sum(machine.memory_gib * count for machine, count in known),
        storage_gb=storage,
    )


def _host_outcome(ctx: Context, host: PinnedHost, names: tuple[str, ...]) -> Outcome | None:
    """What the web requests do to a host: its share of their CPU work, exponential, on its vCPUs."""
    machine = ctx.machines.get(host.machine)
    requests, busy_vcpu = ctx.web_arrivals.per_day, _need_of(ctx, names).mean_vcpu
    if machine is None or requests == 0 or busy_vcpu == 0:
        return None
    pool = HostPool(
        work=Law(mean_s=busy_vcpu * 86_400 / requests, cv=1.0),
        vcpu=max(1, int(machine.vcpu)),
        copies=host.count,
        baseline_frac=machine.baseline_frac,
    )
    return ctx.observe(pool, ctx.web_arrivals)


def _web_outcome(ctx: Context, hosts: tuple[PinnedHost, ...], runs: Mapping[str, tuple[str, ...]]) -> Outcome | None:
    """Response time of a web request on the host with the most CPU work."""
    known = [host for host in hosts if host.machine in ctx.machines]
    busiest = max(known, key=lambda host: _need_of(ctx, runs[host.name]).mean_vcpu, default=None)
    return _host_outcome(ctx, busiest, runs[busiest.name]) if busiest else None


def _database_reach(recipe: AwsPlatform, ctx: Context) -> Reach | None:
    """From where the database's host can be reached: the internet when it shares a host with the public web."""
    if ctx.service.database is None:
        return None
    return Reach.OWN_NETWORK if recipe.split else Reach.INTERNET


def _unpinned_disks(hosts: tuple[PinnedHost, ...]) -> tuple[UnpricedLine, ...]:
    return tuple(
        UnpricedLine(
            component=f"{host.name} disk",
            sku=None,
            reason=message("unpriced.disk-not-written", host=host.name),
            material=False,
        )
        for host in hosts
        if host.disk_gb is None
    )


def _notes(recipe: AwsPlatform, settings: Mapping[str, str | int | float], variant: Variant) -> tuple[Message, ...]:
    if variant is Variant.SIZED and settings.get("nat") == "instance":
        return (message("note.nat-instance", option=recipe.id),)
    return ()
