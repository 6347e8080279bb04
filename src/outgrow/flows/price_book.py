"""What is in the price book, what is wrong with it, and what its providers say today."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, Protocol

from outgrow.catalog.pricebook import PriceBook
from outgrow.catalog.used import expand, is_used, machine_skus
from outgrow.domain.errors import NetworkError, PriceError
from outgrow.domain.suggest import did_you_mean
from outgrow.domain.units import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from outgrow.domain.price import Machine, Rate, RateCard


def list_rates(
    book: PriceBook,
    *,
    sku_pattern: str | None = None,
    region: str | None = None,
    provider: str | None = None,
    on: date,
) -> tuple[Rate, ...]:
    """Every tier in force on a day, by sku and region.

    ``sku_pattern`` is a part of the sku, or a shell pattern for the whole of it (``aws/ec2/t4g.*``). With a region,
    what is sold there or alike anywhere. Raises `PriceError` for a region or provider that no row has.
    """
    _known("region", region, {rate.region for rate in book})
    _known("provider", provider, {rate.provider for rate in book})
    found: list[Rate] = []
    for card in _cards(book, on, region):
        first = card.first
        if provider in (None, first.provider) and _matches(first.sku, sku_pattern):
            found += card.tiers
    return tuple(found)


def show_sku(book: PriceBook, sku: str) -> tuple[Rate, ...]:
    """Every row of one sku, by region, tier and the day it starts. Raises `PriceError` for an unknown sku."""
    rows = [rate for rate in book if rate.sku == sku]
    if not rows:
        raise PriceError(
            f"no price file has the sku {sku!r}{did_you_mean(sku, book.skus())}",
            hint="`outgrow prices list` names every sku",
        )
    return tuple(sorted(rows, key=lambda rate: (rate.region, rate.tier_from, rate.valid_from)))


def _known(what: str, asked: str | None, known: set[str]) -> None:
    if asked is not None and asked not in known:
        raise PriceError(
            f"no price file has the {what} {asked!r}{did_you_mean(asked, sorted(known))}",
            hint=f"{what}s: {', '.join(sorted(known))}",
        )


def _matches(sku: str, pattern: str | None) -> bool:
    if pattern is None:
        return True
    return fnmatchcase(sku, pattern) if any(mark in pattern for mark in "*?[") else pattern in sku


def _cards(book: PriceBook, on: date, region: str | None = None) -> Iterator[RateCard]:
    """What is in force on a day: each sku in each of its regions, or in one region."""
    for sku in book.skus():
        regions = book.regions_of(sku, on) if region is None else (region,)
        for place in regions:
            card = book.card(sku, place, on)
            if card is not None and (region is not None or card.first.region == place):
                yield card


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the price book. An error gives wrong bills; a warning makes them less certain."""

    level: Literal["error", "warning"]
    kind: str
    about: str
    says: str


def check_book(
    rates: Iterable[Rate],
    machines: Mapping[str, Machine],
    used_skus: frozenset[str],
    on: date,
    max_age_days: int,
) -> list[Problem]:
    """Everything wrong with the rows as a whole, errors first. Rows that were succeeded are not judged by age."""
    book = PriceBook(tuple(rates))
    cards = tuple(_cards(book, on))
    problems = [
        *_bad_rows(book),
        *_overlaps(book),
        *_orphans(book, machines, used_skus),
        *_unpriced_machines(cards, machines, used_skus, on),
        *(problem for card in cards for problem in _doubts(card, on, max_age_days)),
    ]
    return sorted(problems, key=lambda problem: (problem.level, problem.kind, problem.about, problem.says))


def _bad_rows(book: PriceBook) -> Iterator[Problem]:
    for rate in book:
        place = f"{rate.sku} in {rate.region} from {rate.valid_from}"
        if rate.unit not in UNITS:
            says = f"unknown unit {rate.unit!r}{did_you_mean(rate.unit, UNITS)}"
            yield Problem(level="error", kind="unit", about=place, says=says)
        if rate.amount <= 0:
            says = f"a rate of {rate.amount:f}; allowed is a decimal above zero"
            yield Problem(level="error", kind="zero", about=place, says=says)


def _overlaps(book: PriceBook) -> Iterator[Problem]:
    """Rows in force together. Within a file the reader refuses them: what is left is one file over another."""
    ordered = sorted(book, key=lambda rate: (rate.sku, rate.region, rate.tier_from, rate.valid_from))
    for earlier, later in pairwise(ordered):
        if (earlier.sku, earlier.region, earlier.tier_from) != (later.sku, later.region, later.tier_from):
            continue
        closed_late = earlier.valid_until is not None and earlier.valid_until >= later.valid_from
        if earlier.valid_from == later.valid_from or closed_late:
            says = f"two rates on {later.valid_from}, {earlier.amount:f} and {later.amount:f}; the one read last counts"
            yield Problem(level="warning", kind="overlap", about=f"{later.sku} in {later.region}", says=says)


