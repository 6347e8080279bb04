"""`/v1/collections`: vectors with text and metadata, kept, filtered and searched.

The router finds what it works with in the app: ``app.state.collections`` is a `Collections`, and the door puts the
`Caller` into ``scope["caller"]``. Every key with the scope ``vectors`` sees every collection: a service's writer and
its web part have keys of their own and share them.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import HTTPConnection

from outgrow.adapters.postgres.vectors import LONGEST_ID, LONGEST_TEXT, MOST_ITEMS, VectorStore
from outgrow.catalog.vectors import vector_size
from outgrow.domain.collection import (
    MOST_DIMENSIONS,
    Collection,
    IndexState,
    Item,
    Language,
    Metric,
    Mode,
    Query,
    Words,
)
from outgrow.domain.errors import CollectionConflict, UnknownCollection, VectorError
from outgrow.gateway.caller import Caller
from outgrow.gateway.problem import Problem, not_found

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

SCOPE: Final = "vectors"
COLLECTIONS = APIRouter(prefix="/v1/collections", tags=["collections"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Collections:
    """The store, and how texts become vectors.

    ``embed`` gets the name of a task, texts and who asks, and answers a vector a text, in order. It is the one that
    asks policy, budgets and meters: a text is a payload like any other. It raises `Problem`. None: nothing embeds.
    """

    store: VectorStore
    embed: Callable[[str, Sequence[str], Caller], Awaitable[Sequence[Sequence[float]]]] | None = None


def collections_of(connection: HTTPConnection) -> Collections:
    """What the app was given."""
    found: Collections = connection.app.state.collections
    return found


def caller_of(connection: HTTPConnection) -> Caller:
    """Whom the door let in, if its key has the scope."""
    caller: Caller = connection.scope["caller"]
    caller.must(SCOPE)
    return caller


TheCollections = Annotated[Collections, Depends(collections_of)]
TheCaller = Annotated[Caller, Depends(caller_of)]
Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="the name of the collection")]
Number = Annotated[float, Field(allow_inf_nan=False)]
Vector = Annotated[list[Number], Field(min_length=1, max_length=MOST_DIMENSIONS)]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=MOST_ITEMS)]
FILTER: Final = (
    'one of {"field": NAME, TEST: VALUE, ...} with the tests eq, ne, in, has, exists, gt, gte, lt, lte;'
    ' {"and": [...]}; {"or": [...]}; {"not": {...}}'
)
Filter = Annotated[dict[str, Any] | None, Field(description=FILTER)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CollectionIn(_Shape):
    """A collection to be made."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    dimensions: int = Field(ge=1, le=MOST_DIMENSIONS)
    metric: Metric = Metric.COSINE
    language: Language = Field(default=Language.SIMPLE, description="how text becomes words, for full text search")
    embed_task: str | None = Field(default=None, max_length=100, description="the task that makes vectors of texts")


class CollectionOut(_Shape):
    """A collection."""

    name: str
    dimensions: int
    metric: Metric
    language: Language
    embed_task: str | None


class CollectionsOut(_Shape):
    """All collections, by name."""

    collections: list[CollectionOut]


class SizeOut(_Shape):
    """Measured: what is on disk now. ``computed_*``: by formula, for as many rows, without text and metadata."""

    rows: int
    index: IndexState
    table_bytes: int
    hnsw_bytes: int
    other_indexes_bytes: int
    computed_table_bytes: int
    computed_hnsw_bytes: int
    computed_resident_bytes: int


class ItemIn(_Shape):
    """A row. Without ``vector``, the collection's task makes it of ``text``."""

    id: Id
    vector: Vector | None = None
    text: str = Field(default="", max_length=LONGEST_TEXT)
    metadata: dict[str, Any] = Field(default_factory=dict)


class UpsertIn(_Shape):
    """Rows to be there: all or none."""

    items: list[ItemIn] = Field(min_length=1, max_length=MOST_ITEMS)


