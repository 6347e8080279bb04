"""``outgrow keys``: made, listed, rotated and revoked, straight in the database."""

from __future__ import annotations

import asyncio
import getpass
import sys
from typing import TYPE_CHECKING, Any

from outgrow.cli.codes import OK
from outgrow.cli.database import add_database, chosen
from outgrow.cli.terminal import print_json

if TYPE_CHECKING:
    import argparse

    from outgrow.adapters.postgres.keys import Granted, KeyStore

DAY_S = 86_400.0


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``keys create|list|rotate|revoke``."""
    parser = verbs.add_parser(
        "keys",
        help="make, list, rotate and revoke API keys",
        description="API keys of a gateway. A secret is shown when it is made, and never again.",
        epilog="example: outgrow keys create mobile-backend --task receipts",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = _action(actions, "create", "make a key")
    create.add_argument("name", metavar="NAME", help="after the program that will hold it")
    create.add_argument(
        "--scope", action="append", metavar="SCOPE", help="jobs.write, jobs.read, chat, vectors, metrics or admin"
    )
    create.add_argument("--task", action="append", metavar="TASK", help="a task it may use (default: all)")
    create.add_argument("--days", type=float, metavar="N", help="it expires after so many (default: never)")
    _action(actions, "list", "show the keys")
    rotate = _action(actions, "rotate", "give a key a new secret")
    rotate.add_argument("name", metavar="NAME")
    rotate.add_argument(
        "--overlap-hours", type=float, default=24.0, metavar="N", help="how long the present secret goes on working"
    )
    revoke = _action(actions, "revoke", "end a key at once")
    revoke.add_argument("name", metavar="NAME")


def _action(actions: Any, name: str, says: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=says, allow_abbrev=False)
    add_database(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Does one of them."""
    from outgrow.flows.serve import database

    with database(*chosen(arguments)) as found:
        asyncio.run(_do(found.url, arguments))
    return OK


async def _do(url: str, arguments: argparse.Namespace) -> None:
    from outgrow.adapters.postgres.connect import open_pool
    from outgrow.adapters.postgres.keys import USER_SCOPES, KeyStore

    actor = f"{getpass.getuser()} by outgrow keys"
    async with open_pool(url, most=1, name="outgrow keys") as pool:
        keys = KeyStore(pool)
        match arguments.action:
            case "create":
                secret, made = await keys.create(
                    arguments.name,
                    arguments.scope or USER_SCOPES,
                    tasks=arguments.task,
                    expires_in_s=None if arguments.days is None else arguments.days * DAY_S,
                    actor=actor,
                )
                _tell_secret(secret, made, as_json=arguments.json)
            case "rotate":
                secret, made = await keys.rotate(arguments.name, arguments.overlap_hours * 3600, actor=actor)
                _tell_secret(secret, made, as_json=arguments.json)
            case "revoke":
                count = await keys.revoke(arguments.name, actor=actor)
                if arguments.json:
                    print_json({"format": 1, "revoked": arguments.name, "secrets": count})
                else:
                    sys.stderr.write(f"revoked {arguments.name}: {count} secret{'s' * (count != 1)}\n")
            case _:
                await _list(keys, as_json=arguments.json)


def _tell_secret(secret: str, made: Granted, *, as_json: bool) -> None:
    if as_json:
        print_json({"format": 1, "secret": secret, "key": _row(made)})
        return
    sys.stderr.write(f"key {made.key.name}, shown this once:\n")
    sys.stdout.write(f"{secret}\n")


async def _list(keys: KeyStore, *, as_json: bool) -> None:
    rows = [_row(one) for one in await keys.everything()]
    if as_json:
        print_json({"format": 1, "keys": rows})
        return
    for row in rows:
        tasks = "all tasks" if row["tasks"] is None else ",".join(row["tasks"])
        sys.stdout.write(f"{row['name']:24} {row['shown']}...  {row['state']:8} {','.join(row['scopes'])}; {tasks}\n")


def _row(made: Granted) -> dict[str, Any]:
    from datetime import UTC, datetime

    from outgrow.policy.keys import holds

    key = made.key
    state = "live" if holds(key, datetime.now(UTC)) else "ended"
    return {
        "id": key.id,
        "name": key.name,
        "shown": key.shown,
        "scopes": list(made.scopes),
        "tasks": None if key.tasks is None else sorted(key.tasks),
        "state": "rotated" if state == "live" and key.successor else state,
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
    }
