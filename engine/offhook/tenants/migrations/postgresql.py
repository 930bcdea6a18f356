"""What PostgreSQL alone has: roles, row-level security, the change counter's triggers, the dialplan's
function.

Four roles besides the owner of the tables, who runs the migrations and the operator's commands:

``offhook_daemon``    reads all tenants, adds calls and turns
``offhook_console``   sees and changes the rows of one tenant, which it names in each transaction:
                      ``SELECT set_config('offhook.tenant', ID, true)``
``offhook_web``       the pages of `offhook web`: sees all tenants; changes their settings, numbers, agents
                      and documents, and deletes no tenant, no call and no version of an agent
``offhook_dialplan``  may call ``dialplan_route`` and read nothing; its statements end after 300 ms

They are made without the right to log in; ``ALTER ROLE offhook_dialplan LOGIN PASSWORD '...'`` gives it.
"""

from __future__ import annotations

from collections.abc import Mapping

from alembic import op

from offhook.errors import DatabaseError

CHANNEL = "offhook_directory"
DAEMON, CONSOLE, DIALPLAN = "offhook_daemon", "offhook_console", "offhook_dialplan"
WEB = "offhook_web"

_LIMITS = {
    "statement_timeout": "300ms",  # func_odbc itself waits without end, and a call with it
    "lock_timeout": "100ms",
    "idle_in_transaction_session_timeout": "5s",
    "default_transaction_read_only": "on",
}
_THIS_TENANT = "nullif(current_setting('offhook.tenant', true), '')::uuid"


def is_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def make_roles() -> None:
    """The three roles, unless another database of this server has them already."""
    for role in (DAEMON, CONSOLE, DIALPLAN):
        if not _exists(role):
            _as_administrator(f"CREATE ROLE {role} NOLOGIN NOINHERIT NOBYPASSRLS")
    for setting, value in _LIMITS.items():
        if not _is_set(DIALPLAN, setting):
            _as_administrator(f"ALTER ROLE {DIALPLAN} SET {setting} = '{value}'")
    schema = _schema()
    op.execute(f"GRANT USAGE ON SCHEMA {schema} TO {DAEMON}, {CONSOLE}, {DIALPLAN}")
    op.execute(f"GRANT SELECT ON offhook_schema TO {DAEMON}, {CONSOLE}")


def make_web_role(rights: Mapping[str, str]) -> None:
    """The pages' role, with these rights (as GRANT has them) on all rows of these tables."""
    if not _exists(WEB):
        _as_administrator(f"CREATE ROLE {WEB} NOLOGIN NOINHERIT NOBYPASSRLS")
    op.execute(f"GRANT USAGE ON SCHEMA {_schema()} TO {WEB}")
    op.execute(f"GRANT SELECT ON offhook_schema, directory_state TO {WEB}")
    for table, granted in rights.items():
        op.execute(f"CREATE POLICY web ON {table} TO {WEB} USING (true) WITH CHECK (true)")
        op.execute(f"GRANT {granted} ON {table} TO {WEB}")


