"""The verbs that keep the data: migrate, backup, restore, as a person types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import psycopg

from outgrow.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from outgrow.adapters.postgres.server import Server


def test_an_empty_database_is_migrated_backed_up_and_restored(
    blank: str, postgres: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "outgrow.backup")
    assert main(["migrate", "--database", blank]) == 0
    assert "applied 0001_pre_base.sql" in capsys.readouterr().out
    assert main(["migrate", "--database", blank, "--json", "--all"]) == 0
    assert json.loads(capsys.readouterr().out)["waiting"] == []
    monkeypatch.setenv("OUTGROW_DATABASE", blank)
    assert main(["backup", file]) == 0
    told = capsys.readouterr()
    assert file in told.out
    assert "compared: equal" in told.err
    assert main(["restore", file]) == 2
    assert "not overwritten" in capsys.readouterr().err
    with psycopg.connect(blank, autocommit=True) as connection:
        connection.execute("drop schema outgrow cascade")
    assert main(["restore", file, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]["migration"] >= 1


def test_a_database_nobody_answers_at_is_told_without_its_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--database", f"postgresql://u:hunter2@/outgrow?host={tmp_path}"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: database")
    assert "hunter2" not in told


def test_a_folder_for_the_embedded_one_is_used_and_left_stopped(
    reachable: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from outgrow.adapters.postgres.server import Server

    assert main(["migrate", "--data", str(reachable / "by-verb"), "--all"]) == 0
    assert "0001_pre_base.sql" in capsys.readouterr().out
    assert Server(reachable / "by-verb" / "postgres").pid is None
