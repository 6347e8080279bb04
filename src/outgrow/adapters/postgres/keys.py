"""API keys in the database: made, found by their hash, rotated, revoked; and the log of who did it."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from psycopg.types.json import Jsonb

from outgrow.domain.errors import OutgrowError
from outgrow.policy.keys import RANDOM_BYTES, Key, new_key, rotated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

ADMIN: Final = "admin"
SCOPES: Final = ("jobs.write", "jobs.read", "chat", "vectors", "metrics", ADMIN)
USER_SCOPES: Final = ("jobs.write", "jobs.read", "chat", "vectors")
NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
COLUMNS: Final = "id, name, sha256, shown, created_at, tasks, expires_at, revoked_at, successor, scopes"
KEY_CHANNEL: Final = "outgrow_key"


class KeyProblem(OutgrowError):  # noqa: N818 - as its neighbours in words
    """A key cannot be made, found or changed as asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """A key and what it may do. Jobs, budgets and limits belong to its name, which a rotation keeps."""

    key: Key
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One line of the audit log: who did what to whom."""

    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class KeyStore:
    """The table ``api_key`` and the log ``audit``. Every change writes both in one transaction."""

    def __init__(self, pool: AsyncConnectionPool[Any]) -> None:
        """Reads and writes through ``pool``."""
        self._pool = pool

    async def create(
        self,
        name: str,
        scopes: Iterable[str] = USER_SCOPES,
        *,
        tasks: Iterable[str] | None = None,
        expires_in_s: float | None = None,
        actor: str,
    ) -> tuple[str, Granted]:
        """The secret of a new key, which is nowhere afterwards, and what is kept of it."""
        wanted = tuple(dict.fromkeys(scopes))
        _check(name, wanted)
        now = datetime.now(UTC)
        end = None if expires_in_s is None else now + timedelta(seconds=expires_in_s)
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(
                "update outgrow.api_key set revoked_at = expires_at where name = %s and expires_at <= now()"
                " and successor is null and revoked_at is null",
                (name,),
            )
            if await _present(connection, name):
                raise KeyProblem(
                    f"key {name!r} exists already",
                    hint=f"`outgrow keys rotate {name}` gives it a new secret; or choose another name",
                )
            secret, made = await _make(connection, name, wanted, tasks, end)
            await _note(connection, actor, "key.create", name, {"scopes": wanted, "id": made.key.id})
        return secret, made

    async def first_admin(self) -> str | None:
        """The secret of a first admin key, or None when there has ever been one; two instances make one."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("lock table outgrow.api_key in exclusive mode")
            found = await connection.execute("select 1 from outgrow.api_key where 'admin' = any(scopes) limit 1")
            if await found.fetchone():
                return None
            secret, made = await _make(connection, ADMIN, SCOPES, None, None)
            await _note(connection, "outgrow serve", "key.create", ADMIN, {"scopes": SCOPES, "id": made.key.id})
        return secret

    async def find(self, sha256: str) -> Granted | None:
        """The key of a hashed secret, whether it still counts or not."""
        async with self._pool.connection() as connection:
            row = await (
                await connection.execute(f"select {COLUMNS} from outgrow.api_key where sha256 = %s", (sha256,))  # noqa: S608
            ).fetchone()
        return None if row is None else _granted(row)

    async def everything(self) -> list[Granted]:
        """Every key there has been, newest last."""
        async with self._pool.connection() as connection:
            rows = await connection.execute(f"select {COLUMNS} from outgrow.api_key order by created_at, id")  # noqa: S608
            return [_granted(row) for row in await rows.fetchall()]

    async def rotate(self, name: str, overlap_s: float, *, actor: str) -> tuple[str, Granted]:
        """A new secret for ``name``; the present one works for ``overlap_s`` more, so that nobody is locked out."""
        async with self._pool.connection() as connection, connection.transaction():
            old = await _present(connection, name)
            if old is None:
                raise _unknown(name)
            secret, key, before = rotated(
                old.key,
                secrets.token_bytes(RANDOM_BYTES),
                id=uuid4().hex,
                now=datetime.now(UTC),
                overlap=timedelta(seconds=overlap_s),
            )
            await connection.execute(
                "update outgrow.api_key set expires_at = %s, successor = %s where id = %s",
                (before.expires_at, before.successor, before.id),
            )
            made = Granted(key=key, scopes=old.scopes)
            await _insert(connection, made)
            await _note(connection, actor, "key.rotate", name, {"overlap_s": overlap_s, "id": key.id})
            await connection.execute("select pg_notify(%s, %s)", (KEY_CHANNEL, name))
        return secret, made

    async def revoke(self, name: str, *, actor: str) -> int:
        """Ends every secret of ``name`` at once; how many there were."""
        async with self._pool.connection() as connection, connection.transaction():
            found = await connection.execute(
                "update outgrow.api_key set revoked_at = now() where name = %s and revoked_at is null", (name,)
            )
            if not found.rowcount:
                raise _unknown(name)
            await _note(connection, actor, "key.revoke", name, {"secrets": found.rowcount})
            await connection.execute("select pg_notify(%s, %s)", (KEY_CHANNEL, name))
        return int(found.rowcount)

    async def note(self, actor: str, action: str, subject: str, detail: dict[str, Any] | None = None) -> None:
        """Writes one line of the audit log."""
        async with self._pool.connection() as connection, connection.transaction():
            await _note(connection, actor, action, subject, detail or {})

    async def audit(self, limit: int = 100) -> list[Noted]:
        """The newest lines, newest first."""
        async with self._pool.connection() as connection:
            rows = await connection.execute(
                "select at, actor, action, subject, detail from outgrow.audit order by id desc limit %s", (limit,)
            )
            return [
                Noted(at=at, actor=actor, action=action, subject=subject, detail=detail)
                for at, actor, action, subject, detail in await rows.fetchall()
            ]


