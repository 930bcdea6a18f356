"""PostgreSQL's roles: what each may see and do, tried as that role and not as the tables' owner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from offhook.errors import DatabaseError
from offhook.tenants import schema
from offhook.tenants.call_records import CallRecord, TurnRecord, add_call
from offhook.tenants.database import Database
from offhook.tenants.directory import Directory
from offhook.tenants.loading import read_snapshot
from offhook.tenants.number_registry import set_home
from offhook.tenants.numbers import Home, readings
from offhook.tenants.registry import change_tenant, get_tenant
from offhook.tenants.snapshot import Snapshot
from tests.support.postgresql import PrivateCluster
from tests.support.tenants import fill

TENANT_TABLES = sorted(set(schema.metadata.tables) - {"directory_state"})
HOUR = timedelta(hours=1)
LEEDS, YORK = "+441134960000", "+441904960000"


@pytest.fixture
def two(postgresql: Database) -> Database:
    """Two tenants with a call each; what belongs to one has its name in it."""
    fill(postgresql, leeds=LEEDS, york=YORK)
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    with postgresql.writing() as connection:
        snapshot = read_snapshot(connection)
        for slug, number in (("leeds", LEEDS), ("york", YORK)):
            change_tenant(connection, slug, transcripts=True)
            turns = (TurnRecord("caller", f"secret of {slug}"),)
            stored = snapshot.agents[slug, "main"]
            add_call(connection, CallRecord(f"{slug}.1", number, None, stored, moment, moment, "ok", turns))
            values = {"tenant_id": stored.tenant_id, "title": slug, "source": slug, "sha256": "0"}
            document = schema.documents.insert().values(**values).returning(schema.documents.c.id)
            document_id = connection.execute(document).scalar_one()
            connection.execute(
                schema.chunks.insert().values(
                    tenant_id=stored.tenant_id, document_id=document_id, ordinal=0, text=f"secret of {slug}"
                )
            )
            ours = {"tenant_id": stored.tenant_id}
            connection.execute(
                schema.appointments.insert().values(
                    **ours,
                    resource=slug,
                    service="cut",
                    state="booked",
                    request_key="1",
                    starts_at=moment,
                    ends_at=moment + HOUR,
                    blocked_until=moment + HOUR,
                )
            )
            connection.execute(
                schema.tickets.insert().values(
                    **ours, kind="ticket", reference="1", text=slug, fields={}, request_key="1"
                )
            )
            connection.execute(
                schema.jobs.insert().values(
                    **ours, key="1", kind="webhook", body={"of": slug}, state="waiting", due_at=moment
                )
            )
            connection.execute(
                schema.tool_requests.insert().values(
                    **ours, key="1", call_id=f"{slug}.1", tool="order", state="begun", begun_at=moment
                )
            )
            connection.execute(
                schema.erasures.insert().values(tenant_id=stored.tenant_id, reason=slug, calls=0, turns=0)
            )
    return postgresql


def tenant_id(database: Database, slug: str) -> str:
    with database.reading() as connection:
        return get_tenant(connection, slug).id


@pytest.fixture
def console(cluster: PrivateCluster, two: Database) -> Iterator[psycopg.Connection]:
    """A session of the console's role that has named no tenant."""
    with cluster.connect("offhook_console") as connection:
        yield connection


def choose(connection: psycopg.Connection, tenant: str) -> None:
    """For the transaction that goes on."""
    connection.execute("SELECT set_config('offhook.tenant', %s, true)", (tenant,))


# --- the console -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_the_console_sees_the_rows_of_the_tenant_that_it_named(
    console: psycopg.Connection, two: Database, table: str
) -> None:
    assert console.execute(f"SELECT * FROM {table}").fetchall() == [], "no tenant was named"
    with console.transaction():
        choose(console, tenant_id(two, "leeds"))
        rows = str(console.execute(f"SELECT * FROM {table}").fetchall())
    assert tenant_id(two, "leeds") in rows
    assert "york" not in rows
    assert tenant_id(two, "york") not in rows
    assert console.execute(f"SELECT * FROM {table}").fetchall() == [], "the tenant ends with the transaction"


