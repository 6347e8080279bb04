"""``outgrow backup``: one consistent file, proven to restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.cli.database import add_database, chosen
from outgrow.cli.terminal import out, print_json, say

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``backup``."""
    parser = verbs.add_parser(
        "backup",
        help="write a backup, proven by restoring it",
        description="Writes the database as of one moment into a file, and keeps it once it was restored and compared.",
        epilog="example: outgrow backup outgrow.backup",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="where to; one that is there is replaced")
    add_database(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Backs up and says what is in the file."""
    from outgrow.flows.keep_data import back_up

    url, data = chosen(arguments)
    done = back_up(arguments.file, url=url, data=data)
    if arguments.json:
        print_json({"format": 1, "file": str(done.file), "size_bytes": done.size_bytes, "rows": done.rows})
    else:
        out(f"{done.file}: {done.size_bytes:,} bytes, {sum(done.rows.values()):,} rows of {len(done.rows)} tables")
    say("restored into a server of its own and compared: equal")
    return 0
