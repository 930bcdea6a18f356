"""What time alone decides: the end of a wait, a late answer, a long silence."""

from __future__ import annotations

from dataclasses import replace

from offhook.events import SpeechPaused
from offhook.turn_taking.actions import AskStillThere, SayGoodbye, SayHolding
from offhook.turn_taking.floor import (
    commit_prepared,
    give_everything_up,
    give_floor,
    leave,
    not_understood,
    prepare_revision,
)
from offhook.turn_taking.settings import MS, RIGHT_NOW_MS, SOUND_MS, TurnSettings
from offhook.turn_taking.state import (
    Committed,
    Doubting,
    Hearing,
    Listening,
    Preparing,
    Step,
    TurnState,
    Waiting,
    with_silence,
    with_voice,
)


def tick(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """Time has passed."""
    match state.floor:
        case Preparing() as preparing if _is_over(state, preparing, now_ns):
            return commit_prepared(state, preparing, now_ns)
        case Waiting(prepare_at_ns=at_ns) if now_ns >= at_ns:
            return _prepare_after_waiting(state, settings)
        case Committed() as committed:
            return _tick_while_late(state, committed, now_ns, settings)
        case Listening():
            return _tick_in_silence(state, now_ns, settings)
        case Doubting(voiced_ms, int(ask_at_ns)) if not state.voice.open and now_ns >= ask_at_ns:
            return not_understood(with_voice(state, start_samples=None), voiced_ms, now_ns, settings)
        case Hearing() | Waiting() | Doubting() | Preparing(words=None):
            return _tick_in_noise(state, now_ns, settings)
    return state, ()


def _is_over(state: TurnState, preparing: Preparing, now_ns: int) -> bool:
    """Words that are not known by the end of the utterance and the wait are known soon."""
    if preparing.commit_at_ns is None or (preparing.words is None and state.voice.open):
        return False
    loud_at_ns = preparing.loud_at_ns
    is_loud = loud_at_ns is not None and now_ns - loud_at_ns <= RIGHT_NOW_MS * MS
    return now_ns >= preparing.commit_at_ns + (SOUND_MS * MS if is_loud else 0)


def _prepare_after_waiting(state: TurnState, settings: TurnSettings) -> Step:
    pause, ended_ns = state.voice.pause, state.voice.ended_ns
    assert pause is not None
    assert ended_ns is not None
    return prepare_revision(state, SpeechPaused(pause.position_samples, ended_ns, pause.voiced_ms), settings)


def _tick_while_late(state: TurnState, late: Committed, now_ns: int, settings: TurnSettings) -> Step:
    """A committed answer that does not come is announced, though not two in a row."""
    if settings.holding_ms is None or state.answers_since_holding < 2:
        return state, ()
    if now_ns - late.since_ns < settings.holding_ms * MS:
        return state, ()
    return replace(state, answers_since_holding=0), (SayHolding(late.revision),)


def _tick_in_silence(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    silence = state.silence
    if silence.since_ns is None:
        return with_silence(state, since_ns=now_ns), ()
    limit_ms = settings.max_silence_ms
    if silence.waits_for is not None:
        limit_ms = max(limit_ms, settings.asked_silence_ms)
    if now_ns - silence.since_ns < limit_ms * MS:
        return state, ()
    if silence.asked and silence.unattended:
        return leave(state, nobody=True)
    quiet = with_silence(state, asked=True, since_ns=now_ns)
    return quiet, (SayGoodbye() if silence.asked else AskStillThere(),)


def _tick_in_noise(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """Something sounds like a voice and says nothing: music, a fax, a fan.  It is a silence, only longer."""
    silence = state.silence
    if silence.since_ns is None:
        return with_silence(state, since_ns=now_ns), ()
    limit_ms = max(settings.noise_ms, settings.max_silence_ms)
    if silence.waits_for is not None:
        limit_ms = max(limit_ms, settings.asked_silence_ms)
    # Who begins to speak after a silence has words soon, but not yet.
    since_ns = max(silence.since_ns, state.voice.since_ns or 0)
    if now_ns - since_ns < limit_ms * MS:
        return state, ()
    if silence.asked:
        return leave(state, nobody=True)
    quiet = give_floor(with_voice(state, over_us=None), now_ns)
    quiet = with_silence(quiet, asked=True, unattended=True)
    return quiet, (*give_everything_up(state), AskStillThere())
