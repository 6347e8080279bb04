"""Time stamps as people's logs write them -> seconds since 1970. The first stamp decides how the rest is read.

ISO 8601 with or without a zone (any number of digits of a second), nginx's ``10/Oct/2000:13:55:36 -0700``, epoch
seconds, milliseconds, microseconds or nanoseconds, and seconds from a start somebody chose. Stamps that name a zone are
put on one clock; a file that names one on some lines only is refused.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from operator import add, methodcaller
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
ISO: Final = re.compile(
    r"(?P<y>\d{4})([-/])(?P<m>\d\d)\2(?P<d>\d\d)(?:[T ](?P<H>\d\d):(?P<M>\d\d)(?::(?P<S>\d\d(?:[.,]\d*)?))?)?"
    r"\s?(?P<zone>Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII,
)
NGINX: Final = re.compile(
    r"(?P<d>\d\d)/(?P<b>[A-Z][a-z]{2})/(?P<y>\d{4}):(?P<H>\d\d):(?P<M>\d\d):(?P<S>\d\d(?:\.\d*)?)"
    r"(?: (?P<zone>[+-]\d{4}))?",
    re.ASCII,
)
NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
UNITS_S: Final = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
EPOCH_FROM: Final = 1e8
"""Plain numbers below this (1973 as epoch seconds) count from a start of their own."""

EARLIEST_S, LATEST_S = 0.0, 4.2e9
"""Stamps are between 1970 and 2103."""

ALLOWED = "ISO 8601, YYYY-MM-DD HH:MM:SS, epoch s, ms, us or ns, or 10/Oct/2000:13:55:36 -0700"
MOST_CACHED = 100_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO_HEAD = len("2000-10-10T13:55:")
_NGINX_HEAD = len("10/Oct/2000:13:55:")


class StampError(ValueError):
    """A stamp that cannot be read, or not beside the others. The text says what was found and what is allowed."""


class Clock(Protocol):
    """Reads the stamps of one file.

    ``zoned`` says whether they name a zone, ``offsets`` which ones (seconds east of Greenwich) were met, ``epoch``
    whether they count from 1970.
    """

    zoned: bool
    epoch: bool
    offsets: set[float]

    def many(self, texts: Sequence[str]) -> list[float]:
        """Seconds of each stamp; ValueError if one of them cannot be read."""
        ...

    def one(self, text: str) -> float:
        """Seconds of one stamp. Raises `StampError`."""
        ...


def clock_of(text: str, unit: str | None = None) -> Clock:
    """The clock that reads stamps like this one. ``unit`` (s, ms, us, ns) says what plain numbers count."""
    text = text.strip().strip("[]")
    if NUMBER.fullmatch(text):
        return _Numbers(float(text), unit)
    if ISO.fullmatch(text):
        return _Written(text, ISO, _ISO_HEAD)
    if NGINX.fullmatch(text):
        return _Written(text, NGINX, _NGINX_HEAD)
    raise StampError(f"found {shown(text)}; allowed is {ALLOWED}")


def looks_like_stamp(text: str) -> bool:
    """Is this a written date or an epoch number? Small plain numbers are not told from other numbers."""
    text = text.strip().strip("[]")
    if NUMBER.fullmatch(text):
        return abs(float(text)) >= EPOCH_FROM
    return bool(ISO.fullmatch(text) or NGINX.fullmatch(text))


def shown(text: str) -> str:
    """A value as an error shows it: quoted and short."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


class _Numbers:
    """Plain numbers, all of one unit."""

    zoned = False

    def __init__(self, first: float, unit: str | None) -> None:
        self.epoch = abs(first) >= EPOCH_FROM or (unit is not None and abs(first) * UNITS_S[unit] >= EPOCH_FROM)
        self.offsets: set[float] = set()
        if unit is None:
            unit = next((unit for unit, most in (("s", 1e11), ("ms", 1e14), ("us", 1e17)) if abs(first) < most), "ns")
        self._unit, self._scale = unit, UNITS_S[unit]

    def many(self, texts: Sequence[str]) -> list[float]:
        scale = self._scale
        found = list(map(float, texts)) if scale == 1.0 else [scale * float(text) for text in texts]
        if not (min(found) >= EARLIEST_S and max(found) < LATEST_S and math.isfinite(sum(found))):
            raise StampError("out of range")
        if self.epoch and min(found) < EPOCH_FROM:
            raise StampError("of another unit")
        return found

    def one(self, text: str) -> float:
        text = text.strip()
        if not NUMBER.fullmatch(text):
            like = "an epoch number" if self.epoch else "a number of seconds"
            raise StampError(f"found {shown(text)}; the stamps before are {like}")
        time_s = float(text) * self._scale
        if not EARLIEST_S <= time_s < LATEST_S or (self.epoch and time_s < EPOCH_FROM):
            raise StampError(
                f"found {shown(text)}; the stamps before count in {self._unit}, which gives no day from 1970 to 2103"
            )
        return time_s


