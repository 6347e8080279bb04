"""Collections of vectors: what one is, what is put into it, and what a search of it asks and answers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MOST_DIMENSIONS: Final = 4000
"""What a ``halfvec`` HNSW index takes. Source: pgvector README, "HNSW"."""

INDEX_ROWS: Final = 20_000
"""Below this no index: at 384 dimensions the exact scan takes about 10 ms and misses nothing (measured)."""

FUSION_K: Final = 60
"""The constant of reciprocal rank fusion. Source: Cormack, Clarke, Buettcher, SIGIR 2009."""


class Metric(StrEnum):
    """How far apart two vectors are: 1 - cosine, Euclidean, or the negative inner product; less is nearer."""

    COSINE = "cosine"
    L2 = "l2"
    IP = "ip"


class Language(StrEnum):
    """How text becomes words. ``korean``: pairs of syllables; ``simple``: as written; the others by their stemmers."""

    SIMPLE = "simple"
    KOREAN = "korean"
    DANISH = "danish"
    DUTCH = "dutch"
    ENGLISH = "english"
    FINNISH = "finnish"
    FRENCH = "french"
    GERMAN = "german"
    HUNGARIAN = "hungarian"
    ITALIAN = "italian"
    NORWEGIAN = "norwegian"
    PORTUGUESE = "portuguese"
    ROMANIAN = "romanian"
    RUSSIAN = "russian"
    SPANISH = "spanish"
    SWEDISH = "swedish"
    TURKISH = "turkish"


class Mode(StrEnum):
    """``auto`` takes the index where there is one; ``exact`` compares every row."""

    AUTO = "auto"
    EXACT = "exact"


class Words(StrEnum):
    """Which rows a text finds: those with any of its words, the better the more, or only those with all.

    ``all`` reads a text as web searches do: "a phrase", -without, one or other; in Korean it knows words only.
    """

    ANY = "any"
    ALL = "all"


class IndexState(StrEnum):
    """Of the HNSW index: not there, one that is being built or was left unfinished, or in use."""

    NONE = "none"
    UNFINISHED = "unfinished"
    READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """``embed_task`` names the task that makes vectors of texts; None: vectors are given."""

    name: str
    dimensions: int
    metric: Metric = Metric.COSINE
    language: Language = Language.SIMPLE
    embed_task: str | None = None
    id: int = 0
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One row. ``vector`` has as many numbers as the collection has dimensions."""

    id: str
    vector: Sequence[float]
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upserted:
    """How many rows were new, changed, or already as given."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Nearest to ``vector``, best for ``text``, or both fused; of the rows that ``where`` lets through.

    Fused by reciprocal ranks: the sum of 1 / (60 + rank) over the two lists, each ``depth`` long (None: four times
    ``limit``, at least 50). ``where`` is in the language of `outgrow.adapters.postgres.filters`.
    """

    vector: Sequence[float] | None = None
    text: str | None = None
    where: Any = None
    limit: int = 10
    mode: Mode = Mode.AUTO
    words: Words = Words.ANY
    depth: int | None = None
    ef_search: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One row found.

    ``distance`` is None where only the text found it. ``score``: the fused one of a hybrid search, the text rank of a
    text search, else None.
    """

    id: str
    distance: float | None
    score: float | None
    text: str
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The matches, best first, and whether an index that may miss rows was used."""

    matches: tuple[Match, ...]
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What a collection takes on disk, as measured now. ``indexes_bytes``: those besides HNSW."""

    rows: int
    table_bytes: int
    hnsw_bytes: int
    indexes_bytes: int
    index: IndexState
