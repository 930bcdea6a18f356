"""The daemon's directory: what it knows, how it hears of changes, and what it does when the database is
away.

Above 400 lines because both databases are tried in the same ways.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from offhook.config import TenantsConfig
from offhook.errors import ConfigError, DatabaseError
from offhook.tenants import schema
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.changes import Notifications
from offhook.tenants.database import Database
from offhook.tenants.directory import Directory
from offhook.tenants.loading import read_snapshot
from offhook.tenants.number_registry import add_number, move_number, set_home
from offhook.tenants.numbers import Home
from offhook.tenants.registry import add_tenant, change_tenant, get_tenant
from offhook.tenants.snapshot import Snapshot
from offhook.tenants.snapshot_file import load_snapshot, save_snapshot
from tests.support.postgresql import PrivateCluster
from tests.support.silent_proxy import SilentProxy
from tests.support.tenants import fill, small_agent
from tests.support.waiting import until

LEEDS, YORK = "+441134960000", "+441904960000"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the snapshot is kept; its folder does not exist yet."""
    return tmp_path / "lib" / "tenants.snapshot"


Opened = Callable[..., Directory]


@pytest.fixture
def opened() -> Iterator[Opened]:
    """Directories that end with the test."""
    made: list[Directory] = []

    def open_(database: Database, *more: Path, **how: float) -> Directory:
        made.append(Directory(database, *more, **how))  # type: ignore[arg-type]
        return made[-1]

    yield open_
    for directory in made:
        directory.close()


def greeting(directory: Directory | Snapshot, dialled: str) -> str:
    number = directory.find(dialled)
    assert number is not None
    return number.agent.read().greeting


# --- the snapshot ------------------------------------------------------------------------------------------


def test_a_snapshot_has_all_that_a_call_needs(database: Database) -> None:
    fill(database, leeds=LEEDS, york=YORK)
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
        change_tenant(connection, "york", active=False, max_calls=2, recordings=True)
        move_number(
            connection, YORK, get_tenant(connection, "york"), fallback="999", language="en-GB", recording=True
        )
    with database.reading() as connection:
        snapshot = read_snapshot(connection)
    assert greeting(snapshot, "0113 496 0000") == "leeds, hello."
    york = snapshot.find("00441904960000")
    assert york is not None
    assert (york.tenant.slug, york.tenant.active, york.tenant.max_calls) == ("york", False, 2)
    assert (york.fallback, york.language, york.recorded) == ("999", "en-GB", True)
    assert york.agent is snapshot.agents["york", "main"]
    assert snapshot.find("+441134969999") is None
    assert len({agent.key for agent in snapshot.agents.values()}) == 2


def test_a_number_is_recorded_only_when_its_tenant_wants_that_too(database: Database) -> None:
    fill(database, leeds="700")
    with database.writing() as connection:
        move_number(connection, "700", get_tenant(connection, "leeds"), recording=True)
    with database.reading() as connection:
        number = read_snapshot(connection).find("700")
    assert number is not None
    assert not number.recorded


def test_nobody_can_write_to_a_snapshot(database: Database) -> None:
    fill(database, leeds="700")
    with database.reading() as connection:
        snapshot = read_snapshot(connection)
    with pytest.raises(TypeError):
        snapshot.numbers["701"] = snapshot.numbers["700"]  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        snapshot.numbers["700"].tenant.active = False  # type: ignore[misc]


