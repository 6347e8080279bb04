"""Fixtures every room may use: the shipped prices and machines, one market, one service, and a way to vary it."""

from __future__ import annotations

import dataclasses
import threading
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

import outgrow.catalog
from outgrow.adapters.spec_file import load_spec
from outgrow.catalog.context import Market
from outgrow.catalog.machines import parse_machines
from outgrow.catalog.pricebook import PriceBook, parse_rates
from outgrow.domain.drivers import with_values
from outgrow.sim.closed_form import predict

from .postgres import blank, database, postgres, reachable  # noqa: F401 - fixtures for every room

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from outgrow.domain.price import Machine
    from outgrow.domain.workload import Service

settings.register_profile("outgrow", derandomize=True, deadline=None, database=None)
settings.load_profile("outgrow")

CATALOG = Path(outgrow.catalog.__file__).parent
RECEIPTS = Path(__file__).parents[1] / "examples" / "receipts"


class ShippedMarket(Market):
    """A market that a failing test does not print price by price."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<shipped market>"

    def _repr_pretty_(self, printer: Any, cycle: Any) -> None:
        printer.text(repr(self))


@pytest.fixture(scope="session")
def book() -> PriceBook:
    """The shipped price files."""
    files = sorted((CATALOG / "prices").glob("*.csv"))
    return PriceBook(tuple(rate for file in files for rate in parse_rates(file.read_text(encoding="utf-8"), file.name)))


@pytest.fixture(scope="session")
def machines() -> dict[str, Machine]:
    """The shipped machine list."""
    return parse_machines((CATALOG / "machines.csv").read_text(encoding="utf-8"), "machines.csv")


@pytest.fixture(scope="session")
def market(book: PriceBook, machines: dict[str, Machine]) -> Market:
    """Shipped prices on a fixed day, behaviour by formula."""
    return ShippedMarket(book=book, machines=machines, predict=predict, on=date(2026, 11, 23), max_age_days=365)


@pytest.fixture(scope="session")
def receipts() -> Service:
    """The service of the hand-made document (Seoul, 30 users, 50 receipts a day)."""
    return load_spec(RECEIPTS).service


@pytest.fixture(scope="session")
def varied() -> Callable[..., Service]:
    """A service with numbers moved by their paths, then whole fields replaced."""

    def vary(service: Service, values: Mapping[str, float] | None = None, **fields: Any) -> Service:
        return dataclasses.replace(with_values(service, values or {}), **fields)

    return vary


Answer = tuple[int, bytes]


class Loopback:
    """An HTTP server on this machine: answers with what ``reply`` makes of each request, and keeps the requests."""

    def __init__(self) -> None:
        self.reply: Callable[[BaseHTTPRequestHandler, bytes], Answer | None] = lambda _request, _body: (200, b"{}")
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.over = threading.Event()
        self.headers: dict[str, str] = {}
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            timeout = 10

            def _answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                loopback.requests.append((self.path, dict(self.headers), body))
                answer = loopback.reply(self, body)
                if answer is None:
                    return
                status, text = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **loopback.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *_args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_args: None  # type: ignore[method-assign] - the client may hang up
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self) -> None:
        self.over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Loopback()
    yield server
    server.close()


@pytest.fixture
def closed_url() -> str:
    """An address on this machine where nobody listens."""
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    return f"http://127.0.0.1:{port}"
