"""Revisions: what is cancelled leaves no trace, what is committed is remembered as it was heard.

Above 400 lines because every way in which a revision can end is tried on the same few fakes.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.agents.loader import load_agent
from offhook.call.pipeline import Pipeline
from offhook.call.revision import Outcome, Revision, Words
from offhook.conversation.base import FINAL, Turn
from offhook.conversation.history import History
from offhook.conversation.policies.chat import Chat
from offhook.core import PlayoutThread
from offhook.end_of_turn.wait import Asked, Expected
from offhook.engines.llm.base import Limits, Mark
from offhook.engines.stt.base import Otherwise
from offhook.engines.tts.voice import Voice
from offhook.errors import DeadlineError, ModelError, PlaybackError
from offhook.knowledge.acts import ActGuess
from offhook.knowledge.store import Knowledge, Ranking
from offhook.observe.trace import TurnTrace
from offhook.playout.folder import PlaybackFolder
from offhook.playout.utterance import Utterance
from offhook.turn_taking import CallerWaits, Expecting, NothingHeard, Repeated, TurnEvent, WordsHeard
from offhook.workers import Claim
from tests.support.clock import reached
from tests.support.engines.engines import (
    HANG,
    PlainTemplate,
    ScriptedConversation,
    ScriptedRecognizer,
    ScriptedVoice,
)
from tests.support.english import split

AUDIO = np.zeros(8_000, np.int16)


class Heard:
    """What the caller has said, as a scripted recogniser hears it."""

    def __init__(self, recognizer: ScriptedRecognizer) -> None:
        self._recognizer = recognizer

    async def words(self, trace: TurnTrace, claim: Claim) -> Words:
        text = (await self._recognizer.recognize(AUDIO, trace.voiced_ms, claim)).text
        trace.stt_done_ns = time.monotonic_ns()
        return Words(text, text)


class Bench:
    """A pipeline over scripted engines, and what it left behind."""

    def __init__(
        self,
        folder: Path,
        thread: PlayoutThread,
        heard: list[Any],
        answers: list[list[Any]],
        voice: ScriptedVoice | None = None,
        history_turns: int | None = None,
    ) -> None:
        self.recognizer = ScriptedRecognizer(heard)
        self.conversation = ScriptedConversation(answers)
        self.playback = PlaybackFolder(folder)
        self.shelf = self.playback.shelf("call")
        agent = load_agent("receptionist")
        self.policy = Chat(agent, PlainTemplate(), Knowledge(agent))
        self.history = History()
        self.events: list[TurnEvent] = []
        voice = voice or ScriptedVoice()
        self.voice = Voice(voice)
        self.pipeline = Pipeline(
            self.voice,
            self.policy,
            self.history,
            self.conversation,
            lambda: Utterance(8_000, lambda: self.shelf.grow(thread, 8_000)),
            8_000,
            Limits(),
            history_turns,
            post=self.events.append,
        )

    def prepare(self, number: int = 1, saying: str = "", *, echoes: bool = False) -> Revision:
        trace = TurnTrace("call", 1, voiced_ms=500)
        return self.pipeline.prepare(number, Heard(self.recognizer), trace, saying=saying, echoes=echoes)

    @property
    def text(self) -> str:
        return "".join(self.conversation.text)

    def asked(self, heard: str) -> str:
        return "".join(PlainTemplate().user(heard))

    def opening(self, heard: str) -> str:
        return "".join(self.policy.opening(heard.rstrip(FINAL)))

    def close(self) -> None:
        self.voice.close()
        self.playback.close()


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(heard: list[Any], answers: list[list[Any]], *rest: Any) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), thread, heard, answers, *rest))
        return made[-1]

    with PlayoutThread() as thread:
        yield make
        for bench in made:
            bench.close()


async def whole(revision: Revision) -> str:
    """The revision's answer, once it is complete."""
    while not revision.answer.finished:
        revision.answer.ready.clear()
        await revision.answer.ready.wait()
    if revision.error is not None:
        raise revision.error
    return revision.answer.text


ANSWER = ["We open ", "at eight in the morning. ", "Can I help you with ", "anything else today?"]
SAID = "".join(ANSWER)


