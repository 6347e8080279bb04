"""Which amount of a receipt is its total: every line that says something about it is weighed.

An amount gains by the words beside it, by cash less change, by subtotal and tax that add up to it, by the card that was
charged, by the sum of the items. Lines of a tax summary, cash handed over, change and counts say nothing for theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING

from outgrow.receipts.amounts import Amount, Style, amounts_in, healed
from outgrow.receipts.dates import without_dates
from outgrow.receipts.labels import Label, label_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from outgrow.receipts.lines import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A row, what it is about, and the amounts that stand on it or belong to it."""

    row: Row
    text: str
    label: Label
    amounts: tuple[Amount, ...]
    in_summary: bool = False
    borrowed: bool = False  # its amount stood on the row above or below


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundTotal:
    """The total and why it is believed."""

    value: Decimal
    confidence: float
    reasons: tuple[str, ...]


WORDS = {Label.FINAL: 5.0, Label.TOTAL: 4.0, Label.TAXED: 4.2, Label.AMOUNT: 1.5, Label.SUBTOTAL: 0.8, Label.NET: 0.2}
_TOTALS = frozenset({Label.FINAL, Label.TOTAL, Label.TAXED})
_PAID = frozenset({Label.TENDERED, Label.CARD})
_ENDS = frozenset({*_TOTALS, *_PAID, Label.CHANGE})
_SPEAKS = frozenset({*_ENDS, Label.SUBTOTAL, Label.ROUNDING, Label.TAX, Label.NET, Label.DISCOUNT, Label.SERVICE})
FEWEST_WITH_CENTS = 3
INEXACT = 0.7
BELOW_NET = 0.4  # what is left of the weight of an amount below the one without tax
CENT = Decimal("0.011")
MOST_ROUNDING = Decimal("0.051")


def price_rows(rows: Sequence[Row], style: Style) -> tuple[Priced, ...]:
    """Every row with its label and amounts; a label alone on its row takes the amount alone on the next, or before."""
    priced: list[Priced] = []
    summary = False
    texts = [healed(without_dates(row.text)) for row in rows]
    found = [amounts_in(text, style) for text in texts]
    with_cents = sum(amount.decimals == 2 for amounts in found for amount in amounts) >= FEWEST_WITH_CENTS
    for row, text, raw in zip(rows, texts, found, strict=True):
        amounts = tuple(_of_label(_with_cents(raw) if with_cents else raw, style))
        label = label_of(row.text)
        if label is Label.SUMMARY:
            summary = True
        elif label in {*_PAID, Label.CHANGE, Label.FINAL, Label.ROUNDING} and amounts:
            summary = False
        priced.append(Priced(row=row, text=text, label=label, amounts=amounts, in_summary=summary))
    return tuple(_lent(priced))


def _of_label(amounts: Iterable[Amount], style: Style) -> Iterable[Amount]:
    """Numbers that may be money: in a style with decimals a bare integer is a count unless a currency stands by it."""
    for amount in amounts:
        bare = amount.decimals == 0 and not amount.marked
        if style is Style.WHOLE:
            if amount.decimals == 0 and (abs(amount.value) >= 10 or amount.value == 0):
                yield amount
        elif amount.decimals in {1, 2} or not bare:
            yield amount


def _with_cents(amounts: Iterable[Amount]) -> Iterable[Amount]:
    """Where all other amounts have cents, one without has lost its point or its last digit."""
    for amount in amounts:
        if amount.marked and amount.decimals == 0 and amount.value >= 1000:
            yield replace(amount, value=amount.value / 100, decimals=2, exact=False)
        else:
            yield replace(amount, exact=False) if amount.decimals == 1 else amount


def _lent(priced: list[Priced]) -> list[Priced]:
    taken: set[int] = set()
    result = list(priced)
    for number, here in enumerate(priced):
        if here.amounts or here.label not in _SPEAKS:
            continue
        for other in (number + 1, number - 1):
            if 0 <= other < len(priced) and other not in taken and _is_bare(priced[other]):
                taken.add(other)
                result[number] = Priced(
                    row=here.row,
                    text=here.text,
                    label=here.label,
                    amounts=priced[other].amounts,
                    in_summary=here.in_summary,
                    borrowed=True,
                )
                break
    return result


