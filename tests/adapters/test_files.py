"""Whole files or none: what a killed run leaves is swept by the next one, what is being written is not."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from outgrow.adapters.files import write_atomic
from outgrow.adapters.study_store import StudyStore
from outgrow.domain.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WRITER = """
import sys, time
from pathlib import Path
from outgrow.adapters import files
files._nameless = lambda folder: None
def pieces():
    yield "a,b\\n"
    print("begun", flush=True)
    time.sleep(60)
files.write_atomic(Path(sys.argv[1]), pieces())
"""
PLAYER = """
import sys, time
from pathlib import Path
from outgrow.adapters.study_store import StudyStore
store = StudyStore.beside(Path(sys.argv[1]), "one")
store.begin()
store.keep(0, "[]")
print("begun", flush=True)
time.sleep(60)
"""


@pytest.fixture
def begun(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """A process that is in the middle of writing."""
    made: list[subprocess.Popen[str]] = []

    def begin(script: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-c", script, str(tmp_path / "r.csv")]
        made.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        assert made[-1].stdout
        assert made[-1].stdout.readline() == "begun\n"
        return made[-1]

    yield begin
    for child in made:
        child.kill()
        child.communicate()


def test_what_a_killed_run_left_is_swept_by_the_next_and_what_is_being_written_is_not(tmp_path: Path, begun) -> None:
    child, target = begun(WRITER), tmp_path / "r.csv"
    own = tmp_path / ".r.csv.bak"
    own.write_text("somebody else's")
    write_atomic(target, "whole")
    assert len(list(tmp_path.iterdir())) == 3, "the file that is being written stays"
    child.kill()
    child.wait()
    write_atomic(target, "whole")
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "r.csv": "whole",
        ".r.csv.bak": "somebody else's",
    }


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outgrow.adapters.files._nameless", lambda _folder: None)

    def pieces() -> Iterator[str]:
        yield "a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_atomic(tmp_path / "r.csv", pieces())
    assert list(tmp_path.iterdir()) == []
    write_atomic(tmp_path / "r.csv", "b")
    assert [file.name for file in tmp_path.iterdir()] == ["r.csv"]
    assert (tmp_path / "r.csv").stat().st_mode & 0o777 == 0o644


def test_of_two_studies_with_one_result_the_second_is_refused_until_the_first_is_dead(tmp_path: Path, begun) -> None:
    child = begun(PLAYER)
    store = StudyStore.beside(tmp_path / "r.csv", "two")
    with pytest.raises(RecordError, match=f"process {child.pid} is playing a study into .*r.csv already"):
        store.begin()
    assert (tmp_path / ".r.csv.parts" / "part-000000.json").exists()
    child.kill()
    child.wait()
    same = StudyStore.beside(tmp_path / "r.csv", "one")
    assert same.begin() == {0: "[]"}
    same.clear()
    assert list(tmp_path.iterdir()) == []
