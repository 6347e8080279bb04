"""One embedded PostgreSQL for all tests of a session, and for each test a fresh, migrated database in it."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from outgrow.adapters.postgres.migrate import migrate
from outgrow.adapters.postgres.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

UNSAFE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "60"}
"""A test's data need not survive the machine."""

TEMPLATE = "migrated"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def reachable() -> Iterator[Path]:
    """A folder that the account which runs PostgreSQL can reach: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="outgrow-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres(reachable: Path) -> Iterator[Server]:
    """The server. Tests that kill one start their own."""
    server = Server(reachable / "shared", settings=UNSAFE)
    server.start()
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {TEMPLATE}")
    migrate(server.url(TEMPLATE))
    yield server
    server.stop()


@pytest.fixture
def database(postgres: Server) -> Iterator[str]:
    """The URL of a database of this test alone, migrated and empty."""
    yield from _database(postgres, TEMPLATE)


@pytest.fixture
def blank(postgres: Server) -> Iterator[str]:
    """The URL of a database of this test alone, with nothing in it."""
    yield from _database(postgres, "template1")


def _database(server: Server, template: str) -> Iterator[str]:
    name = f"test_{next(_numbers)}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {name} template {template}")
    yield server.url(name)
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")
