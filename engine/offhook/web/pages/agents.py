"""The box's own agents: what they know and can do, and what the check finds."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from offhook.agents.check import Finding
from offhook.agents.loader import Agent, agent_files, check_name, load_agent
from offhook.agents.own_files import earlier
from offhook.engines.examine import examine
from offhook.errors import ConfigError
from offhook.web.house import House, back


def routes(house: House) -> list[Route]:
    settings = house.config.agent

    def all_agents() -> list[dict[str, Any]]:
        rows = []
        for name, path in agent_files(settings.search).items():
            try:
                agent = load_agent(name, settings.search)
            except ConfigError as error:
                rows.append({"name": name, "path": path, "problem": str(error)})
                continue
            findings = examine(agent, house.config)
            rows.append(
                {"name": name, "path": path, "problem": "", "agent": agent, "findings": len(findings)}
            )
        return rows

    async def begin(request: Request) -> Response:
        name = request.query_params.get("name", "").strip()
        check_name(name)
        return back(f"/agents/{name}/edit")

    async def show_agents(request: Request) -> Response:
        rows = await asyncio.to_thread(all_agents)
        return house.page(request, "agents.html", title="Agents", rows=rows, default=settings.default)

    async def show_agent(request: Request) -> Response:
        name = request.path_params["agent"]

        def find() -> tuple[Agent, list[Finding], list[int]]:
            agent = load_agent(name, settings.search)
            kept = list(earlier(settings.search[0], name)) if settings.search else []
            return agent, examine(agent, house.config), kept

        agent, findings, kept = await asyncio.to_thread(find)
        return house.page(
            request,
            "agent.html",
            title=name,
            agent=described(agent),
            findings=findings,
            problem="",
            versions=[],
            home=f"/agents/{name}",
            earlier=kept,
        )

    return [
        Route("/agents", show_agents),
        Route("/new-agent", begin),
        Route("/agents/{agent}", show_agent),
    ]


def described(agent: Agent) -> dict[str, Any]:
    """What a page tells of an agent; no secret is in an agent's file, and none is shown."""
    tools = [
        {
            "name": name,
            "source": entry.source if entry.source != "builtin" else f"builtin {entry.use or name}",
            "description": entry.description,
            "effect": entry.effect or "",
            "targets": ", ".join(target.name for target in entry.targets.values()),
        }
        for name, entry in agent.tools.items()
    ]
    return {
        "name": agent.name,
        "language": agent.language,
        "greeting": agent.greeting,
        "facts": len(agent.facts),
        "tools": tools,
    }
