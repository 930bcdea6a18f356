"""The policy for small models: what is answered when a fact fits, none does, or nothing was asked.

Above 400 lines because its conversations are written out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from threading import current_thread
from typing import Any, cast

import pytest

from offhook.agents.loader import Agent
from offhook.conversation.base import Turn
from offhook.conversation.history import Exchange, History
from offhook.conversation.policies.chat import Chat
from offhook.conversation.policies.grounded import NEAR, Grounded
from offhook.knowledge.acts import Act, ActGuess
from offhook.knowledge.items import Item
from offhook.knowledge.notes import parts
from offhook.knowledge.store import Candidate, Knowledge, Ranking
from offhook.languages import ENGLISH
from offhook.workers import Workers
from tests.support.engines.engines import PlainTemplate

AGENT = Agent(
    name="Jetty Kayaks",
    greeting="Jetty Kayaks, hello.",
    goodbye="Happy paddling, goodbye.",
    unknown="That I would have to ask Mina.",
    otherwise="Right you are.",
    take_your_time="No hurry.",
    unclear="Pardon?",
    facts=(
        "Single kayaks are $12 an hour, doubles are $19 an hour.",
        "We open at nine.",
        "The desk is on the jetty.",
        "Mina takes groups.",
    ),
)
PHRASES = ENGLISH.phrases
KNOWN = 3.0
"""Log-odds of a fact that surely answers."""
MAYBE = 0.5
"""Of one that may answer, and about which the agent says so."""
NOT = -3.0


def candidate(number: int, log_odds: float, *wanted: float) -> Candidate:
    text = AGENT.facts[number].text
    taken = tuple(parts(text))
    return Candidate(Item(number, text, taken), log_odds, wanted or (1.0,) * len(taken))


def ranked(*candidates: Candidate, act: Act = "other", probability: float = 0.9) -> Ranking:
    return Ranking(tuple(candidates), ActGuess(act, probability))


@dataclass
class ScriptedKnowledge:
    """Finds what a test tells it, and remembers what it was asked."""

    rankings: dict[str, Ranking] = field(default_factory=dict)
    behind: dict[tuple[str, str], Ranking] = field(default_factory=dict)
    """For questions behind others."""
    asked: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    prepared: int = 0

    def prepare(self) -> None:
        self.prepared += 1

    def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
        self.asked.append((question, before, tuple(answered)))
        return self.behind.get((before, question)) or self.rankings.get(question, Ranking(()))


class Desk:
    """A policy, what it knows, and one call."""

    def __init__(self, agent: Agent = AGENT) -> None:
        self.knowledge = ScriptedKnowledge()
        self.policy = Grounded(agent, PlainTemplate(), cast(Any, self.knowledge))
        self.history = History()

    def finds(self, question: str, ranking: Ranking) -> Desk:
        self.knowledge.rankings[question] = ranking
        return self

    def finds_behind(self, before: str, question: str, ranking: Ranking) -> Desk:
        self.knowledge.behind[before, question] = ranking
        return self

    async def answer(self, said: str) -> Turn:
        turn = await self.policy.turn(said, self.history)
        assert turn.say, "this policy knows every answer's words"
        self.history.add(Exchange(said, turn.say, turn.say, turn.facts, turn.act))
        return turn


async def answered(said: str, ranking: Ranking, agent: Agent = AGENT) -> Turn:
    return await Desk(agent).finds(said, ranking).answer(said)


# --- facts -----------------------------------------------------------------------------------------


async def test_the_likeliest_fact_is_the_answer() -> None:
    turn = await answered("When do you open?", ranked(candidate(1, KNOWN), candidate(2, MAYBE)))
    assert (turn.act, turn.say, turn.facts) == ("facts", "We open at nine.", (1,))
    assert not turn.ends_call
    assert not turn.waits
    assert turn.draft == ""


async def test_only_the_part_that_was_asked_for_is_said() -> None:
    turn = await answered("What is a double?", ranked(candidate(0, KNOWN, 0.1, 0.9)))
    assert turn.say == "Doubles are $19 an hour."
    assert turn.facts == (0,)


async def test_an_unlikely_fact_is_not_said() -> None:
    turn = await answered("Do you have a sauna?", ranked(candidate(2, -0.1)))
    assert (turn.act, turn.say, turn.facts) == ("unknown", AGENT.unknown, ())


async def test_two_questions_get_two_facts() -> None:
    said = "When do you open, and where are you?"
    desk = Desk().finds(said, ranked(candidate(1, KNOWN), candidate(2, MAYBE)))
    desk.finds("When do you open", ranked(candidate(1, KNOWN)))
    desk.finds("where are you?", ranked(candidate(2, KNOWN)))
    turn = await desk.answer(said)
    assert turn.say == "We open at nine. The desk is on the jetty."
    assert turn.facts == (1, 2)
    assert ("where are you?", said, ()) in desk.knowledge.asked, "each is understood by the whole turn"


async def test_of_two_facts_that_are_as_likely_both_are_said() -> None:
    said = "When and where does it begin?"
    near = ranked(candidate(1, KNOWN), candidate(2, KNOWN - NEAR), candidate(3, KNOWN - NEAR))
    turn = await answered(said, near)
    assert (turn.act, turn.say, turn.facts) == ("facts", "We open at nine. The desk is on the jetty.", (1, 2))
    apart = ranked(candidate(1, KNOWN), candidate(2, KNOWN - NEAR - 0.1))
    assert (await answered(said, apart)).facts == (1,), "one question gets one"
    unlikely = ranked(candidate(1, MAYBE), candidate(2, MAYBE - 0.1))
    assert (await answered(said, unlikely)).facts == (1,), "what does not answer alone does not in company"


async def test_an_answer_that_is_not_sure_says_so() -> None:
    said = "What's the damage for the two of us?"
    doubtful = ranked(candidate(0, MAYBE, 0.1, 0.9))
    turn = await answered(said, doubtful)
    assert (turn.act, turn.facts) == ("unsure", (0,))
    assert turn.say == f"{AGENT.unsure} {AGENT.facts[0].text}", "all of it: nobody knows which part is meant"
    named = ranked(replace(candidate(0, MAYBE, 0.1, 0.9), named=(False, True)))
    assert (await answered(said, named)).say == f"{AGENT.unsure} Doubles are $19 an hour."
    silent = AGENT.model_copy(update={"unsure": ""})
    turn = await answered(said, doubtful, silent)
    assert (turn.act, turn.say) == ("facts", AGENT.facts[0].text)


async def test_who_goes_on_about_what_they_were_told_is_not_doubted() -> None:
    desk = Desk().finds("What is a single?", ranked(candidate(0, KNOWN, 0.9, 0.1)))
    desk.finds("And for two?", ranked(candidate(0, MAYBE, 0.1, 0.9)))
    await desk.answer("What is a single?")
    turn = await desk.answer("And for two?")
    assert (turn.act, turn.say) == ("facts", "Doubles are $19 an hour.")


async def test_a_second_question_that_needs_no_context_is_not_drowned_by_it() -> None:
    said = "Where are you? When do you open?"
    desk = Desk().finds(said, ranked(candidate(2, KNOWN))).finds("Where are you", ranked(candidate(2, KNOWN)))
    desk.finds_behind(said, "When do you open?", ranked(candidate(2, MAYBE)))
    assert (await desk.finds("When do you open?", ranked(candidate(1, KNOWN))).answer(said)).facts == (2, 1)
    # What asks nothing is no question: it is read with the turn alone.
    told = "Where are you? I'd come at nine."
    desk = Desk().finds(told, ranked(candidate(2, KNOWN))).finds("Where are you", ranked(candidate(2, KNOWN)))
    desk.finds_behind(told, "I'd come at nine.", ranked(candidate(1, NOT)))
    assert (await desk.finds("I'd come at nine.", ranked(candidate(1, KNOWN))).answer(told)).facts == (2,)


@pytest.mark.parametrize(
    ("first", "act", "facts"),
    [("thanks", 0.9, (1,)), ("farewell", 0.9, (1,)), ("thanks", 0.4, ()), ("other", 0.9, ())],
)
async def test_a_question_behind_courtesies_is_found(first: Act, act: float, facts: tuple[int, ...]) -> None:
    said = "That's grand, a million thanks. And the hours, when do you open?"
    desk = Desk().finds(said, ranked(candidate(1, NOT)))
    desk.finds("That's grand, a million thanks.", ranked(act=first, probability=act))
    desk.finds("And the hours, when do you open?", ranked(candidate(1, KNOWN)))
    assert (await desk.answer(said)).facts == facts


async def test_two_questions_about_one_fact_get_what_either_wants() -> None:
    said = "What's a single, and what's a double?"
    desk = Desk().finds(said, ranked(candidate(0, KNOWN, 0.9, 0.1)))
    desk.finds("What's a single", ranked(candidate(0, KNOWN, 0.9, 0.1)))
    desk.finds("what's a double?", ranked(candidate(0, KNOWN, 0.2, 0.8)))
    turn = await desk.answer(said)
    assert (turn.say, turn.facts) == (AGENT.facts[0].text, (0,))


async def test_what_is_compared_is_said_side_by_side() -> None:
    said = "Which costs more, a single or the desk?"
    turn = await answered(said, ranked(candidate(0, KNOWN, 0.9, 0.1), candidate(2, 0.0)))
    assert turn.facts == (0, 2)
    named = replace(candidate(0, KNOWN, 0.9, 0.1), named=(True, True))
    turn = await answered("Which is cheaper, a single or a double?", ranked(named, candidate(2, KNOWN)))
    assert (turn.say, turn.facts) == (AGENT.facts[0].text, (0,)), "one fact has both"


async def test_what_was_just_told_is_not_told_again_to_who_wants_a_moment() -> None:
    desk = Desk().finds("When do you open?", ranked(candidate(1, KNOWN)))
    desk.finds("Wait, stop for a moment.", ranked(candidate(1, KNOWN + 1), act="wait"))
    desk.finds("Wait, where is your desk?", ranked(candidate(2, KNOWN + 1), act="wait"))
    await desk.answer("When do you open?")
    assert (await desk.answer("Wait, stop for a moment.")).act == "wait"
    assert (await desk.answer("Wait, where is your desk?")).facts == (2,)


async def test_a_keyword_that_is_all_that_was_said() -> None:
    item = candidate(3, NOT).item
    turn = await answered("Groups", Ranking((candidate(1, KNOWN),), exact=item))
    assert (turn.act, turn.say, turn.facts) == ("facts", "Mina takes groups.", (3,))


class Inventor(Candidate):
    """Says what stands nowhere."""

    def answer(self) -> str:
        return "Doubles are $25 an hour."


async def test_figures_that_stand_nowhere_are_never_said() -> None:
    fact = candidate(0, KNOWN)
    turn = await answered("What is a double?", ranked(Inventor(fact.item, KNOWN, fact.wanted)))
    assert (turn.act, turn.say, turn.facts) == ("unknown", AGENT.unknown, ())


# --- what is no question ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "act", "answer_act", "say"),
    [
        ("Goodbye.", "farewell", "farewell", AGENT.goodbye),
        ("Let me get a pen.", "wait", "wait", AGENT.take_your_time),
        ("Thanks, that's lovely.", "thanks", "courtesy", PHRASES.welcome),
        ("Hello?", "greeting", "greeted", PHRASES.greeted),
        ("Are you a robot?", "machine", "courtesy", PHRASES.machine.format(name=AGENT.name)),
        ("I want to speak to a person.", "person", "otherwise", PHRASES.no_transfer),
        ("Please book two kayaks for me.", "other", "otherwise", PHRASES.no_action),
        ("My cousin has a canoe.", "other", "otherwise", AGENT.otherwise),
        ("Is the water warm?", "other", "unknown", AGENT.unknown),
        ("What's my name again?", "readback", "unknown", PHRASES.not_given),
    ],
)
async def test_what_is_said_when_no_fact_fits(said: str, act: Act, answer_act: str, say: str) -> None:
    turn = await answered(said, ranked(candidate(1, NOT), act=act))
    assert (turn.act, turn.say, turn.facts) == (answer_act, say, ())
    assert turn.ends_call is (answer_act == "farewell")
    assert turn.waits is (answer_act == "wait")


@pytest.mark.parametrize(
    ("said", "act"),
    [
        ("Hold on, when do you open?", "wait"),
        ("Who am I speaking to?", "machine"),
        ("Can I talk to Mina?", "person"),
    ],
)
async def test_a_fact_that_surely_answers_goes_first(said: str, act: Act) -> None:
    assert (await answered(said, ranked(candidate(3, KNOWN), act=act))).facts == (3,)


@pytest.mark.parametrize(
    ("said", "found", "probability", "facts"),
    [
        ("Are you open?", MAYBE, 0.8, (1,)),
        ("Are you open?", NOT, 0.8, ()),
        ("Hello?", MAYBE, 0.99, ()),
        ("Hello, are you open?", KNOWN, 0.99, (1,)),
    ],
)
async def test_what_sounds_like_a_greeting_may_ask_something(
    said: str, found: float, probability: float, facts: tuple[int, ...]
) -> None:
    ranking = ranked(candidate(1, found), act="greeting", probability=probability)
    turn = await answered(said, ranking)
    assert turn.facts == facts
    assert (turn.act == "greeted") is not bool(facts)


async def test_an_act_that_is_unlikely_is_none() -> None:
    turn = await answered(
        "Let me see the price list.", ranked(candidate(1, NOT), act="wait", probability=0.3)
    )
    assert turn.act == "otherwise"


async def test_the_end_of_a_call_is_decided_by_the_words_too() -> None:
    turn = await answered("When do you close?", ranked(act="farewell", probability=0.99))
    assert not turn.ends_call


async def test_a_no_that_answers_our_question_ends_nothing() -> None:
    desk = Desk()
    desk.history.add(Exchange("Hi", "Two kayaks, is that right?", "Two kayaks, is that right?", (), "facts"))
    assert not (await desk.answer("No, that's all, thanks.")).ends_call
    desk = Desk()
    desk.history.add(Exchange("Thanks.", PHRASES.welcome, PHRASES.welcome, (), "courtesy"))
    assert (await desk.answer("No, that's all, thanks.")).ends_call, (
        "whether there is anything else is no such question"
    )


# --- what was said before --------------------------------------------------------------------------


async def test_a_follow_up_is_understood_by_the_question_before_it() -> None:
    desk = Desk().finds("When do you open?", ranked(candidate(1, KNOWN)))
    await desk.answer("When do you open?")
    await desk.answer("And on Sundays?")
    assert desk.knowledge.asked == [
        ("When do you open?", "", ()),
        ("And on Sundays?", "When do you open?", (1,)),
    ]


async def test_what_said_nothing_is_not_what_a_follow_up_follows() -> None:
    desk = Desk().finds("When do you open?", ranked(candidate(1, KNOWN)))
    desk.finds("Hang on", ranked(act="wait"))
    for said in ("When do you open?", "Hang on", "And on Sundays?"):
        await desk.answer(said)
    assert desk.knowledge.asked[-1] == ("And on Sundays?", "When do you open?", (1,))


async def test_the_last_answer_is_said_again() -> None:
    desk = Desk().finds("When do you open?", ranked(candidate(1, KNOWN)))
    desk.finds("Sorry, what was that?", ranked(candidate(2, NOT), act="repeat"))
    await desk.answer("When do you open?")
    turn = await desk.answer("Sorry, what was that?")
    assert (turn.act, turn.say, turn.facts) == ("repeat", "We open at nine.", (1,))
    again = await desk.answer("Sorry, what was that?")
    assert again.say == "We open at nine.", "and once more"


async def test_an_interrupted_answer_is_said_again_as_a_whole() -> None:
    desk = Desk().finds("Say again?", ranked(act="repeat"))
    desk.history.add(Exchange("When do you open?", "We open", "We open at nine.", (1,), "facts"))
    assert (await desk.answer("Say again?")).say == "We open at nine."


async def test_who_names_what_they_missed_gets_that() -> None:
    desk = Desk().finds("When do you open?", ranked(candidate(1, KNOWN)))
    missed = "Sorry, where was the desk again?"
    desk.finds(missed, ranked(candidate(2, KNOWN), act="repeat"))
    await desk.answer("When do you open?")
    turn = await desk.answer(missed)
    assert (turn.act, turn.facts) == ("facts", (2,))


async def test_the_greeting_is_said_again_at_the_beginning() -> None:
    turn = await answered("Pardon?", ranked(act="repeat"))
    assert (turn.act, turn.say) == ("repeat", "Jetty Kayaks, hello.")


@pytest.mark.parametrize(
    ("asked", "detail"),
    [
        ("What name did I give you?", "Otto Brandt"),
        ("Did you get my number?", "555-0132"),
        ("Read me back my phone number", "555-0132"),
        ("Could you read that back?", "555-0132"),
    ],
)
async def test_what_the_caller_has_told_is_read_back(asked: str, detail: str) -> None:
    desk = Desk().finds(asked, ranked(candidate(3, NOT), act="readback"))
    await desk.answer("My name is Otto Brandt.")
    await desk.answer("It's five five five oh one three two.")
    turn = await desk.answer(asked)
    assert (turn.act, turn.say) == ("readback", PHRASES.you_said.format(detail=detail))


async def test_of_a_correction_the_last_is_read_back() -> None:
    desk = Desk().finds("What number have you got?", ranked(act="readback"))
    await desk.answer("Five five five oh one three two.")
    await desk.answer("No, five five five oh one nine nine.")
    assert (await desk.answer("What number have you got?")).say == PHRASES.you_said.format(detail="555-0199")


# --- searching -------------------------------------------------------------------------------------


async def test_what_was_anticipated_is_not_searched_again() -> None:
    desk = Desk().finds("when do you open", ranked(candidate(1, KNOWN)))
    await desk.policy.anticipate("when do you open", desk.history)
    turn = await desk.answer("When do  you open?")
    assert turn.facts == (1,)
    assert len(desk.knowledge.asked) == 1
    assert turn.caller_text == "When do you open?"
    assert turn.words == "When do you open"


async def test_what_one_caller_said_is_looked_up_for_no_other() -> None:
    desk = Desk()
    await desk.policy.turn("When do you open?", desk.history)
    await desk.policy.turn("When do you open?", History())
    assert len(desk.knowledge.asked) == 2


async def test_only_the_latest_searches_are_kept() -> None:
    desk = Desk()
    for number in range(40):
        await desk.policy.anticipate(f"word {number}", desk.history)
    assert len(desk.history.found) < 40
    await desk.policy.anticipate("word 39", desk.history)
    assert len(desk.knowledge.asked) == 40


# --- without what it could know ----------------------------------------------------------------------


async def test_an_agent_without_facts_says_so() -> None:
    agent = Agent(name="A", greeting="Hello.")
    policy = Grounded(agent, PlainTemplate(), Knowledge(agent))
    policy.prepare()
    turn = await policy.turn("When do you open?", History())
    assert (turn.act, turn.say, turn.facts) == ("unknown", agent.unknown, ())


async def test_an_answer_is_never_empty() -> None:
    agent = AGENT.model_copy(update={"unknown": "", "otherwise": ""})
    for said in ("Is the water warm?", "My cousin has a canoe."):
        assert (await answered(said, Ranking(()), agent)).say == agent.unclear


async def test_without_networks_words_alone_find_facts() -> None:
    policy = Grounded(AGENT, PlainTemplate(), Knowledge(AGENT))
    policy.prepare()
    turns = [
        await policy.turn(said, History())
        for said in ("Where is the desk?", "Who paints the boats?", "Goodbye.")
    ]
    assert [turn.act for turn in turns] == ["facts", "unknown", "farewell"]
    assert turns[0].say == "The desk is on the jetty."


# --- the model's conversation --------------------------------------------------------------------------


def test_all_agents_share_one_prefix() -> None:
    other = Agent(name="B", greeting="Hi.", persona="You are B.", facts=("We are shut.",))
    policies = [Grounded(agent, PlainTemplate(), Knowledge(agent)) for agent in (AGENT, other)]
    assert policies[0].prefix() == policies[1].prefix()
    assert "Jetty" not in "".join(policies[0].prefix())
    assert not policies[0].remembers


async def test_a_turn_begins_as_its_words_do() -> None:
    desk = Desk()
    for said in ('Do you "rent" kayaks?', "Hm."):
        turn = await desk.policy.turn(said, desk.history)
        whole = "".join(turn.pieces)
        assert whole.startswith("".join(desk.policy.opening(turn.words)))
        assert whole.count('"') == 2, "a caller's quotes do not end the quotation"
    assert desk.policy.prompt("Hello.", first=True) == ()


async def test_searches_run_where_they_are_told() -> None:
    names: list[str] = []

    class Watched(ScriptedKnowledge):
        def search(self, question: str, before: str = "", answered: Sequence[int] = ()) -> Ranking:
            names.append(current_thread().name)
            return Ranking(())

    worker = Workers("searching", "the search", limit_s=60)
    policy = Grounded(AGENT, PlainTemplate(), cast(Any, Watched()), worker)
    await asyncio.gather(*(policy.turn(f"Question {n}?", History()) for n in range(3)))
    worker.close()
    assert len(names) == 3
    assert all(name.startswith("searching") for name in names)


async def test_what_is_answered_was_written_down_before() -> None:
    """So that it can be made audio before anybody calls: facts, each part of one, and what is not known."""
    policy = Grounded(AGENT, PlainTemplate(), Knowledge(AGENT))
    written = list(policy.written())
    for question in (
        "What do single kayaks cost?",
        "When do you open?",
        "Who takes groups?",
        "Is there a spaceship?",
    ):
        turn = await policy.turn(question, History())
        assert turn.say in written, question
    assert len(written) == len(set(written))
    assert list(Chat(AGENT, PlainTemplate(), Knowledge(AGENT)).written()) == []
