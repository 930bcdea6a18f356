"""Turn-taking: ``step(state, event, now_ns, settings)`` returns the next state and what to do.

The life of one caller turn::

    Listening --SpeechStarted--> Hearing --SpeechPaused--> Preparing (revision n, held)
        ^                          ^                          |      |
        |                          +------SpeechResumed-------+      | the wait is over
        |                           (revision n cancelled)           v
        +---- PlaybackFinished --- Speaking <-PlaybackStarted-- Committed

How long the wait is, :mod:`offhook.end_of_turn.wait` says once the words are known (WordsHeard); the
endpointer's SpeechStopped is its latest end.  When the recogniser finds no words in a pause,
Preparing becomes Doubting.  On a busy machine, or one with many callers, Hearing becomes Waiting
first, and the revision begins only in a pause that lasts.

While we speak, the caller's voice is judged elsewhere; CallerJudged stops the answer, and the
state remembers it as ``interrupted`` until the words are known: a backchannel resumes it, real
words settle it.  What was said into our answer without stopping it is prepared as ``overlap``
and, when it has real words, takes the floor; where nothing may stop us, once we have been heard
to the end.  A caller who goes on in the utterance that we were already answering was cut off too
early: that answer is taken back as a whole.

A revision is one attempt at an answer.  It is heard by nobody until it is committed, and each
ends in exactly one way: cancelled, stopped as premature, settled, or played to its end.

What each event means is said in :mod:`~offhook.turn_taking.caller` (the caller's voice),
:mod:`~offhook.turn_taking.words`, :mod:`~offhook.turn_taking.ours` (our own voice),
:mod:`~offhook.turn_taking.keys` and :mod:`~offhook.turn_taking.clock`; the transitions that they share in
:mod:`~offhook.turn_taking.floor`.
"""

from __future__ import annotations

from dataclasses import replace

from offhook.events import AudioEnded, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn_taking.caller import speech_paused, speech_resumed, speech_started, speech_stopped
from offhook.turn_taking.clock import tick
from offhook.turn_taking.events import (
    CallEnded,
    CallerDismissed,
    CallerJudged,
    CallerWaits,
    CallOverdue,
    DigitPressed,
    DigitsEntered,
    Expecting,
    LineLoud,
    MachineBusy,
    NothingHeard,
    OwnVoiceEnds,
    PlaybackFinished,
    PlaybackStarted,
    PromptStarted,
    Repeated,
    Tick,
    TurnEvent,
    WordsChanged,
    WordsCorrected,
    WordsHeard,
    WordsSoFar,
)
from offhook.turn_taking.floor import give_everything_up, leave
from offhook.turn_taking.keys import answer_typed, digit_pressed, digits_entered
from offhook.turn_taking.ours import (
    caller_dismissed,
    caller_judged,
    expecting,
    own_voice_ends,
    playback_finished,
    playback_started,
    prompt_started,
)
from offhook.turn_taking.settings import TurnSettings
from offhook.turn_taking.state import (
    Ended,
    Leaving,
    Listening,
    Preparing,
    Step,
    TurnState,
    with_silence,
)
from offhook.turn_taking.words import nothing_heard, words_changed, words_corrected, words_heard


def step(state: TurnState, event: TurnEvent, now_ns: int, settings: TurnSettings) -> Step:
    """Decide what ``event`` at ``now_ns`` means.  Pure; never raises."""
    if isinstance(event, CallEnded | AudioEnded):
        return TurnState(Ended(), state.revision), give_everything_up(state)
    if isinstance(state.floor, Leaving | Ended):
        return state, ()
    state, actions = _decide(state, event, now_ns, settings)
    if state.typed and isinstance(state.floor, Listening):
        state, more = answer_typed(state, now_ns)
        actions = (*actions, *more)
    return state, actions


def _decide(state: TurnState, event: TurnEvent, now_ns: int, settings: TurnSettings) -> Step:
    match event:
        case PromptStarted():
            return prompt_started(state, event)
        case Expecting():
            return expecting(state, event), ()
        case SpeechStarted():
            return speech_started(state, event)
        case SpeechResumed():
            return speech_resumed(state, event)
        case SpeechPaused():
            return speech_paused(state, event, settings)
        case SpeechStopped():
            return speech_stopped(state, event, now_ns, settings)
        case WordsHeard():
            return words_heard(state, event, now_ns, settings)
        case WordsChanged():
            return words_changed(state, event, settings)
        case WordsCorrected():
            return words_corrected(state, event, now_ns, settings)
        case NothingHeard():
            return nothing_heard(state, event, now_ns, settings)
        case Repeated():
            # Nothing that wants an answer, and nothing to ask again for.
            unattended = with_silence(state, unattended=True)
            return nothing_heard(unattended, NothingHeard(event.revision), now_ns, settings)
        case WordsSoFar():
            known = state.silence.since_ns is not None
            return with_silence(state, since_ns=now_ns) if known else state, ()
        case PlaybackStarted():
            return playback_started(state, event)
        case PlaybackFinished():
            return playback_finished(state, event, now_ns, settings)
        case OwnVoiceEnds():
            return own_voice_ends(state, event), ()
        case CallerJudged():
            return caller_judged(state, settings)
        case CallerDismissed():
            return caller_dismissed(state)
        case CallerWaits():
            return with_silence(state, waits_for=event.revision), ()
        case LineLoud():
            if isinstance(state.floor, Preparing):
                state = replace(state, floor=replace(state.floor, loud_at_ns=now_ns))
            return state, ()
        case MachineBusy():
            return replace(state, busy=event.busy, crowded=event.crowded), ()
        case DigitPressed():
            return digit_pressed(state, now_ns, settings)
        case DigitsEntered():
            return digits_entered(state, event, now_ns, settings)
        case CallOverdue():
            return leave(state, nobody=False)
        case Tick():
            return tick(state, now_ns, settings)
        case CallEnded() | AudioEnded():
            raise AssertionError("taken by step()")
