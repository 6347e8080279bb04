"""A database to serve from: our own on this machine or one by URL, migrated; and the worker beside the gateway."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from outgrow.adapters.postgres.connect import checked_url, settle
from outgrow.adapters.postgres.migrate import Phase, migrate
from outgrow.adapters.postgres.programs import default_folder
from outgrow.adapters.postgres.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """Where it is, and the server when it is one of ours."""

    url: str
    server: Server | None


@contextmanager
def database(url: str | None, folder: Path | None) -> Iterator[Database]:
    """A migrated database while the block runs: at ``url``, else in ``folder`` by a PostgreSQL of our own.

    A server that another process supervises is used and left running. Main thread only.
    """
    server = None if url is not None else Server(folder or default_folder())
    found = checked_url(url) if url is not None else ""
    try:
        if server is not None:
            found = server.start()
        migrate(found, Phase.ALL if server is not None else Phase.PRE)  # by URL an older version may still run
        settle(found)
        yield Database(url=found, server=server)
    finally:
        if server is not None:
            server.stop()


def journal_folder(found: Database) -> Path:
    """Where an instance writes down what calls cost until the database has it: beside our own, else a usual place.

    It must outlive the process, and need not outlive the machine.
    """
    return (default_folder() if found.server is None else found.server.folder) / "journal"


def more_sockets() -> None:
    """Takes as many open files as the system lets us: a socket is one, and slow clients hold many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
