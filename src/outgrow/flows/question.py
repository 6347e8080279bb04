"""Opens a spec with its prices: what every other use-case starts from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.adapters.clock import today
from outgrow.adapters.cores import each_on_threads
from outgrow.adapters.price_files import book_with, read_prices, shipped_machines
from outgrow.adapters.spec_file import load_spec
from outgrow.catalog.context import Market, one_by_one
from outgrow.domain.drivers import with_values
from outgrow.domain.errors import PriceError, SpecError
from outgrow.domain.units import SEED
from outgrow.flows.references import refuse_unknown
from outgrow.sim import closed_form
from outgrow.sim.compiled import engine
from outgrow.sim.predict import Simulated

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from outgrow.adapters.spec_file import LoadedSpec
    from outgrow.catalog.pricebook import PriceBook
    from outgrow.domain.workload import Service
    from outgrow.flows.measured import Given, Measured

MAX_PRICE_AGE_DAYS = 365
"""Ranking on prices that nobody confirmed for longer than this needs ``--allow-stale``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How a spec is looked at: extra price files, another region or day, moved numbers, old prices allowed.

    ``seed`` is that of whatever is drawn: requests, months, inputs, weights.
    """

    overlays: Sequence[Path] = ()
    region: str | None = None
    on: date | None = None
    moved: Mapping[str, float] = dataclasses.field(default_factory=dict)
    allow_stale: bool = False
    files: Given | None = None
    seed: int = SEED


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A spec ready to be priced and decided."""

    service: Service
    market: Market
    name: str
    text: str
    asked: dict[str, Any]
    price_texts: tuple[tuple[str, str], ...] = ()
    measured: tuple[Measured, ...] = ()


def open_spec(path: Path, asked: Asked) -> Opened:
    """Reads the spec and the prices, applies what was asked, and refuses names nobody knows."""
    loaded = load_spec(path)
    return open_loaded(loaded, asked, measured=measured_of(loaded, asked, Path(loaded.path).parent))


def measured_of(loaded: LoadedSpec, asked: Asked, folder: Path | None) -> tuple[Measured, ...]:
    """What the files say that the spec names, from its ``folder``, and those that were asked for beside them."""
    named = any_named(loaded.service)
    if not named and asked.files is None:
        return ()
    from outgrow.flows.measured import given_with, named_by

    own = named_by(loaded.service, folder, loaded.path.name) if named else ()
    return own if asked.files is None else (*own, given_with(asked.files, loaded.service))


def any_named(service: Service) -> bool:
    """Does the spec name a file of measured things?"""
    tasks = service.inference
    return bool(service.web.arrivals.file) or any(t.arrivals.file or t.service_times or t.cold_starts for t in tasks)


def open_loaded(
    loaded: LoadedSpec,
    asked: Asked,
    price_texts: Sequence[tuple[str, str]] | None = None,
    measured: tuple[Measured, ...] = (),
) -> Opened:
    """The same for a spec that was read already, with its measured files.

    ``price_texts`` are price files that were read already, too.
    """
    service = loaded.service
    if asked.region is not None:
        service = dataclasses.replace(service, region=asked.region)
    texts = [read_prices(path) for path in asked.overlays] if price_texts is None else list(price_texts)
    book = book_with(texts)
    _refuse_future(book, max(today(), asked.on or today()))
    machines = shipped_machines()
    on = asked.on or service.on or today()
    flags = {(key,) for key, given in (("region", asked.region), ("date", asked.on)) if given is not None}
    positions = {path: line for path, line in loaded.positions.items() if path[:1] not in flags}
    refuse_unknown(service, book, machines, on, name=loaded.path.name, positions=positions)
    if measured:
        from outgrow.flows.measured import with_measured

        service = with_measured(service, measured)
    service = _moved(service, asked.moved)
    market = Market(
        book=_with_token_rates(book, service, on),
        machines=machines,
        **_foresight(asked.seed),
        on=on,
        max_age_days=None if asked.allow_stale else MAX_PRICE_AGE_DAYS,
    )
    return Opened(
        service=service,
        market=market,
        name=loaded.path.name,
        text=loaded.text,
        asked=_kept(asked, texts, measured),
        price_texts=tuple(texts),
        measured=measured,
    )


def _with_token_rates(book: PriceBook, service: Service, on: date) -> PriceBook:
    """The book with the token prices of the models that the spec names; they are only read where it names one."""
    if not any(task.external and task.external.sku is None for task in service.inference):
        return book
    from outgrow.adapters.token_prices import token_rates

    return book.with_rates(token_rates(service.inference, on))


def _kept(asked: Asked, texts: Sequence[tuple[str, str]], measured: tuple[Measured, ...]) -> dict[str, Any]:
    """What a record keeps of the question, so that it can be asked again."""
    kept = {
        "region": asked.region,
        "moved": dict(asked.moved),
        "allow_stale": asked.allow_stale,
        "prices": [name for name, _ in texts],
    }
    if not measured:
        return kept
    from outgrow.flows.measured import described

    return kept | {"files": described(measured)}


EXPECTED_REQUESTS = 20_000.0
"""Requests played for what is to be expected of a setting: the bill of the receipts example is good to 0.3 per cent."""


ROUGH_PER_DAY = 400_000.0
"""Demands above this are only looked at by formula: curves ask for dozens of settings at each."""

MONTH_REQUESTS = 10_000.0
"""Requests played of each month that options are ranked by; of a busier one, days that stand for all of its days."""


def _foresight(seed: int) -> dict[str, Any]:
    """How behaviour is predicted: by simulation, on all cores where the compiled kernel is there."""
    simulated = Simulated(seed=seed, month_requests=MONTH_REQUESTS)
    return {
        "method": "simulation",
        "predict": dataclasses.replace(simulated, requests=EXPECTED_REQUESTS),
        "rough": dataclasses.replace(simulated, most_per_day=ROUGH_PER_DAY),
        "estimate": closed_form.on_a_busy_day,
        "month": dataclasses.replace(simulated, requests=EXPECTED_REQUESTS).month,
        "each": each_on_threads if engine() == "compiled" else one_by_one,
    }


def _refuse_future(book: PriceBook, latest: date) -> None:
    """A price cannot have been confirmed on a day that has not come."""
    for rate in book:
        if rate.as_of > latest:
            raise PriceError(f"{rate.sku} in {rate.region}: as_of {rate.as_of} has not come yet; today is {today()}")


def _moved(service: Service, moved: Mapping[str, float]) -> Service:
    """The service with numbers set from outside; a moved number is certain, so its range goes."""
    if not moved:
        return service
    if moved.get("users.daily_active") == 0 and service.inference:
        raise SpecError("--set: users.daily_active=0 leaves nobody to ask; found 0, allowed is a number above 0")
    try:
        changed = with_values(service, moved)
    except KeyError as problem:
        raise SpecError(
            f"--set: no number at {', '.join(moved)} ({problem})", hint="for example --set users.daily_active=500"
        ) from None
    except ValueError as problem:
        raise SpecError(f"--set: {problem}") from None
    drivers = tuple(driver for driver in changed.drivers if driver.path not in moved)
    inputs = tuple(
        dataclasses.replace(given, value=moved[given.path]) if given.path in moved else given
        for given in changed.inputs
    )
    return dataclasses.replace(changed, drivers=drivers, inputs=inputs)
