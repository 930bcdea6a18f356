"""Tools of a real MCP server: a program of its own, which lives, dies, hangs and fails."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from offhook.agents.loader import Agent
from offhook.tools.base import Context, Tool
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Made, make_tools, prepared

pytest.importorskip("mcp")
SERVER = Path(__file__).parents[1] / "support" / "mcp_server.py"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
async def made(log: Path) -> AsyncIterator[Made]:
    command = (sys.executable, str(SERVER), str(log))
    tools = {
        "stock": {"source": "mcp", "command": command, "effect": "reads", "timeout_s": 30},
        "crash": {"source": "mcp", "command": command, "timeout_s": 30},
        "hang": {"source": "mcp", "command": command, "effect": "reads", "timeout_s": 0.2},
        "fails": {"source": "mcp", "command": command, "tool": "fail", "effect": "reads", "timeout_s": 30},
        "gone": {"source": "mcp", "command": command},
    }
    found = make_tools(Agent.model_validate({"name": "Shop", "greeting": "Hello.", "tools": tools}))
    assert found.problems == {}
    yield found
    await found.close()


def executor(tools: dict[str, Tool]) -> Executor:
    return Executor(Toolbox(tools, Ledger.in_file(None)), Context("c1", "Shop"))


def calls(log: Path) -> list[str]:
    """Without the one that was given up: when it is written is the server's business."""
    return [line for line in log.read_text().splitlines() if not line.startswith("hang")]


async def test_a_server_that_lives_dies_hangs_and_fails(made: Made, log: Path) -> None:
    tools = await prepared(made)
    assert list(tools) == ["stock", "crash", "hang", "fails"], (
        "in the file's order, without what is not there"
    )
    assert "no tool 'gone'" in made.problems["gone"]
    spec = tools["stock"].spec
    assert spec.description == "How many of an item there are."
    assert (list(spec.properties), spec.required) == (["item", "count"], ("item",))
    assert tools["crash"].spec.effect == "writes", "who does not say so may write"

    mine = executor(tools)
    found = await mine.run("stock", {"item": "lamp"}, committed=False)
    assert (found.ok, found.value) == (True, {"left": 11})
    assert not (await mine.run("fails", {"item": "lamp"}, committed=False)).ok
    assert not (await mine.run("hang", {"item": "lamp"}, committed=False)).ok
    dead = await mine.run("crash", {"item": "lamp"}, committed=True)
    assert (dead.ok, dead.unsure) == (False, True)
    # The next request starts it again.
    again = await mine.run("stock", {"item": "chair"}, committed=False)
    assert again.value == {"left": 11}
    assert calls(log) == ["stock lamp", "crash lamp", "stock chair"]


async def test_a_server_that_is_not_there() -> None:
    tools = {
        "away": {"source": "mcp", "command": ["/nowhere/at/all"]},
        "shut": {"source": "mcp", "url": "http://127.0.0.1:9/mcp"},
    }
    found = make_tools(Agent.model_validate({"name": "Shop", "greeting": "Hello.", "tools": tools}))
    assert await prepared(found) == {}
    assert set(found.problems) == {"away", "shut"}
    await found.close()
