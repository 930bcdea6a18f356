"""Turn-taking as tables: what happens, when, and what has to be done about it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.endpointing import Asked, EndpointingSettings, Expected, PauseHabit
from offhook.events import AudioEnded, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn import (
    MS,
    Action,
    AskAgain,
    AskStillThere,
    CallEnded,
    CallerDismissed,
    CallerJudged,
    Cancel,
    Commit,
    DigitPressed,
    DigitsEntered,
    Expecting,
    Floor,
    NothingHeard,
    PlaybackFinished,
    PlaybackStarted,
    Prepare,
    PrepareDigits,
    PromptStarted,
    ResumePlayback,
    SayGoodbye,
    SayHolding,
    Settle,
    StopPlayback,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    WordsChanged,
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


ASKED: Script = [(100, started(60)), (1100, paused(1000)), (1150, words(1))]
"""A question that is certainly complete; it is committed at once."""
HEARD: Script = [*ASKED, (1160, PlaybackStarted(1)), (1810, stopped(1000))]
"""Its answer is being heard."""

TABLE: dict[str, tuple[Script, Floor, list[Action]]] = {
    "complete words are answered as soon as they are known": (
        ASKED,
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "words that want to go on are waited for": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1500, Tick()), (1799, Tick())],
        Floor.PREPARING,
        [prepare(1, 60, 1000)],
    ),
    "but not for ever": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1800, Tick())],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a second opinion changes the wait": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1170, words(1, 0.9)), (1175, Tick())],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a whole turn": (
        [*HEARD, (3000, PlaybackFinished(1))],
        Floor.LISTENING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "nothing is committed before its words are known, but at the longest wait": (
        [*ASKED[:2], (1790, Tick()), (1800, Tick()), (1810, stopped(1000))],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a pause inside the turn cancels the premature revision": (
        [
            *ASKED[:2],
            (1150, words(1, UNSURE)),
            (1300, resumed(1250)),
            (2100, paused(2000, 900)),
            (2150, words(2)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Cancel(1), prepare(2, 60, 2000, 900), Commit(2)],
    ),
    "several pauses, several revisions, one answer": (
        [
            *ASKED[:2],
            (1200, resumed(1150)),
            (1500, paused(1450)),
            (1520, words(2, UNSURE)),
            (1800, resumed(1750)),
            (2500, paused(2400)),
            (2550, words(1)),  # late news of a revision that is gone
            (2560, words(3)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Cancel(1), prepare(2, 60, 1450), Cancel(2), prepare(3, 60, 2400), Commit(3)],
    ),
    "the caller goes on after the commit, before anything is heard": (
        [*ASKED, (1155, resumed(1140)), (2100, paused(2000)), (2150, words(2))],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), Cancel(1), prepare(2, 60, 2000), Commit(2)],
    ),
    "an answer that came too early is taken back, and its words are answered with the rest": (
        [
            *ASKED,
            (1160, PlaybackStarted(1)),
            (1400, resumed(1350)),
            (1550, CallerJudged()),
            (2100, paused(2000)),
            (2150, words(2, text="what does it cost for children")),
        ],
        Floor.ANSWERING,
        [
            prepare(1, 60, 1000),
            Commit(1),
            StopPlayback(1, premature=True),
            prepare(2, 60, 2000),
            Commit(2),
        ],
    ),
    "noise without words, then silence": (
        [(100, started(60)), (300, paused(200, 80)), (320, NothingHeard(1, 80)), (1010, stopped(200, 80))],
        Floor.LISTENING,
        [prepare(1, 60, 200, 80), Cancel(1)],
    ),
    "a voice without words is asked to say it again, twice in a row at most": (
        [
            *(
                (start + after, event)
                for turn, start in ((1, 0), (2, 5000), (3, 10_000))
                for after, event in (
                    (100, started(start + 60)),
                    (1100, paused(start + 1000, 700)),
                    (1150, NothingHeard(turn, 700)),
                    (1800, stopped(start + 1000, 700)),
                )
            ),
        ],
        Floor.LISTENING,
        [
            prepare(1, 60, 1000, 700),
            Cancel(1),
            AskAgain(),
            prepare(2, 5060, 6000, 700),
            Cancel(2),
            AskAgain(),
            prepare(3, 10_060, 11_000, 700),
            Cancel(3),
        ],
    ),
    "noise without words, then speech in the same breath": (
        [
            (100, started(60)),
            (300, paused(200, 80)),
            (320, NothingHeard(1, 80)),
            (400, resumed(380)),
            (1100, paused(1000)),
            (1150, words(2)),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 200, 80), Cancel(1), prepare(2, 60, 1000), Commit(2)],
    ),
    "the recogniser finds no words after the commit": (
        [(100, started(60)), (300, paused(200)), (1010, stopped(200)), (1050, NothingHeard(1, 80))],
        Floor.LISTENING,
        [prepare(1, 60, 200), Commit(1), Cancel(1)],
    ),
    "speech that is meant for us stops the answer at once, and takes its place": (
        [
            *HEARD,
            (2100, started(2050)),
            (2260, CallerJudged()),
            (3100, paused(3000)),
            (3150, words(2, text="no wait")),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), StopPlayback(1), prepare(2, 2050, 3000), Settle(1), Commit(2)],
    ),
    "a false alarm: the answer goes on": (
        [
            *HEARD,
            (2100, started(2050)),
            (2260, CallerJudged()),
            (2500, paused(2400, 300)),
            (2550, hum(2)),
            (3300, stopped(2400, 300)),
            (4000, PlaybackFinished(1)),
        ],
        Floor.LISTENING,
        [
            prepare(1, 60, 1000),
            Commit(1),
            StopPlayback(1),
            prepare(2, 2050, 2400, 300),
            Cancel(2),
            ResumePlayback(1),
        ],
    ),
    "a cough that stopped the answer: it goes on": (
        [
            *HEARD,
            (2100, started(2050)),
            (2260, CallerJudged()),
            (2500, paused(2400, 300)),
            (2550, NothingHeard(2, 300)),
        ],
        Floor.ANSWERING,
        [
            prepare(1, 60, 1000),
            Commit(1),
            StopPlayback(1),
            prepare(2, 2050, 2400, 300),
            Cancel(2),
            ResumePlayback(1),
        ],
    ),
    "an interruption whose words come late: the old answer is over at the commit": (
        [*HEARD, (2100, started(2050)), (2260, CallerJudged()), (3100, paused(3000)), (3810, stopped(3000))],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), StopPlayback(1), prepare(2, 2050, 3000), Settle(1), Commit(2)],
    ),
    "mm-hm in the middle stops nothing": (
        [
            *HEARD,
            (2100, started(2050)),
            (2350, paused(2300, 200)),
            (2400, hum(2)),
            (3150, stopped(2300, 200)),
            (4000, PlaybackFinished(1)),
        ],
        Floor.LISTENING,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 2050, 2300, 200), Cancel(2)],
    ),
    "a short word that is no mm-hm does, once it is known": (
        [
            *HEARD,
            (2100, started(2050)),
            (2350, paused(2300, 200)),
            (2400, words(2, text="Stop.")),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 2050, 2300, 200), StopPlayback(1), Settle(1), Commit(2)],
    ),
    "a cough after an early answer finds the same words, which are being answered": (
        [
            *ASKED,
            (1160, PlaybackStarted(1)),
            (1400, resumed(1350)),
            (1500, paused(1450)),
            (1550, words(2)),
            (3000, PlaybackFinished(1)),
        ],
        Floor.LISTENING,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 60, 1450), Cancel(2)],
    ),
    "mm-hm into our last words is no turn": (
        [
            *HEARD,
            (2100, started(2050)),
            (2350, paused(2300, 200)),
            (2360, PlaybackFinished(1)),
            (2400, hum(2)),
            (3150, stopped(2300, 200)),
        ],
        Floor.LISTENING,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 2050, 2300, 200), Cancel(2)],
    ),
    "unless we had asked for a yes or a no": (
        [
            *HEARD,
            (1900, Expecting(Expected(Asked.YES_NO))),
            (2100, started(2050)),
            (2350, paused(2300, 200)),
            (2360, PlaybackFinished(1)),
            (2410, hum(2)),
            (2500, Tick()),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 2050, 2300, 200), Commit(2)],
    ),
    "speech that begins at the end of our prompt is the next turn": (
        [
            (0, PromptStarted()),
            (900, started(850)),
            (1000, PlaybackFinished(0)),
            (1900, paused(1800)),
            (1950, words(1)),
        ],
        Floor.ANSWERING,
        [prepare(1, 850, 1800), Commit(1)],
    ),
    "speech that pauses at the end of our prompt is not lost": (
        [
            (0, PromptStarted()),
            (700, started(650)),
            (1050, paused(940)),
            (1060, PlaybackFinished(0)),
            (1100, words(1)),
        ],
        Floor.ANSWERING,
        [prepare(1, 650, 940), Commit(1)],
    ),
    "a greeting is interrupted, too": (
        [
            (0, PromptStarted()),
            (500, started(450)),
            (650, CallerJudged()),
            (900, paused(850)),
            (950, words(1)),
        ],
        Floor.ANSWERING,
        [StopPlayback(0), prepare(1, 450, 850), Settle(0), Commit(1)],
    ),
    "not a phrase that has to be heard in full": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (650, CallerJudged()),
            (900, paused(850)),
            (1700, stopped(850)),
            (3000, PlaybackFinished(0)),
        ],
        Floor.LISTENING,
        [],
    ),
    "what was begun during such a phrase and goes on after it is heard": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (900, PlaybackFinished(0)),
            (1500, paused(1400)),
            (1550, words(1)),
        ],
        Floor.ANSWERING,
        [prepare(1, 450, 1400), Commit(1)],
    ),
    "silence: asked once, then goodbye": (
        [(0, Tick()), (9_900, Tick()), (10_000, Tick()), (15_000, Tick()), (20_000, Tick())],
        Floor.LISTENING,
        [AskStillThere(), SayGoodbye()],
    ),
    "keys are a turn": (
        [(0, Tick()), (500, DigitPressed()), (700, DigitPressed()), (700, DigitsEntered("42"))],
        Floor.ANSWERING,
        [PrepareDigits(1, "42"), Commit(1)],
    ),
    "a key stops the answer": (
        [*HEARD, (2000, DigitPressed()), (2300, DigitsEntered("4"))],
        Floor.ANSWERING,
        [
            prepare(1, 60, 1000),
            Commit(1),
            StopPlayback(1),
            Settle(1),
            PrepareDigits(2, "4"),
            Commit(2),
        ],
    ),
    "keys while a spoken turn is prepared take its place": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1200, DigitsEntered("7"))],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Cancel(1), PrepareDigits(2, "7"), Commit(2)],
    ),
    "a late answer is announced once": (
        [*ASKED, (2600, Tick()), (2650, Tick()), (4000, Tick()), (9000, Tick())],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), SayHolding(1)],
    ),
    "not two in a row": (
        [
            *ASKED,
            (2650, Tick()),
            (3000, PlaybackStarted(1)),
            (3100, stopped(1000)),
            (4000, PlaybackFinished(1)),
            (5100, started(5060)),
            (6100, paused(6000)),
            (6150, words(2)),
            (9000, Tick()),
        ],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1), SayHolding(1), prepare(2, 5060, 6000), Commit(2)],
    ),
    "hang-up while preparing": (
        [(100, started(60)), (1100, paused(1000)), (1200, CallEnded()), (1450, stopped(1000))],
        Floor.ENDED,
        [prepare(1, 60, 1000), Cancel(1)],
    ),
    "hang-up with an interrupted answer": (
        [*HEARD, (2100, started(2050)), (2260, CallerJudged()), (2300, CallEnded())],
        Floor.ENDED,
        [prepare(1, 60, 1000), Commit(1), StopPlayback(1), Settle(1)],
    ),
    "end of audio while answering": (
        [(0, PromptStarted()), (500, AudioEnded(4000, 500 * MS)), (600, PlaybackFinished(0))],
        Floor.ENDED,
        [StopPlayback(0), Settle(0)],
    ),
    "an old revision's end is nobody's business": (
        [*HEARD, (1900, PlaybackFinished(0)), (1950, NothingHeard(7))],
        Floor.ANSWERING,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "hold: no frames come, nothing is heard, and nothing happens": (
        [(0, Tick()), (5_000, Tick())],
        Floor.LISTENING,
        [],
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
    script: Script = [(0, PromptStarted()), (500, started(450)), (700, CallerJudged()), (5000, Tick())]
    state, actions = play(script, turn_settings=closed)
    assert actions == []
    assert state.floor is Floor.ANSWERING


def test_speech_after_asking_starts_the_count_again() -> None:
    state, actions = play([(0, Tick()), (10_000, Tick()), (11_000, started(11_000))])
    assert actions == [AskStillThere()]
    assert not state.asked_still_there


def test_on_a_busy_machine_nothing_is_prepared_in_a_short_pause() -> None:
    busy = replace(SETTINGS, speculate=False, unspeculated_ms=350)
    script: Script = [(100, started(60)), (1100, paused(1000)), (1340, Tick()), (1350, Tick())]
    state, actions = play(script[:3], turn_settings=busy)
    assert actions == []
    assert state.floor is Floor.WAITING
    state, actions = play([*script[3:], (1450, words(1))], state, busy)
    assert actions == [prepare(1, 60, 1000), Commit(1)]
    assert state.floor is Floor.ANSWERING
    # Speech that goes on ends the wait.
    state, actions = play([*script[:3], (1345, resumed(1320)), (2500, Tick())], turn_settings=busy)
    assert actions == []
    assert state.floor is Floor.HEARING


def test_words_that_change_when_they_are_heard_again_are_answered_anew() -> None:
    script: Script = [*ASKED[:2], (1150, words(1, UNSURE)), (1300, WordsChanged(1, at(1250)))]
    state, actions = play(script)
    assert actions == [
        prepare(1, 60, 1000),
        Cancel(1),
        replace(prepare(2, 60, 1250), speech_end_ns=1000 * MS),
    ]
    assert state.floor is Floor.PREPARING
    assert play([(1350, words(2))], state)[1] == [Commit(2)]
    # Not once the answer is committed, and not an old revision's.
    assert play([(1310, WordsChanged(1, at(1300)))], state)[1] == []
    assert play([*HEARD, (1900, WordsChanged(1, at(1250)))])[1] == [prepare(1, 60, 1000), Commit(1)]


def test_a_sound_at_the_last_moment_puts_the_answer_off_but_not_for_long() -> None:
    loud = replace(SETTINGS, sound=True)
    state, actions = play([*ASKED[:2], (1150, words(1, 0.5)), (1460, Tick())], turn_settings=loud)
    assert actions == [prepare(1, 60, 1000)]
    assert play([(1470, Tick())], state)[1] == [Commit(1)]  # it was a click
    assert play([(1470, resumed(1440))], state)[1] == [Cancel(1)]  # it was the next word
    assert play([(1600, Tick()), (1610, Tick())], state, loud)[1] == [Commit(1)]  # it is the line


def test_what_is_dismissed_is_no_turn_and_its_echo_no_part_of_the_next() -> None:
    script: Script = [*HEARD, (2100, started(2050)), (2500, CallerDismissed()), (2510, paused(2450))]
    state, actions = play([*script, (3000, PlaybackFinished(1)), (3200, resumed(3150))])
    assert actions == [prepare(1, 60, 1000), Commit(1)]
    assert state.floor is Floor.HEARING
    assert state.utterance_start_samples == at(3150)


def test_a_habit_is_learnt_from_pauses_that_the_caller_went_on_after() -> None:
    state, _ = play([*ASKED[:2], (1150, words(1, UNSURE)), (1520, resumed(1500))])
    assert state.habit == PauseHabit(1, 500.0, 125.0)


def test_after_a_yes_no_question_a_yes_is_complete_whatever_the_model_thinks() -> None:
    asked, _ = play([(0, Expecting(Expected(Asked.YES_NO)))])
    _, actions = play([*ASKED[:2], (1150, words(1, UNSURE, "Yes.")), (1200, Tick())], asked)
    assert actions == [prepare(1, 60, 1000), Commit(1)]
