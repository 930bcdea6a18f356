"""Calls as tables: what the caller does, what they hear, what is remembered, and how it ends.

A row is told in the caller's moves.  Nothing waits for real time: the clock is the test's, the engines say
what the row says, and what is said on the line stands still where a move wants it to.

Above 400 lines because its tables are written out, move by move.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from offhook import turn_taking
from offhook.barge_in import Verdict
from offhook.errors import AgiError, DeadlineError, HangupError, ModelError, OffhookError
from offhook.events import SpeechStarted
from tests.support.clock import Clock, reached
from tests.support.engines.engines import HANG, ScriptedVoice
from tests.support.scripted_call import AGENT, ScriptedCall, scripted_call

Move = Callable[[ScriptedCall], Awaitable[None]]

LONG = ["We open at nine in the morning and we close at six in the evening."]
OPEN, PRICE = ["We open at nine."], ["Four dollars."]
GREETED = AGENT.greeting
GROWN = AGENT.model_copy(update={"goodbye": "Bye for now."})


# --- the caller's moves --------------------------------------------------------------------------


def says(text: Any) -> Move:
    """A whole turn, while nobody else speaks; what comes back is heard to its end."""

    async def move(call: ScriptedCall) -> None:
        await call.says(text)

    return move


def asks(text: Any, *, hears_s: float) -> Move:
    """A whole turn; of what comes back so much is heard, and it stands still there."""

    async def move(call: ScriptedCall) -> None:
        call.line.hold()
        await call.says(text, wait=False)
        await call.line.speaks()
        call.line.time_passes(hears_s)

    return move


def cuts_in(text: Any, verdict: Verdict = Verdict.SPEECH) -> Move:
    """Into what stands still: a sound that is judged so, and turns out to be those words."""

    async def move(call: ScriptedCall) -> None:
        call.judge.verdict = verdict
        before = call.judge.asked
        call.begins(text)
        if verdict is Verdict.SPEECH:
            await is_stopped(call)
        else:
            await reached(lambda: call.judge.asked > before + 1, "it is judged")
        turns = call.state.revision
        call.pauses(0.6)
        if verdict is Verdict.SPEECH:
            await reached(lambda: call.state.revision > turns, "its words are wanted")

    return move


def talks_over(text: str) -> Move:
    """Into what stands still, and nothing stops: it is answered when all of that has been heard."""

    async def move(call: ScriptedCall) -> None:
        turns = call.state.revision
        call.begins(text)
        call.pauses(0.6)
        await reached(lambda: call.state.revision > turns, "its words are wanted")

    return move


async def is_stopped(call: ScriptedCall) -> None:
    ear = call.line.ear
    assert ear is not None
    await call.floor(turn_taking.Hearing)
    await reached(lambda: ear.playing is None, "it is stopped")


def goes_on(text: Any) -> Move:
    """In the utterance that we have begun to answer: they had not finished."""

    async def move(call: ScriptedCall) -> None:
        call.judge.verdict = Verdict.SPEECH
        call.begins(text, resumes=True)
        await is_stopped(call)
        call.line.let_go()
        call.pauses()
        call.stops()

    return move


def is_quick(text: Any, *, hears_s: float) -> Move:
    """A turn whose end the endpointer has not seen yet when it is answered."""

    async def move(call: ScriptedCall) -> None:
        call.line.hold()
        call.line.time_passes(1.0)
        call.begins(text)
        call.pauses()
        await call.floor(turn_taking.Preparing)
        await reached(lambda: call.state.look_at_ns is not None, "the words are known")
        call.line.time_passes(0.9)
        await call.line.speaks()
        call.line.time_passes(hears_s)

    return move


def listens() -> Move:
    """To whatever is said, to its end."""

    async def move(call: ScriptedCall) -> None:
        call.line.let_go()
        if call.utterance_open:
            await call.understood()
            call.stops()
        await call.listening()

    return move


def is_silent(seconds: float) -> Move:
    async def move(call: ScriptedCall) -> None:
        said = len(call.line.said)
        call.line.time_passes(seconds)
        assert call.over is not None
        over = call.over
        await reached(lambda: over.done() or len(call.line.said) > said, "something is said")
        await call.listening()

    return move


def presses(keys: str) -> Move:
    """Perhaps into what stands still, which goes on then."""

    async def move(call: ScriptedCall) -> None:
        turns = call.state.revision
        call.line.presses(keys)
        call.line.let_go()
        await reached(lambda: call.state.revision > turns, "the keys are taken")
        await call.listening()

    return move


async def hangs_up(call: ScriptedCall) -> None:
    call.line.hangs_up()
    await call.ended()


async def is_led_to_the_end(call: ScriptedCall) -> None:
    """By us."""
    await call.ended()


def breaks(error: type[OffhookError]) -> Move:
    """Asterisk cannot be talked with any more."""

    async def move(call: ScriptedCall) -> None:
        call.line.breaks(error("nobody can talk with Asterisk"))
        await call.ended()

    return move


async def talks_without_end(call: ScriptedCall) -> None:
    """A television: it begins, and no pause ever comes."""
    call.begins("and now the weather")
    await call.floor(turn_taking.Hearing)


async def hums_without_end(call: ScriptedCall) -> None:
    """A sound that begins, and in which nobody finds a word."""
    call.begins("")
    await call.floor(turn_taking.Hearing)
    assert call.over is not None
    while not call.over.done():
        call.line.time_passes(2)
        await call.looks_around()


def speaks_into_the_end(text: str) -> Move:
    """Of what is said: nobody can judge so little of it before that is over."""

    async def move(call: ScriptedCall) -> None:
        call.begins(text)
        call.line.time_passes(0.05)
        call.line.let_go()
        await call.floor(turn_taking.Hearing)
        call.pauses()
        call.stops()
        await reached(lambda: len(call.exchanges) == 2, "it is answered")
        await call.listening()

    return move


async def floods(call: ScriptedCall) -> None:
    """A media thread that has gone mad."""
    for _ in range(300):
        call.line.event(SpeechStarted(0, 0))
    await call.ended()


def passes(seconds: float) -> Move:
    async def move(call: ScriptedCall) -> None:
        call.line.time_passes(seconds)
        await call.looks_around()

    return move


# --- the table -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Dance:
    id: str
    answers: list[Any]
    moves: list[Move]
    said: list[str]
    """What was audible, playback by playback, behind the greeting."""
    remembered: list[tuple[str, str]] = field(default_factory=list)
    """The caller's words, and what was audible of the answers to them."""
    result: str = "hangup"
    files: int = 0
    """Ready-made files that were played: the apology."""
    turn: dict[str, Any] = field(default_factory=dict)
    """Settings of ``[turn]``."""
    unsayable: str = ""
    """What the voice cannot say."""


