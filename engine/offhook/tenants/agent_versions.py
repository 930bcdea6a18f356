"""A tenant's agents in the database: every version is kept, one of them answers calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from offhook.agents.loader import Agent, agent_files, check_name, load_agent
from offhook.config import problem_in_words
from offhook.errors import ConfigError, RegistryError
from offhook.files import unreadable
from offhook.tenants import schema
from offhook.tenants.registry import add_tenant, nearest, tenant_or_none
from offhook.tenants.snapshot import StoredAgent, Tenant

DEFAULT_NAME = "main"
"""What a tenant's agent is called when nobody says."""

_agents = schema.ai_configurations
_versions = schema.ai_configuration_versions
_body_text = sa.cast(_versions.c.body, sa.Text)


@dataclass(frozen=True, slots=True)
class Version:
    """One entry of an agent's history."""

    version: int
    created_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Put:
    """What :func:`put_agent` did."""

    tenant: str
    agent: str
    version: int
    changed: bool
    """False: the current version says the same, and none was added."""


def put_agent(connection: sa.Connection, tenant: Tenant, name: str, agent: Agent) -> Put:
    """``agent`` becomes the newest version, and the one that answers."""
    check_name(name)
    if agent.knowledge:  # files of this machine are none of a tenant's
        raise ConfigError(
            f"knowledge: a tenant's documents are kept with it: take the key out, and add them by"
            f" offhook kb add {tenant.slug} {' '.join(map(str, agent.knowledge[:3]))}"
        )
    body = agent.model_dump(mode="json", exclude_unset=True)
    found = _find(connection, tenant, name)
    if found is None:
        agent_id, version = schema.new_id(), 1
        row = {"id": agent_id, "tenant_id": tenant.id, "name": name, "current_version": version}
        connection.execute(sa.insert(_agents).values(row))
    else:
        agent_id = found.id
        if _body(connection, agent_id, found.current_version) == body:
            return Put(tenant.slug, name, found.current_version, changed=False)
        newest = sa.select(sa.func.max(_versions.c.version)).where(
            _versions.c.ai_configuration_id == agent_id
        )
        version = connection.execute(newest).scalar_one() + 1
    connection.execute(
        sa.insert(_versions).values(
            tenant_id=tenant.id, ai_configuration_id=agent_id, version=version, body=body
        )
    )
    _make_current(connection, agent_id, version)
    return Put(tenant.slug, name, version, changed=True)


def get_agent(
    connection: sa.Connection, tenant: Tenant, name: str, version: int | None = None
) -> StoredAgent:
    """``version`` None: the one that answers."""
    found = _require(connection, tenant, name)
    wanted = found.current_version if version is None else version
    query = sa.select(_body_text).where(
        _versions.c.ai_configuration_id == found.id, _versions.c.version == wanted
    )
    body = connection.execute(query).scalar_one_or_none()
    if body is None:
        raise RegistryError(
            f"agent {name!r} of {tenant.slug!r}: there is no version {wanted}; offhook tenants agent history"
            f" {tenant.slug} --agent {name} lists them"
        )
    return StoredAgent(tenant.id, name, wanted, body)


def agent_names(connection: sa.Connection, tenant: Tenant) -> list[str]:
    query = sa.select(_agents.c.name).where(_agents.c.tenant_id == tenant.id).order_by(_agents.c.name)
    return list(connection.execute(query).scalars())


def history(connection: sa.Connection, tenant: Tenant, name: str) -> list[Version]:
    """The newest first."""
    found = _require(connection, tenant, name)
    query = (
        sa.select(_versions.c.version, _versions.c.created_at)
        .where(_versions.c.ai_configuration_id == found.id)
        .order_by(_versions.c.version.desc())
    )
    return [
        Version(row.version, row.created_at, row.version == found.current_version)
        for row in connection.execute(query)
    ]


def rollback(connection: sa.Connection, tenant: Tenant, name: str, version: int | None = None) -> int:
    """Let an earlier version answer again; None: the one before.  Gives its number; nothing is deleted."""
    found = _require(connection, tenant, name)
    if version is None:
        before = sa.select(sa.func.max(_versions.c.version)).where(
            _versions.c.ai_configuration_id == found.id, _versions.c.version < found.current_version
        )
        version = connection.execute(before).scalar_one()
        if version is None:
            raise RegistryError(
                f"agent {name!r} of {tenant.slug!r}: version {found.current_version} is the first: there is"
                " none to go back to"
            )
    get_agent(connection, tenant, name, version).read()  # a version that cannot answer must not begin to
    _make_current(connection, found.id, version)
    return version


