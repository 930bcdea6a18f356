"""The database of tenants: one way to open it, its schema, and what can go wrong, in one line each.

PostgreSQL through psycopg, or SQLite through Python's own module.  Connections are opened when they are
needed and closed at once: an operator's command and a reload need one each, seldom, and a database that was
away needs no repair.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from offhook.config import clipped
from offhook.errors import ConfigError, DatabaseError
from offhook.files import unreadable
from offhook.tenants.row_security import blind_user, renew_owner
from offhook.tenants.schema import SCHEMA_TABLE

DEFAULT_FILE = Path("/var/lib/offhook/tenants.db")
CONNECT_TIMEOUT_S = 3
DEAD_LINK: dict[str, Any] = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's options by which a connection ends whose other side says nothing any more. [s], [ms]"""
_STATEMENT_TIMEOUT_MS = 10_000
_BUSY_TIMEOUT_S = 30.0
"""How long one writer of SQLite waits for another; readers wait for nobody."""
_MIGRATION_LOCK = 0x6F66_6668  # "offh": any number that nobody else takes
_WRITE = "offhook_write"


class Database:
    """A place where tenants are kept; opening it touches nothing yet.

    Raises ConfigError when ``url`` cannot be one.  Any thread may use it.
    """

    def __init__(self, url: str) -> None:
        self.url = _checked(url)
        self.file = Path(self.url.database or "") if self.url.drivername == "sqlite" else None
        """SQLite's file; None: PostgreSQL."""
        try:
            self._engine = sa.create_engine(self.url, poolclass=NullPool, connect_args=self._connect_args())
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"database {self}: {error.name} is not installed: pip install 'offhook[postgresql]'"
            ) from error
        if self.file is None:
            event.listen(self._engine, "begin", _limit_postgresql)
        else:
            event.listen(self._engine, "connect", _prepare_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    def __str__(self) -> str:
        """The URL without its password."""
        return self.url.set(drivername=self.url.get_backend_name()).render_as_string(hide_password=True)

    def is_missing(self) -> bool:
        """Whether it is a SQLite file that nobody has made yet."""
        if self.file is None:
            return False
        try:
            self.file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:  # a closed folder: what is wrong is told when it is opened
            return False
        return False

    @contextlib.contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """One consistent state, to be read.  Raises DatabaseError."""
        with self._connected({}) as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction, committed at the end unless something is raised.  Raises DatabaseError."""
        with self._connected({_WRITE: True}) as connection:
            yield connection

    @contextlib.contextmanager
    def _connected(self, options: dict[str, Any]) -> Iterator[sa.Connection]:
        self._check_file()
        try:
            with self._engine.connect() as connection:
                if self.file is None:
                    # One state for all queries of a reload.
                    options = options or {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                connection = connection.execution_options(**options)
                with connection.begin():
                    yield connection
        except sa.exc.SQLAlchemyError as error:
            raise DatabaseError(f"database {self}: {_in_words(error)}") from error

    def forget(self, tables: Sequence[str] = ()) -> None:
        """Have the disk give up what was deleted.

        SQLite's journal is emptied; its file was overwritten at once.  PostgreSQL writes ``tables`` anew
        where the connection's user owns them, and waits for whoever uses them; its write-ahead log goes its
        own way.
        Raises DatabaseError when that cannot be done now.
        """
        if self.file is None:
            self._rewrite(tables)
            return
        self._check_file()
        try:
            with contextlib.closing(sqlite3.connect(self.file, timeout=_BUSY_TIMEOUT_S)) as connection:
                busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise DatabaseError(f"database {self}: {error}") from error
        if busy:
            raise DatabaseError(
                f"database {self}: what was deleted is still in its journal, because somebody reads it:"
                " do the same again"
            )

    def _rewrite(self, tables: Sequence[str]) -> None:
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                for table in tables:
                    owner = sa.text(
                        "SELECT tableowner = current_user FROM pg_tables"
                        " WHERE schemaname = current_schema() AND tablename = :table"
                    )
                    if connection.execute(owner, {"table": table}).scalar():
                        connection.exec_driver_sql(f"VACUUM (FULL) {table}")
        except sa.exc.SQLAlchemyError as error:
            raise DatabaseError(
                f"database {self}: what was deleted is still on its disk: {_in_words(error)}"
            ) from error

    # --- the schema --------------------------------------------------------------------------------

    def require_schema(self, connection: sa.Connection) -> None:
        """Raises DatabaseError unless the tables are of this version of offhook, and can be seen."""
        found, wanted = self.revision(connection), newest_revision()
        if found == wanted:
            blind = blind_user(connection)
            if blind is not None:
                raise DatabaseError(
                    f"database {self}: user {blind!r} sees no tenants: GRANT offhook_daemon TO {blind}, or,"
                    " if the tables are its own now, run offhook tenants migrate"
                )
            return
        if found is not None and found not in revisions():
            raise DatabaseError(
                f"database {self}: its schema ({found}) is newer than this offhook ({wanted}): update"
                " offhook here"
            )
        state = (
            f"its schema is {found}, this offhook wants {wanted}" if found else "it has no tables of offhook"
        )
        raise DatabaseError(f"database {self}: {state}: run offhook tenants migrate")

    def revision(self, connection: sa.Connection) -> str | None:
        """The schema's revision; None before the first migration."""
        if not sa.inspect(connection).has_table(SCHEMA_TABLE):
            return None
        table = sa.table(SCHEMA_TABLE, sa.column("version_num"))
        return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none()

    def migrate(self, target: str = "head") -> tuple[str | None, str]:
        """Bring the schema to ``target``; gives the revision before and after.

        A new SQLite file is created, its folder, too.  Two who do this at once do it one after the other.
        """
        if self.file is not None and self.is_missing():
            self._create_file(self.file)
        with self.writing() as connection:
            if self.file is None:
                _limit(connection, 0)  # a migration takes as long as it takes
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            before = self.revision(connection)
            if before is not None and before not in revisions():
                self.require_schema(connection)  # it raises
            _upgrade(connection, target)
            if target == "head":
                renew_owner(connection)
            return before, self.revision(connection) or ""

    def prepare(self) -> None:
        """Make a new SQLite file usable; anything else has to be migrated already.  Raises DatabaseError."""
        if self.is_missing() or self._is_empty():
            self.migrate()
            return
        with self.reading() as connection:
            self.require_schema(connection)

    def _is_empty(self) -> bool:
        self._check_file()
        return self.file is not None and self.file.stat().st_size == 0

    # --- files and options -------------------------------------------------------------------------

    def _check_file(self) -> None:
        if self.file is None:
            return
        try:
            self.file.stat()
        except FileNotFoundError as error:
            raise DatabaseError(
                f"database {self}: there is no such file: offhook tenants add makes it with its first tenant"
            ) from error
        except OSError as error:
            raise DatabaseError(str(unreadable(self.file, error))) from error
        if not os.access(self.file, os.R_OK | os.W_OK):
            raise DatabaseError(
                f"database {self}: this user may not write it, and SQLite does so even to read: chown it to"
                " the daemon's user, and run this as that user or as root"
            )

    def _create_file(self, file: Path) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch(mode=0o660)
            if os.geteuid() == 0:  # made with sudo, read by the daemon: whoever has the folder has the file
                folder = file.parent.stat()
                os.chown(file, folder.st_uid, folder.st_gid)
        except OSError as error:
            raise DatabaseError(
                f"database {self}: cannot be written: {error.strerror}: name another with --database or"
                " tenants.database, or run this as a user that may write there"
            ) from error

    def _connect_args(self) -> dict[str, Any]:
        if self.file is not None:
            return {"timeout": _BUSY_TIMEOUT_S}
        return {
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "offhook",
            **DEAD_LINK,
            "prepare_threshold": None,  # a pooler in transaction mode has no place for prepared statements
        }


def _checked(text: str) -> URL:
    wanted = "postgresql://USER@HOST/NAME or sqlite:////PATH is wanted"
    try:
        url = make_url(text)
    except sa.exc.ArgumentError as error:
        raise ConfigError(f"database {_without_password(text)}: {wanted}") from error
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise ConfigError(f"database {_without_password(text)}: {url.drivername} is not known: {wanted}")
    if not url.database or url.database == ":memory:":
        raise ConfigError(f"database {clipped(text)}: a file is wanted: sqlite:////PATH")
    return url.set(database=str(Path(url.database).absolute()))


def _without_password(text: str) -> str:
    return clipped(re.sub(r":[^:@/]*@", ":***@", text))


def _limit_postgresql(connection: sa.Connection) -> None:
    _limit(connection, _STATEMENT_TIMEOUT_MS)


def _limit(connection: sa.Connection, timeout_ms: int) -> None:
    # For this transaction only: a pooler hands the connection to somebody else afterwards.
    connection.exec_driver_sql(
        "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)",
        (str(timeout_ms), str(timeout_ms // 2)),
    )


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by us: Python's module would leave DDL outside
    for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=NORMAL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer takes the lock at once: one that turns from reading to writing may be refused without waiting.
    immediate = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _in_words(error: sa.exc.SQLAlchemyError) -> str:
    """The driver's own first line; SQLAlchemy adds the statement with its values, which may be a caller's."""
    cause = getattr(error, "orig", None) or error
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    # Of several addresses that were tried psycopg tells each; the first says enough.
    line = lines[0] if lines else type(cause).__name__
    diagnostic = getattr(cause, "diag", None)
    return str(getattr(diagnostic, "message_primary", None) or line)


# --- migrations ------------------------------------------------------------------------------------
# Alembic is imported where it is used: a daemon that only reads needs it for a moment, most commands never.


def _scripts() -> Any:
    from alembic.config import Config as AlembicConfig

    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@functools.cache
def revisions() -> tuple[str, ...]:
    """All that this offhook knows, the oldest first."""
    from alembic.script import ScriptDirectory

    walked = ScriptDirectory.from_config(_scripts()).walk_revisions()
    return tuple(reversed([script.revision for script in walked]))


def newest_revision() -> str:
    """What the tables of :mod:`offhook.tenants.schema` are."""
    return revisions()[-1]


def _upgrade(connection: sa.Connection, target: str) -> None:
    from alembic import command

    config = _scripts()
    config.attributes["connection"] = connection
    command.upgrade(config, target)
