"""Somebody else's model behind an API, paid by the page or by the token. The payload leaves for their servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog import gpu
from outgrow.catalog.gpu import asks_an_api
from outgrow.catalog.inference import InferenceOption, TaskPlan
from outgrow.catalog.places import country
from outgrow.domain.bill import Group, Usage
from outgrow.domain.message import message
from outgrow.domain.option import Place, Question, Rejection
from outgrow.domain.pool import Law, OpenPool
from outgrow.domain.price import ANY_REGION
from outgrow.domain.units import DAYS_PER_MONTH, quantity
from outgrow.domain.workload import Trust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.catalog.context import Context
    from outgrow.domain.message import Message
    from outgrow.domain.task import ExternalApi, InferenceTask
    from outgrow.domain.workload import Pins

ID = "external-api"
TOKENS = "llm-tokens"
"""First part of the skus that the token price adapter adds to the book: ``llm-tokens/<provider>/<model>:input``."""


def token_sku(provider: str, model: str, direction: str) -> str:
    """The sku of a model's input or output tokens."""
    return f"{TOKENS}/{provider}/{model}:{direction}"


def _plan(ctx: Context, task: InferenceTask, settings: Mapping[str, str | int | float]) -> TaskPlan | Rejection:
    return _served(ctx, task, None)


def _pinned(ctx: Context, task: InferenceTask, pins: Pins) -> TaskPlan | Rejection:
    return _served(ctx, task, pins.requests_per_month)


def _served(ctx: Context, task: InferenceTask, pinned: float | None) -> TaskPlan | Rejection:
    """What a month of calls costs; ``pinned`` is how many a document says, otherwise every call that got through."""
    api = task.external
    if api is None:
        return _no_api(task)
    law = Law(mean_s=task.service_s if api.service_s is None else api.service_s, cv=api.service_cv)
    pool = OpenPool(
        service=law,
        per_minute=api.requests_per_minute,
        at_a_time=api.requests_at_a_time,
        failure_frac=api.failure_frac,
        callers=asks_an_api(task),
    )
    outcome = ctx.observe(pool, ctx.arrivals(task))
    calls = outcome.requests if outcome.served is None else outcome.served
    usage = _usage(ctx, api, calls * DAYS_PER_MONTH if pinned is None else pinned)
    if isinstance(usage, Rejection):
        return usage
    return TaskPlan(
        usage=usage,
        outcome=outcome,
        managed=("API account",),
        settings={"api": api.sku or f"{api.provider}/{api.model}"},
        notes=_notes(ctx, api),
    )


def _usage(ctx: Context, api: ExternalApi, requests: float) -> tuple[Usage, ...] | Rejection:
    if api.sku is not None:
        region = _region(ctx, api.sku)
        if region is None:
            return gpu.not_sold(ID, api.sku, ctx.region)
        amount = quantity(requests * api.units_per_request)
        return (Usage(component="API calls", sku=api.sku, quantity=amount, group=Group.INFERENCE, region=region),)
    sides = (("input", api.input_tokens), ("output", api.output_tokens))
    return tuple(
        Usage(
            component=f"{direction} tokens",
            sku=token_sku(api.provider or "", api.model or "", direction),
            quantity=quantity(requests * tokens / 1e6),
            group=Group.INFERENCE,
        )
        for direction, tokens in sides
        if tokens
    )


def _region(ctx: Context, sku: str) -> str | None:
    """Where the API is sold: here, anywhere, or in the first region that has it."""
    sold = ctx.book.regions_of(sku, ctx.on)
    for wanted in (ctx.region, ANY_REGION, "us-east-1"):
        if wanted in sold:
            return wanted
    return sold[0] if sold else None


def _notes(ctx: Context, api: ExternalApi) -> tuple[Message, ...]:
    region = _region(ctx, api.sku) if api.sku else None
    if region is None or region in (ctx.region, ANY_REGION):
        return ()
    return (message("note.api-elsewhere", sku=api.sku or "", region=region, home=ctx.region),)


def _no_api(task: InferenceTask) -> Rejection:
    return Rejection(
        option=ID,
        question=Question.INFERENCE,
        constraint="api-unknown",
        found="no external API in the spec",
        allowed="inference[].external with a sku or a model",
        reason=message("reject.api-unknown", task=task.name),
    )


def _place(ctx: Context) -> Place:
    apis = [task.external for task in ctx.service.inference if task.external]
    countries = {_country(ctx, api) for api in apis}
    names = sorted({(api.sku or api.provider or "").split("/")[0] for api in apis})
    return Place(
        operator=", ".join(names) or "an API provider",
        country=countries.pop() if len(countries) == 1 else None,
        trust=Trust.EXTERNAL_SERVICE,
    )


def _country(ctx: Context, api: ExternalApi) -> str | None:
    if api.country is not None:
        return api.country
    region = _region(ctx, api.sku) if api.sku else None
    return country(region) if region else None


OPTION = InferenceOption(
    id=ID,
    order=190,
    plan=_plan,
    pinned=_pinned,
    place=_place,
    custom_model=False,
    scales_to_zero=True,
    leaves_network=True,
)
