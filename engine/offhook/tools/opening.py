"""An agent's tools, ready for calls: made, described by their servers, and with the ledger of what was
done."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path

from offhook.agents.loader import Agent
from offhook.config import ToolsConfig
from offhook.errors import DatabaseError, OffhookError
from offhook.tools.base import Tool
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger, Requests
from offhook.tools.registry import LEDGER, Origin, make_tools, prepared
from offhook.tools.tenant_ledger import TenantLedger

_log = logging.getLogger("offhook.tools")
_ledgers: dict[Path | None, Ledger] = {}
_lock = threading.Lock()
WARM_S = 20.0


async def open_toolbox(
    agent: Agent, origin: Origin, config: ToolsConfig, *, lasting: bool = True
) -> Toolbox | None:
    """What ``agent`` can do; None: nothing.  A tool that cannot be used is left out, with a line in the log.

    ``lasting``: what is done is remembered over restarts; False: for trials.
    """
    if not agent.tools:
        return None
    made = await asyncio.to_thread(make_tools, agent, origin, config)
    for name, problem in made.problems.items():
        _log.error("agent=%s tools.%s is left out: %s", agent.name, name, problem)
    tools = await prepared(made)
    if not lasting:
        return Toolbox(tools, Ledger.in_file(None), made.close)
    if origin.tenant is not None and origin.database is not None:
        tenants: Requests = TenantLedger(origin.database, origin.tenant)
        return Toolbox(tools, tenants, made.close)
    await _warm(tools.values())
    return Toolbox(tools, await asyncio.to_thread(_ledger, config), made.close)


async def _warm(tools: Iterable[Tool]) -> None:
    """Make the box's own book before a caller waits for it: its tables take seconds on a busy machine."""
    for tool in tools:
        warm: Callable[[], Awaitable[None]] | None = getattr(tool, "warm", None)
        if warm is None:
            continue
        try:
            async with asyncio.timeout(WARM_S):
                await warm()
        except (OffhookError, TimeoutError) as error:
            _log.warning("tool %s: %s", tool.spec.name, error or f"its book is not open within {WARM_S:g} s")


def _ledger(config: ToolsConfig) -> Ledger:
    """One for the whole process."""
    path = config.ledger
    if path is None and os.access(LEDGER.parent, os.W_OK):
        path = LEDGER
    with _lock:
        if path not in _ledgers:
            try:
                _ledgers[path] = Ledger.in_file(path)
                _ledgers[path].forget()
            except DatabaseError as error:
                _log.error("what tools do is not remembered over a restart: %s", error)
                _ledgers[path] = Ledger.in_file(None)
        return _ledgers[path]
