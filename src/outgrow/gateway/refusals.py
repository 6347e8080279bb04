"""What this instance refused lately, kept in memory: when, with which code, whom."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

MOST: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """One refusal. ``key`` is None where nobody knows who it was. No text of the request is in it."""

    at: datetime
    code: str
    status: int
    key: str | None


class Refusals:
    """The newest hundred."""

    def __init__(self) -> None:
        """None yet."""
        self._kept: deque[Turned] = deque(maxlen=MOST)

    def add(self, code: str, status: int, key: str | None) -> None:
        """One more, now."""
        self._kept.append(Turned(at=datetime.now(UTC), code=code, status=status, key=key))

    def lately(self) -> list[Turned]:
        """Newest first."""
        return list(reversed(self._kept))
