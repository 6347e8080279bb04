"""The door for ``gateway.yaml``: reads it, or says everything that is wrong with it at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import SchemaValidator, ValidationError, core_schema

from outgrow.adapters import gateway_rules as rules
from outgrow.adapters.gateway_prices import MICRO, rates_of, rates_of_model, rates_stated
from outgrow.adapters.gateway_schema import GATEWAY
from outgrow.adapters.gateway_secrets import pasted_secrets
from outgrow.adapters.interruption import after_this
from outgrow.adapters.spec_door import document_json, find_file, read_text
from outgrow.adapters.spec_fields import part
from outgrow.adapters.spec_problems import describe, describe_problems
from outgrow.adapters.spec_text import read_yaml
from outgrow.domain.backend import Backend, BackendKind, Budget, Gateway, Limits, RateLimit, Rates, Retries, Task
from outgrow.domain.errors import PriceError, SpecError
from outgrow.domain.workload import DEFAULT_DATA_RULES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import date
    from pathlib import Path, PurePath

    from outgrow.adapters.spec_fields import Problem
    from outgrow.catalog.pricebook import PriceBook

FILE_NAME: Final = "gateway.yaml"
RUNPOD_IDLE_S: Final = 5.0
"""RunPod's default idle timeout in the console. Source: RunPod docs, endpoint settings."""

Given = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedGateway:
    """A gateway, the text it came from, and the line of every value (by path of keys and list indexes)."""

    gateway: Gateway
    text: str
    path: PurePath
    positions: Mapping[tuple[str | int, ...], int]


def load_gateway(path: Path, *, on: date, book: PriceBook | None = None) -> LoadedGateway:
    """The gateway at ``path``: a file, or a folder with a ``gateway.yaml``, at the prices of the day ``on``.

    ``book`` is the shipped price book where none is given. Raises `SpecError` with every problem.
    """
    file = find_file(path, FILE_NAME)
    text = read_text(file, FILE_NAME)
    gateway, positions = _parse(text, file.name, on, book)
    return LoadedGateway(gateway=gateway, text=text, path=file, positions=positions)


def parse_gateway(text: str, *, on: date, name: str = FILE_NAME, book: PriceBook | None = None) -> Gateway:
    """The gateway in ``text``; ``name`` is what messages call it."""
    return _parse(text, name, on, book)[0]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file (draft 2020-12), for editors."""
    return document_json(GATEWAY, "outgrow gateway")


def unset_variables(gateway: Gateway, environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """(backend, variable) of every secret that ``environ`` does not hold."""
    return tuple((one.name, one.key) for one in gateway.backends if one.key and not environ.get(one.key))


def _parse(text: str, name: str, on: date, book: PriceBook | None) -> tuple[Gateway, Mapping[Any, int]]:
    if not text.strip():
        raise SpecError(f"{name}: the file is empty", hint="start from examples/receipts/gateway.yaml")
    data, positions = read_yaml(text, name)

    def refuse(problems: Iterable[Problem]) -> None:
        found = list(problems)
        if found:
            raise SpecError(describe_problems(found, name, positions))

    refuse(pasted_secrets(data))
    try:
        given = _check(data)
    except ValidationError as error:
        raise SpecError(describe(error.errors(include_url=False), GATEWAY, name, positions)) from None
    refuse(rules.problems_of_names(given))
    gateway = _gateway(given, _rates(given, on, book, refuse))
    refuse([*rules.problems_of_reach(gateway), *rules.problems_of_money(gateway)])
    return gateway, positions


def _check(data: Given) -> Given:
    with after_this():
        given: Given = _validator().validate_python(data, strict=True)
    return given


@cache
def _validator() -> SchemaValidator:
    return SchemaValidator(part(GATEWAY).core, core_schema.CoreConfig(strict=True, allow_inf_nan=False))


def _rates(
    given: Given, on: date, book: PriceBook | None, refuse: Callable[[Iterable[Problem]], None]
) -> dict[str, Rates]:
    """The rates of every backend that has a price, by name."""
    found: dict[str, Rates] = {}
    problems: list[Problem] = []
    for index, backend in enumerate(given["backends"]):
        price = backend.get("price")
        if price is None:
            continue
        key = "sku" if "sku" in price else "model" if "model" in price else ""
        try:
            found[backend["name"]] = _priced(price, given, backend["name"], on, book)
        except PriceError as problem:
            problems.append((("backends", index, "price", key), problem.message))
    refuse(problems)
    return found


def _priced(price: Given, given: Given, name: str, on: date, book: PriceBook | None) -> Rates:
    if "sku" in price:
        return rates_of(book or _shipped(), price["sku"], price.get("region"), on)
    if "model" in price:
        callers = [one for one in given["tasks"] if name in one["backends"]]
        tokens = [(one.get("input_tokens", 0), one.get("output_tokens", 0)) for one in callers]
        return rates_of_model(price["provider"], price["model"], tokens, on)
    return rates_stated(price)


def _shipped() -> PriceBook:
    from outgrow.adapters.price_files import load_book

    return load_book()


def _gateway(given: Given, rates: Mapping[str, Rates]) -> Gateway:
    limits = dict(given.get("limits", {}))
    reach = {data: rule.at_most for data, rule in DEFAULT_DATA_RULES.items()} | given.get("reach", {})
    return Gateway(
        tasks=tuple(_task(one) for one in given["tasks"]),
        backends=tuple(_backend(one, rates.get(one["name"], Rates())) for one in given["backends"]),
        reach=tuple(reach.items()),
        budgets=tuple(_budget(one) for one in given.get("budgets", ())),
        per_key=RateLimit(**limits.pop("per_key", {})),
        per_user=RateLimit(**limits.pop("per_user", {})),
        limits=Limits(**limits),
    )


def _task(given: Given) -> Task:
    return Task(**{**given, "backends": tuple(given["backends"]), "retries": Retries(**given.get("retries", {}))})


def _budget(given: Given) -> Budget:
    known = {key: value for key, value in given.items() if key != "usd"}
    return Budget(usd_micro=int(given["usd"] * MICRO), **known)


def _backend(given: Given, rates: Rates) -> Backend:
    price = given.get("price", {})
    kind: BackendKind = given["kind"]
    known = {key: value for key, value in given.items() if key != "price"}
    defaults: Given = {"operator": _operator(given), "trust": rules.TRUST_OF_KIND[kind]}
    if kind is BackendKind.RUNPOD:
        defaults["idle_timeout_s"] = RUNPOD_IDLE_S
    return Backend(**{**defaults, **known}, rates=rates, sku=price.get("sku"), region=price.get("region"))


def _operator(given: Given) -> str:
    match given["kind"]:
        case BackendKind.LOCAL:
            return "us"
        case BackendKind.RUNPOD:
            return "RunPod"
    host: str = given["url"].partition("://")[2].partition("/")[0]
    return host.rpartition(":")[0] or host if not host.endswith("]") else host
