"""Who has the floor: the whole of turn-taking as one pure function.

``step(state, event, now_ns, settings)`` returns the next state and the actions that the
call has to carry out.  Nothing here reads a clock, waits or does I/O, so a
conversation can be replayed as a table.

The life of one caller turn::

    LISTENING ──SpeechStarted──► HEARING ──SpeechPaused──► PREPARING (revision n, held)
        ▲                           ▲                          │      │
        │                           └──────SpeechResumed───────┘      │ SpeechStopped
        │                            (revision n cancelled)           ▼
        └─────────────────── PlaybackFinished ◄────────────────── ANSWERING

and, when the recogniser finds no words in a pause, PREPARING ──NothingHeard──► DOUBTING,
which SpeechResumed takes back to HEARING and SpeechStopped to LISTENING.

A revision is one attempt at an answer.  It is prepared while the caller may still go
on, and is heard by nobody until it is committed.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from offhook.events import AudioEnded, SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped

MS = 1_000_000


class Floor(enum.Enum):
    """Who is speaking, or about to."""

    LISTENING = "listening"
    """Nobody speaks; the caller may begin."""
    HEARING = "hearing"
    """The caller speaks."""
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
class PlaybackFinished:
    """All of revision ``revision`` (0: the greeting or a prompt) has been played."""

    revision: int


@dataclass(frozen=True, slots=True)
class NothingHeard:
    """Revision ``revision`` had no words in it: noise, a cough."""

    revision: int


@dataclass(frozen=True, slots=True)
class PromptStarted:
    """The call itself begins to say something: its greeting, or a prompt."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The channel is gone, or the dialogue is finished."""


TurnEvent = SpeechEvent | PlaybackFinished | NothingHeard | PromptStarted | Tick | CallEnded


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
class Cancel:
    """Drop revision ``revision``: nothing of it was heard, nothing of it is remembered."""

    revision: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Revision ``revision`` may be heard from now on."""

    revision: int


@dataclass(frozen=True, slots=True)
class StopPlayback:
    """The caller has interrupted: stop what is playing and forget what was not heard of it."""

    revision: int


@dataclass(frozen=True, slots=True)
class AskStillThere:
    """Both sides have been silent for long: ask once whether the caller is there."""


@dataclass(frozen=True, slots=True)
class SayGoodbye:
    """The caller stayed silent after being asked, or the call is too long: take leave."""


Action = Prepare | Cancel | Commit | StopPlayback | AskStillThere | SayGoodbye


# --- state ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """The part of the configuration that decides turns. [ms]"""

    barge_in: bool = True
    barge_in_ms: int = 300
    max_silence_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class TurnState:
    """Everything turn-taking remembers of one call."""

    floor: Floor = Floor.LISTENING
    revision: int = 0
    """Of the revision being prepared or heard; counts up over the whole call."""
    utterance_start_samples: int | None = None
    """Where the caller's present turn began; None between turns."""
    speaking_since_ns: int | None = None
    """Since when the caller has been speaking without a pause; None when they are not."""
    silent_since_ns: int | None = None
    """Since when nobody has spoken; None while somebody does."""
    playing: int | None = None
    """The revision that is being heard (0: greeting or prompt); None when nothing is."""
    asked_still_there: bool = False


Step = tuple[TurnState, tuple[Action, ...]]


def step(state: TurnState, event: TurnEvent, now_ns: int, settings: TurnSettings) -> Step:
    """Decide what ``event`` at ``now_ns`` means.  Pure; never raises."""
    if state.floor is Floor.ENDED:
        return state, ()
    match event:
        case CallEnded() | AudioEnded():
            return _ended(state)
        case PromptStarted():
            return replace(state, playing=0, silent_since_ns=None, floor=Floor.ANSWERING), ()
        case SpeechStarted():
            return _speech_started(state, event)
        case SpeechResumed():
            return _speech_resumed(state, event)
        case SpeechPaused():
            return _speech_paused(state, event)
        case SpeechStopped():
            return _speech_stopped(state, event, now_ns)
        case NothingHeard():
            return _nothing_heard(state, event, now_ns)
        case PlaybackFinished():
            return _playback_finished(state, event, now_ns)
        case Tick():
            return _tick(state, now_ns, settings)


def _ended(state: TurnState) -> Step:
    actions: tuple[Action, ...] = ()
    if state.floor is Floor.PREPARING:
        actions = (Cancel(state.revision),)
    elif state.floor is Floor.ANSWERING:
        actions = (StopPlayback(state.revision if state.playing is None else state.playing),)
    return TurnState(floor=Floor.ENDED, revision=state.revision), actions


