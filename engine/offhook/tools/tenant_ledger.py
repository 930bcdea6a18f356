"""The ledger of one tenant's requests, in the tenants' database: any number of daemons may share it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from offhook.errors import DatabaseError, RegistryError
from offhook.tenants import schema
from offhook.tenants.database import Database
from offhook.tenants.own import opened
from offhook.tools.ledger import Entry, State

_requests = schema.tool_requests


class TenantLedger:
    """See :class:`~offhook.tools.ledger.Requests`.  The database is opened by the first request."""

    def __init__(self, database: str, tenant: str) -> None:
        self._where = database, tenant
        self._opened: tuple[Database, str] | None = None
        self._lock = threading.Lock()

    def claim(self, key: str, call_id: str, tool: str) -> Entry:
        database, tenant_id = self._open()
        row = {
            "tenant_id": tenant_id,
            "key": key,
            "call_id": call_id,
            "tool": tool,
            "state": State.BEGUN.value,
            "begun_at": datetime.now(UTC),
        }
        with database.writing() as connection:
            if connection.dialect.name == "postgresql":
                from sqlalchemy.dialects.postgresql import insert
            else:
                from sqlalchemy.dialects.sqlite import insert  # type: ignore[assignment]
            # Whoever comes at the same moment waits for the first one, and then finds its row.
            insertion = insert(_requests).values(row).on_conflict_do_nothing().returning(_requests.c.key)
            if connection.execute(insertion).first() is not None:
                return Entry(State.CLAIMED)
            found = connection.execute(
                sa.select(_requests.c.state, _requests.c.result).where(self._mine(tenant_id, key))
            ).one_or_none()
        if found is None:  # released meanwhile
            return Entry(State.BEGUN)
        return Entry(State(found.state), None if found.result is None else json.loads(found.result))

    def done(self, key: str, result: Any) -> None:
        values = {"state": State.DONE.value, "result": json.dumps(result, default=str)}
        self._change(sa.update(_requests).values(values), key)

    def release(self, key: str) -> None:
        self._change(sa.delete(_requests), key)

    def _change(self, statement: Any, key: str) -> None:
        database, tenant_id = self._open()
        with database.writing() as connection:
            connection.execute(statement.where(self._mine(tenant_id, key)))

    def _open(self) -> tuple[Database, str]:
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = opened(*self._where)
                except RegistryError as error:  # the tenant was deleted while it had a call
                    raise DatabaseError(str(error)) from error
            return self._opened

    @staticmethod
    def _mine(tenant_id: str, key: str) -> sa.ColumnElement[bool]:
        return (_requests.c.tenant_id == tenant_id) & (_requests.c.key == key)
