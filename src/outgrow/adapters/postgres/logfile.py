"""The server's log: a file that stays small."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MOST_BYTES = 4_000_000
KEPT_BYTES = 1_000_000


def bound(file: Path, most: int = MOST_BYTES, kept: int = KEPT_BYTES) -> None:
    """Cuts a log that grew past ``most`` bytes down to its last ``kept``. Whoever appends to it goes on at its end."""
    try:
        if file.stat().st_size <= most:
            return
        with file.open("r+b") as stream:
            stream.seek(-kept, 2)
            stream.readline()
            last = stream.read()
            stream.seek(0)
            stream.truncate()
            stream.write(last)
    except FileNotFoundError:
        return


def last_lines(file: Path, count: int = 3) -> str:
    """The end of the log, on one line."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - 4000))
            return " / ".join(stream.read().decode(errors="replace").strip().splitlines()[-count:])
    except OSError:
        return ""
