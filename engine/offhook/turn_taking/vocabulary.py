"""The words of turn-taking: what can happen, what can be done about it, and what is remembered."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from offhook.end_of_turn.wait import Asked, EndpointingSettings, Expected, PauseHabit
from offhook.events import SpeechEvent

MS = 1_000_000


class Floor(enum.Enum):
    """Who is speaking, or about to."""

    LISTENING = "listening"
    """Nobody speaks; the caller may begin."""
    HEARING = "hearing"
    """The caller speaks."""
    WAITING = "waiting"
    """The caller has paused; nothing is prepared yet, because the machine is busy."""
    PREPARING = "preparing"
    """The caller has paused; a revision is prepared and held."""
    DOUBTING = "doubting"
    """The caller has paused, and what was heard so far holds no words; more may come."""
    ANSWERING = "answering"
    """A revision is committed: it is heard, or will be as soon as it exists."""
    ENDED = "ended"
    """The call is over; nothing happens any more."""


# --- what happens besides speech -----------------------------------------------------------


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
class NothingHeard:
    """Revision ``revision`` had no words in it: noise, a cough; ``voiced_ms`` of it sounded like a voice."""

    revision: int
    voiced_ms: int = 0


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
    | DigitPressed
    | DigitsEntered
    | Tick
    | CallEnded
)


# --- what the call has to do ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepare:
    """Begin revision ``revision`` of an answer to the audio from ``start`` to ``stop``; hold it."""

    revision: int
    start_samples: int
    stop_samples: int
    voiced_ms: int
    speech_end_ns: int


@dataclass(frozen=True, slots=True)
class PrepareDigits:
    """Begin revision ``revision`` of an answer to keys that were pressed."""

    revision: int
    digits: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Drop revision ``revision``: nothing of it was heard, nothing of it is remembered."""

    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Revision ``revision`` may be heard from now on."""

    revision: int


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """The caller has interrupted: stop what is playing, at once.

    ``premature``: they had not finished, and we had begun too early; the revision is forgotten as
    if it had been cancelled, because the next one answers its words too.  Otherwise the answer
    waits for :class:`ResumePlayback` or :class:`Settle`.
    """

    revision: int
    premature: bool = False


@dataclass(frozen=True, slots=True)
class ResumePlayback:
    """It was a false alarm: go on with revision ``revision`` from where it was stopped."""

    revision: int


@dataclass(frozen=True, slots=True)
class Settle:
    """The interrupted revision does not come back: remember what was heard of it."""

    revision: int


@dataclass(frozen=True, slots=True)
class SayHolding:
    """Revision ``revision`` is late: say that we are on it."""

    revision: int


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The caller said something that could not be understood: ask them to say it again."""


@dataclass(frozen=True, slots=True)
class AskStillThere:
    """Both sides have been silent for long: ask once whether the caller is there."""


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """The caller stayed silent after being asked: take leave."""


@dataclass(frozen=True, slots=True)
class Leave:
    """Take leave whatever is on the line, and end the call.

    ``nobody``: there was music, a television, an announcement, and nobody who talked with us.
    """

    nobody: bool


Action = (
    Prepare
    | PrepareDigits
    | Cancel
    | Commit
    | StopPlayback
    | ResumePlayback
    | Settle
    | SayHolding
    | AskAgain
    | AskStillThere
    | SayGoodbye
    | Leave
)


UNSPECULATED_MS = 350
"""Most pauses that a caller goes on after are shorter."""


# --- settings and state --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The part of the configuration that decides turns. [ms]"""

    endpointing: EndpointingSettings = field(default_factory=EndpointingSettings)
    language: str = "en"
    """What the caller speaks."""
    speculate: bool = True
    """Prepare answers in pauses; False: only when the turn is over (the machine is busy)."""
    unspeculated_ms: int = UNSPECULATED_MS
    """Silence after which an answer is begun when it is not begun in every pause."""
    sound: bool = False
    """Something loud is on the line right now: a commit waits a moment for what it turns out to be."""
    barge_in: bool = True
    max_silence_ms: int = 10_000
    asked_silence_ms: int = 45_000
    """The same after the caller has asked us to wait."""
    noise_ms: int = 30_000
    """So long may there be sounds like a voice's without a word, before the caller is asked."""
    holding_ms: int | None = 1_500
    """A committed answer that is later than this is announced; None: never."""
    doubtful_voiced_ms: int = 500
    """So much voice without words was something that could not be understood, not a cough."""


