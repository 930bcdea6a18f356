"""Turn-taking: ``step(state, event, now_ns, settings)`` returns the next state and what to do.

The life of one caller turn::

    LISTENING --SpeechStarted--> HEARING --SpeechPaused--> PREPARING (revision n, held)
        ^                          ^                          |      |
        |                          +------SpeechResumed-------+      | the wait is over
        |                           (revision n cancelled)           v
        +------------------- PlaybackFinished <----------------- ANSWERING

How long the wait is, :mod:`offhook.end_of_turn.wait` says once the words are known (WordsHeard); the
endpointer's SpeechStopped is its latest end.  When the recogniser finds no words in a pause,
PREPARING becomes DOUBTING.  On a busy machine HEARING becomes WAITING first, and the revision
begins only in a pause that lasts.

While we speak, the caller's voice is judged elsewhere; CallerJudged stops the answer, and the
state remembers it as ``interrupted`` until the words are known: a backchannel resumes it, real
words settle it.  What was said into our answer without stopping it is prepared as ``overlap``
and, when it has real words, takes the floor.  A caller who goes on in the utterance that we
were already answering was cut off too early: that answer is taken back as a whole.

A revision is one attempt at an answer.  It is heard by nobody until it is committed, and each
ends in exactly one way: cancelled, stopped as premature, settled, or played to its end.

The transitions that several events share are in :mod:`offhook.turn_taking.floor`, keys in
:mod:`offhook.turn_taking.keys`, time in :mod:`offhook.turn_taking.clock`.
"""

from __future__ import annotations

from dataclasses import replace

from offhook.end_of_turn.wait import DICTATED, Asked, Expected, wait_ms
from offhook.events import AudioEnded, SpeechPaused, SpeechResumed, SpeechStarted, SpeechStopped
from offhook.turn_taking.clock import tick
from offhook.turn_taking.floor import (
    commit_revision,
    give_everything_up,
    give_floor,
    hearing,
    leave,
    may_interrupt,
    preparation,
    prepare_revision,
    words_said,
)
from offhook.turn_taking.keys import answer_typed, digit_pressed, digits_entered
from offhook.turn_taking.vocabulary import (
    LONGEST_TURN_MS,
    MAX_ASKED_AGAIN,
    MS,
    Action,
    AskAgain,
    CallEnded,
    CallerDismissed,
    CallerJudged,
    CallerWaits,
    CallOverdue,
    Cancel,
    DigitPressed,
    DigitsEntered,
    Expecting,
    Floor,
    NothingHeard,
    OwnVoiceEnds,
    PlaybackFinished,
    PlaybackStarted,
    PromptStarted,
    Repeated,
    ResumePlayback,
    Settle,
    Step,
    StopPlayback,
    Tick,
    TurnEvent,
    TurnSettings,
    TurnState,
    WordsChanged,
    WordsHeard,
    WordsSoFar,
    is_long,
)


def step(state: TurnState, event: TurnEvent, now_ns: int, settings: TurnSettings) -> Step:
    """Decide what ``event`` at ``now_ns`` means.  Pure; never raises."""
    if state.floor is Floor.ENDED:
        return state, ()
    if state.leaving and not isinstance(event, CallEnded | AudioEnded):
        return state, ()
    state, actions = _decide(state, event, now_ns, settings)
    if state.typed and state.floor is Floor.LISTENING:
        state, more = answer_typed(state, now_ns)
        actions = (*actions, *more)
    return state, actions


