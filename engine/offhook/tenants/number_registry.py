"""Telephone numbers, as an operator keeps them.

No two numbers may be dialled alike: a number that some form of another one reaches already is refused when it
is added, so that no look-up has to guess whose caller that is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from offhook.agents.loader import language_code
from offhook.config import clipped
from offhook.errors import ConfigError, RegistryError
from offhook.tenants import schema
from offhook.tenants.agent_versions import agent_id
from offhook.tenants.numbers import Home, canonical, forms, readings
from offhook.tenants.snapshot import Tenant

_FALLBACK = re.compile(r"[+*#0-9]{2,20}")

_numbers = schema.phone_numbers
_state = schema.directory_state


@dataclass(frozen=True, slots=True)
class Listed:
    """A number as commands show it."""

    number: str
    tenant: str
    agent: str
    language: str | None
    fallback: str | None
    recording: bool
    active: bool
    """Whether its tenant is."""


def add_number(
    connection: sa.Connection, written: str, tenant: Tenant, agent: str | None = None, **settings: Any
) -> Listed:
    """``agent`` None: the only one that the tenant has.  ``settings``: language, fallback, recording."""
    home = get_home(connection)
    did = canonical(written, home)
    refuse_what_is_taken(connection, did, home)
    row = {"did": did, "tenant_id": tenant.id, "ai_configuration_id": agent_id(connection, tenant, agent)}
    connection.execute(sa.insert(_numbers).values(**row, **_checked(settings)))
    return get_number(connection, did)


def move_number(
    connection: sa.Connection, written: str, tenant: Tenant, agent: str | None = None, **settings: Any
) -> Listed:
    """To another tenant, or to another agent of the same; what ``settings`` do not say stays as it is.

    Between tenants everything begins anew: the fallback was the other tenant's telephone, and recording and
    language were their wish.
    """
    number = get_number(connection, written)
    if number.tenant != tenant.slug:
        settings = {"language": None, "fallback": None, "recording": False, **settings}
    moved = sa.update(_numbers).where(_numbers.c.did == number.number)
    row = {"tenant_id": tenant.id, "ai_configuration_id": agent_id(connection, tenant, agent)}
    connection.execute(moved.values(**row, **_checked(settings)))
    return get_number(connection, number.number)


def change_number(connection: sa.Connection, written: str, **settings: Any) -> Listed:
    """Language, fallback and recording; what ``settings`` do not say stays as it is."""
    number = get_number(connection, written)
    if settings:
        changed = sa.update(_numbers).where(_numbers.c.did == number.number)
        connection.execute(changed.values(**_checked(settings)))
    return get_number(connection, number.number)


def remove_number(connection: sa.Connection, written: str) -> Listed:
    number = get_number(connection, written)
    connection.execute(sa.delete(_numbers).where(_numbers.c.did == number.number))
    return number


def list_numbers(connection: sa.Connection, tenant: Tenant | None = None) -> list[Listed]:
    """All, or a tenant's, by number."""
    query = _listed().order_by(_numbers.c.did)
    if tenant is not None:
        query = query.where(_numbers.c.tenant_id == tenant.id)
    return [Listed(**row._mapping) for row in connection.execute(query)]


def find_number(connection: sa.Connection, dialled: str) -> Listed | None:
    """What a call to ``dialled`` would reach."""
    wanted = readings(dialled, get_home(connection))
    found = {
        row.number: Listed(**row._mapping)
        for row in connection.execute(_listed().where(_numbers.c.did.in_(wanted)))
    }
    return next((found[one] for one in wanted if one in found), None)


def get_number(connection: sa.Connection, written: str) -> Listed:
    found = find_number(connection, written)
    if found is None:
        raise RegistryError(
            f"number {clipped(written)}: there is no such number; offhook numbers list shows all"
        )
    return found


# --- the country of national numbers -------------------------------------------------------------------


def get_home(connection: sa.Connection) -> Home:
    row = connection.execute(sa.select(_state.c.country_code, _state.c.trunk_prefix)).one()
    return Home(row.country_code, row.trunk_prefix)


def set_home(connection: sa.Connection, home: Home) -> None:
    """Refused when two of the numbers that there are would then be dialled alike."""
    reached: dict[str, str] = {}
    for did in connection.execute(sa.select(_numbers.c.did)).scalars():
        for form in forms(did, home):
            other = reached.setdefault(form, did)
            if other != did:
                raise RegistryError(
                    f"country {home.country_code}: {form} would mean {other} and {did}: remove one"
                )
    connection.execute(
        sa.update(_state).values(country_code=home.country_code, trunk_prefix=home.trunk_prefix)
    )


def refuse_what_is_taken(connection: sa.Connection, did: str, home: Home) -> None:
    """Raises RegistryError when ``did``, or a form in which it may be dialled, reaches somebody already."""
    for form in forms(did, home):
        wanted = readings(form, home)
        query = _listed().where(_numbers.c.did.in_(wanted))
        taken = connection.execute(query).first()
        if taken is None:
            continue
        if taken.number == did:
            raise RegistryError(
                f"number {did} is there already, of tenant {taken.tenant!r}: offhook numbers move {did}"
                " TENANT"
            )
        raise RegistryError(
            f"number {did}: dialled as {form} it may mean {taken.number} of tenant {taken.tenant!r}: no two"
            " numbers may be dialled alike"
        )


# --- rows ----------------------------------------------------------------------------------------------


def _listed() -> sa.Select[Any]:
    return (
        sa.select(
            _numbers.c.did.label("number"),
            schema.tenants.c.slug.label("tenant"),
            schema.ai_configurations.c.name.label("agent"),
            _numbers.c.language,
            _numbers.c.fallback,
            _numbers.c.recording,
            schema.tenants.c.active,
        )
        .join(schema.tenants, schema.tenants.c.id == _numbers.c.tenant_id)
        .join(schema.ai_configurations, schema.ai_configurations.c.id == _numbers.c.ai_configuration_id)
    )


def _checked(settings: dict[str, Any]) -> dict[str, Any]:
    checked = dict(settings)
    if checked.get("language") is not None:
        try:
            checked["language"] = language_code(checked["language"])
        except ValueError as error:
            raise ConfigError(f"language {error}") from error
    if checked.get("fallback") is not None:
        fallback = re.sub(r"[ ()./-]", "", checked["fallback"])
        if not _FALLBACK.fullmatch(fallback):
            raise ConfigError(
                f"fallback {clipped(checked['fallback'])}: the number or extension that is to ring is wanted"
            )
        checked["fallback"] = fallback
    return checked
