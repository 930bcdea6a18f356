"""What turn-taking is told, besides the speech events of the media thread."""

from __future__ import annotations

from dataclasses import dataclass

from offhook.end_of_turn.wait import Expected
from offhook.events import SpeechEvent


@dataclass(frozen=True, slots=True)
class WordsHeard:
    """The caller's words in revision ``revision`` are known, or better known than before."""

    revision: int
    text: str
    complete: float
    """Probability that their turn ends with these words."""
    provisional: bool = False
    """The language model has still to say what it thinks: no reason to answer yet."""
    backchannel: bool = False
    """Only "mm-hm" and the like, or an echo of our own words: nothing that asks for an answer."""
    echo: bool = False
    """An echo of our own words: no answer either, where a "mm-hm" would be one."""


@dataclass(frozen=True, slots=True)
class WordsChanged:
    """Heard once more, with the silence behind them up to ``stop_samples``, the words are others."""

    revision: int
    stop_samples: int


@dataclass(frozen=True, slots=True)
class WordsCorrected:
    """Revision ``revision`` answers interim words, and the final ones ask for another answer."""

    revision: int
    stop_samples: int
    """Where what the caller has said ends."""
    empty: bool = False
    """There are no final words."""


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """Revision ``revision`` had no words in it: noise, a cough; ``voiced_ms`` of it sounded like a voice."""

    revision: int
    voiced_ms: int = 0
    doubtful: str = ""
    """What it may have been: words of which the recogniser is too unsure to have them answered."""


@dataclass(frozen=True, slots=True)
class Repeated:
    """Revision ``revision`` heard what the line has said several times: an announcement, nobody to answer."""

    revision: int


@dataclass(frozen=True, slots=True)
class WordsSoFar:
    """Some words are known of a turn that goes on: somebody speaks, and it is no music."""


@dataclass(frozen=True, slots=True)
class CallOverdue:
    """The call has lasted as long as calls may."""


@dataclass(frozen=True, slots=True)
class PromptStarted:
    """The call itself begins to say something: its greeting, or a prompt."""

    interruptible: bool = True


@dataclass(frozen=True, slots=True)
class Expecting:
    """What we say asks the caller for this, from when it is heard."""

    expected: Expected
    revision: int = 0
    """Whose words they are; 0: a prompt that is being said."""
    aside: bool = False
    """Who was dictating something goes on with that all the same: "Are you still there?"."""


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The caller begins to hear revision ``revision``."""

    revision: int


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """All of revision ``revision`` (0: the greeting or a prompt) has been played."""

    revision: int


@dataclass(frozen=True, slots=True)
class OwnVoiceEnds:
    """What we say is heard until ``at_ns``, or was; a voice's silence behind its last word does not count."""

    at_ns: int


@dataclass(frozen=True, slots=True)
class CallerJudged:
    """What the caller utters while we speak is meant for us: they want the floor."""


@dataclass(frozen=True, slots=True)
class CallerDismissed:
    """What the caller's line has carried while we spoke was not meant for us: an echo, a noise, a hum."""


@dataclass(frozen=True, slots=True)
class CallerWaits:
    """In the turn that revision ``revision`` answers the caller has asked us to wait."""

    revision: int


@dataclass(frozen=True, slots=True)
class LineLoud:
    """Something as loud as speech is on the line right now: what it is, is not known yet."""


@dataclass(frozen=True, slots=True)
class MachineBusy:
    """What power the machine has left for guesses."""

    busy: bool
    """None."""
    crowded: bool = False
    """Only for such in pauses that last."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """A key, of which more may follow."""


@dataclass(frozen=True, slots=True)
class DigitsEntered:
    """Keys that are complete: as many as were asked for, ended by ``#``, or nothing came after them."""

    digits: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The channel is gone, or the dialogue is finished."""


TurnEvent = (
    SpeechEvent
    | WordsHeard
    | WordsChanged
    | WordsCorrected
    | NothingHeard
    | Repeated
    | WordsSoFar
    | CallOverdue
    | PromptStarted
    | Expecting
    | PlaybackStarted
    | PlaybackFinished
    | OwnVoiceEnds
    | CallerJudged
    | CallerDismissed
    | CallerWaits
    | LineLoud
    | MachineBusy
    | DigitPressed
    | DigitsEntered
    | Tick
    | CallEnded
)
