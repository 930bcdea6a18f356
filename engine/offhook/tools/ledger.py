"""What tools have done: each request once, for good.

A request's key is unique in the database.  Who claims it first runs it; who comes later gets the result of
the first, also after a restart.  A request that was begun and never ended, because the daemon died in the
middle, is not begun again: nobody knows whether its effect came to be.  Its caller is told just that,
and the tool itself is asked again only where it is told the key (``Idempotency-Key``) and promises to heed
it.

Results hold what callers have told: they are kept for :data:`KEPT_DAYS` and then forgotten.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from offhook.errors import DatabaseError

KEPT_DAYS = 30
_BUSY_S = 2.0
"""A writer waits so long for another one of SQLite's."""

_metadata = MetaData()
_requests = Table(
    "tool_requests",
    _metadata,
    Column("key", String(64), primary_key=True),
    Column("call_id", String(80), nullable=False),
    Column("tool", String(80), nullable=False),
    Column("state", String(10), nullable=False),
    Column("begun_at", DateTime(timezone=True), nullable=False, index=True),
    Column("result", Text, nullable=True),
)


class State(StrEnum):
    """Of a request."""

    CLAIMED = "claimed"
    """It was not there: whoever gets this has to run it."""
    BEGUN = "begun"
    """Somebody runs it, or has died of it."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one request."""

    state: State
    result: Any = None
    """JSON, once it is done."""


def request_key(call_id: str, tool: str, arguments: Mapping[str, Any], tenant: str | None = None) -> str:
    """The same for the same request of a call, whatever the order of its arguments."""
    said = json.dumps([tenant, call_id, tool, arguments], sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


class Requests(Protocol):
    """A ledger.  Blocks for milliseconds: off the event loop.  Thread-safe.  Raises DatabaseError."""

    def claim(self, key: str, call_id: str, tool: str) -> Entry:
        """Begin a request, or learn what became of it."""
        ...

    def done(self, key: str, result: Any) -> None:
        """It is done, and this came of it."""
        ...

    def release(self, key: str) -> None:
        """It has certainly not been done: it may be begun again."""
        ...


class Ledger:
    """In a file or in memory.  Blocks for milliseconds: off the event loop.  Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        """Makes the table where there is none.  Raises DatabaseError."""
        self._engine = engine
        self._lock = threading.Lock()
        try:
            _metadata.create_all(engine)
        except SQLAlchemyError as error:
            raise DatabaseError(f"the ledger of tools cannot be made: {_short(error)}") from error

    @classmethod
    def in_file(cls, path: Path | None) -> Ledger:
        """SQLite; None: in memory, for trials."""
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise DatabaseError(f"{path}: the folder of the ledger of tools: {error.strerror}") from error
        url = "sqlite://" if path is None else f"sqlite:///{path}"
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_S, "check_same_thread": False}}
        if path is None:
            from sqlalchemy.pool import StaticPool

            options["poolclass"] = StaticPool
        engine = create_engine(url, **options)
        if path is not None:

            @event.listens_for(engine, "connect")
            def _durable(connection: Any, _record: Any) -> None:
                # An effect that is done is written down before anybody is told of it.
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")

        return cls(engine)

    def claim(self, key: str, call_id: str, tool: str) -> Entry:
        """Begin a request, or learn what became of it.  Raises DatabaseError."""
        row = {
            "key": key,
            "call_id": call_id,
            "tool": tool,
            "state": State.BEGUN.value,
            "begun_at": datetime.now(UTC),
        }
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    connection.execute(insert(_requests).values(row))
            except IntegrityError:
                return self._found(key)
            except SQLAlchemyError as error:
                raise DatabaseError(f"the ledger of tools cannot be written: {_short(error)}") from error
        return Entry(State.CLAIMED)

    def done(self, key: str, result: Any) -> None:
        """It is done, and this came of it.  Raises DatabaseError."""
        self._write(
            update(_requests)
            .where(_requests.c.key == key)
            .values(state=State.DONE, result=json.dumps(result, default=str))
        )

    def release(self, key: str) -> None:
        """It has certainly not been done: it may be begun again.  Raises DatabaseError."""
        self._write(delete(_requests).where(_requests.c.key == key))

    def forget(self, before: datetime | None = None) -> None:
        """Forget what is older than :data:`KEPT_DAYS`, or than ``before``.  Raises DatabaseError."""
        limit = before or datetime.now(UTC) - timedelta(days=KEPT_DAYS)
        self._write(delete(_requests).where(_requests.c.begun_at < limit))

    def close(self) -> None:
        self._engine.dispose()

    def _found(self, key: str) -> Entry:
        with self._engine.connect() as connection:
            row = connection.execute(
                select(_requests.c.state, _requests.c.result).where(_requests.c.key == key)
            ).one_or_none()
        if row is None:  # released meanwhile
            return Entry(State.BEGUN)
        result = None if row.result is None else json.loads(row.result)
        return Entry(State(row.state), result)

    def _write(self, statement: Any) -> None:
        with self._lock:
            try:
                with self._engine.begin() as connection:
                    connection.execute(statement)
            except SQLAlchemyError as error:
                raise DatabaseError(f"the ledger of tools cannot be written: {_short(error)}") from error


def _short(error: SQLAlchemyError) -> str:
    return str(getattr(error, "orig", None) or error).splitlines()[0]
