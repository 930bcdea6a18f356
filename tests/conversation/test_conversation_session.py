"""A conversation in writing takes the way of a call."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.base import Policy
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import TextSession
from offhook.engines.llm.base import Limits, Mark
from offhook.errors import ModelError
from offhook.knowledge.store import Knowledge
from tests.support.engines.engines import PlainTemplate, ScriptedConversation

AGENT = Agent(
    name="Jetty Kayaks",
    greeting="Jetty Kayaks, hello.",
    goodbye="Happy paddling, goodbye.",
    facts=("The desk is on the jetty.",),
)
Answers = list[list[str | Exception]]


class ScriptedModel:
    """Begins the one conversation that a test has written."""

    def __init__(self, conversation: ScriptedConversation) -> None:
        self._conversation = conversation

    async def conversation(self, prefix: tuple[str, ...]) -> ScriptedConversation:
        self._conversation.text += prefix
        self._conversation.start = Mark(len(prefix))
        return self._conversation


Begin = Callable[..., Any]


@pytest.fixture
async def begin() -> AsyncIterator[Begin]:
    """Opens a session whose model writes the given answers; gives it with the model's conversation."""
    opened: list[TextSession] = []

    async def begin(answers: Answers, kind: type[Chat] = Chat) -> tuple[TextSession, ScriptedConversation]:
        conversation = ScriptedConversation(answers)
        policy: Policy = kind(AGENT, PlainTemplate(), Knowledge(AGENT))
        session = TextSession(policy, cast(Any, ScriptedModel(conversation)), Limits(max_tokens=10))
        await session.open()
        opened.append(session)
        return session, conversation

    yield begin
    for session in opened:
        await session.close()
        await session.close()


def said(conversation: ScriptedConversation) -> str:
    """All behind the prefix."""
    return "".join(conversation.text[conversation.start.tokens :])


async def test_the_answer_as_the_caller_would_hear_it(begin: Begin) -> None:
    session, conversation = await begin([["<think>Boats.</think>We have ", "both. **Singles** are $12."]])
    answer = await session.say("Which boats do you have?")
    assert answer.text == "We have both. Singles are $12."
    assert (answer.act, answer.facts, answer.ends_call) == ("generated", (), False)
    assert 0 < answer.first_ms <= answer.total_ms
    greeted = "".join(Chat(AGENT, PlainTemplate(), Knowledge(AGENT)).prompt(AGENT.greeting, first=True))
    assert said(conversation) == (
        f"{greeted}<user>Which boats do you have?<agent>We have both. Singles are $12.<end>"
    ), "the model remembers what was heard, no thought and no markup"


async def test_turns_follow_each_other(begin: Begin) -> None:
    session, conversation = await begin([["Two kinds."], ["Yes."]])
    await session.say("Which boats do you have?")
    await session.say("Really?")
    assert said(conversation).count(AGENT.greeting) == 1
    assert said(conversation).endswith("<agent>Two kinds.<end><user>Really?<agent>Yes.<end>")
    assert [each.caller_text for each in session.history.exchanges] == ["Which boats do you have?", "Really?"]
    assert [each.audible_text for each in session.history.exchanges] == ["Two kinds.", "Yes."]


async def test_a_farewell_asks_no_model(begin: Begin) -> None:
    session, conversation = await begin([])
    answer = await session.say("Goodbye.")
    assert (answer.text, answer.act, answer.ends_call) == (AGENT.goodbye, "farewell", True)
    assert said(conversation).endswith(f"<user>Goodbye.<agent>{AGENT.goodbye}<end>")


@pytest.mark.parametrize(
    ("written", "text", "ends"),
    [
        ("Enjoy the water. [end_call]", "Enjoy the water.", True),
        ("Is that all? [end_call]", "Is that all?", False),
        ("[end_call]", AGENT.goodbye, True),
        ("***", AGENT.unclear, False),
    ],
)
async def test_the_model_may_end_the_call_but_not_with_a_question(
    begin: Begin, written: str, text: str, ends: bool
) -> None:
    session, _ = await begin([[written]])
    answer = await session.say("I have all I need.")
    assert (answer.text, answer.ends_call) == (text, ends)


async def test_a_long_conversation_goes_on(begin: Begin) -> None:
    session, conversation = await begin([[f"Answer {number}."] for number in range(40)])
    conversation.tokens_limit = 10 + 256 + 40
    for number in range(40):
        assert (await session.say(f"Remark {number}.")).text == f"Answer {number}."
        assert conversation.tokens_used < conversation.tokens_limit
    assert "Remark 39." in said(conversation)
    assert conversation.text[0].startswith("<system>")


async def test_a_model_that_fails_is_an_error(begin: Begin) -> None:
    session, _ = await begin([[ModelError("out of order")]])
    with pytest.raises(ModelError, match="out of order"):
        await session.say("Which boats do you have?")


async def test_a_policy_that_knows_every_answer_needs_no_model() -> None:
    session = TextSession(Grounded(AGENT, PlainTemplate(), Knowledge(AGENT)), None, Limits())
    await session.open()
    answer = await session.say("Where is the desk?")
    assert (answer.text, answer.act, answer.facts) == ("The desk is on the jetty.", "facts", (0,))
    assert answer.first_ms > 0
    assert (await session.say("Bye.")).ends_call
    await session.close()
