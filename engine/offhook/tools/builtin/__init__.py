"""Tools that offhook brings: by name, each made by a function of its own.

A maker gets the agent's entry and what is known of its tool already, and gives one tool or several: an
appointment is booked, moved and cancelled.  It is imported when an agent names it.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from offhook.agents.tools import ToolEntry
from offhook.errors import ConfigError
from offhook.tools.base import Tool, ToolSpec

MAKERS: dict[str, str] = {
    "transfer": "offhook.tools.builtin.handover:transfer",
    "queue": "offhook.tools.builtin.handover:queue",
    "voicemail": "offhook.tools.builtin.handover:voicemail",
    "agent": "offhook.tools.builtin.handover:agent",
    "appointments": "offhook.tools.builtin.appointments:appointments",
    "ticket": "offhook.tools.builtin.tickets:ticket",
    "message": "offhook.tools.builtin.tickets:message",
    "order": "offhook.tools.builtin.orders:order",
    "callback": "offhook.tools.builtin.tickets:callback",
}
"""``module:function`` by name."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a maker may need."""

    agent: str
    """The agent's name."""
    language: str
    folder: Path | None
    """Of the agent's file."""
    tenant: str | None
    database: str | None = None
    """The tenants' database, where there is one."""
    http: Any = None
    """An httpx client for outside, which keeps to whom the agent may call."""


Maker = Callable[[ToolEntry, ToolSpec, Surroundings], Sequence[Tool]]


def maker(name: str) -> Maker:
    """What makes the builtin tool called ``name``.  Raises ConfigError with the nearest names."""
    if name not in MAKERS:
        near = difflib.get_close_matches(name, MAKERS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(MAKERS)}"
        raise ConfigError(f"there is no builtin tool {name!r}; {hint} (or set source)")
    module, _, function = MAKERS[name].partition(":")
    return cast(Maker, getattr(importlib.import_module(module), function))