async def test_a_whole_answer_is_remembered_word_for_word(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    assert await whole(revision) == SAID
    assert revision.answer.written_samples == 80 * len(SAID.replace(". C", ".C"))
    await revision.settle(Outcome(SAID, complete=True))
    assert bench.text == bench.asked("Something unrelated.") + SAID + "<end>"


async def test_what_is_found_out_is_told(benches: Any) -> None:
    bench = benches(["Something unrelated"], [["We do. ", "Would you like to hear more?"]])
    bench.conversation.ends = [0.9]
    await whole(bench.prepare(7))
    first, second, expecting = bench.events
    assert isinstance(first, WordsHeard)
    assert isinstance(second, WordsHeard)
    assert (first.revision, first.text, first.backchannel) == (7, "Something unrelated", False)
    assert second.complete > first.complete  # the model is sure
    assert expecting == Expecting(Expected(Asked.YES_NO), revision=7)


async def test_the_end_is_asked_for_before_the_rest_and_told_before_anything_is_spoken(benches: Any) -> None:
    bench = benches(["Something unrelated.", "Something else."], [ANSWER, ANSWER])
    asked, tell = asyncio.Event(), asyncio.get_running_loop().create_future()
    at: list[str] = []

    def end_probability() -> asyncio.Future[float]:
        at.append(bench.text)
        asked.set()
        return asyncio.shield(tell)

    bench.conversation.end_probability = end_probability
    first = bench.prepare(1)
    await asked.wait()
    await asyncio.sleep(0)
    assert at == [bench.opening("Something unrelated.")], "asked where the words end"
    assert bench.text == bench.asked("Something unrelated."), "and all that follows is there meanwhile"
    assert bench.conversation.drafts, "the answer was begun"
    assert [event.provisional for event in bench.events] == [True]
    assert not first.answer.text
    await first.cancel()  # while it waits
    assert bench.text == at[0]
    asked.clear()
    second = bench.prepare(2)
    await asked.wait()
    tell.set_result(0.9)
    assert await whole(second) == SAID
    assert [event.revision for event in bench.events if isinstance(event, WordsHeard)] == [1, 2, 2]


async def test_what_was_meant_is_answered_and_remembered_where_it_was_misheard(benches: Any) -> None:
    bench = benches(["What is the fair?"], [])
    others = (Otherwise("What is the fare?", -1.0),)
    meant: list[Any] = []

    async def turn(caller_text: str, history: History) -> Turn:
        meant.append((caller_text, history.otherwise()))
        return Turn(others[0].text, "What is the fare", (), "facts", "Three pounds.", reading=1)

    class Misheard(Heard):
        async def words(self, trace: TurnTrace, claim: Claim) -> Words:
            return replace(await super().words(trace, claim), otherwise=lambda: others)

    bench.policy.turn = turn
    revision = bench.pipeline.prepare(1, Misheard(bench.recognizer), TurnTrace("call", 1, voiced_ms=500))
    assert await whole(revision) == "Three pounds."
    assert meant == [("What is the fair?", others)]
    assert bench.history.otherwise() == revision.otherwise() == (), "nothing of it is kept"
    assert (revision.caller_text, revision.trace.reading) == (others[0].text, 1)
    assert revision.rest == "What is the fair?", "a second look is compared with what was heard"
    bench.pipeline.commit(revision)
    await revision.settle(Outcome("Three pounds.", complete=True))
    assert [one.caller_text for one in bench.history.exchanges] == [others[0].text]


async def test_our_own_words_coming_back_are_nobodys_turn(benches: Any) -> None:
    bench = benches(["We open at eight in the morning.", "Mm-hm."], [ANSWER, ANSWER])
    for number, flagged in ((1, True), (2, True)):
        revision = bench.prepare(number, saying=SAID)
        await whole(revision)
        assert {event.backchannel for event in bench.events if isinstance(event, WordsHeard)} == {flagged}
        await revision.cancel()


@pytest.mark.parametrize(("echoes", "echo"), [(True, True), (False, False)])
async def test_a_caller_who_repeats_our_words_is_answered_where_the_line_has_no_echo(
    benches: Any, echoes: bool, echo: bool
) -> None:
    bench = benches(["In the morning?"], [ANSWER])
    revision = bench.prepare(1, saying="eight in the morning.", echoes=echoes)
    await whole(revision)
    assert {event.echo for event in bench.events if isinstance(event, WordsHeard)} == {echo}
    await revision.cancel()


async def test_what_the_line_says_again_and_again_is_not_answered_and_costs_no_request(benches: Any) -> None:
    text = "Your call is important to us, please stay on the line."
    bench = benches([text] * 4, [ANSWER] * 3)
    for number in range(3):
        revision = bench.prepare(number)
        await whole(revision)
        await revision.settle(Outcome(SAID, complete=True))
    asked, bench.events[:] = len(bench.conversation.drafts), []
    assert await whole(bench.prepare(3)) == ""
    assert bench.events == [Repeated(3)]
    assert len(bench.conversation.drafts) == asked


async def test_the_fitting_fact_is_given_as_a_draft(benches: Any) -> None:
    bench = benches(["What are your opening hours?"], [ANSWER])
    await whole(bench.prepare())
    assert "Monday" in bench.conversation.drafts[0]


async def test_a_cancelled_revision_leaves_only_the_callers_words(benches: Any) -> None:
    bench = benches(["Something unrelated.", "Another thing."], [ANSWER, ANSWER])
    first = bench.prepare(1)
    await whole(first)
    await first.cancel()
    assert bench.text == bench.opening("Something unrelated.")
    second = bench.prepare(2)
    await whole(second)
    await second.settle(Outcome(SAID, complete=True))
    assert bench.text == bench.asked("Another thing.") + SAID + "<end>"


async def test_words_that_go_on_are_computed_once(benches: Any) -> None:
    bench = benches(["I would like to.", "I would like to come in."], [ANSWER, ANSWER])
    first = bench.prepare(1)
    await whole(first)
    pieces = list(bench.conversation.text[:2])
    await first.cancel()
    second = bench.prepare(2)
    await whole(second)
    assert bench.conversation.text[:3] == [*pieces, " come in"]
    await second.settle(Outcome(SAID, complete=True))
    assert bench.text == bench.asked("I would like to come in.") + SAID + "<end>"


@pytest.mark.parametrize(
    ("again", "asked"),
    [("when do you open", 1), ("When do you close?", 2)],
    ids=["the words of before", "other words"],
)
async def test_words_that_come_out_as_before_keep_their_answer(benches: Any, again: str, asked: int) -> None:
    said: list[str] = []
    voice = ScriptedVoice(lambda text: said.append(text))
    bench = benches(["When do you open?", again], [ANSWER, ANSWER], voice)
    first = bench.prepare(1)
    whole_answer = await whole(first)
    clauses = list(said)
    await first.cancel()
    second = bench.prepare(2)
    assert await whole(second) == whole_answer
    assert len(bench.conversation.drafts) == asked, "the model was asked so often"
    assert said == clauses, "and the voice for each clause once"
    await second.settle(Outcome(SAID, complete=True))
    assert bench.text == bench.asked(again) + SAID + "<end>"


async def test_half_an_answer_is_a_guess_of_the_next_one(benches: Any) -> None:
    bench = benches(["When do you open?"] * 2, [[*ANSWER[:3], HANG], ANSWER])
    first = bench.prepare(1)
    await reached(lambda: bool(first.clauses), "its first clause")
    await first.cancel()
    second = bench.prepare(2)
    assert await whole(second) == SAID
    assert bench.conversation.drafts[1] == first.clauses[0]
    await second.settle(Outcome(SAID, complete=True))


@pytest.mark.parametrize("reason", ["audible", "called"])
async def test_what_was_more_than_words_is_not_taken_over(benches: Any, reason: str) -> None:
    """The caller went on behind the beginning of an answer, or it called tools: it is made anew."""
    bench = benches(["When do you open?"] * 2, [ANSWER, ANSWER])
    first = bench.prepare(1)
    await whole(first)
    if reason == "audible":
        first.trace.playback_started_ns = 1
    else:
        first.called = True
    await first.cancel()
    await whole(bench.prepare(2))
    assert len(bench.conversation.drafts) == 2


async def test_words_are_anticipated_and_given_up_when_they_change(benches: Any) -> None:
    bench = benches(["What does a check up cost?", "Where are you?"], [ANSWER, ANSWER])
    await bench.pipeline.anticipate("What does")
    await bench.pipeline.anticipate("What does a check")
    assert bench.text == bench.opening("What does a check")
    assert len(bench.conversation.text) == 3
    revision = bench.prepare(1)
    await whole(revision)
    assert bench.text.startswith(bench.asked("What does a check up cost?"))
    await bench.pipeline.anticipate("What else")  # not while a revision has the conversation
    await revision.settle(Outcome(SAID, complete=True))
    before = bench.text
    await bench.pipeline.anticipate("Where is")
    other = bench.prepare(2)
    await whole(other)
    assert bench.text.startswith(before + bench.asked("Where are you?"))


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize("steps", range(12))
async def test_words_that_are_given_up_in_the_midst_are_in_the_conversation_once(
    benches: Any, steps: int, begun: bool
) -> None:
    bench = benches(["What does a check up cost?"], [ANSWER])
    conversation = bench.conversation
    append, mark = conversation.append, conversation.mark

    async def slow_append(*pieces: str) -> None:
        await asyncio.sleep(0)
        await append(*pieces)
        await asyncio.sleep(0)

    async def slow_mark() -> Mark:
        await asyncio.sleep(0)
        return cast(Mark, await mark())

    await bench.policy.anticipate("What does a check", bench.history)
    bench.history.prompted(lambda: "Are you calling about an old order?")
    if begun:
        await bench.pipeline.anticipate("What does")
    conversation.append, conversation.mark = slow_append, slow_mark
    ahead = asyncio.create_task(bench.pipeline.anticipate("What does a check"))
    for _ in range(steps):
        await asyncio.sleep(0)
    ahead.cancel()
    await asyncio.wait([ahead])
    await whole(bench.prepare())
    greeted = "".join(bench.policy.prompt("Are you calling about an old order?", first=True))
    assert bench.text.startswith(greeted + bench.asked("What does a check up cost?"))


async def test_a_revision_waits_for_the_one_before_to_be_forgotten(benches: Any) -> None:
    bench = benches(["First.", "Second."], [ANSWER, ["Yes, of course I can. "]])
    first, second = bench.prepare(1), bench.prepare(2)
    await whole(first)
    assert not second.answer.text
    await first.cancel()
    await whole(second)
    assert "First" not in bench.text


async def test_an_interrupted_answer_is_remembered_as_it_was_heard(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    await whole(revision)
    await revision.settle(Outcome("We open at eight", complete=False))
    assert "anything else" not in bench.text
    assert "We open at eight" in bench.text
    assert bench.text.endswith("<end>")


async def test_committed_work_is_no_guess_any_more(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    await whole(revision)
    assert bench.conversation.speculative
    bench.pipeline.commit(revision)
    assert not bench.conversation.speculative


async def test_no_words_no_answer(benches: Any) -> None:
    bench = benches([""], [])
    revision = bench.prepare(3)
    assert await whole(revision) == ""
    assert revision.answer.track is None
    assert bench.events == [NothingHeard(3, 500)]
    assert bench.text == ""


async def test_keys_are_words_of_the_callers(benches: Any) -> None:
    bench = benches([], [ANSWER])
    revision = bench.pipeline.prepare_text(1, "4 2", TurnTrace("call", 1))
    await whole(revision)
    await revision.settle(Outcome(SAID, complete=True))
    assert bench.text == bench.asked("4 2") + SAID + "<end>"


async def test_goodbye_is_answered_by_the_agents_farewell(benches: Any) -> None:
    bench = benches(["Thank you, goodbye."], [])
    revision = bench.prepare()
    assert await whole(revision) == bench.policy.agent.goodbye
    assert revision.ends_call


async def test_an_unusable_answer_becomes_a_question(benches: Any) -> None:
    bench = benches(["Something unrelated."], [["*** "]])
    assert await whole(bench.prepare()) == bench.policy.agent.unclear


@pytest.mark.parametrize("stage", ["stt", "llm", "tts", "disk", "full disk"])
async def test_a_failure_reaches_whoever_waits_and_rolls_back(benches: Any, stage: str) -> None:
    broken = ModelError("out of order")
    voice = ScriptedVoice(lambda text: broken if stage == "tts" else None)
    heard = [broken] * 2 if stage == "stt" else ["Something unrelated."]
    bench = benches(heard, [[broken] if stage == "llm" else ANSWER] * 2, voice)
    if stage == "disk":
        bench.shelf.close()
    elif stage == "full disk":  # the file can be made, and nothing be written into it
        (bench.shelf.folder / "1.sln").symlink_to("/dev/full")
    revision = bench.prepare()
    with pytest.raises(PlaybackError if "disk" in stage else ModelError):
        await whole(revision)
    assert revision.answer.track is None, "there is nothing to play"
    await revision.cancel()
    assert bench.text == ("" if stage == "stt" else bench.opening("Something unrelated."))
    last = bench.events[-1]
    assert isinstance(last, WordsHeard), "so that the turn is committed, and the failure seen"
    assert last.text == ("" if stage == "stt" else "Something unrelated.")


async def test_what_fails_is_tried_a_second_time_unless_that_is_of_no_use(benches: Any) -> None:
    lasting = ModelError("wrong key")
    lasting.lasting = True
    bench = benches(["One.", "Two."], [[ModelError("cut")], ANSWER, [lasting], ANSWER])
    assert await whole(bench.prepare(1)) == SAID
    await bench.pipeline.close()
    with pytest.raises(ModelError, match="wrong key"):
        await whole(bench.prepare(2))


async def test_an_excuse_keeps_its_turn_until_it_is_settled(benches: Any) -> None:
    late = DeadlineError("no first word within 8 s")
    bench = benches(["One.", "Two."], [[late], ANSWER])

    async def excuse() -> tuple[str, NDArray[np.int16]]:
        return "Sorry.", np.full(800, 1000, np.int16)

    bench.pipeline._excuse_of = excuse
    first, second = bench.prepare(1), bench.prepare(2)
    await first.answer.ready.wait()
    await reached(lambda: any(event.revision == 2 for event in bench.events), "the second one is understood")
    assert not second.answer.text, "said into the excuse, it waits for what becomes of that"
    await first.settle(Outcome("Sorry.", complete=True))
    assert await whole(second) == SAID
    assert bench.text.startswith(bench.asked("One.") + "Sorry.<end>" + bench.asked("Two."))


@pytest.mark.parametrize("gone", ["end_probability", "append", "mark"])
async def test_known_words_are_said_although_the_model_is_gone(benches: Any, gone: str) -> None:
    bench = benches(["Thank you, goodbye."], [])

    async def fail(*what: Any) -> Any:
        raise ModelError("the language model's thread has stopped")

    setattr(bench.conversation, gone, fail)
    revision = bench.prepare()
    assert await whole(revision) == bench.policy.agent.goodbye
    await revision.settle(Outcome(bench.policy.agent.goodbye, complete=True))
    assert bench.history.last.audible_text == bench.policy.agent.goodbye


async def test_an_answer_that_cannot_be_remembered_was_said_all_the_same(
    benches: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bench = benches(["One."], [ANSWER])
    revision = bench.prepare()
    assert await whole(revision) == SAID

    async def fail(*what: Any) -> None:
        raise ModelError("the language model's thread has stopped")

    bench.conversation.append = fail
    await revision.settle(Outcome(SAID, complete=True))
    assert revision.answer.text == SAID, "no excuse behind it"
    assert "a turn is not remembered: the language model's thread has stopped" in caplog.text


async def test_what_a_caller_has_told_is_kept_for_their_call_only(benches: Any) -> None:
    bench = benches(["My name is Ada."] * 2 + ["Goodbye."], [["Hello, Ada. How are you?"]] * 2)
    for number in (1, 2):
        revision = bench.prepare(number)
        await whole(revision)
        await revision.cancel()
    assert bench.voice.hits > 0, "said again in the call, it costs nothing"
    assert await whole(bench.prepare(3)) == bench.policy.agent.goodbye
    asked = bench.voice.misses
    await bench.voice.say("Hello, Ada.", 8_000)
    assert bench.voice.misses == asked + 1, "and another call does not find it"
    await bench.voice.say(split(bench.policy.agent.goodbye)[0], 8_000)
    assert bench.voice.misses == asked + 1, "but what the agent's file says"


async def test_cancelling_during_recognition_is_clean(benches: Any) -> None:
    bench = benches(["Something."], [ANSWER])
    bench.recognizer.gate = asyncio.Event()
    revision = bench.prepare()
    await asyncio.sleep(0)
    await revision.cancel()
    assert bench.text == ""
    assert await whole(revision) == ""


async def test_a_long_call_forgets_its_oldest_turns_and_goes_on(
    benches: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    turns = 30
    bench = benches([f"Remark {n}." for n in range(turns)], [ANSWER] * turns)
    bench.conversation.text.append("<prefix>")
    bench.conversation.start = Mark(1)
    bench.conversation.tokens_limit = Limits().max_tokens + 192 + 40
    for number in range(turns):
        revision = bench.prepare(number)
        await whole(revision)
        await revision.settle(Outcome(SAID, complete=True))
    assert bench.text.startswith("<prefix>")
    assert f"Remark {turns - 1}." in bench.text
    assert "Remark 0." not in bench.text
    assert re.search(r"its oldest \d+ of \d+ turns are forgotten", caplog.text)
    assert "Remark" not in caplog.text
    assert bench.conversation.tokens_used + Limits().max_tokens + 192 <= bench.conversation.tokens_limit


async def test_the_model_knows_what_the_call_itself_has_said(benches: Any) -> None:
    bench = benches(["The first one."] * 2, [ANSWER, ANSWER])
    bench.history.prompted(lambda: "Are you calling about an old order or")
    first = bench.prepare(1)
    await whole(first)
    greeted = "".join(bench.policy.prompt("Are you calling about an old order or", first=True))
    assert bench.text.startswith(greeted + bench.asked("The first one."))
    await first.cancel()
    second = bench.prepare(2)
    await whole(second)
    await second.settle(Outcome(SAID, complete=True))
    assert bench.text.count("Are you calling") == 1, "told once, whatever is cancelled"


async def test_thoughts_are_neither_spoken_nor_remembered(benches: Any) -> None:
    bench = benches(
        ["Something unrelated."], [["<think>The hours. ", "Be brief.</think>\n\n", "We open at nine."]]
    )
    revision = bench.prepare()
    assert await whole(revision) == "We open at nine."
    await revision.settle(Outcome("We open at nine.", complete=True))
    assert bench.text == bench.asked("Something unrelated.") + "We open at nine.<end>"


async def test_the_model_may_end_the_call_but_not_with_a_question(benches: Any) -> None:
    bench = benches(
        ["I have all I need.", "Fine."], [["Thank you for calling. [end_call]"], ["Is that all? [end_call]"]]
    )
    revision = bench.prepare(1)
    assert await whole(revision) == "Thank you for calling."
    assert revision.ends_call
    await revision.cancel()
    revision = bench.prepare(2)
    assert await whole(revision) == "Is that all?"
    assert not revision.ends_call


async def test_a_caller_who_asks_for_time_gets_it(benches: Any) -> None:
    bench = benches(["Hold on a second."], [])
    asks_for_time = Ranking((), ActGuess("wait", 0.9))
    bench.policy._knowledge = SimpleNamespace(search=lambda *what: asks_for_time, stated=0)
    revision = bench.prepare(4)
    assert await whole(revision) == bench.policy.agent.take_your_time
    assert CallerWaits(4) in bench.events


async def test_a_model_that_grants_time_gives_it(benches: Any) -> None:
    bench = benches(["I am looking for it."], [["Sure, ", "take your time."]])
    await whole(bench.prepare(4))
    await asyncio.sleep(0)
    assert CallerWaits(4) in bench.events


@pytest.mark.parametrize("history_turns", [0, 2])
async def test_only_so_many_turns_are_remembered(benches: Any, history_turns: int) -> None:
    bench = benches([f"Remark {n}." for n in range(5)], [ANSWER] * 5, None, history_turns)
    for number in range(5):
        revision = bench.prepare(number)
        await whole(revision)
        await revision.settle(Outcome(SAID, complete=True))
        held = [n for n in range(5) if f"Remark {n}." in bench.text]
        assert held == [n for n in range(5) if number - history_turns < n <= number]


async def test_closing_ends_every_revision_and_rolls_back(benches: Any) -> None:
    bench = benches(["First.", "Second."], [ANSWER, ANSWER])
    first, second = bench.prepare(1), bench.prepare(2)
    await whole(first)
    await bench.pipeline.close()
    assert bench.text == bench.opening("First.")
    assert await whole(second) == ""
