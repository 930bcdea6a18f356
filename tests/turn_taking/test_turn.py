"""Turn-taking from speech to a committed answer: pauses, words, and what is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.end_of_turn.wait import Asked, Expected, PauseHabit
from offhook.turn_taking import (
    MS,
    Answering,
    AskAgain,
    CallerJudged,
    Cancel,
    Commit,
    Expecting,
    Hearing,
    LineLoud,
    Listening,
    MachineBusy,
    NothingHeard,
    PlaybackFinished,
    PlaybackStarted,
    Preparing,
    StopPlayback,
    Tick,
    TurnEvent,
    Waiting,
    WordsChanged,
)
from tests.support.turns import (
    ASKED,
    DONE,
    HEARD,
    SETTINGS,
    UNSURE,
    Script,
    Table,
    at,
    check,
    paused,
    play,
    prepare,
    resumed,
    started,
    stopped,
    ticks,
    words,
)

TABLE: Table = {
    "complete words are answered as soon as they are known": (
        ASKED,
        Answering,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "words that want to go on are waited for": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1500, Tick()), (1799, Tick())],
        Preparing,
        [prepare(1, 60, 1000)],
    ),
    "but not for ever": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1800, Tick())],
        Answering,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a second opinion changes the wait": (
        [*ASKED[:2], (1150, words(1, UNSURE)), (1170, words(1, 0.9)), (1175, Tick())],
        Answering,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "a whole turn": (
        [*HEARD, (3000, PlaybackFinished(1))],
        Listening,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "nothing is committed before its words are known, but at the longest wait": (
        [*ASKED[:2], (1790, Tick()), (1800, Tick()), (1810, stopped(1000))],
        Answering,
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
        Answering,
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
        Answering,
        [prepare(1, 60, 1000), Cancel(1), prepare(2, 60, 1450), Cancel(2), prepare(3, 60, 2400), Commit(3)],
    ),
    "the caller goes on after the commit, before anything is heard": (
        [*ASKED, (1155, resumed(1140)), (2100, paused(2000)), (2150, words(2))],
        Answering,
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
        Answering,
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
        Listening,
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
        Listening,
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
        Answering,
        [prepare(1, 60, 200, 80), Cancel(1), prepare(2, 60, 1000), Commit(2)],
    ),
    "the recogniser finds no words after the commit": (
        [(100, started(60)), (300, paused(200)), (1010, stopped(200)), (1050, NothingHeard(1, 80))],
        Listening,
        [prepare(1, 60, 200), Commit(1), Cancel(1)],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    check(*TABLE[name])


def test_on_a_busy_machine_nothing_is_prepared_in_a_short_pause() -> None:
    busy = replace(SETTINGS, speculate=False, unspeculated_ms=350)
    script: Script = [(100, started(60)), (1100, paused(1000)), (1340, Tick()), (1350, Tick())]
    state, actions = play(script[:3], turn_settings=busy)
    assert actions == []
    assert isinstance(state.floor, Waiting)
    state, actions = play([*script[3:], (1450, words(1))], state, busy)
    assert actions == [prepare(1, 60, 1000), Commit(1)]
    assert isinstance(state.floor, Answering)
    # Speech that goes on ends the wait.
    state, actions = play([*script[:3], (1345, resumed(1320)), (2500, Tick())], turn_settings=busy)
    assert actions == []
    assert isinstance(state.floor, Hearing)


def test_words_that_change_when_they_are_heard_again_are_answered_anew() -> None:
    script: Script = [*ASKED[:2], (1150, words(1, UNSURE)), (1300, WordsChanged(1, at(1250)))]
    state, actions = play(script)
    assert actions == [
        prepare(1, 60, 1000),
        Cancel(1),
        replace(prepare(2, 60, 1250), speech_end_ns=1000 * MS),
    ]
    assert isinstance(state.floor, Preparing)
    assert play([(1350, words(2))], state)[1] == [Commit(2)]
    # Not once the answer is committed, and not an old revision's.
    assert play([(1310, WordsChanged(1, at(1300)))], state)[1] == []
    assert play([*HEARD, (1900, WordsChanged(1, at(1250)))])[1] == [prepare(1, 60, 1000), Commit(1)]


def test_a_sound_at_the_last_moment_puts_the_answer_off_but_not_for_long() -> None:
    asked: Script = [*ASKED[:2], (1150, words(1, 0.5)), (1450, LineLoud()), (1460, Tick())]
    state, actions = play(asked)
    assert actions == [prepare(1, 60, 1000)]
    assert play([(1475, Tick())], state)[1] == [Commit(1)]  # it was a click
    assert play([(1470, resumed(1440))], state)[1] == [Cancel(1)]  # it was the next word
    line: Script = [(1600, LineLoud()), (1600, Tick()), (1610, LineLoud()), (1610, Tick())]
    assert play(line[:2], state)[1] == []
    assert play(line, state)[1] == [Commit(1)]  # it is the line


def test_a_machine_that_becomes_busy_makes_no_more_guesses() -> None:
    script: Script = [(50, MachineBusy(True)), (100, started(60)), (1100, paused(1000)), (1340, Tick())]
    state, actions = play(script)
    assert actions == []
    assert isinstance(state.floor, Waiting)
    assert play([(1345, MachineBusy(False)), (1360, Tick())], state)[1] == [prepare(1, 60, 1000)]


def test_where_many_call_only_a_pause_that_lasts_is_worth_an_answer() -> None:
    crowded: Script = [(50, MachineBusy(busy=False, crowded=True)), (100, started(60)), (1050, paused(1000))]
    state, actions = play([*crowded, (1150, Tick())])
    assert actions == []
    assert state.look_at_ns == 1160 * MS, "the pause is looked at as soon as it has lasted"
    assert play([(1155, resumed(1140)), (1170, Tick())], state)[1] == [], "a short pause costs nothing"
    state, actions = play([(1160, Tick())], state)
    assert actions == [prepare(1, 60, 1000)]
    assert play([(1200, words(1, DONE)), (1320, Tick())], state)[1] == [Commit(1)]


def test_words_that_stopped_our_answer_are_wanted_at_once_where_many_call() -> None:
    crowded = MachineBusy(busy=False, crowded=True)
    cuts_in: Script = [(2000, crowded), (2100, started(2060)), (2250, CallerJudged()), (3000, paused(2950))]
    assert play([*HEARD, *cuts_in])[1][-2:] == [StopPlayback(1), prepare(2, 2060, 2950)]


NUMBER = Expecting(Expected(Asked.DIGITS))
GROUPS: Script = [
    (0, NUMBER),
    (100, started(60)),
    (1050, paused(1000)),
    (1100, words(1, DONE, "two one two")),
    (1900, stopped(1000)),
]
"""The first group of a telephone number; the endpointer's longest wait is over."""


