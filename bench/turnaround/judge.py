"""From what was sent and received in a turn to what is said about it.  Pure.

The rules, in one place:

* **turnaround**: the caller's last audible sample to the first audible agent sample after it.  None for an
  unfinished, overlapped or missed turn: those are counted, never averaged.
* **premature**: the agent took the floor (sound after at least 300 ms of its own silence) after the
  caller's first and before the caller's last audible sample.  What its trace shows to be a late answer to
  the phrase before is not (**overlapped**: the turn is neither premature nor timed).
* **unfinished**: premature, or decided (its trace: ``committed``) more than 300 ms before the caller's last
  audible sample, even if the answer was so slow that it came after it: in an inner pause, then, and not in
  the fading end of a last word.  A phrase was answered that had not been heard whole.
* **missed**: nothing audible within 5 s.
* **waited**: how long the system waited before it decided that the turn was over (its trace: ``speech_end``
  to ``committed``).  **late compute**: what of the answer's making was not hidden behind that wait
  (``committed`` to ``tts_first_audio``, when that is later).
* **overhead** = turnaround - waited - late compute: everything else, and by how much the system dates the end
  of speech before (negative) or after the last audible sample.
* **stopped**: an answer that fell silent for more than 400 ms beyond its voice's own pauses, or that has less
  than 85 % of the voiced time of the same answer undisturbed (or, where the transcript has a whole answer
  in other words, of its voice speaking those).
* **gap**: silence inside an undisturbed answer that exceeds the voice's own pause there by more than 40 ms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bench.turnaround.conversation import Said, TurnRecord, Written
from bench.turnaround.measure import (
    ANSWER_JOIN_NS,
    CUT_SHARE,
    MISSED_MS,
    STOP_SILENCE_MS,
    UNFINISHED_MS,
    Run,
    begins_between,
    excess_silences,
    plain_words,
    runs_of,
    stop_ms,
    voiced_ms,
    within,
    word_errors,
)
from offhook.engines.tts.espeak import Espeak
from tests.support.audio.audio import RATE_HZ, resample

VoiceRuns = Callable[[str], Sequence[Run]]
"""The agent's voice speaking a whole text in one go."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One turn of the caller's that was answered, or not."""

    said: Said
    premature: bool
    unfinished: bool
    overlapped: bool
    """The agent was still busy with the phrase before."""
    missed: bool
    turnaround_ms: float | None
    waited_ms: float | None
    late_compute_ms: float | None
    overhead_ms: float | None
    commit_to_ear_ms: float | None
    """From the decision, or from the first clause's audio when that came later, to the caller's ear."""
    wasted_revisions: int
    heard: str
    answer: str
    right: bool | None
    """None when nothing was asked of the answer."""
    word_errors: int | None
    """None for kinds that are not about words."""
    words: int
    gaps_ms: tuple[float, ...]
    """Excess of each gap."""
    answer_ms: float
    """First to last audible sample."""
    voiced_ms: float
    undisturbed: bool
    """Nothing was said into the answer."""
    runs: tuple[Run, ...]
    stamps_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Interjection:
    """One thing said into an answer."""

    said: Said
    stop_ms: float | None
    """Onset to the agent's last audible sample; None when the agent was not speaking."""
    stopped: bool
    answered: bool
    """The agent took the floor again after it."""
    right: bool | None


@dataclass(frozen=True, slots=True)
class Undisturbed:
    """What an answer is when nobody disturbs it."""

    answer: str
    voiced_ms: float


_PLAY_SLACK_MS = 100.0
"""Between what a trace says of a playback and when it is heard."""
_NO_WORDS = ("spelling", "backchannel", "sound")


