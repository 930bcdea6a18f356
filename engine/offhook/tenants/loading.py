"""Reads a whole snapshot from the database: six queries, however many tenants there are."""

from __future__ import annotations

import sqlalchemy as sa

from offhook.tenants import schema
from offhook.tenants.number_registry import get_home
from offhook.tenants.registry import list_tenants
from offhook.tenants.snapshot import Number, Snapshot, StoredAgent, make_snapshot


def change_counter(connection: sa.Connection) -> int:
    """How often the directory was changed."""
    return int(connection.execute(sa.select(schema.directory_state.c.version)).scalar_one())


def read_snapshot(connection: sa.Connection) -> Snapshot:
    """The connection shows one state for all its queries (``Database.reading``)."""
    version, home = change_counter(connection), get_home(connection)
    tenants = {tenant.id: tenant for tenant in list_tenants(connection)}
    agents: dict[str, StoredAgent] = {}
    configurations, versions = schema.ai_configurations, schema.ai_configuration_versions
    current = sa.select(
        configurations.c.id,
        configurations.c.tenant_id,
        configurations.c.name,
        configurations.c.current_version,
        sa.cast(versions.c.body, sa.Text).label("body"),
    ).join(
        versions,
        (versions.c.ai_configuration_id == configurations.c.id)
        & (versions.c.version == configurations.c.current_version),
    )
    for row in connection.execute(current):
        agents[row.id] = StoredAgent(row.tenant_id, row.name, row.current_version, row.body)
    numbers: dict[str, Number] = {}
    for row in connection.execute(sa.select(schema.phone_numbers)):
        # A configuration without its version, written by hand, answers nobody; its numbers are nobody's.
        if row.ai_configuration_id in agents:
            agent = agents[row.ai_configuration_id]
            numbers[row.did] = Number(
                row.did, tenants[row.tenant_id], agent, row.language, row.fallback, row.recording
            )
    return make_snapshot(
        version,
        home,
        {tenant.slug: tenant for tenant in tenants.values()},
        {(tenants[agent.tenant_id].slug, agent.name): agent for agent in agents.values()},
        numbers,
    )