def test_a_number_said_in_groups_is_one_turn_and_is_answered_when_it_is_complete() -> None:
    state, _ = play(GROUPS)
    assert isinstance(state.floor, Preparing)
    # 1.5 s of silence, then a second group, which is a new utterance for the endpointer.
    state, actions = play([*ticks(1950, 2450), (2550, started(2500)), (3050, paused(3000, 300))], state)
    assert actions == [Cancel(1), prepare(2, 60, 3000, 800)]
    script: Script = [(3100, words(2, DONE, "212 555")), *ticks(3150, 3850), (3860, stopped(3000, 300))]
    state, actions = play(
        [*script, *ticks(3900, 4050), (4100, started(4050)), (4600, paused(4550, 400))], state
    )
    assert actions == [Cancel(2), prepare(3, 60, 4550, 1200)]
    _, actions = play([(4640, words(3, DONE, "212 555 0123")), (4650, Tick())], state)
    assert actions == [Commit(3)], "ten digits: nothing is waited for"


def test_a_number_that_stays_short_is_answered_all_the_same() -> None:
    state, _ = play(GROUPS)
    state, actions = play(ticks(1950, 2650), state)
    assert actions == []
    _, actions = play([(2700, Tick())], state)
    assert actions == [Commit(1)]


def test_words_that_are_late_keep_a_number_from_being_answered_too_early() -> None:
    state, actions = play([*GROUPS[:3], (1900, stopped(1000)), *ticks(1950, 2400)])
    assert actions == [prepare(1, 60, 1000)]
    _, actions = play([(2450, words(1, DONE, "five five five, oh one two three"))], state)
    assert actions == [Commit(1)]
    # And words that never come are no reason to wait for ever.
    assert play(ticks(2450, 2750), state)[1] == [Commit(1)]


