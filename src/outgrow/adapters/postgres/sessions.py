"""Sessions of the pages: a random cookie for a key, so that no browser keeps the key itself."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from outgrow.policy.keys import digest

if TYPE_CHECKING:
    from outgrow.adapters.postgres.pool import Pool

LIFE_S: Final = 12 * 3600
RANDOM_BYTES: Final = 32

_OPEN: Final = """
with gone as (delete from outgrow.session where expires_at <= now())
insert into outgrow.session (sha256, key_sha256, expires_at) values (%s, %s, now() + make_interval(secs => %s))
"""


class Sessions:
    """The table ``session``. Only hashes are in it: neither a cookie nor a key can be read from it."""

    def __init__(self, pool: Pool) -> None:
        """Reads and writes through ``pool``."""
        self._pool = pool

    async def open(self, key_sha256: str, life_s: float = LIFE_S) -> str:
        """The cookie of a new session for the key of this hash."""
        cookie = secrets.token_urlsafe(RANDOM_BYTES)
        async with self._pool.connection() as connection:
            await connection.execute(_OPEN, [digest(cookie), key_sha256, life_s])
        return cookie

    async def key_of(self, cookie: str) -> str | None:
        """The hash of the key a session is for; None where it is unknown or has expired."""
        async with self._pool.connection() as connection:
            found = await connection.execute(
                "select key_sha256 from outgrow.session where sha256 = %s and expires_at > now()", [digest(cookie)]
            )
            row = await found.fetchone()
        return None if row is None else str(row[0])

    async def close(self, cookie: str) -> None:
        """Ends it on every instance."""
        async with self._pool.connection() as connection:
            await connection.execute("delete from outgrow.session where sha256 = %s", [digest(cookie)])
