"""Turn-taking as tables, and as properties of any sequence of events."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.events import AudioEnded, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn import (
    MS,
    Action,
    AskStillThere,
    CallEnded,
    Cancel,
    Commit,
    Floor,
    NothingHeard,
    PlaybackFinished,
    Prepare,
    PromptStarted,
    SayGoodbye,
    StopPlayback,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    step,
)

SETTINGS = TurnSettings(barge_in=True, barge_in_ms=300, max_silence_ms=10_000)


def at(ms: int) -> int:
    return ms * 8  # samples at 8 kHz


def started(ms: int) -> SpeechStarted:
    return SpeechStarted(at(ms), ms * MS)


def paused(ms: int, voiced_ms: int = 500) -> SpeechPaused:
    return SpeechPaused(at(ms), ms * MS, voiced_ms)


def resumed(ms: int) -> SpeechResumed:
    return SpeechResumed(at(ms), ms * MS)


def stopped(ms: int, voiced_ms: int = 500) -> SpeechStopped:
    return SpeechStopped(at(ms), ms * MS, voiced_ms)


def prepare(revision: int, start: int, stop: int, voiced_ms: int = 500) -> Prepare:
    return Prepare(revision, at(start), at(stop), voiced_ms, stop * MS)


def play(
    script: list[tuple[int, TurnEvent]],
    state: TurnState | None = None,
    turn_settings: TurnSettings = SETTINGS,
) -> tuple[TurnState, list[Action]]:
    """Run events at their times [ms]; every action in order."""
    state = state or TurnState()
    actions: list[Action] = []
    for now_ms, event in script:
        state, new = step(state, event, now_ms * MS, turn_settings)
        actions += new
    return state, actions


TABLE: dict[str, tuple[list[tuple[int, TurnEvent]], Floor, list[Action]]] = {
    "a whole turn": (
        [(100, started(60)), (1100, paused(1000)), (1450, stopped(1000)), (3000, PlaybackFinished(1))],
        Floor.LISTENING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a pause inside the turn cancels the premature revision": (
        [
            (100, started(60)),
            (1100, paused(1000)),
            (1300, resumed(1250)),
            (2100, paused(2000, 900)),
            (2450, stopped(2000, 900)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Cancel(1), prepare(2, 60, 2000, 900), Commit(2)],
    ),
    "noise without words, then silence": (
        [(100, started(60)), (300, paused(200, 80)), (320, NothingHeard(1)), (650, stopped(200, 80))],
        Floor.LISTENING,
        [prepare(1, 60, 200, 80), Cancel(1)],
    ),
    "noise without words, then speech in the same breath": (
        [
            (100, started(60)),
            (300, paused(200, 80)),
            (320, NothingHeard(1)),
            (400, resumed(380)),
            (1100, paused(1000)),
            (1450, stopped(1000)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 200, 80), Cancel(1), prepare(2, 60, 1000), Commit(2)],
    ),
    "the recogniser finds no words after the commit": (
        [(100, started(60)), (300, paused(200)), (650, stopped(200)), (700, NothingHeard(1))],
        Floor.LISTENING,
        [prepare(1, 60, 200), Commit(1), Cancel(1)],
    ),
    "lasting speech interrupts the answer": (
        [
            (0, PromptStarted()),
            (500, started(450)),
            (600, Tick()),
            (760, Tick()),
            (1500, paused(1400)),
            (1850, stopped(1400)),
        ],
        Floor.ANSWERING,
        [StopPlayback(0), prepare(1, 450, 1400), Commit(1)],
    ),
    "mm-hm does not": (
        [
            (0, PromptStarted()),
            (500, started(450)),
            (600, Tick()),
            (700, paused(650, 150)),
            (1000, Tick()),
            (1100, stopped(650, 150)),
            (2000, PlaybackFinished(0)),
        ],
        Floor.LISTENING,
        [],
    ),
    "speech that begins at the end of our answer is the next turn": (
        [
            (0, PromptStarted()),
            (900, started(850)),
            (1000, PlaybackFinished(0)),
            (1900, paused(1800)),
            (2250, stopped(1800)),
        ],
        Floor.ANSWERING,
        [prepare(1, 850, 1800), Commit(1)],
    ),
    "speech that pauses at the end of our answer is not lost": (
        [
            (0, PromptStarted()),
            (700, started(650)),
            (1050, paused(940)),
            (1060, PlaybackFinished(0)),
            (1400, stopped(940)),
        ],
        Floor.ANSWERING,
        [prepare(1, 650, 940), Commit(1)],
    ),
    "silence: asked once, then goodbye": (
        [(0, Tick()), (9_900, Tick()), (10_000, Tick()), (15_000, Tick()), (20_000, Tick())],
        Floor.LISTENING,
        [AskStillThere(), SayGoodbye()],
    ),
    "hang-up while preparing": (
        [(100, started(60)), (1100, paused(1000)), (1200, CallEnded()), (1450, stopped(1000))],
        Floor.ENDED,
        [prepare(1, 60, 1000), Cancel(1)],
    ),
    "end of audio while answering": (
        [(0, PromptStarted()), (500, AudioEnded(4000, 500 * MS)), (600, PlaybackFinished(0))],
        Floor.ENDED,
        [StopPlayback(0)],
    ),
    "an old revision's end is nobody's business": (
        [
            (100, started(60)),
            (1100, paused(1000)),
            (1450, stopped(1000)),
            (1500, PlaybackFinished(0)),
            (1600, NothingHeard(7)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    script, floor, expected = TABLE[name]
    state, actions = play(script)
    assert actions == expected
    assert state.floor is floor


def test_barge_in_can_be_closed() -> None:
    closed = TurnSettings(barge_in=False)
    script: list[tuple[int, TurnEvent]] = [(0, PromptStarted()), (500, started(450)), (5000, Tick())]
    state, actions = play(script, turn_settings=closed)
    assert actions == []
    assert state.floor is Floor.ANSWERING


def test_speech_after_asking_starts_the_count_again() -> None:
    state, actions = play([(0, Tick()), (10_000, Tick()), (11_000, started(11_000))])
    assert actions == [AskStillThere()]
    assert not state.asked_still_there


KINDS = st.sampled_from(
    ["started", "paused", "resumed", "stopped", "finished", "nothing", "prompt", "tick", "ended"]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(KINDS, st.integers(1, 2000)), max_size=60))
def test_no_sequence_of_events_breaks_the_floor(script: list[tuple[str, int]]) -> None:
    """Whatever happens: one answer at a time, only prepared ones, none after the end."""
    state, now_ms = TurnState(), 0
    held: int | None = None  # prepared, neither cancelled nor committed
    audible: int | None = None
    for kind, wait_ms in script:
        now_ms += wait_ms
        possible: dict[str, TurnEvent] = {
            "started": started(now_ms),
            "paused": paused(now_ms),
            "resumed": resumed(now_ms),
            "stopped": stopped(now_ms),
            "finished": PlaybackFinished(state.playing if state.playing is not None else 99),
            "nothing": NothingHeard(state.revision),
            "prompt": PromptStarted(),
            "tick": Tick(),
            "ended": CallEnded(),
        }
        event = possible[kind]
        if kind == "prompt" and state.floor not in (Floor.LISTENING, Floor.ENDED):
            continue  # the call prompts only while it has nothing else to do
        was_ended = state.floor is Floor.ENDED
        if kind == "finished" and state.floor is Floor.ANSWERING:
            audible = None
        state, actions = step(state, event, now_ms * MS, SETTINGS)
        assert not (was_ended and actions)
        for action in actions:
            match action:
                case Prepare(revision=revision):
                    assert held is None
                    assert audible is None
                    held = revision
                case Cancel(revision=revision):
                    assert revision in (held, audible)
                    held = audible = None
                case Commit(revision=revision):
                    assert revision == held
                    held, audible = None, revision
                case StopPlayback():
                    audible = None
        assert (state.floor is Floor.PREPARING) == (held is not None)
        assert (state.playing is not None) <= (state.floor in (Floor.ANSWERING, Floor.ENDED))
        if state.floor is Floor.HEARING:
            assert state.utterance_start_samples is not None
