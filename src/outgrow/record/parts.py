"""What a bill is made of, coarse enough to see: every line belongs to one part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PARTS = {
    "execution": 4,
    "cold-start": 5,
    "idle-tail": 1,
    "machines": 0,
    "database": 1,
    "disks": 2,
    "addresses": 3,
    "network": 4,
    "calls": 6,
    "traffic": 8,
    "operations": 5,
    "other": 7,
}
"""In the order bars are stacked, with their colours: the same part has the same one everywhere, and no two parts that
one question can have share one."""

BY_COMPONENT = (("execution", "execution"), ("cold start", "cold-start"), ("idle tail", "idle-tail"))
BY_SKU = (
    ("aws/ec2/cpu-credits", "machines"),
    ("aws/ec2", "machines"),
    ("aws/sagemaker", "machines"),
    ("onprem/gpu", "machines"),
    ("onprem/server", "machines"),
    ("runpod/serverless-active", "machines"),
    ("aws/rds", "database"),
    ("supabase/", "database"),
    ("aws/ebs", "disks"),
    ("runpod/serverless/container-disk", "disks"),
    ("aws/vpc/public-ipv4", "addresses"),
    ("aws/vpc/nat", "network"),
    ("aws/elb", "network"),
    ("aws/transfer", "traffic"),
)


def part_of(line: Mapping[str, Any]) -> str:
    """The part of one bill line: by what it was used for, else by what was sold."""
    if line["group"] == "operations":
        return "operations"
    for ending, part in BY_COMPONENT:
        if line["component"].endswith(ending):
            return part
    for start, part in BY_SKU:
        if line["sku"].startswith(start):
            return part
    if line["group"] == "inference":
        return "calls"
    return "traffic" if line["group"] == "traffic" else "other"


def part_sums(lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Dollars a month of each part that costs something."""
    sums: dict[str, float] = {}
    for line in lines:
        if line["amount_usd"]:
            part = part_of(line)
            sums[part] = sums.get(part, 0.0) + line["amount_usd"]
    return sums
