"""The tables: applied once, in order, by one of many; the same whichever way they came about."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from outgrow.adapters.postgres.connect import settle
from outgrow.adapters.postgres.migrate import Phase, migrate, pending, read, shipped
from outgrow.adapters.postgres.schema import lines
from outgrow.domain.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

    from outgrow.adapters.postgres.migrate import Migration

BASE = shipped()[0]


def extra(number: int, sql: str, *, post: bool = False) -> Migration:
    """A migration of a later release."""
    name = f"{number:04}_{'post' if post else 'pre'}_more.sql"
    return type(BASE)(number=number, name=name, post=post, sql=sql, digest=f"digest of {sql}")


ADD = extra(9001, "alter table outgrow.migration add column by_whom text;")
NARROW = extra(9002, "alter table outgrow.migration drop column by_whom;", post=True)
AFTER = extra(9003, "create table outgrow.later (x int);")


def refused(said: str) -> pytest.RaisesExc[DatabaseError]:
    return pytest.raises(DatabaseError, match=re.escape(said))


def described(url: str) -> tuple[str, ...]:
    with psycopg.connect(url) as connection:
        return lines(connection)


def numbers(applied: tuple[Migration, ...]) -> list[int]:
    return [one.number for one in applied]


def test_migrated_release_by_release_equals_fresh(blank: str, database: str) -> None:
    files = shipped()
    for count in range(1, len(files) + 1):  # each file a release of its own: before the new code, and after the old
        migrate(blank, Phase.PRE, files[:count])
        migrate(blank, Phase.ALL, files[:count])
    assert described(blank) == described(database)
    assert any(line.startswith("table migration") for line in described(blank))


def test_the_description_sees_a_difference(database: str) -> None:
    before = described(database)
    for change in (
        "alter table outgrow.migration alter column name drop not null",
        "create index on outgrow.migration (name)",
        "alter table outgrow.migration set (autovacuum_vacuum_scale_factor = 0.01)",
        "alter table outgrow.migration add check (number > 0)",
    ):
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(change)
        assert described(database) != before
        before = described(database)


def test_several_at_once_apply_each_file_once(blank: str) -> None:
    start = threading.Barrier(6)

    def one(url: str) -> tuple[Migration, ...]:
        start.wait(10)
        return migrate(url)

    with ThreadPoolExecutor(6) as pool:
        applied = [file for found in pool.map(one, [blank] * 6) for file in found]
    assert sorted(numbers(tuple(applied))) == numbers(shipped())
    assert pending(blank) == ()
    assert migrate(blank) == ()


def test_a_post_file_waits_until_no_old_code_runs(database: str) -> None:
    release = (*shipped(), ADD, NARROW)
    assert numbers(migrate(database, Phase.PRE, release)) == [9001]
    assert numbers(pending(database, release)) == [9002]
    assert numbers(migrate(database, Phase.ALL, release)) == [9002]


def test_two_releases_at_once_while_old_code_runs_are_refused(database: str) -> None:
    with refused("9003_pre_more.sql comes after 9002_post_more.sql") as told:
        migrate(database, Phase.PRE, (*shipped(), ADD, NARROW, AFTER))
    assert "one release at a time" in told.value.hint
    assert numbers(migrate(database, Phase.ALL, (*shipped(), ADD, NARROW, AFTER))) == [9002, 9003]


def test_code_goes_on_before_what_was_added_and_is_refused_before_what_was_removed(database: str) -> None:
    migrate(database, Phase.PRE, (*shipped(), ADD, NARROW))
    assert migrate(database) == ()  # the old code, restarted
    migrate(database, Phase.ALL, (*shipped(), ADD, NARROW))
    with refused("newer than this outgrow: 9002_post_more.sql"):
        migrate(database)


def test_a_file_that_changed_after_it_was_applied_is_refused(database: str) -> None:
    migrate(database, known=(*shipped(), ADD))
    changed = extra(9001, "alter table outgrow.migration add column other text;")
    with refused("9001_pre_more.sql is not the file that was applied"):
        migrate(database, known=(*shipped(), changed))


def test_a_number_below_what_was_applied_is_refused(database: str) -> None:
    migrate(database, known=(*shipped(), AFTER))
    with refused("9001_pre_more.sql comes before"):
        migrate(database, known=(*shipped(), ADD, AFTER))


def test_a_file_that_fails_leaves_nothing_and_is_named(database: str) -> None:
    broken = extra(9001, "create table outgrow.half (x int); select 1 / 0;")
    before = described(database)
    with refused("9001_pre_more.sql: cannot be migrated: division by zero"):
        migrate(database, known=(*shipped(), broken))
    assert described(database) == before
    assert numbers(migrate(database, known=(*shipped(), ADD))) == [9001]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["0001_base.sql"], "0001_base.sql: a migration is named NNNN_pre_what.sql"),
        (["0001_pre_a.sql", "0001_post_b.sql"], "number 0001 is 0001_"),
    ],
)
def test_names_that_do_not_do(tmp_path: Path, names: list[str], said: str) -> None:
    for name in names:
        (tmp_path / name).write_text("select 1;", encoding="utf-8")
    with refused(said):
        read(tmp_path)


def test_line_ends_do_not_change_the_digest(tmp_path: Path) -> None:
    for folder, text in (("a", b"select\n1;\n"), ("b", b"select\r\n1;\r\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "0001_pre_x.sql").write_bytes(text)
    assert read(tmp_path / "a") == read(tmp_path / "b")


def test_a_database_by_url_gets_its_settings_and_keeps_those_of_its_owner(database: str) -> None:
    def scan() -> str:
        with psycopg.connect(database) as connection:
            connection.execute("select '[1]'::vector")
            return connection.execute("show hnsw.iterative_scan").fetchone()[0]

    def say(value: str) -> None:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"alter database {connection.info.dbname} set hnsw.iterative_scan = {value}")

    say("off")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(settle, [database] * 4))
    assert scan() == "relaxed_order"
    say("strict_order")
    settle(database)
    assert scan() == "strict_order"
