"""What a document is made of, before it is Markdown or HTML: sections of paragraphs, lists, tables, commands, plots.

Text is held unescaped; each format escapes for itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias


class Style(StrEnum):
    """How a stretch of text is set."""

    PLAIN = "plain"
    CODE = "code"
    STRONG = "strong"
    SMALL = "small"
    QUOTE = "quote"
    """Somebody else's words in whatever language they wrote them."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of text in one style; ``href`` links to a place in this document or a file beside it."""

    text: str
    style: Style = Style.PLAIN
    href: str | None = None


Inline: TypeAlias = tuple[Span, ...]


def text(words: str) -> Inline:
    """Plain text."""
    return (Span(words),)


def code(words: str) -> Inline:
    """An id, a path, a sku."""
    return (Span(words, Style.CODE),)


def strong(words: str) -> Inline:
    """What must be seen first."""
    return (Span(words, Style.STRONG),)


def small(words: str) -> Inline:
    """What may be overlooked."""
    return (Span(words, Style.SMALL),)


def quote(words: str) -> Inline:
    """Text from the spec, a source or another document."""
    return (Span(words, Style.QUOTE),)


def link(words: str, href: str) -> Inline:
    """Text that leads somewhere."""
    return (Span(words, href=href),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``wide`` holds sentences; ``bars`` shows each row's share of the largest amount under its number."""

    title: str
    numeric: bool = False
    wide: bool = False
    bars: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``tone`` says what the row is (chosen, rejected, guess, total ...); ``bar`` its share of the largest amount."""

    cells: tuple[Inline, ...]
    tone: str = ""
    bar: float | None = None
    anchor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``folded`` is the line a reader opens a long table with; ``None`` leaves it open."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    folded: str | None = None


def without_empty(table: Table, nothing: str) -> Table:
    """The table without the columns, the first apart, in which every cell says that there is nothing."""
    kept = [
        index
        for index in range(len(table.columns))
        if index == 0 or any(row.cells[index] != (Span(nothing),) for row in table.rows)
    ]
    rows = tuple(replace(row, cells=tuple(row.cells[index] for index in kept)) for row in table.rows)
    return replace(table, columns=tuple(table.columns[index] for index in kept), rows=rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """Running text; ``tone`` marks the one that is also the page's headline, and what must not be overlooked."""

    spans: Inline
    tone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bullets:
    """A list, with or without a heading of its own."""

    items: tuple[Inline, ...]
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to type into a shell."""

    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A place for a picture; ``name`` and ``question`` say which. Formats without pictures leave it out."""

    name: str
    question: str = ""


Block: TypeAlias = Table | Paragraph | Bullets | Command | Plot


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, where links to it lead, and what stands under it."""

    anchor: str
    title: str
    blocks: tuple[Block, ...] = field(default=())
