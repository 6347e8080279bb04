"""``outgrow restore``: fills an empty database from a backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.cli.database import add_database, chosen
from outgrow.cli.terminal import out, print_json

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``restore``."""
    parser = verbs.add_parser(
        "restore",
        help="fill an empty database from a backup",
        description="Fills a database that has nothing of outgrow in it from a backup, all or nothing; migrates it.",
        epilog="example: outgrow restore outgrow.backup --data /var/lib/outgrow-2",
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", type=Path, help="what outgrow backup wrote")
    add_database(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Restores and says what is there now."""
    from outgrow.flows.keep_data import restore

    url, data = chosen(arguments)
    rows = restore(arguments.file, url=url, data=data)
    if arguments.json:
        print_json({"format": 1, "file": str(arguments.file), "rows": rows})
    else:
        out(f"{arguments.file}: restored {sum(rows.values()):,} rows of {len(rows)} tables")
    return 0
