"""Hardware that is bought: its price spread over its life, the power it draws, the room it stands in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from outgrow.catalog import parts
from outgrow.catalog.places import country
from outgrow.domain.bill import UnpricedLine
from outgrow.domain.message import message
from outgrow.domain.option import Place
from outgrow.domain.price import ANY_REGION, Rate
from outgrow.domain.units import HOURS_PER_MONTH, quantity
from outgrow.domain.workload import Trust

if TYPE_CHECKING:
    from outgrow.catalog.context import Context
    from outgrow.domain.bill import Usage

SERVER_SKU = "onprem/server/from-spec"
"""Sku of the server the spec prices itself (``onprem.server_usd``)."""

POWER_SKU = "onprem/electricity/kwh"


def place(ctx: Context) -> Place:
    """Hardware the team owns, in its own country."""
    return Place(operator="the team", country=country(ctx.region), trust=Trust.OWN_HARDWARE)


def server(ctx: Context) -> tuple[tuple[Usage, ...], tuple[UnpricedLine, ...], float | None]:
    """Usage, what has no price, and the money paid up front (``None`` when unknown) of the bought server."""
    wanted = ctx.service.onprem
    power = electricity(ctx, "server", wanted.server_watts)
    rack = (_local(ctx, parts.per_month("colocation rack", "onprem/colocation/rack", 1)),) if wanted.colocation else ()
    if wanted.server_usd is None:
        reason = message("unpriced.server")
        return (*power, *rack), (UnpricedLine(component="server", sku=None, reason=reason, material=True),), None
    bought = written_off("server", SERVER_SKU, wanted.lifetime_months)
    return (dataclasses.replace(bought, quoted=_offer(ctx, wanted.server_usd)), *power, *rack), (), wanted.server_usd


def _offer(ctx: Context, server_usd: float) -> Rate:
    """The spec's own price of a server as a rate, with the spec as its source."""
    given = next((given.source.value for given in ctx.service.inputs if given.path == "onprem.server_usd"), "stated")
    return Rate(
        sku=SERVER_SKU,
        region=ANY_REGION,
        meter="purchase",
        unit="unit",
        currency="USD",
        amount=quantity(server_usd),
        tier_from=quantity(0),
        allowance=quantity(0),
        increment=None,
        valid_from=ctx.on,
        valid_until=None,
        withdrawn_on=None,
        as_of=ctx.on,
        confidence="low",
        source=f"the spec, onprem.server_usd ({given})",
    )


def written_off(component: str, sku: str, lifetime_months: float) -> Usage:
    """One month's share of a purchase, straight line over its life, no residual value."""
    return parts.per_month(component, sku, 1 / lifetime_months)


def electricity(ctx: Context, component: str, watts: float) -> tuple[Usage, ...]:
    """Energy of something that draws ``watts`` all month."""
    if not watts:
        return ()
    return (_local(ctx, parts.per_month(f"{component} electricity", POWER_SKU, watts / 1000 * HOURS_PER_MONTH)),)


def _local(ctx: Context, use: Usage) -> Usage:
    """Power and racks are priced by country, not by cloud region."""
    home = country(ctx.region)
    return dataclasses.replace(use, region=home.lower() if home else None)