def _exists(role: str) -> bool:
    found = op.get_bind().exec_driver_sql("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
    return found.first() is not None


def _is_set(role: str, setting: str) -> bool:
    found = op.get_bind().exec_driver_sql(
        "SELECT 1 FROM pg_roles WHERE rolname = %s AND EXISTS"
        " (SELECT FROM unnest(rolconfig) AS one WHERE one LIKE %s)",
        (role, f"{setting}=%"),
    )
    return found.first() is not None


def _as_administrator(statement: str) -> None:
    rights = op.get_bind().exec_driver_sql(
        "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    if not rights.scalar():
        raise DatabaseError(
            "the database's user may not manage roles: GRANT it CREATEROLE for the migration, or have an"
            f" administrator run first: {statement};"
        )
    op.execute(statement)


def _schema() -> str:
    return str(op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one())


# --- row-level security ------------------------------------------------------------------------------


def protect(
    table: str, tenant_column: str = "tenant_id", *, daemon: str = "SELECT", console: str = ""
) -> None:
    """Row-level security that binds the owner as well, and the rights of the daemon and the console.

    ``daemon`` and ``console`` are rights as GRANT has them; the console's reach one tenant's rows.
    """
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY owner ON {table} TO CURRENT_USER USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY daemon ON {table} TO {DAEMON} USING (true) WITH CHECK (true)")
    mine = f"{tenant_column} = {_THIS_TENANT}"
    op.execute(f"CREATE POLICY console ON {table} TO {CONSOLE} USING ({mine}) WITH CHECK ({mine})")
    op.execute(f"GRANT {daemon} ON {table} TO {DAEMON}")
    if console:
        op.execute(f"GRANT {console} ON {table} TO {CONSOLE}")


# --- changes -------------------------------------------------------------------------------------------


def make_change_counter() -> None:
    """The function that the triggers call: counts, and tells who listens when the transaction commits."""
    # SECURITY DEFINER: the console changes a tenant's rows and must not write the counter by itself.
    op.execute(
        f"""
        CREATE FUNCTION directory_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = {_schema()}, pg_temp AS $$
        BEGIN
            UPDATE directory_state SET version = version + 1;
            PERFORM pg_notify('{CHANNEL}', (SELECT version::text FROM directory_state));
            RETURN NULL;
        END $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION directory_changed() FROM PUBLIC")
    op.execute(f"GRANT SELECT ON directory_state TO {DAEMON}, {CONSOLE}")


def count_changes(table: str, what: str = "INSERT OR UPDATE OR DELETE") -> None:
    op.execute(
        f"CREATE TRIGGER directory_changed AFTER {what} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION directory_changed()"
    )


# --- the dialplan ----------------------------------------------------------------------------------------


def make_readings() -> None:
    """``number_readings``: what ``offhook.tenants.numbers.readings`` gives, in its order."""
    op.execute(
        f"""
        CREATE FUNCTION number_readings(dialled text) RETURNS TABLE (rank bigint, did text)
        LANGUAGE sql STABLE SET search_path = {_schema()}, pg_temp AS $$
            SELECT reading.rank, reading.did
            FROM directory_state AS home, unnest(ARRAY[
                dialled,
                CASE WHEN dialled LIKE '00%' THEN '+' || substr(dialled, 3) END,
                CASE WHEN dialled LIKE '011%' AND home.country_code = '1' THEN '+' || substr(dialled, 4) END,
                CASE WHEN dialled ~ '^[1-9]' THEN '+' || dialled END,
                CASE WHEN home.country_code <> '' AND home.trunk_prefix <> '' AND dialled ~ '^[0-9]'
                      AND starts_with(dialled, home.trunk_prefix)
                     THEN '+' || home.country_code || substr(dialled, length(home.trunk_prefix) + 1) END,
                CASE WHEN home.country_code <> '' AND dialled ~ '^[0-9]'
                     THEN '+' || home.country_code || dialled END
            ]) WITH ORDINALITY AS reading (did, rank)
            WHERE dialled ~ '^[+]?[0-9]+$' AND length(dialled) <= 32 AND reading.did IS NOT NULL
        $$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION number_readings(text) FROM PUBLIC")


def make_route(body: str, *, planned_once: bool = False) -> None:
    """``dialplan_route``: the only thing that the dialplan's role may do.  ``body``: text of the agent's
    JSON.  ``planned_once``: for each connection, and not for each call (PL/pgSQL keeps its plans).
    """
    # Languages as Asterisk calls them, en_GB: it looks for prompts in that folder, then in en.
    query = f"""
            SELECT t.slug, a.name, replace(coalesce(n.language, {body} ->> 'language', 'en'), '-', '_'),
                   (n.recording AND t.recordings)::int, n.fallback, t.active::int, t.max_calls
            FROM number_readings(dialled) AS reading
            JOIN phone_numbers AS n ON n.did = reading.did
            JOIN tenants AS t ON t.id = n.tenant_id
            JOIN ai_configurations AS a ON a.id = n.ai_configuration_id
            {"" if body.startswith("a.") else _VERSIONS}
            ORDER BY reading.rank LIMIT 1
    """
    if planned_once:
        query = f"#variable_conflict use_column\nBEGIN RETURN QUERY {query}; END"
    op.execute(
        f"""
        CREATE FUNCTION dialplan_route(dialled text) RETURNS TABLE (
            tenant text, agent text, language text, record int, fallback text, active int, max_calls int)
        LANGUAGE {"plpgsql" if planned_once else "sql"} STABLE SECURITY DEFINER
        SET search_path = {_schema()}, pg_temp AS $${query}$$
        """
    )
    op.execute("REVOKE ALL ON FUNCTION dialplan_route(text) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION dialplan_route(text) TO {DIALPLAN}, {DAEMON}")


def plan_route_once() -> None:
    """The dialplan's function again, with most of its time spared: planning took it (1.6 of 2 ms)."""
    # So many readings there are; PostgreSQL takes any function for a thousand rows.
    op.execute("ALTER FUNCTION number_readings(text) ROWS 6")
    op.execute("DROP FUNCTION dialplan_route(text)")
    make_route("v.body", planned_once=True)


_VERSIONS = (
    "JOIN ai_configuration_versions AS v ON v.ai_configuration_id = a.id AND v.version = a.current_version"
)
