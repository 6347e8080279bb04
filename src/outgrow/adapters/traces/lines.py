"""The lines of a log file, a batch at a time: plain or gzip, in little memory, with what is wrong said by line."""

from __future__ import annotations

import gzip
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from outgrow.domain.errors import TraceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import BinaryIO

CHUNK_BYTES: Final = 1 << 19
LONGEST_LINE_BYTES: Final = 1 << 24
GZIP_MAGIC: Final = b"\x1f\x8b"


class Lines:
    """The lines of one file. ``cut`` turns True when the last line had no end: it may have been cut off."""

    def __init__(self, path: Path, progress: Callable[[int], None] | None = None, *, holds: str = "a trace") -> None:
        """``progress`` hears how many lines were read, batch by batch; ``holds`` says what is looked for in it."""
        self.path, self._holds = path, holds
        self.name = path.name
        self.cut = False
        self._progress = progress or (lambda _count: None)

    def head(self, size: int = 1 << 16) -> str:
        """The first bytes as text. Raises `TraceError` for what is no text file."""
        with self._open() as stream:
            raw = self._read(stream, size, 0)
        if not _text(raw).removeprefix("\ufeff").strip():
            raise TraceError(f"{self.path}: the file is empty", hint="is this the right file?")
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise TraceError(f"{self.path}: the text is UTF-16", hint="save it as UTF-8")
        if b"\x00" in raw:
            raise TraceError(
                f"{self.path}: binary, not text", hint="traces are CSV, JSON or log lines, or those in gzip"
            )
        head = _text(raw).removeprefix("\ufeff")
        if "\r" in head and "\n" not in head:
            raise TraceError(f"{self.path}: lines end in CR alone", hint="tr '\\r' '\\n' < OLD > NEW")
        return head

    def first_lines(self) -> list[str]:
        """The first lines, the last of them perhaps cut off."""
        return self.head().replace("\r\n", "\n").split("\n")

    def batches(self) -> Iterator[tuple[int, list[str]]]:
        """Number of the first line (from 1) and the lines of each batch, without their ends."""
        number, rest = 1, b""
        with self._open() as stream:
            while chunk := self._read(stream, CHUNK_BYTES, number):
                body, end, tail = chunk.rpartition(b"\n")
                if not end:
                    rest += chunk
                    if len(rest) > LONGEST_LINE_BYTES:
                        raise TraceError(f"{self.path}:{number}: a line of over {LONGEST_LINE_BYTES:,} bytes")
                    continue
                lines = _text(rest + body).replace("\r\n", "\n").removesuffix("\r").split("\n")
                rest = tail
                yield number, _without_mark(lines, number)
                number += len(lines)
                self._progress(number - 1)
        if rest:
            self.cut = True
            yield number, _without_mark([_text(rest).removesuffix("\r")], number)
            self._progress(number)

    def whole(self, most_bytes: int) -> str:
        """The whole text, where a format cannot be read line by line."""
        with self._open() as stream:
            raw = self._read(stream, most_bytes + 1, 1)
        if len(raw) > most_bytes:
            raise TraceError(
                f"{self.path}: over {most_bytes:,} bytes in one JSON document", hint="ask for a shorter time"
            )
        return _text(raw).removeprefix("\ufeff")

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self.path.is_dir():
            raise TraceError(f"{self.path}: a folder; {self._holds} is one file", hint="cat logs/*.csv > trace.csv")
        try:
            if self.path.is_fifo():
                raise self._pipe()
            raw = self.path.open("rb")
        except FileNotFoundError:
            raise TraceError(f"{self.path}: not found", hint=f"name a file with {self._holds} in it") from None
        except (OSError, ValueError) as problem:
            reason = getattr(problem, "strerror", None) or problem
            raise TraceError(f"{self.path}: cannot be read ({reason})", hint="is it a file you may read?") from None
        with raw:
            if not raw.seekable():
                raise self._pipe()
            if raw.peek(2)[:2] != GZIP_MAGIC:
                yield raw
                return
            with gzip.GzipFile(fileobj=raw, mode="rb") as unpacked:
                yield unpacked  # type: ignore[misc]

    def _pipe(self) -> TraceError:
        return TraceError(f"{self.path}: a pipe; {self._holds} is read twice", hint="write it to a file first")

    def _read(self, stream: BinaryIO, size: int, line: int) -> bytes:
        try:
            return stream.read(size)
        except EOFError:
            raise TraceError(
                f"{self.path}: the gzip file ends in the middle, after line {max(0, line - 1):,}", hint="copy it again"
            ) from None
        except (gzip.BadGzipFile, zlib.error):
            raise TraceError(
                f"{self.path}: cannot be read: the gzip file is damaged, after line {max(0, line - 1):,}",
                hint="copy it again",
            ) from None
        except OSError as problem:
            raise TraceError(f"{self.path}: cannot be read: {getattr(problem, 'strerror', None) or problem}") from None


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _without_mark(lines: list[str], number: int) -> list[str]:
    """Without the byte-order mark some editors put before the first line."""
    if number == 1:
        lines[0] = lines[0].removeprefix("\ufeff")
    return lines
