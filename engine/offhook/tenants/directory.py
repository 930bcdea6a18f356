"""Whose number was dialled: asked by the daemon for every call, answered from memory.

A thread of its own reads the database, when the daemon starts and after every change, and swaps the whole
snapshot at once.  No call waits for it, and a call keeps the snapshot with which it began.  A database that
is away is noticed by :meth:`Directory.health` alone: the snapshot stays, and at a start the last one is taken
from a file.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from offhook.config import TenantsConfig
from offhook.errors import DatabaseError
from offhook.tenants.changes import ChangeWaiter, make_waiter
from offhook.tenants.database import DEFAULT_FILE, Database
from offhook.tenants.loading import change_counter, read_snapshot
from offhook.tenants.snapshot import Number, Snapshot
from offhook.tenants.snapshot_file import load_snapshot, save_snapshot

_log = logging.getLogger("offhook.tenants.directory")

_RETRY_S = (1.0, 2.0, 5.0, 10.0)
"""Pauses between tries to reach a database; the last one is repeated."""

OnChange = Callable[[Snapshot, Snapshot], None]
"""Called with the old and the new snapshot, in the directory's thread, when calls get the new one already."""


@dataclass(frozen=True, slots=True)
class DirectoryHealth:
    """What an operator wants to know."""

    source: Literal["database", "file", "nothing"]
    """Where the snapshot is from.  nothing: the database was never reached and there was no file: an unknown
    number may then be somebody's, and must not be told that it does not exist."""
    problem: str | None
    """Why the database cannot be read at present, in one line."""
    version: int
    tenants: int
    numbers: int


class Directory:
    """The tenants of one daemon.  :meth:`find`, :attr:`snapshot` and :meth:`health` may be called by any
    thread.
    """

    def __init__(
        self,
        database: Database,
        snapshot_file: Path | None = None,
        *,
        poll_s: float = 1.0,
        waiter: ChangeWaiter | None = None,
        optional: bool = False,
    ) -> None:
        """``optional``: a SQLite file that does not exist is no problem, but nobody's tenants yet."""
        self._database = database
        self._file = snapshot_file
        self._optional = optional
        self._waiter = waiter or make_waiter(database, poll_s)
        self._snapshot = Snapshot()
        self._health = DirectoryHealth("nothing", None, 0, 0, 0)
        self._callbacks: list[OnChange] = []
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, config: TenantsConfig) -> Directory:
        """The directory that the configuration names.  Raises ConfigError when it cannot be one."""
        named = config.database
        database = Database(named or f"sqlite:///{DEFAULT_FILE}")
        return cls(database, config.snapshot, poll_s=config.poll_s, optional=named is None)

    # --- for calls -----------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """What is known now; whoever needs several answers that fit together takes it once."""
        return self._snapshot

    def find(self, dialled: str) -> Number | None:
        """Whose number that is, also when its tenant is not active.  Never raises, never blocks."""
        return self._snapshot.find(dialled)

    def health(self) -> DirectoryHealth:
        return self._health

    def on_change(self, callback: OnChange) -> Callable[[], None]:
        """Have ``callback`` called after every change; calling what is returned ends that."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    # --- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Load, from the database or else the file, and follow changes from then on.

        Blocks while a connection is tried, some seconds at most.  Does not raise: what is wrong is told by
        :meth:`health`, and a database that comes back is found.
        """
        loaded = self.refresh(listen=True)
        if not loaded and self._health.source == "nothing":
            self._load_file()
        self._thread = threading.Thread(target=self._follow, name="offhook-directory", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; the last snapshot stays."""
        self._stopping.set()
        self._waiter.stop()
        if self._thread is not None:
            self._thread.join()
        self._waiter.close()

    def refresh(self, *, listen: bool = False) -> bool:
        """Load what has changed; False when the database could not be read.  One thread at a time calls this.

        ``listen``: begin to listen for changes first.
        """
        before = self._snapshot
        try:
            if self._optional and self._database.is_missing():
                self._health = self._told(before, "database", None)
                return True
            if listen:
                self._waiter.listen()
            with self._database.reading() as connection:
                known = self._health.source == "database" and not listen
                if known and change_counter(connection) == before.version:
                    snapshot = before
                else:
                    self._database.require_schema(connection)
                    snapshot = read_snapshot(connection)
        except DatabaseError as error:
            self._failed(error)
            return False
        if self._health.problem is not None:
            _log.info("the database is back: tenants=%d", len(snapshot.tenants))
        self._snapshot = snapshot
        self._health = self._told(snapshot, "database", None)
        if snapshot != before:
            self._changed(before, snapshot)
        return True

    def _follow(self) -> None:
        failures = 0 if self._health.problem is None else 1
        while not self._stopping.is_set():
            try:
                if failures:
                    if self._stopping.wait(_RETRY_S[min(failures, len(_RETRY_S)) - 1]):
                        return
                elif not self._waiter.wait():
                    continue
                failures = 0 if self.refresh(listen=bool(failures)) else failures + 1
            except DatabaseError as error:
                self._failed(error)
                failures += 1
            except Exception:  # a fault of ours must not end the following of changes
                _log.exception("the directory cannot be read")
                failures += 1

    def _failed(self, error: DatabaseError) -> None:
        if self._health.problem is None:
            _log.warning("%s; calls go on with what is known", error)
        self._health = self._told(self._snapshot, self._health.source, str(error))

    def _load_file(self) -> None:
        if self._file is None:
            return
        try:
            self._snapshot = load_snapshot(self._file)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("no database and no snapshot: %s", error)
            return
        _log.warning("tenants=%d are taken from %s", len(self._snapshot.tenants), self._file)
        self._health = self._told(self._snapshot, "file", self._health.problem)

    def _changed(self, before: Snapshot, after: Snapshot) -> None:
        sizes = (after.version, len(after.tenants), len(after.numbers))
        _log.info("directory version=%d tenants=%d numbers=%d", *sizes)
        for callback in list(self._callbacks):
            try:
                callback(before, after)
            except Exception:  # whatever a listener does wrong, changes have to go on
                _log.exception("a change is live, but not everything was made ready for it")
        if self._file is not None:
            try:
                save_snapshot(after, self._file)
            except OSError as error:
                _log.warning("%s: the snapshot cannot be kept: %s", self._file, error.strerror or error)

    def _told(
        self, snapshot: Snapshot, source: Literal["database", "file", "nothing"], problem: str | None
    ) -> DirectoryHealth:
        return DirectoryHealth(
            source, problem, snapshot.version, len(snapshot.tenants), len(snapshot.numbers)
        )
