"""Tools with a model that converses: it chooses, the caller says yes, and nothing of a call is ever
spoken."""

from __future__ import annotations

import json
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.policies.chat import Chat
from offhook.conversation.session import Answer, TextSession
from offhook.engines.llm.base import Limits, Mark
from offhook.knowledge.store import Knowledge
from offhook.tools.base import Option, Phrases, Tool, ToolResult
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from tests.support.engines.engines import PlainTemplate, ScriptedConversation
from tests.support.tools import ScriptedTool, schema

NOW = datetime(2026, 4, 7, 10, 0, tzinfo=ZoneInfo("Europe/Vienna"))
AGENT = Agent.model_validate({"name": "Inn", "greeting": "Hello."})


def call(name: str, **arguments: Any) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


class Talk:
    """A conversation with a model that writes what the test says."""

    def __init__(self, answers: list[list[str]], *tools: Tool) -> None:
        self.conversation = ScriptedConversation(answers)
        self.conversation.start = Mark(0)
        toolbox = Toolbox({tool.spec.name: tool for tool in tools}, Ledger.in_file(None))
        policy = Chat(AGENT, PlainTemplate(), Knowledge(AGENT), toolbox=toolbox)
        model = SimpleNamespace(conversation=self._open)
        self.session = TextSession(policy, cast(Any, model), Limits(), NOW)

    async def _open(self, prefix: Any) -> ScriptedConversation:
        return self.conversation

    async def says(self, *said: str) -> list[Answer]:
        await self.session.open()
        answers = [await self.session.say(words) for words in said]
        await self.session.close()
        return answers


def book(**options: Any) -> ScriptedTool:
    values = schema(day={"type": "string", "format": "date"}, people={"type": "integer", "minimum": 1})
    return ScriptedTool("book", values, phrases=Phrases(done="Booked."), **options)


async def test_a_look_up_is_made_and_its_result_goes_back() -> None:
    tool = ScriptedTool(
        "hours", schema(day={"type": "string"}), effect="reads", answers=[ToolResult({"until": "nine"})]
    )
    talk = Talk([["One second. ", call("hours", day="Friday")], ["Until nine."]], tool)
    (answer,) = await talk.says("Until when are you open on Friday?")
    assert answer.text == "One second. Until nine."
    assert tool.runs == [{"day": "Friday"}]
    assert '{"until": "nine"}' not in talk.conversation.text, "only what was said is remembered"


async def test_a_write_is_read_back_by_code_and_done_after_a_yes() -> None:
    tool = book()
    talk = Talk([[call("book", day="2026-04-09", people="4")]], tool)
    first, second = await talk.says("A table for four on Thursday.", "Yes, please.")
    assert first.text == "I have: Thursday, April 9, 4. Is that right?"
    assert (second.text, tool.runs) == ("Booked.", [{"day": "2026-04-09", "people": 4}])


async def test_what_is_done_is_not_asked_for_again() -> None:
    tool = book()
    again = call("book", day="2026-04-09", people=4)
    talk = Talk([[again], [again], ["It is in the book."]], tool)
    said = ("A table for four on Thursday.", "Yes, please.", "Is that in your book now?")
    *_, last = await talk.says(*said)
    assert (last.text, last.form) == ("It is in the book.", None)
    assert len(tool.runs) == 1


async def test_what_was_booked_is_done_though_it_is_free_no_longer() -> None:
    tool = ScriptedTool("take", schema(slot={"type": "string"}), phrases=Phrases(done="Booked."))
    tool.free = {"slot": [Option("s-17", "nine")]}
    again = call("take", slot="s-17")
    talk = Talk([[again], [again], ["It is yours."]], tool)
    await talk.session.open()
    await talk.session.say("At nine.")
    await talk.session.say("Yes.")
    tool.free = {"slot": [Option("s-18", "ten")]}
    last = await talk.session.say("Have I got it?")
    await talk.session.close()
    assert last.text == "It is yours."
    assert "none of" not in talk.conversation.text


@pytest.mark.parametrize("then", ["No, that's wrong.", "What is that about?", "Never mind."])
async def test_without_a_yes_nothing_is_done(then: str) -> None:
    tool = book()
    talk = Talk([[call("book", day="2026-04-09", people=4)], ["All right."]], tool)
    await talk.says("A table for four on Thursday.", then)
    assert tool.runs == []


async def test_a_change_is_read_back_without_the_model() -> None:
    tool = book()
    talk = Talk([[call("book", day="2026-04-09", people=4)]], tool)
    answers = await talk.says("A table for four on Thursday.", "No, on Friday.", "Yes.")
    assert answers[1].text == "I have: Friday, April 10, 4. Is that right?"
    assert tool.runs == [{"day": "2026-04-10", "people": 4}]


@pytest.mark.parametrize(
    "wrong",
    [
        call("book", day="2026-04-09"),
        call("book", day="2026-04-09", people=0),
        call("book", day="2026-04-09", people=4, id="x"),
    ],
)
async def test_a_call_that_does_not_fit_is_told_to_the_model(wrong: str) -> None:
    tool = book()
    talk = Talk([[wrong], ["For how many?"]], tool)
    (answer,) = await talk.says("A table on Thursday.")
    assert (answer.text, tool.runs) == ("For how many?", [])


async def test_ids_are_never_the_models_own() -> None:
    tool = ScriptedTool("take", schema(slot={"type": "string"}))
    tool.free = {"slot": [Option("s-17", "nine")]}
    talk = Talk([[call("take", slot="s-99")], ["Nine is free."]], tool)
    (answer,) = await talk.says("At eight, please.")
    assert (answer.text, tool.runs) == ("Nine is free.", [])


async def test_a_model_that_goes_in_circles_is_stopped() -> None:
    tool = ScriptedTool("hours", schema(day={"type": "string"}), effect="reads")
    talk = Talk([[call("hours", day=str(number))] for number in range(20)], tool)
    (answer,) = await talk.says("When?")
    assert answer.text == AGENT.unclear
    assert len(tool.runs) <= 4
