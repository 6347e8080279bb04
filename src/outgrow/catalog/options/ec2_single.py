"""One EC2 host carries everything: web, API, database, WebSocket and background jobs (a document's option A)."""

from __future__ import annotations

from outgrow.catalog.aws_platform import AwsPlatform
from outgrow.domain.workload import PinnedHost, Pins

OPTION = AwsPlatform(
    id="ec2-single",
    order=30,
    split=False,
    private=False,
    reference=Pins(hosts=(PinnedHost(name="host", machine="t4g.xlarge", disk_gb=100),)),
)
