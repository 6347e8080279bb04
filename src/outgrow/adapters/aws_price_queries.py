"""How each family of AWS skus is found in the AWS Price List API.

``filters`` are sent and must match exactly; ``usage`` and ``among`` are compared here. ``{name}`` is the part of the
sku that its pattern captures. Not asked for: spot prices (another API), ``transfer/inter-region`` (depends on both
ends), ``elb/classic``, ``textract``.

Sources: AWS Price List user guide; attribute names as in infracost/infracost@95ba4f49, ``internal/resources/aws``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Where a price is: service, attributes, and a pattern for the usage type without its region prefix."""

    service: str
    filters: Mapping[str, str]
    usage: str
    among: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    region_field: str = "regionCode"


FACTORS: Final[dict[tuple[str, str], Decimal]] = {
    ("hrs", "hour"): Decimal(1),
    ("hours", "hour"): Decimal(1),
    ("gb", "gb"): Decimal(1),
    ("gb-mo", "gb-month"): Decimal(1),
    ("vcpu-hours", "vcpu-hour"): Decimal(1),
    ("lcu-hrs", "lcu-hour"): Decimal(1),
    ("iops-mo", "iops-month"): Decimal(1),
    ("mibps-mo", "mbps-month"): Decimal(1),
    ("gibps-mo", "mbps-month"): Decimal(1) / 1024,
    ("requests", "1k-requests"): Decimal(1000),
    ("alarms", "month"): Decimal(1),
    ("secrets", "month"): Decimal(1),
    ("hostedzone", "month"): Decimal(1),
}
"""AWS units (in lower case) in one of ours: a rate is multiplied by it, a tier bound divided."""

RDS_ENGINES: Final = {"databaseEngine": ("Any", "PostgreSQL")}


def _ec2(family: str, usage: str, **filters: str) -> Query:
    return Query(service="AmazonEC2", filters={"productFamily": family, **filters}, usage=usage)


def _rds_instance(deployment: str, usage: str) -> Query:
    filters = {"instanceType": "{name}", "databaseEngine": "PostgreSQL", "deploymentOption": deployment}
    return Query(service="AmazonRDS", filters={"productFamily": "Database Instance", **filters}, usage=usage)


def _rds_storage(deployment: str, usage: str) -> Query:
    filters = {"productFamily": "Database Storage", "deploymentOption": deployment}
    return Query(service="AmazonRDS", filters=filters, usage=usage, among=RDS_ENGINES)


def _transfer(kind: str, usage: str) -> Query:
    return Query(service="AWSDataTransfer", filters={"transferType": kind}, usage=usage, region_field="fromRegionCode")


def _other(service: str, family: str, usage: str, **filters: str) -> Query:
    return Query(service=service, filters={"productFamily": family, **filters}, usage=usage)


LINUX: Final = {
    "instanceType": "{name}",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "licenseModel": "No License required",
}

QUERIES: Final[tuple[tuple[str, Query], ...]] = (
    (r"aws/ec2/cpu-credits-(?P<name>\w+)", _ec2("CPU Credits", "CPUCredits:{name}", operatingSystem="Linux")),
    (r"aws/ec2/(?P<name>[a-z0-9-]+\.[a-z0-9-]+)", _ec2("Compute Instance", "BoxUsage:{name}", **LINUX)),
    (r"aws/ebs/(?P<name>gp2|gp3)", _ec2("Storage", r"EBS:VolumeUsage\.{name}", volumeApiName="{name}")),
    (r"aws/ebs/gp3-iops", _ec2("System Operation", r"EBS:VolumeP-IOPS\.gp3", volumeApiName="gp3")),
    (r"aws/ebs/gp3-throughput", _ec2("Provisioned Throughput", r"EBS:VolumeP-Throughput\.gp3", volumeApiName="gp3")),
    (r"aws/ebs/snapshot", _ec2("Storage Snapshot", "EBS:SnapshotUsage")),
    (r"aws/rds-postgresql/(?P<name>db\.[a-z0-9.]+)", _rds_instance("Single-AZ", "InstanceUsage:{name}")),
    (r"aws/rds-postgresql/(?P<name>db\.[a-z0-9.]+)-multi-az", _rds_instance("Multi-AZ", "Multi-AZUsage:{name}")),
    (r"aws/rds/storage", _rds_storage("Single-AZ", "RDS:GP3-Storage")),
    (r"aws/rds/storage-multi-az", _rds_storage("Multi-AZ", "RDS:Multi-AZ-GP3-Storage")),
    (
        r"aws/rds/backup",
        Query(
            service="AmazonRDS",
            filters={"productFamily": "Storage Snapshot"},
            usage="RDS:ChargedBackupUsage",
            among=RDS_ENGINES,
        ),
    ),
    (r"aws/elb/alb", _other("AWSELB", "Load Balancer-Application", "LoadBalancerUsage")),
    (r"aws/elb/lcu", _other("AWSELB", "Load Balancer-Application", "LCUUsage")),
    (r"aws/vpc/nat-gateway", _ec2("NAT Gateway", "NatGateway-Hours")),
    (r"aws/vpc/nat-gateway-gb", _ec2("NAT Gateway", "NatGateway-Bytes")),
    (
        r"aws/vpc/public-ipv4",
        Query(service="AmazonVPC", filters={"group": "VPCPublicIPv4Address"}, usage="PublicIPv4:InUseAddress"),
    ),
    (r"aws/transfer/egress", _transfer("AWS Outbound", "DataTransfer-Out-Bytes")),
    (r"aws/transfer/inter-az", _transfer("IntraRegion", "DataTransfer-Regional-Bytes")),
    (r"aws/s3/storage", _other("AmazonS3", "Storage", "TimedStorage-ByteHrs", volumeType="Standard")),
    (r"aws/s3/put", _other("AmazonS3", "API Request", "Requests-Tier1", group="S3-API-Tier1")),
    (
        r"aws/sagemaker/(?P<name>ml\.[a-z0-9.]+)",
        Query(service="AmazonSageMaker", filters={"instanceName": "{name}"}, usage="(?:AsyncInf|Host):{name}"),
    ),
    (r"aws/ecr/storage", _other("AmazonECR", "EC2 Container Registry", "TimedStorage-ByteHrs")),
    (r"aws/cloudwatch/alarm", _other("AmazonCloudWatch", "Alarm", "CW:AlarmMonitorUsage", alarmType="Standard")),
    (r"aws/cloudwatch/logs-ingest", _other("AmazonCloudWatch", "Data Payload", "DataProcessing-Bytes")),
    (r"aws/secrets-manager/secret", _other("AWSSecretsManager", "Secret", ".*Secrets?")),
    (r"aws/route53/hosted-zone", _other("AmazonRoute53", "DNS Zone", "HostedZone")),
)
"""Pattern of the sku and its query; the first pattern that fits the whole sku counts."""


def query_for(sku: str) -> Query | None:
    """How to ask for a sku; ``None`` when the API is not asked for it."""
    for pattern, query in QUERIES:
        found = re.fullmatch(pattern, sku)
        if found is not None:
            return _named(query, found.groupdict().get("name", ""))
    return None


def _named(query: Query, name: str) -> Query:
    return Query(
        service=query.service,
        filters={key: value.replace("{name}", name) for key, value in query.filters.items()},
        usage=query.usage.replace("{name}", re.escape(name)),
        among=query.among,
        region_field=query.region_field,
    )
