"""An agent's tools, ready for calls: made, described by their servers, and with the ledger of what was
done."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from pathlib import Path

from offhook.agents.loader import Agent
from offhook.config import ToolsConfig
from offhook.errors import DatabaseError
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import LEDGER, Origin, make_tools, prepared

_log = logging.getLogger("offhook.tools")
_ledgers: dict[Path | None, Ledger] = {}
_lock = threading.Lock()


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
    ledger = await asyncio.to_thread(_ledger, config) if lasting else Ledger.in_file(None)
    return Toolbox(tools, ledger, made.close)


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
