"""A server bought and run by the team; its price comes from the spec, because no price file can know it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.catalog import bought, parts
from outgrow.catalog.aws_platform import DATABASE, EVERYTHING
from outgrow.domain.bill import Basis
from outgrow.domain.option import Capacity, Host, Question, Reach, Rejection, Shape, Variant
from outgrow.domain.workload import Pins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context


@dataclass(frozen=True, slots=True, kw_only=True)
class OnPremServer:
    """One server carries everything."""

    id: str = "onprem"
    order: int = 10
    question: Question = Question.PLATFORM
    reference: Pins = field(default_factory=Pins)

    def settings(self, ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
        """Nothing to tune."""
        return ({},)

    def sized(self, ctx: Context, settings: Mapping[str, str | int | float]) -> Shape | Rejection:
        """The server the spec prices; it is taken to be large enough, which the record says."""
        return _shape(self, ctx, Variant.SIZED)

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        """The same: a document that buys a server names its price, not its size."""
        shape = _shape(self, ctx, Variant.AS_WRITTEN)
        items = tuple(parts.per_month(item.name, item.sku, item.quantity, basis=Basis.PINNED) for item in pins.items)
        return dataclasses.replace(shape, usage=shape.usage + items)


def _shape(recipe: OnPremServer, ctx: Context, variant: Variant) -> Shape:
    service = ctx.service
    usage, unpriced, upfront = bought.server(ctx)
    runs = tuple(part.name for part in service.components) + ((DATABASE,) if service.database else ())
    stored = sum(part.storage_gb for part in service.components)
    return Shape(
        option=recipe.id,
        question=recipe.question,
        variant=variant,
        usage=usage,
        hosts=(Host(name="server", machine="bought server", runs=runs),),
        managed=("power and network",),
        capabilities=EVERYTHING,
        place=bought.place(ctx),
        capacity=Capacity(vcpu=0, memory_gib=0, storage_gb=stored),
        upfront_usd=upfront,
        procurement_days=service.onprem.procurement_days,
        database_reach=Reach.INTERNET if service.database else None,
        unpriced=unpriced,
    )


OPTION = OnPremServer()
