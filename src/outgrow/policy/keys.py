"""API keys as values: made, hashed, compared, scoped, and rotated with an overlap. Randomness and time are arguments.

Only the sha256 of a key is kept: 32 random bytes need no slow hash, for there is nothing to guess.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from outgrow.policy.refusal import Code, Refused, word

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

PREFIX: Final = "og_"
RANDOM_BYTES: Final = 32
SHOWN: Final = len(PREFIX) + 4

_SHAPE: Final = re.compile(r"og_[A-Za-z0-9_-]{43}")
_INSIDE: Final = re.compile(r"og_[A-Za-z0-9_-]{8,}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key as it is kept. ``shown`` are its first letters, for people to tell keys apart.

    ``tasks`` are those it may call, None for all. ``admin`` lets it see and change what is not its own. It holds from
    ``created_at`` until ``expires_at`` or ``revoked_at``, whichever is first. ``successor`` names the key it was
    rotated to.
    """

    id: str
    name: str
    sha256: str
    shown: str
    created_at: datetime
    tasks: frozenset[str] | None = None
    admin: bool = False
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    successor: str | None = None


def secret_of(random: bytes) -> str:
    """The key made of 32 random bytes: what its owner sees once."""
    if len(random) != RANDOM_BYTES:
        raise ValueError(f"a key is made of {RANDOM_BYTES} random bytes, found {len(random)}")
    return PREFIX + base64.urlsafe_b64encode(random).rstrip(b"=").decode()


def digest(secret: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def new_key(
    random: bytes,
    *,
    id: str,  # noqa: A002 - the word of the value it makes
    name: str,
    now: datetime,
    tasks: Iterable[str] | None = None,
    admin: bool = False,
    expires_at: datetime | None = None,
) -> tuple[str, Key]:
    """A key for its owner, and what is kept of it."""
    secret = secret_of(random)
    kept = Key(
        id=id,
        name=name,
        sha256=digest(secret),
        shown=secret[:SHOWN],
        created_at=now,
        tasks=None if tasks is None else frozenset(tasks),
        admin=admin,
        expires_at=expires_at,
    )
    return secret, kept


def rotated(old: Key, random: bytes, *, id: str, now: datetime, overlap: timedelta) -> tuple[str, Key, Key]:  # noqa: A002
    """A successor with the same name and scope, and the old key, which holds for ``overlap`` more.

    Its owner moves over in that time without an outage. The old key never lives longer than it would have; the
    successor of one that was to expire is given as long a life.
    """
    life = None if old.expires_at is None else now + (old.expires_at - old.created_at)
    secret, successor = new_key(
        random, id=id, name=old.name, now=now, tasks=old.tasks, admin=old.admin, expires_at=life
    )
    end = now + overlap
    return secret, successor, replace(old, expires_at=min(old.expires_at or end, end), successor=id)


def check(presented: str | None, keys: Iterable[Key], now: datetime) -> Key | Refused:
    """Whose key is this? The answer takes as long for a wrong key as for a right one among the same ``keys``."""
    if not presented:
        return _bad("no key was sent; send it as 'Authorization: Bearer og_...'")
    sent = digest(presented)
    found: Key | None = None
    for one in keys:
        found = one if hmac.compare_digest(one.sha256, sent) else found
    if found is None:
        return _bad(
            "the key is not known here" if _SHAPE.fullmatch(presented) else "this is not a key of outgrow: og_..."
        )
    return _bad(f"the key {found.shown}... {_ended(found, now)}") if _ended(found, now) else found


def holds(key: Key, now: datetime) -> bool:
    """Does the key count now?"""
    return not _ended(key, now)


def may_call(key: Key, task: str) -> Refused | None:
    """The refusal of a key that may not call ``task``; None where it may."""
    if key.tasks is None or task in key.tasks:
        return None
    allowed = ", ".join(sorted(key.tasks)) or "none"
    return Refused(
        code=Code.KEY_SCOPE, detail=f"found task {word(task)}, this key may call: {allowed}", rule="key tasks"
    )


def may_administer(key: Key) -> Refused | None:
    """The refusal of a key that is not an admin's."""
    return None if key.admin else Refused(code=Code.KEY_SCOPE, detail="this needs an admin key", rule="key admin")


def redacted(text: str) -> str:
    """``text`` without the keys in it: what a log may show."""
    return _INSIDE.sub(PREFIX + "...", text)


def _ended(key: Key, now: datetime) -> str:
    """Why the key no longer counts, or nothing."""
    if key.revoked_at is not None and key.revoked_at <= now:
        return "was revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return f"expired on {key.expires_at:%Y-%m-%d %H:%M} UTC" + (", its successor counts" if key.successor else "")
    return ""


def _bad(detail: str) -> Refused:
    return Refused(code=Code.BAD_KEY, detail=detail, rule="keys")
