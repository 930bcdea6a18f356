"""A tenant's agents: what each knows and can do, its history, and an older version that answers again."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.agents.check import Finding
from offhook.agents.loader import Agent
from offhook.engines.examine import examine
from offhook.errors import ConfigError
from offhook.tenants.agent_versions import get_agent, history, rollback
from offhook.tenants.registry import get_tenant
from offhook.web.guard import form, session_of
from offhook.web.house import House, back
from offhook.web.pages.agents import described

_log = logging.getLogger("offhook.web")


def routes(house: House) -> list[Route]:
    async def show_agent(request: Request) -> Response:
        slug, name = request.path_params["tenant"], request.path_params["agent"]

        def find(connection: sa.Connection) -> dict[str, Any]:
            tenant = get_tenant(connection, slug)
            stored = get_agent(connection, tenant, name)
            return {"stored": stored, "versions": history(connection, tenant, name)}

        found = await house.read(find)
        agent: Agent | None = None
        findings: list[Finding] = []
        problem = ""
        try:
            agent = found["stored"].read()
        except ConfigError as error:
            problem = str(error)
        else:
            findings = await asyncio.to_thread(examine, agent, house.config)
        return house.page(
            request,
            "agent.html",
            title=f"{name} of {slug}",
            agent=None if agent is None else described(agent),
            findings=findings,
            problem=problem,
            versions=found["versions"],
            home=f"/tenants/{slug}/agents/{name}",
            earlier=[],
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
        Route("/tenants/{tenant}/agents/{agent}", show_agent),
        Route("/tenants/{tenant}/agents/{agent}/rollback", roll_back, methods=["POST"]),
    ]
