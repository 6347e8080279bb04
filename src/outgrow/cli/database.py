"""Arguments of every verb that works with the database."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

VARIABLE = "OUTGROW_DATABASE"


def add_database(parser: argparse.ArgumentParser) -> None:
    """``--data`` and ``--database``. The environment may give the URL: a command line can be read by everybody."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--data", metavar="DIR", type=Path, help="folder of the embedded PostgreSQL")
    where.add_argument("--database", metavar="URL", help=f"a PostgreSQL server instead (or {VARIABLE})")


def chosen(arguments: argparse.Namespace) -> tuple[str | None, Path | None]:
    """The URL, if one is given, and the folder, if one is."""
    if arguments.data is not None:
        return None, arguments.data
    return arguments.database or os.environ.get(VARIABLE) or None, None
