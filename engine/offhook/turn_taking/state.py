"""What turn-taking remembers of a call: who has the floor, and what holds whoever has it.

The floor is a sum type: each of its kinds holds what means something there and nowhere else, so that nothing
is left over from one turn in the next.  Beside it stand what the caller's voice does, how long there has been
silence, and what is learnt over the call.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from offhook.end_of_turn.wait import Asked, Expected, PauseHabit
from offhook.turn_taking.actions import Action
from offhook.turn_taking.events import WordsHeard
from offhook.turn_taking.settings import LAST_CLAUSE_MS, LAST_WORDS_MS, LONG_TURN_MS, MS

PROMPT = 0
"""The number of what the call itself says, where an answer has that of its revision."""

# --- who has the floor ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Listening:
    """Nobody speaks; the caller may begin."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """The caller speaks."""

    interrupted: Speaking | None = None
    """The answer that they have stopped; it goes on if that was a false alarm."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The caller has paused; nothing is prepared yet, because the machine is busy, or many call."""

    prepare_at_ns: int


@dataclass(frozen=True, slots=True)
class Preparing:
    """The caller has paused; the newest revision is prepared and held."""

    commit_at_ns: int | None
    """When the turn is over unless the caller goes on; None: only its words can say."""
    words: str | None = None
    """What the revision was told; None before."""
    interrupted: Speaking | None = None
    loud_at_ns: int | None = None
    """When something loud was on the line last; None: not since the pause began."""


@dataclass(frozen=True, slots=True)
class Doubting:
    """The caller has paused, and what was heard so far holds no words; more may come."""

    voiced_ms: int
    """Voiced audio in which there were none."""
    ask_at_ns: int | None = None
    """When they are asked to say it again; None: at the end of the utterance."""


@dataclass(frozen=True, slots=True)
class Committed:
    """A revision will be heard as soon as it exists."""

    revision: int
    since_ns: int
    words: str
    """What it answers; empty while that is not known."""
    keys: str = ""
    """The keys that it answers."""


@dataclass(frozen=True, slots=True)
class Speaking:
    """The caller hears us."""

    revision: int
    """:data:`PROMPT` for a greeting or prompt."""
    words: str = ""
    """What it answers."""
    interruptible: bool = True
    ends_ns: int | None = None
    """When the last word of it is over, or was; None while that is not known."""
    overlap: int | None = None
    """The revision of what the caller said meanwhile, until we know whether it was for us."""
    said: WordsHeard | None = None
    """The words of that revision, where they wait until we have been heard to the end."""
    went_on: bool = False
    """The caller went on in the utterance that is being answered."""
    wrong: bool = False
    """It answers what the caller has not said: it does not come back."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """The last words are being said, and nothing stops them."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; nothing happens any more."""


Answering = Committed | Speaking
Floor = Listening | Hearing | Waiting | Preparing | Doubting | Committed | Speaking | Leaving | Ended


# --- beside it -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause:
    """The latest one of the caller's."""

    position_samples: int
    voiced_ms: int
    """Voiced audio in the whole turn until there."""


@dataclass(frozen=True, slots=True)
class OverUs:
    """What the caller says, or said, while they heard us, and was not let go."""

    began_ns: int
    """Of the latest of it."""
    our_end_ns: int | None
    """When the last word of ours was over, or will be; None while that is not known."""


@dataclass(frozen=True, slots=True)
class CallerVoice:
    """What the endpointer has told of the caller's voice."""

    start_samples: int | None = None
    """Where the words begin that no answer has been heard to; None when there are none."""
    since_ns: int | None = None
    """When the turn began that goes on, or was the last."""
    open: bool = False
    """The endpointer may still say that the caller went on."""
    speaking_since_ns: int | None = None
    """Since when the caller has been speaking without a pause; None when they are not."""
    ended_ns: int | None = None
    """The caller's last sound, while their turn may be over."""
    pause: Pause | None = None
    voiced_before_ms: int = 0
    """Voiced audio of the turn from before the endpointer's present utterance."""
    over_us: OverUs | None = None
    paused_over_us_ns: int | None = None
    """The last sound of what the caller said while we were heard, for us or not; None after a turn's end."""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long nobody has said a word; sounds that have none do not count."""

    since_ns: int | None = None
    """None while we speak."""
    asked: bool = False
    """The caller was asked whether they are still there."""
    unattended: bool = False
    """What was heard last was an announcement, or a long noise: nobody may be there."""
    waits_for: int | None = None
    """The revision whose turn asked us to wait; None when the caller has said something since."""


@dataclass(frozen=True, slots=True)
class TurnState:
    """Everything turn-taking remembers of one call."""

    floor: Floor = field(default_factory=Listening)
    revision: int = 0
    """The newest one; counts up over the whole call."""
    committed: int = 0
    """The newest of those that may be heard, or might have been."""
    voice: CallerVoice = field(default_factory=CallerVoice)
    silence: Silence = field(default_factory=Silence)
    busy: bool = False
    """The machine has no power for guesses."""
    crowded: bool = False
    """It has some for pauses that last."""
    expected: Expected = field(default_factory=Expected)
    announced: tuple[int, Expected] | None = None
    """What a revision that is not heard yet will ask for."""
    habit: PauseHabit = field(default_factory=PauseHabit)
    typed: str = ""
    """Keys that could not be answered when they were entered: they are as soon as the floor is free."""
    long_turns: int = 0
    """Turns in a row that were answered because they did not end."""
    asked_again: int = 0
    """Times in a row that the caller was asked to say it again."""
    answers_since_holding: int = 2
    """Answers begun since the last holding phrase: there is none twice in a row."""

    @property
    def look_at_ns(self) -> int | None:
        """When the clock decides something whose moment is known; None: nothing of that kind."""
        match self.floor:
            case Waiting(prepare_at_ns=at_ns):
                return at_ns
            case Preparing(commit_at_ns=at_ns, words=str()):
                return at_ns
            case Doubting(ask_at_ns=at_ns) if not self.voice.open:
                return at_ns
        return None

    @property
    def said_at_our_end(self) -> bool:
        """What the caller said last while we spoke was begun in our question's last word, or behind it."""
        over = self.voice.over_us
        if over is None or over.our_end_ns is None:
            return False
        before_ns = over.our_end_ns - over.began_ns
        if self.expected.asked is Asked.YES_NO:
            return before_ns <= LAST_CLAUSE_MS * MS
        return before_ns <= 0 or (self.expected.question and before_ns <= LAST_WORDS_MS * MS)

    def is_long(self, now_ns: int) -> bool:
        """The turn has lasted so long that guesses at its end are not worth their while."""
        since_ns = self.voice.since_ns
        return bool(self.long_turns) or (since_ns is not None and now_ns - since_ns >= LONG_TURN_MS * MS)


Step = tuple[TurnState, tuple[Action, ...]]


def with_voice(state: TurnState, **changes: Any) -> TurnState:
    """The state with some of the caller's voice changed."""
    return replace(state, voice=replace(state.voice, **changes))


def with_silence(state: TurnState, **changes: Any) -> TurnState:
    """The state with some of the silence changed."""
    return replace(state, silence=replace(state.silence, **changes))
