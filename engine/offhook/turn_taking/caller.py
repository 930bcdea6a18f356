"""The caller's voice: what its beginnings, pauses and ends mean, whoever has the floor."""

from __future__ import annotations

from dataclasses import replace

from offhook.end_of_turn.wait import DICTATED
from offhook.events import SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn_taking.actions import Cancel, Settle, StopPlayback
from offhook.turn_taking.floor import (
    commit_prepared,
    hearing,
    leave,
    not_understood,
    preparation,
    prepare_revision,
)
from offhook.turn_taking.settings import LONGEST_TURN_MS, MS, TurnSettings
from offhook.turn_taking.state import (
    PROMPT,
    Answering,
    Committed,
    Doubting,
    Hearing,
    Listening,
    OverUs,
    Pause,
    Preparing,
    Speaking,
    Step,
    TurnState,
    Waiting,
    with_voice,
)


def speech_started(state: TurnState, event: SpeechStarted) -> Step:
    """A new utterance: of the turn that was waited for, or of the next one."""
    voice, start, before_ms, since_ns = state.voice, event.position_samples, 0, event.at_ns
    if voice.start_samples is not None:  # the turn that was waited for goes on
        start = min(start, voice.start_samples)
        before_ms = voice.voiced_before_ms if voice.pause is None else voice.pause.voiced_ms
        since_ns = since_ns if voice.since_ns is None else voice.since_ns
        state = _learn_pause(state, event.at_ns)
    over_us = voice.over_us if isinstance(state.floor, Answering) else None
    begun = with_voice(
        state, start_samples=start, since_ns=since_ns, voiced_before_ms=before_ms, over_us=over_us
    )
    match state.floor:
        case Speaking(revision=revision, ends_ns=int(ends_ns), overlap=overlap) if event.at_ns >= ends_ns:
            # To the ear our turn is over; what is left of it is silence.
            free = with_voice(replace(begun, floor=Listening()), over_us=None)
            after, actions = _speaking(free, event.at_ns)
            cancelled = () if overlap is None else (Cancel(overlap),)
            return after, (*cancelled, *actions, StopPlayback(revision), Settle(revision))
        case Speaking() as speaking:
            begun = replace(begun, floor=replace(speaking, went_on=False))
    return _speaking(begun, event.at_ns)


def speech_resumed(state: TurnState, event: SpeechResumed) -> Step:
    """The same utterance goes on."""
    voice = state.voice
    if voice.start_samples is None:
        state = with_voice(state, start_samples=event.position_samples, since_ns=event.at_ns)
    elif voice.ended_ns is not None and event.at_ns > voice.ended_ns:
        match state.floor:
            case Speaking(revision=revision, overlap=None) as speaking:
                if revision != PROMPT and not state.long_turns:
                    state = replace(state, floor=replace(speaking, went_on=True))
            case Speaking() | Committed():
                pass  # it may be our own echo
            case _:
                state = _learn_pause(state, event.at_ns)
    return _speaking(state, event.at_ns)


def _learn_pause(state: TurnState, at_ns: int) -> TurnState:
    ended_ns = state.voice.ended_ns
    if ended_ns is None or at_ns <= ended_ns or isinstance(state.floor, Answering):
        return state
    return replace(state, habit=state.habit.learnt((at_ns - ended_ns) / MS))


def _speaking(state: TurnState, at_ns: int) -> Step:
    """The caller speaks.  What is prepared was premature; what is being said by us goes on until judged."""
    voiced = with_voice(state, speaking_since_ns=at_ns, ended_ns=None, open=True)
    match state.floor:
        case Speaking(overlap=overlap) as speaking:
            floor = replace(speaking, overlap=None)
            over_us = with_voice(replace(voiced, floor=floor), over_us=OverUs(at_ns, speaking.ends_ns))
            return over_us, () if overlap is None else (Cancel(overlap),)
        case Committed() if state.long_turns:
            return with_voice(voiced, over_us=OverUs(at_ns, None)), ()
        case Committed(revision=revision, keys=keys):
            # Nobody has heard anything of it; the keys that it was for are answered after the words.
            return hearing(replace(voiced, typed=keys + state.typed)), (Cancel(revision),)
        case Preparing(interrupted=interrupted):
            return hearing(voiced, interrupted), (Cancel(state.revision),)
        case Hearing(interrupted=interrupted):
            return hearing(voiced, interrupted), ()
    return hearing(voiced), ()


