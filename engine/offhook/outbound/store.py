"""Calls to be placed, what came of them, and numbers that are not to be called: a file of SQLite.

A call is in it before it is begun, so a daemon that dies forgets none; one that was begun when it died is
done, with ``failed``: nobody knows what was said.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offhook.errors import BusyError, ConfigError, DatabaseError

DEFAULT_DATABASE = Path("/var/lib/offhook/outbound.db")
MOST_WAITING = 100_000
_BUSY_S = 5.0
_TABLES = """
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY,
  number TEXT NOT NULL,
  agent TEXT NOT NULL,
  tenant TEXT NOT NULL,
  consent TEXT NOT NULL,
  list TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'calling', 'done')),
  tries INTEGER NOT NULL DEFAULT 0,
  due_s REAL NOT NULL,
  began_s REAL,
  ended_s REAL,
  result TEXT NOT NULL DEFAULT '',
  answered_by TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS calls_due ON calls (state, due_s);
CREATE UNIQUE INDEX IF NOT EXISTS calls_once ON calls (list, number) WHERE list <> '';
CREATE TABLE IF NOT EXISTS blocked (number TEXT PRIMARY KEY, at_s REAL NOT NULL, why TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """One call that is to be placed, or was."""

    id: int
    number: str
    agent: str
    tenant: str
    consent: str
    list: str
    state: str
    tries: int
    due_s: float
    began_s: float | None
    ended_s: float | None
    result: str
    answered_by: str

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class Store:
    """Blocks for milliseconds: off the event loop.  Any thread.  Raises DatabaseError."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def open(self) -> list[PlacedCall]:
        """Make it, if need be; what was being called when a daemon died counts as tried, and is returned."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._writing() as connection:
            connection.executescript(_TABLES)
            broken = connection.execute("SELECT id FROM calls WHERE state = 'calling'").fetchall()
            connection.execute(
                "UPDATE calls SET state = 'done', result = 'failed', ended_s = began_s"
                " WHERE state = 'calling'"
            )
            return [self._get(connection, call) for (call,) in broken]

    def add(
        self, number: str, agent: str, tenant: str, consent: str, name: str, due_s: float
    ) -> PlacedCall | None:
        """A call that is to be placed; None: the list ``name`` has the number already.

        Raises ConfigError for a number that is not to be called, BusyError when too many wait.
        """
        with self._writing() as connection:
            if connection.execute("SELECT 1 FROM blocked WHERE number = ?", (number,)).fetchone():
                raise ConfigError(f"{number} is on the list of those who are not to be called")
            (waiting,) = connection.execute("SELECT count(*) FROM calls WHERE state = 'waiting'").fetchone()
            if waiting >= MOST_WAITING:
                raise BusyError(f"{MOST_WAITING} calls wait already")
            made = connection.execute(
                "INSERT OR IGNORE INTO calls (number, agent, tenant, consent, list, state, due_s)"
                " VALUES (?, ?, ?, ?, ?, 'waiting', ?)",
                (number, agent, tenant, consent, name, due_s),
            )
            return self._get(connection, made.lastrowid or 0) if made.rowcount else None

    def take(self, now_s: float) -> PlacedCall | None:
        """The one that has been due longest, which is being called from now on; None: there is none."""
        with self._writing() as connection:
            found = connection.execute(
                "SELECT id FROM calls WHERE state = 'waiting' AND due_s <= ? ORDER BY due_s, id LIMIT 1",
                (now_s,),
            ).fetchone()
            if found is None:
                return None
            connection.execute(
                "UPDATE calls SET state = 'calling', tries = tries + 1, began_s = ? WHERE id = ?",
                (now_s, found[0]),
            )
            return self._get(connection, found[0])

    def put_off(self, call: int, due_s: float, *, tried: bool) -> None:
        """Not now."""
        back = 0 if tried else 1
        with self._writing() as connection:
            connection.execute(
                "UPDATE calls SET state = 'waiting', due_s = ?, tries = tries - ? WHERE id = ?",
                (due_s, back, call),
            )

    def tried(
        self, call: int, result: str, answered_by: str, now_s: float, again_s: float | None
    ) -> PlacedCall:
        """What came of it; ``again_s``: when it is tried again, None: never.

        Nor is it where the number was blocked meanwhile.
        """
        with self._writing() as connection:
            blocked = connection.execute(
                "SELECT 1 FROM blocked JOIN calls USING (number) WHERE id = ?", (call,)
            ).fetchone()
            if blocked and again_s is not None:
                again_s = None
            connection.execute(
                "UPDATE calls SET state = ?, result = ?, answered_by = ?, ended_s = ?, due_s = ?"
                " WHERE id = ?",
                (
                    "done" if again_s is None else "waiting",
                    result,
                    answered_by,
                    now_s,
                    again_s or now_s,
                    call,
                ),
            )
            return self._get(connection, call)

    def get(self, call: int) -> PlacedCall | None:
        with self._writing() as connection:
            found = connection.execute("SELECT 1 FROM calls WHERE id = ?", (call,)).fetchone()
            return self._get(connection, call) if found else None

    def latest(self, limit: int, name: str | None = None) -> list[PlacedCall]:
        """The newest first."""
        where, values = ("WHERE list = ?", [name]) if name is not None else ("", [])
        with self._writing() as connection:
            rows = connection.execute(
                f"SELECT * FROM calls {where} ORDER BY id DESC LIMIT ?", (*values, limit)
            )
            return [PlacedCall(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """How many calls there are, by state or result."""
        with self._writing() as connection:
            rows = connection.execute(
                "SELECT CASE state WHEN 'done' THEN result ELSE state END AS what, count(*) FROM calls"
                " GROUP BY what"
            )
            return dict(rows.fetchall())

    def block(self, number: str, why: str, now_s: float) -> int:
        """It is not to be called any more; how many waiting calls to it are dropped."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO blocked VALUES (?, ?, ?)", (number, now_s, why))
            return connection.execute(
                "UPDATE calls SET state = 'done', result = 'blocked', ended_s = ?"
                " WHERE number = ? AND state = 'waiting'",
                (now_s, number),
            ).rowcount

    def stop(self, now_s: float, name: str | None = None) -> int:
        """Drop what waits, of one list or all; how many."""
        where, values = (" AND list = ?", [name]) if name is not None else ("", [])
        with self._writing() as connection:
            return connection.execute(
                "UPDATE calls SET state = 'done', result = 'stopped', ended_s = ?"
                f" WHERE state = 'waiting'{where}",
                (now_s, *values),
            ).rowcount

    def forget(self, number: str, tenant: str | None = None) -> int:
        """Delete what is kept of calls to it; how many.  That it is not to be called stays."""
        where, values = ("", []) if tenant is None else (" AND tenant = ?", [tenant])
        with self._writing() as connection:
            return connection.execute(
                f"DELETE FROM calls WHERE number = ? AND state <> 'calling'{where}", (number, *values)
            ).rowcount

    def purge(self, before_s: float) -> int:
        """Delete what was done before that; how many."""
        with self._writing() as connection:
            return connection.execute(
                "DELETE FROM calls WHERE state = 'done' AND ended_s < ?", (before_s,)
            ).rowcount

    def _get(self, connection: sqlite3.Connection, call: int) -> PlacedCall:
        return PlacedCall(*connection.execute("SELECT * FROM calls WHERE id = ?", (call,)).fetchone())

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self._path, timeout=_BUSY_S)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DatabaseError(f"outbound.database {self._path} cannot be used: {error}") from error
