"""The database a command works with: one by URL, or our own, started for as long as it is needed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def database_url(url: str | None, data: Path | None) -> Iterator[str]:
    """The URL while the block runs: ``url`` itself, or that of our own server in ``data`` (its default place: None).

    Where another process, such as ``outgrow serve``, runs that server, it is used and left running.
    """
    if url is not None:
        from outgrow.adapters.postgres.connect import checked_url

        yield checked_url(url)
        return
    from outgrow.adapters.postgres.programs import default_folder
    from outgrow.adapters.postgres.server import Server

    server = Server((data or default_folder()) / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()
