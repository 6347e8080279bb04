"""What a request of the OpenAI route asks for, and the most tokens it may use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from outgrow.gateway.problem import Problem, refused
from outgrow.policy.refusal import too_many_tokens, unreadable_body

if TYPE_CHECKING:
    from outgrow.domain.backend import Task

PER_MESSAGE: Final = 16
"""Tokens that the template of a chat adds to a message, at most."""

PER_PART: Final = 4_096
"""Tokens of an image or a sound, at most."""

BYTES_A_TOKEN: Final = 8
"""No usual text has more bytes in a token; one that would have is refused by its length."""

MOST_CHOICES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call: its body as the backend gets it, but for the model's name, and what it may use at most."""

    body: dict[str, Any]
    model: str
    stream: bool
    usage_wanted: bool
    input_tokens: int
    output_tokens: int


def model_of(body: dict[str, Any]) -> str:
    """The name of the task. Raises a `Problem` when there is none."""
    model = body.get("model")
    if not isinstance(model, str):
        raise refused(unreadable_body("model: the name of a task is expected; GET /v1/models lists them"))
    return model


def chat(body: dict[str, Any], task: Task) -> Asked:
    """A chat completion, with its output bounded by the task where it bounds none itself."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise refused(unreadable_body("messages: a list with at least one message is expected"))
    choices = _whole(body, "n", 1, most=MOST_CHOICES)
    limited = "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    most = body.get(limited)
    each = task.output_tokens // choices if most is None else _whole(body, limited, 1)
    if task.output_tokens and (each * choices > task.output_tokens or each == 0):
        raise refused(too_many_tokens("output", max(each, 1) * choices, task.output_tokens, task.name))
    stream = body.get("stream") is True
    options = body.get("stream_options")
    usage_wanted = isinstance(options, dict) and options.get("include_usage") is True
    sent = dict(body)
    if each:
        sent[limited] = each
    if stream:
        sent["stream_options"] = {**(options if isinstance(options, dict) else {}), "include_usage": True}
    tools = _size(body.get("tools")) + _size(body.get("response_format")) + _size(body.get("functions"))
    return Asked(
        body=sent,
        model=task.name,
        stream=stream,
        usage_wanted=usage_wanted,
        input_tokens=_bounded(sum(_tokens(one) for one in messages) + tools, task),
        output_tokens=each * choices,
    )


def embeddings(body: dict[str, Any], task: Task) -> Asked:
    """Vectors of texts."""
    texts = body.get("input")
    if not isinstance(texts, (str, list)) or not texts:
        raise refused(unreadable_body("input: a text, or a list of texts or tokens, is expected"))
    return Asked(
        body=dict(body),
        model=task.name,
        stream=False,
        usage_wanted=True,
        input_tokens=_bounded(_text_tokens(texts), task),
        output_tokens=0,
    )


def encoded(asked: Asked, model: str | None) -> bytes:
    """The body for a backend, in the name that its model has there."""
    return json.dumps({**asked.body, "model": model or asked.model}, ensure_ascii=False).encode()


def _bounded(most: int, task: Task) -> int:
    """``most`` tokens by the bytes; refused when there must be more than the task allows."""
    least = most // BYTES_A_TOKEN
    if task.input_tokens and least > task.input_tokens:
        raise refused(too_many_tokens("input", most, task.input_tokens, task.name))
    return most


def _tokens(message: Any) -> int:
    if not isinstance(message, dict):
        raise refused(unreadable_body("messages: every message is an object"))
    content = message.get("content")
    rest = _size({name: value for name, value in message.items() if name != "content"})
    if isinstance(content, list):
        return PER_MESSAGE + rest + sum(_part(part) for part in content)
    return PER_MESSAGE + rest + _size(content)


def _part(part: Any) -> int:
    if isinstance(part, dict) and part.get("type") not in {"text", "refusal"}:
        return PER_PART
    return _size(part)


def _text_tokens(texts: Any) -> int:
    """A text has at most a token a byte; a number is a token."""
    if isinstance(texts, str):
        return len(texts.encode()) + PER_MESSAGE
    return sum(1 if isinstance(one, int) else _text_tokens(one) if isinstance(one, (str, list)) else 1 for one in texts)


def _size(value: Any) -> int:
    """Bytes of a value as text."""
    if value is None:
        return 0
    return len(value.encode()) if isinstance(value, str) else len(json.dumps(value, ensure_ascii=False).encode())


def _whole(body: dict[str, Any], name: str, default: int, *, most: int = 10_000_000) -> int:
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", f"{name}: a whole number from 1 to {most} is allowed")
    return value
