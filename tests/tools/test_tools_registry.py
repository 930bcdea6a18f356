"""An agent's tables become tools; what cannot be used is one line, and nothing else is lost."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import Agent, load_agent
from offhook.errors import ConfigError
from offhook.tools.base import Action, Context
from offhook.tools.builtin.handover import dialplan_pattern
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Origin, make_tools

CODE = '''
from datetime import date
from typing import Annotated, Literal
import threading, time
from offhook.tools.python import Ask, tool

@tool(writes=True, when=["I want a table"])
async def reserve(
    size: Literal["small", "large"], day: Annotated[date, Ask("Which day?")], note: str = ""
) -> str:
    """Reserve a table.

    More of it."""
    return f"{size} on {day:%A} in {threading.current_thread().name}"

@tool
def today(context) -> dict:
    "What is on today."
    return {"thread": threading.current_thread().name, "call": context.call_id}

@tool()
def odd(*args): ...

def unmarked(): ...
'''


def agent(tools: dict[str, Any]) -> Agent:
    return Agent.model_validate({"name": "Inn", "greeting": "Hello.", "tools": tools})


async def test_python_functions_are_tools(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    made = make_tools(
        agent(
            {
                "reserve": {"source": "python", "function": "mine.py:reserve"},
                "today": {"source": "python", "function": "mine.py:today"},
            }
        ),
        Origin(tmp_path),
    )
    assert made.problems == {}
    spec = made.tools["reserve"].spec
    assert (spec.effect, spec.description, spec.when) == ("writes", "Reserve a table.", ("I want a table",))
    assert spec.properties["size"]["enum"] == ["small", "large"]
    assert (spec.properties["day"]["format"], spec.properties["day"]["x-ask"]) == ("date", "Which day?")
    assert spec.required == ("size", "day")
    mine = Executor(Toolbox(made.tools, Ledger.in_file(None)), Context("c1", "Inn"))
    done = await mine.run("reserve", {"size": "small", "day": "2026-04-09"}, committed=True)
    found = await mine.run("today", {}, committed=False)
    await made.close()
    assert done.say.startswith("small on Thursday in ")
    assert found.value["call"] == "c1"
    # Neither ran on the event loop's thread.
    assert threading.current_thread().name not in (done.say, found.value["thread"])
    assert not done.say.endswith(threading.current_thread().name)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"source": "python", "function": "mine.py:reserv"}, "there are: odd, reserve, today"),
        ({"source": "python", "function": "mine.py:unmarked"}, "marked with @tool"),
        ({"source": "python", "function": "mine.py:odd"}, "args is no value with a name"),
        ({"source": "python", "function": "none.py:x"}, "is not there"),
        ({"source": "python", "function": "no_such_module:x"}, "cannot be imported"),
        ({"source": "python", "function": "broken.py:x"}, "SyntaxError"),
        (
            {"source": "python", "function": "mine.py:reserve", "parameters": {"nights": {}}},
            "no such parameter",
        ),
        ({"use": "transfe"}, "did you mean 'transfer'"),
        ({"use": "transfer"}, "wants targets"),
        ({"use": "transfer", "pattern": "_1XQ"}, "is none like in the dialplan"),
        ({"use": "queue", "targets": {"a": {"name": "Sales"}, "b": {"name": "sales"}}}, "same name"),
    ],
)
def test_what_an_owner_may_write_wrong(entry: dict[str, Any], says: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "broken.py").write_text("def x(:")
    made = make_tools(agent({"wrong": entry}), Origin(tmp_path))
    assert says in made.problems["wrong"]
    assert "\n" not in made.problems["wrong"]


@pytest.mark.parametrize(
    "entry",
    [
        {"source": "python", "function": "os:system"},
        {"source": "mcp", "command": ["sh"]},
        {"source": "mcp", "url": "http://127.0.0.1/"},
        {"source": "openapi", "document": "/etc/passwd", "operation": "x"},
        {"source": "http", "url": "https://a.example/", "secret_file": "/etc/shadow"},
    ],
)
def test_a_tenants_agent_names_nothing_of_this_machine(entry: dict[str, Any]) -> None:
    made = make_tools(agent({"wrong": entry}), Origin(tenant="t1"))
    assert made.tools == {}
    assert "tenant" in made.problems["wrong"] or "this machine" in made.problems["wrong"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('[tools.Book]\nuse = "transfer"', "small letters"),
        ('[tools.book]\nurl = "https://a.example/"', "url belongs to source = 'http'"),
        ('[tools.book]\nsource = "python"', "wants function"),
        ('[tools.book]\nsource = "mcp"', "either command"),
        ('[tools.book]\nefect = "reads"', "did you mean 'effect'"),
        ('[tools.book.parameters.day]\nformat = "dat"', "tools.book.parameters.day.format"),
    ],
)
def test_tables_that_are_none(lines: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f'name = "Inn"\ngreeting = "Hello."\n{lines}\n')
    with pytest.raises(ConfigError, match=r"a\.toml") as caught:
        load_agent(str(tmp_path / "a.toml"))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_the_line_goes_where_the_owner_said() -> None:
    targets = {"desk": {"name": "the front desk", "default": True}, "anna": {"name": "Anna Berg"}}
    tools = {"transfer": {"targets": targets}, "dial": {"use": "transfer", "pattern": "_[1-4]XX"}}
    made = make_tools(agent(tools))
    mine = Executor(Toolbox(made.tools, Ledger.in_file(None)), Context("c1", "Inn"))
    assert made.tools["transfer"].spec.properties["to"]["enum"] == ["the front desk", "Anna Berg"]
    for name, to, action in (
        ("transfer", "Anna Berg", Action("transfer", "anna", "a bill")),
        ("transfer", "5550199", None),
        ("dial", "217", Action("transfer", "217", "a bill")),
        ("dial", "517", None),
        ("dial", "the front desk", None),
    ):
        result = await mine.run(name, {"to": to, "reason": "a  bill"}, committed=True)
        assert (result.action, result.ok) == (action, action is not None), to
    await made.close()


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [("_1XX", "199", "1a9"), ("_NZX.", "21005", "11005"), ("_[25-7]X", "69", "39"), ("700", "700", "7000")],
)
def test_patterns_as_in_the_dialplan(pattern: str, fits: str, not_: str) -> None:
    assert dialplan_pattern(pattern).fullmatch(fits)
    assert not dialplan_pattern(pattern).fullmatch(not_)
