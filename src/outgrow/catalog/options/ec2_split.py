"""Front and back hosts in a public subnet, PostgreSQL on RDS (a document's option B)."""

from __future__ import annotations

from outgrow.catalog.aws_platform import AwsPlatform
from outgrow.domain.workload import PinnedDatabase, PinnedHost, Pins

OPTION = AwsPlatform(
    id="ec2-split",
    order=40,
    split=True,
    private=False,
    reference=Pins(
        hosts=(
            PinnedHost(name="frontend", machine="t4g.small", disk_gb=20),
            PinnedHost(name="backend", machine="t4g.small", disk_gb=20),
        ),
        database=PinnedDatabase(machine="db.t4g.micro", storage_gb=20),
    ),
)