@pytest.mark.parametrize(
    ("asked", "doubtful"),
    [
        pytest.param(Asked.EMAIL, "jay dot", id="an address, its beginning doubted"),
        pytest.param(Asked.EMAIL, "", id="an address, nothing of its beginning understood"),
        pytest.param(Asked.DIGITS, "two won", id="a number"),
        pytest.param(Asked.SPELLING, "em i", id="letters"),
        pytest.param(Asked.OPEN, "my email is jay dot", id="an address that nobody asked for"),
    ],
)
def test_who_dictates_is_not_cut_because_the_beginning_is_doubted(asked: Asked, doubtful: str) -> None:
    asking: Script = [(0, Expecting(Expected(asked))), *ASKED[:2]]
    state, actions = play([*asking, (1150, NothingHeard(1, 500, doubtful)), (1810, stopped(1000))])
    state, more = play(ticks(1850, 2350), state)
    assert (actions[1:], more) == ([Cancel(1)], []), "they may go on for as long as others who dictate"
    _, on = play([(2450, started(2400)), (3050, paused(3000, 300))], state)
    assert on == [prepare(2, 60, 3000, 800)], "and all of it is one turn"
    _, over = play(ticks(2400, 2700), state)
    assert over == [AskAgain()], "who has ended is asked once"
    late, actions = play([*asking, (1810, stopped(1000)), (1850, NothingHeard(1, 500, doubtful))])
    if asked is not Asked.OPEN:
        assert AskAgain() not in actions, "nor by doubts that come late"
        assert play(ticks(1900, 2700), late)[1] == [AskAgain()]


def test_doubtful_words_that_nothing_can_follow_are_asked_for_at_the_end_of_the_utterance() -> None:
    whole = NothingHeard(1, 500, "jay dot smith at example dot com")
    _, actions = play(
        [(0, Expecting(Expected(Asked.EMAIL))), *ASKED[:2], (1150, whole), (1810, stopped(1000))]
    )
    assert actions[1:] == [Cancel(1), AskAgain()]


def test_a_habit_is_learnt_from_pauses_that_the_caller_went_on_after() -> None:
    state, _ = play([*ASKED[:2], (1150, words(1, UNSURE)), (1520, resumed(1500))])
    assert state.habit == PauseHabit(1, 500.0, 125.0)


def test_after_a_yes_no_question_a_yes_is_complete_whatever_the_model_thinks() -> None:
    asked, _ = play([(0, Expecting(Expected(Asked.YES_NO)))])
    _, actions = play([*ASKED[:2], (1150, words(1, UNSURE, "Yes.")), (1200, Tick())], asked)
    assert actions == [prepare(1, 60, 1000), Commit(1)]


FOUR = Expected(Asked.DIGITS, 4)
YES_NO, AGAIN = Expected(Asked.YES_NO, question=True), Expected(Asked.YES_NO, again=True)
BEGUN = (1500, PlaybackStarted(1))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        pytest.param([*ASKED, (1210, Expecting(FOUR, 1))], Expected(), id="not before it is heard"),
        pytest.param([*ASKED, (1210, Expecting(FOUR, 1)), BEGUN], FOUR, id="from when it is heard"),
        pytest.param([*ASKED, BEGUN, (1600, Expecting(FOUR, 1))], FOUR, id="known while it is heard"),
        pytest.param([*ASKED, (1210, Expecting(FOUR, 9)), BEGUN], Expected(), id="not another's"),
        pytest.param([(0, Expecting(FOUR)), *ASKED], FOUR, id="a prompt at once"),
        pytest.param([(0, Expecting(FOUR)), *ASKED, BEGUN], Expected(), id="an answer asks anew"),
        pytest.param([(0, Expecting(FOUR)), (1, Expecting(AGAIN))], FOUR, id="a prompt asks once more"),
        pytest.param(
            [(0, Expecting(FOUR)), *ASKED, (1210, Expecting(AGAIN, 1)), BEGUN], FOUR, id="an answer does"
        ),
        pytest.param([(0, Expecting(FOUR)), (1, Expecting(YES_NO, aside=True))], FOUR, id="still there?"),
        pytest.param([(0, Expecting(YES_NO, aside=True))], YES_NO, id="still there, and nothing dictated"),
    ],
)
def test_what_an_answer_asks_for_counts_once_it_is_heard(
    events: list[tuple[int, TurnEvent]], expected: Expected
) -> None:
    state, _ = play(events)
    assert state.expected == expected