class _Written:
    """Dates in words. What precedes the seconds is looked up, since neighbours share it; only seconds are parsed."""

    epoch = True

    def __init__(self, first: str, pattern: re.Pattern[str], head: int) -> None:
        self._pattern, self._head = pattern, head
        self._heads: dict[str, float] = {}
        self.offsets: set[float] = set()
        found = pattern.fullmatch(first)
        self._suffix = "" if found is None else first[found.end("S") :] if found["S"] else "?"
        self.zoned = found is not None and found["zone"] is not None

    def many(self, texts: Sequence[str]) -> list[float]:
        head, heads, suffix = self._head, self._heads, self._suffix
        if suffix == "?" or (suffix and not all(map(methodcaller("endswith", suffix), texts))):
            return [self.one(text) for text in texts]
        keys = [text[:head] for text in texts]
        unknown = set(keys).difference(heads)
        if unknown:
            if len(heads) + len(unknown) > MOST_CACHED:
                heads.clear()
                unknown = set(keys)
            sample = dict(zip(keys, texts, strict=True))
            for key in unknown:
                self.one(sample[key])
        end = -len(suffix) if suffix else None
        try:
            minutes = [heads[key] for key in keys]
            seconds = [float(text[head:end]) for text in texts]
        except (KeyError, ValueError):
            return [self.one(text) for text in texts]
        if not (min(seconds) >= 0 and max(seconds) < 61):
            return [self.one(text) for text in texts]
        return list(map(add, minutes, seconds))

    def one(self, text: str) -> float:
        text = text.strip().strip("[]")
        found = self._pattern.fullmatch(text)
        if found is None:
            raise StampError(f"found {shown(text)}; allowed is {ALLOWED}, all stamps of one kind")
        if (found["zone"] is not None) != self.zoned:
            raise ZoneError(f"found {shown(text)}", zoned=found["zone"] is not None)
        seconds = float((found["S"] or "0").replace(",", "."))
        minute_s = self._minute(found)
        if seconds >= 61 or not EARLIEST_S <= minute_s < LATEST_S:
            raise StampError(f"found {shown(text)}; there is no such time from 1970 to 2103")
        if found["S"] and text[found.end("S") :] == self._suffix:
            self._heads[text[: self._head]] = minute_s
        return minute_s + seconds

    def _minute(self, found: re.Match[str]) -> float:
        month = MONTHS.get(found["b"], 0) if "b" in found.re.groupindex else int(found["m"])
        try:
            day = datetime(
                int(found["y"]), month, int(found["d"]), int(found["H"] or 0), int(found["M"] or 0), tzinfo=UTC
            )
        except ValueError:
            raise StampError(f"found {shown(found[0])}; there is no such time") from None
        offset_s = offset_of(found["zone"]) if found["zone"] else 0.0
        self.offsets.add(offset_s)
        return (day - _EPOCH) / timedelta(seconds=1) - offset_s


class ZoneError(StampError):
    """A stamp with a zone beside stamps without one, or the other way round."""

    def __init__(self, text: str, *, zoned: bool) -> None:
        """``zoned``: this one has a zone."""
        super().__init__(text)
        self.zoned = zoned


def offset_of(zone: str) -> float:
    """Seconds east of Greenwich of ``Z``, ``UTC``, ``+09:00``, ``-0700`` or ``+09``."""
    if zone[0] not in "+-":
        return 0.0
    digits = zone[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:] or 0)
    if hours > 15 or minutes > 59:
        raise StampError(f"found zone {zone!r}; allowed is -15:59 to +15:59")
    return (hours * 3600.0 + minutes * 60.0) * (-1 if zone[0] == "-" else 1)


def offset_name(offset_s: float) -> str:
    """``UTC`` or ``+09:00``."""
    if offset_s == 0:
        return "UTC"
    minutes = round(abs(offset_s) / 60)
    return f"{'-' if offset_s < 0 else '+'}{minutes // 60:02d}:{minutes % 60:02d}"
