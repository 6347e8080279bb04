"""Puts messages into words of a language. Pure: the word files are text that somebody else read from disk."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.domain.message import Message

LANGUAGES = ("en", "ko")


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language: sentences by code, labels of the documents, and terms that stand inside sentences."""

    language: str
    messages: Mapping[str, str]
    labels: Mapping[str, str]
    terms: Mapping[str, str]

    def say(self, note: Message) -> str:
        """The sentence with its gaps filled. Raises ``KeyError`` for a code nobody put into words."""
        return self.fill(note.code, dict(note.values))

    def fill(self, code: str, values: Mapping[str, Any]) -> str:
        """The sentence of a code with these values; terms inside them are put into words too."""
        return self.messages[code].format(**{name: self.term(value) for name, value in values.items()})

    def term(self, value: Any) -> Any:
        """A word of ours that a reader should see in the language; anything else as it is."""
        return self.terms.get(value, value) if isinstance(value, str) else value

    def label(self, name: str) -> str:
        """A heading, column title or fixed phrase of the documents."""
        return self.labels[name]


def parse_words(text: str, language: str) -> Words:
    """The words of one language from its TOML text: tables ``messages``, ``labels``, ``terms``."""
    tables = tomllib.loads(text)
    return Words(
        language=language,
        messages=tables["messages"],
        labels=tables.get("labels", {}),
        terms=tables.get("terms", {}),
    )
