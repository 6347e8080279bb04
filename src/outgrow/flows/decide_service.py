"""Which platform and which inference option should this service run on?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from outgrow import __version__
from outgrow.adapters.word_files import load_words
from outgrow.catalog.options import all_options
from outgrow.decide.decision import decide
from outgrow.domain.errors import StalePriceError
from outgrow.record.data import decision_data

if TYPE_CHECKING:
    from outgrow.domain.verdict import Answer, Decision
    from outgrow.flows.question import Opened


def decide_service(opened: Opened, *, language: str = "en") -> dict[str, Any]:
    """The whole record as data. Raises `StalePriceError` when a question has no answer only because prices are old."""
    decision = decide(opened.service, opened.market, all_options())
    _refuse_stale(decision)
    return decision_data(
        decision,
        spec_name=opened.name,
        spec_text=opened.text,
        asked=opened.asked,
        version=__version__,
        words=load_words(language),
    )


def _refuse_stale(decision: Decision) -> None:
    for answer in decision.answers:
        stale = _only_stale(answer)
        if answer.chosen is None and stale:
            raise StalePriceError(
                f"{answer.question.value}: every option that meets the constraints rests on a price older than"
                f" {decision.max_age_days} days: {'; '.join(stale)}",
                hint="confirm the prices with `outgrow prices refresh`, or rank all the same with --allow-stale",
            )


def _only_stale(answer: Answer) -> list[str]:
    """Options whose one flaw is the age of a price."""
    by_option: dict[str, list[str]] = {}
    for rejection in answer.rejections:
        by_option.setdefault(rejection.option, []).append(rejection.constraint)
    old = [name for name, constraints in by_option.items() if constraints == ["price-age"]]
    return [f"{r.option} ({r.found})" for r in answer.rejections if r.option in old]
