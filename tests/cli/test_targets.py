"""What is written never takes the place of what is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from outgrow.cli.main import main

RECEIPTS = Path(__file__).parents[2] / "examples" / "receipts" / "service.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECEIPTS, "service.yaml")
    shutil.copy(RECEIPTS, "decision.md")
    rows = "".join(f"2026-07-{day:02d}T{hour:02d}:00:00Z,3.0\n" for day in range(1, 11) for hour in range(24))
    Path("log.csv").write_text("time,service_s\n" + rows)
    Path("starts.txt").write_text("30\n40\n50\n")
    Path("link.csv").symlink_to("log.csv")
    Path("hard.csv").hardlink_to("log.csv")
    return tmp_path


PLAY = ("simulate", "service.yaml", "--option", "runpod-flex", "--replications", "1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("fit", "log.csv", "--out", "log.csv"), "--out: log.csv is also the trace"),
        (("fit", "log.csv", "--out", "link.csv"), "--out: link.csv is also the trace"),
        (("fit", "link.csv", "--out", "./log.csv"), "--out: log.csv is also the trace"),
        (("fit", "hard.csv", "--out", "log.csv"), "--out: log.csv is also the trace"),
        ((*PLAY, "--out", "service.yaml"), "--out: service.yaml is also the spec"),
        (("simulate", ".", *PLAY[2:], "--records", "service.yaml"), "--records: service.yaml is also the spec"),
        ((*PLAY, "--trace", "log.csv", "--out", "log.csv"), "--out: log.csv is also the file of --trace"),
        ((*PLAY, "--out", "a", "--records", "./a"), "--records: a is also --out"),
        ((*PLAY, "--service-times", "starts.txt", "--out", "starts.txt"), "also the file of --service-times"),
        ((*PLAY, "--cold-starts", "starts.txt", "--records", "starts.txt"), "also the file of --cold-starts"),
        (("decide", "decision.md", "--out", "."), "--out: decision.md is also the spec"),
    ],
)
def test_no_input_is_overwritten(
    folder: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert main(words) == 2
    assert said in capsys.readouterr().err
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_a_file_the_spec_names_is_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = RECEIPTS.read_text()
    assert text.count("cold_start_s:") == 1
    line = next(line for line in text.splitlines() if "cold_start_s:" in line)
    indent = line[: len(line) - len(line.lstrip())]
    Path("service.yaml").write_text(text.replace(line, f"{indent}cold_starts: starts.txt"))
    assert main((*PLAY, "--out", "starts.txt")) == 2
    assert "--out: starts.txt is also a file the spec names" in capsys.readouterr().err
    assert Path("starts.txt").read_text() == "30\n40\n50\n"


def test_own_prices_are_not_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(RECEIPTS.parents[2] / "src" / "outgrow" / "catalog" / "prices" / "runpod.csv", "own.csv")
    before = Path("own.csv").read_text()
    assert main((*PLAY, "--prices", "own.csv", "--out", "own.csv")) == 2
    assert "--out: own.csv is also the file of --prices" in capsys.readouterr().err
    assert main(("prices", "refresh", "--prices", "own.csv", "--out", "own.csv", "--force")) == 2
    assert "--out: own.csv is also the file of --prices" in capsys.readouterr().err
    assert Path("own.csv").read_text() == before
