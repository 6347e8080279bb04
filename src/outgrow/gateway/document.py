"""The API's own description (OpenAPI): every route, every status it can answer, every problem."""

from __future__ import annotations

from copy import deepcopy
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from fastapi.openapi.utils import get_openapi

from outgrow import __version__
from outgrow.gateway.door import OPEN
from outgrow.gateway.openai_route import CHAT, EMBEDDINGS, MODELS
from outgrow.gateway.shapes import JobIn, Upload
from outgrow.policy.refusal import KINDS, MEDIA_TYPE

if TYPE_CHECKING:
    from fastapi import FastAPI

REF: Final = "#/components/schemas/{model}"

EVERYWHERE: Final = (400, 404, 405, 408, 421, 500, 503)
GUARDED: Final = (401, 403)
WRITES: Final = (402, 413, 415, 422, 429)
CHATS: Final = (400, 402, 404, 409, 413, 415, 422, 429, 502, 503)

PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "description": "Why a request was not done (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "error"],
    "properties": {
        "type": {"type": "string", "description": "`/problems/` and the code"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "rule": {"type": "string", "description": "the rule of the configuration that decided"},
        "retry_after_s": {"type": "number", "description": "when to come back, where waiting helps"},
        "error": {"type": "object", "description": "the same in the shape that OpenAI's clients read"},
    },
}

EVENT_STREAM: Final = {
    "description": "Events, each with its `id`; resume with `Last-Event-ID` or `after`.",
    "content": {"text/event-stream": {"schema": {"type": "string"}}},
}


def describe(app: FastAPI) -> dict[str, Any]:
    """The document of ``app`` and of the OpenAI route beside it."""
    document = get_openapi(
        title="outgrow",
        version=__version__,
        description="Jobs, models and vectors behind one door: keys, data classes, budgets, limits.",
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for model in (JobIn, Upload):
        schema = model.model_json_schema(ref_template=REF)
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer", "bearerFormat": "og_..."}}
    document["paths"] |= deepcopy(OPENAI_PATHS)
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _finish(path, method, operation)
    return document


def _finish(path: str, method: str, operation: dict[str, Any]) -> None:
    """Adds what every operation has in common: its key, and the problems it can answer with."""
    responses = operation.setdefault("responses", {})
    given = {status for status in responses if int(status) >= HTTPStatus.BAD_REQUEST and not _is_own(responses[status])}
    wanted = [*EVERYWHERE, *given]
    if path not in OPEN:
        operation["security"] = [{"key": []}]
        wanted += GUARDED
        wanted += [422, *(() if method == "get" else WRITES)]
    if path in {CHAT, EMBEDDINGS}:
        wanted += CHATS
    for status in map(str, wanted):
        if not _is_own(responses.get(status, {})):
            responses[status] = _problem(int(status))
        elif path == "/readyz":
            responses[status]["content"][MEDIA_TYPE] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    if path.endswith("/events"):
        responses["200"] = EVENT_STREAM


def _is_own(response: dict[str, Any]) -> bool:
    """Does the operation itself say what it answers there?"""
    return "application/json" in response.get("content", {}) and "HTTPValidationError" not in str(response)


def _problem(status: int) -> dict[str, Any]:
    codes = [str(code) for code, (found, _) in KINDS.items() if found == status]
    said = HTTPStatus(status).phrase + (f": {', '.join(codes)}" if codes else "")
    headers = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds, where waiting helps"}}
    return {
        "description": said,
        "headers": headers,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "additionalProperties": True}


def _post(summary: str, says: str, required: list[str], properties: dict[str, Any], streams: dict[str, Any]) -> Any:
    body = {**_object(**properties), "required": required}
    answer = {"application/json": {"schema": _object()}, **streams}
    data = {"type": "string", "enum": ["sensitive", "internal", "public"]}
    return {
        "post": {
            "tags": ["openai"],
            "summary": summary,
            "description": says,
            "parameters": [
                {
                    "name": "X-Outgrow-Data",
                    "in": "header",
                    "required": False,
                    "schema": data,
                    "description": "makes the payload's class stricter, never looser",
                }
            ],
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {"200": {"description": "as the backend answers", "content": answer}},
        }
    }


MODEL: Final = {"type": "string", "description": "the name of a task"}
OPENAI_PATHS: Final[dict[str, Any]] = {
    CHAT: _post(
        "Chat completion",
        "OpenAI's chat completion. `model` names a task; output is bounded by what the task allows.",
        ["model", "messages"],
        {
            "model": MODEL,
            "messages": {"type": "array", "minItems": 1, "items": {"type": "object"}},
            "max_tokens": {"type": ["integer", "null"], "minimum": 1},
            "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
            "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
            "stream": {"type": "boolean"},
        },
        {"text/event-stream": {"schema": {"type": "string"}}},
    ),
    EMBEDDINGS: _post(
        "Embeddings",
        "OpenAI's embeddings. `model` names a task.",
        ["model", "input"],
        {"model": MODEL, "input": {"type": ["string", "array"], "minLength": 1, "minItems": 1}},
        {},
    ),
    MODELS: {
        "get": {
            "tags": ["openai"],
            "summary": "Models",
            "description": "The tasks that this key may use here.",
            "responses": {"200": {"description": "a list", "content": {"application/json": {"schema": _object()}}}},
        }
    },
}
