"""How the floor changes hands: the transitions that several events share.  Pure, as all of turn-taking."""

from __future__ import annotations

from dataclasses import replace

from offhook.events import SpeechPaused, SpeechStopped
from offhook.turn_taking.actions import Action, AskAgain, Cancel, Commit, Leave, Prepare, Settle, StopPlayback
from offhook.turn_taking.settings import MAX_ASKED_AGAIN, MS, TurnSettings
from offhook.turn_taking.state import (
    PROMPT,
    Committed,
    Hearing,
    Leaving,
    Listening,
    Pause,
    Preparing,
    Speaking,
    Step,
    TurnState,
    with_silence,
    with_voice,
)


def give_everything_up(state: TurnState) -> tuple[Action, ...]:
    """End whatever is being prepared, heard or held back."""
    match state.floor:
        case Hearing(interrupted=Speaking(revision=revision)):
            return (Settle(revision),)
        case Preparing(interrupted=interrupted):
            settled = () if interrupted is None else (Settle(interrupted.revision),)
            return (Cancel(state.revision), *settled)
        case Committed(revision=revision):
            return (Cancel(revision),)
        case Speaking(revision=revision, overlap=overlap):
            cancelled = () if overlap is None else (Cancel(overlap),)
            return (*cancelled, StopPlayback(revision), Settle(revision))
        case Leaving():
            return StopPlayback(PROMPT), Settle(PROMPT)
    return ()


def hearing(state: TurnState, interrupted: Speaking | None = None) -> TurnState:
    """The caller has the floor."""
    return with_voice(replace(state, floor=Hearing(interrupted)), pause=None)


def prepare_revision(state: TurnState, event: SpeechPaused | SpeechStopped, settings: TurnSettings) -> Step:
    """The caller may have finished: begin an answer."""
    revision = state.revision + 1
    latest = event.at_ns + settings.endpointing.longest_ms * MS
    interrupted = state.floor.interrupted if isinstance(state.floor, Hearing | Preparing) else None
    preparing = replace(state, floor=Preparing(latest, interrupted=interrupted), revision=revision)
    pause = Pause(event.position_samples, event.voiced_ms)
    return with_voice(preparing, pause=pause, ended_ns=event.at_ns), (preparation(state, event, revision),)


def preparation(state: TurnState, event: SpeechPaused | SpeechStopped, revision: int) -> Prepare:
    """What is to be prepared: everything since the turn began."""
    start = state.voice.start_samples
    assert start is not None, "the caller has spoken, so an utterance has begun"
    return Prepare(revision, start, event.position_samples, event.voiced_ms, event.at_ns)


def commit_prepared(state: TurnState, preparing: Preparing, now_ns: int) -> Step:
    """The turn is over: its newest revision may be heard."""
    committed, actions = commit_revision(state, now_ns, preparing.words or "", due_ns=preparing.commit_at_ns)
    if preparing.interrupted is not None:
        actions = (Settle(preparing.interrupted.revision), *actions)
    return committed, actions


def commit_revision(
    state: TurnState, now_ns: int, words: str, keys: str = "", due_ns: int | None = None
) -> Step:
    """The newest revision, which answers ``words`` or ``keys``, may be heard."""
    floor = Committed(state.revision, now_ns, words, keys)
    begun = replace(state, floor=floor, long_turns=0, committed=state.revision)
    committed = with_voice(begun, over_us=None)
    if words:
        committed = words_said(committed, now_ns)
    return committed, (Commit(state.revision, due_ns),)


def words_said(state: TurnState, now_ns: int) -> TurnState:
    """The caller has said something, or pressed keys: somebody is there."""
    waits_for = state.silence.waits_for if state.silence.waits_for == state.revision else None
    said = replace(state, asked_again=0)
    return with_silence(said, since_ns=now_ns, asked=False, unattended=False, waits_for=waits_for)


def leave(state: TurnState, *, nobody: bool) -> Step:
    """End the call with a goodbye that nothing on the line can stop."""
    return TurnState(Leaving(), state.revision), (*give_everything_up(state), Leave(nobody))


def give_floor(state: TurnState, now_ns: int) -> TurnState:
    """Our turn is over; the caller may have begun theirs while our last words were in the air."""
    state, voice = with_silence(state, since_ns=now_ns), state.voice
    if voice.over_us is not None and voice.open and voice.start_samples is not None:
        return replace(state, floor=Hearing())
    return with_voice(replace(state, floor=Listening()), start_samples=None)


def not_understood(state: TurnState, voiced_ms: int, now_ns: int, settings: TurnSettings) -> Step:
    """No words in a whole utterance: a noise is forgotten, a voice is asked to repeat, not for ever."""
    listening = give_floor(state, now_ns)
    if state.silence.since_ns is not None:  # sounds without words are silence
        listening = with_silence(listening, since_ns=state.silence.since_ns)
    if voiced_ms < settings.doubtful_voiced_ms or state.asked_again >= MAX_ASKED_AGAIN:
        return listening, ()
    return replace(listening, asked_again=state.asked_again + 1), (AskAgain(),)


def may_interrupt(speaking: Speaking, settings: TurnSettings) -> bool:
    """Whether what is said may be stopped, by voice or key."""
    return settings.barge_in and speaking.interruptible
