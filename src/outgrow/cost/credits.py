"""How long the credits last, and what a month costs afterwards."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from outgrow.domain.credit import Runway
from outgrow.domain.units import DAYS_PER_MONTH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from outgrow.domain.bill import Bill
    from outgrow.domain.workload import Credit


def runways(credits_held: Sequence[Credit], bill: Bill, on: date) -> tuple[Runway, ...]:
    """All credits, in the order given: of one provider's, the one that expires first is spent first.

    One after the other, each for a constant bill (`runway`) and by whole days: what a credit's last day leaves is lost.
    """
    found: dict[str, Runway] = {}
    starts: dict[str, date] = {}
    for credit in sorted(credits_held, key=lambda held: (held.ends, held.name)):
        run = runway(credit, bill, on, starts.get(credit.provider, on))
        found[credit.name] = run
        starts[credit.provider] = max(run.ends_on, starts.get(credit.provider, on))
    return tuple(found[credit.name] for credit in credits_held)


def runway(credit: Credit, bill: Bill, on: date, first_day: date | None = None) -> Runway:
    """When this credit ends if every month costs what this bill says, and nothing else is spent before ``first_day``.

    It pays the lines of its own provider only, day by day, until it is used up or its last day passes, whichever
    comes first. Holds for a constant bill; with growth the day comes earlier.
    """
    start = on if first_day is None else first_day
    days_left = max(0, (credit.ends - start).days)
    covered = bill.provider_usd(credit.provider) if days_left else Decimal(0)
    burned_by_end = covered * Decimal(days_left) / Decimal(str(DAYS_PER_MONTH))
    used_up = covered > 0 and burned_by_end >= credit.usd
    if used_up:
        days = int(credit.usd / covered * Decimal(str(DAYS_PER_MONTH)))
        ends_on, unused = start + timedelta(days=days), Decimal(0)
    else:
        ends_on, unused = credit.ends, credit.usd - burned_by_end
    return Runway(
        name=credit.name,
        provider=credit.provider,
        ends_on=ends_on,
        used_up=used_up,
        unused_usd=unused,
        covers_usd_per_month=covered,
        month_before_usd=bill.monthly_usd - covered,
        month_after_usd=bill.monthly_usd,
    )