DANCES = [
    Dance(
        "two questions",
        [OPEN, PRICE],
        [says("When do you open?"), says("What do cakes cost?"), hangs_up],
        [*OPEN, *PRICE],
        [("When do you open?", OPEN[0]), ("What do cakes cost?", PRICE[0])],
    ),
    Dance(
        "a farewell ends the call",
        [OPEN],
        [says("When do you open?"), says("Thank you, goodbye.")],
        [*OPEN, AGENT.goodbye],
        [("When do you open?", OPEN[0]), ("Thank you, goodbye.", AGENT.goodbye)],
        result="ok",
    ),
    Dance(
        "silence is asked into once, and then ends the call",
        [],
        [is_silent(11), is_silent(11)],
        [AGENT.still_there, AGENT.goodbye],
        result="ok",
    ),
    Dance(
        "a phrase that cannot be made costs the phrase",
        [OPEN],
        [passes(11), says("When do you open?"), passes(11), is_silent(11)],
        [*OPEN, AGENT.goodbye],
        [("When do you open?", OPEN[0])],
        result="ok",
        unsayable=AGENT.still_there,
    ),
    Dance(
        "an interruption: what was audible is remembered, and what was said is answered",
        [LONG, PRICE],
        [asks("When do you open?", hears_s=0.25), cuts_in("What do cakes cost?"), listens(), hangs_up],
        ["We open at nine in the", *PRICE],
        [("When do you open?", "We open at nine in the"), ("What do cakes cost?", PRICE[0])],
    ),
    Dance(
        "a false alarm: the answer goes on where it was",
        [LONG],
        [asks("When do you open?", hears_s=0.25), cuts_in("Mm-hm."), listens(), hangs_up],
        ["We open at nine in the", LONG[0]],
        [("When do you open?", LONG[0])],
    ),
    Dance(
        "a cough stops nothing",
        [LONG],
        [asks("When do you open?", hears_s=0.25), cuts_in("", Verdict.NOISE), listens(), hangs_up],
        [LONG[0]],
        [("When do you open?", LONG[0])],
    ),
    Dance(
        "who goes on was cut off: the answer is taken back whole",
        [LONG, PRICE],
        [
            is_quick("When do you open?", hears_s=0.25),
            goes_on("When do you open on Sunday?"),
            listens(),
            hangs_up,
        ],
        ["We open at nine in the", *PRICE],
        [("When do you open on Sunday?", PRICE[0])],
    ),
    Dance(
        "keys are a turn",
        [OPEN],
        [presses("12#"), hangs_up],
        OPEN,
        [("1 2", OPEN[0])],
    ),
    Dance(
        "a key cuts an answer and is answered",
        [LONG, PRICE],
        [asks("When do you open?", hears_s=0.25), presses("5#"), hangs_up],
        ["We open at nine in the", *PRICE],
        [("When do you open?", "We open at nine in the"), ("5", PRICE[0])],
    ),
    Dance(
        "where interrupting is off what is said is answered behind the answer",
        [LONG, PRICE],
        [asks("When do you open?", hears_s=0.25), talks_over("What do cakes cost?"), listens(), hangs_up],
        [LONG[0], *PRICE],
        [("When do you open?", LONG[0]), ("What do cakes cost?", PRICE[0])],
        turn={"barge_in": False},
    ),
    Dance(
        "where interrupting is off a hum is no question",
        [LONG],
        [asks("When do you open?", hears_s=0.25), talks_over("Mm-hm."), listens(), hangs_up],
        [LONG[0]],
        [("When do you open?", LONG[0])],
        turn={"barge_in": False},
    ),
    Dance(
        "where interrupting is off a key is answered behind the answer",
        [LONG, PRICE],
        [asks("When do you open?", hears_s=0.25), presses("5#"), hangs_up],
        [LONG[0], *PRICE],
        [("When do you open?", LONG[0]), ("5", PRICE[0])],
        turn={"barge_in": False},
    ),
    Dance(
        "what is not understood is asked for again, twice",
        [],
        [says(""), says(""), says(""), hangs_up],
        [AGENT.unclear, AGENT.unclear],
    ),
    Dance(
        "a caller who repeats our words is answered",
        [LONG, PRICE],
        [says("When do you close?"), says("At six in the evening?"), hangs_up],
        [LONG[0], *PRICE],
        [("When do you close?", LONG[0]), ("At six in the evening?", PRICE[0])],
    ),
    Dance(
        "a hang-up in the midst of an answer",
        [LONG],
        [asks("When do you open?", hears_s=0.25), hangs_up],
        ["We open at nine in the"],
        [("When do you open?", "We open at nine in the")],
    ),
    Dance(
        "a hang-up while an answer is made",
        [[HANG]],
        [lambda call: call.says("When do you open?", wait=False), lambda call: call.answering(), hangs_up],
        [],
    ),
    *(
        Dance(
            f"a session that has ended: {error.__name__}",
            [LONG],
            [asks("When do you open?", hears_s=0.25), breaks(error)],
            ["We open at nine in the"],
            [("When do you open?", "We open at nine in the")],
            result=result,
        )
        for error, result in ((HangupError, "hangup"), (AgiError, "failed"), (DeadlineError, "failed"))
    ),
    Dance(
        "a television is given up with a goodbye",
        [],
        [talks_without_end, passes(3_600 + 20), is_led_to_the_end],
        [AGENT.goodbye],
        result="ok",
        turn={"max_call_s": 3_600},
    ),
    Dance(
        "a sound without a word is nobody",
        [],
        [hums_without_end],
        [AGENT.still_there, AGENT.goodbye],
        result="nobody",
    ),
    Dance(
        "what begins in our last word is answered, be it our own words",
        [LONG, PRICE],
        [asks("When do you open?", hears_s=0.6), speaks_into_the_end("At six in the evening?"), hangs_up],
        [LONG[0], *PRICE],
        [("When do you open?", LONG[0]), ("At six in the evening?", PRICE[0])],
    ),
    Dance(
        "more happens than anybody takes",
        [],
        [floods],
        [],
        result="failed",
        files=1,
    ),
    Dance(
        "the longest call ends between two turns",
        [OPEN],
        [says("When do you open?"), passes(3_600), is_led_to_the_end],
        [*OPEN, AGENT.goodbye],
        [("When do you open?", OPEN[0])],
        result="ok",
        turn={"max_call_s": 3_600},
    ),
    Dance(
        "a call that may last for ever",
        [OPEN, PRICE],
        [says("When do you open?"), says("What is a coffee?"), hangs_up],
        [*OPEN, *PRICE],
        [("When do you open?", OPEN[0]), ("What is a coffee?", PRICE[0])],
        turn={"max_call_s": math.inf},
    ),
]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


