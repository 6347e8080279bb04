"""Servers that are stopped after the test that made them, even when it failed."""

from __future__ import annotations

from typing import Any

from outgrow.adapters.postgres import server

QUICK = {"fsync": "off"}


class Server(server.Server):
    """The real one, remembered. What a killed process wrote is not lost without fsync, only what a dead machine did."""

    made: tuple[Server, ...] = ()

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **{"settings": QUICK, **named})
        Server.made += (self,)


def stop_all() -> None:
    made, Server.made = Server.made, ()
    for one in made:
        one.stop()
