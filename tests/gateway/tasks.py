"""What the tests have done: a callable of a local backend, run in a process of its own."""

from __future__ import annotations

import time
from typing import Any


def shout(payload: Any, tell: Any) -> Any:
    if payload.data is not None:
        return {"bytes": len(payload.data), "type": payload.media_type}
    match payload.json:
        case "fail":
            raise ValueError("it cannot be read")
        case "wait":
            time.sleep(60)
        case {"steps": steps}:
            for step in range(steps):
                tell({"step": step})
                time.sleep(0.11)
    return {"said": str(payload.json).upper()}
