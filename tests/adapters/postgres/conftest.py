"""Server folders of their own for tests that kill servers."""

from __future__ import annotations

import itertools
import subprocess
from typing import TYPE_CHECKING

import pytest

from outgrow.adapters.postgres.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def seed(reachable: Path) -> Path:
    """A server's folder after its first start."""
    server = Server(reachable / "seed")
    server.start()
    server.stop()
    return server.folder


@pytest.fixture
def home(seed: Path, reachable: Path) -> Iterator[Path]:
    """A copy of it for one test; what runs there afterwards is stopped."""
    folder = reachable / f"home-{next(_numbers)}"
    subprocess.run(["cp", "-a", seed, folder], check=True)
    yield folder
    left = Server(folder)
    if left.pid is not None:
        left.start()
        assert left.supervises, "a test left a supervisor behind"
        left.stop()