def _decide(state: TurnState, event: TurnEvent, now_ns: int, settings: TurnSettings) -> Step:
    match event:
        case CallEnded() | AudioEnded():
            return _ended(state)
        case PromptStarted():
            return _prompt_started(state, event)
        case Expecting():
            return _expecting(state, event), ()
        case SpeechStarted():
            return _speech_started(state, event)
        case SpeechResumed():
            return _speech_resumed(state, event)
        case SpeechPaused():
            return _speech_paused(state, event, settings)
        case SpeechStopped():
            return _speech_stopped(state, event, now_ns, settings)
        case WordsHeard():
            return _words_heard(state, event, now_ns, settings)
        case WordsChanged():
            return _words_changed(state, event, settings)
        case Repeated():
            # Nothing that wants an answer, and nothing to ask again for.
            unattended = replace(state, unattended=True)
            return _nothing_heard(unattended, NothingHeard(event.revision), now_ns, settings)
        case WordsSoFar():
            return (
                replace(state, silent_since_ns=now_ns) if state.silent_since_ns is not None else state
            ), ()
        case CallOverdue():
            return leave(state, nobody=False)
        case NothingHeard():
            return _nothing_heard(state, event, now_ns, settings)
        case PlaybackStarted():
            return _playback_started(state, event)
        case PlaybackFinished():
            return _playback_finished(state, event, now_ns, settings)
        case OwnVoiceEnds():
            return replace(state, own_voice_ends_ns=event.at_ns), ()
        case CallerJudged():
            return _caller_judged(state, settings)
        case CallerDismissed():
            return _caller_dismissed(state)
        case CallerWaits():
            return replace(state, waits_for=event.revision), ()
        case DigitPressed():
            return digit_pressed(state, now_ns, settings)
        case DigitsEntered():
            return digits_entered(state, event, now_ns, settings)
        case Tick():
            return tick(state, now_ns, settings)


# --- beginnings and ends -------------------------------------------------------------------------


def _ended(state: TurnState) -> Step:
    return TurnState(floor=Floor.ENDED, revision=state.revision), give_everything_up(state)


def _prompt_started(state: TurnState, event: PromptStarted) -> Step:
    """Only while nobody speaks: a prompt that comes too late for that is not played."""
    if state.floor is not Floor.LISTENING:
        return state, ()
    prompting = replace(state, playing=0, heard=True, silent_since_ns=None, floor=Floor.ANSWERING)
    prompting = replace(prompting, own_voice_ends_ns=None)
    return replace(prompting, interruptible=event.interruptible, answered="", went_on=False, spoke=False), ()


# --- the caller's voice --------------------------------------------------------------------------


def _speech_started(state: TurnState, event: SpeechStarted) -> Step:
    start, before_ms = event.position_samples, 0
    if state.utterance_start_samples is not None:  # the turn that was waited for goes on
        start = min(start, state.utterance_start_samples)
        before_ms = state.voiced_before_ms if state.paused is None else state.paused[1]
        state = _learn_pause(state, event.at_ns)
    spoke = state.spoke and state.floor is Floor.ANSWERING
    if state.utterance_start_samples is None:
        state = replace(state, turn_since_ns=event.at_ns)
    heard = replace(state, utterance_start_samples=start, went_on=False, spoke=spoke)
    heard = replace(heard, voiced_before_ms=before_ms)
    ours = state.floor is Floor.ANSWERING and state.heard
    if ours and state.own_voice_ends_ns is not None and event.at_ns >= state.own_voice_ends_ns:
        # To the ear our turn is over; what is left of it is silence.
        assert state.playing is not None
        free = replace(heard, floor=Floor.LISTENING, playing=None, heard=False, spoke=False)
        after, actions = _speaking(free, event.at_ns)
        return after, (*actions, StopPlayback(state.playing), Settle(state.playing))
    return _speaking(heard, event.at_ns)


def _speech_resumed(state: TurnState, event: SpeechResumed) -> Step:
    if state.utterance_start_samples is None:
        state = replace(state, utterance_start_samples=event.position_samples, turn_since_ns=event.at_ns)
    elif state.speech_end_ns is not None and event.at_ns > state.speech_end_ns:
        if state.floor is not Floor.ANSWERING:  # there it may be our own echo
            state = _learn_pause(state, event.at_ns)
        elif state.playing != 0 and state.overlap is None and not state.long_turns:
            state = replace(state, went_on=True)
    return _speaking(state, event.at_ns)


def _learn_pause(state: TurnState, at_ns: int) -> TurnState:
    if state.speech_end_ns is None or at_ns <= state.speech_end_ns or state.floor is Floor.ANSWERING:
        return state
    return replace(state, habit=state.habit.learnt((at_ns - state.speech_end_ns) / MS))


