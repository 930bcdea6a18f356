"""Writes calls down after they have ended, in a thread of its own: no call and no loop waits for a database.

While the database is away records wait in memory, up to a limit; what does not fit is counted and lost, the
oldest first, because a daemon that fills its memory loses more.
"""

from __future__ import annotations

import logging
import threading
from collections import deque

import sqlalchemy as sa

from offhook.errors import DatabaseError
from offhook.tenants.call_records import CallRecord, add_call
from offhook.tenants.database import Database

_log = logging.getLogger("offhook.tenants.call_writer")

MAX_WAITING = 1_000
"""Records; with their turns some kilobytes each."""
_RETRY_S = 5.0


class CallWriter:
    """``put`` may be called by any thread and never blocks; ``close`` writes what waits, if that is
    possible.
    """

    def __init__(self, database: Database, *, max_waiting: int = MAX_WAITING) -> None:
        self._database = database
        self._waiting: deque[CallRecord] = deque(maxlen=max_waiting)
        self._changed = threading.Condition()
        self._closing = False
        self._lost = 0
        self._away = False
        self._thread = threading.Thread(target=self._write_all, name="offhook-calls", daemon=True)

    @property
    def lost(self) -> int:
        """Records that were never written."""
        return self._lost

    def start(self) -> None:
        self._thread.start()

    def put(self, record: CallRecord) -> None:
        """``record`` is written when its turn comes."""
        with self._changed:
            if len(self._waiting) == self._waiting.maxlen:
                self._lost += 1
            self._waiting.append(record)
            self._changed.notify()

    def close(self) -> None:
        """One more try for what waits; what cannot be written then is lost."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._waiting:
            self._lost += len(self._waiting)
            _log.error("calls=%d could not be written", len(self._waiting))
            self._waiting.clear()

    def _write_all(self) -> None:
        while True:
            with self._changed:
                if self._away:
                    self._changed.wait_for(lambda: self._closing, _RETRY_S)
                else:
                    self._changed.wait_for(lambda: self._waiting or self._closing)
                closing = self._closing
                record = self._waiting[0] if self._waiting else None
            if record is not None and self._settled(record):
                with self._changed:
                    if self._waiting and self._waiting[0] is record:
                        self._waiting.popleft()
                    else:
                        self._lost -= 1  # it was pushed out while it was being written
            elif closing:
                return

    def _settled(self, record: CallRecord) -> bool:
        """Written, or refused for good; it stays where it is until that is certain."""
        try:
            with self._database.writing() as connection:
                add_call(connection, record)
        except DatabaseError as error:
            if isinstance(error.__cause__, (sa.exc.IntegrityError, sa.exc.DataError)):
                with self._changed:
                    self._lost += 1
                _log.error("a call cannot be written: %s", type(error.__cause__).__name__)
                return True
            if not self._away:
                _log.warning("%s; calls wait to be written", error)
            self._away = True
            return False
        self._away = False
        return True
