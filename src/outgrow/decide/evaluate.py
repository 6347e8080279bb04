"""Builds and prices one option for one workload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.cost.bill import price
from outgrow.domain.option import Rejection
from outgrow.domain.verdict import Priced
from outgrow.domain.workload import Pins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from outgrow.catalog.context import Context, Market
    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.bill import Bill, UnpricedLine, Usage
    from outgrow.domain.option import Shape
    from outgrow.domain.workload import Service


def bill_for(usage: Iterable[Usage], ctx: Context, unpriced: Iterable[UnpricedLine] = ()) -> Bill:
    """The bill of this usage in the workload's region, on the market's day."""
    return price(usage, ctx.book, region=ctx.region, on=ctx.on, currency=ctx.service.currency, unpriced=unpriced)


def priced(shape: Shape, ctx: Context) -> Priced:
    """A shape with its bill."""
    return Priced(shape=shape, bill=bill_for(shape.usage, ctx, shape.unpriced))


def sized(
    recipe: Recipe, service: Service, market: Market, settings: Mapping[str, str | int | float]
) -> Priced | Rejection:
    """The option with these settings, at the smallest sizes that carry the workload."""
    ctx = market.context(service)
    shape = recipe.sized(ctx, settings)
    return shape if isinstance(shape, Rejection) else priced(shape, ctx)


def as_written(recipe: Recipe, service: Service, market: Market) -> Priced | Rejection:
    """The option as the spec's document writes it, or at the option's reference sizes."""
    ctx = market.context(service)
    shape = recipe.as_written(ctx, service.pins.get(recipe.id, recipe.reference or Pins()))
    return shape if isinstance(shape, Rejection) else priced(shape, ctx)