def _speaking(state: TurnState, at_ns: int) -> Step:
    """The caller speaks.  What is prepared was premature; what is being heard goes on until judged."""
    actions: tuple[Action, ...] = ()
    if state.overlap is not None:
        actions = (Cancel(state.overlap),)
        state = replace(state, overlap=None)
    heard = replace(state, speaking_since_ns=at_ns, speech_end_ns=None, utterance_open=True)
    if state.floor is Floor.ANSWERING:
        if state.heard or state.playing is None or state.long_turns:
            return replace(heard, spoke=True, spoke_at_ns=at_ns), actions
        actions = (*actions, Cancel(state.playing))  # committed, but nobody has heard anything of it
        typed = state.keyed + state.typed  # the keys that it was for are answered after the words
        return hearing(replace(heard, playing=None, committed_ns=None, keyed="", typed=typed)), actions
    if state.floor is Floor.PREPARING:
        actions = (*actions, Cancel(state.revision))
    return hearing(heard), actions


def _speech_paused(state: TurnState, event: SpeechPaused, settings: TurnSettings) -> Step:
    event = replace(event, voiced_ms=event.voiced_ms + state.voiced_before_ms)
    pause = (event.position_samples, event.voiced_ms)
    over_us = event.at_ns if state.floor is Floor.ANSWERING and state.heard else None
    quiet = replace(
        state, speaking_since_ns=None, speech_end_ns=event.at_ns, paused=pause, paused_over_us_ns=over_us
    )
    if state.floor is Floor.HEARING:
        began_ns = event.at_ns if state.turn_since_ns is None else state.turn_since_ns
        if event.at_ns - began_ns >= LONGEST_TURN_MS * MS:
            return _end_endless_turn(quiet, event, settings)
        if (settings.speculate and not is_long(state, event.at_ns)) or state.interrupted is not None:
            return prepare_revision(quiet, event, settings)
        wait = event.at_ns + settings.unspeculated_ms * MS
        return replace(quiet, floor=Floor.WAITING, commit_at_ns=wait), ()
    listens = state.floor is Floor.ANSWERING and state.heard and may_interrupt(state, settings)
    if listens and state.utterance_start_samples is not None and state.overlap is None:
        # Said into our answer without stopping it: whether it was for us, its words will tell.
        revision = state.revision + 1
        return replace(quiet, revision=revision, overlap=revision), (preparation(quiet, event, revision),)
    return quiet, ()


def _end_endless_turn(state: TurnState, event: SpeechPaused, settings: TurnSettings) -> Step:
    """Nobody speaks so long without an end; what does, is answered once."""
    if state.long_turns:
        return leave(state, nobody=True)
    prepared, prepare = prepare_revision(state, event, settings)
    committed, commit = commit_revision(prepared, event.at_ns)
    # What comes from here on is another turn's.
    start = event.position_samples
    begun = replace(committed, long_turns=1, turn_since_ns=event.at_ns, utterance_start_samples=start)
    return begun, (*prepare, *commit)


def _speech_stopped(state: TurnState, event: SpeechStopped, now_ns: int, settings: TurnSettings) -> Step:
    """The longest wait there is has passed, but for what is dictated."""
    event = replace(event, voiced_ms=event.voiced_ms + state.voiced_before_ms)
    quiet = replace(state, speaking_since_ns=None, utterance_open=False, went_on=False)
    match quiet.floor:
        case Floor.HEARING | Floor.WAITING:
            prepared, prepare = prepare_revision(quiet, event, settings)
            committed, commit = _end_turn(prepared, now_ns, settings)
            return committed, (*prepare, *commit)
        case Floor.PREPARING:
            return _end_turn(quiet, now_ns, settings)
        case Floor.DOUBTING:
            done = replace(quiet, utterance_start_samples=None)
            return _not_understood(done, quiet.voiced_ms, now_ns, settings)
        case Floor.ANSWERING if quiet.heard and quiet.overlap is None:
            # Said into our answer, and let go; or, the end of the utterance that is being answered.
            return replace(quiet, utterance_start_samples=None), ()
        case _:
            return quiet, ()


def _end_turn(state: TurnState, now_ns: int, settings: TurnSettings) -> Step:
    """Commit, unless the words are a part of something that is dictated, or may be."""
    if state.words is None and state.expected.asked in DICTATED and state.speech_end_ns is not None:
        state = replace(state, commit_at_ns=state.speech_end_ns + settings.endpointing.dictated_ms * MS)
    elif state.words is None:
        return commit_revision(state, now_ns)
    if state.commit_at_ns is None or now_ns >= state.commit_at_ns:
        return commit_revision(state, now_ns)
    return state, ()