class UpsertOut(_Shape):
    """How many were new, changed, or already as given."""

    inserted: int
    updated: int
    unchanged: int


class DeleteIn(_Shape):
    """Which rows are to go: by id, or by filter."""

    ids: Ids | None = None
    where: Filter = None


class DeleteOut(_Shape):
    """How many there were."""

    deleted: int


class FetchIn(_Shape):
    """Rows by id."""

    ids: Ids


class ItemOut(_Shape):
    """A row as it is kept."""

    id: str
    vector: list[float]
    text: str
    metadata: dict[str, Any]


class ItemsOut(_Shape):
    """Those that are there, by id."""

    items: list[ItemOut]


class QueryIn(_Shape):
    """Nearest to ``vector``, best for ``text``, or both fused by reciprocal ranks: the sum of 1 / (60 + rank).

    ``embed_text``: the collection's task makes the vector of ``text``, so that one text asks both ways.
    """

    vector: Vector | None = None
    text: str | None = Field(default=None, min_length=1, max_length=2000)
    embed_text: bool = False
    where: Filter = None
    limit: int = Field(default=10, ge=1, le=200)
    mode: Mode = Mode.AUTO
    words: Words = Words.ANY
    depth: int | None = Field(default=None, ge=1, le=1000, description="how long each list is before they are fused")
    ef_search: int = Field(default=100, ge=1, le=1000, description="more finds more, and takes longer")


class MatchOut(_Shape):
    """A row found; ``distance`` is null where only the text found it."""

    id: str
    distance: float | None
    score: float | None
    text: str
    metadata: dict[str, Any]


class FoundOut(_Shape):
    """The best first; ``indexed``: by an index, which may miss some."""

    matches: list[MatchOut]
    indexed: bool


@COLLECTIONS.post("", status_code=HTTPStatus.CREATED, responses={200: {"model": CollectionOut}, 409: {}})
async def create(asked: CollectionIn, response: Response, of: TheCollections, caller: TheCaller) -> CollectionOut:
    """Makes a collection. 201: it is new; 200: it is there with the same settings; 409: with others."""
    collection, made = await _told(of.store.create(Collection(**asked.model_dump())))
    if not made:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = f"/v1/collections/{collection.name}"
    return _out(collection)


@COLLECTIONS.get("")
async def browse(of: TheCollections, caller: TheCaller) -> CollectionsOut:
    """All collections."""
    return CollectionsOut(collections=[_out(one) for one in await of.store.list()])


@COLLECTIONS.get("/{name}", responses={404: {}})
async def look(name: Name, of: TheCollections, caller: TheCaller) -> CollectionOut:
    """The collection."""
    return _out(await _told(of.store.get(name)))


@COLLECTIONS.delete("/{name}", status_code=HTTPStatus.NO_CONTENT, responses={404: {}, 409: {}})
async def drop(name: Name, of: TheCollections, caller: TheCaller) -> None:
    """Drops the collection with all its rows."""
    await _told(of.store.drop(name))


@COLLECTIONS.get("/{name}/size", responses={404: {}})
async def size(name: Name, of: TheCollections, caller: TheCaller) -> SizeOut:
    """What it takes on disk, measured and computed, and what should stay in memory."""
    collection = await _told(of.store.get(name))
    stored = await _told(of.store.stored(name))
    computed = vector_size(stored.rows, collection.dimensions)
    return SizeOut(
        rows=stored.rows,
        index=stored.index,
        table_bytes=stored.table_bytes,
        hnsw_bytes=stored.hnsw_bytes,
        other_indexes_bytes=stored.indexes_bytes,
        computed_table_bytes=computed.table_bytes,
        computed_hnsw_bytes=computed.hnsw_bytes,
        computed_resident_bytes=computed.resident_bytes,
    )


