"""Our own voice: what it begins, ends and asks for, and what the caller's means while it is heard."""

from __future__ import annotations

from dataclasses import replace

from offhook.end_of_turn.wait import DICTATED, Expected
from offhook.turn_taking.actions import Cancel, StopPlayback
from offhook.turn_taking.events import (
    Expecting,
    OwnVoiceEnds,
    PlaybackFinished,
    PlaybackStarted,
    PromptStarted,
)
from offhook.turn_taking.floor import give_floor, hearing, may_interrupt
from offhook.turn_taking.settings import MS, TurnSettings
from offhook.turn_taking.state import (
    PROMPT,
    Committed,
    Hearing,
    Listening,
    Preparing,
    Speaking,
    Step,
    TurnState,
    with_silence,
    with_voice,
)
from offhook.turn_taking.words import words_heard


def prompt_started(state: TurnState, event: PromptStarted) -> Step:
    """Only while nobody speaks: a prompt that comes too late for that is not played."""
    if not isinstance(state.floor, Listening):
        return state, ()
    prompting = replace(state, floor=Speaking(PROMPT, interruptible=event.interruptible))
    return with_silence(with_voice(prompting, over_us=None), since_ns=None), ()


def playback_started(state: TurnState, event: PlaybackStarted) -> Step:
    """The caller begins to hear an answer."""
    if not isinstance(state.floor, Committed) or event.revision != state.floor.revision:
        return state, ()  # it went on after a false alarm
    start = state.voice.start_samples if state.voice.open else None
    spoken = with_voice(
        replace(state, floor=Speaking(event.revision, state.floor.words)), start_samples=start
    )
    announced = state.announced
    expected = announced[1] if announced is not None and announced[0] == event.revision else Expected()
    expected = _meant(state, expected)
    answers = state.answers_since_holding + 1
    return replace(spoken, answers_since_holding=answers, expected=expected, announced=None), ()


def expecting(state: TurnState, event: Expecting) -> TurnState:
    """What an answer asks for counts once it is heard; until then the caller answers the question before."""
    match state.floor:
        case Speaking(revision=revision):
            is_audible = event.revision == revision
        case Hearing(interrupted=Speaking(revision=revision)):
            is_audible = event.revision == revision
        case Preparing(interrupted=Speaking(revision=revision)):
            is_audible = event.revision == revision
        case _:
            is_audible = False
    if is_audible or event.revision == PROMPT:
        if event.aside and state.expected.asked in DICTATED:
            return replace(state, expected=replace(state.expected, question=event.expected.question))
        return replace(state, expected=_meant(state, event.expected))
    return replace(state, announced=(event.revision, event.expected))


def _meant(state: TurnState, expected: Expected) -> Expected:
    """Who is asked to say it again says what they were asked for before."""
    return replace(state.expected, question=expected.question) if expected.again else expected


def playback_finished(state: TurnState, event: PlaybackFinished, now_ns: int, settings: TurnSettings) -> Step:
    """What was said has been heard to its end."""
    match state.floor:
        case Speaking(revision=revision, overlap=int(overlap), said=said) if revision == event.revision:
            # The caller spoke into our last words; now it is theirs to be answered.
            assert state.voice.ended_ns is not None
            latest = state.voice.ended_ns + settings.endpointing.longest_ms * MS
            theirs = replace(state, floor=Preparing(latest))
            known = said is not None and said.revision == overlap
            return words_heard(theirs, said, now_ns, settings) if said and known else (theirs, ())
        case Speaking(revision=revision) | Committed(revision=revision) if revision == event.revision:
            return give_floor(state, now_ns), ()
    return state, ()


def own_voice_ends(state: TurnState, event: OwnVoiceEnds) -> TurnState:
    """When our last word is over is known now, or better known."""
    if not isinstance(state.floor, Speaking):
        return state
    told = replace(state, floor=replace(state.floor, ends_ns=event.at_ns))
    over_us = state.voice.over_us
    return told if over_us is None else with_voice(told, over_us=replace(over_us, our_end_ns=event.at_ns))


def caller_judged(state: TurnState, settings: TurnSettings) -> Step:
    """The caller wants the floor: they get it at once."""
    voice = state.voice
    if voice.speaking_since_ns is None or voice.start_samples is None:
        return state, ()
    match state.floor:
        case Speaking() as speaking if may_interrupt(speaking, settings):
            premature = speaking.went_on and voice.open
            stopped = None if premature else replace(speaking, went_on=False)
            return hearing(state, stopped), (StopPlayback(speaking.revision, premature),)
    return state, ()


def caller_dismissed(state: TurnState) -> Step:
    """It was nothing that was meant for us."""
    if not isinstance(state.floor, Speaking):
        return state, ()
    overlap = state.floor.overlap
    dismissed = replace(state, floor=replace(state.floor, overlap=None, went_on=False))
    dismissed = with_voice(dismissed, over_us=None, start_samples=None)
    return dismissed, () if overlap is None else (Cancel(overlap),)
