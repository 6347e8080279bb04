"""``outgrow migrate``: brings a database to what this version works with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outgrow.cli.database import add_database, chosen
from outgrow.cli.terminal import out, print_json, say

if TYPE_CHECKING:
    import argparse


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Arguments of ``migrate``."""
    parser = verbs.add_parser(
        "migrate",
        help="bring a database to this version",
        description="Adds what this version needs; with --all it also removes what only older versions needed.",
        epilog="example: outgrow migrate --database postgresql://outgrow@db.internal/outgrow",
        allow_abbrev=False,
    )
    parser.add_argument("--all", action="store_true", help="no older version runs any more: finish the upgrade")
    add_database(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Migrates and names what was applied and what waits."""
    from outgrow.flows.keep_data import migrate

    url, data = chosen(arguments)
    applied, waiting = migrate(url=url, data=data, post=arguments.all)
    if arguments.json:
        print_json({"format": 1, "applied": list(applied), "waiting": list(waiting)})
    else:
        for name in applied:
            out(f"applied {name}")
        if not applied:
            say("nothing to apply")
    if waiting:
        say(f"{len(waiting)} more wait until no older version runs")
        say("hint: then: outgrow migrate --all")
    return 0
