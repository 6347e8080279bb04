"""Puts into words what the other rooms write in English: codes, and short phrases with a number or a name in them.

A sentence is a code with values and is looked up by its code. What stands inside sentences and table cells ("at most
14 days", "frontend disk", "no") has no code. The ``[terms]`` of a language translate it: by the whole text, or by a
pattern with gaps (``"{} disk" = "{} 디스크"``) whose gaps are translated in turn.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from outgrow.record.particles import resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from outgrow.domain.message import Message
    from outgrow.record.words import Words

LONGEST = 200
"""Longer texts are somebody's prose, not a phrase of ours."""

DEEPEST = 4


def speak(words: Words, note: Message) -> str:
    """The sentence of a message in the language of ``words``, phrases inside it included."""
    return fill(words, note.code, dict(note.values))


def fill(words: Words, code: str, values: Mapping[str, Any]) -> str:
    """The sentence of a code with these values. Raises ``KeyError`` for a code or gap that has no words."""
    return resolved(words.messages[code].format(**{name: phrase(words, value) for name, value in values.items()}))


def phrase(words: Words, value: Any) -> Any:
    """A term or phrase of ours in the language of ``words``; numbers and unknown text stay as they are."""
    return _translated(words.terms, value, DEEPEST) if isinstance(value, str) else value


def _translated(terms: Mapping[str, str], text: str, depth: int) -> str:
    if text in terms:
        return terms[text]
    if depth == 0 or not text or len(text) > LONGEST:
        return text
    for key, pattern in _patterns(tuple(terms)):
        found = pattern.fullmatch(text)
        if found:
            return resolved(terms[key].format(*(_translated(terms, part, depth - 1) for part in found.groups())))
    if ", " in text:
        return ", ".join(_translated(terms, part, depth - 1) for part in text.split(", "))
    return text


@lru_cache(maxsize=8)
def _patterns(keys: Iterable[str]) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """The keys with gaps as patterns, those with the most fixed text first."""
    gapped = sorted((key for key in keys if "{}" in key), key=lambda key: (-len(key.replace("{}", "")), key))
    return tuple((key, re.compile("(.+?)".join(re.escape(part) for part in key.split("{}")))) for key in gapped)
