"""A sentence as data: a code and its values, put into words only where a person reads it (`outgrow.record.words`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """``code`` names a sentence of the word files; ``values`` fill its gaps."""

    code: str
    values: tuple[tuple[str, str | int | float], ...] = ()


def message(code: str, **values: str | float) -> Message:
    """A `Message` with its values in the order given."""
    return Message(code, tuple(values.items()))
