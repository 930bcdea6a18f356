"""Tenants to test with."""

from __future__ import annotations

from offhook.agents.loader import Agent
from offhook.tenants.agent_versions import put_agent
from offhook.tenants.database import Database
from offhook.tenants.number_registry import add_number
from offhook.tenants.registry import add_tenant


def small_agent(name: str, greeting: str = "Hello.") -> Agent:
    return Agent(name=name, greeting=greeting)


def fill(database: Database, **numbers: str) -> None:
    """Tenants by slug (with ``_`` for ``-``), each with an agent that says the slug, and one number."""
    with database.writing() as connection:
        for word, number in numbers.items():
            slug = word.replace("_", "-")
            tenant = add_tenant(connection, slug, slug.title())
            put_agent(connection, tenant, "main", small_agent(slug, f"{slug}, hello."))
            add_number(connection, number, tenant)
