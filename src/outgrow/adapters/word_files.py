"""Reads the word files and page templates that come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from outgrow.record.words import Words, parse_words

RECORD = files("outgrow.record")


@cache
def load_words(language: str) -> Words:
    """The words of one language."""
    return parse_words(RECORD.joinpath("text", f"{language}.toml").read_text(encoding="utf-8"), language)


@cache
def load_template(name: str) -> str:
    """The text of a page template."""
    return RECORD.joinpath("templates", name).read_text(encoding="utf-8")