def _check(name: str, scopes: tuple[str, ...]) -> None:
    if not NAME.fullmatch(name):
        raise KeyProblem(
            f"key name {name!r}: lower-case letters, digits, '.', '_' and '-', at most 63, are allowed",
            hint="name it after the program that will hold it, such as 'mobile-backend'",
        )
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        raise KeyProblem(f"scopes {', '.join(unknown) or 'none'}: allowed are {', '.join(SCOPES)}")


async def _present(connection: AsyncConnection[Any], name: str) -> Granted | None:
    """The key that ``name`` means now, locked against a second change."""
    found = await connection.execute(
        f"select {COLUMNS} from outgrow.api_key where name = %s and successor is null"  # noqa: S608
        " and revoked_at is null for update",
        (name,),
    )
    row = await found.fetchone()
    return None if row is None else _granted(row)


async def _make(
    connection: AsyncConnection[Any],
    name: str,
    scopes: tuple[str, ...],
    tasks: Iterable[str] | None,
    expires_at: datetime | None,
) -> tuple[str, Granted]:
    secret, key = new_key(
        secrets.token_bytes(RANDOM_BYTES),
        id=uuid4().hex,
        name=name,
        now=datetime.now(UTC),
        tasks=tasks,
        admin=ADMIN in scopes,
        expires_at=expires_at,
    )
    made = Granted(key=key, scopes=scopes)
    await _insert(connection, made)
    return secret, made


async def _insert(connection: AsyncConnection[Any], made: Granted) -> None:
    key = made.key
    tasks = None if key.tasks is None else sorted(key.tasks)
    await connection.execute(
        f"insert into outgrow.api_key ({COLUMNS}) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",  # noqa: S608
        (
            key.id,
            key.name,
            key.sha256,
            key.shown,
            key.created_at,
            tasks,
            key.expires_at,
            key.revoked_at,
            key.successor,
            list(made.scopes),
        ),
    )


async def _note(
    connection: AsyncConnection[Any], actor: str, action: str, subject: str, detail: dict[str, Any]
) -> None:
    await connection.execute(
        "insert into outgrow.audit (actor, action, subject, detail) values (%s, %s, %s, %s)",
        (actor, action, subject, Jsonb(detail)),
    )


def _granted(row: tuple[Any, ...]) -> Granted:
    id_, name, sha256, shown, created_at, tasks, expires_at, revoked_at, successor, scopes = row
    key = Key(
        id=id_,
        name=name,
        sha256=sha256,
        shown=shown,
        created_at=created_at,
        tasks=None if tasks is None else frozenset(tasks),
        admin=ADMIN in scopes,
        expires_at=expires_at,
        revoked_at=revoked_at,
        successor=successor,
    )
    return Granted(key=key, scopes=tuple(scopes))


def _unknown(name: str) -> KeyProblem:
    return KeyProblem(f"no live key is named {name!r}", hint="`outgrow keys list` shows them")