def _orphans(book: PriceBook, machines: Mapping[str, Machine], used: frozenset[str]) -> Iterator[Problem]:
    expanded = expand(used, machines.values())
    for sku in book.skus():
        if not is_used(sku, expanded):
            yield Problem(level="warning", kind="orphan", about=sku, says="no option uses it")


def _unpriced_machines(
    cards: tuple[RateCard, ...], machines: Mapping[str, Machine], used: frozenset[str], on: date
) -> Iterator[Problem]:
    sold = {card.first.sku for card in cards}
    for machine in machines.values():
        skus = machine_skus(used, machine)
        if sold.isdisjoint(skus):
            says = f"has no price anywhere on {on}; looked for {', '.join(skus) or f'no sku of {machine.family!r}'}"
            yield Problem(level="error", kind="machine", about=machine.name, says=says)


def _doubts(card: RateCard, on: date, max_age_days: int) -> Iterator[Problem]:
    about = f"{card.first.sku} in {card.first.region}"
    age_days = card.age_days(on)
    if age_days > max_age_days:
        as_of = min(tier.as_of for tier in card.tiers)
        says = f"last confirmed {as_of}, {age_days} days ago; allowed are {max_age_days}"
        yield Problem(level="warning", kind="stale", about=about, says=says)
    withdrawn = [tier.withdrawn_on for tier in card.tiers if tier.withdrawn_on is not None and tier.withdrawn_on <= on]
    if withdrawn:
        says = f"withdrawn on {min(withdrawn)}; the last published rate is used"
        yield Problem(level="warning", kind="withdrawn", about=about, says=says)
    unsure = [tier.source for tier in card.tiers if tier.confidence == "low"]
    if unsure:
        yield Problem(level="warning", kind="low-confidence", about=about, says=unsure[0])


class RateSource(Protocol):
    """A provider that can be asked for its rates."""

    @property
    def name(self) -> str:
        """What is asked, as messages say it."""
        ...

    @property
    def provider(self) -> str:
        """The first part of the skus it answers for."""
        ...

    def fetch(self, held: Sequence[Rate], today: date) -> tuple[Sequence[Rate], Sequence[str]]:
        """Rates for the first tiers we hold, and a sentence for each thing it could not answer.

        Raises `NetworkError` when there is no complete answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row for review: what the provider says now, beside what we hold (nothing when it is new)."""

    old: Rate | None
    new: Rate

    @property
    def confirmed(self) -> bool:
        """Does the provider still ask what we hold?"""
        return self.old is not None and self.old.withdrawn_on is None and _price(self.old) == _price(self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """What the providers said: rows for review, what they left open, and who could not be asked."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    failures: tuple[NetworkError, ...]

    @property
    def candidates(self) -> tuple[Rate, ...]:
        """The rows to append to a price file, sorted."""
        rows = (change.new for change in self.changes)
        return tuple(sorted(rows, key=lambda rate: (rate.sku, rate.region, rate.tier_from)))


def refresh(book: PriceBook, sources: Sequence[RateSource], *, on: date, today: date) -> Refresh:
    """Asks every source and compares with what is in force ``on`` a day; the rows start, and are confirmed, ``today``.

    Raises `NetworkError` when no source answered. A rate confirmed today already gives no row.
    """
    changes: list[Change] = []
    notes: list[str] = []
    failures: list[NetworkError] = []
    for source in sources:
        held = [card for card in _cards(book, on) if card.first.provider == source.provider]
        try:
            rates, said = source.fetch([card.first for card in held], today)
        except NetworkError as problem:
            failures.append(problem)
            continue
        changes += _changes(held, rates, today)
        notes += [*said, *_lost_tiers(held, rates)]
    if len(failures) == len(sources):
        raise _nobody(failures)
    return Refresh(changes=tuple(changes), notes=tuple(notes), failures=tuple(failures))


def _nobody(failures: list[NetworkError]) -> NetworkError:
    hints = dict.fromkeys(failure.hint for failure in failures if failure.hint)
    message = "\n".join(failure.message for failure in failures)
    return NetworkError(message or "no provider was asked", hint="; ".join(hints) or None)


def _changes(held: list[RateCard], rates: Sequence[Rate], today: date) -> list[Change]:
    tiers = {_place(tier): tier for card in held for tier in card.tiers}
    changes = [Change(old=tiers.get(_place(new)), new=new) for new in rates]
    return [change for change in changes if not (change.confirmed and change.old and change.old.as_of >= today)]


def _lost_tiers(held: list[RateCard], rates: Sequence[Rate]) -> list[str]:
    answered = {(rate.sku, rate.region) for rate in rates}
    listed = {_place(rate) for rate in rates}
    return [
        f"{tier.sku} in {tier.region}: the tier from {tier.tier_from:f} is no longer listed; give it a valid_until"
        for card in held
        for tier in card.tiers
        if (tier.sku, tier.region) in answered and _place(tier) not in listed
    ]


def _place(rate: Rate) -> tuple[str, str, object]:
    return rate.sku, rate.region, rate.tier_from


def _price(rate: Rate) -> tuple[object, ...]:
    return rate.amount, rate.unit, rate.currency
