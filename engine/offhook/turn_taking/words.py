"""What the recogniser found in a revision's audio: words, nothing, the same again, others after all."""

from __future__ import annotations

from dataclasses import replace

from offhook.end_of_turn.wait import DICTATED, Asked, wait_ms
from offhook.events import SpeechPaused
from offhook.turn_taking.actions import (
    Action,
    Cancel,
    PrepareCorrected,
    ResumePlayback,
    Settle,
    StopPlayback,
)
from offhook.turn_taking.clock import tick
from offhook.turn_taking.events import NothingHeard, WordsChanged, WordsCorrected, WordsHeard
from offhook.turn_taking.floor import (
    commit_revision,
    hearing,
    may_interrupt,
    not_understood,
    prepare_revision,
    words_said,
)
from offhook.turn_taking.settings import MS, TurnSettings
from offhook.turn_taking.state import (
    Committed,
    Doubting,
    Hearing,
    Listening,
    Preparing,
    Speaking,
    Step,
    TurnState,
    with_voice,
)


def words_heard(state: TurnState, event: WordsHeard, now_ns: int, settings: TurnSettings) -> Step:
    """The words are known: how long to wait for more follows from them."""
    match state.floor:
        case Speaking(overlap=overlap) as speaking if overlap == event.revision:
            return _overlap_heard(state, speaking, event, now_ns, settings)
        case Committed(revision=revision) | Speaking(revision=revision) if revision == event.revision:
            return words_said(replace(state, floor=replace(state.floor, words=event.text)), now_ns), ()
        case Preparing() as preparing if event.revision == state.revision:
            return _prepared_heard(state, preparing, event, now_ns, settings)
    return state, ()


def _prepared_heard(
    state: TurnState, preparing: Preparing, event: WordsHeard, now_ns: int, settings: TurnSettings
) -> Step:
    interrupted, answers = preparing.interrupted, _answers_us(state, event)
    if interrupted is not None and event.backchannel and not answers:
        return _false_alarm(state, interrupted, now_ns, settings)
    yes_no = state.expected.asked is Asked.YES_NO and not event.echo
    if event.backchannel and state.voice.over_us is not None and not yes_no and not answers:
        # It began while we were still heard, and asks for nothing.
        return nothing_heard(state, NothingHeard(event.revision), now_ns, settings)
    actions: tuple[Action, ...] = ()
    if interrupted is not None:
        actions = (Settle(interrupted.revision),)
        preparing = replace(preparing, interrupted=None)
    assert state.voice.ended_ns is not None
    wait = wait_ms(
        event.text, event.complete, state.expected, state.habit, settings.endpointing, settings.language
    )
    if event.provisional and wait <= settings.endpointing.longest_ms:
        return replace(state, floor=preparing), actions  # what is dictated needs no model to be waited for
    commit_at_ns = state.voice.ended_ns + wait * MS
    told = replace(state, floor=replace(preparing, words=event.text, commit_at_ns=commit_at_ns))
    told, more = tick(told, now_ns, settings)
    return told, (*actions, *more)


def words_changed(state: TurnState, event: WordsChanged, settings: TurnSettings) -> Step:
    """The words were cut off, or misheard: the answer to them is made anew."""
    if not isinstance(state.floor, Preparing) or event.revision != state.revision:
        return state, ()
    pause, ended_ns = state.voice.pause, state.voice.ended_ns
    assert pause is not None
    assert ended_ns is not None
    again = SpeechPaused(event.stop_samples, ended_ns, pause.voiced_ms)
    redone, prepare = prepare_revision(state, again, settings)
    return redone, (Cancel(event.revision), *prepare)


def words_corrected(state: TurnState, event: WordsCorrected, now_ns: int, settings: TurnSettings) -> Step:
    """The caller has said something else than what is answered: that is cut, and what they said is answered.

    Who speaks already is listened to: their next turn comes first.
    """
    wrong = event.revision
    match state.floor:
        case Preparing() if wrong == state.revision:
            return words_changed(state, WordsChanged(wrong, event.stop_samples), settings)
        case Preparing(interrupted=Speaking(revision=revision) as speaking) as floor if revision == wrong:
            return replace(state, floor=replace(floor, interrupted=replace(speaking, wrong=True))), ()
        case Hearing(interrupted=Speaking(revision=revision) as speaking) as floor if revision == wrong:
            return replace(state, floor=replace(floor, interrupted=replace(speaking, wrong=True))), ()
        case Committed(revision=revision) if revision == wrong:
            return _anew(state, wrong, now_ns, settings, (Cancel(wrong),))
        case Speaking(revision=revision, overlap=overlap) if revision == wrong:
            cut = (StopPlayback(wrong), Settle(wrong))
            if overlap is not None:
                assert state.voice.ended_ns is not None
                latest = state.voice.ended_ns + settings.endpointing.longest_ms * MS
                return replace(state, floor=Preparing(latest)), cut
            if state.voice.speaking_since_ns is not None and state.voice.start_samples is not None:
                return hearing(state), cut
            return _anew(state, wrong, now_ns, settings, cut)
        case Listening() if state.committed == wrong and not event.empty:
            return _anew(state, wrong, now_ns, settings, ())
    return state, ()


