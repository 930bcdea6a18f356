"""How the floor changes hands: the transitions that several events share.  Pure, as all of turn-taking."""

from __future__ import annotations

from dataclasses import replace

from offhook.events import SpeechPaused, SpeechStopped
from offhook.turn_taking.vocabulary import (
    MS,
    Action,
    Cancel,
    Commit,
    Floor,
    Leave,
    Prepare,
    Settle,
    Step,
    StopPlayback,
    TurnSettings,
    TurnState,
)


def give_everything_up(state: TurnState) -> tuple[Action, ...]:
    """End whatever is being prepared, heard or held back."""
    actions: list[Action] = []
    if state.floor is Floor.PREPARING:
        actions.append(Cancel(state.revision))
    if state.overlap is not None:
        actions.append(Cancel(state.overlap))
    if state.playing is not None:
        if state.heard or state.playing == 0:
            actions += [StopPlayback(state.playing), Settle(state.playing)]
        else:
            actions.append(Cancel(state.playing))
    if state.interrupted is not None:
        actions.append(Settle(state.interrupted))
    return tuple(actions)


def hearing(state: TurnState) -> TurnState:
    return replace(state, floor=Floor.HEARING, commit_at_ns=None, words=None, paused=None)


def prepare_revision(state: TurnState, event: SpeechPaused | SpeechStopped, settings: TurnSettings) -> Step:
    revision = state.revision + 1
    latest = event.at_ns + settings.endpointing.longest_ms * MS
    preparing = replace(
        state,
        floor=Floor.PREPARING,
        revision=revision,
        words=None,
        paused=(event.position_samples, event.voiced_ms),
        speech_end_ns=event.at_ns,
        commit_at_ns=latest,
    )
    return preparing, (preparation(state, event, revision),)


def preparation(state: TurnState, event: SpeechPaused | SpeechStopped, revision: int) -> Prepare:
    start = state.utterance_start_samples
    assert start is not None, "the caller has spoken, so an utterance has begun"
    return Prepare(revision, start, event.position_samples, event.voiced_ms, event.at_ns)


def commit_revision(state: TurnState, now_ns: int) -> Step:
    committed = replace(
        state,
        floor=Floor.ANSWERING,
        playing=state.revision,
        heard=False,
        interruptible=True,
        spoke=False,
        own_voice_ends_ns=None,
        commit_at_ns=None,
        committed_ns=now_ns,
        keyed="",
        answered=state.words or "",
        long_turns=0,
    )
    if state.words:
        committed = words_said(committed, now_ns)
    actions: tuple[Action, ...] = (Commit(state.revision),)
    if state.interrupted is not None:
        actions = (Settle(state.interrupted), *actions)
    return replace(committed, interrupted=None), actions


def words_said(state: TurnState, now_ns: int) -> TurnState:
    """The caller has said something, or pressed keys: somebody is there."""
    waits_for = state.waits_for if state.waits_for == state.revision else None
    said = replace(state, asked_again=0, silent_since_ns=now_ns, asked_still_there=False)
    return replace(said, unattended=False, waits_for=waits_for)


def leave(state: TurnState, *, nobody: bool) -> Step:
    """End the call with a goodbye that nothing on the line can stop."""
    last = TurnState(
        floor=Floor.ANSWERING,
        revision=state.revision,
        playing=0,
        heard=True,
        interruptible=False,
        leaving=True,
    )
    return last, (*give_everything_up(state), Leave(nobody))


def give_floor(state: TurnState, now_ns: int) -> TurnState:
    """Our turn is over; the caller may have begun theirs while our last words were in the air."""
    free = replace(
        state, playing=None, heard=False, committed_ns=None, commit_at_ns=None, went_on=False, words=None
    )
    if state.spoke and state.utterance_open and state.utterance_start_samples is not None:
        return replace(free, floor=Floor.HEARING, silent_since_ns=now_ns)
    return replace(free, floor=Floor.LISTENING, utterance_start_samples=None, silent_since_ns=now_ns)


def may_interrupt(state: TurnState, settings: TurnSettings) -> bool:
    return settings.barge_in and state.interruptible