def _is_bare(priced: Priced) -> bool:
    return bool(priced.amounts) and sum(character.isalpha() for character in priced.text) <= 3


@dataclass(slots=True, kw_only=True)
class _Case:
    """What speaks for one amount."""

    weight: float = 0.0
    reasons: list[str] = field(default_factory=list)
    seen: float = 1.0

    def add(self, weight: float, reason: str) -> None:
        """One more piece of evidence; the same kind counts in full once and a little after."""
        self.weight += weight if reason not in self.reasons else 0.3
        if reason not in self.reasons:
            self.reasons.append(reason)


def total_in(priced: Sequence[Priced], items_sum: Decimal | None = None) -> FoundTotal | None:
    """The amount most speaks for; None where there is no amount."""
    cases = _by_words(priced)
    _by_sums(priced, cases, items_sum)
    _by_rounding(priced, cases)
    if not cases:
        return _largest(priced)
    ranked = sorted(cases.items(), key=lambda pair: (pair[1].weight, pair[0]), reverse=True)
    value, case = ranked[0]
    if case.weight < 1 and (fallback := _largest(priced)) is not None and fallback.value > value:
        return fallback
    rival = ranked[1][1].weight if len(ranked) > 1 else 0.0
    margin = min(1.0, max(0.0, (case.weight - rival) / 3))
    strength = case.weight / (case.weight + 1.6)
    confidence = min(0.99, strength * (0.72 + 0.28 * margin) * (0.6 + 0.4 * case.seen) * 1.12)
    return FoundTotal(value=value, confidence=round(confidence, 3), reasons=tuple(case.reasons))


def _by_words(priced: Sequence[Priced]) -> dict[Decimal, _Case]:
    cases: dict[Decimal, _Case] = {}
    finished = False
    largest: Decimal | None = None
    for here in priced:
        amount = _last_positive(here)
        weight = WORDS.get(here.label, 0.0)
        if amount is not None and weight:
            if here.in_summary or (len(here.amounts) > 1 and finished and _is_tax_pair(here.amounts)):
                weight = 0.1
            elif finished and here.label is not Label.FINAL:
                weight *= 0.35
            case = cases.setdefault(amount.value, _Case())
            if not case.reasons:
                case.seen = here.row.confidence
            case.add(weight * (1.0 if amount.exact else INEXACT) * (0.85 if here.borrowed else 1.0), here.label.value)
            if here.label in _TOTALS and not here.in_summary and not finished:
                largest = amount.value if largest is None else max(largest, amount.value)
        finished = finished or (here.label is Label.CHANGE and bool(here.amounts))
    if largest is not None:
        cases[largest].add(0.9, "largest")
    return cases


def _by_sums(priced: Sequence[Priced], cases: dict[Decimal, _Case], items_sum: Decimal | None) -> None:
    """Evidence from amounts that add up."""
    known = {label: _values(priced, label) for label in Label}
    _by_payment(known, cases)
    extras = _extras(known)
    for base in {*known[Label.SUBTOTAL], *known[Label.NET]}:
        for extra in extras:
            near = _near(cases, base + extra, CENT)
            if near is not None and extra:
                cases[near].add(1.8, "adds up")
    fits = (_near(cases, items_sum + off, CENT) for off in (Decimal(0), *extras)) if items_sum else iter(())
    near = next((value for value in fits if value is not None), None)
    if near is not None:
        cases[near].add(1.5, "sum of items")
    least = max(known[Label.NET], default=Decimal(0)) if not known[Label.DISCOUNT] else Decimal(0)
    for value, case in cases.items():
        if value < least - CENT:
            case.weight *= BELOW_NET


