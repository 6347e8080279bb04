"""Files a verb writes: none of them is a file it reads, nor another one it writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from outgrow.domain.errors import SpecError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from outgrow.domain.workload import Service

Named = tuple[str, Path]
"""What a file is called in messages, and where it is."""


def refuse_overwriting(written: Iterable[Named], read: Iterable[Named]) -> None:
    """Raises `SpecError` where a file to be written is one that is read, or two to be written are one."""
    taken = list(read)
    for name, path in written:
        for other, found in taken:
            if _same(path, found):
                raise SpecError(
                    f"{name}: {path} is also {other}; allowed is a file that stands for nothing else",
                    hint="name another file; nothing was written",
                )
        taken.append((name, path))


def spec_files(spec: str, service: Service) -> list[Named]:
    """The spec, and the files it names."""
    from outgrow.adapters.spec_file import FILE_NAME

    path = Path(spec)
    file = path / FILE_NAME if path.is_dir() else path
    tasks = [(task.arrivals.file, task.service_times, task.cold_starts) for task in service.inference]
    named = [name for task in (*tasks, (service.web.arrivals.file,)) for name in task if name]
    return [("the spec", file), *(("a file the spec names", file.parent / name) for name in named)]


def price_files(names: Iterable[str]) -> list[Named]:
    """The files of ``--prices``."""
    return [("the file of --prices", Path(name)) for name in names]


def _same(one: Path, other: Path) -> bool:
    """Is it one file, whatever links lead there?"""
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()
