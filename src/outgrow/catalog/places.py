"""Where regions are and where a provider would run our work for a service that lives there."""

from __future__ import annotations

from typing import Final

COUNTRY_OF_REGION: Final[dict[str, str]] = {
    "us-east-1": "US",
    "us-east-2": "US",
    "us-west-1": "US",
    "us-west-2": "US",
    "ca-central-1": "CA",
    "sa-east-1": "BR",
    "eu-west-1": "IE",
    "eu-west-2": "GB",
    "eu-west-3": "FR",
    "eu-central-1": "DE",
    "eu-north-1": "SE",
    "eu-south-1": "IT",
    "ap-northeast-1": "JP",
    "ap-northeast-2": "KR",
    "ap-northeast-3": "JP",
    "ap-southeast-1": "SG",
    "ap-southeast-2": "AU",
    "ap-south-1": "IN",
    "ap-east-1": "HK",
    "me-central-1": "AE",
    "af-south-1": "ZA",
    "kr": "KR",
}
"""AWS regions by country. Source: AWS, "Regions and Availability Zones"."""

RUNPOD_NEAREST: Final[dict[str, str]] = {
    "KR": "JP",
    "JP": "JP",
    "HK": "JP",
    "SG": "JP",
    "US": "US",
    "CA": "CA",
    "BR": "US",
    "IE": "NL",
    "GB": "NL",
    "FR": "FR",
    "DE": "NL",
    "SE": "SE",
    "IT": "FR",
    "IN": "IN",
    "AU": "AU",
}
"""The country of the RunPod data centre nearest to a service there; Korea's nearest is Japan (AP-JP-1).

Source: the data centre ids of RunPod's public API (AP-IN, AP-JP, CA-MTL, EU-CZ, EU-FR, EU-NL, EU-RO, EU-SE, EUR-IS,
EUR-NO, OC-AU, US-*); which one is nearest is our reading of a map."""


def country(region: str) -> str | None:
    """Country code of a region; ``None`` for one this table does not know."""
    return COUNTRY_OF_REGION.get(region)


def runpod_country(region: str) -> str | None:
    """Country RunPod would most likely run in, for a service in ``region``."""
    home = country(region)
    return RUNPOD_NEAREST.get(home) if home else None
