"""Secrets pasted into a file are found before anything else is said about it, and never repeated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from outgrow.adapters.spec_fields import Problem

SHAPES: Final = {
    "an API key of outgrow": re.compile(r"\bog_[A-Za-z0-9_-]{20,}"),
    "a RunPod API key": re.compile(r"\brpa_[A-Za-z0-9]{16,}"),
    "an OpenAI-style API key": re.compile(r"\bsk-[A-Za-z0-9_-]{16,}"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{16,}"),
    "a GitHub token": re.compile(r"\b(gh[opsur]|github_pat)_[A-Za-z0-9_]{20,}"),
    "an AWS access key": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    "a bearer token": re.compile(r"\bBearer\s+\S{12,}", re.IGNORECASE),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an address with a password": re.compile(r"://[^\s/@:]*:[^\s/@]+@"),
}
"""What a secret looks like, by the shapes their makers gave them."""


def pasted_secrets(data: Any, place: tuple[str | int, ...] = ()) -> Iterator[Problem]:
    """Where in the file a secret stands, in a value or in a key of it."""
    match data:
        case dict():
            for key, value in data.items():
                name = _name(key)
                if name:
                    yield place, _words(f"{name} as a key")
                else:
                    yield from pasted_secrets(value, (*place, key))
        case list():
            for index, value in enumerate(data):
                yield from pasted_secrets(value, (*place, index))
        case str():
            name = _name(data)
            if name:
                yield place, _words(name)


def _name(text: str) -> str | None:
    return next((name for name, shape in SHAPES.items() if shape.search(text)), None)


def _words(name: str) -> str:
    return (
        f"found {name}; a secret in a file ends up in backups and repositories: replace it where it was made, put the "
        "new one into an environment variable, and write the variable's name"
    )
