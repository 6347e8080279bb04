"""Backups: of one moment, proven before they are kept, restored whole or not at all, by TLS where there is no socket."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import socketserver
import ssl
import stat
import subprocess
import threading
from typing import TYPE_CHECKING

import psycopg
import pytest

from outgrow.adapters.postgres import backup
from outgrow.adapters.postgres.backup import back_up, restore
from outgrow.adapters.postgres.connect import checked_url
from outgrow.adapters.postgres.schema import contents, lines
from outgrow.adapters.postgres.tunnel import SSL_REQUEST, join, tunnel
from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from outgrow.adapters.postgres.server import Server

ROWS = """
create table outgrow.thing (
    id bigint generated always as identity primary key, word text not null, place vector(3) not null,
    told timestamptz not null default now()
);
create index on outgrow.thing using hnsw (place vector_l2_ops);
insert into outgrow.thing (word, place) select '영수증 ' || n, array[n, n * 2, 0.5]::vector from generate_series(1, 500) n;
"""


@pytest.fixture
def filled(database: str) -> str:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(ROWS)
    return database


def found(url: str) -> tuple[object, ...]:
    with psycopg.connect(url) as connection:
        near = connection.execute("select word from outgrow.thing order by place <-> '[7,14,0.5]' limit 1").fetchone()
        return lines(connection), contents(connection), near


def test_what_is_restored_is_what_was_backed_up(filled: str, blank: str, tmp_path: Path) -> None:
    file = tmp_path / "made" / "outgrow.backup"
    done = back_up(filled, file)
    assert done.rows["thing"] == 500
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]
    assert restore(file, blank)["thing"] == 500
    assert found(blank) == found(filled)
    assert found(blank)[2] == ("영수증 7",)
    with psycopg.connect(blank) as connection:  # numbers go on where they were
        row = connection.execute(
            "insert into outgrow.thing (word, place) values ('x', '[0,0,0]') returning id"
        ).fetchone()
    assert row == (501,)


def test_a_backup_is_of_one_moment_while_others_write(filled: str, tmp_path: Path) -> None:
    over = threading.Event()

    def write() -> None:
        with psycopg.connect(filled, autocommit=True) as connection:
            while not over.wait(0.002):
                connection.execute("insert into outgrow.thing (word, place) values ('meanwhile', '[1,1,1]')")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = back_up(filled, tmp_path / "outgrow.backup")  # compares what was read with what was restored
    finally:
        over.set()
        writer.join(10)
    assert 500 <= done.rows["thing"] < contents_of(filled)["thing"][0]


def contents_of(url: str) -> dict[str, tuple[int, int]]:
    with psycopg.connect(url) as connection:
        return contents(connection)


def test_what_does_not_restore_equal_is_not_kept(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "outgrow.backup"
    file.write_text("the one before")
    dump = backup._dump

    def after_a_loss(connection: psycopg.Connection, url: str, target: Path) -> None:
        dump(connection, url, target)
        with psycopg.connect(filled, autocommit=True) as other:
            other.execute("delete from outgrow.thing where id = 7")
        with psycopg.connect(filled) as other:
            other.execute("select pg_export_snapshot()")
            dump(other, filled, target)

    monkeypatch.setattr(backup, "_dump", after_a_loss)
    with pytest.raises(DatabaseError, match="rows of thing differ; no file was kept"):
        back_up(filled, file)
    assert file.read_text() == "the one before"
    assert [entry.name for entry in tmp_path.iterdir()] == [file.name]


def test_nothing_is_overwritten(filled: str, database: str, tmp_path: Path) -> None:
    file = tmp_path / "outgrow.backup"
    back_up(filled, file)
    with pytest.raises(DatabaseError, match="has a schema 'outgrow' already") as told:
        restore(file, filled)
    assert "--data" in told.value.hint


def test_half_a_file_restores_nothing(filled: str, blank: str, tmp_path: Path) -> None:
    file = tmp_path / "outgrow.backup"
    back_up(filled, file)
    file.write_bytes(file.read_bytes()[:-3000])
    with pytest.raises(DatabaseError, match="pg_restore ended with code 1"):
        restore(file, blank)
    with psycopg.connect(blank) as connection:
        assert connection.execute("select to_regnamespace('outgrow')").fetchone() == (None,)


@pytest.mark.parametrize("make", [None, b"", b"not a backup"])
def test_what_is_no_backup_is_refused(blank: str, tmp_path: Path, make: bytes | None) -> None:
    file = tmp_path / "outgrow.backup"
    if make is not None:
        file.write_bytes(make)
    with pytest.raises(DatabaseError, match=r"no such file|pg_restore ended"):
        restore(file, blank)


def test_there_must_be_something_to_back_up(blank: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="nothing to back up"):
        back_up(blank, tmp_path / "outgrow.backup")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of the server")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return cert, key


@pytest.fixture
def secured_port(postgres: Server, certificate: tuple[Path, Path]) -> Iterator[int]:
    """A port where the shared server speaks TLS, as managed servers do."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            if self.request.recv(8) != SSL_REQUEST:
                return
            self.request.sendall(b"S")
            with (
                contextlib.suppress(OSError),
                context.wrap_socket(self.request, server_side=True) as secured,
                socket.socket(socket.AF_UNIX) as plain,
            ):
                plain.connect(str(postgres.folder / "run" / ".s.PGSQL.5432"))
                join(plain, secured)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def by_tls(url: str, port: int, cert: Path) -> str:
    name = re.match(r"postgresql://outgrow@/(\w+)", url)[1]
    return f"postgresql://outgrow:secret@localhost:{port}/{name}?sslmode=verify-full&sslrootcert={cert}"


