"""The worker process of a local backend: ``python -m outgrow.adapters.backends.local_child MODULE:NAME``.

It calls the function with one `Payload` after the other (and, where it takes a second argument, with a function to
tell progress to) and exits when the process that started it is gone. Frames are a
letter, a length and bytes; what the function prints goes to where errors go, never between the frames.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import queue
import signal
import struct
import sys
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD: Final = struct.Struct("!cI")
READY, BROKEN, STARTED, PROGRESS, DONE, FAILED, TASK, BYTES = b"R", b"X", b"S", b"P", b"D", b"F", b"T", b"B"


def frame(kind: bytes, body: bytes) -> bytes:
    """One frame."""
    return HEAD.pack(kind, len(body)) + body


def main() -> None:
    """Serves until there is nobody left to serve."""
    given, out = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    lock = threading.Lock()

    def say(kind: bytes, value: Any) -> None:
        body = json.dumps(value).encode()
        with lock:
            out.write(frame(kind, body))
            out.flush()

    tasks: queue.SimpleQueue[tuple[dict[str, Any], bytes | None]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(given, tasks), daemon=True).start()
    try:
        call = _load(sys.argv[1])
    except BaseException as error:  # noqa: BLE001 - whatever an import raises is the answer
        say(BROKEN, {"type": type(error).__name__, "message": str(error)})
        return
    say(READY, None)
    while True:
        head, data = tasks.get()
        say(STARTED, None)
        _one(call, head, data, say)


def _load(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    call: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    if not callable(call):
        raise TypeError(f"{name} is not callable")
    return call if _takes_two(call) else lambda payload, _: call(payload)


def _takes_two(call: Callable[..., Any]) -> bool:
    """Does it take the payload and whom to tell of progress, or the payload alone?"""
    try:
        inspect.signature(call).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


def _one(call: Callable[..., Any], head: dict[str, Any], data: bytes | None, say: Callable[[bytes, Any], None]) -> None:
    from outgrow.domain.job import Payload

    try:
        payload = Payload(json=head["json"], data=data, media_type=head["media_type"])
        result = call(payload, lambda progress: say(PROGRESS, progress))
        say(DONE, {"result": result, "rss_mib": _rss_mib()})
    except Exception as error:  # noqa: BLE001 - a failure of the function is its answer
        say(FAILED, {"type": type(error).__name__, "message": str(error), "rss_mib": _rss_mib()})


def _listen(given: BinaryIO, tasks: queue.SimpleQueue[tuple[dict[str, Any], bytes | None]]) -> None:
    while True:
        kind, body = _read(given)
        head = json.loads(body)
        data = _read(given)[1] if head["has_data"] else None
        tasks.put((head, data))
        assert kind == TASK


def _read(given: BinaryIO) -> tuple[bytes, bytes]:
    raw = given.read(HEAD.size)
    if len(raw) < HEAD.size:
        _leave()
    kind, length = HEAD.unpack(raw)
    body = given.read(length)
    if len(body) < length:
        _leave()
    return kind, body


def _leave() -> None:
    """Ends this process and all it started: whoever waited for an answer is gone."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(0)


def _rss_mib() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
