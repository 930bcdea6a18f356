"""The policy for models that converse: what they are told, and what is answered without them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence
from typing import Any, cast

import pytest

from offhook.agents.loader import Agent, Example
from offhook.conversation.answer_filter import AnswerFilter
from offhook.conversation.answering import ClauseStream
from offhook.conversation.history import Exchange, History
from offhook.conversation.policies.chat import Chat
from offhook.documents.passage import Passage
from offhook.engines.llm.base import Limits
from offhook.knowledge.acts import Act, ActGuess
from offhook.knowledge.items import Item
from offhook.knowledge.notes import parts
from offhook.knowledge.store import Candidate, Knowledge, Ranking
from tests.support.engines.engines import PlainTemplate, ScriptedConversation

AGENT = Agent(
    name="Jetty Kayaks",
    greeting="Jetty Kayaks, hello.",
    goodbye="Happy paddling, goodbye.",
    take_your_time="No hurry.",
    persona="You are the voice of a boat hire. You never hurry.",
    examples=(
        Example(caller="Hi", agent="Hello, boats or paddles?"),
        Example(caller="Any tents?", note="We sell no tents.", agent="No tents, sorry."),
    ),
    facts=(
        "Single kayaks are $12 an hour, doubles are $19 an hour.",
        "We open at nine.",
        "Mina takes groups.",
    ),
)


class Readable(PlainTemplate):
    """Shows the examples as well."""

    def prefix(self, system: str, examples: Sequence[tuple[str, str]] = ()) -> tuple[str, ...]:
        shown = [piece for said, answer in examples for piece in (*self.user(said), answer, "<end>")]
        return (f"<system>{system}", *shown)


class ScriptedKnowledge:
    """Finds the same for every question, and remembers what it was asked."""

    def __init__(self, ranking: Ranking) -> None:
        self.items = tuple(
            Item(number, fact.text, tuple(parts(fact.text))) for number, fact in enumerate(AGENT.facts)
        )
        self.stated = len(self.items)
        self.ranking = ranking
        self.asked: list[tuple[str, str]] = []

    def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
        self.asked.append((question, before))
        return self.ranking


def ranked(*log_odds: float, act: Act = "other", probability: float = 0.9) -> Ranking:
    """The facts in their order, each with its log-odds."""
    texts = [fact.text for fact in AGENT.facts]
    candidates = [
        Candidate(
            Item(number, texts[number], tuple(parts(texts[number]))),
            odds,
            (1.0, 0.0)[: len(parts(texts[number]))],
        )
        for number, odds in enumerate(log_odds)
    ]
    return Ranking(tuple(candidates), ActGuess(act, probability))


def chat(ranking: Ranking | None = None, tokens: int = 1500) -> tuple[Chat, ScriptedKnowledge]:
    knowledge = ScriptedKnowledge(ranking or Ranking(()))
    return Chat(AGENT, Readable(), cast(Any, knowledge), knowledge_tokens=tokens), knowledge


FEW = 1
"""Too few tokens for any fact."""


def test_the_prefix_holds_persona_and_facts_and_examples() -> None:
    policy, _ = chat()
    system, *examples = policy.prefix()
    assert policy.knows_all
    assert system.startswith(f"<system>{AGENT.persona}\n\n")
    for fact in AGENT.facts:
        assert f"\n- {fact.text}\n" in system
    assert "[end_call]" in system
    shown = "".join(examples)
    assert "<user>Hi<agent>Hello, boats or paddles?<end>" in shown
    assert (
        "<user>Any tents?\n(What you know about this: We sell no tents.)<agent>No tents, sorry.<end>" in shown
    )


@pytest.mark.parametrize(
    ("code", "rule"),
    [("en-GB", ""), ("de", "Speak German"), ("es-MX", "Speak Spanish"), ("xx", "Speak the language xx")],
)
def test_the_model_is_told_which_language_to_speak(code: str, rule: str) -> None:
    knowledge = cast(Knowledge, ScriptedKnowledge(ranked()))
    system = Chat(AGENT.model_copy(update={"language": code}), Readable(), knowledge).prefix()[0]
    assert rule in system
    assert ("Speak" in system) is bool(rule)


async def test_an_answer_that_goes_in_circles_is_cut() -> None:
    """Small models do: one sentence again and again, or several in turn."""
    once, two = "We open at nine.", "We open at nine. We never close before five."
    for text, wanted in (
        (f"{once} {once} {once}", once),
        (f"{two} {two} {two}", f"{two} {once}"),
        (two, two),
    ):
        generation = ScriptedConversation([[text]]).generate(Limits())
        stream = ClauseStream(generation, AnswerFilter(), "en")
        assert " ".join([clause async for clause in stream]) == wanted
        assert stream.circled is (text != two)


def test_facts_stand_in_the_prefix_all_or_none() -> None:
    policy, _ = chat(tokens=FEW)
    system = policy.prefix()[0]
    assert not policy.knows_all
    assert AGENT.persona in system
    for fact in AGENT.facts:
        assert fact.text not in system
    assert "What you know" not in system


async def test_what_documents_say_is_put_beside_the_words_though_all_facts_are_known() -> None:
    dogs = Passage("Small dogs, in a basket.", "Rules > Can I bring my dog?")
    knowledge = Knowledge(AGENT, passages=lambda: [dogs])
    knowledge.prepare()
    policy = Chat(AGENT, Readable(), knowledge)
    assert policy.knows_all
    assert "basket" not in policy.prefix()[0]
    turn = await policy.turn("Can I bring my dog?", History())
    assert turn.pieces[1].endswith(
        "(What you know about this: Can I bring my dog?: Small dogs, in a basket.)"
    )
    assert turn.facts == (knowledge.stated,)


def test_an_agent_without_facts_has_no_list_of_them() -> None:
    agent = Agent(name="A", greeting="Hi.", persona="You are A.")
    policy = Chat(agent, Readable(), Knowledge(agent), knowledge_tokens=FEW)
    assert "What you know" not in policy.prefix()[0]


async def test_a_turn_is_the_callers_words() -> None:
    policy, knowledge = chat()
    turn = await policy.turn(" When do\nyou open? ", History())
    assert turn.pieces == ("<user>", "When do you open?", "<agent>")
    assert (turn.act, turn.say, turn.facts, turn.draft) == ("generated", None, (), "")
    assert (turn.caller_text, turn.words) == ("When do you open?", "When do you open")
    assert knowledge.asked == [("When do you open?", "")]


async def test_facts_that_fit_are_put_beside_the_words_when_not_all_are_known() -> None:
    policy, _ = chat(ranked(2.0, -1.0, -9.0), FEW)
    turn = await policy.turn("What are doubles?", History())
    beside = f"What are doubles?\n(What you know about this: {AGENT.facts[0].text} {AGENT.facts[1].text})"
    assert turn.pieces == ("<user>", beside, "<agent>")
    assert turn.facts == (0, 1)
    assert "".join(turn.pieces).startswith("".join(policy.opening(turn.words)))
    policy, _ = chat(ranked(2.0, -1.0, -9.0))
    assert (await policy.turn("What are doubles?", History())).pieces == (
        "<user>",
        "What are doubles?",
        "<agent>",
    )


async def test_the_fact_that_answers_is_the_draft() -> None:
    policy, _ = chat(ranked(2.0, -1.0))
    assert (await policy.turn("What is a single?", History())).draft == "Single kayaks are $12 an hour."
    policy, _ = chat(ranked(-0.5))
    assert (await policy.turn("What is a tent?", History())).draft == ""


async def test_prompts_are_answers_to_a_caller_who_has_said_nothing() -> None:
    policy, _ = chat()
    first, later = policy.prompt("Hello.", first=True), policy.prompt("Still there?", first=False)
    for pieces, said in ((first, "Hello."), (later, "Still there?")):
        user, _, agent, text, end = pieces
        assert (user, agent, text, end) == ("<user>", "<agent>", said, "<end>")
    assert first[1] != later[1]


async def test_a_follow_up_is_looked_up_with_the_question_before_it() -> None:
    policy, knowledge = chat()
    history = History()
    history.add(Exchange("When do you open?", "At nine.", "At nine.", (), "generated"))
    history.add(Exchange("Wait.", "No hurry.", "No hurry.", (), "wait"))
    await policy.anticipate("and on sunday", history)
    await policy.turn("And on Sunday?", history)
    assert knowledge.asked == [("and on sunday", "When do you open?")], (
        "once, and what said nothing is skipped"
    )


@pytest.mark.parametrize("said", ["Goodbye.", "No, that's all, thanks."])
async def test_a_farewell_is_answered_with_the_agents_own(said: str) -> None:
    policy, _ = chat()
    turn = await policy.turn(said, History())
    assert turn.ends_call
    assert turn.say == AGENT.goodbye
    assert turn.pieces[1] == said, "the model is told all the same"


async def test_a_no_that_answers_a_question_goes_to_the_model() -> None:
    policy, _ = chat()
    history = History()
    history.add(Exchange("Two doubles", "At nine?", "At nine?", (), "generated"))
    assert (await policy.turn("No, that's all, thanks.", history)).say is None
    history.add(Exchange("At ten", "Good. Anything else?", "Good. Anything else?", (), "generated"))
    assert (await policy.turn("No, that's all, thanks.", history)).ends_call


async def test_who_asks_for_time_gets_it() -> None:
    policy, _ = chat(ranked(act="wait"))
    turn = await policy.turn("Let me find my card.", History())
    assert turn.waits
    assert turn.say == AGENT.take_your_time
    policy, _ = chat(ranked(act="wait", probability=0.2))
    assert (await policy.turn("Let me find my card.", History())).say is None


def test_answers_are_remembered_as_far_as_they_were_heard() -> None:
    policy, _ = chat()
    assert policy.remembers
    assert policy.close_answer() == ("<end>",)
    assert policy.cut_answer(" We open at ") == ("We open at \u2014", "<end>")
    assert policy.cut_answer("") == ("\u2014", "<end>")


def test_the_agents_name_in_front_of_its_words_is_not_said() -> None:
    policy, _ = chat()
    answer_filter = policy.filter()
    assert answer_filter.push("Jetty Kayaks: At nine.") + answer_filter.flush() == "At nine."


async def test_without_facts_nothing_is_searched() -> None:
    agent = Agent(name="A", greeting="Hi.", persona="Be A.")
    policy = Chat(agent, Readable(), Knowledge(agent))
    policy.prepare()
    turn = await policy.turn("When do you open?", History())
    assert turn.say is None
    assert turn.draft == ""


def test_the_policy_keeps_nothing_of_an_answer() -> None:
    policy = Chat(AGENT, PlainTemplate(), Knowledge(AGENT))
    made = policy.filter()
    made.push("Your name is Ada.")
    kept = weakref.ref(made)
    del made
    gc.collect()
    assert kept() is None
