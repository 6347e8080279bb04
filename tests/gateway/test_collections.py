"""`/v1/collections` over HTTP, on a real PostgreSQL: what is asked, what is answered, what is refused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from outgrow.adapters.postgres.connect import open_pool
from outgrow.adapters.postgres.vectors import VectorStore
from outgrow.gateway.caller import Caller
from outgrow.gateway.collections import COLLECTIONS, Collections
from outgrow.gateway.problem import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

WRITER = Caller(key="writer", scopes=frozenset({"vectors"}), tasks=frozenset({"embed"}))
HERE = "/v1/collections"


async def letters(task: str, texts: Sequence[str], caller: Caller) -> list[list[float]]:
    """A vector of how often a, b and c are in a text."""
    assert task in {"embed", "lazy"}
    vectors = [[float(text.count(letter)) + 0.01 for letter in "abc"] for text in texts]
    return vectors[1:] if task == "lazy" else vectors


def app_of(database: str, caller: Caller) -> FastAPI:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        async with open_pool(database) as pool:
            app.state.collections = Collections(store=VectorStore(pool), embed=letters)
            yield

    app = FastAPI(lifespan=life)
    app.include_router(COLLECTIONS)

    @app.middleware("http")
    async def let_in(request: Any, following: Any) -> Any:
        request.scope["caller"] = caller
        return await following(request)

    @app.exception_handler(Problem)
    async def told(request: Any, problem: Problem) -> Any:
        return problem.response()

    return app


@pytest.fixture
def client(database: str) -> Iterator[TestClient]:
    with TestClient(app_of(database, WRITER)) as client:
        yield client


def test_from_nothing_to_matches_and_back(client: TestClient):
    asked = {"name": "notes", "dimensions": 3, "embed_task": "embed", "language": "korean"}
    made = client.post(HERE, json=asked)
    assert made.status_code == 201
    assert made.headers["Location"] == f"{HERE}/notes"
    assert client.post(HERE, json=asked).status_code == 200
    assert client.post(HERE, json={**asked, "metric": "l2"}).status_code == 409
    assert client.get(HERE).json()["collections"] == [made.json()]
    assert client.get(f"{HERE}/notes").json() == made.json()

    items = [
        {"id": "1", "text": "aaa 커피를", "metadata": {"n": 1}},
        {"id": "2", "vector": [0, 1, 0], "metadata": {"n": 2}},
        {"id": "3", "text": "ccc", "metadata": {"n": 3}},
    ]
    stored = client.post(f"{HERE}/notes/upsert", json={"items": items})
    assert stored.json() == {"inserted": 3, "updated": 0, "unchanged": 0}
    assert client.post(f"{HERE}/notes/upsert", json={"items": items}).json()["unchanged"] == 3

    found = client.post(f"{HERE}/notes/query", json={"text": "cc", "embed_text": True, "limit": 2}).json()
    assert found["matches"][0]["id"] == "3"
    found = client.post(f"{HERE}/notes/query", json={"text": "커피"}).json()
    assert [(one["id"], one["distance"]) for one in found["matches"]] == [("1", None)]
    where = {"field": "n", "lt": 3}
    found = client.post(f"{HERE}/notes/query", json={"vector": [0, 0, 1], "where": where}).json()
    assert {one["id"] for one in found["matches"]} == {"1", "2"}
    assert found["indexed"] is False

    kept = client.post(f"{HERE}/notes/fetch", json={"ids": ["2", "x"]}).json()["items"]
    assert kept == [{"id": "2", "vector": [0.0, 1.0, 0.0], "text": "", "metadata": {"n": 2}}]
    size = client.get(f"{HERE}/notes/size").json()
    assert (size["rows"], size["index"]) == (3, "none")
    assert client.post(f"{HERE}/notes/delete", json={"where": where}).json() == {"deleted": 2}
    assert client.post(f"{HERE}/notes/delete", json={"ids": ["1", "3"]}).json() == {"deleted": 1}
    assert client.delete(f"{HERE}/notes").status_code == 204
    assert client.get(f"{HERE}/notes").status_code == 404


REFUSED: list[tuple[str, Any, int]] = [
    ("", {"name": "A b", "dimensions": 3}, 422),
    ("", {"name": "x", "dimensions": 4001}, 422),
    ("", {"name": "x", "dimensions": 3, "metric": "hamming"}, 422),
    ("", {"name": "x", "dimensions": 3, "colour": 1}, 422),
    ("/c/upsert", {"items": []}, 422),
    ("/c/upsert", {"items": [{"id": "a", "vector": [1, 2]}]}, 422),
    ("/c/upsert", {"items": [{"id": "a"}]}, 422),
    ("/c/upsert", {"items": [{"id": "a", "vector": [1, 2, 1e300]}]}, 422),
    ("/c/upsert", {"items": [{"id": "a\x00", "vector": [1, 2, 3]}]}, 422),
    ("/c/upsert", {"items": [{"id": "a", "vector": [1, 2, 3], "metadata": {"x": "\x00"}}]}, 422),
    ("/c/upsert", {"items": [{"id": "a", "vector": [1, 2, 3], "metadata": {"x": 10**4000}}]}, 200),
    ("/c/upsert", {"items": [{"id": "a", "text": "a"}, {"id": "b"}]}, 422),
    ("/c/query", {}, 422),
    ("/c/query", {"vector": [1, 2, 3], "where": {"field": "x"}}, 422),
    ("/c/query", {"vector": [1, 2, 3], "where": {"x": "y"}}, 422),
    ("/c/query", {"vector": [1, 2, 3], "embed_text": True}, 422),
    ("/c/query", {"vector": [1, 2, 3], "limit": 201}, 422),
    ("/c/query", {"vector": [1, 2, 3], "text": "x", "limit": 20, "depth": 10}, 422),
    ("/c/query", {"text": "\x00"}, 422),
    ("/c/query", {"text": "!!!"}, 200),
    ("/c/delete", {}, 422),
    ("/c/delete", {"ids": ["a"], "where": {"field": "x", "eq": 1}}, 422),
    ("/c/delete", {"where": {}}, 422),
    ("/nobody/query", {"text": "x"}, 404),
    ("/nobody/upsert", {"items": [{"id": "a", "vector": [1]}]}, 404),
    ("/lazy/upsert", {"items": [{"id": "a", "text": "a"}]}, 403),
]


def test_what_is_refused_says_so_in_one_sentence(client: TestClient):
    for name in ("c", "lazy"):
        task = "embed" if name == "c" else name
        assert client.post(HERE, json={"name": name, "dimensions": 3, "embed_task": task}).status_code == 201
    for path, body, status in REFUSED:
        answer = client.post(f"{HERE}{path}", json=body)
        assert answer.status_code == status, (path, body, answer.text)
        if status >= 400 and answer.headers["content-type"] == "application/problem+json":
            assert "\n" not in answer.json()["detail"]
    dimension = client.post(f"{HERE}/c/upsert", json={"items": [{"id": "a", "vector": [1, 2]}]}).json()
    assert dimension["detail"] == "items[0].vector: found 2 numbers; c has 3 dimensions"
    infinite = client.post(f"{HERE}/c/query", content=b'{"vector": [1, 2, NaN]}')
    assert infinite.status_code == 422
    assert "/v1/collections/{name}/query" in client.get("/openapi.json").json()["paths"]


def test_a_key_without_the_scope_gets_nothing(database: str):
    stranger = Caller(key="stranger", scopes=frozenset({"jobs.read"}))
    with TestClient(app_of(database, stranger)) as client:
        assert client.get(HERE).status_code == 403
        assert client.post(HERE, json={"name": "x", "dimensions": 3}).status_code == 403


def test_a_task_that_answers_too_few_vectors_is_told(database: str):
    with TestClient(app_of(database, Caller(key="any", scopes=frozenset({"vectors"})))) as client:
        client.post(HERE, json={"name": "lazy", "dimensions": 3, "embed_task": "lazy"})
        answer = client.post(f"{HERE}/lazy/upsert", json={"items": [{"id": "a", "text": "a"}]})
        assert (answer.status_code, answer.json()["detail"]) == (502, "task lazy: 0 vectors for 1 texts")
