"""Keys as entries: with a length, masked from everybody but the tool, checked, and a menu's choices."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from offhook.agents.loader import Agent, MenuChoice
from offhook.agents.tools import ToolParameter
from offhook.conversation.calling import step
from offhook.conversation.forms.keyed import fits, luhn
from offhook.conversation.forms.words import form_words
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.errors import ConfigError
from offhook.knowledge.store import Knowledge
from offhook.observe.trace import TurnTrace
from offhook.tools.base import Context, Phrases, Tool, ToolResult
from offhook.tools.executor import Executor, Toolbox
from offhook.tools.formats import Call
from offhook.tools.ledger import Ledger
from offhook.tools.registry import make_tools
from tests.support.clock import Clock, reached
from tests.support.engines.engines import PlainTemplate
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call
from tests.support.tools import ScriptedTool, schema

WHEN = ("I'd like to hear my balance",)
ASK = "Please key in your PIN."
PIN = "4271"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def value(**keys: Any) -> dict[str, Any]:
    return ToolParameter.model_validate({"ask": ASK, "keys": keys}).schema_of()


def balance(**keys: Any) -> ScriptedTool:
    return ScriptedTool(
        "balance",
        schema(pin=value(**keys)),
        effect="reads",
        when=WHEN,
        answers=[ToolResult(12)],
        phrases=Phrases(done="You have {result} dollars, {pin}."),
    )


def with_tools(*tools: Tool, agent: Agent = AGENT) -> Callable[[ScriptedCall], None]:
    def fill(call: ScriptedCall) -> None:
        toolbox = Toolbox({tool.spec.name: tool for tool in tools}, Ledger.in_file(None))
        policy = Grounded(agent, PlainTemplate(), Knowledge(agent), None, toolbox)
        call.profile = replace(call.profile, policy=policy, on_turn=call_turns.append_turn)

    call_turns.clear()
    return fill


class Turns(list[str]):
    """What is written down of turns."""

    def append_turn(self, caller_text: str, audible_text: str, trace: TurnTrace) -> None:
        self += [caller_text, audible_text, str(trace)]


call_turns = Turns()


async def until_asked(call: ScriptedCall) -> None:
    await call.says("I'd like to hear my balance.")
    assert call.spoken == [ASK]


async def keyed(call: ScriptedCall, keys: str) -> None:
    turns = len(call.spoken)
    call.line.presses(keys)
    await call.floor_over(turns)


async def test_a_masked_entry_is_known_to_the_tool_alone(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    tool = balance(length=4)
    caplog.set_level(logging.DEBUG)
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        tap = call.call.tap
        assert tap is not None
        await reached(lambda: tap.paused, "nobody is to hear it")
        await keyed(call, PIN)  # the fourth ends it
        assert tool.runs == [{"pin": PIN}]
        assert call.exchanges[-1] == ("(4 keys)", "You have 12 dollars,")
        await reached(lambda: not tap.paused, "and what comes then is recorded")
        assert call.call.history.keyed is None
        written = [*call_turns, call.remembered, *caplog.messages, repr(call.exchanges)]
        digits = re.compile(rf"(?<!\d)({PIN}|{' '.join(PIN)})(?!\d)")  # not those of a clock
        assert not [each for each in written if digits.search(each)]
        assert digits.search(f"pin={PIN}")
        assert digits.search(" ".join(PIN))


@pytest.mark.parametrize(
    ("keys", "pressed", "ran"),
    [
        ({"length": 4}, "42#", []),  # too short
        ({"least": 3}, "42715#", ["42715"]),
        ({"least": 3}, "42#", []),
        ({"length": 16, "luhn": True}, "4539578763621486", ["4539578763621486"]),
        ({"length": 16, "luhn": True}, "4539578763621487", []),
        ({"length": 4, "masked": False}, PIN, [PIN]),
    ],
)
async def test_an_entry_has_to_fit(
    tmp_path: Path, clock: Clock, keys: dict[str, Any], pressed: str, ran: list[str]
) -> None:
    tool = balance(**keys)
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        await keyed(call, pressed)
        assert [each["pin"] for each in tool.runs] == ran
        assert (call.spoken[-1] == ASK) == (not ran), "asked once more"


async def test_it_is_asked_so_often_and_said_where_the_owner_lets_it(tmp_path: Path, clock: Clock) -> None:
    tool = balance(length=4, tries=2, masked=False, spoken=True)
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        await keyed(call, "1#")
        await keyed(call, "1#")
        assert "can't take that down" in call.spoken[-1]
        await call.says("I'd like to hear my balance.")
        await call.says("Four two seven one.")
        assert tool.runs == [{"pin": PIN}]


async def test_what_is_said_is_no_entry_where_keys_are_wanted(tmp_path: Path, clock: Clock) -> None:
    tool = balance(length=4)
    async with scripted_call(tmp_path, clock, [], fill=with_tools(tool)) as call:
        await until_asked(call)
        await call.says("Four two seven one.")
        assert (tool.runs, call.spoken[-1]) == ([], ASK)


async def test_what_was_done_is_written_down_without_it() -> None:
    told: list[tuple[str, Mapping[str, Any]]] = []
    tool = ScriptedTool("pay", schema(pin=value(length=4), sum={"type": "string"}))
    box = Toolbox({"pay": tool}, Ledger.in_file(None))
    executor = Executor(box, Context("1", "a"), told=lambda name, values, result: told.append((name, values)))
    await executor.run("pay", {"pin": PIN, "sum": "12"}, committed=True)
    assert (told, tool.runs) == ([("pay", {"sum": "12"})], [{"pin": PIN, "sum": "12"}])


async def test_a_model_neither_asks_for_it_nor_gives_it() -> None:
    tool = balance(length=4)
    executor = Executor(Toolbox({"balance": tool}, Ledger.in_file(None)), Context("1", "bakery"))
    assert "pin" not in str(tool.spec.shown.parameters)
    found = await step([Call("balance", {})], executor, form_words("en"), "en")
    assert (found.say, found.form and found.form.asked, tool.runs) == (ASK, "pin", [])
    (error,) = (await step([Call("balance", {"pin": "1111"})], executor, form_words("en"), "en")).results
    assert "pin is not known" in error
    assert tool.runs == []


async def test_in_writing_digits_are_keys() -> None:
    """Whoever tries an agent in text has no keys to press."""
    agent = AGENT.model_copy(update={"menu": {"1": MenuChoice(say=WHEN[0])}})
    tool = balance(length=4)
    toolbox = Toolbox({"balance": tool}, Ledger.in_file(None))
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent), None, toolbox)
    session = TextSession(policy, None, Limits())
    await session.open()
    said = [(await session.say(each)).text for each in ("1", "42", "4 2 7 1")]
    await session.close()
    assert said == [ASK, ASK, "You have 12 dollars, ."]
    assert tool.runs == [{"pin": PIN}]
    assert [each.caller_text for each in session.history.exchanges] == [WHEN[0], "(2 keys)", "(4 keys)"]


async def test_a_menu(tmp_path: Path, clock: Clock) -> None:
    """A key is a sentence, or goes to a person, at once; where digits are asked for it is one of them."""
    agent = Agent.model_validate(
        {
            "name": "Inn",
            "greeting": "The Inn. For your balance press 1, for a person 0.",
            "menu": {"1": {"say": WHEN[0]}, "0": {"to": "desk"}},
            "tools": {"transfer": {"targets": {"desk": {"name": "the desk"}, "bar": {"name": "the bar"}}}},
        }
    )
    tool = balance(length=4)
    tools = with_tools(tool, *make_tools(agent).tools.values(), agent=agent)
    async with scripted_call(tmp_path, clock, [], fill=tools, agent=agent) as call:
        await keyed(call, "1")
        assert call.exchanges == [(WHEN[0], ASK)]
        await keyed(call, "1001")
        assert tool.runs == [{"pin": "1001"}]
        call.line.presses("0")
        assert await call.ended() == "transfer"
        assert call.line.variables["OFFHOOK_TARGET"] == "desk"
        assert call.spoken[-1] == "One moment, I'll put you through to the desk."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ({"menu": {"12": {"say": "x"}}}, "no key of a menu"),
        ({"menu": {"1": {"say": "x", "to": "desk"}}}, "either say or to"),
        ({"menu": {"1": {"to": "desk"}}}, "no target"),
        (
            {
                "tools": {
                    "a": {
                        "source": "http",
                        "url": "https://a.b",
                        "parameters": {"p": {"keys": {"spoken": True}}},
                    }
                }
            },
            "masked = false",
        ),
        (
            {
                "tools": {
                    "a": {
                        "source": "http",
                        "url": "https://a.b",
                        "parameters": {"p": {"format": "date", "keys": {}}},
                    }
                }
            },
            "leave type, format and enum out",
        ),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(text: dict[str, Any], problem: str) -> None:
    with pytest.raises((ValueError, ConfigError), match=problem):
        Agent.model_validate({"name": "Inn", "greeting": "Hello.", **text})


def test_check_digits() -> None:
    # From the standard's own example, and a card issuer's published test numbers.
    assert [luhn(each) for each in ("79927398713", "4111111111111111", "5555555555554444")] == [True] * 3
    assert not any(luhn(f"7992739871{digit}") for digit in "012456789")
    assert not fits("12*4", {"length": 4})
