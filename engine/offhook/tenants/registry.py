"""Tenants, as an operator keeps them: added, changed, switched off, removed.

Every function works in the transaction that it is given and raises RegistryError or ConfigError, in one line,
before it has changed anything.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from offhook.config import clipped
from offhook.errors import ConfigError, RegistryError
from offhook.tenants import schema
from offhook.tenants.snapshot import Tenant

_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MAX_NAME = 80
"""As for an agent's name."""

_MAX_SPOKEN = 1_000

_LIMITS = {"max_calls": (1, 100_000), "retention_days": (0, 36_500)}
_COLUMNS = (
    schema.tenants.c.id,
    schema.tenants.c.slug,
    schema.tenants.c.name,
    schema.tenants.c.active,
    schema.tenants.c.max_calls,
    schema.tenants.c.retention_days,
    schema.tenants.c.transcripts,
    schema.tenants.c.recordings,
    schema.tenants.c.misses,
    schema.tenants.c.disclosure,
    schema.tenants.c.consent,
)


def add_tenant(connection: sa.Connection, slug: str, name: str, **settings: Any) -> Tenant:
    """``settings`` are fields of :class:`Tenant`; those that are left out have their defaults."""
    if not _SLUG.fullmatch(slug):
        raise ConfigError(f"tenant {clipped(slug)}: up to 63 letters a-z, digits and '-' are wanted")
    if tenant_or_none(connection, slug) is not None:
        raise RegistryError(f"tenant {slug!r} is there already: offhook tenants set {slug} changes it")
    connection.execute(sa.insert(schema.tenants).values(slug=slug, **_checked({"name": name, **settings})))
    return get_tenant(connection, slug)


def list_tenants(connection: sa.Connection) -> list[Tenant]:
    """All of them, by slug."""
    rows = connection.execute(sa.select(*_COLUMNS).order_by(schema.tenants.c.slug))
    stamps = _stamps(connection)
    return [Tenant(**row._mapping, knowledge=stamps.get(row.id, "")) for row in rows]


def get_tenant(connection: sa.Connection, slug: str) -> Tenant:
    found = tenant_or_none(connection, slug)
    if found is None:
        known = list(connection.execute(sa.select(schema.tenants.c.slug)).scalars())
        raise RegistryError(f"tenant {clipped(slug)}: there is none of that name; {nearest(slug, known)}")
    return found


def tenant_or_none(connection: sa.Connection, slug: str) -> Tenant | None:
    row = connection.execute(sa.select(*_COLUMNS).where(schema.tenants.c.slug == slug)).one_or_none()
    return (
        None if row is None else Tenant(**row._mapping, knowledge=_stamps(connection, row.id).get(row.id, ""))
    )


def _stamps(connection: sa.Connection, tenant_id: str | None = None) -> dict[str, str]:
    """For each tenant with documents which they are: every one that is added has a new id."""
    documents = schema.documents
    query = sa.select(documents.c.tenant_id, documents.c.id).order_by(documents.c.id)
    if tenant_id is not None:
        query = query.where(documents.c.tenant_id == tenant_id)
    ids: dict[str, list[str]] = {}
    for row in connection.execute(query):
        ids.setdefault(row.tenant_id, []).append(row.id)
    return {tenant: hashlib.sha256(" ".join(each).encode()).hexdigest()[:16] for tenant, each in ids.items()}


def change_tenant(connection: sa.Connection, slug: str, **settings: Any) -> Tenant:
    """Sets these fields and leaves the others."""
    tenant = get_tenant(connection, slug)
    if settings:
        changed = sa.update(schema.tenants).where(schema.tenants.c.id == tenant.id)
        connection.execute(changed.values(**_checked(settings)))
    return get_tenant(connection, slug)


@dataclass(frozen=True, slots=True)
class Removed:
    """What went with a tenant."""

    slug: str
    numbers: int
    agents: int
    calls: int
    documents: int
    appointments: int
    messages: int


def what_goes(connection: sa.Connection, tenant: Tenant) -> Removed:
    """What would go with ``tenant``."""
    tables = (
        *(schema.phone_numbers, schema.ai_configurations, schema.calls),
        *(schema.documents, schema.appointments, schema.tickets),
    )
    counts = (rows_of(connection, table, table.c.tenant_id == tenant.id) for table in tables)
    return Removed(tenant.slug, *counts)


def remove_tenant(connection: sa.Connection, slug: str) -> Removed:
    """The tenant with everything that is its own; the erasure is noted."""
    tenant = get_tenant(connection, slug)
    removed = what_goes(connection, tenant)
    turns = rows_of(connection, schema.turns, schema.turns.c.tenant_id == tenant.id)
    noted = {"tenant_id": tenant.id, "reason": "tenant", "calls": removed.calls, "turns": turns}
    connection.execute(sa.delete(schema.tenants).where(schema.tenants.c.id == tenant.id))
    connection.execute(sa.insert(schema.erasures).values(noted))
    return removed


def rows_of(connection: sa.Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    """How many rows of ``table`` fulfil ``condition``."""
    query = sa.select(sa.func.count()).select_from(table).where(condition)
    return connection.execute(query).scalar_one()


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is not known."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return "there are none yet"
    return f"there are: {', '.join(names[:10])}" + (f" and {len(names) - 10} more" if len(names) > 10 else "")


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    if "name" in settings:
        settings["name"] = settings["name"].strip()
        if not 1 <= len(settings["name"]) <= _MAX_NAME:
            raise ConfigError(f"name {clipped(settings['name'])}: 1 to {_MAX_NAME} characters are wanted")
    for field, (least, most) in _LIMITS.items():
        value = settings.get(field)
        if value is not None and not least <= value <= most:
            raise ConfigError(f"{field} {value}: {least} to {most:,} is wanted")
    if settings.get("consent") is not None:
        settings["consent"] = settings["consent"].strip() or None
        if len(settings["consent"] or "") > _MAX_SPOKEN:
            raise ConfigError(f"consent: at most {_MAX_SPOKEN} characters: nobody listens to more")
    return settings
