"""The gateway as one ASGI app: the door, and behind it the OpenAI route and everything else."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from outgrow.adapters.postgres.spend import NO_DATABASE
from outgrow.adapters.postgres.vectors import VectorStore
from outgrow.gateway.admin import KEYS
from outgrow.gateway.collections import COLLECTIONS, Collections
from outgrow.gateway.document import describe
from outgrow.gateway.door import Door
from outgrow.gateway.health import HEALTH
from outgrow.gateway.jobs import JOBS, invalid
from outgrow.gateway.openai_route import CHAT, EMBEDDINGS, MODELS, OpenAI
from outgrow.gateway.pages.entry import is_page
from outgrow.gateway.pages.pages import PAGES
from outgrow.gateway.pages.show import problem_page
from outgrow.gateway.problem import Problem, away, internal
from outgrow.gateway.progress import PROGRESS
from outgrow.gateway.runs import last_door
from outgrow.gateway.warm import WARM

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from outgrow.adapters.backends.http import Calls
    from outgrow.gateway.runtime import Runtime

HOT = frozenset({CHAT, EMBEDDINGS, MODELS})


def build_app(runtime: Runtime, calls: Calls) -> Door:
    """The app of one instance. ``calls`` reaches the backends of the OpenAI route."""
    api, openai = build_api(runtime), OpenAI(runtime, calls, last_door(runtime.config))

    async def either(scope: Any, receive: Any, send: Any) -> None:
        hot = scope["type"] == "http" and scope["path"] in HOT
        await (openai(scope, receive, send) if hot else api(scope, receive, send))

    return Door(either, runtime)


def build_api(runtime: Runtime | None = None) -> FastAPI:
    """Everything but the OpenAI route; without a runtime it can only be described."""
    api = FastAPI(title="outgrow", docs_url=None, redoc_url=None, redirect_slashes=False, openapi_url="/openapi.json")
    api.state.runtime = runtime
    if runtime is not None:
        api.state.collections = Collections(store=VectorStore(runtime.pool))
    for router in (JOBS, PROGRESS, WARM, COLLECTIONS, KEYS, HEALTH, PAGES):
        api.include_router(router)
    api.add_exception_handler(Problem, _problem)  # type: ignore[arg-type]
    api.add_exception_handler(Exception, _failed)
    for away_by in NO_DATABASE:
        api.add_exception_handler(away_by, _away)
    api.add_exception_handler(RequestValidationError, _invalid)
    api.add_exception_handler(HTTPException, _http)
    document: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not document:
            document.update(describe(api))
        return document

    api.openapi = openapi  # type: ignore[method-assign]
    return api


async def _problem(connection: Request | WebSocket, problem: Exception) -> Response | None:
    assert isinstance(problem, Problem)
    caller = connection.scope.get("caller")
    connection.app.state.runtime.turned(problem, caller.key if caller else None)
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(problem.response())
        return None
    return _answer(connection, problem)


def _answer(request: Request, problem: Problem) -> Response:
    """In the shape that whoever asked can read."""
    return problem_page(request, problem) if is_page(request.url.path) else problem.response()


async def _failed(request: Request, problem: Exception) -> Response:
    """The door logs what it was; its text may hold a payload."""
    return _answer(request, internal())


async def _away(request: Request, problem: Exception) -> Response:
    request.app.state.runtime.log.tell("database-away", error=type(problem).__name__)
    return _answer(request, away())


async def _invalid(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    return _answer(request, invalid(problem.errors()))


async def _http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    code = HTTPStatus(problem.status_code).phrase.lower().replace(" ", "-")
    said = {404: "there is nothing at this path", 405: "this path does not take this method"}
    detail = said.get(problem.status_code, "the request cannot be served")
    return _answer(request, Problem(problem.status_code, code, detail, headers=problem.headers))