def test_a_thousand_tenants_take_as_many_queries_as_one(database: Database) -> None:
    statements: list[str] = []

    def count(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("SELECT") and "set_config" not in statement:
            statements.append(statement)

    def queries() -> tuple[int, Snapshot]:
        statements.clear()
        with database.reading() as connection:
            snapshot = read_snapshot(connection)
        return len(statements), snapshot

    event.listen(database._engine, "before_cursor_execute", count)
    fill(database, leeds=LEEDS)
    few, _ = queries()
    tenants = [
        {"id": f"00000000-0000-4000-8000-{n:012}", "slug": f"t{n}", "name": f"Tenant {n}"} for n in range(999)
    ]
    body = {"name": "Tenant", "greeting": "Hello."}
    with database.writing() as connection:
        owned = [{"id": row["id"], "tenant_id": row["id"], "name": "main"} for row in tenants]
        connection.execute(sa.insert(schema.tenants), tenants)
        connection.execute(sa.insert(schema.ai_configurations), owned)
        connection.execute(
            sa.insert(schema.ai_configuration_versions),
            [
                {"tenant_id": row["id"], "ai_configuration_id": row["id"], "version": 1, "body": body}
                for row in tenants
            ],
        )
        connection.execute(
            sa.insert(schema.phone_numbers),
            [
                {"did": f"+4420{n:08}", "tenant_id": row["id"], "ai_configuration_id": row["id"]}
                for n, row in enumerate(tenants)
            ],
        )
    many, snapshot = queries()
    assert (len(snapshot.tenants), len(snapshot.numbers), len(snapshot.agents)) == (1000, 1000, 1000)
    assert many == few <= 6


# --- changes -----------------------------------------------------------------------------------------------


def test_a_change_is_live_for_new_calls_and_a_call_keeps_its_own(database: Database, opened: Opened) -> None:
    fill(database, leeds=LEEDS)
    directory = opened(database)
    assert directory.refresh(listen=True)
    before = directory.snapshot
    seen: list[tuple[Snapshot, Snapshot]] = []
    end = directory.on_change(lambda old, new: seen.append((old, new)))
    with database.writing() as connection:
        put_agent(connection, get_tenant(connection, "leeds"), "main", small_agent("Leeds", "Good morning."))
    assert directory.refresh()
    assert greeting(directory, LEEDS) == "Good morning."
    assert greeting(before, LEEDS) == "leeds, hello."
    assert seen == [(before, directory.snapshot)]
    assert directory.refresh()
    assert directory.refresh(listen=True)
    assert len(seen) == 1, "nothing has changed"
    end()
    with database.writing() as connection:
        set_home(connection, Home.of("44"))
    assert directory.refresh()
    assert greeting(directory, "01134960000") == "Good morning."
    assert len(seen) == 1


def test_a_listener_that_fails_stops_nothing(database: Database, opened: Opened, file: Path) -> None:
    fill(database, leeds=LEEDS)
    directory = opened(database, file)
    called: list[int] = []

    def fail(_old: Snapshot, _new: Snapshot) -> None:
        raise RuntimeError("a fault of whoever listens")

    directory.on_change(fail)
    directory.on_change(lambda _old, new: called.append(len(new.numbers)))
    assert directory.refresh(listen=True)
    assert called == [1]
    assert load_snapshot(file) == directory.snapshot


def test_the_thread_hears_of_changes(database: Database, opened: Opened) -> None:
    directory = opened(database, poll_s=0.1)
    directory.start()
    assert directory.find(LEEDS) is None
    fill(database, leeds=LEEDS)
    until(lambda: directory.find(LEEDS) is not None, "the new number is known")


def test_a_storm_of_changes_is_few_loads_and_the_last_state(postgresql: Database, opened: Opened) -> None:
    fill(postgresql, leeds=LEEDS)
    waiter = Notifications(postgresql)
    directory = Directory(postgresql, waiter=waiter)
    loads: list[Snapshot] = []
    directory.on_change(lambda _old, new: loads.append(new))
    assert directory.refresh(listen=True)
    for number in range(200):
        with postgresql.writing() as connection:
            change_tenant(connection, "leeds", max_calls=number + 1)
    # Nothing was loaded meanwhile: all the notifications wait, and are taken in one go.
    while waiter.wait(0.0):
        assert directory.refresh()
    assert directory.snapshot.tenants["leeds"].max_calls == 200
    assert len(loads) == 2
    directory.close()


def test_a_daemon_with_thousands_of_descriptors_hears_of_changes(database: Database, opened: Opened) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1_200
    if hard != resource.RLIM_INFINITY and hard < wanted + 100:
        pytest.skip(f"no more than {hard} descriptors are allowed here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 100), hard))
    taken = [os.open("/dev/null", os.O_RDONLY) for _ in range(wanted)]
    try:
        directory = opened(database, poll_s=0.1)
        directory.start()
        fill(database, leeds=LEEDS)
        until(lambda: directory.find(LEEDS) is not None, "the new number is known")
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_connection_that_died_without_a_word_is_made_anew(
    cluster: PrivateCluster, postgresql: Database, opened: Opened
) -> None:
    fill(postgresql, leeds=LEEDS)
    with SilentProxy(cluster.folder) as proxy:
        behind = Database(cluster.url().replace(str(cluster.folder), str(proxy.folder)))
        waiter = Notifications(behind, check_s=0.1)
        directory = Directory(behind, waiter=waiter)
        directory.start()
        try:
            assert directory.find(LEEDS) is not None
            proxy.swallow()  # both sides still believe in what there is; new connections are well
            with postgresql.writing() as connection:
                change_tenant(connection, "leeds", max_calls=7)
            until(lambda: directory.snapshot.tenants["leeds"].max_calls == 7, "the change is known")
        finally:
            directory.close()


# --- the database is away ----------------------------------------------------------------------------------


def test_an_unreachable_database_changes_nothing_for_calls(
    cluster: PrivateCluster, postgresql: Database, opened: Opened, file: Path
) -> None:
    fill(postgresql, leeds=LEEDS)
    directory = opened(postgresql, file)
    directory.start()
    assert directory.health().source == "database"
    cluster.stop()
    try:
        until(lambda: directory.health().problem is not None, "the loss is noticed")
        assert greeting(directory, LEEDS) == "leeds, hello."
        assert directory.health().source == "database"
        # A daemon that starts now has the file.
        late = opened(postgresql, file)
        late.start()
        assert late.health().source == "file"
        assert late.health().problem is not None
        assert greeting(late, LEEDS) == "leeds, hello."
    finally:
        cluster.start()
    with postgresql.writing() as connection:
        put_agent(connection, get_tenant(connection, "leeds"), "main", small_agent("Leeds", "We're back."))
    for one in (directory, late):
        until(lambda one=one: greeting(one, LEEDS) == "We're back.", "it has come back", timeout_s=60)  # type: ignore[misc]
        assert one.health().problem is None
        assert one.health().source == "database"


def test_without_database_and_file_nothing_is_known_and_said_so(
    tmp_path: Path, opened: Opened, file: Path
) -> None:
    directory = opened(Database(f"sqlite:///{tmp_path}/none.db"), file)
    directory.start()
    health = directory.health()
    assert health.source == "nothing"
    assert health.problem is not None
    assert "no such file" in health.problem
    assert directory.find(LEEDS) is None


def test_a_server_without_tenants_has_no_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("offhook.tenants.directory.DEFAULT_FILE", tmp_path / "tenants.db")
    directory = Directory.of(TenantsConfig(snapshot=None))
    assert directory.refresh(listen=True)
    assert directory.health().problem is None
    Database(f"sqlite:///{tmp_path}/tenants.db").migrate()
    fill(Database(f"sqlite:///{tmp_path}/tenants.db"), leeds=LEEDS)
    assert directory.refresh()
    assert greeting(directory, LEEDS) == "leeds, hello."
    directory.close()


def test_a_schema_that_does_not_fit_is_a_problem_and_no_end(empty: Database, opened: Opened) -> None:
    empty.migrate("0001")
    directory = opened(empty)
    assert not directory.refresh(listen=True)
    assert "run offhook tenants migrate" in str(directory.health().problem)
    empty.migrate()
    assert directory.refresh(listen=True)
    assert directory.health().problem is None


# --- the file ----------------------------------------------------------------------------------------------


@pytest.fixture
def kept(database: Database, file: Path) -> Snapshot:
    """A snapshot with two tenants, and a file of it."""
    fill(database, leeds=LEEDS, york="700")
    with database.writing() as connection:
        add_number(connection, "701", get_tenant(connection, "york"), fallback="999", language="fr")
        set_home(connection, Home.of("44"))
        add_tenant(connection, "idle", "Idle")
    with database.reading() as connection:
        snapshot = read_snapshot(connection)
    save_snapshot(snapshot, file)
    return snapshot


def test_a_file_gives_back_what_was_kept(kept: Snapshot, file: Path) -> None:
    assert load_snapshot(file) == kept
    assert file.stat().st_mode & 0o077 == 0
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("where", [0, 30, 90, -1])
def test_a_file_with_one_wrong_byte_is_refused(kept: Snapshot, file: Path, where: int) -> None:
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="torn, changed"):
        load_snapshot(file)


def test_a_torn_file_is_refused_and_the_start_goes_on(
    kept: Snapshot, file: Path, tmp_path: Path, opened: Opened
) -> None:
    file.write_bytes(file.read_bytes()[:-10])
    directory = opened(Database(f"sqlite:///{tmp_path}/none.db"), file)
    directory.start()
    assert directory.health().source == "nothing"


def test_a_file_is_replaced_as_a_whole_or_not_at_all(
    kept: Snapshot, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save_snapshot(Snapshot(), file)
    assert load_snapshot(file) == kept
    assert list(file.parent.iterdir()) == [file]


def test_closing_gives_everything_back(
    database: Database, opened: Opened, nothing_keeps_running: None
) -> None:
    fill(database, leeds=LEEDS)
    directory = Directory(database)
    directory.start()
    directory.close()
    assert greeting(directory, LEEDS) == "leeds, hello."


def test_listening_to_a_database_that_is_away_is_told(tmp_path: Path) -> None:
    waiter = Notifications(Database(f"postgresql://offhook:secret@/offhook?host={tmp_path}"))
    with pytest.raises(DatabaseError) as refused:
        waiter.listen()
    assert "secret" not in str(refused.value)
    with pytest.raises(DatabaseError, match="nobody listens"):
        waiter.wait(0.0)
    waiter.close()


def test_a_file_that_cannot_be_looked_at_is_told_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Opened
) -> None:
    database = Database(f"sqlite:///{tmp_path}/tenants.db")
    database.migrate()

    def broken(path: Path, **_how: object) -> os.stat_result:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(Path, "stat", broken)
    directory = Directory(database, optional=True)
    assert not directory.refresh(listen=True)
    monkeypatch.undo()
    assert "cannot be read: Input/output error" in str(directory.health().problem)
    directory.close()
