"""A server's folder for tests that kill servers: one for all of them, since making or copying one takes a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from outgrow.adapters.postgres import server

from .servers import QUICK, stop_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def seed(reachable: Path) -> Path:
    """A server's folder after its first start."""
    first = server.Server(reachable / "killed", settings=QUICK)
    first.start()
    first.stop()
    return first.folder


@pytest.fixture
def home(seed: Path) -> Path:
    """The folder, with no server in it."""
    return seed


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    stop_all()