def speech_paused(state: TurnState, event: SpeechPaused, settings: TurnSettings) -> Step:
    """The caller may have finished."""
    voice = state.voice
    event = replace(event, voiced_ms=event.voiced_ms + voice.voiced_before_ms)
    quiet = with_voice(
        state,
        speaking_since_ns=None,
        ended_ns=event.at_ns,
        pause=Pause(event.position_samples, event.voiced_ms),
        paused_over_us_ns=event.at_ns if isinstance(state.floor, Speaking) else None,
    )
    match state.floor:
        case Hearing(interrupted=interrupted):
            if voice.since_ns is not None and event.at_ns - voice.since_ns >= LONGEST_TURN_MS * MS:
                return _end_endless_turn(quiet, event, settings)
            speculates = settings.speculate and not state.busy and not state.is_long(event.at_ns)
            if interrupted is not None or (speculates and not state.crowded):
                return prepare_revision(quiet, event, settings)
            wait_ms = settings.lasting_ms if speculates else settings.unspeculated_ms
            return replace(quiet, floor=Waiting(event.at_ns + wait_ms * MS)), ()
        case Speaking(overlap=None) as speaking:
            if voice.start_samples is not None:
                # Said into our answer without stopping it: whether it was for us, its words will tell.
                revision = state.revision + 1
                quiet = replace(quiet, revision=revision, floor=replace(speaking, overlap=revision))
                return quiet, (preparation(quiet, event, revision),)
    return quiet, ()


def _end_endless_turn(state: TurnState, event: SpeechPaused, settings: TurnSettings) -> Step:
    """Nobody speaks so long without an end; what does, is answered once."""
    if state.long_turns:
        return leave(state, nobody=True)
    prepared, prepare = prepare_revision(state, event, settings)
    assert isinstance(prepared.floor, Preparing)
    committed, commit = commit_prepared(prepared, prepared.floor, event.at_ns)
    # What comes from here on is another turn's.
    begun = with_voice(committed, since_ns=event.at_ns, start_samples=event.position_samples)
    return replace(begun, long_turns=1), (*prepare, *commit)


def speech_stopped(state: TurnState, event: SpeechStopped, now_ns: int, settings: TurnSettings) -> Step:
    """The longest wait there is has passed, but for what is dictated."""
    event = replace(event, voiced_ms=event.voiced_ms + state.voice.voiced_before_ms)
    quiet = with_voice(state, speaking_since_ns=None, open=False)
    match state.floor:
        case Hearing() | Waiting():
            prepared, actions = prepare_revision(quiet, event, settings)
            assert isinstance(prepared.floor, Preparing)
            committed, commit = _end_turn(prepared, prepared.floor, now_ns, settings)
            return committed, (*actions, *commit)
        case Preparing() as preparing:
            return _end_turn(quiet, preparing, now_ns, settings)
        case Doubting(ask_at_ns=int(ask_at_ns)) if now_ns < ask_at_ns:
            return quiet, ()
        case Doubting(voiced_ms=voiced_ms):
            return not_understood(with_voice(quiet, start_samples=None), voiced_ms, now_ns, settings)
        case Speaking(overlap=overlap) as speaking:
            quiet = replace(quiet, floor=replace(speaking, went_on=False))
            if overlap is None:
                # Said into our answer, and let go; or, the end of the utterance that is being answered.
                quiet = with_voice(quiet, start_samples=None)
    return quiet, ()


def _end_turn(state: TurnState, preparing: Preparing, now_ns: int, settings: TurnSettings) -> Step:
    """Commit, unless the words are a part of something that is dictated, or may be."""
    ended_ns = state.voice.ended_ns
    if preparing.words is None:
        if state.expected.asked not in DICTATED or ended_ns is None:
            return commit_prepared(state, preparing, now_ns)
        dictated_ns = settings.endpointing.dictated_ms * MS
        preparing = replace(preparing, commit_at_ns=ended_ns + dictated_ns)
        state = replace(state, floor=preparing)
    if preparing.commit_at_ns is None or now_ns >= preparing.commit_at_ns:
        return commit_prepared(state, preparing, now_ns)
    return state, ()
