"""What the emulated OpenAI-compatible server says: words counted as tokens, the same for the same request."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
MODELS = ("small", "large", "embed")
DIMENSIONS = 8


def prompt_tokens(body: dict[str, Any]) -> int:
    """Words of all messages, or of the input."""
    if "messages" in body:
        return sum(len(_text(message.get("content")).split()) for message in body["messages"])
    given = body.get("input", "")
    return sum(len(str(text).split()) for text in (given if isinstance(given, list) else [given]))


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def reply(body: dict[str, Any]) -> list[str]:
    """As many words as ``max_tokens`` allows, 16 unless it says."""
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 16
    return [WORDS[place % len(WORDS)] for place in range(int(most))]


def usage(prompt: int, completion: int) -> dict[str, int]:
    """The counts as the API words them."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def completion(body: dict[str, Any]) -> dict[str, Any]:
    """The whole answer to a chat request."""
    words = reply(body)
    return {
        "id": "chatcmpl-emulated",
        "object": "chat.completion",
        "created": 1_800_000_000,
        "model": body.get("model", "small"),
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": " ".join(words)}, "finish_reason": "stop"}
        ],
        "usage": usage(prompt_tokens(body), len(words)),
    }


def chunks(body: dict[str, Any]) -> Iterator[bytes]:
    """The answer as server-sent events; the usage last, where it was asked for."""
    words = reply(body)
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    for place, word in enumerate(words):
        delta: dict[str, Any] = {"content": word if place == 0 else f" {word}"}
        yield _event(body, [{"index": 0, "delta": delta, "finish_reason": None}], asked=asked)
    yield _event(body, [{"index": 0, "delta": {}, "finish_reason": "stop"}], asked=asked)
    if asked:
        yield _event(body, [], asked=True, counts=usage(prompt_tokens(body), len(words)))
    yield b"data: [DONE]\n\n"


def _event(body: dict[str, Any], choices: list[Any], *, asked: bool, counts: dict[str, int] | None = None) -> bytes:
    chunk: dict[str, Any] = {
        "id": "chatcmpl-emulated",
        "object": "chat.completion.chunk",
        "created": 1_800_000_000,
        "model": body.get("model", "small"),
        "choices": choices,
    }
    if asked:
        chunk["usage"] = counts
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def embeddings(body: dict[str, Any]) -> dict[str, Any]:
    """One unit vector a text, from a hash of it."""
    given = body.get("input", "")
    texts = given if isinstance(given, list) else [given]
    return {
        "object": "list",
        "model": body.get("model", "embed"),
        "data": [
            {"object": "embedding", "index": place, "embedding": _vector(str(t))} for place, t in enumerate(texts)
        ],
        "usage": {"prompt_tokens": prompt_tokens(body), "total_tokens": prompt_tokens(body)},
    }


def _vector(text: str) -> list[float]:
    raw = [byte - 127.5 for byte in hashlib.sha256(text.encode()).digest()[:DIMENSIONS]]
    length = math.sqrt(sum(part * part for part in raw))
    return [part / length for part in raw]


def models() -> dict[str, Any]:
    """What may be asked for."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": 1_800_000_000, "owned_by": "emulator"} for name in MODELS],
    }
