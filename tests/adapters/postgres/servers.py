"""Servers that are stopped after the test that made them, even when it failed."""

from __future__ import annotations

from typing import Any

from outgrow.adapters.postgres import server


class Server(server.Server):
    """The real one, remembered."""

    made: tuple[Server, ...] = ()

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        Server.made += (self,)


def stop_all() -> None:
    made, Server.made = Server.made, ()
    for one in made:
        one.stop()
