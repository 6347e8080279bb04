"""A page's words, figures and times in the language of its reader."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from outgrow.gateway.pages.entry import LANGUAGE_COOKIE, cookie
from outgrow.record.words import LANGUAGES, Words, parse_words

if TYPE_CHECKING:
    from collections.abc import Mapping

UNITS: Final = ((86_400, "unit.d"), (3_600, "unit.h"), (60, "unit.min"), (1, "unit.s"))


@cache
def load_words(language: str) -> Words:
    """The words of the pages in one language."""
    text = files("outgrow.gateway.pages").joinpath("text", f"{language}.toml").read_text(encoding="utf-8")
    return parse_words(text, language)


def language_of(headers: Mapping[str, str], asked: str | None = None) -> str:
    """The language asked for, kept in a cookie, or preferred by the browser, in this order; else English."""
    for one in (asked, cookie(headers, LANGUAGE_COOKIE)):
        if one in LANGUAGES:
            return one
    for part in headers.get("accept-language", "").split(","):
        name = part.partition(";")[0].strip().lower().partition("-")[0]
        if name in LANGUAGES:
            return name
    return LANGUAGES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Somebody who reads a page, at this moment."""

    words: Words
    now: datetime

    def label(self, name: str, **values: Any) -> str:
        """A text of the pages, its gaps filled."""
        text = self.words.label(name)
        return text.format(**values) if values else text

    def term(self, value: str) -> str:
        """A word of ours, such as a state, in the language."""
        return str(self.words.term(value))

    def refusal(self, code: str) -> str:
        """What a code of a refusal means; the code itself where it is not one of policy."""
        return self.words.labels.get(f"refused.{code}", code)

    def usd(self, micro: float | None) -> str:
        """Dollars: cents from one dollar up, four digits below, where a call costs less than a cent."""
        if micro is None:
            return "–"
        dollars = micro / 1_000_000
        if dollars == 0:
            return "$0"
        return f"${dollars:,.2f}" if dollars >= 1 else f"${dollars:.4f}" if dollars >= 0.0001 else "<$0.0001"

    def seconds(self, value: float | None) -> str:
        """A time that something took."""
        if value is None:
            return "–"
        return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}{self.label('unit.s')}"

    def age(self, at: datetime) -> str:
        """How long ago, in the largest unit that is whole."""
        past_s = max(0, int((self.now - at).total_seconds()))
        size, unit = next(((size, unit) for size, unit in UNITS if past_s >= size), UNITS[-1])
        return f"{past_s // size}{self.label(unit)}"

    def when(self, at: datetime) -> str:
        """A moment, in UTC."""
        return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    @property
    def units(self) -> str:
        """The units of `age`, smallest first, for the script that keeps ages up to date."""
        return "|".join(self.label(unit) for _, unit in reversed(UNITS))
