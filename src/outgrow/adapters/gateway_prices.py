"""What a backend is paid for, from the price book, from ``genai-prices`` or as stated."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from outgrow.domain.backend import Rates
from outgrow.domain.errors import PriceError, SpecError
from outgrow.domain.price import ANY_REGION
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.price import Rate

MICRO: Final = 1_000_000

_PER: Final = {
    "second": ("per_second", Decimal(1)),
    "hour": ("per_second", Decimal(3600)),
    "page": ("per_call", Decimal(1)),
    "document": ("per_call", Decimal(1)),
    "1k-requests": ("per_call", Decimal(1000)),
    "1m-requests": ("per_call", Decimal(1_000_000)),
}
"""Which rate a unit of the price book is, and how many of its units one is."""


def rates_of(book: PriceBook, sku: str, region: str | None, on: date) -> Rates:
    """The rates of a ``sku``; where a price has tiers, the dearest, so that a hold is never too small.

    A price an hour counts by the second of an attempt: the hours a machine idles are in no attempt. Raises `PriceError`
    that says what is sold instead.
    """
    card = book.card(sku, region or ANY_REGION, on)
    if card is None:
        raise PriceError(_not_sold(book, sku, region, on))
    dearest = max(card.tiers, key=lambda tier: tier.amount)
    return Rates(**{_name(dearest): _micro(dearest)})


def _name(rate: Rate) -> str:
    if rate.currency != "USD":
        raise PriceError(f"{rate.sku} is sold in {rate.currency}, budgets are in USD; state the price as per_..._usd")
    if rate.unit == "1m-tokens":
        return "per_input_token" if rate.meter.startswith("input") else "per_output_token"
    if rate.unit not in _PER:
        sold = ", ".join(_PER)
        raise PriceError(f"{rate.sku} is sold by {rate.unit}; attempts are paid by {sold}; state per_..._usd")
    return _PER[rate.unit][0]


def _micro(rate: Rate) -> float:
    """Micro-dollars a unit. A price a million tokens is as many micro-dollars a token."""
    return float(rate.amount if rate.unit == "1m-tokens" else rate.amount * MICRO / _PER[rate.unit][1])


def _not_sold(book: PriceBook, sku: str, region: str | None, on: date) -> str:
    if sku not in book.skus():
        return f"unknown sku {sku[:60]!r}{did_you_mean(sku, book.skus())}"
    regions = book.regions_of(sku, on)
    sold = f"it is sold in {', '.join(regions)}" if regions else "it is not sold then"
    return f"no price of {sku} in {region or 'any region'} on {on}; {sold}"


def rates_stated(price: dict[str, Any]) -> Rates:
    """The rates a file gives itself."""
    return Rates(
        per_second=float(price.get("per_second_usd", 0) * MICRO),
        per_call=float(price.get("per_call_usd", 0) * MICRO),
        per_input_token=float(price.get("per_million_input_tokens_usd", 0)),
        per_output_token=float(price.get("per_million_output_tokens_usd", 0)),
    )


def rates_of_model(provider: str, model: str, tokens: Sequence[tuple[int, int]], on: date) -> Rates:
    """The rates of a model by the token, the dearest over calls of so many (input, output) ``tokens``.

    Raises `PriceError` for one that ``genai-prices`` does not know.
    """
    from outgrow.adapters.token_prices import token_rates
    from outgrow.domain.task import ExternalApi, InferenceTask

    asked = [
        InferenceTask(
            name="model",
            requests_per_day=0,
            base_daily_active=1,
            external=ExternalApi(
                provider=provider, model=model, input_tokens=read or 1000, output_tokens=written or 1000
            ),
        )
        for read, written in tokens or [(1000, 1000)]
    ]
    try:
        found = token_rates(asked, on)
    except SpecError as problem:
        raise PriceError(problem.message.partition(": ")[2]) from None
    sides = {side: [rate.amount for rate in found if rate.meter == f"{side}-tokens"] for side in ("input", "output")}
    return Rates(
        per_input_token=float(max(sides["input"], default=Decimal(0))),
        per_output_token=float(max(sides["output"], default=Decimal(0))),
    )
