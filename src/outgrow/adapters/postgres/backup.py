"""Backups: one consistent file in PostgreSQL's own format, kept only once it was restored and found equal."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outgrow.adapters.postgres import programs
from outgrow.adapters.postgres.connect import CONNECT_S, checked_url, settle, where
from outgrow.adapters.postgres.migrate import migrate
from outgrow.adapters.postgres.schema import SCHEMA, contents, lines
from outgrow.adapters.postgres.server import Server
from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

EXTENSIONS = ("vector", "pg_trgm", "unaccent", "btree_gin", "btree_gist", "citext")
"""Those our tables may use. What else a database has is its owner's."""

RESTORED_FROM_VERSION = 170000
"""The bundled pg_restore sets what servers before PostgreSQL 17 do not know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A file that was proven to restore, and what is in it."""

    file: Path
    size_bytes: int
    rows: dict[str, int]


def back_up(url: str, file: Path) -> Backup:
    """Writes the schema ``outgrow`` as of one moment into ``file``, readable by us alone; others go on meanwhile.

    It is restored into a server of its own and compared, table by table, before it gets its name; a file of that
    name that is there stays whole until then. Raises `DatabaseError`. Main thread only.
    """
    import psycopg

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
            unproven = Path(folder) / "dump"
            with _connected(url) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                if connection.execute("select to_regnamespace(%s)", [SCHEMA]).fetchone() == (None,):
                    raise DatabaseError(f"database {where(url)}: no schema {SCHEMA!r}, so nothing to back up")
                _dump(connection, url, unproven)
                was = _state(connection)
            _prove(unproven, was)
            os.replace(unproven, file)  # noqa: PTH105
    except OSError as problem:
        raise DatabaseError(f"{file}: cannot be written: {problem.strerror or problem}") from None
    return Backup(file=file, size_bytes=file.stat().st_size, rows={name: rows for name, (rows, _) in was[1].items()})


def restore(file: Path, url: str) -> dict[str, int]:
    """Fills a database that has no schema ``outgrow`` yet, all or nothing, and migrates it; answers rows by table."""
    if not file.is_file():
        raise DatabaseError(f"{file}: no such file", hint="name one that outgrow backup wrote")
    with _connected(url) as connection:
        if connection.execute("select to_regnamespace(%s)", [SCHEMA]).fetchone() != (None,):
            raise DatabaseError(
                f"database {where(url)}: has a schema {SCHEMA!r} already, which is not overwritten",
                hint="name a new folder with --data, or an empty database",
            )
        version = connection.info.server_version
        if version < RESTORED_FROM_VERSION:
            raise DatabaseError(
                f"database {where(url)}: PostgreSQL {version // 10000}, and a backup restores into"
                f" {RESTORED_FROM_VERSION // 10000} or later"
            )
        connection.rollback()
        _fill(connection, url, file)
    migrate(url)
    settle(url)
    with _connected(url) as connection:
        return {name: rows for name, (rows, _) in contents(connection).items()}


State = tuple[tuple[str, ...], dict[str, tuple[int, int]]]


def _state(connection: Connection[Any]) -> State:
    tables = tuple(line for line in lines(connection) if not line.startswith("extension "))
    return tables, contents(connection)


def _prove(dump: Path, was: State) -> None:
    """Restores the file into a server that exists for this only. Raises `DatabaseError` where anything differs."""
    with tempfile.TemporaryDirectory(prefix="outgrow-proof-") as folder:
        Path(folder).chmod(0o711)
        server = Server(Path(folder) / "server", settings={"fsync": "off", "full_page_writes": "off"})
        url = server.start()
        try:
            with _connected(url) as connection:
                _fill(connection, url, dump)
                found = _state(connection)
        finally:
            server.stop()
    differing = sorted(name for name in {*was[1], *found[1]} if was[1].get(name) != found[1].get(name))
    if found != was:
        what = f"rows of {', '.join(differing)}" if differing else "the tables' definitions"
        raise DatabaseError(f"the backup was restored and is not what was read: {what} differ; no file was kept")


def _dump(connection: Connection[Any], url: str, file: Path) -> None:
    row = connection.execute("select pg_export_snapshot()").fetchone()
    assert row is not None
    with _target(connection, url) as (target, environment):
        _run(
            "pg_dump", "--format=custom", f"--snapshot={row[0]}", f"--schema={SCHEMA}",
            *(f"--extension={name}" for name in EXTENSIONS),
            "--no-owner", "--no-privileges", "--no-password", f"--file={file}", f"--dbname={target}",
            environment=environment,
        )  # fmt: skip
    file.chmod(0o600)


def _fill(connection: Connection[Any], url: str, file: Path) -> None:
    with _target(connection, url) as (target, environment):
        _run(
            "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-password",
            f"--dbname={target}", str(file), environment=environment,
        )  # fmt: skip


def _run(program: str, *words: str, environment: dict[str, str]) -> None:
    done = subprocess.run(  # noqa: S603
        [programs.installed() / "pginstall" / "bin" / program, *words],
        env={"PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise DatabaseError(f"{program} ended with code {done.returncode}: {' / '.join(done.stderr.splitlines()[:3])}")


@contextlib.contextmanager
def _connected(url: str) -> Iterator[Connection[Any]]:
    import psycopg

    try:
        with psycopg.connect(checked_url(url), connect_timeout=int(CONNECT_S)) as connection:
            yield connection
    except psycopg.Error as problem:
        raise DatabaseError(f"database {where(url)}: {str(problem).strip()}") from None


@contextlib.contextmanager
def _target(connection: Connection[Any], url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """How a bundled program reaches the database this connection reached: by name, and the secret by environment."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from outgrow.adapters.postgres.tunnel import PORT, tunnel

    info = connection.info
    environment = {"PGPASSWORD": info.password} if info.password else {}
    if not connection.pgconn.ssl_in_use:
        yield make_conninfo("", user=info.user, dbname=info.dbname, host=info.host, port=info.port), environment
        return
    with tunnel(info.host, info.port, conninfo_to_dict(checked_url(url))) as folder:
        yield make_conninfo("", user=info.user, dbname=info.dbname, host=folder, port=PORT), environment
