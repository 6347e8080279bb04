"""Connections to PostgreSQL: the pool everything goes through, and what is set for a whole database."""

from __future__ import annotations

import ipaddress
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from psycopg import AsyncConnection
    from psycopg_pool import AsyncConnectionPool

LOCK = 0x6F757467726F77
"""The advisory lock of whoever changes what all instances share (``outgrow`` in ASCII)."""

CONNECT_S = 10.0
"""How long a request waits for a connection before it fails."""

OLDEST_VERSION = 150000
"""PostgreSQL 15."""


def checked_url(url: str) -> str:
    """The URL, with TLS asked for when it leaves this machine and the URL does not say itself (``sslmode``).

    Raises `DatabaseError` for what is no PostgreSQL URL; the message has no password in it.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if not url.startswith(("postgresql://", "postgres://")):
        raise DatabaseError(
            "--database: not a PostgreSQL URL", hint="it looks like postgresql://USER:PASSWORD@HOST:5432/NAME"
        )
    try:
        parts = conninfo_to_dict(url)
    except ProgrammingError:
        raise DatabaseError(
            "--database: the URL cannot be read", hint="percent-encode what is not a letter or digit in the password"
        ) from None
    hosts = str(parts.get("host") or parts.get("hostaddr") or "").split(",")
    if "sslmode" in parts or all(map(_is_here, hosts)):
        return url
    return f"{url}{'&' if '?' in url else '?'}sslmode=require"


def where(url: str) -> str:
    """Host and database of a URL, for messages: nothing secret."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(url)
    return f"{parts.get('host') or 'localhost'}/{parts.get('dbname') or ''}"


def _is_here(host: str) -> bool:
    """Does the connection stay on this machine: a socket, or the loopback?"""
    if not host or host.startswith(("/", "@")) or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@asynccontextmanager
async def open_pool(
    url: str, *, most: int = 10, name: str = "outgrow"
) -> AsyncIterator[AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]]]:
    """A pool of at most ``most`` connections in autocommit, open while the block runs; ``name`` is what a DBA sees.

    A connection that broke is replaced before it is handed out, so that a restart of the server costs the requests
    in flight and no later one. Raises `DatabaseError` when no connection is had within 10 s.
    """
    from psycopg_pool import AsyncConnectionPool, PoolTimeout

    pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
        checked_url(url),
        kwargs={"autocommit": True, "application_name": name, "connect_timeout": int(CONNECT_S)},
        min_size=min(2, most),
        max_size=most,
        timeout=CONNECT_S,
        reconnect_timeout=60.0,
        check=AsyncConnectionPool.check_connection,
        open=False,
    )
    try:
        try:
            await pool.open(wait=True, timeout=CONNECT_S)
        except PoolTimeout:
            raise DatabaseError(
                f"database {where(url)}: no connection within {CONNECT_S:g} s",
                hint="is it running, may this host reach it, and are user and password right?",
            ) from None
        yield pool
    finally:
        await pool.close()


def settle(url: str) -> None:
    """Sets what holds for the whole database, unless it is set. Raises `DatabaseError` for a server that is too old.

    With ``hnsw.iterative_scan`` a filtered search looks on until it has as many rows as were asked for; without it a
    filter that keeps a tenth of the rows gives 4 of 10.
    """
    import psycopg
    from psycopg import sql

    try:
        with psycopg.connect(checked_url(url), autocommit=True, connect_timeout=int(CONNECT_S)) as connection:
            if connection.info.server_version < OLDEST_VERSION:
                raise DatabaseError(
                    f"database {where(url)}: PostgreSQL {connection.info.server_version // 10000}, too old",
                    hint=f"PostgreSQL {OLDEST_VERSION // 10000} or later is needed",
                )
            connection.execute("select '[1]'::vector")  # brings its settings into being
            row = connection.execute("select current_setting('hnsw.iterative_scan', true)").fetchone()
            if row not in {("off",), (None,)}:
                return
            with connection.transaction():  # one at a time: PostgreSQL refuses two such changes at once
                connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
                connection.execute(
                    sql.SQL("alter database {} set hnsw.iterative_scan = relaxed_order").format(
                        sql.Identifier(connection.info.dbname)
                    )
                )
    except psycopg.Error as problem:
        raise DatabaseError(
            f"database {where(url)}: {str(problem).strip()}",
            hint="as its owner: alter database NAME set hnsw.iterative_scan = relaxed_order",
        ) from None
