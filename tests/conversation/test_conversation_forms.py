"""Forms: what callers say to them becomes values, corrections, questions in between, and one request at the
end.

Above 400 lines because its conversations are written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from offhook.agents.loader import Agent, load_agent
from offhook.conversation.forms.slots import Hearing, Open, Slot, Value, refuses
from offhook.conversation.forms.values import read
from offhook.conversation.forms.words import form_words
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits
from offhook.engines.pool import load_knowledge_models
from offhook.errors import ToolError
from offhook.knowledge.acts import ActGuess
from offhook.knowledge.store import Knowledge, Ranking
from offhook.languages import language
from offhook.tools.base import Option, Phrases, Refusal, Tool, ToolResult
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Origin, make_tools
from tests.support.engines.engines import PlainTemplate
from tests.support.tools import ScriptedTool, schema

NOW = datetime(2026, 4, 7, 10, 0, tzinfo=ZoneInfo("Europe/Vienna"))  # a Tuesday


def heard(kind: Mapping[str, Any], text: str, *, asked: bool = True, code: str = "en") -> Any:
    options = tuple(Option(value) for value in kind.get("enum", ()))
    slot = Slot(kind.get("name", "value"), kind, options)
    hearing = Hearing(text, language(code), form_words(code), NOW, code)
    found = read(slot, hearing, asked=asked, known={})
    return found.value if isinstance(found, Value) else found.question if isinstance(found, Open) else None


DAY, TIME, PHONE, NAME = {"format": "date"}, {"format": "time"}, {"format": "phone"}, {"format": "name"}
FREE = {**TIME, "enum": ["09:00", "14:30", "16:00"]}
FREE_DAYS = {**DAY, "enum": ["2026-04-10", "2026-04-13"]}
SIZE = {"enum": ["small", "large", "extra large"]}
ROOMS = {"type": "integer", "name": "nights", "minimum": 1, "maximum": 30}
CARD = {"format": "digits", "name": "card_number"}


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (DAY, "Thursday would be fine", "2026-04-09"),
        (DAY, "on the third of May", "2026-05-03"),
        (DAY, "I don't mind", None),
        (TIME, "at half past two in the afternoon", "14:30"),
        (TIME, "quarter to six in the morning", "05:45"),
        (TIME, "at three", "Do you mean 3 AM or 3 PM?"),
        ({"enum": ["single", "double"]}, "two doubles", "double"),
        ({**TIME, "x-hours": "08:00-18:00"}, "at three", "15:00"),
        (FREE, "at half past two", "14:30"),
        (FREE, "the second one, please", "14:30"),
        (FREE, "at four, no, nine", "09:00"),
        (FREE, "at half past three", "15:30"),
        (FREE_DAYS, "Friday", "2026-04-10"),
        (FREE_DAYS, "the second one", "2026-04-13"),
        (FREE_DAYS, "rather on the fifteenth", "2026-04-15"),
        (PHONE, "it's five five five, oh one double seven", "5550177"),
        (PHONE, "+43 660 123456 please", "+43660123456"),
        (PHONE, "later", None),
        (NAME, "My name is Ada Quill.", "Ada Quill"),
        (NAME, "Quil, Q-U-I-L-L", "Quill"),
        (NAME, "it's ben okafor", "Ben Okafor"),
        (NAME, "Why do you need that?", None),
        (NAME, "December fifth.", None),
        (SIZE, "The large one, please", "large"),
        (SIZE, "small, no wait, extra large", "extra large"),
        (SIZE, "the first one", "small"),
        (SIZE, "medium", None),
        (ROOMS, "Three", 3),
        (ROOMS, "just twenty-one nights", 21),
        (ROOMS, "ninety", None),
        (CARD, "It's two nine four four, zero one", "294401"),
        (CARD, "Q, four four oh", "Q440"),
        ({"format": "email"}, "ann dot lee 7 at example dot org", "ann.lee7@example.org"),
        ({"format": "words"}, "Tell her the door is stuck.", "Tell her the door is stuck."),
        ({"type": "string"}, "It's a blue Ford, please.", "blue Ford"),
        ({"type": "boolean"}, "yes", True),
        ({"type": "boolean"}, "no, thanks", False),
    ],
)
def test_values_that_were_asked_for(kind: Mapping[str, Any], text: str, value: Any) -> None:
    assert heard(kind, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (DAY, "Could we come on Friday?", "2026-04-10"),
        (NAME, "I'd like a table. My name is Ada Quill.", "Ada Quill"),
        (NAME, "I'd like a table on Friday.", None),
        (PHONE, "I have 12 people", None),
        (ROOMS, "a room for three nights from May 2", 3),
        (ROOMS, "a room for 12 people", None),
        (CARD, "my card number is 2944 01", "294401"),
        (CARD, "call me on 2944 01", None),
        ({"type": "string"}, "I have a blue Ford", None),
        (SIZE, "I'd like a large one", "large"),
        ({"format": "words"}, "A message, please.", None),
    ],
)
def test_values_that_nobody_asked_for(kind: Mapping[str, Any], text: str, value: Any) -> None:
    assert heard(kind, text, asked=False) == value


@pytest.mark.parametrize(
    ("code", "kind", "text", "value"),
    [
        ("de", DAY, "am Donnerstag", "2026-04-09"),
        ("de", TIME, "um halb drei am Nachmittag", "14:30"),
        ("de", NAME, "Ich heiße Ada Berger", "Ada Berger"),
        ("es", DAY, "el jueves", "2026-04-09"),
        ("es", {"enum": ["corte", "tinte"]}, "un tinte, por favor", "tinte"),
        ("fr", {"enum": ["coupe", "couleur"]}, "une couleur s'il vous plaît", "couleur"),
    ],
)
def test_other_languages(code: str, kind: Mapping[str, Any], text: str, value: Any) -> None:
    assert heard(kind, text, code=code) == value


# --- whole conversations ---------------------------------------------------------------------------

VISIT = schema(
    day={"format": "date", "x-ask": "Which day?"},
    name={"format": "name", "x-ask": "Your name?"},
    size={"enum": ["small", "large"], "x-ask": "Small or large?"},
)
WHEN = ("I'd like to book a table",)
FACTS = ["We close at ten in the evening.", "A table for two is by the window."]


async def talk(tools: Sequence[Tool], *said: str, facts: Sequence[str] = FACTS) -> list[str]:
    """The answers; without a network, words alone tell what is wanted."""
    agent = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "facts": list(facts)})
    toolbox = Toolbox({tool.spec.name: tool for tool in tools}, Ledger.in_file(None))
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent), None, toolbox)
    session = TextSession(policy, None, Limits(), NOW)
    await session.open()
    answers = [(await session.say(words)).text for words in said]
    await session.close()
    return answers


def table(**options: Any) -> ScriptedTool:
    return ScriptedTool("book", VISIT, when=WHEN, **options)


RIGHT = {"day": "2026-04-09", "name": "Ada Quill", "size": "large"}


async def test_a_form_from_the_first_word_to_the_effect() -> None:
    tool = table(phrases=Phrases(done="Booked for {name}, {result.no}."), answers=[ToolResult({"no": 8})])
    answers = await talk(
        [tool],
        "I'd like to book a table.",
        "On Thursday.",
        "Ada Quill.",
        "When do you close?",
        "A large one.",
        "No, Friday.",
        "No, on Thursday after all.",
        "Yes, please.",
    )
    assert answers[:3] == ["Which day?", "Your name?", "Small or large?"]
    assert answers[3] == "We close at ten in the evening. Small or large?"
    assert answers[4] == "I have: Thursday, April 9, Ada Quill, large. Is that right?"
    assert "Friday, April 10" in answers[5]
    assert answers[6] == answers[4]
    assert answers[7] == "Booked for Ada Quill, 8."
    assert tool.runs == [RIGHT]


@pytest.mark.parametrize(
    ("last", "runs"), [("Never mind.", 0), ("No.", 0), ("What?", 0), ("Hmm.", 0), ("Yes.", 1)]
)
async def test_nothing_is_done_without_a_yes(last: str, runs: int) -> None:
    tool = table()
    opening = "I'd like to book a table on Thursday, a large one. My name is Ada Quill."
    answers = await talk([tool], opening, last)
    assert answers[0].startswith("I have: Thursday")
    assert len(tool.runs) == runs


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ToolError("gone", sent=False), "nothing was changed"),
        (ToolError("gone"), "can't tell whether"),
        (ToolResult("full", "We are full.", ok=False), "We are full."),
        (ToolResult("x", "It's yours."), "It's yours."),
    ],
)
async def test_what_came_of_it_is_said_as_it_is(answer: ToolResult | Exception, says: str) -> None:
    opening = "I'd like to book a table on Thursday, a large one. My name is Ada Quill."
    assert says in (await talk([table(answers=[answer])], opening, "Yes."))[-1]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("Two tables are **free** on Thursday.", "Two tables are free on Thursday."),
        ("<p>Two are free.</p>", "Two are free."),
        (2, "2."),
        ({"free": 2}, "I'm sorry, I don't know that."),
        ([], "I'm sorry, I don't know that."),
        (None, "I'm sorry, I don't know that."),
        (True, "I'm sorry, I don't know that."),
        ("...", "I'm sorry, I don't know that."),
        ("x " * 400, "I'm sorry, I don't know that."),
    ],
)
async def test_what_was_looked_up_is_said_where_no_words_are_given_for_it(value: Any, says: str) -> None:
    tool = table(effect="reads", answers=[ToolResult(value)])
    opening = "I'd like to book a table on Thursday, a large one. My name is Ada Quill."
    assert (await talk([tool], opening))[-1] == says


@pytest.mark.parametrize("taken_back", [True, False])
async def test_who_speaks_before_they_hear_of_it_is_told_and_nothing_is_done_twice(taken_back: bool) -> None:
    tool = table(phrases=Phrases(done="Booked for {name}."))
    agent = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "facts": FACTS})
    toolbox = Toolbox({"book": tool}, Ledger.in_file(None))
    session = TextSession(
        Grounded(agent, PlainTemplate(), Knowledge(agent), None, toolbox), None, Limits(), NOW
    )
    await session.open()
    await session.say("I'd like to book a table on Thursday, a large one. My name is Ada Quill.")
    await session.say("Yes.")
    told = session.history.exchanges.pop()
    if not taken_back:  # it was begun to be said, and cut off
        session.history.add(replace(told, audible_text="Boo"))
    assert (await session.say("No, wait, a small one.")).text == "Booked for Ada Quill."
    assert tool.runs == [RIGHT]
    await session.close()


@pytest.mark.parametrize(
    ("code", "ask", "said", "taken"),
    [
        ("en", "What is it about?", "No!", False),
        ("en", "What is it about?", "No, no, no.", False),
        ("en", "What is it about?", "That's wrong.", False),
        ("en", "Tell me what is broken.", "no that's not what I said", False),
        ("en", "Is there anything we should know?", "No, no!", False),
        ("en", "Is there anything we should know?", "No.", True),  # an answer like any other
        ("en", "What is it about?", "No hot water.", True),
        ("en", "What is it about?", "The bill is wrong.", True),
        ("de", "Worum geht es?", "Nein, das ist falsch!", False),
        ("de", "Worum geht es?", "Nicht da gewesen ist keiner.", True),
        ("es", "¿De qué se trata?", "¡No, no es eso!", False),
        ("fr", "De quoi s'agit-il ?", "Non, c'est pas ça.", False),
    ],
)
def test_a_no_is_no_answer_to_a_question_that_wants_words(
    code: str, ask: str, said: str, taken: bool
) -> None:
    hearing = Hearing(said, language(code), form_words(code), NOW, code)
    assert refuses(Slot("about", {"format": "words", "x-ask": ask}), hearing) is not taken
    assert not refuses(Slot("sure", {"type": "boolean", "x-ask": ask}), hearing)


async def test_who_says_no_to_a_question_is_asked_what_to_change() -> None:
    about = schema(
        day={"format": "date", "x-ask": "Which day?"}, about={"format": "words", "x-ask": "About what?"}
    )
    tool = ScriptedTool("book", about, when=WHEN)
    answers = await talk(
        [tool],
        *("I'd like to book a table on Thursday.", "No! That's wrong!", "Friday.", "A birthday.", "Yes."),
    )
    assert answers[:3] == ["About what?", "What shall I change?", "About what?"]
    assert tool.runs == [{"day": "2026-04-10", "about": "A birthday."}]
    # Where nothing could be wrong yet, the question comes again; and a yes is none to half of a form.
    tool = ScriptedTool("tell", schema(about={"format": "words", "x-ask": "About what?"}), when=WHEN)
    assert (await talk([tool], "I'd like to book a table.", "No, no!"))[1] == "About what?"
    tool = ScriptedTool("book", about, when=WHEN)
    answers = await talk([tool], "I'd like to book a table on Thursday.", "No!", "Yes.")
    assert answers[2] == "About what?"
    assert tool.runs == []


async def test_a_look_up_in_the_middle_of_a_form_and_the_form_goes_on() -> None:
    look = ScriptedTool(
        "water",
        schema(),
        effect="reads",
        when=("How warm is the water today?",),
        phrases=Phrases(done="It has {result} degrees."),
        answers=[ToolResult(19)],
    )
    tool = table()
    opening = "I'd like to book a table on Thursday, a large one. My name is Ada Quill."
    answers = await talk([tool, look], opening, "How warm is the water today?", "Yes.")
    assert answers[1] == f"It has 19 degrees. {answers[0]}"
    assert (tool.runs, look.runs) == ([RIGHT], [{}])


@pytest.mark.parametrize(
    ("said", "act"),
    [
        ("Tell me what I have ordered.", "form"),  # their own number would be read back
        ("Here's my reading.", "form"),  # they would be given time
        ("When is my appointment?", "form"),  # it asks
        ("What number have I given you?", "unknown"),  # nobody wrote that down
    ],
)
async def test_what_an_owner_wrote_down_begins_their_tool_whatever_it_sounds_like(
    said: str, act: str
) -> None:
    when = ("Tell me what I have ordered", "Here's my reading", "When is my appointment?")
    tool = ScriptedTool("file", schema(reference={"type": "string", "format": "digits"}), when=when)
    toolbox = Toolbox({"file": tool}, Ledger.in_file(None))
    agent = Agent.model_validate({"name": "Mill", "greeting": "Hello.", "facts": list(FACTS)})
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent, load_knowledge_models()), None, toolbox)
    policy.prepare()
    session = TextSession(policy, None, Limits(), NOW)
    await session.open()
    assert (await session.say(said)).act == act
    await session.close()


@pytest.fixture(scope="module")
def shop() -> Any:
    """The shipped one, with the embedded networks; what it orders goes nowhere."""
    models = load_knowledge_models()
    assert models is not None
    agent = load_agent("shop")
    made = make_tools(agent, Origin(database="sqlite://"))
    toolbox = Toolbox(made.tools, Ledger.in_file(None))
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent, models), None, toolbox)
    policy.prepare()
    return policy


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("How much is that?", "The steel kettle costs $29."),  # of what is being ordered
        ("and what do they cost", "The steel kettle costs $29."),
        ("is delivery free", "From $80 on it is free."),  # though "delivery" would be a value
        ("do you sharpen knives", "Knives are sharpened"),
        ("How much is the copper pan?", "The copper pan costs $85"),
        ("who owns your shop", "I'm sorry, I don't know that."),
    ],
)
async def test_a_question_in_the_middle_of_a_form_is_answered_and_the_form_goes_on(
    asked: str, told: str, shop: Grounded
) -> None:
    session = TextSession(shop, None, Limits(), NOW)
    await session.open()
    question = (await session.say("I'd like to order two kettles.")).text
    answer = await session.say(asked)
    assert answer.text.startswith(told)
    assert answer.text.endswith(question)
    assert answer.form is not None
    assert answer.form.values == {"article": "steel kettle", "quantity": 2}
    await session.close()


async def test_with_whom_is_no_name_of_the_callers() -> None:
    doctors = {"enum": ["Doctor Chen", "Doctor Lopez"], "x-lead": "with|by"}
    tool = ScriptedTool(
        "book", schema(name={"format": "name"}, doctor=doctors), when=("I'd like to come in",)
    )
    answers = await talk([tool], "I'd like to come in.", "With Doctor Chen.", "Anna Miller.")
    assert "Doctor Chen" in answers[2]
    assert "Anna Miller" in answers[2]


async def test_what_is_counted_may_be_one_of_the_choices() -> None:
    boats = schema(kind={"enum": ["single", "double"]}, count={"type": "integer", "minimum": 1})
    tool = ScriptedTool("rent", boats, when=("I'd like to rent a boat",))
    await talk([tool], "I'd like to rent a boat, no, two doubles.", "Yes.")
    assert tool.runs == [{"kind": "double", "count": 2}]


async def test_what_is_not_free_is_asked_for_again() -> None:
    tool = table()
    tool.refuses["2026-04-09"] = Refusal("day", "Thursday is full; Friday or Saturday?")
    answers = await talk(
        [tool], "I'd like to book a table on Thursday, a large one. My name is Ada Quill.", "Friday.", "Yes."
    )
    assert answers[0] == "Thursday is full; Friday or Saturday?"
    assert tool.runs == [{**RIGHT, "day": "2026-04-10"}]


async def test_only_what_is_there_now_can_be_chosen() -> None:
    tool = ScriptedTool("book", schema(slot={"x-ask": "Nine or ten?"}), when=WHEN)
    tool.free = {"slot": [Option("s-17", "nine"), Option("s-18", "ten")]}
    answers = await talk([tool], "I'd like to book a table.", "At eight.", "Ten, please.", "Yes.")
    assert answers[:2] == ["Nine or ten?", "Nine or ten?"]
    assert tool.runs == [{"slot": "s-18"}]


async def test_who_is_not_understood_is_not_kept() -> None:
    answers = await talk([table()], "I'd like to book a table.", *["Hmm, well."] * 4, "Hmm, well.")
    assert answers[:4] == ["Which day?"] * 4
    assert "Let's leave it" in answers[4]
    assert "Which day" not in answers[5]


async def test_a_second_day_comes_behind_the_first() -> None:
    stay = schema(first={"format": "date", "x-ask": "From?"}, last={"format": "date", "x-ask": "Until?"})
    for said in (
        ["I'd like to book a table from Friday until Monday."],
        ["I'd like to book a table.", "From Friday.", "Until Monday."],
    ):
        tool = ScriptedTool("stay", stay, when=WHEN)
        await talk([tool], *said, "Yes.")
        assert tool.runs == [{"first": "2026-04-10", "last": "2026-04-13"}]


def transfer(**more: Any) -> list[Tool]:
    targets = {"desk": {"name": "the front desk", "default": True}, "anna": {"name": "Anna Berg"}}
    entry = {"targets": targets, "when": ["Put me through to somebody"], **more}
    agent = {"name": "Inn", "greeting": "Hello.", "tools": {"transfer": entry}}
    return list(make_tools(Agent.model_validate(agent)).tools.values())


@pytest.mark.parametrize(
    ("said", "kind", "target"),
    [
        ("I want a person.", "transfer", "desk"),
        ("Could I wait in line for somebody?", "queue", "all"),
    ],
)
async def test_of_several_ways_to_a_person_the_one_they_ask_for_is_taken(
    said: str, kind: str, target: str
) -> None:
    class Asking(Knowledge):
        def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
            return Ranking((), ActGuess("person", 0.9))

    queue = {"targets": {"all": {"name": "the next free one"}}, "when": ["Let me wait in line"]}
    desk = {"targets": {"desk": {"name": "the front desk", "default": True}}, "when": ["I want a person"]}
    tools = {"transfer": desk, "queue": queue}
    agent = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "tools": tools})
    made = {tool.spec.name: tool for tool in make_tools(agent).tools.values()}
    policy = Grounded(agent, PlainTemplate(), Asking(agent), None, Toolbox(made, Ledger.in_file(None)))
    session = TextSession(policy, None, Limits(), NOW)
    await session.open()
    action = (await session.say(said)).action
    assert action is not None
    assert (action.kind, action.target) == (kind, target)
    await session.close()


async def test_the_line_goes_to_whom_they_name() -> None:
    agent = Agent.model_validate({"name": "Inn", "greeting": "Hello.", "facts": FACTS})
    tools = {tool.spec.name: tool for tool in transfer()}
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent), None, Toolbox(tools, Ledger.in_file(None)))
    session = TextSession(policy, None, Limits(), NOW)
    await session.open()
    answer = await session.say("Put me through to somebody, to Anna Berg please.")
    assert answer.text == "One moment, I'll put you through to Anna Berg."
    assert answer.action is not None
    assert (answer.action.kind, answer.action.target, answer.ends_call) == ("transfer", "anna", True)
    await session.close()
