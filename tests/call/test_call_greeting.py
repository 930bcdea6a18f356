"""Who is known is greeted so, if that is known in time."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from offhook.agents.loader import Agent
from offhook.call.greeting import known_greeting
from offhook.errors import ModelError
from offhook.tools.base import BaseTool, Context, ToolResult, ToolSpec
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger

KNOWN = "Hello {customer.name}, you have {customer.points} points."


class Customers(BaseTool):
    """Answers ``value``; waits for ``gate``."""

    def __init__(self, value: Any, gate: asyncio.Event | None = None, **spec: Any) -> None:
        super().__init__(ToolSpec("customer", "who calls", **{"phases": frozenset({"before"}), **spec}))
        self.value, self.gate, self.asked = value, gate, 0

    async def run(self, arguments: Any, context: Context) -> ToolResult:
        self.asked += 1
        if self.gate is not None:
            await self.gate.wait()
        return self.value if isinstance(self.value, ToolResult) else ToolResult(self.value)


class SilentVoice:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    async def say(self, text: str, rate_hz: int, *, language: str | None = None) -> Any:
        if self.error is not None:
            raise self.error
        return np.zeros(8, np.int16)


async def greeted(tool: Customers, *, caller: str = "+43660", voice: Any = None, **agent: Any) -> str | None:
    made = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "greeting_known": KNOWN, **agent})
    executor = Executor(Toolbox({"customer": tool}, Ledger.in_file(None)), Context("1", "Inn", caller=caller))
    phrase = await known_greeting(made, cast(Any, voice or SilentVoice()), executor, 8000, "1")
    return None if phrase is None else phrase.text


async def test_who_is_known_is_greeted_by_what_is_known() -> None:
    tool = Customers({"name": "Ms Okoye", "points": 12})
    assert await greeted(tool) == "Hello Ms Okoye, you have 12 points."


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Ms Okoye"},
        {"name": "", "points": 1},
        {"name": None, "points": 1},
        {"name": "x" * 61, "points": 1},
        {"name": "a\nb", "points": 1},
        {"name": ["a"], "points": 1},
        "nobody",
        ToolResult("not found", ok=False),
    ],
)
async def test_nobody_is_greeted_with_a_gap_or_with_what_is_no_name(value: Any) -> None:
    assert await greeted(Customers(value)) is None


async def test_a_lookup_that_takes_too_long_is_not_waited_for() -> None:
    tool = Customers({"name": "Ms Okoye", "points": 12}, asyncio.Event(), timeout_s=30)
    assert await greeted(tool, greeting_wait_ms=50) is None
    assert tool.asked == 1


@pytest.mark.parametrize(
    ("spec", "more"),
    [
        ({"phases": frozenset({"during"})}, {}),
        ({"effect": "writes"}, {}),
        ({}, {"caller": ""}),
        ({}, {"greeting_known": ""}),
        ({}, {"greeting_known": "Hello {somebody.name}."}),
        ({}, {"voice": SilentVoice(ModelError("away"))}),
    ],
)
async def test_otherwise_it_is_the_usual_greeting(spec: dict[str, Any], more: dict[str, Any]) -> None:
    assert await greeted(Customers({"name": "A", "points": 1}, **spec), **more) is None


def test_what_has_to_be_said_first_is_said_to_those_who_are_known_too() -> None:
    agent = Agent(name="Inn", greeting="Hello.", greeting_known=KNOWN, disclosure=True)
    told = agent.disclosed()
    assert told.greeting.endswith(" Hello.")
    assert told.greeting_known == told.greeting.removesuffix("Hello.") + KNOWN
    assert Agent(name="Inn", greeting="Hello.").beginning("Mind.").greeting_known == ""
