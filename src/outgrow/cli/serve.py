"""``outgrow serve``: the gateway, its worker and its database, in one process."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.cli.codes import OK
from outgrow.cli.database import add_database, chosen

if TYPE_CHECKING:
    import argparse

    from outgrow.domain.backend import Gateway
    from outgrow.flows.serve import Database

PORT = 8600
CONNECTIONS = 16


def add_parser(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``serve [FOLDER]`` and where to listen."""
    parser = verbs.add_parser(
        "serve",
        help="run the gateway: jobs, models, keys and budgets over HTTP",
        description="Runs what gateway.yaml names: HTTP, worker and PostgreSQL on this machine.",
        epilog="example: outgrow serve examples/receipts",
        allow_abbrev=False,
    )
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where gateway.yaml is (default: .)")
    add_database(parser)
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="default: 127.0.0.1, this machine only")
    parser.add_argument("--port", type=int, default=PORT, metavar="N", help=f"default: {PORT}; 0: any free one")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="a name it answers to; again for more"
    )
    parser.add_argument(
        "--allow-origin", action="append", default=[], metavar="URL", help="a page of another origin that may write"
    )
    parser.add_argument("--no-worker", action="store_true", help="HTTP alone; workers run elsewhere")


def run(arguments: argparse.Namespace) -> int:
    """Serves until SIGTERM or an interruption."""
    from outgrow.adapters.clock import today
    from outgrow.adapters.gateway_file import load_gateway, unset_variables
    from outgrow.flows.serve import database, more_sockets

    loaded = load_gateway(Path(arguments.folder), on=today())
    for backend, variable in unset_variables(loaded.gateway, os.environ):
        sys.stderr.write(f"warning: backend {backend}: the environment variable {variable} is not set\n")
    more_sockets()
    with database(*chosen(arguments)) as found:
        asyncio.run(_serve(loaded.gateway, str(Path(loaded.path).parent.absolute()), found, arguments))
    return OK


async def _serve(gateway: Gateway, folder: str, found: Database, arguments: argparse.Namespace) -> None:
    from outgrow.adapters.journal import Journal
    from outgrow.adapters.postgres.connect import open_pool
    from outgrow.adapters.postgres.vector_index import Indexer
    from outgrow.adapters.postgres.vectors import VectorStore
    from outgrow.flows.serve import journal_folder
    from outgrow.gateway.runs import runs_of
    from outgrow.gateway.serve import bridge, hosts_of, new_runtime, serving, working

    stop = _stopped_by(signal.SIGTERM, signal.SIGINT)
    async with open_pool(found.url, most=CONNECTIONS, name="outgrow serve") as pool:
        runtime = new_runtime(
            gateway,
            pool,
            Journal(journal_folder(found)),
            hosts=hosts_of(arguments.host, tuple(arguments.allow_host)),
            origins=frozenset(arguments.allow_origin),
        )
        bridge(runtime.log)
        secret = await runtime.keys.first_admin()
        async with serving(runtime, arguments.host, arguments.port) as instance:
            _announce(instance.url, secret)
            beside = [found.server.keep()] if found.server is not None else []
            beside.append(Indexer(pool, VectorStore(pool)).run(runtime.indexed))
            async with (
                runs_of(gateway, instance.calls, os.environ, folder) as runs,
                working(runtime, None if arguments.no_worker else runs, stop, beside),
            ):
                await stop.wait()
                runtime.log.tell("draining")


def _stopped_by(*signals: int) -> asyncio.Event:
    """Set by the first signal; the second ends the process as it always did."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        stop.set()
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, heard)
    return stop


def _announce(url: str, secret: str | None) -> None:
    sys.stderr.write(f"outgrow serves at {url}\n")
    if secret is not None:
        sys.stderr.write("the first admin key, shown this once; keep it, and make others with `outgrow keys create`:\n")
        sys.stdout.write(f"{secret}\n")
        sys.stdout.flush()