# --- what the recogniser found -------------------------------------------------------------------


def _words_heard(state: TurnState, event: WordsHeard, now_ns: int, settings: TurnSettings) -> Step:
    if event.revision == state.overlap:
        return _overlap_heard(state, event, now_ns, settings)
    if event.revision != state.revision:
        return state, ()
    if state.floor is Floor.ANSWERING and state.playing == event.revision:
        return replace(words_said(state, now_ns), answered=event.text), ()
    if state.floor is not Floor.PREPARING:
        return state, ()
    answers = _answers_us(state, event)
    if state.interrupted is not None and event.backchannel and not answers:
        return _false_alarm(state)
    yes_no = state.expected.asked is Asked.YES_NO and not event.echo
    if event.backchannel and state.spoke and not yes_no and not answers:
        # It began while we were still heard, and asks for nothing.
        return _nothing_heard(state, NothingHeard(event.revision), now_ns, settings)
    actions: tuple[Action, ...] = ()
    if state.interrupted is not None:
        actions = (Settle(state.interrupted),)
        state = replace(state, interrupted=None)
    assert state.speech_end_ns is not None
    wait = wait_ms(
        event.text, event.complete, state.expected, state.habit, settings.endpointing, settings.language
    )
    if event.provisional and wait <= settings.endpointing.longest_ms:
        return state, actions  # what is dictated needs no model to be waited for
    state = replace(state, words=event.text, commit_at_ns=state.speech_end_ns + wait * MS)
    state, more = tick(state, now_ns, settings)
    return state, (*actions, *more)


def _words_changed(state: TurnState, event: WordsChanged, settings: TurnSettings) -> Step:
    """The words were cut off, or misheard: the answer to them is made anew."""
    if state.floor is not Floor.PREPARING or event.revision != state.revision:
        return state, ()
    assert state.paused is not None
    assert state.speech_end_ns is not None
    again = SpeechPaused(event.stop_samples, state.speech_end_ns, state.paused[1])
    redone, prepare = prepare_revision(state, again, settings)
    return redone, (Cancel(event.revision), *prepare)


def _overlap_heard(state: TurnState, event: WordsHeard, now_ns: int, settings: TurnSettings) -> Step:
    if state.answered and _same(event.text, state.answered):
        return _let_go(state), (Cancel(event.revision),)
    if event.backchannel and not _answers_us(state, event):
        return replace(_let_go(state), utterance_start_samples=None), (Cancel(event.revision),)
    assert state.playing is not None
    premature = state.utterance_open and state.went_on
    stop: list[Action] = [StopPlayback(state.playing, premature)]
    if not premature:
        stop.append(Settle(state.playing))
    taken = replace(
        state, floor=Floor.PREPARING, playing=None, heard=False, overlap=None, went_on=False, words=None
    )
    taken, more = _words_heard(taken, event, now_ns, settings)
    return taken, (*stop, *more)


def _answers_us(state: TurnState, event: WordsHeard) -> bool:
    """A "yes" or "okay" that came while we spoke answers when it was said at the end of a question."""
    return state.said_at_our_end and not event.echo


def _let_go(state: TurnState) -> TurnState:
    """What was said into our answer was not for us."""
    start = state.utterance_start_samples if state.utterance_open else None
    return replace(state, overlap=None, spoke=False, utterance_start_samples=start)


def _false_alarm(state: TurnState) -> Step:
    """The answer was stopped for nothing: it goes on."""
    assert state.interrupted is not None
    resumed = replace(
        state,
        floor=Floor.ANSWERING,
        playing=state.interrupted,
        heard=True,
        spoke=False,
        interrupted=None,
        commit_at_ns=None,
        utterance_start_samples=None,
    )
    return resumed, (Cancel(state.revision), ResumePlayback(state.interrupted))


