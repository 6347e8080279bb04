"""What a spec says of documents: the claims a record makes, and the figures of a hand-made document to be audited."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimSpec:
    """A sentence of the record that can be tested, as data.

    Exactly one of ``chosen``, ``rejected``, ``cheaper``, ``metric`` says what is tested (see `outgrow.decide.claims`).
    """

    id: str
    says: str
    question: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    cheaper: tuple[str, str] | None = None
    metric: str | None = None
    option: str | None = None
    variant: str = "sized"
    at_most: float | None = None
    at_least: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure or statement of a hand-made document, and what in our result it speaks of."""

    section: str
    says: str
    about: str
    value: float | None = None
    high: float | None = None
    text: str | None = None
    option: str | None = None
    than: str | None = None
    component: str | None = None
    sku: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A hand-made decision document to be audited."""

    title: str
    figures: tuple[Figure, ...]
