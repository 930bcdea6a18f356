"""Turn-taking as tables: what happens, when, and what has to be done about it."""

from __future__ import annotations

from types import UnionType

from offhook.end_of_turn.wait import EndpointingSettings
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn_taking import (
    MS,
    Action,
    PlaybackStarted,
    Prepare,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    WordsHeard,
    step,
)

SETTINGS = TurnSettings(
    endpointing=EndpointingSettings(shortest_ms=100, longest_ms=800, half=0.5, steepness=1.0, asked_ms=700),
    max_silence_ms=10_000,
    holding_ms=1_500,
)
DONE, UNSURE = 1.0, 0.0
"""Words that are certainly complete wait 100 ms, those that are not 800 ms."""

Script = list[tuple[int, TurnEvent]]
Has = type | UnionType
"""Who has the floor: one of its kinds, or one of several."""
Table = dict[str, tuple[Script, Has, list[Action]]]
"""What happened, who has the floor in the end, and all that had to be done."""


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


def words(revision: int, complete: float = DONE, text: str = "what does it cost") -> WordsHeard:
    return WordsHeard(revision, text, complete)


def hum(revision: int) -> WordsHeard:
    return WordsHeard(revision, "Mm-hm.", DONE, backchannel=True)


def ticks(first_ms: int, last_ms: int) -> Script:
    """Nothing but time passing."""
    return [(now_ms, Tick()) for now_ms in range(first_ms, last_ms + 1, 50)]


def play(
    script: Script, state: TurnState | None = None, turn_settings: TurnSettings = SETTINGS
) -> tuple[TurnState, list[Action]]:
    """Run events at their times [ms]; every action in order."""
    state = state or TurnState()
    actions: list[Action] = []
    for now_ms, event in script:
        state, new = step(state, event, now_ms * MS, turn_settings)
        actions += new
    return state, actions


def check(script: Script, floor: Has, expected: list[Action]) -> None:
    """One row of a table."""
    state, actions = play(script)
    assert actions == expected
    assert isinstance(state.floor, floor)


ASKED: Script = [(100, started(60)), (1100, paused(1000)), (1150, words(1))]
"""A question that is certainly complete; it is committed at once."""
HEARD: Script = [*ASKED, (1160, PlaybackStarted(1)), (1810, stopped(1000))]
"""Its answer is being heard."""
