"""Backs up, restores and migrates the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.flows.database import database_url

if TYPE_CHECKING:
    from pathlib import Path

    from outgrow.adapters.postgres.backup import Backup


def back_up(file: Path, *, url: str | None, data: Path | None) -> Backup:
    """A file that was proven to restore."""
    from outgrow.adapters.postgres.backup import back_up as write

    with database_url(url, data) as found:
        return write(found, file)


def restore(file: Path, *, url: str | None, data: Path | None) -> dict[str, int]:
    """Fills an empty database from a file, and answers how many rows each table has."""
    from outgrow.adapters.postgres.backup import restore as fill

    with database_url(url, data) as found:
        return fill(file, found)


def migrate(*, url: str | None, data: Path | None, post: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The files that were applied, and those that wait until no old code runs."""
    from outgrow.adapters.postgres.connect import settle
    from outgrow.adapters.postgres.migrate import Phase, pending
    from outgrow.adapters.postgres.migrate import migrate as apply

    with database_url(url, data) as found:
        applied = apply(found, Phase.ALL if post else Phase.PRE)
        settle(found)
        return tuple(one.name for one in applied), tuple(one.name for one in pending(found))
