"""What time alone decides: the end of a wait, a late answer, a long silence."""

from __future__ import annotations

from dataclasses import replace

from offhook.events import SpeechPaused
from offhook.turn_taking.floor import commit_revision, give_everything_up, give_floor, leave, prepare_revision
from offhook.turn_taking.vocabulary import (
    MS,
    SOUND_MS,
    AskStillThere,
    Floor,
    SayGoodbye,
    SayHolding,
    Step,
    TurnSettings,
    TurnState,
)


def tick(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    match state.floor:
        case Floor.PREPARING:
            # Words that are not known by the end of the utterance and the wait are known soon.
            if state.commit_at_ns is not None and (state.words is not None or not state.utterance_open):
                patience_ns = SOUND_MS * MS if settings.sound else 0
                if now_ns >= state.commit_at_ns + patience_ns:
                    return commit_revision(state, now_ns)
        case Floor.WAITING:
            if state.commit_at_ns is not None and now_ns >= state.commit_at_ns:
                return _prepare_after_waiting(state, settings)
        case Floor.ANSWERING:
            return _tick_while_late(state, now_ns, settings)
        case Floor.LISTENING:
            return _tick_in_silence(state, now_ns, settings)
    if state.words is None:
        return _tick_in_noise(state, now_ns, settings)
    return state, ()


def _prepare_after_waiting(state: TurnState, settings: TurnSettings) -> Step:
    assert state.paused is not None
    assert state.speech_end_ns is not None
    position, voiced_ms = state.paused
    return prepare_revision(state, SpeechPaused(position, state.speech_end_ns, voiced_ms), settings)


def _tick_while_late(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """A committed answer that does not come is announced, though not two in a row."""
    if state.committed_ns is None or state.playing is None or settings.holding_ms is None:
        return state, ()
    if state.answers_since_holding < 2 or now_ns - state.committed_ns < settings.holding_ms * MS:
        return state, ()
    return replace(state, answers_since_holding=0), (SayHolding(state.playing),)


def _tick_in_silence(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    if state.silent_since_ns is None:
        return replace(state, silent_since_ns=now_ns), ()
    limit_ms = settings.max_silence_ms
    if state.waits_for is not None:
        limit_ms = max(limit_ms, settings.asked_silence_ms)
    if now_ns - state.silent_since_ns < limit_ms * MS:
        return state, ()
    if state.asked_still_there and state.unattended:
        return leave(state, nobody=True)
    quiet = replace(state, asked_still_there=True, silent_since_ns=now_ns)
    return quiet, (SayGoodbye() if state.asked_still_there else AskStillThere(),)


def _tick_in_noise(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """Something sounds like a voice and says nothing: music, a fax, a fan.  It is a silence, only longer."""
    if state.silent_since_ns is None:
        return replace(state, silent_since_ns=now_ns), ()
    limit_ms = max(settings.noise_ms, settings.max_silence_ms)
    if state.waits_for is not None:
        limit_ms = max(limit_ms, settings.asked_silence_ms)
    # Who begins to speak after a silence has words soon, but not yet.
    since_ns = max(state.silent_since_ns, state.turn_since_ns or 0)
    if now_ns - since_ns < limit_ms * MS:
        return state, ()
    if state.asked_still_there:
        return leave(state, nobody=True)
    actions = give_everything_up(state)
    quiet = give_floor(replace(state, spoke=False, overlap=None, interrupted=None), now_ns)
    return replace(quiet, asked_still_there=True, unattended=True), (*actions, AskStillThere())