@COLLECTIONS.post("/{name}/upsert", responses={404: {}, 502: {}})
async def upsert(name: Name, asked: UpsertIn, of: TheCollections, caller: TheCaller) -> UpsertOut:
    """Stores rows, all or none. The same again changes nothing."""
    collection = await _told(of.store.get(name))
    missing = [one.text for one in asked.items if one.vector is None]
    made = iter(await _embedded(of, collection, missing, caller) if missing else ())
    items = [
        Item(
            id=one.id,
            vector=next(made) if one.vector is None else one.vector,
            text=one.text,
            metadata=one.metadata,
        )
        for one in asked.items
    ]
    done = await _told(of.store.upsert(name, items))
    return UpsertOut(inserted=done.inserted, updated=done.updated, unchanged=done.unchanged)


@COLLECTIONS.post("/{name}/delete", responses={404: {}})
async def delete(name: Name, asked: DeleteIn, of: TheCollections, caller: TheCaller) -> DeleteOut:
    """Deletes rows by id or by filter; those that are not there are no mistake."""
    return DeleteOut(deleted=await _told(of.store.delete(name, asked.ids, asked.where)))


@COLLECTIONS.post("/{name}/fetch", responses={404: {}})
async def fetch(name: Name, asked: FetchIn, of: TheCollections, caller: TheCaller) -> ItemsOut:
    """Rows by id, with their vectors."""
    items = await _told(of.store.fetch(name, asked.ids))
    return ItemsOut(
        items=[ItemOut(id=one.id, vector=list(one.vector), text=one.text, metadata=dict(one.metadata)) for one in items]
    )


@COLLECTIONS.post("/{name}/query", responses={404: {}, 502: {}})
async def query(name: Name, asked: QueryIn, of: TheCollections, caller: TheCaller) -> FoundOut:
    """The best matches: nearest neighbours, full text, or both; of the rows that ``where`` lets through."""
    vector: Sequence[float] | None = asked.vector
    if asked.embed_text:
        if vector is not None or asked.text is None:
            raise _bad("embed_text: needs text and no vector")
        vector = (await _embedded(of, await _told(of.store.get(name)), [asked.text], caller))[0]
    wanted = Query(**asked.model_dump(exclude={"vector", "embed_text"}), vector=vector)
    found = await _told(of.store.search(name, wanted))
    matches = [
        MatchOut(id=one.id, distance=one.distance, score=one.score, text=one.text, metadata=one.metadata)
        for one in found.matches
    ]
    return FoundOut(matches=matches, indexed=found.indexed)


async def _embedded(
    of: Collections, collection: Collection, texts: Sequence[str], caller: Caller
) -> Sequence[Sequence[float]]:
    """A vector a text, by the collection's task."""
    if collection.embed_task is None or of.embed is None:
        raise _bad(f"collection {collection.name}: no task makes vectors of texts here; give a vector with every item")
    if not all(texts):
        raise _bad("items: one has neither vector nor text")
    caller.must(SCOPE, collection.embed_task)
    vectors = await of.embed(collection.embed_task, texts, caller)
    if len(vectors) != len(texts):
        raise Problem(
            HTTPStatus.BAD_GATEWAY,
            "embedding",
            f"task {collection.embed_task}: {len(vectors)} vectors for {len(texts)} texts",
        )
    return vectors


def _out(collection: Collection) -> CollectionOut:
    return CollectionOut(
        name=collection.name,
        dimensions=collection.dimensions,
        metric=collection.metric,
        language=collection.language,
        embed_task=collection.embed_task,
    )


Answer = TypeVar("Answer")


async def _told(work: Awaitable[Answer]) -> Answer:
    """What the store answers, or its refusal as a problem."""
    try:
        return await work
    except UnknownCollection:
        raise not_found("collection") from None
    except CollectionConflict as problem:
        raise Problem(HTTPStatus.CONFLICT, "collection-conflict", _sentence(problem)) from None
    except VectorError as problem:
        raise _bad(_sentence(problem)) from None


def _sentence(problem: VectorError) -> str:
    return f"{problem.message}; {problem.hint}" if problem.hint else problem.message


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "vectors", detail)
