"""A PostgreSQL of the tests' own: a private cluster in a temporary folder, reached by a socket that lies
there.

No running cluster is touched, no port is opened, and nothing is kept: what it writes is not even
synchronised. ``initdb`` and the server refuse root, therefore they run as another user when the tests are
root's.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from offhook.tenants.database import Database

OWNER = "offhook"
"""Owns the tables and is no superuser: row-level security binds it, and so it is what the tests use."""
_ROOT = "postgres"
_SHARED = "shared"
_USERS = ("postgres", "nobody")
_OPTIONS = ("fsync=off", "full_page_writes=off", "listen_addresses=", "max_connections=40")


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, of the newest version that is installed; None: there is none."""
    versions = [
        path.parent
        for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")
        if path.parent.parent.name.isdigit()
    ]
    if versions:
        return max(versions, key=lambda path: int(path.parent.name))
    found = shutil.which("initdb")
    return None if found is None else Path(found).resolve().parent


class PrivateCluster:
    """Started at once; ``close`` ends it and removes its folder."""

    def __init__(self, bin_folder: Path) -> None:
        self._bin = bin_folder
        # Beside pytest's folders, not below: those are closed to other users, and a socket's path
        # must be short.

        self.folder = Path(tempfile.mkdtemp(prefix="offhook-pg-"))
        self._data = self.folder / "data"
        self._user = _unprivileged()
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._run("initdb", "-D", self._data, "-U", _ROOT, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
        self._counter = itertools.count(1)
        self.start()
        with self.connect(_ROOT, "postgres") as connection:
            connection.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE")
            connection.execute(f"CREATE DATABASE {_SHARED} OWNER {OWNER}")
        Database(self.url(_SHARED)).migrate()
        with self.connect(_ROOT, "postgres") as connection:
            for role in ("offhook_daemon", "offhook_console", "offhook_dialplan", "offhook_web"):
                connection.execute(f"ALTER ROLE {role} LOGIN")

    # --- the server -------------------------------------------------------------------------------------

    def start(self) -> None:
        options = " ".join(
            f"-c {option}" if not option.endswith("=") else f"-c {option}''" for option in _OPTIONS
        )
        self._run(
            "pg_ctl",
            "-D",
            self._data,
            "-w",
            "-l",
            self.folder / "log",
            "-o",
            f"-k {self.folder} {options}",
            "start",
        )

    def stop(self) -> None:
        """As a power cut: sessions are not waited for."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def close(self) -> None:
        subprocess.run(
            [self._bin / "pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop"],
            user=self._user,
            capture_output=True,
            check=False,
        )
        shutil.rmtree(self.folder, ignore_errors=True)

    def on_disk(self, name: str = _SHARED) -> list[Path]:
        """The files of a database's tables, with everything that was written; without the journal."""
        with self.connect(_ROOT, name) as connection:
            connection.execute("CHECKPOINT")
            row = connection.execute(
                "SELECT oid FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert row is not None
        folder = self._data / "base" / str(row[0])
        return [path for path in folder.iterdir() if not path.name.startswith("pg_internal")]

    def _run(self, program: str, *words: str | Path) -> None:
        # What a server inherits it keeps: its output must not be a pipe that somebody waits for.
        with (self.folder / f"{program}.out").open("w+") as output:
            done = subprocess.run(
                [self._bin / program, *words],
                user=self._user,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
            )
            output.seek(0)
            assert done.returncode == 0, f"{program}: {output.read()}"

    # --- databases --------------------------------------------------------------------------------------

    def clean_url(self, role: str = OWNER) -> str:
        """A database with the tables and nobody in them: one for all tests, as they run one after the
        other.
        """
        with self.connect(_ROOT, _SHARED) as connection:
            connection.execute("TRUNCATE tenants, erasures CASCADE")
            connection.execute("UPDATE directory_state SET country_code = '', trunk_prefix = ''")
        return self.url(_SHARED, role)

    def empty_database(self) -> str:
        """The name of a new one without tables."""
        name = f"empty_{next(self._counter)}"
        with self.connect(_ROOT, "postgres") as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(*map(sql.Identifier, (name, OWNER)))
            )
        return name

    def url(self, name: str = _SHARED, role: str = OWNER) -> str:
        return f"postgresql://{role}@/{name}?host={self.folder}"

    def connect(self, role: str, name: str = _SHARED) -> psycopg.Connection:
        """A session of ``role``, each statement of which is its own transaction."""
        return psycopg.connect(host=str(self.folder), user=role, dbname=name, autocommit=True)


def _unprivileged() -> int | None:
    """A user that may run a server; None: this one may."""
    if os.geteuid() != 0:
        return None
    for name in _USERS:
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
    raise AssertionError("there is no unprivileged user to run PostgreSQL as")
