"""Waits until the directory may have changed: PostgreSQL says so, SQLite is asked now and then.

A waiter belongs to the one thread that calls :meth:`~ChangeWaiter.wait`; ``stop`` may come from any.  That
somebody may have changed something is all that it says: what is loaded is compared by the change counter.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Sequence
from typing import Any, Protocol

from offhook.errors import DatabaseError
from offhook.tenants.database import CONNECT_TIMEOUT_S, DEAD_LINK, Database
from offhook.tenants.schema import CHANNEL

_CHECK_S = 10.0
"""PostgreSQL is asked as well, seldom: a connection that died without a word (a firewall that forgot it) is
found out, and what it did not tell."""
_ANSWER_S = 3.0
"""For an answer to that; no later one counts."""


class ChangeWaiter(Protocol):
    """Where changes are heard of."""

    def listen(self) -> None:
        """Begin, before the first load, so that no change falls between.  Raises DatabaseError."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Until there may be a change (True), or ``stop``, or for so long (None: as is usual here).  Raises
        DatabaseError; ``listen`` has to be called again then."""

    def stop(self) -> None:
        """End a wait that is going on and all that follow."""

    def close(self) -> None:
        """Give back what it holds; by the thread that waited, or after it."""


class _Bell:
    """A pipe that ends a wait; once rung it stays so."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def fileno(self) -> int:
        return self._read

    def ring(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write, b"\0")

    def close(self) -> None:
        os.close(self._read)
        os.close(self._write)


def _readable(descriptors: Sequence[int], timeout_s: float) -> set[int]:
    """Those that can be read, after ``timeout_s`` at most.  Not select(): a busy daemon has more than
    1,024.
    """
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return {descriptor for descriptor, _ in poll.poll(timeout_s * 1_000)}


class Polling:
    """SQLite: waiting is all; the load that follows compares the change counter."""

    def __init__(self, poll_s: float) -> None:
        self._poll_s = poll_s
        self._bell = _Bell()

    def listen(self) -> None:
        pass

    def wait(self, timeout_s: float | None = None) -> bool:
        return not _readable([self._bell.fileno()], self._poll_s if timeout_s is None else timeout_s)

    def stop(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        self._bell.close()


class Notifications:
    """PostgreSQL: one connection of its own that listens.

    It has to be a direct one: a pooler in transaction mode loses LISTEN.  Notifications that came while it
    was away are lost, therefore whoever waits loads anew after each :meth:`listen`.
    """

    def __init__(self, database: Database, check_s: float = _CHECK_S) -> None:
        self._database = database
        self._check_s = check_s
        self._bell = _Bell()
        self._connection: Any = None

    def listen(self) -> None:
        import psycopg

        self._hang_up()
        url = self._database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            self._connection = psycopg.connect(
                url,
                autocommit=True,
                connect_timeout=CONNECT_TIMEOUT_S,
                application_name="offhook-listen",
                **DEAD_LINK,
            )
            self._connection.execute(f"LISTEN {CHANNEL}")
        except psycopg.Error as error:
            self._hang_up()
            raise DatabaseError(f"database {self._database}: {_line(error)}") from error

    def wait(self, timeout_s: float | None = None) -> bool:
        import psycopg

        connection = self._connection
        if connection is None:
            raise DatabaseError(f"database {self._database}: nobody listens")
        limit_s = self._check_s if timeout_s is None else timeout_s
        try:
            ready = _readable([connection.fileno(), self._bell.fileno()], limit_s)
            if self._bell.fileno() in ready:
                return False
            if ready:
                # All that have come, in one go: a storm of changes is one load.
                for _ in connection.notifies(timeout=0):
                    pass
            elif timeout_s is None:
                self._ask(connection)
            return bool(ready) or timeout_s is None
        except (psycopg.Error, OSError) as error:
            self._hang_up()
            raise DatabaseError(f"database {self._database}: {_line(error)}") from error

    def stop(self) -> None:
        self._bell.ring()

    def close(self) -> None:
        self._hang_up()
        self._bell.close()

    def _ask(self, connection: Any) -> None:
        """Raises OSError unless the other side answers in time.  The driver itself would wait for as long as
        TCP tries, a quarter of an hour.
        """
        link = connection.pgconn
        link.send_query(b"SELECT 1")
        until_s = time.monotonic() + _ANSWER_S
        link.flush()
        while link.is_busy():
            left_s = until_s - time.monotonic()
            if left_s <= 0 or not _readable([connection.fileno()], left_s):
                raise OSError(f"no answer for {_ANSWER_S:.0f} s")
            link.consume_input()
        while link.get_result() is not None:
            pass

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it is given up, whatever it says to that
                connection.close()


def make_waiter(database: Database, poll_s: float) -> ChangeWaiter:
    """The one that suits the database."""
    return Polling(poll_s) if database.file is not None else Notifications(database)


def _line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
