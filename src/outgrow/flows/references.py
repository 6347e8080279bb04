"""Checks what a spec names against what is sold and built: regions, options, machines, skus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.catalog.options import all_options
from outgrow.catalog.places import COUNTRY_OF_REGION
from outgrow.domain.errors import SpecError
from outgrow.domain.suggest import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.price import Machine
    from outgrow.domain.workload import Pins, Service


def refuse_unknown(
    service: Service,
    book: PriceBook,
    machines: Mapping[str, Machine],
    on: date,
    *,
    name: str,
    positions: Mapping[tuple[str | int, ...], int],
) -> None:
    """Raises one `SpecError` that lists every region, option, machine or sku nobody knows, with a suggestion each."""
    problems = [
        *_region(service, book, on),
        *_options(service),
        *_pins(service, book, machines),
        *_skus(service, book),
        *_credits(service, book),
    ]
    if problems:
        lines = [f"{_place(name, path, positions)}: {text}" for path, text in problems]
        raise SpecError("\n".join(lines), hint="outgrow prices list shows what is sold where")


FLAGS: dict[tuple[str | int, ...], str] = {("date",): "--on"}
"""Flags of the command line that go by another name than the key of the spec they stand in for."""


def _place(name: str, path: tuple[str | int, ...], positions: Mapping[tuple[str | int, ...], int]) -> str:
    """``service.yaml:9 region``; a value that came from the command line is called by its flag."""
    at = path
    while at and at not in positions:
        at = at[:-1]
    return f"{name}:{positions[at]} {_dotted(path)}" if at else FLAGS.get(path, f"--{_dotted(path)}")


def _dotted(path: tuple[str | int, ...]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


Problem = tuple[tuple[str | int, ...], str]


def _region(service: Service, book: PriceBook, on: date) -> Iterator[Problem]:
    hosts = [rate for rate in book if rate.sku.startswith("aws/ec2/") and rate.region in COUNTRY_OF_REGION]
    priced = sorted({rate.region for rate in hosts})
    if service.region in priced:
        first = min(rate.valid_from for rate in hosts if rate.region == service.region)
        if on < first:
            yield ("date",), f"{on} is before the first price known for {service.region}, {first}"
        return
    if service.region in COUNTRY_OF_REGION:
        text = f"no prices for region {service.region!r}; priced: {', '.join(priced)}; add a price file with --prices"
    else:
        near = did_you_mean(service.region, priced) or did_you_mean(service.region, COUNTRY_OF_REGION)
        text = f"unknown region {service.region!r}{near}; priced: {', '.join(priced)}"
    yield ("region",), text


def _credits(service: Service, book: PriceBook) -> Iterator[Problem]:
    """A credit of a provider nothing is bought from pays for nothing."""
    providers = sorted({rate.provider for rate in book})
    for index, credit in enumerate(service.credits):
        if credit.provider not in providers:
            near = did_you_mean(credit.provider, providers)
            yield ("credits", index, "provider"), f"unknown provider {credit.provider!r}{near}"


def _options(service: Service) -> Iterator[Problem]:
    ids = [option.id for option in all_options()]
    named: list[tuple[tuple[str | int, ...], str]] = [(("as_written", name), name) for name in service.pins]
    named += [(("without",), name) for name in sorted(service.without)]
    for index, claim in enumerate(service.claims):
        for key in ("chosen", "rejected", "option"):
            value = getattr(claim, key)
            if value is not None:
                named.append((("claims", index, key), value))
        named += [(("claims", index, "cheaper"), value) for value in claim.cheaper or ()]
    for path, value in named:
        if value not in ids:
            yield path, f"unknown option {value!r}{did_you_mean(value, ids)}"


def _pins(service: Service, book: PriceBook, machines: Mapping[str, Machine]) -> Iterator[Problem]:
    for option, pins in service.pins.items():
        yield from _pinned_machines(("as_written", option), pins, machines)
        for index, item in enumerate(pins.items):
            if item.sku not in book.skus():
                yield ("as_written", option, "items", index, "sku"), _unknown_sku(item.sku, book)


def _pinned_machines(at: tuple[str | int, ...], pins: Pins, machines: Mapping[str, Machine]) -> Iterator[Problem]:
    named = [((*at, "hosts", i, "machine"), host.machine) for i, host in enumerate(pins.hosts or ())]
    if pins.database is not None:
        named.append(((*at, "database", "machine"), pins.database.machine))
    if pins.gpu is not None:
        named.append(((*at, "gpu"), pins.gpu))
    for path, value in named:
        if value not in machines:
            yield path, f"unknown machine {value!r}{did_you_mean(value, _alike(path, machines))}"


def _alike(path: tuple[str | int, ...], machines: Mapping[str, Machine]) -> Iterable[str]:
    """Machines of the families that can stand at this place."""
    families = {"database": {"rds"}, "gpu": {"runpod"}}.get(str(path[2]), {"ec2", "ec2-gpu", "sagemaker"})
    return [name for name, machine in machines.items() if machine.family in families]


def _skus(service: Service, book: PriceBook) -> Iterator[Problem]:
    for index, task in enumerate(service.inference):
        if task.external is not None and task.external.sku and task.external.sku not in book.skus():
            yield ("inference", index, "external", "sku"), _unknown_sku(task.external.sku, book)
    figures = service.document.figures if service.document else ()
    for index, figure in enumerate(figures):
        for key in ("sku", "than"):
            value = getattr(figure, key)
            if value and "/" in value and value not in book.skus():
                yield ("document", "figures", index, key), _unknown_sku(value, book)


def _unknown_sku(sku: str, book: PriceBook) -> str:
    return f"unknown sku {sku!r}{did_you_mean(sku, book.skus())}"