SOUND_MS = 160
"""A commit waits no longer than this for a sound: by then the endpointer knows."""
LAST_WORDS_MS = 500
""""Yes" begun so shortly before the end of our question answers it: they have heard what is asked."""
LAST_CLAUSE_MS = 1_000
"""The same where a yes or no was asked for: "..., is that right?" says nothing that is not known before."""
LONG_TURN_MS = 30_000
"""In a turn that has lasted so long not every pause is worth an answer prepared: it may be a television."""
LONGEST_TURN_MS = 60_000
"""A turn that has lasted so long is answered in its next pause; a second one in a row is nobody's."""
MAX_ASKED_AGAIN = 2
"""Times in a row that a caller is asked to repeat; then we listen on."""


@dataclass(frozen=True, slots=True)
class TurnState:
    """Everything turn-taking remembers of one call."""

    floor: Floor = Floor.LISTENING
    revision: int = 0
    """The newest one; counts up over the whole call."""
    utterance_start_samples: int | None = None
    """Where the words begin that no answer has been heard to; None when there are none."""
    utterance_open: bool = False
    """The endpointer may still say that the caller went on."""
    went_on: bool = False
    """The caller went on in the same utterance after we had begun to answer it."""
    spoke: bool = False
    """The caller has spoken since we began to speak, and it has not been let go."""
    spoke_at_ns: int | None = None
    """Since when, of the latest that they said."""
    own_voice_ends_ns: int | None = None
    """When the last word of what we say is over, or was; None while that is not known."""
    speaking_since_ns: int | None = None
    """Since when the caller has been speaking without a pause; None when they are not."""
    speech_end_ns: int | None = None
    """The caller's last sound, while their turn may be over."""
    paused: tuple[int, int] | None = None
    """Of the pause that is waited in: position in samples, voiced ms of the whole turn."""
    paused_over_us_ns: int | None = None
    """The last sound of what the caller said while we were heard, for us or not; None after a turn's end."""
    voiced_ms: int = 0
    """Voiced audio in which DOUBTING found no words."""
    voiced_before_ms: int = 0
    """Voiced audio of the turn from before the endpointer's present utterance."""
    words: str | None = None
    """What the newest revision was told; None before."""
    answered: str = ""
    """The words that the answer being heard is for."""
    commit_at_ns: int | None = None
    """When the turn is over unless the caller goes on; not before the words are known."""
    committed_ns: int | None = None
    """When the revision that is not heard yet was committed."""
    silent_since_ns: int | None = None
    """Since when nobody has said a word, sounds that have none not counted; None while we speak."""
    turn_since_ns: int | None = None
    """When the turn began that is heard or was heard last."""
    long_turns: int = 0
    """Turns in a row that were answered because they did not end."""
    unattended: bool = False
    """What was heard last was an announcement, or a long noise: nobody may be there."""
    leaving: bool = False
    """The last words are being said, and nothing stops them."""
    playing: int | None = None
    """The revision that is being heard or will be (0: greeting or prompt); None when nothing is."""
    heard: bool = False
    """The caller hears ``playing``."""
    interruptible: bool = True
    overlap: int | None = None
    """The revision of what the caller said while we spoke, until we know whether it was for us."""
    interrupted: int | None = None
    """A stopped answer that goes on if it was a false alarm."""
    expected: Expected = field(default_factory=Expected)
    announced: tuple[int, Expected] | None = None
    """What a revision that is not heard yet will ask for."""
    habit: PauseHabit = field(default_factory=PauseHabit)
    keyed: str = ""
    """The keys that the committed revision answers, until it is heard."""
    typed: str = ""
    """Keys that could not be answered when they were entered: they are as soon as the floor is free."""
    asked_still_there: bool = False
    waits_for: int | None = None
    """The revision whose turn asked us to wait; None when the caller has said something since."""
    asked_again: int = 0
    answers_since_holding: int = 2
    """Answers begun since the last holding phrase: there is none twice in a row."""

    @property
    def said_at_our_end(self) -> bool:
        """What the caller said last while we spoke was begun in our question's last word, or behind it."""
        if self.own_voice_ends_ns is None or self.spoke_at_ns is None:
            return False
        before_ns = self.own_voice_ends_ns - self.spoke_at_ns
        if self.expected.asked is Asked.YES_NO:
            return before_ns <= LAST_CLAUSE_MS * MS
        return before_ns <= 0 or (self.expected.question and before_ns <= LAST_WORDS_MS * MS)


Step = tuple[TurnState, tuple[Action, ...]]


def is_long(state: TurnState, now_ns: int) -> bool:
    """The turn has lasted so long that guesses at its end are not worth their while."""
    if state.long_turns:
        return True
    return state.turn_since_ns is not None and now_ns - state.turn_since_ns >= LONG_TURN_MS * MS
