"""Who has the floor: facts in, actions out, as one pure function.

:func:`~offhook.turn.step.step` decides; :mod:`offhook.turn.vocabulary` has the words that it
decides with.  Nothing in this package reads a clock, waits or does I/O, so a conversation can be
replayed as a table.
"""

from offhook.turn.configured import configured
from offhook.turn.step import step
from offhook.turn.vocabulary import (
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
    WordsHeard,
)

__all__ = [
    "MS",
    "Action",
    "AskAgain",
    "AskStillThere",
    "CallEnded",
    "CallerDismissed",
    "CallerJudged",
    "Cancel",
    "Commit",
    "DigitPressed",
    "DigitsEntered",
    "Expecting",
    "Floor",
    "NothingHeard",
    "PlaybackFinished",
    "PlaybackStarted",
    "Prepare",
    "PrepareDigits",
    "PromptStarted",
    "ResumePlayback",
    "SayGoodbye",
    "SayHolding",
    "Settle",
    "StopPlayback",
    "Tick",
    "TurnEvent",
    "TurnSettings",
    "TurnState",
    "WordsHeard",
    "configured",
    "step",
]
