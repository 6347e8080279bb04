"""What one try on a backend came to, as its adapter saw it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outgrow.domain.job import AttemptEnding


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a try ended, its result, and what it took: what a `Meter` and a retry are made of.

    ``error`` is safe to log and to store: no payload, no key. ``detail`` is what the backend itself said; it may quote
    the payload, so it is for the owner of the job and for nobody's log. ``retry_in_s`` is the least pause the backend
    asks for. ``unknown``: the try may still be running, so a hold on a budget must stay. ``cold_s`` is None where
    nobody knows, then ``cold_most_s`` may bound it. ``billed_s`` is to the second where the worker reported itself
    (``reported``), else the most it can be. ``tokens_known`` is False where the backend did not count them.
    """

    ending: AttemptEnding
    result: Any = field(default=None, repr=False)
    error: str | None = None
    detail: str | None = field(default=None, repr=False)
    retryable: bool = False
    retry_in_s: float | None = None
    unknown: bool = False
    queue_s: float = 0.0
    cold_s: float | None = None
    cold_most_s: float | None = None
    execution_s: float = 0.0
    billed_s: float = 0.0
    reported: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
    tokens_known: bool = True
    worker: str | None = None
    external_id: str | None = None
