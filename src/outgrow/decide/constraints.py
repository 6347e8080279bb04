"""Which constraints an option breaks, with the reason and what binds. A refusal is a value, never a score."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from outgrow.decide.levels import levels
from outgrow.domain.bill import Group
from outgrow.domain.message import message
from outgrow.domain.option import Question, Reach, Rejection, Support
from outgrow.domain.pool import P95
from outgrow.domain.task import Caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from outgrow.domain.bill import BillLine
    from outgrow.domain.message import Message
    from outgrow.domain.pool import Outcome
    from outgrow.domain.task import InferenceTask
    from outgrow.domain.verdict import Priced
    from outgrow.domain.workload import Service

LONGEST_BACKGROUND_S = 1800.0
"""A background answer later than this is no way out for somebody who was ready to wait."""


def violations(option: Priced, service: Service, on: date, max_age_days: int | None) -> tuple[Rejection, ...]:
    """Every constraint the option breaks, the most fundamental first; empty for a candidate."""
    found = [
        *_excluded(option, service),
        *_needs(option, service),
        *_data(option, service),
        *_models(option, service),
        *_team(option, service),
        *_structure(option, service),
        *_speed(option, service),
        *_money(option, service),
        *_prices(option, on, max_age_days),
    ]
    return tuple(dataclasses.replace(rejection, monthly_usd=option.monthly_usd) for rejection in found)


def _reject(option: Priced, constraint: str, found: str, allowed: str, reason: Message, **more: Message) -> Rejection:
    return Rejection(
        option=option.shape.option,
        question=option.shape.question,
        constraint=constraint,
        found=found,
        allowed=allowed,
        reason=reason,
        way_out=more.get("way_out"),
    )


def _excluded(option: Priced, service: Service) -> Iterator[Rejection]:
    if option.shape.option in service.without:
        reason = message("reject.excluded", option=option.shape.option)
        yield _reject(option, "excluded", option.shape.option, "not in without:", reason)


def _needs(option: Priced, service: Service) -> Iterator[Rejection]:
    """What the service must be able to do; only platform options carry these."""
    for need in sorted(service.needs):
        capability = option.shape.capabilities.get(need)
        if capability is not None and capability.support is Support.NO:
            reason = capability.limit or message("reject.need", need=need.value)
            yield _reject(option, f"need:{need.value}", "no", "yes", reason)


def _models(option: Priced, service: Service) -> Iterator[Rejection]:
    if option.shape.custom_model:
        return
    for task in service.inference:
        if task.custom_model:
            reason = message("reject.custom-model", task=task.name, option=option.shape.option)
            yield _reject(option, "custom-model", "the provider's models only", "a custom model", reason)


def _data(option: Priced, service: Service) -> Iterator[Rejection]:
    """Where payloads may go: trust first, then country."""
    place = option.shape.place
    if place is None:
        return
    for task in service.inference:
        rule = service.constraints.data[task.data_class]
        if place.trust.distance > rule.at_most.distance:
            reason = message(
                "reject.data-trust",
                task=task.name,
                data=task.data_class.value,
                operator=place.operator,
                trust=place.trust.value,
                allowed=rule.at_most.value,
            )
            yield _reject(option, "data-trust", place.trust.value, f"at most {rule.at_most.value}", reason)
        elif rule.countries is not None and place.country not in rule.countries:
            where = place.country or "not promised"
            reason = message(
                "reject.data-country",
                task=task.name,
                data=task.data_class.value,
                operator=place.operator,
                country=where,
                allowed=", ".join(rule.countries),
            )
            yield _reject(option, "data-country", where, ", ".join(rule.countries), reason)


def _team(option: Priced, service: Service) -> Iterator[Rejection]:
    """Hosts of one's own need somebody who can run them."""
    own = [host.name for host in option.shape.hosts if not host.managed]
    if own and service.team.can_run_infrastructure == 0:
        reason = message("reject.team", hosts=", ".join(own))
        yield _reject(option, "team", f"{len(own)} hosts to run", "nobody can run infrastructure", reason)


def _structure(option: Priced, service: Service) -> Iterator[Rejection]:
    wanted = service.constraints
    shape = option.shape
    if wanted.database_private and shape.database_reach is Reach.INTERNET:
        yield _reject(option, "database-private", "internet", "own network", message("reject.database-public"))
    if wanted.database_survives_web_host and _shares_host(option):
        yield _reject(option, "fault-isolation", "one host", "separate hosts", message("reject.shared-host"))
    points = levels(shape).management_points
    if wanted.max_management_points is not None and points > wanted.max_management_points:
        reason = message("reject.management-points", found=points, allowed=wanted.max_management_points)
        yield _reject(option, "management-points", str(points), str(wanted.max_management_points), reason)
    if wanted.max_procurement_days is not None and shape.procurement_days > wanted.max_procurement_days:
        found, allowed = f"{shape.procurement_days:g} days", f"{wanted.max_procurement_days:g} days"
        reason = message("reject.procurement", found=found, allowed=allowed)
        yield _reject(option, "procurement", found, allowed, reason)


