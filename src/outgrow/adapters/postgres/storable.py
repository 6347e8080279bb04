"""What PostgreSQL takes as text."""

from __future__ import annotations

import re
from typing import Final

UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


def storable(text: str) -> bool:
    """Can a text, or JSON made of it, be stored: no NUL and no half of a surrogate pair?"""
    return UNSTORABLE.search(text) is None
