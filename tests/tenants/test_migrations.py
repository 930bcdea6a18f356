"""The schema: made, brought up to date with its data, and refused when it does not fit."""

from __future__ import annotations

import json
import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from offhook.errors import ConfigError, DatabaseError
from offhook.tenants import schema
from offhook.tenants.agent_versions import history
from offhook.tenants.database import Database, newest_revision, revisions
from offhook.tenants.loading import read_snapshot
from offhook.tenants.registry import list_tenants

TENANT, AGENT = "6f0e2d0a-6f6a-4c39-8f0b-0c5b0f2f1a01", "6f0e2d0a-6f6a-4c39-8f0b-0c5b0f2f1a02"
BODY = {"name": "Leeds Plumbing", "greeting": "Leeds Plumbing, hello."}


def test_the_migrations_make_the_tables_that_the_queries_are_written_for(empty: Database) -> None:
    assert empty.migrate() == (None, newest_revision())
    assert empty.migrate() == (newest_revision(), newest_revision())
    with empty.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.SCHEMA_TABLE})
        assert compare_metadata(context, schema.metadata) == []


def test_the_previous_schema_is_migrated_with_its_data(empty: Database) -> None:
    empty.migrate("0001")
    with empty.writing() as connection:
        plain = empty.file is not None  # SQLite keeps ids as 32 digits
        tenant, agent = (value.replace("-", "") if plain else value for value in (TENANT, AGENT))
        for statement in (
            f"INSERT INTO tenants (id, slug, name, max_calls) VALUES ('{tenant}', 'leeds', 'Leeds', 3)",
            "INSERT INTO ai_configurations (id, tenant_id, name, body)"
            f" VALUES ('{agent}', '{tenant}', 'main', '{json.dumps(BODY)}')",
            "INSERT INTO phone_numbers (did, tenant_id, ai_configuration_id)"
            f" VALUES ('+441134960000', '{tenant}', '{agent}')",
        ):
            connection.execute(sa.text(statement.replace(":", r"\:")))
    with pytest.raises(DatabaseError, match=r"its schema is 0001.*run offhook tenants migrate"):
        empty.prepare()
    assert empty.migrate("0003") == ("0001", "0003")
    assert empty.migrate() == ("0003", newest_revision())
    empty.prepare()
    with empty.reading() as connection:
        number = read_snapshot(connection).find("+441134960000")
        assert number is not None
        assert number.tenant.max_calls == 3
        assert number.agent.read().model_dump(exclude_unset=True) == BODY
        assert [(one.version, one.current) for one in history(connection, number.tenant, "main")] == [
            (1, True)
        ]


def test_a_schema_of_the_future_is_left_alone(database: Database) -> None:
    table = sa.table(schema.SCHEMA_TABLE, sa.column("version_num"))
    with database.writing() as connection:
        connection.execute(sa.update(table).values(version_num="9999"))
    try:
        for act in (database.prepare, database.migrate):
            with pytest.raises(DatabaseError, match=r"\(9999\) is newer than this offhook"):
                act()
    finally:
        with database.writing() as connection:
            connection.execute(sa.update(table).values(version_num=newest_revision()))


def test_a_new_sqlite_file_is_made_at_once_and_anything_else_is_not(empty: Database) -> None:
    if empty.file is None:
        with pytest.raises(DatabaseError, match="no tables of offhook: run offhook tenants migrate"):
            empty.prepare()
        return
    empty.prepare()
    with empty.reading() as connection:
        assert list_tenants(connection) == []
    assert empty.file.stat().st_mode & 0o007 == 0  # what agents say is nobody else's business


def test_two_migrate_at_once_and_both_are_right(empty: Database) -> None:
    results: list[tuple[str | None, str]] = []
    both = [threading.Thread(target=lambda: results.append(empty.migrate())) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    newest = newest_revision()
    assert sorted(results, key=str) == sorted([(None, newest), (newest, newest)], key=str)


def test_revisions_are_in_order() -> None:
    assert list(revisions()) == sorted(revisions())
    assert len(revisions()) >= 2


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "is wanted"),
        ("leeds", "is wanted"),
        ("mysql://offhook:secret@host/offhook", "mysql is not known"),
        ("sqlite://", "a file is wanted"),
        ("sqlite:///:memory:", "a file is wanted"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused_in_one_line(url: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as refused:
        Database(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_database_that_is_away_is_told_in_one_line_without_the_password() -> None:
    away = Database("postgresql://offhook:secret@/offhook?host=/nonexistent")
    with pytest.raises(DatabaseError, match="No such file") as refused, away.reading():
        pass
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
