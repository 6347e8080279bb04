"""Did things come as they were assumed? The spec against what was measured: inputs, bill, claims, choice."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from outgrow.adapters.word_files import load_words
from outgrow.catalog.options import all_options
from outgrow.catalog.options import option as option_named
from outgrow.decide.attribute import CURRENCY, PRICES, attributed, changed, mixed
from outgrow.decide.decision import decide
from outgrow.decide.evaluate import sized
from outgrow.decide.size import choose
from outgrow.domain.bill import Group
from outgrow.domain.errors import SpecError
from outgrow.domain.message import message
from outgrow.domain.option import Question, Rejection
from outgrow.domain.units import DAYS_PER_MONTH
from outgrow.fit.process import fit_trace
from outgrow.flows.fit_fragment import fragment_of
from outgrow.flows.measured import described, given_with, with_measured
from outgrow.flows.question import open_spec
from outgrow.record.data import FORMAT
from outgrow.sim.requests import DAY_S

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from outgrow.catalog.recipe import Recipe
    from outgrow.domain.message import Message
    from outgrow.domain.trace import Trace
    from outgrow.domain.workload import Service
    from outgrow.fit.estimates import Estimate
    from outgrow.fit.process import Fit
    from outgrow.flows.measured import Given
    from outgrow.flows.question import Asked, Opened

REDUCED_DAYS, OFF_DAYS = 3, 7
"""After so many days without a request RunPod lowers an endpoint's limit, then switches it off. Source: RunPod docs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What `outgrow review` was asked for.

    ``spec`` is looked at with ``then`` (the day it was decided), the measured trace with ``now``. ``option``: what
    runs; None: what the spec decides for. ``billed_usd`` is the provider's own bill for the time of the trace, and
    ``per_usd`` today's rate of the spec's currency.
    """

    spec: Path
    given: Given
    then: Asked
    now: Asked
    option: str | None = None
    billed_usd: float | None = None
    per_usd: float | None = None


def review(asked: Review) -> dict[str, Any]:
    """The whole answer as one object; amounts are of one task's inference, a month of 730 h, before tax.

    Raises `SpecError` for a task or an option that is not there, `TraceError` as reading and fitting the trace do.
    """
    before, after = open_spec(asked.spec, asked.then), open_spec(asked.spec, asked.now)
    measured = given_with(asked.given, before.service)
    trace = measured.trace
    if trace is None:
        raise SpecError("--trace: found none; a review is about what was measured", hint="--trace FILE")
    fit = fit_trace(trace, asked.given.speeds)
    seen = with_measured(after.service, [measured])
    recipe, settings = _running(asked, before)
    bills = _Bills(asked, before, after, seen, measured.task, recipe, settings)
    decision = decide(seen, after.market, all_options())
    chosen = {answer.question.value: answer.chosen for answer in decision.answers}
    words = load_words("en")
    return {
        "format": FORMAT,
        "service": before.service.name,
        "task": measured.task,
        "option": recipe.id,
        "settings": settings,
        "measured_from": _period(trace, fit),
        "files": described([measured]),
        "inputs": _inputs(before.service, fit, measured.task),
        "bill": _bill(bills, asked, trace),
        "choice": {"runs": recipe.id, "now": chosen[Question.INFERENCE.value], "platform": chosen.get("platform")},
        "claims": [dataclasses.asdict(claim) for claim in decision.claims],
        "notes": [
            {"code": note.code, "text": words.say(note)} for note in (*trace.notes, *fit.notes, *_quiet(trace, recipe))
        ],
        "fragment": fragment_of(trace, fit, measured.task),
    }


def _running(asked: Review, before: Opened) -> tuple[Recipe, dict[str, str | int | float]]:
    """What runs: the option asked for, or the spec's own decision, with the settings it was sized to."""
    if asked.option is None:
        answers = decide(before.service, before.market, all_options()).answers
        chosen = next(answer.chosen for answer in answers if answer.question is Question.INFERENCE)
        if chosen is None:
            raise SpecError("--option: the spec has no inference option that meets its constraints; say which one runs")
    else:
        chosen = asked.option
    recipe = option_named(chosen, "--option")
    found = choose(recipe, before.service, before.market)
    if found.priced is None:
        raise SpecError(f"--option {chosen}: cannot be built: {found.rejections[0].found}")
    return recipe, dict(found.knobs)


