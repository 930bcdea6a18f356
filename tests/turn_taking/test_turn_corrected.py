"""Turn-taking when an answer was begun on interim words, and the final ones ask for another."""

from __future__ import annotations

import pytest

from offhook.turn_taking import (
    Action,
    CallerJudged,
    Cancel,
    Commit,
    Committed,
    Hearing,
    Listening,
    NothingHeard,
    PlaybackFinished,
    PrepareCorrected,
    Preparing,
    Settle,
    Speaking,
    StopPlayback,
    WordsCorrected,
)
from tests.support.turns import (
    ASKED,
    DONE,
    HEARD,
    UNSURE,
    Script,
    Table,
    at,
    check,
    hum,
    paused,
    prepare,
    started,
    stopped,
    words,
)

OTHERS = WordsCorrected(1, at(1000))
NONE = WordsCorrected(1, at(1000), empty=True)
ANSWERED: list[Action] = [prepare(1, 60, 1000), Commit(1)]
ANEW: list[Action] = [PrepareCorrected(2, 1), Commit(2)]
CUT: list[Action] = [StopPlayback(1), Settle(1)]
OVER: Script = [*HEARD, (5000, PlaybackFinished(1))]
INTERRUPTED: Script = [*HEARD, (2100, started(2050)), (2260, CallerJudged())]

RIGHT_AFTER_A_HUM = [
    *ANSWERED,
    StopPlayback(1),
    prepare(2, 2050, 2400, 300),
    Cancel(2),
    Settle(1),
    PrepareCorrected(3, 1),
    Commit(3),
]
"""What stopped the answer was nobody's turn; the one to the final words follows it."""
TABLE: Table = {
    "before the turn is over: the answer is prepared anew": (
        [*ASKED[:2], (1100, words(1, UNSURE)), (1300, OTHERS)],
        Preparing,
        [prepare(1, 60, 1000), Cancel(1), prepare(2, 60, 1000)],
    ),
    "before it is audible, in an utterance that may go on: the wait is that of the words": (
        [*ASKED[:2], (1150, words(1)), (1200, OTHERS), (1250, words(2, UNSURE))],
        Preparing,
        [*ANSWERED, Cancel(1), PrepareCorrected(2, 1)],
    ),
    "which is over at once where they are complete": (
        [*ASKED[:2], (1150, words(1)), (1200, OTHERS), (1250, words(2, DONE))],
        Committed,
        [*ANSWERED, Cancel(1), *ANEW],
    ),
    "before it is audible, in one that is over": (
        [*ASKED[:2], (1150, words(1)), (1900, stopped(1000)), (1950, OTHERS)],
        Committed,
        [*ANSWERED, Cancel(1), *ANEW],
    ),
    "while it is audible: it is cut": ([*HEARD, (1900, OTHERS)], Committed, [*ANSWERED, *CUT, *ANEW]),
    "while it is audible, and there are none at all: the caller is asked again, or it was noise": (
        [*HEARD, (1900, NONE), (1910, NothingHeard(2, 100))],
        Listening,
        [*ANSWERED, *CUT, *ANEW, Cancel(2)],
    ),
    "when it is over: the right one follows": ([*OVER, (5100, OTHERS)], Committed, [*ANSWERED, *ANEW]),
    "when it is over, and there are none: that was all": ([*OVER, (5100, NONE)], Listening, ANSWERED),
    "when the caller has begun their next turn: that comes first": (
        [*OVER, (5050, started(5000)), (5100, OTHERS)],
        Hearing,
        ANSWERED,
    ),
    "when the next turn is being answered": (
        [*OVER, (5050, started(5000)), (6100, paused(6000)), (6150, words(2)), (6200, OTHERS)],
        Committed,
        [*ANSWERED, prepare(2, 5000, 6000), Commit(2)],
    ),
    "while the caller speaks into it: it is cut, and they are listened to": (
        [*HEARD, (2100, started(2050)), (2200, OTHERS)],
        Hearing,
        [*ANSWERED, *CUT],
    ),
    "while what they have said into it is looked at: that is answered": (
        [
            *HEARD,
            (2100, started(2050)),
            (3100, paused(3000)),
            (3110, OTHERS),
            (3150, words(2)),
        ],
        Committed,
        [*ANSWERED, prepare(2, 2050, 3000), *CUT, Commit(2)],
    ),
    "while it is stopped by a false alarm: it does not come back": (
        [*INTERRUPTED, (2300, OTHERS), (2500, paused(2400, 300)), (2550, hum(2))],
        Committed,
        RIGHT_AFTER_A_HUM,
    ),
    "the same, known only after the pause": (
        [*INTERRUPTED, (2500, paused(2400, 300)), (2510, OTHERS), (2550, NothingHeard(2, 100))],
        Committed,
        RIGHT_AFTER_A_HUM,
    ),
    "of a revision that is gone": ([*HEARD, (1900, WordsCorrected(7, at(1000)))], Speaking, ANSWERED),
}


@pytest.mark.parametrize("name", TABLE)
def test_corrected(name: str) -> None:
    check(*TABLE[name])
