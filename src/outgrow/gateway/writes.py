"""The write limits of this instance: the buckets of `outgrow.policy.limits`, kept in memory."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from outgrow.policy.limits import buckets, take
from outgrow.policy.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from outgrow.domain.backend import Gateway

MOST_KEPT = 50_000


class Writes:
    """Counts the writes of every key and user. Each instance counts its own: of n, a caller may use n times as much."""

    def __init__(self, config: Gateway, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        """Nobody has written yet; ``now_ns`` is the clock."""
        self._config = config
        self._now_ns = now_ns
        self._states: dict[str, int] = {}

    def take(self, key: str, user: str | None, writes: int = 1) -> Refused | None:
        """None when the writes may pass, which counts them; else why not and when."""
        now_ns = self._now_ns()
        taken = take(buckets(self._config, key, user), self._states, now_ns, writes)
        if isinstance(taken, Refused):
            return taken
        self._states.update(taken.states)
        if len(self._states) > MOST_KEPT:
            self._states = {name: used for name, used in self._states.items() if used > now_ns}
        return None
