"""Vercel Pro for web and API with a managed PostgreSQL (Supabase Pro, pgvector included).

Vercel's functions hold WebSockets (public beta since mid-2026) and run for 800 s at most on Pro, so nothing resident
can work through background jobs. Source: Vercel docs, "WebSockets" (2026-07-06) and "Functions limits" (2026-07-01).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from outgrow.catalog import parts
from outgrow.catalog.places import country
from outgrow.domain.bill import Basis, Group, UnpricedLine
from outgrow.domain.message import message
from outgrow.domain.option import Capability, Capacity, Place, Question, Reach, Rejection, Shape, Support, Variant
from outgrow.domain.pool import Law, OpenPool
from outgrow.domain.units import DAYS_PER_MONTH, quantity
from outgrow.domain.workload import Need, Pins, Trust

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outgrow.catalog.context import Context
    from outgrow.domain.bill import Usage
    from outgrow.domain.pool import Outcome

MAX_DURATION_S = 800
INCLUDED_USD = 20.0
"""Usage included in the Pro fee each month. Source: Vercel pricing, as noted with the fee in the price file."""

INCLUDED_GB = 1000.0
"""Transfer the fee is taken to cover; beyond it the bill has a hole that keeps the option out of the ranking.

Source: Vercel pricing, Pro, 1 TB of fast data transfer (general knowledge, not looked up)."""

INCLUDED_FILES_GB = 100.0
INCLUDED_DATABASE_GB = 8.0
"""File and database storage the Supabase Pro plan is taken to cover.

Source: Supabase pricing, Pro (general knowledge, not looked up)."""

INSTANCE_GIB = 2.0
"""Memory of a standard function instance. Source: Vercel docs, functions limits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paas:
    """A platform somebody else runs."""

    id: str = "paas"
    order: int = 20
    question: Question = Question.PLATFORM
    reference: Pins = field(default_factory=lambda: Pins(seats=1))

    def settings(self, ctx: Context) -> Sequence[Mapping[str, str | int | float]]:
        """Nothing to tune."""
        return ({},)

    def sized(self, ctx: Context, settings: Mapping[str, str | int | float]) -> Shape | Rejection:
        """Fee, one seat an engineer beyond the first, the usage of the web traffic, and the database plan."""
        usage = [*_fees(ctx, ctx.service.team.engineers), *_metered(ctx), *_database(ctx)]
        return _shape(self, ctx, Variant.SIZED, usage)

    def as_written(self, ctx: Context, pins: Pins) -> Shape | Rejection:
        """The fee and the seats a document lists, without the usage it calls overage."""
        items = [parts.per_month(item.name, item.sku, item.quantity, basis=Basis.PINNED) for item in pins.items]
        return _shape(self, ctx, Variant.AS_WRITTEN, [*_fees(ctx, pins.seats or 1), *items])


def _fees(ctx: Context, seats: int) -> list[Usage]:
    fees = [parts.per_month("platform fee", "vercel/pro/platform-fee", 1)]
    if seats > 1:
        fees.append(parts.per_month("extra seats", "vercel/pro/seat", seats - 1))
    return fees


def _metered(ctx: Context) -> list[Usage]:
    """CPU, memory and invocations of the web requests beyond what the fee includes."""
    requests = ctx.web_arrivals.per_day * DAYS_PER_MONTH
    cpu_h = requests * sum(part.cpu_ms_per_request for part in ctx.service.components) / 3.6e6
    amounts = (
        ("function CPU", "vercel/pro/active-cpu", cpu_h),
        ("function memory", "vercel/pro/memory", cpu_h * INSTANCE_GIB),
        ("function calls", "vercel/pro/invocations", requests / 1e6),
    )
    worth_usd = sum(amount * (ctx.rate_usd(sku) or 0.0) for _, sku, amount in amounts)
    beyond = max(0.0, 1 - INCLUDED_USD / worth_usd) if worth_usd else 0.0
    return [parts.per_month(name, sku, amount * beyond, Group.TRAFFIC) for name, sku, amount in amounts if amount]


def _database(ctx: Context) -> list[Usage]:
    return [parts.per_month("managed PostgreSQL", "supabase/pro/plan", 1)] if ctx.service.database else []


def _shape(recipe: Paas, ctx: Context, variant: Variant, usage: list[Usage]) -> Shape:
    limit = message("limit.paas-websocket", seconds=MAX_DURATION_S)
    return Shape(
        option=recipe.id,
        question=recipe.question,
        variant=variant,
        usage=tuple(usage),
        managed=("Vercel project", *(("managed PostgreSQL",) if ctx.service.database else ())),
        capabilities={
            Need.WEBSOCKET: Capability(support=Support.LIMITED, limit=limit),
            Need.BACKGROUND_JOBS: Capability(
                support=Support.NO, limit=message("limit.paas-jobs", seconds=MAX_DURATION_S)
            ),
        },
        place=Place(operator="Vercel, Supabase", country=None, trust=Trust.EXTERNAL_SERVICE),
        capacity=Capacity(vcpu=0, memory_gib=0, storage_gb=0),
        outcome=_outcome(ctx),
        database_reach=Reach.INTERNET if ctx.service.database else None,
        unpriced=_unpriced(ctx, variant),
        notes=() if country(ctx.region) == "US" else (message("note.paas-region"),),
    )


def _outcome(ctx: Context) -> Outcome | None:
    seconds = sum(part.cpu_ms_per_request for part in ctx.service.components) / 1000
    if not seconds or not ctx.web_arrivals.per_day:
        return None
    return ctx.observe(OpenPool(service=Law(mean_s=seconds, cv=1.0)), ctx.web_arrivals)


def _unpriced(ctx: Context, variant: Variant) -> tuple[UnpricedLine, ...]:
    """What the fees cover as far as we know, and beyond that a hole in the bill."""
    if variant is Variant.AS_WRITTEN:
        return ()
    kept_gb = sum(part.storage_gb for part in ctx.service.components)
    database_gb = ctx.service.database.storage_gb if ctx.service.database else 0.0
    amounts = (
        ("data transfer out", "unpriced.paas-transfer", ctx.web_gb_per_month(), INCLUDED_GB),
        ("files kept", "unpriced.paas-storage", kept_gb, INCLUDED_FILES_GB),
        ("database storage", "unpriced.paas-database", database_gb, INCLUDED_DATABASE_GB),
    )
    return tuple(
        UnpricedLine(
            component=name,
            sku=None,
            reason=message(code, gb=round(amount, 1), included_gb=included),
            material=amount > included,
        )
        for name, code, amount, included in amounts
        if quantity(amount) > 0
    )


OPTION = Paas()
