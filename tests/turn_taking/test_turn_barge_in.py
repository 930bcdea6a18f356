"""Turn-taking while we speak: what stops us, what does not, and what is answered afterwards."""

from __future__ import annotations

import pytest

from offhook.end_of_turn.wait import Asked, Expected
from offhook.turn_taking import (
    MS,
    Answering,
    CallerDismissed,
    CallerJudged,
    Cancel,
    Commit,
    Committed,
    Expecting,
    Hearing,
    Listening,
    NothingHeard,
    OwnVoiceEnds,
    PlaybackFinished,
    PlaybackStarted,
    PromptStarted,
    ResumePlayback,
    Settle,
    StopPlayback,
    Tick,
    TurnSettings,
    WordsHeard,
)
from tests.support.turns import (
    ASKED,
    HEARD,
    Script,
    Table,
    at,
    check,
    hum,
    paused,
    play,
    prepare,
    resumed,
    started,
    stopped,
    words,
)

TABLE: Table = {
    "speech that is meant for us stops the answer at once, and takes its place": (
        [
            *HEARD,
            (2100, started(2050)),
            (2260, CallerJudged()),
            (3100, paused(3000)),
            (3150, words(2, text="no wait")),
        ],
        Answering,
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
        Listening,
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
        Answering,
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
        Answering,
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
        Listening,
        [prepare(1, 60, 1000), Commit(1), prepare(2, 2050, 2300, 200), Cancel(2)],
    ),
    "a short word that is no mm-hm does, once it is known": (
        [
            *HEARD,
            (2100, started(2050)),
            (2350, paused(2300, 200)),
            (2400, words(2, text="Stop.")),
        ],
        Answering,
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
        Listening,
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
        Listening,
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
        Answering,
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
        Answering,
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
        Answering,
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
        Answering,
        [StopPlayback(0), prepare(1, 450, 850), Settle(0), Commit(1)],
    ),
    "not a phrase that has to be heard in full, and what was said into it is answered then": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (650, CallerJudged()),
            (900, paused(850)),
            (950, words(1)),
            (1700, stopped(850)),
            (3000, PlaybackFinished(0)),
        ],
        Answering,
        [prepare(1, 450, 850), Commit(1)],
    ),
    "its words may be known only once such a phrase is over": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (900, paused(850)),
            (950, PlaybackFinished(0)),
            (1000, words(1)),
        ],
        Answering,
        [prepare(1, 450, 850), Commit(1)],
    ),
    "what asks for nothing is not answered after such a phrase": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (900, paused(850)),
            (950, hum(1)),
            (1700, stopped(850)),
            (3000, PlaybackFinished(0)),
        ],
        Listening,
        [prepare(1, 450, 850), Cancel(1)],
    ),
    "of two things that are said into such a phrase both are answered, as one": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (900, paused(850)),
            (950, words(1)),
            (1700, stopped(850)),
            (2000, started(1950)),
            (2400, paused(2350)),
            (2450, words(2)),
            (3000, PlaybackFinished(0)),
        ],
        Answering,
        [prepare(1, 450, 850), Cancel(1), prepare(2, 450, 2350, voiced_ms=1000), Commit(2)],
    ),
    "what was begun during such a phrase and goes on after it is heard": (
        [
            (0, PromptStarted(interruptible=False)),
            (500, started(450)),
            (900, PlaybackFinished(0)),
            (1500, paused(1400)),
            (1550, words(1)),
        ],
        Answering,
        [prepare(1, 450, 1400), Commit(1)],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    check(*TABLE[name])


def test_barge_in_can_be_closed() -> None:
    closed = TurnSettings(barge_in=False)
    script: Script = [(0, PromptStarted()), (500, started(450)), (700, CallerJudged()), (5000, Tick())]
    state, actions = play(script, turn_settings=closed)
    assert actions == []
    assert isinstance(state.floor, Answering)


def test_what_is_dismissed_is_no_turn_and_its_echo_no_part_of_the_next() -> None:
    script: Script = [*HEARD, (2100, started(2050)), (2500, CallerDismissed()), (2510, paused(2450))]
    state, actions = play([*script, (3000, PlaybackFinished(1)), (3200, resumed(3150))])
    assert actions == [prepare(1, 60, 1000), Commit(1)]
    assert isinstance(state.floor, Hearing)
    assert state.voice.start_samples == at(3150)


YES_NO, OPEN_QUESTION = Expected(Asked.YES_NO), Expected(question=True)


def yes(revision: int, *, echo: bool = False) -> WordsHeard:
    return WordsHeard(revision, "Yes.", 1.0, backchannel=True, echo=echo)


def at_the_end(began_ms: int, ends_ms: int = 3000) -> Script:
    """Our question is over to the ear at ``ends_ms``, half a second before its audio; "yes" takes 300 ms."""
    return [(began_ms + 100, OwnVoiceEnds(ends_ms * MS)), (began_ms + 100, started(began_ms))]


@pytest.mark.parametrize(
    ("began_ms", "expected"),
    [
        *((began_ms, YES_NO) for began_ms in (2100, 2550, 2900, 3000, 3100)),
        *((began_ms, OPEN_QUESTION) for began_ms in (2550, 2700, 2900, 3000, 3100)),
    ],
)
@pytest.mark.parametrize("way", ["judged", "overlap", "finished first"])
def test_a_yes_at_the_end_of_our_question_is_its_answer(began_ms: int, expected: Expected, way: str) -> None:
    script: Script = [*HEARD, (1900, Expecting(expected, 1)), *at_the_end(began_ms)]
    if way == "judged":
        script.append((began_ms + 200, CallerJudged()))
    if way == "finished first":
        script += [(began_ms + 250, OwnVoiceEnds(3000 * MS)), (began_ms + 250, PlaybackFinished(1))]
    script += [(began_ms + 340, paused(began_ms + 300, 250)), (began_ms + 420, yes(2))]
    script += [(began_ms + 600, Tick())]
    state, actions = play(script)
    assert actions[-1] == Commit(2)
    assert isinstance(state.floor, Committed)
    assert state.floor.words == "Yes."


@pytest.mark.parametrize(
    ("expected", "began_ms", "echo"),
    [
        pytest.param(OPEN_QUESTION, 2200, False, id="long before the end"),
        pytest.param(Expected(), 2900, False, id="nothing was asked"),
        pytest.param(YES_NO, 1950, False, id="long before the end of a question for a yes"),
        pytest.param(YES_NO, 2900, True, id="our own words"),
    ],
)
@pytest.mark.parametrize("judged", [False, True])
def test_a_hum_that_answers_nothing_stays_one(
    expected: Expected, began_ms: int, echo: bool, judged: bool
) -> None:
    script: Script = [*HEARD, (1900, Expecting(expected, 1)), *at_the_end(began_ms)]
    if judged:
        script.append((began_ms + 200, CallerJudged()))
    script += [(began_ms + 340, paused(began_ms + 300, 250)), (began_ms + 420, yes(2, echo=echo))]
    state, actions = play([*script, (3500, PlaybackFinished(1))])
    assert Commit(2) not in actions
    assert isinstance(state.floor, Listening)


def test_what_is_begun_in_the_silence_behind_our_last_word_is_a_turn_of_its_own() -> None:
    state, actions = play([*HEARD, *at_the_end(3100)])
    assert actions == [prepare(1, 60, 1000), Commit(1), StopPlayback(1), Settle(1)]
    assert isinstance(state.floor, Hearing)
    assert state.voice.over_us is None


@pytest.mark.parametrize(
    ("more", "since_ms"),
    [
        pytest.param([], None, id="the end of the turn that is being answered"),
        pytest.param([(1850, resumed(1830)), (1900, paused(1880))], 1880, id="went on into the answer"),
        pytest.param([(2100, started(2050)), (2350, paused(2300))], 2300, id="said into the answer"),
        pytest.param([(2100, started(2050))], None, id="and still speaking"),
        pytest.param(
            [(2100, started(2050)), (2349, CallerDismissed()), (2350, paused(2300))],
            2300,
            id="taken for a hum so far",
        ),
        pytest.param(
            [(2100, started(2050)), (2260, CallerJudged()), (3100, paused(3000))],
            None,
            id="said after the answer was stopped",
        ),
    ],
)
def test_a_pause_in_what_is_said_into_our_answer(more: Script, since_ms: int | None) -> None:
    state, _ = play([*HEARD, *more])
    assert state.voice.paused_over_us_ns == (None if since_ms is None else since_ms * MS)
