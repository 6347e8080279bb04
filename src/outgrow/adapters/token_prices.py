"""Token prices from the ``genai-prices`` package, as rows of the price book. Imported only by specs that need them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from outgrow.catalog.options.external_api import token_sku
from outgrow.domain.errors import SpecError
from outgrow.domain.price import ANY_REGION, Rate
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from outgrow.domain.task import ExternalApi, InferenceTask

UNDATED = date(2026, 1, 1)
"""The year of the package, for a provider whose data names no day; such a rate has low confidence."""

DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def token_rates(tasks: Iterable[InferenceTask], on: date) -> tuple[Rate, ...]:
    """Rates a million tokens for the models these tasks name, at the tokens each request has (context tiers count).

    Raises `SpecError` for a provider or model the package does not know.
    """
    wanted = [task for task in tasks if task.external is not None and task.external.sku is None]
    return tuple(rate for task in wanted for rate in _rates(task, on))


def _rates(task: InferenceTask, on: date) -> Iterator[Rate]:
    from genai_prices import Usage, calc_price

    api = task.external
    assert api is not None
    place = f"inference.{task.name}.external"
    _refuse_unknown(api, place)
    usage = Usage(input_tokens=round(api.input_tokens), output_tokens=round(api.output_tokens))
    moment = datetime(on.year, on.month, on.day, tzinfo=UTC)
    found = calc_price(usage, api.model or "", provider_id=api.provider, genai_request_timestamp=moment)
    sides = (("input", found.input_price, usage.input_tokens), ("output", found.output_price, usage.output_tokens))
    for direction, amount, tokens in sides:
        if tokens and amount:
            yield _rate(api, direction, amount / Decimal(tokens) * 1_000_000, on)


def _rate(api: ExternalApi, direction: str, per_million: Decimal, on: date) -> Rate:
    from importlib.metadata import version

    confirmed = _newest_date(api.provider or "")
    as_of = min(confirmed or UNDATED, on)
    return Rate(
        sku=token_sku(api.provider or "", api.model or "", direction),
        region=ANY_REGION,
        meter=f"{direction}-tokens",
        unit="1m-tokens",
        currency="USD",
        amount=per_million.normalize() + 0,
        tier_from=Decimal(0),
        allowance=Decimal(0),
        increment=None,
        valid_from=as_of,
        valid_until=None,
        withdrawn_on=None,
        as_of=as_of,
        confidence="high" if confirmed else "low",
        source=f"genai-prices {version('genai-prices')}",
    )


def _refuse_unknown(api: ExternalApi, place: str) -> None:
    from genai_prices.data_snapshot import get_snapshot

    providers = {provider.id: provider for provider in get_snapshot().providers}
    if api.provider not in providers:
        near = did_you_mean(api.provider or "", providers)
        raise SpecError(
            f"{place}.provider: unknown provider {api.provider!r}{near}", hint="providers: genai-prices' list"
        )
    try:
        get_snapshot().find_provider_model(api.model or "", None, api.provider, None)
    except LookupError:
        models = [model.id for model in providers[api.provider].models]
        near = did_you_mean(api.model or "", models)
        raise SpecError(f"{place}.model: {api.provider} sells no model {api.model!r}{near}") from None


def _newest_date(provider_id: str) -> date | None:
    """The newest day the package's data of this provider speaks of: it was looked at no earlier than that."""
    from genai_prices.data_snapshot import get_snapshot

    provider: Any = next(provider for provider in get_snapshot().providers if provider.id == provider_id)
    found = {day for text in _comments(provider) for day in DATE.findall(text)}
    return max((date.fromisoformat(day) for day in found), default=None)


def _comments(provider: Any) -> Iterator[str]:
    yield provider.price_comments or ""
    for model in provider.models:
        yield model.price_comments or ""
        yield repr(model.prices) if isinstance(model.prices, list) else ""
