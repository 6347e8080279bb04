"""TLS for programs that have none: a private socket on this machine whose other end is a server's TLS port.

The programs of the embedded PostgreSQL are built without TLS, so alone they cannot reach a managed server.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import socketserver
import ssl
import struct
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PORT = 5432
CONNECT_S = 10.0
STALLED_S = 60.0
PIECE_BYTES = 65536


def context_of(parts: Mapping[str, object]) -> ssl.SSLContext:
    """What libpq's ``sslmode``, ``sslrootcert``, ``sslcert`` and ``sslkey`` ask for."""
    mode, root = str(parts.get("sslmode")), str(parts.get("sslrootcert") or "")
    context = ssl.create_default_context(cafile=root if root not in {"", "system"} else None)
    context.check_hostname = mode == "verify-full"
    if mode not in {"verify-full", "verify-ca"} and not root:
        context.verify_mode = ssl.CERT_NONE
    if parts.get("sslcert"):
        context.load_cert_chain(str(parts["sslcert"]), str(parts.get("sslkey") or "") or None)
    return context


@contextlib.contextmanager
def tunnel(host: str, port: int, parts: Mapping[str, object]) -> Iterator[str]:
    """The folder of a socket through which a program reaches ``host:port`` by TLS while the block runs."""
    context = context_of(parts)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError), _secured(host, port, context) as far:
                join(self.request, far)

    with (
        tempfile.TemporaryDirectory(prefix="outgrow-tls-") as folder,
        socketserver.ThreadingUnixStreamServer(str(Path(folder) / f".s.PGSQL.{PORT}"), Handler) as server,
    ):
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield folder
        finally:
            server.shutdown()


def _secured(host: str, port: int, context: ssl.SSLContext) -> ssl.SSLSocket:
    """A connection that PostgreSQL has agreed to encrypt."""
    plain = socket.create_connection((host, port), timeout=CONNECT_S)
    plain.sendall(SSL_REQUEST)
    if plain.recv(1) != b"S":
        plain.close()
        raise ConnectionError("the server has no TLS")
    return context.wrap_socket(plain, server_hostname=host)


def join(plain: socket.socket, secured: ssl.SSLSocket) -> None:
    """Carries bytes both ways until either side ends. One thread does both: OpenSSL's state is not for two at once."""
    with selectors.DefaultSelector() as selector:
        selector.register(plain, selectors.EVENT_READ)
        selector.register(secured, selectors.EVENT_READ)
        while True:
            ready = {key.fileobj for key, _ in selector.select()}
            if plain in ready:
                piece = plain.recv(PIECE_BYTES)
                if not piece:
                    return
                secured.settimeout(STALLED_S)
                secured.sendall(piece)
            if secured in ready and not _drained(secured, plain):
                return


def _drained(secured: ssl.SSLSocket, plain: socket.socket) -> bool:
    """Passes on what has come; False when it ended. Data that is not yet a whole record is waited for elsewhere."""
    secured.settimeout(0)
    while True:
        try:
            piece = secured.recv(PIECE_BYTES)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return True
        if not piece:
            return False
        plain.sendall(piece)