def _speech_started(state: TurnState, event: SpeechStarted) -> Step:
    start = event.position_samples
    if state.utterance_start_samples is not None:
        start = min(start, state.utterance_start_samples)
    heard = replace(state, utterance_start_samples=start, asked_still_there=False)
    return _speaking(heard, event.at_ns)


def _speech_resumed(state: TurnState, event: SpeechResumed) -> Step:
    if state.utterance_start_samples is None:
        state = replace(state, utterance_start_samples=event.position_samples)
    return _speaking(state, event.at_ns)


def _speaking(state: TurnState, at_ns: int) -> Step:
    """The caller speaks: a held revision was premature; an answer being heard goes on until Tick judges."""
    heard = replace(state, speaking_since_ns=at_ns, silent_since_ns=None)
    if state.floor is Floor.ANSWERING:
        return heard, ()
    actions = (Cancel(state.revision),) if state.floor is Floor.PREPARING else ()
    return replace(heard, floor=Floor.HEARING), actions


def _speech_paused(state: TurnState, event: SpeechPaused) -> Step:
    quiet = replace(state, speaking_since_ns=None)
    if state.floor is not Floor.HEARING:
        return quiet, ()
    return _prepare(quiet, event, Floor.PREPARING)


def _prepare(state: TurnState, event: SpeechPaused | SpeechStopped, floor: Floor) -> Step:
    assert state.utterance_start_samples is not None, "HEARING always has an utterance"
    revision = state.revision + 1
    prepare = Prepare(
        revision, state.utterance_start_samples, event.position_samples, event.voiced_ms, event.at_ns
    )
    return replace(state, floor=floor, revision=revision), (prepare,)


def _speech_stopped(state: TurnState, event: SpeechStopped, now_ns: int) -> Step:
    quiet = replace(state, speaking_since_ns=None)
    prepared: tuple[Action, ...] = ()
    if state.floor is Floor.HEARING:
        # The pause fell into the end of our own answer, so nothing has been prepared yet.
        quiet, prepared = _prepare(quiet, event, Floor.PREPARING)
    done = replace(quiet, utterance_start_samples=None)
    if done.floor is Floor.PREPARING:
        committed = replace(done, floor=Floor.ANSWERING, playing=done.revision)
        return committed, (*prepared, Commit(done.revision))
    if done.floor is Floor.DOUBTING:
        return replace(done, floor=Floor.LISTENING, silent_since_ns=now_ns), ()
    return done, ()  # ANSWERING: too short to interrupt, said into our answer and let go


def _nothing_heard(state: TurnState, event: NothingHeard, now_ns: int) -> Step:
    if event.revision != state.revision or event.revision == 0:
        return state, ()
    if state.floor is Floor.PREPARING:
        return replace(state, floor=Floor.DOUBTING), (Cancel(event.revision),)
    if state.floor is Floor.ANSWERING and state.playing == event.revision:
        return _give_floor(state, now_ns), (Cancel(event.revision),)
    return state, ()


def _playback_finished(state: TurnState, event: PlaybackFinished, now_ns: int) -> Step:
    if state.floor is not Floor.ANSWERING or event.revision != state.playing:
        return state, ()
    return _give_floor(state, now_ns), ()


def _give_floor(state: TurnState, now_ns: int) -> TurnState:
    """Our turn is over; the caller may have begun theirs while our last words were in the air."""
    if state.utterance_start_samples is not None:
        return replace(state, floor=Floor.HEARING, playing=None)
    return replace(state, floor=Floor.LISTENING, playing=None, silent_since_ns=now_ns)


def _tick(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    if state.floor is Floor.ANSWERING:
        since, playing = state.speaking_since_ns, state.playing
        lasting = since is not None and now_ns - since >= settings.barge_in_ms * MS
        if settings.barge_in and lasting and playing is not None:
            return replace(state, floor=Floor.HEARING, playing=None), (StopPlayback(playing),)
        return state, ()
    if state.floor is Floor.LISTENING:
        if state.silent_since_ns is None:
            return replace(state, silent_since_ns=now_ns), ()
        if now_ns - state.silent_since_ns >= settings.max_silence_ms * MS:
            asked = state.asked_still_there
            quiet = replace(state, asked_still_there=True, silent_since_ns=now_ns)
            return quiet, (SayGoodbye() if asked else AskStillThere(),)
    return state, ()
