"""Turn-taking around the turns: silence, keys, late answers, and the end of the call."""

from __future__ import annotations

from dataclasses import replace

import pytest

from offhook.events import AudioEnded
from offhook.turn_taking import (
    MS,
    Answering,
    AskStillThere,
    CallEnded,
    CallerJudged,
    CallerWaits,
    CallOverdue,
    Cancel,
    Commit,
    DigitPressed,
    DigitsEntered,
    Ended,
    Hearing,
    Leave,
    Leaving,
    Listening,
    NothingHeard,
    PlaybackFinished,
    PlaybackStarted,
    Prepare,
    PrepareDigits,
    PromptStarted,
    Repeated,
    SayGoodbye,
    SayHolding,
    Settle,
    Speaking,
    StopPlayback,
    Tick,
    WordsSoFar,
)
from tests.support.turns import (
    ASKED,
    HEARD,
    SETTINGS,
    UNSURE,
    Script,
    Table,
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
    "silence: asked once, then goodbye": (
        [(0, Tick()), (9_900, Tick()), (10_000, Tick()), (15_000, Tick()), (20_000, Tick())],
        Listening,
        [AskStillThere(), SayGoodbye()],
    ),
    "keys are a turn": (
        [(0, Tick()), (500, DigitPressed()), (700, DigitPressed()), (700, DigitsEntered("42"))],
        Answering,
        [PrepareDigits(1, "42"), Commit(1)],
    ),
    "a key stops the answer": (
        [*HEARD, (2000, DigitPressed()), (2300, DigitsEntered("4"))],
        Answering,
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
        Answering,
        [prepare(1, 60, 1000), Cancel(1), PrepareDigits(2, "7"), Commit(2)],
    ),
    "a late answer is announced once": (
        [*ASKED, (2600, Tick()), (2650, Tick()), (4000, Tick()), (9000, Tick())],
        Answering,
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
        Answering,
        [prepare(1, 60, 1000), Commit(1), SayHolding(1), prepare(2, 5060, 6000), Commit(2)],
    ),
    "hang-up while preparing": (
        [(100, started(60)), (1100, paused(1000)), (1200, CallEnded()), (1450, stopped(1000))],
        Ended,
        [prepare(1, 60, 1000), Cancel(1)],
    ),
    "hang-up with an interrupted answer": (
        [*HEARD, (2100, started(2050)), (2260, CallerJudged()), (2300, CallEnded())],
        Ended,
        [prepare(1, 60, 1000), Commit(1), StopPlayback(1), Settle(1)],
    ),
    "end of audio while answering": (
        [(0, PromptStarted()), (500, AudioEnded(4000, 500 * MS)), (600, PlaybackFinished(0))],
        Ended,
        [StopPlayback(0), Settle(0)],
    ),
    "an old revision's end is nobody's business": (
        [*HEARD, (1900, PlaybackFinished(0)), (1950, NothingHeard(7))],
        Answering,
        [prepare(1, 60, 1000), Commit(1)],
    ),
    "hold: no frames come, nothing is heard, and nothing happens": (
        [(0, Tick()), (5_000, Tick())],
        Listening,
        [],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_table(name: str) -> None:
    check(*TABLE[name])


WAITED: Script = [*ASKED, (1155, CallerWaits(1)), (1160, PlaybackStarted(1)), (1810, stopped(1000))]
"""The caller has asked for time; "take your time" is being said, and is over at 3 s."""
TAKEN: Script = [*WAITED, (3_000, PlaybackFinished(1))]


def test_who_has_asked_for_time_is_asked_after_45_s_and_left_after_45_more() -> None:
    waiting = ticks(3_000, 47_900)
    state, actions = play([*TAKEN, *waiting])
    assert actions == [prepare(1, 60, 1000), Commit(1)]
    state, actions = play([(48_000, Tick()), *ticks(48_100, 92_900)], state)
    assert actions == [AskStillThere()]
    _, actions = play([(93_000, Tick())], state)
    assert actions == [SayGoodbye()]


def test_the_time_ends_when_the_caller_speaks_again() -> None:
    next_turn: Script = [
        (20_100, started(20_060)),
        (21_100, paused(21_000)),
        (21_150, words(2)),
        (21_160, PlaybackStarted(2)),
        (21_810, stopped(21_000)),
        (23_000, PlaybackFinished(2)),
    ]
    _, actions = play([*TAKEN, *next_turn, *ticks(23_000, 32_900), (33_000, Tick()), (43_000, Tick())])
    assert actions[-2:] == [AskStillThere(), SayGoodbye()]
    assert len(actions) == 6


def test_a_revision_that_nobody_has_heard_gives_no_time() -> None:
    went_on: Script = [
        (100, started(60)),
        (1100, paused(1000)),
        (1110, words(1, UNSURE)),
        (1120, CallerWaits(1)),
        (1150, resumed(1140)),
        (2100, paused(2000)),
        (2150, words(2)),
        (2160, PlaybackStarted(2)),
        (2810, stopped(2000)),
        (4_000, PlaybackFinished(2)),
    ]
    _, actions = play([*went_on, *ticks(4_000, 13_900), (14_000, Tick())])
    assert actions[-1] == AskStillThere()


def test_a_longer_patience_is_not_shortened() -> None:
    patient = replace(SETTINGS, max_silence_ms=60_000)
    state, _ = play(TAKEN, turn_settings=patient)
    state, actions = play(ticks(3_000, 62_900), state, patient)
    assert actions == []
    _, actions = play([(63_000, Tick())], state, patient)
    assert actions == [AskStillThere()]


CLOSED = replace(SETTINGS, barge_in=False)


@pytest.mark.parametrize("keys", [["#"], ["5"], ["5", "#"], ["1", "2", "#", "3"]])
@pytest.mark.parametrize("said", ["greeting", "answer"])
def test_where_interrupting_is_off_keys_change_nothing_and_are_answered_afterwards(
    keys: list[str], said: str
) -> None:
    begun: Script = [(0, PromptStarted())] if said == "greeting" else HEARD
    state, _ = play(begun, turn_settings=CLOSED)
    assert isinstance(state.floor, Speaking)
    playing = state.floor.revision
    pressed: Script = [(2000, DigitPressed()) for _ in keys]
    entered: Script = [(5000, DigitsEntered(entry)) for entry in "".join(keys).split("#") if entry]
    state, actions = play([*pressed, *entered], state, CLOSED)
    assert actions == []
    state, actions = play([(6000, PlaybackFinished(playing))], state, CLOSED)
    digits = "".join(keys).replace("#", "")
    if digits:
        assert actions == [PrepareDigits(state.revision, digits), Commit(state.revision)]
    else:
        assert (actions, state.floor) == ([], Listening())
        new = state.revision + 1
        _, actions = play([(7000, started(6900)), (8000, paused(7900)), (8100, words(new))], state, CLOSED)
        assert actions == [prepare(new, 6900, 7900), Commit(new)], "and the caller is heard"


def test_keys_that_the_caller_talks_over_are_answered_after_the_words() -> None:
    typed: Script = [(500, DigitPressed()), (700, DigitsEntered("42"))]
    over: Script = [
        (800, started(750)),
        (1400, paused(1300)),
        (1450, NothingHeard(2, 80)),
        (2200, stopped(1300, 80)),
    ]
    _, actions = play([*typed, *over])
    assert actions == [
        *(PrepareDigits(1, "42"), Commit(1), Cancel(1)),
        *(prepare(2, 750, 1300), Cancel(2), PrepareDigits(3, "42"), Commit(3)),
    ]


ASKED_STILL_THERE: Script = [(0, Tick()), (10_000, Tick())]


def test_words_after_asking_start_the_count_again() -> None:
    answered: Script = [
        *((11_100, started(11_000)), (11_600, paused(11_500)), (11_650, words(1))),
        *((11_700, PlaybackStarted(1)), (12_400, stopped(11_500)), (13_000, PlaybackFinished(1))),
    ]
    _, actions = play([*ASKED_STILL_THERE, *answered, *ticks(13_050, 22_950)])
    assert actions == [AskStillThere(), prepare(1, 11_000, 11_500), Commit(1)]


def noise(revision: int, start_ms: int, event: type[NothingHeard] | type[Repeated] = NothingHeard) -> Script:
    """Two seconds of something that is found to have no words, or none that want an answer."""
    return [
        (start_ms + 100, started(start_ms)),
        *ticks(start_ms + 150, start_ms + 2_050),
        (start_ms + 2_050, paused(start_ms + 2_000, 80)),
        (start_ms + 2_100, event(revision)),
        (start_ms + 2_860, stopped(start_ms + 2_000, 80)),
        *ticks(start_ms + 2_900, start_ms + 3_950),
    ]


@pytest.mark.parametrize("event", [NothingHeard, Repeated])
def test_sounds_without_words_are_silence(event: type[NothingHeard] | type[Repeated]) -> None:
    sounds = [each for n in range(5) for each in noise(n + 1, 4_000 * n, event)]
    state, actions = play([(0, Tick()), *sounds])
    assert actions.count(AskStillThere()) == 1
    state, actions = play([each for n in range(5, 7) for each in noise(n + 1, 4_000 * n, event)], state)
    assert (Leave(nobody=True) if event is Repeated else SayGoodbye()) in actions


def test_a_line_that_never_falls_silent_and_says_nothing_is_left() -> None:
    """Hold music that is taken for a voice: not one pause, not one word."""
    state, actions = play([(0, Tick()), (100, started(50)), *ticks(150, 30_050)])
    assert actions == [AskStillThere()]
    asking: Script = [(30_100, PromptStarted()), (32_000, PlaybackFinished(0))]
    state, actions = play([*asking, *ticks(32_050, 42_050)], state)
    assert actions == [Leave(nobody=True)]
    # And goes on through the goodbye, which nothing stops.
    late: Script = [(42_200, resumed(42_150)), (42_300, CallerJudged()), (42_400, DigitsEntered("1"))]
    state, actions = play([*late, *ticks(42_450, 44_000)], state)
    assert (state.floor, actions) == (Leaving(), [])
    assert play([(44_050, CallEnded())], state)[0].floor == Ended()


def test_who_begins_a_story_after_a_silence_is_not_asked_whether_they_are_there() -> None:
    begun: Script = [(0, Tick()), (9_900, started(9_850)), *ticks(9_950, 39_800)]
    state, actions = play(begun)
    assert (state.floor, actions) == (Hearing(), [])


def test_someone_whose_words_are_known_meanwhile_is_not_taken_for_noise() -> None:
    story: Script = [(0, Tick()), (100, started(50))]
    for second in range(1, 100):
        story += [*ticks(second * 1000, second * 1000 + 900)]
        story += [(second * 1000 + 950, WordsSoFar())] if second % 12 == 0 else []
    assert play(story)[1] == []


def test_a_television_is_answered_once_and_then_left() -> None:
    """Speech without an end, with pauses in it that are too short for one."""
    script: Script = [(100, started(50))]
    for at_ms in range(1_000, 130_000, 1_000):
        script += [(at_ms, paused(at_ms - 50)), (at_ms + 300, resumed(at_ms + 250))]
    answer: Script = [(61_500, PlaybackStarted(31)), (64_500, PlaybackFinished(31))]
    script = sorted([*script, *answer], key=lambda each: each[0])
    _, actions = play(script)
    assert len([action for action in actions if isinstance(action, Prepare)]) <= 35
    assert [action for action in actions if not isinstance(action, Prepare | Cancel)] == [
        Commit(31),
        Leave(nobody=True),
    ]


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([(0, Tick())], id="listening"),
        pytest.param([(100, started(50))], id="hearing"),
        pytest.param(ASKED[:2], id="preparing"),
        pytest.param([*ASKED[:2], (1_150, NothingHeard(1))], id="doubting"),
        pytest.param(ASKED, id="answering"),
        pytest.param(HEARD, id="being heard"),
        pytest.param([*HEARD, (2_100, started(2_050)), (2_260, CallerJudged())], id="interrupted"),
    ],
)
def test_a_call_that_is_overdue_ends_whatever_goes_on(before: Script) -> None:
    state, actions = play([*before, (5_000, CallOverdue())])
    assert actions[-1] == Leave(nobody=False)
    assert isinstance(state.floor, Leaving)
    assert play([(6_000, started(5_900)), (6_100, CallEnded())], state)[0].floor == Ended()


def test_a_cough_does_not_end_the_patience_with_who_has_asked_for_time() -> None:
    _, actions = play([*TAKEN, *noise(2, 10_000), *ticks(14_000, 47_900)])
    assert AskStillThere() not in actions
