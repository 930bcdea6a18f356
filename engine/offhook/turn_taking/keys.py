"""Keys in turn-taking: an entry is a whole turn, and none is lost."""

from __future__ import annotations

from dataclasses import replace

from offhook.turn_taking.floor import commit_revision, give_everything_up, give_floor, may_interrupt
from offhook.turn_taking.vocabulary import (
    Action,
    Cancel,
    DigitsEntered,
    Floor,
    PrepareDigits,
    Settle,
    Step,
    StopPlayback,
    TurnSettings,
    TurnState,
)


def digit_pressed(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    pressed = replace(state, asked_still_there=False, unattended=False)
    if state.floor is Floor.ANSWERING and state.heard and may_interrupt(state, settings):
        assert state.playing is not None
        actions: tuple[Action, ...] = (StopPlayback(state.playing), Settle(state.playing))
        if state.overlap is not None:
            actions = (Cancel(state.overlap), *actions)
        return give_floor(replace(pressed, overlap=None), now_ns), actions
    if state.floor is Floor.LISTENING:
        return replace(pressed, silent_since_ns=now_ns), ()
    return pressed, ()


def digits_entered(state: TurnState, event: DigitsEntered, now_ns: int, settings: TurnSettings) -> Step:
    """Keys are a whole turn: whatever else was going on gives way, but for what may not be interrupted."""
    if state.floor is Floor.ANSWERING and state.heard and not may_interrupt(state, settings):
        return replace(state, typed=state.typed + event.digits), ()
    return answer_typed(replace(state, typed=state.typed + event.digits), now_ns)


def answer_typed(state: TurnState, now_ns: int) -> Step:
    """Answer the keys that wait for it; everything else is given up."""
    actions = give_everything_up(state)
    revision, digits = state.revision + 1, state.keyed + state.typed
    typed = replace(
        state,
        revision=revision,
        overlap=None,
        interrupted=None,
        words=digits,
        utterance_start_samples=None,
        speech_end_ns=None,
        turn_since_ns=None,
        typed="",
    )
    committed, more = commit_revision(typed, now_ns)
    return replace(committed, keyed=digits), (*actions, PrepareDigits(revision, digits), *more)
