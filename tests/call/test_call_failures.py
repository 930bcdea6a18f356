"""What a caller hears when something fails in mid-call: one failed turn costs one turn."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.stt.base import Transcript
from offhook.engines.stt.gate import Recognizer
from offhook.engines.tts.base import never
from offhook.errors import BusyError, DeadlineError, ModelError, PlaybackError
from offhook.playout.folder import GrowingClip, Shelf
from tests.support.clock import Clock, reached
from tests.support.engines.engines import HANG, ScriptedVoice
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call

EXCUSE = AGENT.excuse
OPEN = ["We open at nine."]
TROUBLES: list[Exception] = [
    ModelError("the server failed (500)"),
    BusyError("no more requests at the moment (429)"),
    DeadlineError("no first word within 8 s"),
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def full_folder(call: ScriptedCall) -> None:
    """From now on files can be made for the call, but nothing can be written into them."""
    assert call.eagi is not None
    shelf = call.eagi.shelf
    for number in range(shelf._count + 1, shelf._count + 9):
        (shelf.folder / f"{number}.sln").symlink_to("/dev/full")


@pytest.mark.parametrize("holding_ms", [0, 1_500])
async def test_a_full_folder_is_an_apology_and_the_fallback(
    tmp_path: Path, clock: Clock, holding_ms: int
) -> None:
    async with scripted_call(tmp_path, clock, [OPEN], door="eagi", holding_ms=holding_ms) as call:
        full_folder(call)
        await call.says("When do you open?", wait=False)
        assert await call.ended() == "failed"
        assert call.eagi is not None
        assert call.eagi.asterisk.variables == {"OFFHOOK_RESULT": "failed"}
        after_the_greeting = call.eagi.asterisk.played[1:]
        assert after_the_greeting == ["ready/1"], "the apology, which was written when there was room"


async def test_a_folder_that_is_full_at_an_answers_end(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(clip: GrowingClip) -> None:
        raise PlaybackError("cannot write: No space left on device")

    async with scripted_call(tmp_path, clock, [OPEN], door="eagi", holding_ms=0) as call:
        monkeypatch.setattr(GrowingClip, "finish", full)
        await call.says("When do you open?", wait=False)
        assert await call.ended() == "failed"
        assert call.eagi is not None
        assert call.eagi.asterisk.played[-1] == "ready/1"


async def test_a_folder_in_which_nothing_can_be_made_for_a_call(tmp_path: Path, clock: Clock) -> None:
    def full(call: ScriptedCall) -> None:
        def shelf(name: str) -> Shelf:
            if name != "call":
                return made(name)
            raise PlaybackError("cannot make a playback folder: No space left on device")

        made = call.playback.shelf
        call.playback.shelf = shelf  # type: ignore[method-assign]

    async with scripted_call(tmp_path, clock, [], door="eagi", fill=full) as call:
        assert await call.ended() == "failed"
        assert call.eagi is not None
        assert call.eagi.asterisk.played == ["ready/1"]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: type(trouble).__name__)
async def test_one_failed_turn_costs_one_turn(tmp_path: Path, clock: Clock, trouble: Exception) -> None:
    trouble = copy(trouble)  # what is raised keeps the call alive by its traceback
    async with scripted_call(tmp_path, clock, [OPEN, [trouble], [trouble], ["Four dollars."]]) as call:
        await call.says("When do you open?")
        await call.says("And on Sunday?")
        if not isinstance(trouble, ModelError):  # which is tried a second time at once
            call.conversation.answers.pop(0)
        await call.says("What do cakes cost?")
        assert call.spoken == ["We open at nine.", EXCUSE, "Four dollars."]
        asked = "".join(call.conversation.text)
        assert "And on Sunday?<agent>" + EXCUSE + "<end>" in asked, "what was asked is known all the same"
        assert asked.endswith("What do cakes cost?<agent>Four dollars.<end>")


async def test_a_failure_before_the_first_word_is_tried_again_unheard(tmp_path: Path, clock: Clock) -> None:
    async with scripted_call(tmp_path, clock, [["We", ModelError("cut")], OPEN]) as call:
        await call.says("When do you open?")
        assert call.spoken == ["We open at nine."]
        assert call.remembered.endswith("When do you open?<agent>We open at nine.<end>")


async def test_what_was_said_of_a_broken_answer_stays_said(tmp_path: Path, clock: Clock) -> None:
    broken = ["We open at nine in the morning. ", "On Sundays we", ModelError("cut")]
    async with scripted_call(tmp_path, clock, [broken, ["Yes, we do."]]) as call:
        await call.says("When do you open?")
        await call.says("Are you sure?")
        assert call.spoken == [f"We open at nine in the morning. {EXCUSE}", "Yes, we do."]
        assert f"<agent>We open at nine in the morning. {EXCUSE}<end>" in call.remembered
        assert "On Sundays" not in call.remembered


async def test_three_failed_turns_in_a_row_end_the_call_with_an_apology(tmp_path: Path, clock: Clock) -> None:
    trouble = DeadlineError("no first word within 8 s")
    answers: list[Any] = [[trouble], [trouble], OPEN, [trouble], [trouble], [trouble]]
    async with scripted_call(tmp_path, clock, answers) as call:
        for _ in range(5):
            await call.says("When do you open?")
        assert call.spoken == [EXCUSE, EXCUSE, "We open at nine.", EXCUSE, EXCUSE]
        await call.says("When do you open?", wait=False)
        assert await call.ended() == "failed"
        assert call.line.result == "failed"
        assert call.line.files == [await call.phrases.apology()]


@pytest.mark.parametrize("trouble", [ModelError("out of memory"), BusyError("65 utterances wait")])
async def test_a_recogniser_that_fails_is_excused_too(
    tmp_path: Path, clock: Clock, trouble: Exception
) -> None:
    trouble = copy(trouble)
    async with scripted_call(tmp_path, clock, [OPEN]) as call:
        if isinstance(trouble, ModelError):  # which is tried a second time at once
            call.words.said.append(trouble)
        await call.says(trouble)
        await call.says("When do you open?")
        assert call.spoken == ["We open at nine."]
        assert f"<user>(The caller says nothing.)<agent>{EXCUSE}<end>" in call.remembered


async def test_a_busy_machine_before_the_conversation_begins_is_busy(tmp_path: Path, clock: Clock) -> None:
    def busy(call: ScriptedCall) -> None:
        async def refuse(prefix: Any) -> None:
            raise BusyError("no place is free")

        call.models.language_model.conversation = refuse  # type: ignore[method-assign,assignment]

    async with scripted_call(tmp_path, clock, [], fill=busy) as call:
        assert await call.ended() == "busy"
        assert call.line.files, "the greeting had begun: nobody is left without a word"


async def test_an_answer_that_never_comes_is_excused(tmp_path: Path, clock: Clock) -> None:
    async with scripted_call(tmp_path, clock, [[HANG], OPEN], answer_timeout_s=12) as call:
        await call.says("When do you open?", wait=False)
        await call.answering()
        await reached(lambda: call.conversation.generation is not None, "the model is asked")
        clock.pass_by(12.5)
        await call.listening()
        await call.says("When do you open?")
        assert call.spoken == [EXCUSE, "We open at nine."]


class HangingTranscriber:
    """Hears the same each time, but for the first utterance: with that it never comes back."""

    name = "hanging"

    def __init__(self) -> None:
        self.begun, self.let_go = threading.Event(), threading.Event()

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        if not self.begun.is_set():
            self.begun.set()
            self.let_go.wait(60)
        return Transcript("When do you open?", 1000, 0.0)

    def close(self) -> None:
        """Nothing to free."""


async def test_a_hung_recogniser_costs_one_turn(tmp_path: Path, clock: Clock) -> None:
    transcriber = HangingTranscriber()
    recognizer = Recognizer(transcriber, timeout_s=8)
    async with scripted_call(tmp_path, clock, [OPEN], recognizer=recognizer) as call:
        await call.says("When do you open?", wait=False)
        await reached(transcriber.begun.is_set, "it hangs")
        await call.answering()
        clock.pass_by(8.5)
        await call.listening()
        await call.says("When do you open?")
        assert call.spoken == ["We open at nine."]
        assert EXCUSE in call.remembered
    transcriber.let_go.set()
    recognizer.close()


class HangingVoice(ScriptedVoice):
    """Speaks, but for one word."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.let_go = threading.Event(), threading.Event()

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        if "nine" in text:
            self.begun.set()
            self.let_go.wait(60)
        yield from super().synthesize(text)


@pytest.mark.parametrize("beginning", [[], ["Good question. "]])
async def test_a_hung_voice_costs_one_turn(tmp_path: Path, clock: Clock, beginning: list[str]) -> None:
    voice = HangingVoice()
    answers = [[*beginning, "We open at nine."], ["Four dollars."]]
    async with scripted_call(tmp_path, clock, answers, voice=voice) as call:
        await call.says("When do you open?", wait=False)
        await reached(voice.begun.is_set, "it hangs")
        if not beginning:  # else time passes while it is played, and the silence behind it
            clock.pass_by(8.5)
        await call.listening()
        await call.says("What do cakes cost?")
        assert call.spoken == [" ".join(["Good question."] * len(beginning) + [EXCUSE]), "Four dollars."]
        voice.let_go.set()
