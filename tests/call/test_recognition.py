"""The owner of the caller's words: looks at one turn's audio, and which of them are spared.

Above 400 lines because all looks of a turn are tried on the same fake recogniser.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook import turn_taking
from offhook.call.caller_audio import POST_ROLL_MS, PRE_ROLL_MS
from offhook.call.recognition import AGAIN_MS, FIRST_HERE_MS, FIRST_MS, MOST_DOUBTED, CallerWords, common
from offhook.call.revision import Revision, Words
from offhook.call.said import SaidSoFar
from offhook.call.stretch import EVERY_MS
from offhook.end_of_turn.wait import SHORTEST_PAUSE_MS
from offhook.engines.stt.base import Transcript
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.errors import BusyError, ModelError
from offhook.observe.trace import TurnTrace
from offhook.playout.utterance import Utterance
from offhook.turn_taking import WordsChanged, WordsSoFar
from offhook.workers import Claim, Urgency
from tests.support.clock import Clock, reached

RATE_HZ = 8_000
TURN = 4 * RATE_HZ
"""Where the caller begins to speak [samples]."""
VOICED_MS = 900


@pytest.mark.parametrize(
    ("before", "now", "sure"),
    [
        ("", "", ""),
        ("", "What", ""),
        ("What", "What are", "What"),
        ("What are", "What are your opening", "What are"),
        ("What are your open", "What are your opening hours", "What are your"),
        ("What are your.", "What are your opening", "What are"),
        ("I would like,", "I would like, to book", "I would like"),
        ("Where is", "There is a", ""),
        ("What are you", "What are you", "What are"),
    ],
)
def test_sure_words(before: str, now: str, sure: str) -> None:
    assert " ".join(common(before.split(), now.split())) == sure


class Line:
    """The caller's audio, and the recogniser that hears it; each look waits for :attr:`gate`."""

    rate_hz = RATE_HZ
    streams = False
    pre_roll_samples = PRE_ROLL_MS * RATE_HZ // 1000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.written_samples = TURN
        self.levels = np.full(120 * RATE_HZ, 3_000, np.int16)
        self.played = np.zeros(RATE_HZ, np.int16)
        self.texts: list[Any] = []
        self.looks: list[tuple[float, Claim]] = []
        """Seconds of audio, and how soon, of each look begun."""
        self.doubtful = False
        self.asked_again = 0
        self.stopped = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.ahead: list[str] = []
        self.events: list[turn_taking.TurnEvent] = []
        self.words = CallerWords(
            cast(Any, self),
            cast(Any, self),
            ring_s=25.0,
            anticipate=self._anticipate,
            post=self.events.append,
            asked=lambda: self.asked_again,
        )

    # What CallerWords asks of the audio.

    def samples(self, duration_ms: int) -> int:
        return duration_ms * RATE_HZ // 1000

    def only(self, start: int, stop: int) -> NDArray[np.int16]:
        return self.levels[start : min(stop, self.written_samples)]

    def read(self, start: int, stop: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        return self.only(start, stop), self.played

    # ... and of the recogniser.

    def session(self, rate_hz: int) -> Rerecognition:
        return Rerecognition(rate_hz, self._recognize, lambda text, voiced_ms: text)

    async def _recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, claim: Claim, before: Transcript | None
    ) -> Transcript:
        self.looks.append((len(audio) / 16_000, claim))
        text = self.texts.pop(0)
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if isinstance(text, Exception):
            raise text
        return Transcript(text, len(audio) // 16, 0.0, doubtful=self.doubtful)

    async def _anticipate(self, words: str) -> None:
        self.ahead.append(words)

    # What happens in the call.

    def speak(self, duration_ms: int) -> None:
        """So much more audio has come."""
        self.written_samples += self.samples(duration_ms)
        self.clock.pass_by(duration_ms / 1000)

    def hush(self, duration_ms: int) -> None:
        """The same, of silence."""
        start = self.written_samples
        self.levels[start : start + self.samples(duration_ms)] = 0
        self.speak(duration_ms)

    def die_away(self) -> None:
        """What was said last was said as people end: quieter than the rest."""
        self.levels[self.written_samples - self.samples(60) : self.written_samples] = 600

    def attend(self, *, speaks: bool = True, follow: bool = True) -> None:
        self.words.attend(TURN, speaks=speaks, follow=follow)

    def pause(self) -> tuple[SaidSoFar, int]:
        """The caller pauses here, and enough of the pause has come: what they have said, and until where."""
        self.die_away()
        stop = self.written_samples
        self.hush(POST_ROLL_MS)
        return self.words.said(TURN, stop, VOICED_MS), stop

    async def heard(self, said: SaidSoFar, claim: Claim | None = None) -> Words:
        return await said.words(trace(), claim or Claim(Urgency.PREPARED))

    async def ahead_of_time(self, looks: int) -> None:
        """Until the caller was looked at so often, and the last look was compared."""
        await reached(lambda: len(self.looks) == looks, f"look {looks}")
        await asyncio.sleep(0.01)


def ahead(claim: Claim) -> bool:
    return claim.rank[0] is Urgency.AHEAD


def trace() -> TurnTrace:
    return TurnTrace("call", 1, voiced_ms=VOICED_MS)


@pytest.fixture
async def line(monkeypatch: pytest.MonkeyPatch) -> Any:
    made = Line(Clock(monkeypatch))
    yield made
    made.words.close()
    await asyncio.sleep(0)


async def test_words_that_two_looks_agree_on_are_told_ahead(line: Line) -> None:
    line.texts = ["I would", "I would like a cake", "I would like a cake for two"]
    line.speak(FIRST_HERE_MS)
    for looks in (1, 2, 3):
        line.attend()
        await line.ahead_of_time(looks)
        line.speak(3_000)
    assert line.ahead == ["I would", "I would like a cake"]
    said, _ = line.pause()
    line.texts = ["I would like a cake for two, please."]
    assert (await line.heard(said)).text == "I would like a cake for two, please."


async def test_looks_ahead_at_a_long_turn_cost_about_twice_the_last_one(line: Line) -> None:
    line.texts = ["I would like a cake"] * 20
    line.speak(FIRST_HERE_MS - 100)
    line.attend()
    for spoken_ms in range(FIRST_HERE_MS, 10_000, 100):
        line.speak(100)
        for _ in range(3):
            await asyncio.sleep(0.003)
        assert line.looks or spoken_ms < FIRST_HERE_MS + 200, "the first one is not given up"
    looked_s = [seconds for seconds, _ in line.looks]
    assert 4 <= len(looked_s) <= 6
    assert looked_s[-1] > 5
    assert sum(looked_s) < 3 * looked_s[-1]


async def test_a_pause_that_was_none_is_the_next_look_ahead(line: Line) -> None:
    """The caller goes on while their pause is looked at: the look is not begun anew, and not for nothing."""
    line.texts = ["I would like", "I would like a cake"]
    line.speak(FIRST_MS)
    line.gate.clear()
    said, _ = line.pause()
    claim = Claim(Urgency.PREPARED)
    revision = asyncio.create_task(line.heard(said, claim))
    await reached(lambda: len(line.looks) == 1, "the pause is looked at")
    (_, look) = line.looks[0]
    assert not ahead(look)
    line.speak(100)
    revision.cancel()
    line.attend()
    await asyncio.wait([revision])
    assert ahead(look), "others' pauses go first now"
    line.gate.set()
    await asyncio.sleep(0.01)
    line.speak(EVERY_MS)
    await line.ahead_of_time(2)
    assert (line.stopped, line.ahead) == (0, ["I would like"])


async def test_without_a_follower_what_nobody_waits_for_is_stopped(line: Line) -> None:
    line.texts = ["late", "I would like a cake"]
    line.gate.clear()
    line.speak(FIRST_MS)
    said, _ = line.pause()
    revision = asyncio.create_task(line.heard(said))
    await reached(lambda: len(line.looks) == 1, "the pause is looked at")
    revision.cancel()
    line.attend(follow=False)
    await asyncio.wait([revision])
    await reached(lambda: line.stopped == 1, "it is stopped")
    line.gate.set()
    assert (await line.heard(line.pause()[0])).text == "I would like a cake"


async def test_a_look_ahead_at_all_of_it_is_what_the_pause_needs(line: Line) -> None:
    line.texts = ["I would like a cake"]
    line.speak(FIRST_HERE_MS)
    stop = line.written_samples
    line.hush(POST_ROLL_MS + 20)
    line.gate.clear()
    line.attend()
    await reached(lambda: len(line.looks) == 1, "a look ahead")
    said = line.words.said(TURN, stop, VOICED_MS)
    revision = asyncio.create_task(line.heard(said))
    line.attend(speaks=False)
    await reached(lambda: not ahead(line.looks[0][1]), "the revision waits for it")
    line.gate.set()
    assert (await revision).text == "I would like a cake"
    again = line.words.said(TURN, stop, VOICED_MS)
    assert (await line.heard(again)).text == "I would like a cake", "and once more for nothing"
    assert len(line.looks) == 1


@pytest.mark.parametrize(
    ("pauses", "looked_ms"),
    [
        pytest.param([(600, "dies", None)], [660], id="an end"),
        pytest.param([(600, "breaks", None)], [700], id="an end that sounds like a closure"),
        pytest.param([(600, "breaks", 80), (300, "dies", None)], [1040], id="a closure"),
        pytest.param([(600, "breaks", 80), (40, "breaks", 140), (300, "dies", None)], [1220], id="two"),
        pytest.param([(600, "dies", 80), (300, "dies", None)], [660, 1040], id="a pause between words"),
        pytest.param([(600, "breaks", 240), (300, "dies", None)], [700, 1200], id="a pause of thought"),
    ],
)
async def test_where_a_voice_breaks_off_only_what_lasts_is_looked_at(
    line: Line, pauses: list[tuple[int, str, int | None]], looked_ms: list[int]
) -> None:
    """``pauses``: speech before each, how it ends, how long the pause is; None: the caller has finished."""
    line.texts = ["I would like a cake"] * 5
    for said_ms, ends, pause_ms in pauses:
        line.speak(said_ms)
        if ends == "dies":
            line.die_away()
        stop = line.written_samples
        line.hush(60)
        said = line.words.said(TURN, stop, VOICED_MS)
        revision = asyncio.create_task(line.heard(said))
        for _ in range(5):  # what is not held back begins now
            await asyncio.sleep(0)
        line.hush((pause_ms or 400) - 60)
        if pause_ms is not None and pause_ms < SHORTEST_PAUSE_MS:
            revision.cancel()
            await asyncio.wait([revision])
        else:
            assert (await revision).text == "I would like a cake"
    assert [round(seconds * 1000) - PRE_ROLL_MS for seconds, _ in line.looks] == looked_ms


@pytest.mark.parametrize("sound", [False, True])
async def test_a_second_look_is_taken_only_where_there_is_something(line: Line, sound: bool) -> None:
    line.texts = ["I would like a cake", "I would like a cake for two"]
    line.speak(FIRST_MS)
    said, stop = line.pause()
    words = await line.heard(said)
    revision = Revision(7, trace(), Utterance(RATE_HZ, lambda: cast(Any, None)), words.text, words.rest)
    (line.speak if sound else line.hush)(AGAIN_MS)
    await line.words.look_again(revision, TURN, stop)
    assert len(line.looks) == (2 if sound else 1)
    more = stop + line.samples(AGAIN_MS)
    assert line.events == ([WordsChanged(7, more)] if sound else [])
    if sound:
        redone = line.words.said(TURN, more, VOICED_MS)
        assert (await line.heard(redone)).text == "I would like a cake for two"
        assert len(line.looks) == 2, "what is made anew has its words already"


@pytest.mark.parametrize(
    ("floor", "due"),
    [
        (turn_taking.Preparing(commit_at_ns=900, words="a cake"), True),
        (turn_taking.Preparing(commit_at_ns=None, words="a cake"), False),
        (turn_taking.Preparing(commit_at_ns=900), False),
        (turn_taking.Preparing(commit_at_ns=300, words="a cake"), False),
        (turn_taking.Listening(), False),
    ],
)
def test_when_a_second_look_is_worth_it(floor: turn_taking.Floor, due: bool) -> None:
    """Times in ms."""
    words = CallerWords.__new__(CallerWords)
    words._checked = 0
    if isinstance(floor, turn_taking.Preparing) and floor.commit_at_ns is not None:
        floor = replace(floor, commit_at_ns=floor.commit_at_ns * 10**6)
    state = turn_taking.TurnState(floor, revision=1, voice=turn_taking.CallerVoice(ended_ns=0))
    assert words.again_is_due(state, AGAIN_MS * 10**6) is due
    assert not words.again_is_due(state, (AGAIN_MS - 1) * 10**6)
    words._checked = 1
    assert not words.again_is_due(state, AGAIN_MS * 10**6)


@pytest.mark.parametrize(
    ("asked_again", "played", "text"),
    [(0, False, ""), (MOST_DOUBTED, False, "I would hike a cave"), (0, True, "I would hike a cave")],
)
async def test_doubtful_words_are_none_unless_we_spoke_too_or_have_asked(
    line: Line, asked_again: int, played: bool, text: str
) -> None:
    line.doubtful, line.asked_again = True, asked_again
    if played:
        line.played = np.tile(np.arange(-500, 500, dtype=np.int16), 8)
    line.texts = ["I would hike a cave"]
    line.speak(FIRST_MS)
    assert (await line.heard(line.pause()[0])).text == text


async def test_where_we_were_heard_the_utterance_is_recognised_by_itself(line: Line) -> None:
    line.played = np.tile(np.arange(-500, 500, dtype=np.int16), 8)
    line.texts = ["I would like a cake"]
    line.speak(FIRST_MS)
    said, _ = line.pause()
    assert said.echoes
    assert (await line.heard(said)).text == "I would like a cake"


async def test_what_failed_is_tried_again_and_a_new_turn_takes_no_words_away(line: Line) -> None:
    line.texts = [ModelError("broken"), "I would like a cake"]
    line.speak(FIRST_MS)
    said, _ = line.pause()
    with pytest.raises(ModelError, match="broken"):
        await line.heard(said)
    line.gate.clear()
    committed = asyncio.create_task(line.heard(said))
    await reached(lambda: len(line.looks) == 2, "it is looked at again")
    line.words.said(TURN + 2 * RATE_HZ, line.written_samples, 0)  # the next turn has begun
    line.gate.set()
    assert (await committed).text == "I would like a cake"


async def test_the_parts_of_a_long_turn_come_first_and_outlive_a_revision(line: Line) -> None:
    line.texts = ["My name is Katherine Jones", "and nothing works", ""]
    for second in range(1, 16):
        line.speak(1_000)
        if second == 13:
            line.words.paused(line.written_samples, 13_000)
            line.hush(200)
            line.words.went_on(line.written_samples)
        line.attend(follow=False)
    line.gate.clear()
    said, _ = line.pause()
    first = asyncio.create_task(line.heard(said))
    await reached(lambda: len(line.looks) == 2, "the rest is recognised while the part is")
    first.cancel()
    await asyncio.wait([first])
    assert line.stopped == 1, "not the part"
    line.gate.set()
    words = await line.heard(line.pause()[0])
    assert (words.text, words.rest) == ("My name is Katherine Jones", ""), "also when nothing came after it"
    assert WordsSoFar() in line.events


class Streamed:
    """A session of a service: what it was given, and what it says by itself."""

    def __init__(self) -> None:
        self.samples: list[int] = []
        self.pauses: list[tuple[int, int]] = []
        """How long they were, and how often audio had been pushed by then."""
        self.turn_over = 0.9
        self.looked = 0

    def push(self, audio: NDArray[np.int16]) -> None:
        self.samples.append(len(audio))

    async def interim(self) -> str:
        self.looked += 1
        return "I would like a cake"

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        return Transcript("I would like a cake.", 0, 0.0)

    # As a session at a service that takes what it is told as pieces.
    in_pieces = True

    async def settled(self, claim: Claim | None) -> None:
        """There is nothing to wait for."""

    def probably_over(self) -> None:
        """Nothing waits."""

    def went_on(self, pause_ms: int) -> None:
        self.pauses.append((pause_ms, len(self.samples)))

    def cancel(self) -> None:
        """Nothing to stop."""


async def test_a_service_is_given_audio_once_and_as_it_comes(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Streamed()
    line.streams = True
    monkeypatch.setattr(line, "session", lambda rate_hz: session)
    for _ in range(20):
        line.speak(50)
        line.attend()
        await asyncio.sleep(0.001)
    words = await line.heard(line.pause()[0])
    assert (words.text, words.prosody) == ("I would like a cake.", 0.9)
    assert len(session.samples) == 21
    assert sum(session.samples) == line.written_samples - TURN + line.pre_roll_samples
    assert session.pauses == []
    line.words.paused(line.written_samples - line.samples(POST_ROLL_MS), VOICED_MS)
    line.hush(60)
    line.words.went_on(line.written_samples)
    assert session.pauses == [(160, 21)], "before anything of what follows is pushed"
    line.words.went_on(line.written_samples)
    assert len(session.pauses) == 1
    assert session.looked <= 3, "what it says costs nothing, and is not asked for all the time either"


async def test_a_busy_recogniser_is_not_asked_ahead_again_at_once(line: Line) -> None:
    line.texts = [BusyError("a caller who waits goes first")] * 3
    line.speak(FIRST_HERE_MS)
    line.attend()
    await line.ahead_of_time(1)
    line.attend()
    await asyncio.sleep(0.05)
    assert len(line.looks) == 1
    line.speak(3_000)
    await line.ahead_of_time(2)
