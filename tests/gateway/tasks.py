"""What the tests have done: callables of local backends."""

from __future__ import annotations

from typing import Any


def shout(payload: Any) -> Any:
    return {"said": str(payload).upper()}