def _nothing_heard(state: TurnState, event: NothingHeard, now_ns: int, settings: TurnSettings) -> Step:
    if event.revision == state.overlap:
        return _let_go(state), (Cancel(event.revision),)
    if event.revision != state.revision or event.revision == 0:
        return state, ()
    if state.floor is Floor.PREPARING:
        if state.interrupted is not None:
            return _false_alarm(state)
        doubting = replace(state, floor=Floor.DOUBTING, commit_at_ns=None, voiced_ms=event.voiced_ms)
        if not state.utterance_open:  # then SpeechStopped has come and will not come again
            done = replace(doubting, utterance_start_samples=None)
            done, actions = _not_understood(done, event.voiced_ms, now_ns, settings)
            return done, (Cancel(event.revision), *actions)
        return doubting, (Cancel(event.revision),)
    if state.floor is Floor.ANSWERING and state.playing == event.revision and not state.heard:
        given = replace(state, utterance_start_samples=None)
        given, actions = _not_understood(given, event.voiced_ms, now_ns, settings)
        return given, (Cancel(event.revision), *actions)
    return state, ()


def _not_understood(state: TurnState, voiced_ms: int, now_ns: int, settings: TurnSettings) -> Step:
    """No words in a whole utterance: a noise is forgotten, a voice is asked to repeat, not for ever."""
    listening = replace(give_floor(state, now_ns), voiced_ms=0)
    if state.silent_since_ns is not None:  # sounds without words are silence
        listening = replace(listening, silent_since_ns=state.silent_since_ns)
    if voiced_ms < settings.doubtful_voiced_ms or state.asked_again >= MAX_ASKED_AGAIN:
        return listening, ()
    return replace(listening, asked_again=state.asked_again + 1), (AskAgain(),)


# --- our voice -----------------------------------------------------------------------------------


def _playback_started(state: TurnState, event: PlaybackStarted) -> Step:
    if state.floor is not Floor.ANSWERING or event.revision != state.playing:
        return state, ()
    if state.heard:
        return state, ()  # it went on after a false alarm
    start = state.utterance_start_samples if state.utterance_open else None
    answers = state.answers_since_holding + 1
    heard = replace(state, heard=True, committed_ns=None, utterance_start_samples=start, keyed="")
    announced = state.announced
    expected = announced[1] if announced is not None and announced[0] == event.revision else Expected()
    return replace(heard, answers_since_holding=answers, expected=expected, announced=None), ()


def _expecting(state: TurnState, event: Expecting) -> TurnState:
    """What an answer asks for counts once it is heard; until then the caller answers the question before."""
    is_heard = state.heard and event.revision == state.playing
    if is_heard or event.revision in (0, state.interrupted):
        return replace(state, expected=event.expected)
    return replace(state, announced=(event.revision, event.expected))


def _playback_finished(
    state: TurnState, event: PlaybackFinished, now_ns: int, settings: TurnSettings
) -> Step:
    if state.floor is not Floor.ANSWERING or event.revision != state.playing:
        return state, ()
    if state.overlap is not None:
        # The caller spoke into our last words; now it is theirs to be answered.
        assert state.speech_end_ns is not None
        latest = state.speech_end_ns + settings.endpointing.longest_ms * MS
        taken = replace(state, floor=Floor.PREPARING, playing=None, heard=False, overlap=None)
        return replace(taken, words=None, commit_at_ns=latest), ()
    return give_floor(state, now_ns), ()


def _caller_judged(state: TurnState, settings: TurnSettings) -> Step:
    speaking = state.speaking_since_ns is not None and state.utterance_start_samples is not None
    if state.floor is not Floor.ANSWERING or not state.heard or not speaking or state.playing is None:
        return state, ()
    if not may_interrupt(state, settings):
        return state, ()
    playing, premature = state.playing, state.went_on and state.utterance_open
    stopped = replace(
        hearing(state), playing=None, heard=False, went_on=False, interrupted=None if premature else playing
    )
    return stopped, (StopPlayback(playing, premature),)


def _caller_dismissed(state: TurnState) -> Step:
    if state.floor is not Floor.ANSWERING or not state.heard:
        return state, ()
    actions: tuple[Action, ...] = () if state.overlap is None else (Cancel(state.overlap),)
    return replace(state, overlap=None, spoke=False, went_on=False, utterance_start_samples=None), actions


# --- keys ----------------------------------------------------------------------------------------


# --- time ----------------------------------------------------------------------------------------


def _same(one: str, other: str) -> bool:
    return _plain(one) == _plain(other)


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
