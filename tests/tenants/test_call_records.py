"""What is kept of calls, for whom, how long, and that it is gone afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from offhook.errors import DatabaseError, RegistryError
from offhook.tenants import schema
from offhook.tenants.call_records import (
    CallRecord,
    TurnRecord,
    add_call,
    erase_caller,
    export_calls,
    get_call,
    list_calls,
    sweep,
)
from offhook.tenants.database import Database
from offhook.tenants.loading import read_snapshot
from offhook.tenants.number_registry import set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import change_tenant, get_tenant, remove_tenant
from tests.support.tenants import fill

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CALLER = "+447700900123"
SAID = "my cellar is under water"


def record(
    database: Database,
    slug: str,
    call_id: str,
    *,
    caller: str | None = CALLER,
    at: datetime = NOW,
    said: str = SAID,
) -> None:
    """One call of two turns."""
    with database.writing() as connection:
        stored = read_snapshot(connection).agents[slug, "main"]
        turns = (TurnRecord("agent", "Hello."), TurnRecord("caller", said, {"recognise": 41.5}))
        add_call(
            connection,
            CallRecord(call_id, "700", caller, stored, at, at + timedelta(seconds=61), "ok", turns),
        )


@pytest.fixture
def two(database: Database) -> Database:
    """Two tenants; leeds wants transcripts."""
    fill(database, leeds="700", york="701")
    with database.writing() as connection:
        change_tenant(connection, "leeds", transcripts=True)
        set_home(connection, Home.of("44"))
    return database


def test_what_was_said_is_kept_for_who_wants_it_and_nobody_else(two: Database) -> None:
    record(two, "leeds", "1")
    record(two, "york", "1")
    with two.reading() as connection:
        leeds, york = (get_call(connection, "1", get_tenant(connection, slug)) for slug in ("leeds", "york"))
        with pytest.raises(RegistryError, match="leeds, york"):
            get_call(connection, "1")
        with pytest.raises(RegistryError, match="no such call"):
            get_call(connection, "2")
    assert [turn["text"] for turn in leeds["turns"]] == ["Hello.", SAID]
    assert [turn["text"] for turn in york["turns"]] == [None, None]
    assert york["turns"][1]["ms"] == {"recognise": 41.5}
    assert (york["started_at"], york["result"], york["agent_version"]) == (NOW, "ok", 1)


def test_what_leads_to_a_person_is_not_kept(two: Database) -> None:
    record(two, "leeds", "1", said="I'm on 07700 900456, or write to jo at example dot com.")
    with two.reading() as connection:
        kept = get_call(connection, "1", get_tenant(connection, "leeds"))["turns"][1]["text"]
    assert kept == "I'm on [phone], or write to [e-mail]."


def test_a_call_of_a_tenant_that_was_removed_meanwhile_is_not_kept(two: Database) -> None:
    with two.writing() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
        remove_tenant(connection, "leeds")
        add_call(connection, CallRecord("1", "700", CALLER, stored, NOW, NOW, "ok"))
        assert list_calls(connection) == []


@pytest.mark.parametrize("given", [CALLER, "07700900123", "00447700900123"])
@pytest.mark.parametrize("asked", [CALLER, "07700 900123", "0044 7700 900123"])
def test_a_caller_is_found_however_the_number_is_written(two: Database, given: str, asked: str) -> None:
    record(two, "leeds", "1", caller=given)
    record(two, "leeds", "2", caller="+447700900124")
    record(two, "leeds", "3", caller=None)
    record(two, "leeds", "4", caller="anonymous")
    with two.reading() as connection:
        assert [call["id"] for call in list_calls(connection, caller=asked)] == ["1"]
        assert [call["id"] for call in list_calls(connection, caller="anonymous")] == ["4"]
        assert len(list_calls(connection, limit=2)) == 2


def test_a_caller_gets_all_that_is_kept_and_has_it_erased(two: Database) -> None:
    record(two, "leeds", "1")
    record(two, "york", "2")
    record(two, "york", "3", caller="+447700900124")
    with two.reading() as connection:
        exported = list(export_calls(connection, caller=CALLER))
    assert {(call["tenant"], call["id"]) for call in exported} == {("leeds", "1"), ("york", "2")}
    with two.writing() as connection:
        one = erase_caller(connection, CALLER, get_tenant(connection, "york"))
        rest = erase_caller(connection, "07700 900123")
        assert (one.tenant, one.calls, one.turns) == ("york", 1, 2)
        assert (rest.tenant, rest.calls, rest.turns) == (None, 1, 2)
        assert [call["id"] for call in list_calls(connection)] == ["3"]
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.turns)).scalar_one() == 2
        noted = connection.execute(sa.select(schema.erasures)).all()
    assert [(row.reason, row.calls, row.turns) for row in noted] == [("caller", 1, 2), ("caller", 1, 2)]
    assert "7700" not in str(noted)


def test_each_tenants_calls_are_kept_as_long_as_it_wants(two: Database) -> None:
    with two.writing() as connection:
        change_tenant(connection, "leeds", retention_days=7)
        change_tenant(connection, "york", retention_days=0)
    for slug in ("leeds", "york"):
        for days in (0, 6, 8):
            record(two, slug, f"{slug}-{days}", at=NOW - timedelta(days=days, minutes=1))
    with two.writing() as connection:
        swept = sweep(connection, NOW)
        assert [(one.tenant, one.calls, one.turns) for one in swept] == [("leeds", 1, 2), ("york", 3, 6)]
        assert [call["id"] for call in list_calls(connection)] == ["leeds-0", "leeds-6"]
        assert sweep(connection, NOW) == []


def test_the_words_and_the_number_are_gone_from_the_disk(tmp_path: Path, migrated_file: Path) -> None:
    file = tmp_path / "tenants.db"
    file.write_bytes(migrated_file.read_bytes())
    database = Database(f"sqlite:///{file}")
    fill(database, leeds="700")
    with database.writing() as connection:
        change_tenant(connection, "leeds", transcripts=True)

    def on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    with database.reading() as reader:
        assert list_calls(reader) == []  # one that reads keeps the journal from being cleared
        record(database, "leeds", "1", said=SAID * 200)
        assert SAID.encode() in on_disk()
    with database.writing() as connection:
        erase_caller(connection, CALLER)
    database.forget()
    assert SAID.encode() not in on_disk()
    assert CALLER.encode() not in on_disk()


def test_a_journal_that_somebody_keeps_is_told(
    tmp_path: Path, migrated_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offhook.tenants.database._BUSY_TIMEOUT_S", 0.0)
    (tmp_path / "tenants.db").write_bytes(migrated_file.read_bytes())
    database = Database(f"sqlite:///{tmp_path}/tenants.db")
    with database.reading() as reader:
        assert list_calls(reader) == []
        fill(database, leeds="700")
        with pytest.raises(DatabaseError, match="somebody reads"):
            database.forget()
