"""Which skus an option can put on a bill: what is in the price book and not here is an orphan.

An entry is a sku; or a family, written with a slash at its end (``mistral/``); or a sku with the family of a machine
in braces (``aws/ec2/{ec2}``), one sku for each machine of that family. `expand` turns machines into skus.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from outgrow.catalog import aws_platform, bought, ec2_gpu, runpod
from outgrow.catalog.context import credit_sku
from outgrow.catalog.options import ec2_gpu_spot, external_api, onprem_gpu, sagemaker_async

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.domain.price import Machine

BURSTABLE: Final = "{burstable}"

BY_MACHINE: Final = (
    "aws/ec2/{ec2}",
    f"{ec2_gpu.ON_DEMAND}/{{ec2-gpu}}",
    f"{ec2_gpu.SPOT}/{{ec2-gpu}}",
    f"{ec2_gpu_spot.CHEAPEST_ZONE}/{{ec2-gpu}}",
    "aws/rds-postgresql/{rds}",
    "aws/rds-postgresql/{rds}-multi-az",
    f"{sagemaker_async.PREFIX}/{{sagemaker}}",
    f"{runpod.FLEX}/{{runpod}}",
    f"{runpod.ACTIVE}/{{runpod}}",
)
"""Skus an option makes from the name of a machine."""

PARTS: Final = (
    "aws/cloudwatch/alarm",
    "aws/cloudwatch/logs-ingest",
    "aws/ebs/gp2",
    "aws/ebs/gp3",
    "aws/ebs/snapshot",
    f"aws/ec2/{aws_platform.NAT_INSTANCE}",
    "aws/ec2/t4g.micro",
    "aws/elb/alb",
    "aws/elb/lcu",
    "aws/rds/storage",
    "aws/rds/storage-multi-az",
    "aws/route53/hosted-zone",
    "aws/s3/storage",
    "aws/secrets-manager/secret",
    "aws/transfer/egress",
    "aws/vpc/nat-gateway",
    "aws/vpc/nat-gateway-gb",
    "aws/vpc/public-ipv4",
    "onprem/colocation/rack",
    "supabase/pro/plan",
    "vercel/pro/active-cpu",
    "vercel/pro/invocations",
    "vercel/pro/memory",
    "vercel/pro/platform-fee",
    "vercel/pro/seat",
    bought.POWER_SKU,
    bought.SERVER_SKU,
    runpod.DISK,
    *(f"onprem/gpu/{name}-{end}" for name in onprem_gpu.MEMORY_GIB for end in ("low", "high")),
)
"""Skus an option names outright."""

LISTED: Final = (
    "aws/ebs/gp3-iops",
    "aws/ebs/gp3-throughput",
    "aws/ecr/storage",
    "aws/elb/classic",
    "aws/rds/backup",
    "aws/s3/put",
    "aws/transfer/inter-az",
    "aws/transfer/inter-region",
    "onprem/electricity/kw-month",
    "runpod/network-volume/storage",
)
"""Skus no option needs by itself and a document may list (``items:``); the audit knows the classic load balancer."""

API_FAMILIES: Final = (
    "aws/textract/",
    "azure/",
    "google/",
    "mistral/",
    "naver/",
    f"{external_api.TOKENS}/",
)
"""External APIs: `external-api` takes any sku the spec names."""


def used_skus() -> frozenset[str]:
    """Skus, families and machine patterns that some option can bill."""
    return frozenset((*BY_MACHINE, *PARTS, *LISTED, *API_FAMILIES, f"aws/ec2/cpu-credits-{BURSTABLE}"))


def expand(used: Iterable[str], machines: Iterable[Machine]) -> frozenset[str]:
    """The same entries with a sku for each machine in place of the machine patterns."""
    known = tuple(machines)
    return frozenset(sku for entry in used for sku in _skus(entry, known))


def machine_skus(used: Iterable[str], machine: Machine) -> tuple[str, ...]:
    """The skus one machine can be billed under, sorted."""
    patterns = (entry for entry in used if f"{{{machine.family}}}" in entry)
    return tuple(sorted(sku for entry in patterns for sku in _skus(entry, (machine,))))


def is_used(sku: str, expanded: frozenset[str]) -> bool:
    """Is the sku among the expanded entries, or in one of their families?"""
    first, _, rest = sku.partition("/")
    second = rest.partition("/")[0]
    return not expanded.isdisjoint((sku, f"{first}/", f"{first}/{second}/"))


def _skus(entry: str, machines: tuple[Machine, ...]) -> list[str]:
    pattern = re.search(r"\{(.+)\}", entry)
    if pattern is None:
        return [entry]
    if pattern[0] == BURSTABLE:
        return [credit_sku(machine) for machine in machines if machine.family == "ec2" and machine.baseline_frac]
    return [entry.replace(pattern[0], machine.name) for machine in machines if machine.family == pattern[1]]