@pytest.mark.parametrize("tenant", ["", "00000000-0000-4000-8000-000000000000"])
def test_no_tenant_and_an_unknown_one_see_nothing(console: psycopg.Connection, tenant: str) -> None:
    with console.transaction():
        choose(console, tenant)
        assert console.execute("SELECT * FROM calls").fetchall() == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO documents (tenant_id, title, source, sha256) VALUES (%(other)s, 'x', 'x', 'x')",
        "UPDATE documents SET tenant_id = %(other)s",
        "UPDATE ai_configurations SET tenant_id = %(other)s",
        "UPDATE phone_numbers SET tenant_id = %(other)s",
        "INSERT INTO phone_numbers (did, tenant_id, ai_configuration_id) VALUES ('999', %(own)s, %(own)s)",
        "DELETE FROM phone_numbers",
        "UPDATE tenants SET max_calls = NULL",
        "INSERT INTO calls (tenant_id, id, did, agent, started_at) VALUES (%(own)s, '1', '1', 'x', now())",
        "UPDATE directory_state SET version = 0",
        "DELETE FROM erasures",
        "UPDATE appointments SET tenant_id = %(other)s",
        "UPDATE jobs SET body = '{}'",
        "SELECT * FROM dialplan_route('700')",
        "ALTER TABLE calls DISABLE ROW LEVEL SECURITY",
        "SET ROLE offhook",
    ],
)
def test_the_console_may_not(console: psycopg.Connection, two: Database, statement: str) -> None:
    ids = {"own": tenant_id(two, "leeds"), "other": tenant_id(two, "york")}

    def try_it() -> None:
        with console.transaction():
            choose(console, ids["own"])
            console.execute(statement, ids)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        try_it()


def test_what_the_console_changes_is_its_own_and_is_counted(
    console: psycopg.Connection, two: Database
) -> None:
    with two.reading() as connection:
        before = read_snapshot(connection)
    with console.transaction():
        choose(console, tenant_id(two, "leeds"))
        assert console.execute("UPDATE phone_numbers SET fallback = '999'").rowcount == 1
        assert console.execute("DELETE FROM calls").rowcount == 1
    with two.reading() as connection:
        after = read_snapshot(connection)
        calls = connection.execute(schema.calls.select()).all()
    assert (after.numbers[LEEDS].fallback, after.numbers[YORK].fallback) == ("999", None)
    assert after.version > before.version
    assert [call.id for call in calls] == ["york.1"]


# --- the owner and the daemon ------------------------------------------------------------------------------


def test_every_table_of_tenants_is_bound_by_row_level_security(
    cluster: PrivateCluster, two: Database
) -> None:
    with cluster.connect("offhook") as connection:
        rows = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
        ).fetchall()
        assert sorted(name for (name,) in rows) == TENANT_TABLES
        rights = connection.execute(
            "SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname LIKE 'offhook%'"
        ).fetchall()
    assert set(rights) == {(False, False)}


