"""Asks the AWS Price List API what the AWS skus we hold cost today. Needs boto3 (``pip install 'outgrow[aws]'``).

How a sku is found is data: `aws_price_queries.QUERIES`. An answer counts only when every product that matches has
one and the same price; anything else is said and left out.
"""

from __future__ import annotations

import json
import re
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NoReturn

from outgrow.adapters.aws_price_queries import FACTORS, Query, query_for
from outgrow.domain.errors import NetworkError
from outgrow.domain.price import ANY_REGION, Rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import date

NAME: Final = "AWS Price List API"
PRICING_REGION: Final = "us-east-1"
MAX_PRODUCTS: Final = 500
PROGRESS_EVERY: Final = 20
REGION_PREFIX: Final = r"(?:(?:[A-Z]{3}\d|EU)-)?"
"""Usage types start with the short name of their region, but not in the oldest one: ``APN2-NatGateway-Hours``."""

CREDENTIALS_HINT: Final = "any AWS identity with pricing:GetProducts will do; see `aws configure`"

Tiers = tuple[tuple[Decimal, Decimal], ...]
"""Pairs of tier bound and rate, in our unit, lowest bound first."""


class _UnusableError(Exception):
    """A whole answer that gives no single price; the sentence says why."""


@dataclass(frozen=True, kw_only=True)
class AwsPriceList:
    """On-demand prices of AWS."""

    timeout_s: float = 15.0
    attempts: int = 3
    progress: Callable[[str], None] = field(default=lambda _text: None, repr=False)
    name: str = NAME
    provider: str = "aws"

    def fetch(self, held: Sequence[Rate], today: date) -> tuple[Sequence[Rate], Sequence[str]]:
        """A rate for each tier of the skus we hold, and what could not be told.

        Raises `NetworkError` as soon as one question gets no answer: half a price list is not compared.
        """
        asked = [(rate, query) for rate in held if (query := query_for(rate.sku)) is not None]
        unasked = sorted({rate.sku for rate in held} - {rate.sku for rate, _ in asked})
        notes = [f"{sku}: {NAME} is not asked for it; confirm it by hand" for sku in unasked]
        rates: list[Rate] = []
        with closing(_client(self.timeout_s, self.attempts)) as client:
            for index, (rate, query) in enumerate(asked):
                if index and index % PROGRESS_EVERY == 0:
                    self.progress(f"{NAME}: {index} of {len(asked)} asked")
                try:
                    rates += _rates(rate, query, _products(client, query, rate.region), today)
                except _UnusableError as reason:
                    notes.append(f"{rate.sku} in {rate.region}: {reason}; left out")
        return rates, notes


def _fail(what: str, hint: str | None = None) -> NoReturn:
    raise NetworkError(f"{NAME}: {what}", hint=hint) from None


