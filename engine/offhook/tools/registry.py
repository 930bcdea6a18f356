"""From an agent's file to its tools: five sources, one list, in the file's order.

:func:`make_tools` makes them without asking anybody, and says in one line what is wrong with which; then
:func:`prepared` connects to servers that have to be asked what they can do.  One that is away is left out,
with a line in the log: the agent goes on without it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from offhook.agents.loader import Agent
from offhook.agents.tools import ToolEntry
from offhook.config import ToolsConfig
from offhook.errors import ConfigError, OffhookError
from offhook.tools.base import Phrases, Tool, ToolSpec
from offhook.tools.builtin import Surroundings, maker
from offhook.tools.http import http_tool, secret_of
from offhook.tools.mcp import Address, McpTool, Server, address_of
from offhook.tools.openapi import openapi_tool
from offhook.tools.outbound import Reach, client
from offhook.tools.python import PythonTool, describe, load_function, signature_of

_log = logging.getLogger("offhook.tools")

LEDGER = Path("/var/lib/offhook/tools.db")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose agent it is."""

    folder: Path | None = None
    """Of its file; None: it has none."""
    tenant: str | None = None
    database: str | None = None

    @property
    def trusted(self) -> bool:
        """It is the operator's own file, and may name whatever this machine has."""
        return self.tenant is None


HERE = Origin()
DEFAULTS = ToolsConfig()


@dataclass(slots=True)
class Made:
    """What became of an agent's tables."""

    tools: dict[str, Tool] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """What is wrong with a table, by its name."""
    http: httpx.AsyncClient | None = None

    async def close(self) -> None:
        for tool in self.tools.values():
            await tool.close()
        if self.http is not None:
            await self.http.aclose()


def make_tools(
    agent: Agent,
    origin: Origin = HERE,
    config: ToolsConfig = DEFAULTS,
    *,
    network: httpx.AsyncBaseTransport | None = None,
) -> Made:
    """Every tool that can be made, and why the others cannot.  Asks nobody; ``network`` is for tests."""
    made = Made()
    if not agent.tools:
        return made
    made.http = client(Reach(config.tenants_may_reach, anywhere=origin.trusted), network)
    servers: dict[Address, Server] = {}
    database = origin.database
    if origin.tenant is None and database is None:
        database = f"sqlite:///{config.records}"
    around = Surroundings(agent.name, agent.language, origin.folder, origin.tenant, database, made.http)
    for name, entry in agent.tools.items():
        try:
            for tool in _tools(name, entry, origin, config, around, servers, made.http):
                if tool.spec.name in made.tools:
                    raise ConfigError(f"there is a tool {tool.spec.name} already")
                made.tools[tool.spec.name] = tool
        except OffhookError as error:
            made.problems[name] = str(error)
    return made


async def prepared(made: Made) -> dict[str, Tool]:
    """The tools that can be used now, in their order."""

    async def ask(name: str, tool: Tool) -> bool:
        if not isinstance(tool, McpTool):
            return True
        try:
            await tool.prepare()
        except OffhookError as error:
            made.problems[name] = str(error)
            _log.warning("tool %s is left out: %s", name, error)
            return False
        return True

    usable = await asyncio.gather(*(ask(name, tool) for name, tool in made.tools.items()))
    return {name: tool for (name, tool), fine in zip(made.tools.items(), usable, strict=True) if fine}


def _tools(
    name: str,
    entry: ToolEntry,
    origin: Origin,
    config: ToolsConfig,
    around: Surroundings,
    servers: dict[Address, Server],
    http: httpx.AsyncClient,
) -> Iterator[Tool]:
    spec = _spec(name, entry)
    if not origin.trusted and (entry.secret_file or entry.secret_env):
        raise ConfigError("secret_file and secret_env name things of this machine: a tenant's agent may not")
    runs_here = entry.source == "python" or bool(entry.command)
    if runs_here and not origin.trusted and not config.tenants_may_run:
        raise ConfigError("tenants' agents run nothing on this machine (tools.tenants_may_run)")
    match entry.source:
        case "builtin":
            yield from maker(entry.use or name)(entry, spec, around)
        case "python":
            yield _python(entry, spec, origin.folder)
        case "http":
            yield http_tool(entry, spec, http, origin.folder)
        case "openapi":
            if not origin.trusted:
                raise ConfigError("openapi reads a file of this machine: a tenant's agent may not; use http")
            yield openapi_tool(entry, spec, http, origin.folder)
        case "mcp":
            if entry.url and not origin.trusted:
                raise ConfigError("MCP servers are for agents of this machine's own; use http")
            address = address_of(entry, secret_of(entry, origin.folder))
            server = servers.get(address) or servers.setdefault(address, Server(address))
            yield McpTool(spec, server, entry.tool or name, entry)


def _spec(name: str, entry: ToolEntry) -> ToolSpec:
    """What the file says of a tool; where it says nothing, its source may."""
    return ToolSpec(
        name,
        " ".join(entry.description.split()),
        entry.schema_of(),
        # Who does not say may write: then nothing is done without the caller's yes, and nothing twice.
        effect=entry.effect or ("reads" if entry.method == "GET" else "writes"),
        phases=frozenset(entry.phases),
        timeout_s=entry.timeout_s,
        when=entry.when,
        confirm=entry.confirm,
        phrases=Phrases(**entry.say.model_dump()),
        heeds_key=entry.heeds_key,
    )


def _python(entry: ToolEntry, spec: ToolSpec, folder: Path | None) -> PythonTool:
    assert entry.function is not None
    function, marked = load_function(entry.function, folder)
    model, schema = signature_of(function)
    for name, parameter in entry.parameters.items():
        if name not in schema["properties"]:
            known = ", ".join(schema["properties"]) or "none"
            raise ConfigError(f"parameters.{name}: the function has no such parameter; it has: {known}")
        said = {key: value for key, value in parameter.schema_of().items() if key != "type" or parameter.type}
        schema["properties"][name] = {**schema["properties"][name], **said}
    found = replace(
        spec,
        description=spec.description or describe(function),
        parameters=schema,
        effect=entry.effect or ("writes" if marked.writes else "reads"),
        when=spec.when or marked.when,
        timeout_s=entry.timeout_s
        if "timeout_s" in entry.model_fields_set
        else marked.timeout_s or entry.timeout_s,
    )
    return PythonTool(found, function, model)
