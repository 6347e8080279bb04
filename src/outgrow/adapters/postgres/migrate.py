"""Brings a database to the tables this code works with: what `outgrow.adapters.postgres.migrations` holds."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from outgrow.adapters.postgres.connect import LOCK, checked_url
from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

    from psycopg import Connection

LOCK_WAIT_S, TABLE_WAIT_S = 120, 10

NAME = re.compile(r"(?P<number>\d{4})_(?P<phase>pre|post)_[a-z0-9_]+\.sql")


CONNECTION: dict[str, Any] = {"application_name": "outgrow migrate", "connect_timeout": 10}


class Phase(StrEnum):
    """Which files are wanted: those before new code runs, or those after, too."""

    PRE = "pre"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One file. ``post`` when it is to wait until no old code runs."""

    number: int
    name: str
    post: bool
    sql: str
    digest: str


def shipped() -> tuple[Migration, ...]:
    """The files of this code, in order."""
    return read(files("outgrow.adapters.postgres").joinpath("migrations"))


def read(folder: Traversable) -> tuple[Migration, ...]:
    """The files of a folder, in order. Raises `DatabaseError` for a name that does not do, or a number given twice."""
    found: dict[int, Migration] = {}
    for entry in folder.iterdir():
        if not entry.name.endswith(".sql"):
            continue
        parts = NAME.fullmatch(entry.name)
        if parts is None:
            raise DatabaseError(f"{entry.name}: a migration is named NNNN_pre_what.sql or NNNN_post_what.sql")
        number = int(parts["number"])
        if number in found:
            raise DatabaseError(f"{entry.name}: number {number:04} is {found[number].name}'s")
        sql = entry.read_text(encoding="utf-8").replace("\r\n", "\n")
        digest = hashlib.sha256(sql.encode()).hexdigest()
        found[number] = Migration(number=number, name=entry.name, post=parts["phase"] == "post", sql=sql, digest=digest)
    return tuple(found[number] for number in sorted(found))


def migrate(url: str, phase: Phase = Phase.ALL, known: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """Applies what is missing and answers it. Several may run this at once: one does it, the others find it done.

    ``Phase.PRE`` stops before the first ``post`` file. Raises `DatabaseError` when the database is newer than this
    code, or a file is not what was applied.
    """
    import psycopg

    known = shipped() if known is None else known
    applied: list[Migration] = []
    try:
        with psycopg.connect(checked_url(url), autocommit=True, **CONNECTION) as connection:
            while (one := _apply_next(connection, phase, known)) is not None:
                applied.append(one)
    except psycopg.Error as problem:
        at = "".join(f"{name}: " for name in getattr(problem, "__notes__", ()))
        raise DatabaseError(f"database: {at}cannot be migrated: {str(problem).strip()}") from None
    return tuple(applied)


def pending(url: str, known: Sequence[Migration] | None = None) -> tuple[Migration, ...]:
    """What `migrate` would apply. Raises what it would raise."""
    import psycopg

    try:
        with psycopg.connect(checked_url(url), autocommit=True, **CONNECTION) as connection:
            return _missing(connection, shipped() if known is None else known)
    except psycopg.Error as problem:
        raise DatabaseError(f"database: {str(problem).strip()}") from None


def _apply_next(connection: Connection[Any], phase: Phase, known: Sequence[Migration]) -> Migration | None:
    """Applies one file, in one transaction with its record; None when there is nothing to do."""
    with connection.transaction():
        connection.execute(f"set local lock_timeout = '{LOCK_WAIT_S}s'")
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        missing = _missing(connection, known)
        if not missing:
            return None
        first = missing[0]
        if first.post and phase is Phase.PRE:
            late = [one.name for one in missing if not one.post]
            if late:
                raise DatabaseError(
                    f"database: {late[0]} comes after {first.name}, which is for when no old code runs",
                    hint="stop every instance, then: outgrow migrate --all; or upgrade one release at a time",
                )
            return None
        connection.execute(f"set local lock_timeout = '{TABLE_WAIT_S}s'")  # rather fail than hold everybody up
        try:
            connection.execute(first.sql.encode())
        except Exception as problem:
            problem.add_note(first.name)
            raise
        connection.execute(
            "insert into outgrow.migration (number, name, digest) values (%s, %s, %s)",
            [first.number, first.name, first.digest],
        )
        return first


def _missing(connection: Connection[Any], known: Sequence[Migration]) -> tuple[Migration, ...]:
    """The files that are not applied. Raises `DatabaseError` when what is applied does not fit this code."""
    if connection.execute("select to_regclass('outgrow.migration')").fetchone() == (None,):
        return tuple(known)
    applied = {row[0]: row for row in connection.execute("select number, name, digest from outgrow.migration")}
    by_number = {one.number: one for one in known}
    for number, name, digest in applied.values():
        mine = by_number.get(number)
        if mine is None and "_pre_" not in name:
            raise DatabaseError(
                f"database: newer than this outgrow: {name} was applied, which this version does not know",
                hint="install the version that applied it, or restore a backup made before",
            )
        if mine is not None and mine.digest != digest:
            raise DatabaseError(
                f"database: {mine.name} is not the file that was applied as {name}",
                hint="a released migration is never edited: add another one",
            )
    missing = tuple(one for one in known if one.number not in applied)
    if missing and missing[0].number < max(applied, default=0):
        raise DatabaseError(
            f"database: {missing[0].name} comes before migrations that were applied",
            hint="a new migration has a number above all others",
        )
    return missing