def _client(timeout_s: float, attempts: int) -> Any:
    try:
        boto3 = import_module("boto3")
        config, exceptions = import_module("botocore.config"), import_module("botocore.exceptions")
    except ImportError:
        _fail("boto3 is not installed", "pip install 'outgrow[aws]'")
    settings = config.Config(
        connect_timeout=timeout_s,
        read_timeout=timeout_s,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
    try:
        return boto3.Session().client("pricing", region_name=PRICING_REGION, config=settings)
    except (exceptions.BotoCoreError, ValueError) as problem:
        _fail(f"the AWS settings of this machine cannot be used ({type(problem).__name__})", CREDENTIALS_HINT)


def _products(client: Any, query: Query, region: str) -> list[dict[str, Any]]:
    """The products that match the filters of a query and, here, its usage type."""
    exceptions = import_module("botocore.exceptions")
    pages = client.get_paginator("get_products").paginate(
        ServiceCode=query.service,
        Filters=_filters(query, region),
        PaginationConfig={"PageSize": 100, "MaxItems": MAX_PRODUCTS},
    )
    try:
        texts = [text for page in pages for text in page["PriceList"]]
        products = [json.loads(text, parse_float=Decimal) for text in texts]
        return [product for product in products if _wanted(product["product"]["attributes"], query)]
    except exceptions.ClientError as problem:
        _refused(problem.response)
    except exceptions.BotoCoreError as problem:
        _unreachable(type(problem).__name__)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        _fail(f"the answer is not a price list ({type(problem).__name__})", "try again later")


def _filters(query: Query, region: str) -> list[dict[str, str]]:
    here = {} if region == ANY_REGION else {query.region_field: region}
    return [{"Type": "TERM_MATCH", "Field": key, "Value": value} for key, value in {**query.filters, **here}.items()]


def _wanted(attributes: Mapping[str, str], query: Query) -> bool:
    usage = re.fullmatch(f"{REGION_PREFIX}(?:{query.usage})", attributes["usagetype"])
    return usage is not None and all(attributes.get(key, "") in allowed for key, allowed in query.among.items())


def _refused(response: Mapping[str, Any]) -> NoReturn:
    code = str(response.get("Error", {}).get("Code", "an error"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    known = re.fullmatch(r"[A-Za-z0-9.]{1,60}", code)
    said = f"{code}, HTTP {status}" if known and code != str(status) else f"HTTP {status}"
    denied = status in (401, 403) or code in ("UnrecognizedClientException", "ExpiredTokenException")
    _fail(f"refused to answer ({said})", CREDENTIALS_HINT if denied else "try again later")


def _unreachable(kind: str) -> NoReturn:
    if "Credential" in kind or "Token" in kind or "Profile" in kind:
        _fail(f"no usable AWS credentials ({kind})", CREDENTIALS_HINT)
    if "Timeout" in kind:
        _fail("no answer in time", "try again later")
    if "Parser" in kind:
        _fail("the answer cannot be read", "try again later")
    _fail(f"cannot be reached ({kind})", "check the network")


def _rates(held: Rate, query: Query, products: list[dict[str, Any]], today: date) -> list[Rate]:
    """One rate for each tier of the one price that all products share."""
    prices = {_tiers(product, held.unit): product for product in products}
    if not prices:
        raise _UnusableError(f"no product matches {query.service} {query.usage!r}")
    if len(prices) > 1:
        firsts = ", ".join(sorted(f"{tiers[0][1]:f}" for tiers in prices))
        raise _UnusableError(f"{len(products)} products match, at different prices ({firsts})")
    (tiers, product) = next(iter(prices.items()))
    return [_rate(held, bound, amount, _source(product, today), today) for bound, amount in tiers]


def _rate(held: Rate, bound: Decimal, amount: Decimal, source: str, today: date) -> Rate:
    """What we hold at today's rate. The free allowance is not part of a product and stays as it is."""
    return replace(
        held,
        currency="USD",
        amount=amount,
        tier_from=bound,
        allowance=held.allowance if bound == 0 else Decimal(0),
        valid_from=today,
        valid_until=None,
        withdrawn_on=None,
        as_of=today,
        confidence="high",
        source=source,
    )


def _source(product: Mapping[str, Any], today: date) -> str:
    sku, usage = product["product"].get("sku", "no sku"), product["product"]["attributes"]["usagetype"]
    return " ".join(f"{NAME}, {today}; {sku}, {usage}".split())


def _tiers(product: Mapping[str, Any], unit: str) -> Tiers:
    """The on-demand price of a product by tier, in our unit."""
    try:
        offers = list(product["terms"]["OnDemand"].values())
        tiers = [_tier(part, unit) for offer in offers for part in offer["priceDimensions"].values()]
    except (KeyError, TypeError, AttributeError, InvalidOperation):
        raise _UnusableError("the product has no on-demand price in USD that can be read") from None
    bounds = {bound for bound, _ in tiers}
    if len(bounds) < len(tiers) or Decimal(0) not in bounds:
        raise _UnusableError("the tiers of the product do not start at zero, or not once each")
    if any(amount <= 0 for _, amount in tiers):
        raise _UnusableError("the product has a tier that costs nothing; enter its allowance by hand")
    return tuple(sorted(tiers))


def _tier(part: Mapping[str, Any], unit: str) -> tuple[Decimal, Decimal]:
    factor = FACTORS.get((part["unit"].lower(), unit))
    if factor is None:
        raise _UnusableError(f"it is priced by {part['unit']!r}, we count by {unit!r}")
    bound, amount = Decimal(part["beginRange"]) / factor, Decimal(part["pricePerUnit"]["USD"]) * factor
    if not (bound.is_finite() and amount.is_finite()):
        raise InvalidOperation
    return bound.normalize(), amount.normalize()
