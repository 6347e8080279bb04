"""The split hosts in private subnets behind a load balancer, with or without a way out (a document's option C)."""

from __future__ import annotations

from outgrow.catalog.aws_platform import AwsPlatform
from outgrow.domain.workload import PinnedDatabase, PinnedHost, Pins

OPTION = AwsPlatform(
    id="ec2-private",
    order=50,
    split=True,
    private=True,
    reference=Pins(
        hosts=(
            PinnedHost(name="frontend", machine="t4g.small", disk_gb=20, public_ipv4=False),
            PinnedHost(name="backend", machine="t4g.small", disk_gb=20, public_ipv4=False),
        ),
        database=PinnedDatabase(machine="db.t4g.micro", storage_gb=20),
        load_balancers=1,
        load_balancer_zones=2,
        nat_gateways=1,
    ),
)
