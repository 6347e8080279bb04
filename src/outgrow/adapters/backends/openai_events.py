"""Reads the usage out of a stream of server-sent events while it passes; the rest is not parsed."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

USAGE: Final = re.compile(rb'"usage"\s*:\s*\{')
ENDS: Final = re.compile(rb"\r?\n\r?\n")
LONGEST_EVENT: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """What an answer used; ``known`` is False where the server did not say."""

    input: int = 0
    output: int = 0
    known: bool = False


@dataclass(slots=True, kw_only=True)
class Events:
    """Passes events on. ``show_usage``: the caller asked for the event that holds nothing but the usage."""

    show_usage: bool
    tokens: Tokens = Tokens()
    pieces: int = 0
    whole: bool = False
    _rest: bytes = b""

    def feed(self, chunk: bytes) -> bytes:
        """What may be passed on now: whole events, the rest is kept for the next call."""
        data = self._rest + chunk if self._rest else chunk
        end = max(data.rfind(b"\n\n") + 2, data.rfind(b"\r\n\r\n") + 4)
        if end < 4 and len(data) < LONGEST_EVENT:
            self._rest = data
            return b""
        passing, self._rest = (data, b"") if end == len(data) or end < 4 else (data[:end], data[end:])
        return self._look(passing)

    def flush(self) -> bytes:
        """What is left at the end."""
        rest, self._rest = self._rest, b""
        return self._look(rest) if rest else b""

    def _look(self, passing: bytes) -> bytes:
        self.pieces += passing.count(b'"content"')
        self.whole = self.whole or b"[DONE]" in passing
        if USAGE.search(passing) is None:
            return passing
        kept, start = [], 0
        for end in [found.end() for found in ENDS.finditer(passing)] + [len(passing)]:
            event, start = passing[start:end], end
            if event and not self._only_usage(event):
                kept.append(event)
        return b"".join(kept)

    def _only_usage(self, event: bytes) -> bool:
        if USAGE.search(event) is None:
            return False
        data = b"".join(line[5:] for line in event.splitlines() if line.startswith(b"data:"))
        try:
            body = json.loads(data)
        except ValueError:
            return False
        self.tokens = tokens_of(body)
        return not body.get("choices") and not self.show_usage


def tokens_of(body: Any) -> Tokens:
    """The usage of an answer or of an event."""
    usage = body.get("usage") if isinstance(body, dict) else None
    if not isinstance(usage, dict):
        return Tokens()
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    numbers = [int(count) if isinstance(count, int) and count >= 0 else None for count in counts]
    return Tokens(input=numbers[0] or 0, output=numbers[1] or 0, known=numbers[0] is not None)