def judge(record: TurnRecord, voice: VoiceRuns, before: TurnRecord | None = None) -> Judged:
    """One turn, with the one before it.  What was said into its answer is :func:`interjection`'s matter."""
    said = record.said
    first, ended = _ns(said.first_ms), _ns(said.ended_ms)
    until = _ns(record.during.first_ms) if record.during is not None else None
    runs = [(_ns(start), _ns(stop)) for start, stop in record.runs_ms]
    # Sound that goes on from before lies at ``first`` exactly: the record is cut there.
    early = begins_between(runs, first + _ns(1.0), ended)
    overlapped = early is not None and before is not None and _plays(before.written, early)
    premature = early is not None and not overlapped
    after = within(runs, ended, 1 << 62)
    onset = after[0][0] if after else None
    missed = early is None and (onset is None or onset - ended > _ns(MISSED_MS))
    written = [
        one for one in record.written if until is None or _ns(one.stamps_ms.get("speech_end", 0)) < until
    ]
    decided = [one.stamps_ms["committed"] for one in written if "committed" in one.stamps_ms]
    unfinished = premature or any(_ns(at_ms + UNFINISHED_MS) < ended for at_ms in decided)
    answered = onset is not None and early is None and not missed and not unfinished
    turnaround = (onset - ended) / 1e6 if answered and onset is not None else None
    last = written[-1] if written else None
    waited, late, stamps = _waiting(last) if len(written) == 1 and answered else (None, None, {})
    overhead = turnaround - waited - late if None not in (turnaround, waited, late) else None  # type: ignore[operator]
    heard, answer = " ".join(one.heard for one in written), last.answer if last is not None else ""
    counted = said.kind not in _NO_WORDS
    undisturbed = record.during is None
    whole = answered and undisturbed and len(written) == 1 and last is not None and not last.interrupted
    gaps = excess_silences(after, voice(answer)) if whole and answer else []
    return Judged(
        said,
        premature,
        unfinished,
        overlapped,
        missed,
        None if turnaround is None else round(turnaround, 2),
        waited,
        late,
        None if overhead is None else round(overhead, 2),
        None if overhead is None else round(_to_ear(last, onset), 2),
        last.wasted_revisions if last is not None else 0,
        heard,
        answer,
        None if said.right is None or not undisturbed else bool(re.search(said.right, answer, re.IGNORECASE)),
        word_errors(said.text, heard) if counted else None,
        len(plain_words(said.text)) if counted else 0,
        tuple(round(gap.silence_ms, 1) for gap in gaps),
        round((after[-1][1] - after[0][0]) / 1e6, 1) if after else 0.0,
        round(voiced_ms(after), 1),
        undisturbed,
        tuple(after),
        stamps,
    )


def interjection(record: TurnRecord, whole: Undisturbed | None, voice: VoiceRuns) -> Interjection | None:
    """What became of an answer that something was said into; None when that cannot be judged.

    ``whole`` is the same question's answer undisturbed.  Where this one was in other words, and was
    spoken to its end, ``voice`` says how long that is.
    """
    said = record.during
    if said is None:
        return None
    onset, ended = _ns(said.first_ms), _ns(said.ended_ms)
    runs = [(_ns(start), _ns(stop)) for start, stop in record.runs_ms]
    after_question = within(runs, _ns(record.said.ended_ms), 1 << 62)
    stopped_after = stop_ms(after_question, onset)
    if stopped_after is None:
        return None
    answer = within(after_question, 0, onset + _ns(stopped_after) + 1)
    resumed = [run for run in after_question if run[0] > onset + _ns(stopped_after)]
    answered = begins_between(resumed, max(onset, ended - _ns(ANSWER_JOIN_NS / 1e6)), 1 << 62) is not None
    later = [one for one in record.written if _ns(one.stamps_ms.get("speech_end", 0)) >= onset]
    given = [one.answer for one in record.written if one not in later]
    # A false alarm may have been mended: the rest came after a pause.  That is a stop all the same.
    cut = whole is not None and voiced_ms(answer) < CUT_SHARE * _wanted_ms(given, whole, voice)
    if said.kind != "interrupt" and (
        whole is None or not given or not _begins_alike(given[-1], whole.answer)
    ):
        return None  # another answer than the one that is known undisturbed: nothing to compare with
    right = None
    if said.right is not None:
        right = bool(later) and bool(re.search(said.right, later[-1].answer, re.IGNORECASE))
    return Interjection(said, round(stopped_after, 1), cut, answered, right)