def test_a_server_that_wants_tls_is_backed_up_and_restored(
    filled: str, blank: str, secured_port: int, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    file = tmp_path / "outgrow.backup"
    assert back_up(by_tls(filled, secured_port, certificate[0]), file).rows["thing"] == 500
    assert restore(file, by_tls(blank, secured_port, certificate[0]))["thing"] == 500
    assert found(blank) == found(filled)


def test_a_tunnel_to_a_server_that_is_not_who_it_says_lets_nothing_through(
    filled: str, secured_port: int, certificate: tuple[Path, Path]
) -> None:
    for parts in ({"sslmode": "verify-full"}, {"sslmode": "verify-full", "sslrootcert": certificate[0]}):
        host = "localhost" if len(parts) == 1 else "127.0.0.1"  # signed by nobody we know; made out to another name
        with tunnel(host, secured_port, parts) as folder, pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://outgrow@/postgres?host={folder}", connect_timeout=5).close()


@pytest.mark.parametrize(
    ("url", "asks"),
    [
        ("postgresql://u:p@db.example.com/x", True),
        ("postgresql://u:p@10.0.0.7/x?connect_timeout=3", True),
        ("postgresql://u:p@localhost/x,", False),
        ("postgresql://u@127.0.0.1/x", False),
        ("postgresql://u@/x?host=/run/pg", False),
        ("postgresql://u:p@localhost,db.example.com/x", True),
    ],
)
def test_tls_is_asked_for_where_the_connection_leaves_this_machine(url: str, asks: bool) -> None:  # noqa: FBT001
    assert ("sslmode=require" in checked_url(url)) is asks
    assert checked_url(checked_url(url)) == checked_url(url)


def test_what_the_url_says_of_tls_itself_is_kept() -> None:
    url = "postgresql://u@db.example.com/x?sslmode=verify-full"
    assert checked_url(url) == url


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/x", "postgresql://u:hunter2@[h/x", "hunter2"])
def test_what_is_no_url_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(DatabaseError) as told:
        checked_url(url)
    assert "hunter2" not in told.value.message
