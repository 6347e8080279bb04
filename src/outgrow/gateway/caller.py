"""Who is asking: a key by its secret, and the user that the key speaks for."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from outgrow.adapters.postgres.keys import ADMIN
from outgrow.gateway.problem import Problem, refused
from outgrow.policy.keys import check, digest, holds
from outgrow.policy.refusal import Code, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from outgrow.adapters.postgres.keys import Granted, KeyStore

USER_HEADER = "x-outgrow-user"
LONGEST_USER = 128
KEPT_S = 5.0
MOST_KEPT = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The name of a key, what it may do, for which tasks (None: all), and its user, when it names one."""

    key: str
    scopes: frozenset[str]
    tasks: frozenset[str] | None = None
    user: str | None = None

    @property
    def admin(self) -> bool:
        """May see every job, and administer."""
        return ADMIN in self.scopes

    @property
    def only(self) -> str | None:
        """The key whose jobs this caller may see; None: every key's."""
        return None if self.admin else self.key

    def must(self, scope: str, task: str | None = None) -> None:
        """Raises 403 unless the key has ``scope`` and may use ``task``."""
        if scope not in self.scopes and not self.admin:
            has = ", ".join(sorted(self.scopes))
            raise refused(Refused(code=Code.KEY_SCOPE, detail=f"needed {scope}, the key has: {has}", rule="scopes"))
        if task is not None and self.tasks is not None and task not in self.tasks:
            may = ", ".join(sorted(self.tasks)) or "none"
            raise refused(Refused(code=Code.KEY_SCOPE, detail=f"tasks of this key: {may}", rule="tasks"))


class Callers:
    """Keys as this process knows them: each looked up at most every five seconds, a known revocation at once."""

    def __init__(self, store: KeyStore) -> None:
        """Knows nobody yet."""
        self._store = store
        self._known: OrderedDict[str, tuple[float, Granted | None]] = OrderedDict()

    async def who(self, headers: Mapping[str, str]) -> Caller:
        """The caller of a request with these headers (names in lower case), or 401."""
        secret = _secret(headers)
        granted = None if secret is None else await self._granted(digest(secret))
        found = check(secret, [] if granted is None else [granted.key], datetime.now(UTC))
        if isinstance(found, Refused) or granted is None:
            raise refused(found if isinstance(found, Refused) else Refused(code=Code.BAD_KEY, detail=""), close=True)
        user = headers.get(USER_HEADER)
        if user is not None and (not 0 < len(user) <= LONGEST_USER or not user.isprintable()):
            raise Problem(
                HTTPStatus.BAD_REQUEST, "user", f"X-Outgrow-User: 1 to {LONGEST_USER} printable characters are allowed"
            )
        return Caller(key=found.name, scopes=frozenset(granted.scopes), tasks=found.tasks, user=user)

    async def of_hash(self, sha256: str) -> Caller:
        """The caller whose key has this hash; 401 where it no longer counts."""
        granted = await self._granted(sha256)
        if granted is None or not holds(granted.key, datetime.now(UTC)):
            raise refused(Refused(code=Code.BAD_KEY, detail="the key of this session no longer counts"))
        return Caller(key=granted.key.name, scopes=frozenset(granted.scopes), tasks=granted.key.tasks)

    async def _granted(self, hashed: str) -> Granted | None:
        kept = self._known.get(hashed)
        if kept is not None and time.monotonic() - kept[0] < KEPT_S:
            return kept[1]
        granted = await self._store.find(hashed)
        self._known[hashed] = (time.monotonic(), granted)
        self._known.move_to_end(hashed)
        if len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return granted

    def forget(self) -> None:
        """Looks every key up anew: one was rotated or revoked."""
        self._known.clear()


def _secret(headers: Mapping[str, str]) -> str | None:
    """From ``Authorization``, or for a browser's WebSocket, which cannot set it, from a subprotocol."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and secret.strip():
        return secret.strip()
    for offered in headers.get("sec-websocket-protocol", "").split(","):
        name, _, secret = offered.strip().partition("bearer.")
        if not name and secret:
            return secret
    return None
