"""An angry caller is offered a person, once; only their yes hands over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
from pydantic import ValidationError

from offhook.agents.loader import Agent
from offhook.conversation.forms.offer import Offer
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import Grounded
from offhook.conversation.session import Answer, TextSession
from offhook.engines.llm.base import Limits, Mark
from offhook.knowledge.acts import ActGuess
from offhook.knowledge.items import Item
from offhook.knowledge.moods import Mood
from offhook.knowledge.store import Candidate, Ranking
from offhook.languages import language
from offhook.tools.executor import Toolbox
from offhook.tools.ledger import Ledger
from offhook.tools.registry import Origin, make_tools
from tests.support.engines.engines import PlainTemplate, ScriptedConversation

DESK = "Shall I put you through to the front desk?"
SORRY = "I'm sorry about all this."
TRANSFER = {
    "targets": {"desk": {"name": "the front desk", "default": True}, "anna": {"name": "Anna Berg"}},
    "when": ["Put me through to somebody"],
}
TOOLS: dict[str, Any] = {"transfer": TRANSFER, "message": {}}


def agent(offer: str = "desk", code: str = "en", **more: Any) -> Agent:
    return Agent.model_validate(
        {
            "name": "Ferry Office",
            "greeting": "Ferry Office, hello.",
            "language": code,
            "unknown": "I don't know.",
            "otherwise": "I see.",
            "facts": ["The last ferry goes at nine."],
            "tools": TOOLS,
            "escalation": {"offer": offer, **more},
        }
    )


class Moods:
    """Knows how each turn sounds, as a test says: a mark in front of the words."""

    networks = None
    stated = 1

    def __init__(self) -> None:
        self.items = (Item(0, "The last ferry goes at nine.", (slice(0, 28),)),)  # type: ignore[arg-type]

    def prepare(self) -> None: ...

    def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
        mood: Mood = "angry" if "!" in question else "neutral"
        anger = 1.0 if mood == "angry" else 0.1 if "again" in question else -5.0
        asked = "ferry" in question
        found = (Candidate(self.items[0], 4.0, (1.0,)),) if asked else ()
        return Ranking(
            found, ActGuess("farewell" if "bye" in question else "other", 0.9), mood=mood, anger=anger
        )


async def talk(made: Agent, *said: str, tmp: Any, chat: bool = False) -> tuple[list[Answer], TextSession]:
    tools = make_tools(made, Origin(database=f"sqlite:///{tmp}/box.db"))
    assert not tools.problems
    box = Toolbox(tools.tools, Ledger.in_file(None))
    conversation = ScriptedConversation([["As I said."] for _ in said])
    conversation.start = Mark(0)

    class Model:
        async def conversation(self, prefix: Any) -> ScriptedConversation:
            return conversation

    knowledge = cast(Any, Moods())
    policy = (
        Chat(made, PlainTemplate(), knowledge, toolbox=box)
        if chat
        else Grounded(made, PlainTemplate(), knowledge, None, box)
    )
    session = TextSession(policy, cast(Any, Model()) if chat else None, Limits(), caller="+441134960000")
    await session.open()
    answers = [await session.say(words) for words in said]
    await session.close()
    await tools.close()
    return answers, session


@pytest.mark.parametrize("chat", [False, True])
async def test_twice_angry_is_offered_a_person_and_yes_hands_over(tmp_path: Any, chat: bool) -> None:
    said = ("You fools!", "When does it go?", "Useless!", "Yes, please.")
    answers, session = await talk(agent(), *said, tmp=tmp_path, chat=chat)
    assert [each.text.endswith("?") for each in answers] == [False, False, True, False]
    assert answers[2].text == f"{SORRY} {DESK}"
    assert answers[2].act == "offer"
    assert answers[3].action is not None
    assert (answers[3].action.kind, answers[3].action.target) == ("transfer", "desk")
    assert [each.mood for each in session.history.exchanges] == ["angry", "neutral", "angry", "neutral"]


@pytest.mark.parametrize("chat", [False, True])
async def test_two_turns_that_are_angry_only_together_count_as_two(tmp_path: Any, chat: bool) -> None:
    said = ("Not again.", "Why does it go?", "Late again.", "Wrong again.")
    answers, session = await talk(agent(), *said, tmp=tmp_path, chat=chat)
    assert [DESK in each.text for each in answers] == [False, False, False, True]
    assert [each.mood for each in session.history.exchanges] == ["neutral", "neutral", "neutral", "angry"]


@pytest.mark.parametrize("chat", [False, True])
@pytest.mark.parametrize("then", ["No, thanks.", "When does the ferry go?", "What a mess!", "Bye."])
async def test_without_a_yes_nobody_is_handed_over_and_it_is_offered_once(
    tmp_path: Any, chat: bool, then: str
) -> None:
    made = agent(after=1)
    answers, _ = await talk(made, "Useless!", then, "Useless!", "Yes.", tmp=tmp_path, chat=chat)
    assert [DESK in each.text for each in answers] == [True, False, False, False]
    assert all(each.action is None for each in answers)


async def test_what_was_asked_is_answered_first(tmp_path: Any) -> None:
    (answer,), _ = await talk(agent(after=1), "When does the ferry go, damn it!", tmp=tmp_path)
    assert answer.text == f"The last ferry goes at nine. {SORRY} {DESK}"


async def test_a_form_that_was_open_goes_on_after_a_no_and_ends_with_a_yes(tmp_path: Any) -> None:
    asked = ("I'd like to leave a message.", "The deck is filthy!", "No.")
    answers, session = await talk(agent(after=1), *asked, tmp=tmp_path)
    assert answers[1].text == f"{SORRY} {DESK}", "in place of the form's next question"
    assert answers[2].text == "What is your name, please?"
    assert session.history.form is not None
    assert session.history.form.values["message"] == "The deck is filthy!"
    answers, session = await talk(agent(after=1), *asked[:2], "Yes.", tmp=tmp_path)
    assert answers[2].action is not None
    assert session.history.form is None


async def test_a_message_can_be_offered_and_its_questions_follow_the_yes(tmp_path: Any) -> None:
    answers, _ = await talk(agent("message", after=1), "Useless!", "Yes.", tmp=tmp_path)
    assert answers[0].text == language("en").phrases.offer_message
    assert answers[1].form is not None
    assert (answers[1].form.tool, answers[1].form.asked) == ("message", "message")
    assert answers[1].request is None


@pytest.mark.parametrize(
    ("code", "yes"), [("en", "Yes."), ("de", "Ja, bitte."), ("es", "Sí, por favor."), ("fr", "Oui, merci.")]
)
async def test_each_language_has_the_question(tmp_path: Any, code: str, yes: str) -> None:
    answers, _ = await talk(agent(code=code, after=1), "Nein!", yes, tmp=tmp_path)
    assert answers[0].text == language(code).phrases.offer_person.format(name="the front desk")
    assert answers[1].action is not None
    assert answers[1].action.target == "desk"


async def test_the_owners_own_question(tmp_path: Any) -> None:
    made = agent(after=1, say="Shall {name} call you?")
    (answer,), _ = await talk(made, "Useless!", tmp=tmp_path)
    assert answer.text == "Shall the front desk call you?"


@pytest.mark.parametrize(
    ("audible", "cut_short"), [("", True), (SORRY, True), (f"{SORRY} Shall I put you through to", False)]
)
def test_a_yes_to_a_question_that_was_hardly_heard_is_none(audible: str, cut_short: bool) -> None:
    offer = Offer("transfer", {"to": "x"}, confirming=True, question=f"{SORRY} {DESK}")
    assert offer.as_audible(audible).cut_short is cut_short


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"offer": "boss"}, "'boss' is neither a target nor a tool .*there is: anna, desk, look, message"),
        ({"offer": "transfer"}, "'transfer' is neither a target"),
        ({"offer": "look"}, "escalation.say: write the question that offers look"),
        ({"offer": "desk", "after": 0}, "greater than or equal to 1"),
        ({}, "offer"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(settings: dict[str, Any], problem: str) -> None:
    look = {"source": "http", "url": "https://shop.example/orders", "method": "GET"}
    file = {"name": "Inn", "greeting": "Hello.", "tools": {**TOOLS, "look": look}, "escalation": settings}
    with pytest.raises(ValidationError, match=problem):
        Agent.model_validate(file)
