"""Keys in turn-taking: an entry is a whole turn, and none is lost."""

from __future__ import annotations

from dataclasses import replace

from offhook.turn_taking.actions import PrepareDigits
from offhook.turn_taking.events import DigitsEntered
from offhook.turn_taking.floor import commit_revision, give_everything_up, give_floor, may_interrupt
from offhook.turn_taking.settings import TurnSettings
from offhook.turn_taking.state import (
    Committed,
    Listening,
    Speaking,
    Step,
    TurnState,
    with_silence,
    with_voice,
)


def digit_pressed(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """Somebody is there; what is said ends, where it may."""
    pressed = with_silence(state, asked=False, unattended=False)
    match state.floor:
        case Speaking() as speaking if may_interrupt(speaking, settings):
            return give_floor(pressed, now_ns), give_everything_up(state)
        case Listening():
            return with_silence(pressed, since_ns=now_ns), ()
    return pressed, ()


def digits_entered(state: TurnState, event: DigitsEntered, now_ns: int, settings: TurnSettings) -> Step:
    """Keys are a whole turn: whatever else was going on gives way, but for what may not be interrupted."""
    typed = replace(state, typed=state.typed + event.digits)
    if isinstance(state.floor, Speaking) and not may_interrupt(state.floor, settings):
        return typed, ()
    return answer_typed(typed, now_ns)


def answer_typed(state: TurnState, now_ns: int) -> Step:
    """Answer the keys that wait for it; everything else is given up."""
    actions = give_everything_up(state)
    before = state.floor.keys if isinstance(state.floor, Committed) else ""
    revision, digits = state.revision + 1, before + state.typed
    typed = with_voice(state, start_samples=None, since_ns=None, ended_ns=None)
    typed = replace(typed, revision=revision, typed="")
    committed, more = commit_revision(typed, now_ns, digits, digits)
    return committed, (*actions, PrepareDigits(revision, digits), *more)
