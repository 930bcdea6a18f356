"""Revisions: what is cancelled leaves no trace, what is committed is remembered as it was heard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from offhook.agents.loader import load_agent
from offhook.dialog import Dialog
from offhook.errors import ModelError, PlaybackError
from offhook.llm.base import Limits, Mark
from offhook.models import Models
from offhook.pipeline import Clause, Outcome, Pipeline, Revision, Voice, without_lead
from offhook.playout import PlaybackFolder
from offhook.trace import TurnTrace
from tests.support.engines import PlainTemplate, ScriptedConversation, ScriptedRecognizer, ScriptedVoice

AUDIO = np.zeros(8_000, np.int16)


class Bench:
    """A pipeline over scripted engines, and what it left behind."""

    def __init__(
        self,
        folder: Path,
        heard: list[str],
        answers: list[list[Any]],
        voice: ScriptedVoice | None = None,
        history_turns: int | None = None,
    ) -> None:
        self.recognizer = ScriptedRecognizer(heard)
        self.conversation = ScriptedConversation(answers)
        self.worker = ThreadPoolExecutor(1)
        self.playback = PlaybackFolder(folder)
        self.shelf = self.playback.shelf("call")
        self.dialog = Dialog(load_agent("receptionist"), PlainTemplate())
        voice = voice or ScriptedVoice()
        self.pipeline = Pipeline(
            Models(cast(Any, self.recognizer), cast(Any, None), voice),
            Voice(voice, self.worker),
            self.dialog,
            self.conversation,
            self.shelf,
            8_000,
            Limits(),
            history_turns,
        )

    def prepare(self, number: int = 1) -> Revision:
        return self.pipeline.prepare(number, AUDIO, TurnTrace("call", 1, voiced_ms=500))

    @property
    def text(self) -> str:
        return "".join(self.conversation.text)

    def asked(self, heard: str) -> str:
        return "".join(self.dialog.turn(heard).pieces)

    def close(self) -> None:
        self.worker.shutdown()
        self.playback.close()


@pytest.fixture
def benches(tmp_path: Path) -> Iterator[Any]:
    made: list[Bench] = []

    def make(heard: list[str], answers: list[list[Any]], *rest: Any) -> Bench:
        made.append(Bench(tmp_path / str(len(made)), heard, answers, *rest))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


async def collect(revision: Revision) -> list[Clause]:
    return [clause async for clause in revision.clauses()]


ANSWER = ["We open ", "at eight in the morning. ", "Can I help you with ", "anything else today?"]


async def test_a_whole_answer_is_remembered_word_for_word(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    clauses = await collect(revision)
    assert " ".join(clause.text for clause in clauses) == "".join(ANSWER)
    assert all(clause.clip.file.exists() for clause in clauses)
    await revision.settle(Outcome("".join(ANSWER), complete=True))
    assert bench.text == bench.asked("Something unrelated.") + "".join(ANSWER) + "<end>"


async def test_a_cancelled_revision_leaves_nothing(benches: Any) -> None:
    bench = benches(["Something unrelated.", "Another thing."], [ANSWER, ANSWER])
    first = bench.prepare(1)
    await collect(first)
    await first.cancel()
    assert bench.text == ""
    second = bench.prepare(2)
    await collect(second)
    await second.settle(Outcome("".join(ANSWER), complete=True))
    assert bench.text == bench.asked("Another thing.") + "".join(ANSWER) + "<end>"


async def test_a_revision_waits_for_the_one_before_to_be_forgotten(benches: Any) -> None:
    bench = benches(["First.", "Second."], [ANSWER, ["Yes, of course I can. "]])
    first, second = bench.prepare(1), bench.prepare(2)
    await collect(first)
    assert not second.answer
    await first.cancel()
    await collect(second)
    assert "First" not in bench.text


async def test_an_interrupted_answer_is_remembered_as_it_was_heard(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    await collect(revision)
    await revision.settle(Outcome("We open at eight", complete=False))
    assert "anything else" not in bench.text
    assert "We open at eight" in bench.text
    assert bench.text.endswith("<end>")


async def test_stopping_between_clauses_ends_the_answer_there(benches: Any) -> None:
    bench = benches(["Something unrelated."], [ANSWER])
    revision = bench.prepare()
    clauses = revision.clauses()
    first = await anext(clauses)
    revision.stop()
    assert [clause async for clause in clauses] == []
    await revision.settle(Outcome(first.text, complete=False))
    assert first.text in bench.text
    assert "anything else" not in bench.text


async def test_no_words_no_answer(benches: Any) -> None:
    bench = benches([""], [])
    revision = bench.prepare()
    assert await collect(revision) == []
    assert revision.empty.is_set()
    assert bench.text == ""


async def test_goodbye_is_answered_by_the_agents_farewell(benches: Any) -> None:
    bench = benches(["Thank you, goodbye."], [])
    revision = bench.prepare()
    clauses = await collect(revision)
    assert revision.ends_call
    assert [clause.text for clause in clauses] == [bench.dialog.agent.goodbye]


async def test_an_unusable_answer_becomes_a_question(benches: Any) -> None:
    bench = benches(["Something unrelated."], [["*** "]])
    clauses = await collect(bench.prepare())
    assert [clause.text for clause in clauses] == [bench.dialog.agent.unclear]


@pytest.mark.parametrize("stage", ["llm", "tts", "disk"])
async def test_a_failure_reaches_whoever_waits_and_rolls_back(benches: Any, stage: str) -> None:
    broken = ModelError("out of order")
    voice = ScriptedVoice(lambda text: broken if stage == "tts" else None)
    bench = benches(["Something unrelated."], [[broken] if stage == "llm" else ANSWER], voice)
    if stage == "disk":
        bench.shelf.close()
    revision = bench.prepare()
    with pytest.raises(PlaybackError if stage == "disk" else ModelError):
        await collect(revision)
    await revision.cancel()
    assert bench.text == ""


async def test_cancelling_during_recognition_is_clean(benches: Any) -> None:
    bench = benches(["Something."], [ANSWER])
    bench.recognizer.gate = asyncio.Event()
    revision = bench.prepare()
    await asyncio.sleep(0)
    await revision.cancel()
    assert bench.text == ""
    assert await collect(revision) == []


async def test_a_long_call_forgets_its_oldest_turns_and_goes_on(benches: Any) -> None:
    turns = 30
    bench = benches([f"Remark {n}." for n in range(turns)], [ANSWER] * turns)
    bench.conversation.text.append("<prefix>")
    bench.conversation.start = Mark(1)
    bench.conversation.tokens_limit = Limits().max_tokens + 192 + 40
    for number in range(turns):
        revision = bench.prepare(number)
        await collect(revision)
        await revision.settle(Outcome("".join(ANSWER), complete=True))
    assert bench.text.startswith("<prefix>")
    assert f"Remark {turns - 1}." in bench.text
    assert "Remark 0." not in bench.text
    assert bench.conversation.tokens_used + Limits().max_tokens + 192 <= bench.conversation.tokens_limit


@pytest.mark.parametrize("history_turns", [0, 2])
async def test_only_so_many_turns_are_remembered(benches: Any, history_turns: int) -> None:
    bench = benches([f"Remark {n}." for n in range(5)], [ANSWER] * 5, None, history_turns)
    for number in range(5):
        revision = bench.prepare(number)
        await collect(revision)
        await revision.settle(Outcome("".join(ANSWER), complete=True))
        held = [n for n in range(5) if f"Remark {n}." in bench.text]
        assert held == [n for n in range(5) if number - history_turns < n <= number]


async def test_closing_ends_every_revision_and_rolls_back(benches: Any) -> None:
    bench = benches(["First.", "Second."], [ANSWER, ANSWER])
    first, second = bench.prepare(1), bench.prepare(2)
    await collect(first)
    await bench.pipeline.close()
    assert bench.text == ""
    assert await collect(second) == []


def test_silence_in_front_is_cut_and_a_soft_onset_kept() -> None:
    speech = np.full(800, 2_000, np.int16)
    soft = np.full(60, 90, np.int16)
    trimmed = without_lead(np.concatenate([np.zeros(4_000, np.int16), soft, speech]), 8_000)
    np.testing.assert_array_equal(trimmed, np.concatenate([np.zeros(20, np.int16), soft, speech]))
    np.testing.assert_array_equal(without_lead(speech, 8_000), speech)
    silence = np.zeros(100, np.int16)
    np.testing.assert_array_equal(without_lead(silence, 8_000), silence)