def _wanted_ms(given: Sequence[str], whole: Undisturbed, voice: VoiceRuns) -> float:
    """Voiced time of the answer that something was said into, had it been heard to its end. [ms]"""
    text = given[-1] if given else whole.answer
    if plain_words(text) == plain_words(whole.answer) or not _is_complete(text):
        return whole.voiced_ms
    return voiced_ms(voice(text))


def _is_complete(answer: str) -> bool:
    """A transcript ends where its answer was cut."""
    return answer.rstrip("\"' ")[-1:] in (*".?!",)


def cut_short(turn: Judged, whole: Undisturbed | None, voice: VoiceRuns) -> bool:
    """Whether an answer that nobody disturbed stopped all the same: by its own echo, or by the line.

    Judged against the same question's answer over a clean line when that begins with the same words,
    else against the voice speaking the transcript's text, which is cut where the answer was.
    """
    if turn.turnaround_ms is None or not turn.answer:
        return False
    same = whole is not None and _begins_alike(whole.answer, turn.answer)
    if same and whole is not None and turn.voiced_ms < CUT_SHARE * whole.voiced_ms:
        return True
    if not same and not _is_complete(turn.answer):
        return True
    text = whole.answer if same and whole is not None else turn.answer
    return bool(excess_silences(turn.runs, voice(text), least_ms=STOP_SILENCE_MS))


def interrupts_itself(record: TurnRecord) -> bool:
    """Whether an answer was broken off (its trace: ``interrupted``) while the caller was silent."""
    return any(
        one.interrupted and one.stamps_ms.get("playback_ended", 0.0) > record.said.ended_ms + _PLAY_SLACK_MS
        for one in record.written
    )


def undisturbed_answers(turns: Sequence[Judged]) -> dict[str, Undisturbed]:
    """For each phrase, the answer that was given most fully."""
    found: dict[str, Undisturbed] = {}
    for turn in turns:
        usable = turn.undisturbed and turn.turnaround_ms is not None and bool(turn.answer)
        known = found.get(turn.said.phrase)
        if usable and (known is None or turn.voiced_ms > known.voiced_ms):
            found[turn.said.phrase] = Undisturbed(turn.answer, turn.voiced_ms)
    return found


@lru_cache(maxsize=512)
def espeak_runs(text: str) -> tuple[Run, ...]:
    """The daemon's default voice speaking ``text`` in one go, as a caller would receive it."""
    engine = Espeak()
    blocks = list(engine.synthesize(text))
    if not blocks:
        return ()
    return tuple(runs_of(resample(np.concatenate(blocks), engine.sample_rate_hz, RATE_HZ)))


def _to_ear(written: Written | None, onset: int | None) -> float:
    """From the moment when the answer was both allowed and ready to its first audible sample. [ms]"""
    assert written is not None
    assert onset is not None
    stamps = written.stamps_ms
    return onset / 1e6 - max(stamps["committed"], stamps.get("tts_first_audio", stamps["committed"]))


def _plays(written: Sequence[Written], onset: int) -> bool:
    """Whether one of these turns began or resumed its playback just before ``onset``."""
    return any(
        _ns(one.stamps_ms["playback_started"] - _PLAY_SLACK_MS)
        <= onset
        <= _ns(one.stamps_ms.get("playback_ended", one.stamps_ms["playback_started"]) + _PLAY_SLACK_MS)
        for one in written
        if "playback_started" in one.stamps_ms
    )


def _begins_alike(one: str, other: str) -> bool:
    return plain_words(one)[:3] == plain_words(other)[:3]


def _waiting(written: Written | None) -> tuple[float | None, float | None, dict[str, float]]:
    """Silence waited, compute after the decision, and the stamps from the caller's end on. [ms]"""
    stamps = written.stamps_ms if written is not None else {}
    ended, committed, ready = (stamps.get(name) for name in ("speech_end", "committed", "tts_first_audio"))
    if ended is None or committed is None:
        return None, None, {}
    late = max(0.0, ready - committed) if ready is not None else 0.0
    since = {name: round(at - ended, 2) for name, at in stamps.items()}
    return round(committed - ended, 2), round(late, 2), since


def _ns(at_ms: float) -> int:
    return round(at_ms * 1e6)