def test_the_daemon_reads_the_directory_and_adds_calls_and_changes_nothing(
    cluster: PrivateCluster, two: Database
) -> None:
    daemon = Database(cluster.url(role="offhook_daemon"))
    moment = datetime(2026, 11, 1, 12, tzinfo=UTC)
    with daemon.writing() as connection:
        daemon.require_schema(connection)
        snapshot = read_snapshot(connection)
        assert set(snapshot.tenants) == {"leeds", "york"}
        stored = snapshot.agents["leeds", "main"]
        add_call(connection, CallRecord("leeds.2", LEEDS, "+441134960001", stored, moment, moment, "ok"))
    with cluster.connect("offhook_daemon") as session:
        for statement in (
            "DELETE FROM tenants",
            "UPDATE tenants SET active = false",
            "DELETE FROM phone_numbers",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(statement)


@pytest.fixture(scope="module")
def strangers(cluster: PrivateCluster) -> None:
    """Two roles that no migration knows; the cluster is private and forgets them."""
    with cluster.connect("postgres") as root:
        root.execute("CREATE ROLE reader LOGIN; CREATE ROLE heir LOGIN CREATEROLE")


def test_a_role_that_sees_no_tenants_is_told_and_not_believed(
    cluster: PrivateCluster, two: Database, strangers: None
) -> None:
    with cluster.connect("offhook") as owner:
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    directory = Directory(Database(cluster.url(role="reader")))
    assert not directory.refresh(listen=True)
    assert "user 'reader' sees no tenants: GRANT offhook_daemon" in str(directory.health().problem)
    with cluster.connect("postgres") as root:
        root.execute("GRANT offhook_daemon TO reader")
    assert directory.refresh(listen=True)
    assert set(directory.snapshot.tenants) == {"leeds", "york"}
    directory.close()


def test_a_copy_of_another_owner_is_usable_after_a_migration(
    cluster: PrivateCluster, strangers: None
) -> None:
    name = cluster.empty_database()
    before = Database(cluster.url(name))
    before.migrate()
    fill(before, leeds=LEEDS)
    with cluster.connect("postgres", name) as root:
        root.execute(
            "DO $$ DECLARE one text; BEGIN"
            " FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP"
            "   EXECUTE format('ALTER TABLE %I OWNER TO heir', one); END LOOP;"
            " FOR one IN SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace ="
            " 'public'::regnamespace LOOP"
            "   EXECUTE format('ALTER FUNCTION %s OWNER TO heir', one); END LOOP; END $$"
        )
        copy = Database(cluster.url(name, "heir"))
        with pytest.raises(DatabaseError, match="run offhook tenants migrate"):
            copy.prepare()
        copy.migrate()
        copy.prepare()
        with cluster.connect("offhook_dialplan", name) as dialplan:
            assert dialplan.execute("SELECT tenant FROM dialplan_route(%s)", (LEEDS,)).fetchall() == [
                ("leeds",)
            ]


# --- the dialplan ------------------------------------------------------------------------------------------


@pytest.fixture
def dialplan(cluster: PrivateCluster, two: Database) -> Iterator[psycopg.Connection]:
    """A session of the dialplan's role."""
    with cluster.connect("offhook_dialplan") as connection:
        yield connection


def test_the_dialplan_gets_one_row_of_the_number_that_was_dialled(dialplan: psycopg.Connection) -> None:
    rows = dialplan.execute("SELECT * FROM dialplan_route(%s)", (LEEDS,)).fetchall()
    assert rows == [("leeds", "main", "en", 0, None, 1, None)]


@pytest.mark.parametrize("relation", [*TENANT_TABLES, "directory_state", "offhook_schema"])
def test_the_dialplan_reads_nothing_by_itself(dialplan: psycopg.Connection, relation: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        dialplan.execute(f"SELECT * FROM {relation}")


def test_the_dialplan_may_call_nothing_else_of_ours(dialplan: psycopg.Connection) -> None:
    allowed = dialplan.execute(
        "SELECT p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace"
        " WHERE n.nspname = 'public' AND has_function_privilege(p.oid, 'EXECUTE')"
    ).fetchall()
    assert allowed == [("dialplan_route",)]


def test_the_dialplans_statements_end_by_themselves(dialplan: psycopg.Connection) -> None:
    with pytest.raises(psycopg.errors.QueryCanceled, match="statement timeout"):
        dialplan.execute("SELECT pg_sleep(60)")
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        dialplan.execute("CREATE TABLE public.mine ()")
    dialplan.execute("SET default_transaction_read_only = off")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        dialplan.execute("CREATE TABLE public.mine ()")
    limits = {
        name: dialplan.execute(f"SHOW {name}").fetchone() for name in ("lock_timeout", "statement_timeout")
    }
    assert limits == {"lock_timeout": ("100ms",), "statement_timeout": ("300ms",)}


def test_a_locked_table_costs_the_dialplan_its_lock_timeout_only(
    dialplan: psycopg.Connection, cluster: PrivateCluster
) -> None:
    with cluster.connect("offhook") as other, other.transaction():
        other.execute("LOCK TABLE phone_numbers IN ACCESS EXCLUSIVE MODE")
        with pytest.raises((psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled)):
            dialplan.execute("SELECT * FROM dialplan_route(%s)", (LEEDS,))
    assert dialplan.execute("SELECT * FROM dialplan_route(%s)", (LEEDS,)).fetchone() is not None


@pytest.mark.parametrize("did", ["", "'", "' OR 1=1 --", "%", "_", "+", "alice700", "1" * 40, "\\", "+44%"])
def test_what_is_no_number_finds_nobody(dialplan: psycopg.Connection, did: str) -> None:
    assert dialplan.execute("SELECT * FROM dialplan_route(%s)", (did,)).fetchall() == []


DIALLED = (
    *(LEEDS, LEEDS[1:], "00" + LEEDS[1:], "011" + LEEDS[1:], "01134960000", "1134960000"),
    *("700", "0700", "2125550123", "12125550123", "0012125550123", "061234567", "0612345678", "81234567890"),
    *("", "+", "++44", "44+113", "0", "00", "alice"),
)


@pytest.mark.parametrize("country", ["", "44", "1", "39", "36", "7"])
def test_the_dialplan_and_the_daemon_read_a_number_alike(
    cluster: PrivateCluster, two: Database, country: str
) -> None:
    home = Home.of(country)
    with two.writing() as connection:
        set_home(connection, home)
    with cluster.connect("offhook") as owner:
        for dialled in DIALLED:
            rows = owner.execute("SELECT did FROM number_readings(%s) ORDER BY rank", (dialled,)).fetchall()
            assert tuple(dict.fromkeys(did for (did,) in rows)) == readings(dialled, home), dialled


def test_the_dialplan_and_the_daemon_find_the_same(dialplan: psycopg.Connection, two: Database) -> None:
    with two.writing() as connection:
        set_home(connection, Home.of("44"))
        change_tenant(connection, "york", active=False, max_calls=3)
    with two.reading() as connection:
        snapshot: Snapshot = read_snapshot(connection)
    for dialled in (*DIALLED, YORK, "01904960000"):
        row = dialplan.execute(
            "SELECT tenant, agent, active, max_calls FROM dialplan_route(%s)", (dialled,)
        ).fetchone()
        number = snapshot.find(dialled)
        expected = number and (
            number.tenant.slug,
            number.agent.name,
            int(number.tenant.active),
            number.tenant.max_calls,
        )
        assert row == expected, dialled
