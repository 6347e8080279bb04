"""What an instance has beside its own routes: collections, on its database, behind its door, in its document."""

from __future__ import annotations

from .instances import run, running

HERE = "/v1/collections"
NOBODY = "og_nobody"


def test_collections_are_served_behind_the_door_and_searches_are_no_writes(database: str) -> None:
    async def scenario() -> None:
        async with running(database) as one:
            assert (await one.ask("POST", HERE, json={"name": "notes", "dimensions": 3}))[0] == 201
            items = [{"id": name, "vector": vector} for name, vector in (("a", [1, 0, 0]), ("b", [0, 1, 0]))]
            assert (await one.ask("POST", f"{HERE}/notes/upsert", json={"items": items}))[0] == 200
            for _ in range(40):  # far above what may be written at once
                status, found, _ = await one.ask(
                    "POST", f"{HERE}/notes/query", json={"vector": [1, 0.1, 0], "limit": 1}
                )
                assert (status, found["matches"][0]["id"]) == (200, "a")
            assert (await one.ask("POST", f"{HERE}/notes/query", secret=NOBODY, json={"vector": [1, 0, 0]}))[0] == 401
            embedded = {"items": [{"id": "c", "text": "words"}]}
            status, told, _ = await one.ask("POST", f"{HERE}/notes/upsert", json=embedded)
            assert (400 <= status < 500, told["code"] != "internal") == (True, True)
            _, document, _ = await one.ask("GET", "/openapi.json")
            assert f"{HERE}/{{name}}/query" in document["paths"]

    run(scenario)
