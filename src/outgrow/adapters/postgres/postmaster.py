"""What ``postmaster.pid`` says of the server of a data folder, and whether it is true."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

STATUS_LINE = 7

HAS_PROC = Path("/proc/self/cmdline").exists()


@dataclass(frozen=True, slots=True, kw_only=True)
class Postmaster:
    """The first process of a server, where its socket is, and whether it takes connections."""

    pid: int
    socket_dir: str
    ready: bool


def read(pgdata: Path) -> Postmaster | None:
    """What the file says; None where there is none, or not yet a whole one."""
    try:
        lines = (pgdata / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        pid = int(lines[0])
    except (OSError, ValueError, IndexError):
        return None
    return Postmaster(
        pid=pid,
        socket_dir=lines[4].strip() if len(lines) > 4 else "",
        ready=len(lines) > STATUS_LINE and lines[STATUS_LINE].strip() == "ready",
    )


def runs(pid: int, pgdata: Path) -> bool:
    """Is this process alive, and a PostgreSQL of this data folder? A number may meanwhile be another process's."""
    words = _command(pid)
    if not words or Path(words[0]).name != "postgres" or "-D" not in words[:-1]:
        return False
    return os.path.realpath(words[words.index("-D") + 1]) == os.path.realpath(pgdata)


def _command(pid: int) -> list[str]:
    """The words a process was started with; none when it is gone, or dead and not yet fetched by its parent."""
    try:
        if HAS_PROC:
            return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        found = subprocess.run(  # noqa: S603
            ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=5
        )
        return found.stdout.split()
    except (OSError, subprocess.SubprocessError):
        return []


def disown(pgdata: Path, socket_dir: Path) -> None:
    """Takes a dead server's claims back, so that the next one starts.

    PostgreSQL believes a claim whose number is alive, whoever has it now, unless it is its own parent's: so ours is
    written there. The file itself stays: by its other lines PostgreSQL sees whether a child of the dead server lives.
    """
    for name in (".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
        (socket_dir / name).unlink(missing_ok=True)
    file = pgdata / "postmaster.pid"
    try:
        with file.open("r+b") as stream:
            rest = stream.read().split(b"\n", 1)[1:]
            stream.seek(0)
            stream.write(b"\n".join([str(os.getpid()).encode(), *rest]))
            stream.truncate()
    except FileNotFoundError:
        return
