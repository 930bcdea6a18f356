"""Calls are written by a thread of its own: nobody waits, and a database that is away loses nothing at
once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from offhook.tenants import call_writer
from offhook.tenants.call_records import CallRecord, list_calls
from offhook.tenants.call_writer import CallWriter
from offhook.tenants.database import Database
from offhook.tenants.loading import read_snapshot
from tests.support.tenants import fill
from tests.support.waiting import until

MOMENT = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path, migrated_file: Path) -> Path:
    path = tmp_path / "tenants.db"
    path.write_bytes(migrated_file.read_bytes())
    fill(Database(f"sqlite:///{path}"), leeds="700")
    return path


@pytest.fixture
def database(file: Path) -> Database:
    return Database(f"sqlite:///{file}")


def record(database: Database, call_id: str) -> CallRecord:
    with database.reading() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
    return CallRecord(call_id, "700", None, stored, MOMENT, MOMENT, "ok")


@contextmanager
def away(file: Path) -> Iterator[None]:
    """The file is somewhere else meanwhile."""
    file.rename(file.with_suffix(".away"))
    yield
    file.with_suffix(".away").rename(file)


def written(database: Database) -> list[str]:
    with database.reading() as connection:
        return sorted(call["id"] for call in list_calls(connection))


def test_what_was_put_is_written_before_the_end(database: Database) -> None:
    writer = CallWriter(database)
    for number in range(5):
        writer.put(record(database, str(number)))
    writer.start()
    writer.close()
    assert written(database) == ["0", "1", "2", "3", "4"]
    assert writer.lost == 0


def test_calls_wait_for_a_database_that_is_away(
    file: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_writer, "_RETRY_S", 0.02)
    writer = CallWriter(database)
    first, second = record(database, "1"), record(database, "2")
    with away(file):
        writer.put(first)
        writer.start()
        until(lambda: writer._away, "the loss is noticed")
        writer.put(second)
    until(lambda: written(database) == ["1", "2"], "both are written")
    writer.close()
    assert writer.lost == 0


def test_a_call_that_is_refused_holds_up_no_other(database: Database) -> None:
    writer = CallWriter(database)
    twice = record(database, "1")
    for one in (twice, twice, record(database, "2")):
        writer.put(one)
    writer.start()
    writer.close()
    assert written(database) == ["1", "2"]
    assert writer.lost == 1


def test_memory_has_an_end_and_what_was_lost_is_counted(file: Path, database: Database) -> None:
    writer = CallWriter(database, max_waiting=2)
    for number in range(5):
        writer.put(record(database, str(number)))
    with away(file):
        writer.start()
        writer.close()
    assert written(database) == []
    assert writer.lost == 5