def _by_payment(known: dict[Label, list[Decimal]], cases: dict[Decimal, _Case]) -> None:
    """Evidence from what was paid: cash less change and a charged card may also name an amount no total names."""
    for cash in known[Label.TENDERED]:
        for change in map(abs, known[Label.CHANGE]):
            if 0 < change < cash:
                near = _near(cases, cash - change, CENT)
                if near is None:
                    cases.setdefault(cash - change, _Case(seen=0.8)).add(2.2, "cash less change")
                else:
                    cases[near].add(3.5, "cash less change")
    for label, weight in ((Label.CARD, 2.0), (Label.TENDERED, 1.0)):
        for value in known[label]:
            if value in cases:
                cases[value].add(weight, "paid")
            elif label is Label.CARD and value > 0:
                cases[value] = _Case(weight=1.2, reasons=["paid"], seen=0.8)


def _by_rounding(priced: Sequence[Priced], cases: dict[Decimal, _Case]) -> None:
    """A total, a rounding, and the total after it: the last is paid."""
    roundings = {amount.value for here in priced if here.label is Label.ROUNDING for amount in here.amounts[-1:]}
    totals = [
        amount.value
        for here in priced
        if here.label in {*_TOTALS, Label.SUBTOTAL, Label.NET} and not here.in_summary
        for amount in here.amounts[-1:]
    ]
    for rounding in roundings:
        if not 0 < abs(rounding) <= MOST_ROUNDING:
            continue
        for value in set(totals):
            for after in (value + rounding, value + abs(rounding), value - abs(rounding)):
                if after in cases and after != value and (after * 100) % 5 == 0:
                    _move(cases, value, after)
    for one, other in pairwise(dict.fromkeys(totals)):
        if 0 < abs(one - other) <= MOST_ROUNDING and (other * 100) % 5 == 0 and (one * 100) % 5 and other in cases:
            _move(cases, one, other)


def _move(cases: dict[Decimal, _Case], before: Decimal, after: Decimal) -> None:
    """What spoke for the amount before rounding speaks for the one after it, once."""
    if "rounded" in cases[after].reasons:
        return
    moved = max(0.0, cases[before].weight * 0.7) if before in cases else 0.0
    if before in cases:
        cases[before].weight -= moved
    cases[after].add(1.0 + moved, "rounded")


def _extras(known: dict[Label, list[Decimal]]) -> list[Decimal]:
    taxes = [abs(value) for value in known[Label.TAX]] or [Decimal(0)]
    services = [Decimal(0), *(abs(value) for value in known[Label.SERVICE])]
    roundings = [Decimal(0), *known[Label.ROUNDING]]
    discounts = [Decimal(0), *(-abs(value) for value in known[Label.DISCOUNT])]
    sums = {
        tax + service + rounding + discount
        for tax in [Decimal(0), *taxes[:3], *([sum(taxes[:2], Decimal(0))] if len(taxes) > 1 else [])]
        for service in services[:2]
        for rounding in roundings[:3]
        for discount in discounts[:3]
    }
    return sorted(sums)


def _values(priced: Sequence[Priced], label: Label) -> list[Decimal]:
    return [here.amounts[-1].value for here in priced if here.label is label and here.amounts and not here.in_summary]


def _near(cases: dict[Decimal, _Case], value: Decimal, reach: Decimal) -> Decimal | None:
    fits = [known for known in cases if abs(known - value) <= reach]
    return min(fits, key=lambda known: (abs(known - value), -cases[known].weight)) if fits else None


def _last_positive(here: Priced) -> Amount | None:
    return next((amount for amount in reversed(here.amounts) if amount.value > 0), None)


def _is_tax_pair(amounts: tuple[Amount, ...]) -> bool:
    net, tax = amounts[-2].value, amounts[-1].value
    return bool(net) and Decimal(0) <= tax / net <= Decimal("0.3")


def _largest(priced: Sequence[Priced]) -> FoundTotal | None:
    silent = {Label.CHANGE, Label.COUNT, Label.TAX, Label.ROUNDING, Label.DISCOUNT}
    values = [a.value for here in priced if here.label not in {*silent, Label.TENDERED} for a in here.amounts]
    values = [value for value in values if value > 0] or [
        a.value for here in priced if here.label is Label.TENDERED for a in here.amounts if a.value > 0
    ]
    return FoundTotal(value=max(values), confidence=0.25, reasons=("largest",)) if values else None