class _Bills:
    """The month's bill of what runs, with any of the factors as measured and the rest as assumed."""

    def __init__(
        self,
        asked: Review,
        before: Opened,
        after: Opened,
        seen: Service,
        task: str,
        recipe: Recipe,
        settings: Mapping[str, str | int | float],
    ) -> None:
        self.before, self.after, self.seen, self.task = before, after, seen, task
        self.recipe, self.settings = recipe, settings
        own = float(before.service.currency.per_usd)
        self.per_usd = (own, asked.per_usd or own)
        self.usd = cache(self._usd)

    @property
    def factors(self) -> list[str]:
        """What is another thing than was assumed."""
        found = changed(self.before.service, self.seen, self.task)
        if self.usd(frozenset({PRICES})) != self.usd(frozenset()):
            found.append(PRICES)
        if self.per_usd[0] != self.per_usd[1]:
            found.append(CURRENCY)
        return found

    def _usd(self, factors: frozenset[str]) -> float:
        """In dollars at the assumed rate of the spec's currency: a dearer dollar makes the same bill a larger one."""
        market = (self.after if PRICES in factors else self.before).market
        service = mixed(self.before.service, self.seen, self.task, factors)
        built = sized(self.recipe, service, market, self.settings)
        if isinstance(built, Rejection):
            raise SpecError(f"{self.recipe.id}: cannot be built for what was measured: {built.found}")
        dearer = self.per_usd[1] / self.per_usd[0] if CURRENCY in factors else 1.0
        return float(built.bill.group_usd(Group.INFERENCE)) * dearer


def _bill(bills: _Bills, asked: Review, trace: Trace) -> dict[str, Any]:
    """Assumed, expected of what was measured, billed; the difference by what caused it."""
    factors = bills.factors
    effects = attributed(factors, bills.usd)
    assumed, expected = bills.usd(frozenset()), bills.usd(frozenset(factors))
    days = (trace.span_s[1] - trace.span_s[0]) / DAY_S
    billed = None if asked.billed_usd is None else asked.billed_usd * DAYS_PER_MONTH / days
    return {
        "assumed_usd": assumed,
        "expected_usd": expected,
        "billed_usd": billed,
        "effects": [
            {"factor": factor, "usd": usd}
            for factor, usd in sorted(effects.items(), key=lambda entry: (-abs(entry[1]), entry[0]))
        ],
        "unexplained_usd": None if billed is None else billed - expected,
    }


def _inputs(assumed: Service, fit: Fit, task: str) -> list[dict[str, Any]]:
    """Each measured input beside what the spec says: outside where the intervals do not meet."""
    one = next(each for each in assumed.inference if each.name == task)
    starts = fit.starts.time.mean_s if fit.starts and fit.starts.time else None
    rows: list[tuple[str, float | None, Estimate | None]] = [
        ("requests_per_day", _demand(assumed, task), fit.per_day),
        ("service_s", one.service_s, fit.service.mean_s if fit.service else None),
        ("cold_start_s", one.cold_start_s, starts),
        ("arrivals.session_size", one.arrivals.session_size, fit.sessions.size if fit.sessions else None),
        ("arrivals.day_variance", one.arrivals.day_variance, fit.day_variance),
    ]
    ranges = {driver.path: (driver.low, driver.high) for driver in assumed.drivers}
    found = []
    for name, stated, seen in rows:
        if seen is None or stated is None:
            continue
        low, high = ranges.get(f"inference.{task}.{name}", (stated, stated))
        found.append(
            {
                "input": f"inference.{task}.{name}",
                "assumed": {"low": low, "mid": stated, "high": high},
                "measured": dataclasses.asdict(seen),
                "as_assumed": seen.low <= high and low <= seen.high,
                "times": seen.mid / stated if stated else None,
            }
        )
    return found


def _demand(service: Service, task: str) -> float:
    """Requests a day at today's users."""
    one = next(each for each in service.inference if each.name == task)
    scale = service.users.daily_active / one.base_daily_active if one.base_daily_active else 0.0
    return one.requests_per_day * scale


def _quiet(trace: Trace, recipe: Recipe) -> list[Message]:
    """Days without a request, after which a RunPod endpoint is lowered or switched off until a person raises it."""
    if not recipe.id.startswith("runpod"):
        return []
    bounds = [trace.span_s[0], *trace.times_s, trace.span_s[1]]
    longest = max(after - before for before, after in pairwise(bounds)) / DAY_S
    if longest >= OFF_DAYS:
        return [message("review.switched-off", days=round(longest, 1))]
    return [message("review.lowered", days=round(longest, 1))] if longest >= REDUCED_DAYS else []


def _period(trace: Trace, fit: Fit) -> dict[str, Any]:
    return {
        "trace": trace.name,
        "requests": fit.requests,
        "days": (trace.span_s[1] - trace.span_s[0]) / DAY_S,
        "first_day": None if fit.first_day is None else fit.first_day.isoformat(),
        "last_day": None if fit.last_day is None else fit.last_day.isoformat(),
    }
