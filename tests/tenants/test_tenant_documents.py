"""Documents of tenants: kept once, found by the daemon, gone when removed; misses are counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from offhook.agents.loader import Agent
from offhook.documents.passage import Passage
from offhook.errors import ConfigError, RegistryError
from offhook.tenants import schema
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.call_records import CallRecord, TurnRecord, add_call, erase_caller, get_call
from offhook.tenants.database import Database
from offhook.tenants.documents import (
    MAX_PASSAGES,
    Miss,
    list_documents,
    list_misses,
    put_document,
    read_passages,
    remove_document,
)
from offhook.tenants.loading import change_counter, read_snapshot
from offhook.tenants.registry import change_tenant, get_tenant, remove_tenant
from offhook.tenants.shelf import Shelf
from offhook.tenants.snapshot import StoredAgent, Tenant
from tests.support.tenants import fill

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
BOATS = (
    Passage("A canoe is $9 an hour.", "Boats > Prices", "/d/boats.md", b"\x00\x01", "letters-1"),
    Passage("Dogs ride free.", "Boats > Dogs", "/d/boats.md"),
)


@pytest.fixture
def two(database: Database) -> Database:
    fill(database, leeds="700", york="701")
    return database


def tenant(database: Database, slug: str) -> Tenant:
    with database.reading() as connection:
        return get_tenant(connection, slug)


def put(database: Database, slug: str, source: str, *passages: Passage) -> None:
    with database.writing() as connection:
        put_document(connection, get_tenant(connection, slug), source, source.title(), "0" * 64, passages)


def test_what_is_added_again_takes_the_place_of_what_was(two: Database) -> None:
    put(two, "leeds", "/d/boats.md", *BOATS)
    put(two, "york", "/d/boats.md", Passage("York has no boats.", "", "/d/boats.md"))
    put(two, "leeds", "/d/rules.pdf", Passage("No fires.", "", "/d/rules.pdf"))
    with two.reading() as connection:
        leeds = get_tenant(connection, "leeds")
        assert read_passages(connection, leeds.id) == [*BOATS, Passage("No fires.", "", "/d/rules.pdf")]
    put(two, "leeds", "/d/boats.md", BOATS[1])
    with two.reading() as connection:
        assert [each.text for each in read_passages(connection, leeds.id)] == ["Dogs ride free.", "No fires."]
        assert [(each.source, each.passages) for each in list_documents(connection, leeds)] == [
            ("/d/boats.md", 1),
            ("/d/rules.pdf", 1),
        ]


def test_every_change_is_one_for_the_directory_and_for_its_tenant_alone(two: Database) -> None:
    def state() -> tuple[int, str, str]:
        with two.reading() as connection:
            tenants = read_snapshot(connection).tenants
            return change_counter(connection), tenants["leeds"].knowledge, tenants["york"].knowledge

    states = [state()]
    put(two, "leeds", "/d/boats.md", *BOATS)
    states.append(state())
    put(two, "leeds", "/d/boats.md", *BOATS)
    states.append(state())
    with two.writing() as connection:
        remove_document(connection, get_tenant(connection, "leeds"), "boats.md")
    states.append(state())
    counters, stamps, others = zip(*states, strict=True)
    assert list(counters) == sorted(set(counters))
    assert stamps[0] == stamps[3] == ""
    assert len(set(stamps)) == 3
    assert set(others) == {""}


def test_a_document_is_removed_by_the_end_of_its_name(two: Database) -> None:
    put(two, "leeds", "/d/boats.md", *BOATS)
    put(two, "leeds", "/e/boats.md", BOATS[0])
    put(two, "york", "/d/only.md", BOATS[0])
    with two.writing() as connection:
        leeds = get_tenant(connection, "leeds")
        with pytest.raises(RegistryError, match=r"several end so: /d/boats\.md, /e/boats\.md"):
            remove_document(connection, leeds, "boats.md")
        with pytest.raises(RegistryError, match="did you mean"):
            remove_document(connection, leeds, "/d/boat.md")
        with pytest.raises(RegistryError, match="none of that name"):
            remove_document(connection, leeds, "only.md")
        assert remove_document(connection, leeds, "d/boats.md").passages == 2
        assert [each.source for each in list_documents(connection, leeds)] == ["/e/boats.md"]
        remove_tenant(connection, "leeds")
        assert connection.execute(sa.select(schema.chunks.c.text)).scalars().all() == [BOATS[0].text]


def test_an_agent_of_a_tenant_names_no_files_of_the_machine(two: Database) -> None:
    agent = Agent(name="Leeds", greeting="Hello.", knowledge=(Path("/etc/hosts"),))
    with two.writing() as connection, pytest.raises(ConfigError, match="offhook kb add leeds /etc/hosts"):
        put_agent(connection, get_tenant(connection, "leeds"), "main", agent)
    written = StoredAgent("1", "main", 1, '{"name": "L", "greeting": "Hi.", "knowledge": ["/etc/hosts"]}')
    assert written.read().knowledge == ()


def test_a_library_is_refused(two: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.tenants.documents.MAX_PASSAGES", 2)
    assert MAX_PASSAGES > 2
    put(two, "leeds", "/d/boats.md", *BOATS)
    with pytest.raises(RegistryError, match="would have 3 passages"):
        put(two, "leeds", "/d/more.md", BOATS[0])
    put(two, "leeds", "/d/boats.md", *BOATS)  # in its own place


def test_the_daemon_has_documents_while_the_database_is_away(two: Database, tmp_path: Path) -> None:
    folder, away = tmp_path / "copies", Database(f"sqlite:///{tmp_path}/away/tenants.db")
    put(two, "leeds", "/d/boats.md", *BOATS)
    leeds = tenant(two, "leeds")
    assert Shelf(away, folder).read(leeds) == []
    assert Shelf(two, folder).read(leeds) == list(BOATS)
    copied = Shelf(away, folder).read(leeds)
    assert [(each.text, each.heading, each.vectors) for each in copied] == [
        (each.text, each.heading, None) for each in BOATS
    ]
    Shelf(two, folder).keep_only({leeds.id})
    (copy,) = folder.iterdir()
    assert copy.stat().st_mode & 0o077 == 0
    copy.write_bytes(copy.read_bytes()[:-1])
    assert Shelf(away, folder).read(leeds) == []
    assert Shelf(away, None).read(leeds) == []
    Shelf(two, folder).keep_only(())
    assert list(folder.iterdir()) == []


def call(database: Database, call_id: str, said: str, *, missed: bool = True) -> None:
    with database.writing() as connection:
        stored = read_snapshot(connection).agents["leeds", "main"]
        turns = (TurnRecord("caller", said, missed=missed), TurnRecord("agent", "I don't know that."))
        moment = NOW + timedelta(minutes=int(call_id))
        add_call(connection, CallRecord(call_id, "700", "+4479", stored, moment, moment, "ok", turns))


def test_what_nothing_answers_is_counted_and_its_words_are_kept_for_who_wants_them(two: Database) -> None:
    call(two, "1", "Do you hire rafts?")
    with two.writing() as connection:
        change_tenant(connection, "leeds", misses=True)
    call(two, "2", "Do you hire rafts? Ring 07700 900123.")
    call(two, "3", "Do you hire rafts? Ring 07700 900456.")
    call(two, "4", "When do you open?", missed=False)
    with two.reading() as connection:
        leeds = get_tenant(connection, "leeds")
        assert list_misses(connection, leeds) == [
            Miss("Do you hire rafts? Ring [number].", 2, NOW + timedelta(minutes=3)),
            Miss(None, 1, NOW + timedelta(minutes=1)),
        ]
        assert list_misses(connection, get_tenant(connection, "york")) == []
        texts = [turn["text"] for each in "14" for turn in get_call(connection, each)["turns"]]
    assert texts == [None] * 4, "all else is kept for transcripts alone"
    with two.writing() as connection:
        erase_caller(connection, "+4479")
        assert list_misses(connection, leeds) == []