def _anew(
    state: TurnState, wrong: int, now_ns: int, settings: TurnSettings, gone: tuple[Action, ...]
) -> Step:
    """Answer what was really said: now, or as its words ask for where the caller may go on yet."""
    begun = replace(state, revision=state.revision + 1)
    prepare = PrepareCorrected(begun.revision, wrong)
    if isinstance(state.floor, Committed) and state.voice.open and state.voice.ended_ns is not None:
        latest = state.voice.ended_ns + settings.endpointing.longest_ms * MS
        return replace(begun, floor=Preparing(latest)), (*gone, prepare)
    committed, commit = commit_revision(begun, now_ns, "")
    return committed, (*gone, prepare, *commit)


def nothing_heard(state: TurnState, event: NothingHeard, now_ns: int, settings: TurnSettings) -> Step:
    """There were no words in it: a noise, a cough, or a voice that could not be understood."""
    gone = Cancel(event.revision)
    match state.floor:
        case Speaking(overlap=overlap) as speaking if overlap == event.revision:
            return _let_go(state, speaking), (gone,)
        case Preparing(interrupted=interrupted) if event.revision == state.revision:
            if interrupted is not None:
                return _false_alarm(state, interrupted, now_ns, settings)
            ask_at_ns = _asked_again_at_ns(state, event, settings)
            if state.voice.open or (ask_at_ns is not None and now_ns < ask_at_ns):
                return replace(state, floor=Doubting(event.voiced_ms, ask_at_ns)), (gone,)
        case Committed(revision=revision) if event.revision == revision:
            pass
        case _:
            return state, ()
    # SpeechStopped has come and will not come again.
    done = with_voice(state, start_samples=None)
    done, actions = not_understood(done, event.voiced_ms, now_ns, settings)
    return done, (gone, *actions)


def _asked_again_at_ns(state: TurnState, event: NothingHeard, settings: TurnSettings) -> int | None:
    """When a caller who dictates in groups, of which none was understood, is at an end; None: no matter."""
    if state.voice.ended_ns is None:
        return None
    endpointing, expected = settings.endpointing, state.expected
    if event.doubtful:
        wait = wait_ms(event.doubtful, 1.0, expected, state.habit, endpointing, settings.language)
    else:
        wait = endpointing.dictated_ms if expected.asked in DICTATED else 0
    return state.voice.ended_ns + wait * MS if wait > endpointing.longest_ms else None


def _overlap_heard(
    state: TurnState, speaking: Speaking, event: WordsHeard, now_ns: int, settings: TurnSettings
) -> Step:
    """What was said into our answer has words: they stop it, unless they ask for nothing.

    Where nothing may stop it they are answered once it has been heard to its end.
    """
    if speaking.words and _plain(event.text) == _plain(speaking.words):
        return _let_go(state, speaking), (Cancel(event.revision),)
    if event.backchannel and not _answers_us(state, event):
        return with_voice(_let_go(state, speaking), start_samples=None), (Cancel(event.revision),)
    if not may_interrupt(speaking, settings):
        return replace(state, floor=replace(speaking, said=event)), ()
    premature = state.voice.open and speaking.went_on
    stop: list[Action] = [StopPlayback(speaking.revision, premature)]
    if not premature:
        stop.append(Settle(speaking.revision))
    taken = Preparing(None)
    prepared, more = _prepared_heard(replace(state, floor=taken), taken, event, now_ns, settings)
    return prepared, (*stop, *more)


def _answers_us(state: TurnState, event: WordsHeard) -> bool:
    """A "yes" or "okay" that came while we spoke answers when it was said at the end of a question."""
    return state.said_at_our_end and not event.echo


def _let_go(state: TurnState, speaking: Speaking) -> TurnState:
    """What was said into our answer was not for us."""
    start = state.voice.start_samples if state.voice.open else None
    kept = replace(state, floor=replace(speaking, overlap=None))
    return with_voice(kept, over_us=None, start_samples=start)


def _false_alarm(state: TurnState, interrupted: Speaking, now_ns: int, settings: TurnSettings) -> Step:
    """The answer was stopped for nothing: it goes on, unless it was wrong."""
    if interrupted.wrong:
        gone = (Cancel(state.revision), Settle(interrupted.revision))
        state = with_voice(state, start_samples=None)
        return _anew(state, interrupted.revision, now_ns, settings, gone)
    resumed = with_voice(replace(state, floor=interrupted), over_us=None, start_samples=None)
    return resumed, (Cancel(state.revision), ResumePlayback(interrupted.revision))


def _plain(text: str) -> str:
    return "".join(char for char in text.lower() if char.isalnum())
