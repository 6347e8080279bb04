"""Which budgets a call counts in, what is left of them, and when one that is used up comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from outgrow.domain.backend import Period
from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.domain.backend import Budget, Gateway

SETTLE_S: Final = 5.0
"""After how long to come back where only holds of calls under way are in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a budget stands in its present period: ``spent_micro`` settled, ``held_micro`` for calls under way."""

    budget: Budget
    spent_micro: int = 0
    held_micro: int = 0

    @property
    def left_micro(self) -> int:
        """What may still be held; never below 0."""
        return max(self.budget.usd_micro - self.spent_micro - self.held_micro, 0)


def budgets_of(gateway: Gateway, task: str, key: str | None) -> tuple[Budget, ...]:
    """Every budget a call of ``task`` with ``key`` counts in. A call must fit into each of them."""
    return tuple(one for one in gateway.budgets if one.task in (None, task) and one.key in (None, key))


def starts(period: Period, now: datetime) -> datetime:
    """When the present UTC day or month began."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if period is Period.DAY else midnight.replace(day=1)


def ends(period: Period, now: datetime) -> datetime:
    """When the next UTC day or month begins."""
    start = starts(period, now)
    if period is Period.DAY:
        return start + timedelta(days=1)
    return (start + timedelta(days=32)).replace(day=1)


def budget_reached(standings: Iterable[Standing], need_micro: int, now: datetime) -> Refused | None:
    """The refusal of a call that needs ``need_micro``, by the budget that keeps it longest; None where it fits."""
    short = [_reached(one, need_micro, now) for one in standings if one.left_micro < need_micro]
    return max(short, key=_waiting, default=None)


def _waiting(refused: Refused) -> float:
    return float("inf") if refused.retry_after_s is None else refused.retry_after_s


def _reached(standing: Standing, need_micro: int, now: datetime) -> Refused:
    budget = standing.budget
    spent, held, cap = (_usd(micro) for micro in (standing.spent_micro, standing.held_micro, budget.usd_micro))
    end = ends(budget.period, now)
    if need_micro > budget.usd_micro:
        back, wait_s = "one call may cost more than the whole budget", None
    elif standing.spent_micro + need_micro <= budget.usd_micro:
        back, wait_s = "what calls under way hold comes back as they end", SETTLE_S
    else:
        back, wait_s = f"it begins anew at {end:%Y-%m-%d %H:%M} UTC", (end - now).total_seconds()
    return Refused(
        code=Code.BUDGET_REACHED,
        detail=(
            f"{spent} of {cap} USD a {budget.period} {_whose(budget)} are spent and {held} held, "
            f"this call may cost {_usd(need_micro)}; {back}"
        ),
        rule=rule_of(budget),
        retry_after_s=wait_s,
    )


def rule_of(budget: Budget) -> str:
    """The name of a budget in rules and logs."""
    parts = (f"task={budget.task}" if budget.task else "", f"key={budget.key}" if budget.key else "")
    return " ".join(["budget", budget.period, *filter(None, parts)])


def _whose(budget: Budget) -> str:
    parts = [f"task {budget.task}"] if budget.task else []
    parts += ["this key"] if budget.key else []
    return f"for {' and '.join(parts)}" if parts else "for everything"


def _usd(micro: int) -> str:
    """Dollars, with cents at least and no more digits than there are."""
    text = f"{micro / 1_000_000:.6f}".rstrip("0")
    whole, _, cents = text.partition(".")
    return f"{whole}.{cents:0<2}"
