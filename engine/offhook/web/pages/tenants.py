"""Tenants: what each wants, its numbers, agents and their history, documents, what it could not answer."""

from __future__ import annotations

import logging
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.agents.check import check
from offhook.agents.loader import Agent
from offhook.errors import ConfigError
from offhook.tenants.agent_versions import agent_names, get_agent, history, rollback
from offhook.tenants.documents import list_documents, list_misses
from offhook.tenants.number_registry import list_numbers
from offhook.tenants.registry import change_tenant, get_tenant, list_tenants
from offhook.web.guard import form, session_of
from offhook.web.house import House, back
from offhook.web.pages.agents import described

_log = logging.getLogger("offhook.web")

MOST_MISSES = 50


def routes(house: House) -> list[Route]:
    async def show_tenants(request: Request) -> Response:
        tenants = await house.read(list_tenants)
        return house.page(request, "tenants.html", title="Tenants", tenants=tenants)

    async def show_numbers(request: Request) -> Response:
        numbers = await house.read(list_numbers)
        return house.page(request, "numbers.html", title="Numbers", numbers=numbers)

    async def show_tenant(request: Request) -> Response:
        def find(connection: sa.Connection) -> dict[str, Any]:
            tenant = get_tenant(connection, request.path_params["tenant"])
            return {
                "tenant": tenant,
                "numbers": list_numbers(connection, tenant),
                "agents": agent_names(connection, tenant),
                "documents": list_documents(connection, tenant),
                "misses": list_misses(connection, tenant, MOST_MISSES),
            }

        found = await house.read(find)
        return house.page(request, "tenant.html", title=found["tenant"].name, **found)

    async def switch(request: Request) -> Response:
        slug, active = request.path_params["tenant"], form(request).get("active") == "yes"
        await house.write(lambda connection: change_tenant(connection, slug, active=active))
        _log.info("user=%s tenant=%s active=%s", session_of(request).user, slug, active)
        return back(f"/tenants/{slug}")

    async def show_agent(request: Request) -> Response:
        slug, name = request.path_params["tenant"], request.path_params["agent"]

        def find(connection: sa.Connection) -> dict[str, Any]:
            tenant = get_tenant(connection, slug)
            stored = get_agent(connection, tenant, name)
            return {"stored": stored, "versions": history(connection, tenant, name)}

        found = await house.read(find)
        agent: Agent | None = None
        problem = ""
        try:
            agent = found["stored"].read()
        except ConfigError as error:
            problem = str(error)
        return house.page(
            request,
            "agent.html",
            title=f"{name} of {slug}",
            agent=None if agent is None else described(agent),
            findings=[] if agent is None else check(agent, house.config.llm.n_ctx_call),
            problem=problem,
            versions=found["versions"],
            home=f"/tenants/{slug}/agents/{name}",
        )

    async def roll_back(request: Request) -> Response:
        slug, name = request.path_params["tenant"], request.path_params["agent"]
        try:
            version = int(form(request).get("version", ""))
        except ValueError:
            raise ConfigError("which version shall answer, is not said") from None

        def let(connection: sa.Connection) -> int:
            return rollback(connection, get_tenant(connection, slug), name, version)

        await house.write(let)
        _log.info("user=%s tenant=%s agent=%s version=%d", session_of(request).user, slug, name, version)
        return back(f"/tenants/{slug}/agents/{name}")

    return [
        Route("/tenants", show_tenants),
        Route("/numbers", show_numbers),
        Route("/tenants/{tenant}", show_tenant),
        Route("/tenants/{tenant}/active", switch, methods=["POST"]),
        Route("/tenants/{tenant}/agents/{agent}", show_agent),
        Route("/tenants/{tenant}/agents/{agent}/rollback", roll_back, methods=["POST"]),
    ]