def _shares_host(option: Priced) -> bool:
    return any("database" in host.runs and len(host.runs) > 1 for host in option.shape.hosts)


def _speed(option: Priced, service: Service) -> Iterator[Rejection]:
    outcome = option.shape.outcome
    if outcome is None:
        return
    if outcome.bottleneck is not None:
        said = dict(outcome.bottleneck.values)
        load = float(said["load"]) / max(1.0, float(said["workers"]))
        found = f"{load * 100:.0f} % of the workers' time"
        yield _reject(option, "capacity", found, "under 100 %", outcome.bottleneck)
        return
    if option.shape.question is not Question.INFERENCE:
        return
    for task in service.inference:
        own = option.shape.task_outcomes.get(task.name, option.shape.outcome)
        if own is not None:
            yield from _too_slow(option, task, own)


def _too_slow(option: Priced, task: InferenceTask, outcome: Outcome) -> Iterator[Rejection]:
    """Patience first: an answer nobody waits for is worse than a late one."""
    limits = (
        ("patience", task.patience_s if task.caller is Caller.SYNCHRONOUS else None),
        ("target-p95", task.target_p95_s),
    )
    for constraint, limit in limits:
        if limit is None or outcome.response.share_within(limit) >= P95:
            continue
        p95_s = outcome.response.quantile(P95)
        found = "never" if math.isinf(p95_s) else f"p95 {p95_s:.0f} s"
        reason = message(
            f"reject.{constraint}",
            task=task.name,
            p95_s="never" if math.isinf(p95_s) else round(p95_s),
            limit_s=limit,
            cold_percent=round(outcome.cold_share * 100),
        )
        yield _reject(option, constraint, found, f"{limit:g} s", reason, **_way_out(task, p95_s))
        return


def _way_out(task: InferenceTask, p95_s: float) -> dict[str, Message]:
    """A caller that need not wait turns a broken promise into a late answer."""
    if task.caller is Caller.SYNCHRONOUS and p95_s <= LONGEST_BACKGROUND_S:
        return {"way_out": message("way-out.background", task=task.name, p95_s=round(p95_s))}
    return {}


def _money(option: Priced, service: Service) -> Iterator[Rejection]:
    wanted = service.constraints
    limits = [limit for limit in (wanted.max_monthly_usd, service.budget_usd_per_month) if limit is not None]
    with_tax = option.monthly_usd * (1 + service.vat_frac)
    if limits and with_tax > min(limits):
        found, allowed = f"${with_tax:,.2f} a month", f"${min(limits):,.2f}"
        reason = message("reject.budget", found=found, allowed=allowed)
        yield _reject(option, "budget", found, allowed, reason)
    upfront = option.shape.upfront_usd
    if wanted.max_upfront_usd is not None and (upfront is None or upfront > wanted.max_upfront_usd):
        found = "unknown" if upfront is None else f"${upfront:,.0f}"
        allowed = f"${wanted.max_upfront_usd:,.0f}"
        reason = message("reject.upfront", found=found, allowed=allowed)
        yield _reject(option, "upfront", found, allowed, reason)


def _prices(option: Priced, on: date, max_age_days: int | None) -> Iterator[Rejection]:
    """A bill with a hole in it, or one that rests on a price nobody confirmed for too long, is not ranked."""
    holes = [line for line in option.bill.unpriced if line.material]
    if holes:
        reason = holes[0].reason
        yield _reject(option, "price-missing", holes[0].component, "every part priced", reason)
    if max_age_days is None:
        return
    old = [line for line in option.bill.lines if _counts(line) and (on - line.as_of).days > max_age_days]
    if old:
        oldest = min(old, key=lambda line: line.as_of)
        age = (on - oldest.as_of).days
        reason = message("reject.price-age", sku=oldest.sku, as_of=str(oldest.as_of), days=age, allowed=max_age_days)
        yield _reject(option, "price-age", f"{oldest.sku} as of {oldest.as_of}", f"{max_age_days} days", reason)


def _counts(line: BillLine) -> bool:
    return line.group is not Group.OPERATIONS and line.amount_usd > 0
