"""What is refused, why, and when to come back: problem values as in RFC 9457."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE: Final = "application/problem+json"
MAX_WORD: Final = 60


class Code(StrEnum):
    """Every reason to refuse a request. The word is part of the API: it ends the problem's ``type``."""

    BAD_KEY = "bad-key"
    KEY_SCOPE = "key-scope"
    UNKNOWN_TASK = "unknown-task"
    NO_ALLOWED_BACKEND = "no-allowed-backend"
    BUDGET_REACHED = "budget-reached"
    RATE_LIMITED = "rate-limited"
    QUEUE_FULL = "queue-full"
    BACKEND_DOWN = "backend-down"
    BODY_TOO_LARGE = "body-too-large"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_TOKENS = "too-many-tokens"
    UNREADABLE_BODY = "unreadable-body"
    UNSUPPORTED_TYPE = "unsupported-type"
    SLOW_CLIENT = "slow-client"
    IDEMPOTENCY_CONFLICT = "idempotency-conflict"


KINDS: Final[Mapping[Code, tuple[int, str]]] = {
    Code.BAD_KEY: (401, "The API key is missing, unknown or no longer valid"),
    Code.KEY_SCOPE: (403, "The API key may not do this"),
    Code.UNKNOWN_TASK: (404, "There is no such task"),
    Code.NO_ALLOWED_BACKEND: (403, "No backend of the task may take this class of data"),
    Code.BUDGET_REACHED: (402, "A budget is used up"),
    Code.RATE_LIMITED: (429, "Too many writes"),
    Code.QUEUE_FULL: (429, "Too many jobs are waiting"),
    Code.BACKEND_DOWN: (503, "No allowed backend can take it now"),
    Code.BODY_TOO_LARGE: (413, "The body is too large"),
    Code.TOO_MANY_PIXELS: (413, "The image has too many pixels"),
    Code.TOO_MANY_TOKENS: (422, "The request may use more tokens than its task allows"),
    Code.UNREADABLE_BODY: (400, "The body cannot be read as what it says it is"),
    Code.UNSUPPORTED_TYPE: (415, "This kind of file is not taken"),
    Code.SLOW_CLIENT: (408, "The body did not arrive in time"),
    Code.IDEMPOTENCY_CONFLICT: (422, "The idempotency key belongs to another request"),
}
"""HTTP status and title of each code. 402 and not 429 for a budget: clients repeat a 429 by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """One refusal. ``rule`` is the rule that decided; ``retry_after_s`` is None where waiting alone does not help.

    ``detail`` is made of the configuration, counts and limits, never of a payload.
    """

    code: Code
    detail: str
    rule: str = ""
    retry_after_s: float | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.code][0]

    @property
    def title(self) -> str:
        """What every refusal of this code has in common."""
        return KINDS[self.code][1]

    @property
    def type(self) -> str:
        """The problem type: a reference to its description on the service itself."""
        return f"/problems/{self.code}"


def problem(refused: Refused) -> dict[str, Any]:
    """The body of the answer (``application/problem+json``)."""
    body: dict[str, Any] = {
        "type": refused.type,
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
    }
    if refused.rule:
        body["rule"] = refused.rule
    if refused.retry_after_s is not None:
        body["retry_after_s"] = wait_s(refused.retry_after_s)
    return body


def headers(refused: Refused) -> dict[str, str]:
    """The headers that go with the answer."""
    found = {"Content-Type": MEDIA_TYPE}
    if refused.retry_after_s is not None:
        found["Retry-After"] = str(wait_s(refused.retry_after_s))
    if refused.code is Code.BAD_KEY:
        found["WWW-Authenticate"] = "Bearer"
    return found


def wait_s(seconds: float) -> int:
    """Whole seconds to wait: never too few, never 0."""
    return max(1, math.ceil(seconds))


def word(text: str) -> str:
    """What a caller wrote, as part of a sentence: one line, not long."""
    shown = "".join(letter if letter.isprintable() else "?" for letter in text[: MAX_WORD + 1])
    return f"'{shown}'" if len(shown) <= MAX_WORD else f"'{shown[: MAX_WORD - 3]}...'"


def body_too_large(found_bytes: int | None, allowed_bytes: int) -> Refused:
    """``found_bytes`` is None where the body was cut off before its end was seen."""
    found = f"{found_bytes:,} bytes" if found_bytes is not None else f"more than {allowed_bytes:,} bytes"
    return Refused(
        code=Code.BODY_TOO_LARGE,
        detail=f"found {found}, allowed: {allowed_bytes:,}; send less, or a smaller image",
        rule="limits.body_bytes",
    )


def too_many_pixels(width: int, height: int, allowed: int) -> Refused:
    """An image that would need too much memory once decoded; refused before it is."""
    return Refused(
        code=Code.TOO_MANY_PIXELS,
        detail=f"found {width:,} x {height:,} = {width * height:,} pixels, allowed: {allowed:,}; scale it down",
        rule="limits.pixels",
    )


def too_many_tokens(side: str, found: int, allowed: int, task: str) -> Refused:
    """``side`` is input or output. What a call may use at most is held of the budget, so it has a limit."""
    return Refused(
        code=Code.TOO_MANY_TOKENS,
        detail=f"found up to {found:,} {side} tokens, allowed for task {word(task)}: {allowed:,}",
        rule=f"tasks.{task}.{side}_tokens",
    )


def unreadable_body(reason: str) -> Refused:
    """``reason`` names what was expected and what was found, without the content."""
    return Refused(code=Code.UNREADABLE_BODY, detail=reason)


def unsupported_type(found: str, allowed: tuple[str, ...]) -> Refused:
    """A file of a kind that nothing here reads."""
    return Refused(code=Code.UNSUPPORTED_TYPE, detail=f"found {word(found)}, allowed: {', '.join(allowed)}")


def slow_client(allowed_s: float) -> Refused:
    """A sender that holds a connection open and sends too slowly."""
    return Refused(
        code=Code.SLOW_CLIENT, detail=f"the body took longer than {allowed_s:g} s; send it again", rule="limits.slow_s"
    )


def queue_full(allowed: int, retry_after_s: float) -> Refused:
    """More jobs wait than may."""
    return Refused(
        code=Code.QUEUE_FULL,
        detail=f"{allowed:,} jobs are waiting, which is as many as may",
        rule="limits.queue",
        retry_after_s=retry_after_s,
    )


def idempotency_conflict(key: str) -> Refused:
    """The same key with another body."""
    return Refused(
        code=Code.IDEMPOTENCY_CONFLICT,
        detail=f"Idempotency-Key {word(key)} was used with another task or body; use a new key for a new request",
    )