# --- any dance -----------------------------------------------------------------------------------


def episode(chance: Random, number: int) -> list[Move]:
    """Something that callers do, from listening to listening."""
    question = f"What about number {number}?"
    cut = asks(question, hears_s=chance.uniform(0.05, 0.55))
    return chance.choice(
        [
            [says(question)],
            [presses(f"{number}#")],
            [passes(chance.uniform(0.5, 8))],
            [cut, listens()],
            [cut, presses(f"{number}#")],
            [cut, cuts_in(f"No, number {number + 100}."), listens()],
            [cut, cuts_in("Mm-hm."), listens()],
            [cut, cuts_in("", Verdict.NOISE), listens()],
            [cut, cuts_in("Mm-hm."), passes(0.1), cuts_in(f"And {number}?"), listens()],
        ]
    )


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_a_caller_does_what_is_remembered_is_what_was_audible(
    tmp_path: Path, clock: Clock, seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = Random(seed)
    answers = [[f"Answer {number} is as long as any of them, and it ends here."] for number in range(99)]
    async with scripted_call(tmp_path, clock, answers) as call:
        for number in range(1, 9):
            for move in episode(chance, number):
                await move(call)
        await hangs_up(call)
        for asked, audible in call.exchanges:
            assert audible in ("", *call.line.said), f"what was answered to {asked!r}"
            whole = audible.endswith("here.")
            known = f"{audible}<end>" if whole else "".join(call.policy.cut_answer(audible))
            assert f"<user>{asked}<agent>{known}" in call.remembered, "the model knows the same"
        answered = re.findall(r"Answer \d+ ", "".join(f"{audible} " for audible in call.spoken))
        assert re.findall(r"Answer \d+ ", call.remembered) == answered, "and nothing else"
        assert call.line.ear is not None
        assert all(track.dropped for track in call.line.ear.tracks)
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


# --- beginnings and ends -------------------------------------------------------------------------


async def test_who_hangs_up_while_the_model_is_opened_is_let_go(tmp_path: Path, clock: Clock) -> None:
    async with scripted_call(tmp_path, clock, [], greeted=False) as call:
        asked = asyncio.Event()

        async def open_for_ever(prefix: Any) -> None:
            asked.set()
            await asyncio.Event().wait()

        call.models.language_model.conversation = open_for_ever  # type: ignore[method-assign,assignment]
        await call.pick_up()
        await asked.wait()
        call.line.hangs_up()
        assert await call.ended() == "hangup"
        assert call.line.closed


async def test_a_daemon_that_stops_ends_the_call_and_tells_the_dialplan(tmp_path: Path, clock: Clock) -> None:
    async with scripted_call(tmp_path, clock, [LONG]) as call:
        await asks("When do you open?", hears_s=0.25)(call)
        assert call.over is not None
        call.over.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call.over
        assert (call.line.result, call.line.closed) == ("failed", True)
        call.over = None


@pytest.mark.parametrize("dance", DANCES, ids=lambda dance: dance.id)
async def test_a_call(tmp_path: Path, clock: Clock, dance: Dance) -> None:
    answers = [list(answer) for answer in dance.answers]
    trouble = ModelError("no audio comes")
    voice = ScriptedVoice(lambda text: copy(trouble) if text == dance.unsayable else None)
    async with scripted_call(tmp_path, clock, answers, voice=voice, **dance.turn) as call:
        for move in dance.moves:
            await move(call)
        assert await call.ended() == dance.result
        assert call.line.said == [GREETED, *dance.said]
        assert call.exchanges == dance.remembered
        assert (call.line.result, len(call.line.files)) == (dance.result, dance.files)
        assert call.line.closed
        assert call.line.ear is not None
        assert all(track.dropped for track in call.line.ear.tracks), "nothing of it is left"