def agent_id(connection: sa.Connection, tenant: Tenant, name: str | None) -> str:
    """The row's id, for numbers; ``name`` None: the only agent that the tenant has."""
    if name is not None:
        return str(_require(connection, tenant, name).id)
    names = agent_names(connection, tenant)
    if len(names) == 1:
        return str(_require(connection, tenant, names[0]).id)
    if not names:
        raise RegistryError(
            f"tenant {tenant.slug!r} has no agent yet: offhook tenants agent put {tenant.slug} FILE gives"
            " it one"
        )
    raise RegistryError(
        f"tenant {tenant.slug!r} has several agents, name one with --agent: {', '.join(names)}"
    )


# --- files -------------------------------------------------------------------------------------------


def read_agent_file(path: Path) -> Agent:
    """An agent file as users write it, in TOML, or as ``agent get`` prints it, in JSON.  Raises
    ConfigError.
    """
    if path.suffix != ".json":
        return load_agent(str(path.absolute()))
    try:
        return Agent.model_validate(json.loads(path.read_bytes()))
    except OSError as error:
        raise unreadable(path, error) from error
    except ValidationError as error:
        raise ConfigError(f"{path}: {problem_in_words(error, Agent)}") from error
    except ValueError as error:  # JSON's and UTF-8's errors are such
        raise ConfigError(f"{path}: not valid JSON: {error}") from error


def read_folder(folder: Path) -> Mapping[str, Agent]:
    """Each agent file of a folder by the slug of the tenant that it makes.  Raises ConfigError that says what
    is wrong with the first bad one, and which others are.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: there is no such folder")
    files = {name: path for name, path in agent_files([folder]).items() if path.parent == folder}
    if not files:
        raise ConfigError(f"{folder}: no agent files (NAME.toml) lie there")
    agents: dict[str, Agent] = {}
    wrong: dict[str, ConfigError] = {}
    for name, path in files.items():
        slug = name.lower().replace("_", "-")
        try:
            if slug in agents:
                raise ConfigError(f"{path}: another file makes tenant {slug!r} already: rename one of them")
            agents[slug] = load_agent(str(path.absolute()))
        except ConfigError as error:
            wrong[path.name] = error
    if wrong:
        first, *others = wrong
        more = f"; also wrong: {', '.join(others)}" if others else ""
        raise ConfigError(f"{wrong[first]}{more}; nothing was imported") from wrong[first]
    return agents


def import_agents(connection: sa.Connection, agents: Mapping[str, Agent]) -> list[Put]:
    """A tenant for each agent, called as it calls itself; one that is there gets the agent's new version."""
    done = []
    for slug, agent in agents.items():
        tenant = tenant_or_none(connection, slug) or add_tenant(connection, slug, agent.name)
        done.append(put_agent(connection, tenant, DEFAULT_NAME, agent))
    return done


# --- rows --------------------------------------------------------------------------------------------


def _find(connection: sa.Connection, tenant: Tenant, name: str) -> Any:
    query = sa.select(_agents.c.id, _agents.c.current_version).where(
        _agents.c.tenant_id == tenant.id, _agents.c.name == name
    )
    return connection.execute(query).one_or_none()


def _require(connection: sa.Connection, tenant: Tenant, name: str) -> Any:
    found = _find(connection, tenant, name)
    if found is None:
        known = nearest(name, agent_names(connection, tenant))
        raise RegistryError(f"agent {name!r} of {tenant.slug!r}: there is none of that name; {known}")
    return found


def _body(connection: sa.Connection, agent_id: str, version: int) -> Any:
    query = sa.select(_versions.c.body).where(
        _versions.c.ai_configuration_id == agent_id, _versions.c.version == version
    )
    return connection.execute(query).scalar_one()


def _make_current(connection: sa.Connection, agent_id: str, version: int) -> None:
    connection.execute(sa.update(_agents).where(_agents.c.id == agent_id).values(current_version=version))
