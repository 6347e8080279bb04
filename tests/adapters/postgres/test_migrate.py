"""The tables: applied once, in order, by one of many; the same whichever way they came about."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from outgrow.adapters.postgres.migrate import migrate, pending, shipped

if TYPE_CHECKING:
    from pathlib import Path


def test_several_at_once_apply_each_file_once(blank: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        applied = [one for found in pool.map(migrate, [blank] * 6) for one in found]
    assert sorted(one.number for one in applied) == [one.number for one in shipped()]
    assert pending(blank) == ()


def folder(tmp_path: Path, **texts: str) -> Path:
    for name, text in texts.items():
        (tmp_path / f"{name}.sql").write_text(text, encoding="utf-8")
    return tmp_path
