"""The account of a simulated call: turns measured where the caller is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.files import unreadable
from offhook.observe.trace import TurnTrace, read_traces
from offhook.simulator.audible import Samples, Stretch, audible_stretches
from offhook.simulator.channel import CallEnd, Outcome

_SAME_TURN_MS = 1000.0
"""A trace whose playback began within this of an answer's first sound tells of that answer."""


@dataclass(slots=True)
class TurnRecord:
    """The caller's utterance (or several without an answer in between) and the answer to it."""

    said: str | None
    """What the script says the caller said; None for a recording without words."""
    speech_start_samples: int
    speech_end_samples: int
    """One past the caller's last audible sample."""
    answer_start_samples: int | None = None
    """The agent's first audible sample."""
    answer_stop_samples: int | None = None
    turnaround_ms: float | None = None
    """Caller's last audible sample to the agent's first; negative for a premature answer."""
    heard: str | None = None
    """The agent's transcript of the caller, when the daemon's transcript is known."""
    answer: str | None = None
    trace: TurnTrace | None = None

    @property
    def premature(self) -> bool:
        """The agent began to answer while the caller was still speaking."""
        return self.turnaround_ms is not None and self.turnaround_ms < 0


@dataclass(slots=True)
class CallRecord:
    """A finished call."""

    uniqueid: str
    rate_hz: int
    began_ns: int
    """Monotonic time of sample 0."""
    end: CallEnd
    caller_audio: Samples
    agent_audio: Samples
    turns: list[TurnRecord] = field(default_factory=list)
    greeting_ms: float | None = None
    """Answer to the agent's first audible sample, when the agent spoke first."""
    greeting_stop_samples: int = 0
    errors: list[str] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    unspoken: int = 0
    """Utterances of the script that the call was too short for."""
    frames_dropped: int = 0
    latest_frame_ms: float = 0.0

    @property
    def result(self) -> str | None:
        """``OFFHOOK_RESULT``, the variable that the dialplan looks at."""
        return self.variables.get("OFFHOOK_RESULT")

    def stereo(self) -> NDArray[np.int16]:
        """``[samples, 2]``: left the caller, right the agent."""
        return np.column_stack((self.caller_audio, self.agent_audio))

    def answer_audio(self, turn: TurnRecord) -> Samples:
        """What the caller heard in one turn, from the answer's first sound to its last."""
        if turn.answer_start_samples is None or turn.answer_stop_samples is None:
            return np.zeros(0, np.int16)
        return self.agent_audio[turn.answer_start_samples : turn.answer_stop_samples]

    def greeting_audio(self) -> Samples:
        """What the caller heard before saying anything."""
        return self.agent_audio[: self.greeting_stop_samples]

    def to_json(self) -> str:
        """The one object that ``offhook call --json`` and ``offhook demo --json`` print."""
        turns = [
            {
                "heard": turn.heard,
                "answer": turn.answer,
                "turnaround_ms": turn.turnaround_ms,
                "stages_ms": turn.trace.stages_ms() if turn.trace is not None else {},
            }
            for turn in self.turns
        ]
        return json.dumps({"turns": turns, "greeting_ms": self.greeting_ms, "errors": self.errors})


def account(outcome: Outcome) -> CallRecord:
    """Measure a finished call."""
    length = max(outcome.caller.length_samples, outcome.agent.length_samples)
    record = CallRecord(
        outcome.uniqueid,
        outcome.rate_hz,
        outcome.began_ns,
        outcome.end,
        outcome.caller.audio(length),
        outcome.agent.audio(length),
        errors=list(outcome.errors),
        variables=dict(outcome.variables),
        unspoken=outcome.utterances - len(outcome.spoken),
        frames_dropped=outcome.frames_dropped,
        latest_frame_ms=outcome.latest_frame_ms,
    )
    utterances = []
    for spoken in outcome.spoken:
        speech = audible_stretches(spoken.say.audio, outcome.rate_hz)
        if speech:
            start = spoken.start_samples + speech[0].start_samples
            stop = spoken.start_samples + speech[-1].stop_samples
            # A hang-up in mid-utterance cuts it.
            utterances.append((spoken.say.text, Stretch(start, min(stop, length))))
    agent = audible_playbacks(outcome, record.agent_audio)
    record.turns = measure_turns(utterances, agent, outcome.rate_hz)
    first_word = utterances[0][1].start_samples if utterances else length
    greeting = [heard for heard in agent if heard.playback_samples < first_word]
    if greeting and outcome.answered_ns is not None:
        answered = (outcome.answered_ns - outcome.began_ns) * outcome.rate_hz / 1e9
        record.greeting_ms = round((greeting[0].start_samples - answered) * 1000 / outcome.rate_hz, 1)
        record.greeting_stop_samples = greeting[-1].stop_samples
    if outcome.frames_dropped:
        record.errors.append(f"{outcome.frames_dropped} audio frames were lost: the pipe was full")
    return record


@dataclass(frozen=True, slots=True)
class AudiblePlayback:
    """An audible stretch of the agent, and where the file that it comes from began to play."""

    start_samples: int
    stop_samples: int
    playback_samples: int


def audible_playbacks(outcome: Outcome, agent_audio: Samples) -> list[AudiblePlayback]:
    """The agent's audible stretches, file by file, in order."""
    starts = [
        round((played.started_ns - outcome.began_ns) * outcome.rate_hz / 1e9) for played in outcome.played
    ]
    found = []
    for start, stop in zip(starts, [*starts[1:], len(agent_audio)], strict=False):
        for stretch in audible_stretches(agent_audio[start:stop], outcome.rate_hz):
            found.append(AudiblePlayback(start + stretch.start_samples, start + stretch.stop_samples, start))
    return found


def measure_turns(
    utterances: Iterable[tuple[str | None, Stretch]], agent: list[AudiblePlayback], rate_hz: int
) -> list[TurnRecord]:
    """Pair the caller's utterances with the answers.

    An answer comes from a file that began to play after the utterance began: what was
    already playing then is what the caller interrupts.  Utterances with no answer in
    between are one turn, as a thinking pause does not end a turn.
    """
    spoken = list(utterances)
    turns: list[TurnRecord] = []
    said: list[str] = []
    turn_start: int | None = None
    for index, (text, speech) in enumerate(spoken):
        said += [text] if text is not None else []
        turn_start = speech.start_samples if turn_start is None else turn_start
        following = spoken[index + 1][1].start_samples if index + 1 < len(spoken) else None
        answers = [
            heard
            for heard in agent
            if heard.playback_samples >= speech.start_samples
            and (following is None or heard.playback_samples < following)
        ]
        if not answers and following is not None:
            continue
        turn = TurnRecord(" ".join(said) or None, turn_start, speech.stop_samples)
        if answers:
            turn.answer_start_samples = answers[0].start_samples
            turn.answer_stop_samples = answers[-1].stop_samples
            gap = answers[0].start_samples - (speech.stop_samples - 1)
            turn.turnaround_ms = round(gap * 1000 / rate_hz, 1)
        turns.append(turn)
        said, turn_start = [], None
    return turns


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise unreadable(path, error) from error


def read_transcript(path: Path, call_id: str) -> dict[int, tuple[str, str]]:
    """What the daemon heard and answered in one call, by its turn numbers.

    Torn lines are skipped.  Raises ConfigError when the file cannot be read.
    """
    turns: dict[int, tuple[str, str]] = {}
    for line in _lines(path):
        try:
            entry: Any = json.loads(line)
            if entry["call"] == call_id:
                turns[int(entry["turn"])] = (str(entry["heard"]), str(entry["answer"]))
        except (ValueError, KeyError, TypeError):
            continue
    return turns


def read_done(path: Path, call_id: str) -> dict[int, list[tuple[str, dict[str, Any]]]]:
    """What was done for the caller of one call, tools and their values, by the turn in which it was.

    Torn lines are skipped.  Raises ConfigError when the file cannot be read.
    """
    found: dict[int, list[tuple[str, dict[str, Any]]]] = {}
    open_: list[tuple[str, dict[str, Any]]] = []
    last = 0
    for line in _lines(path):
        try:
            entry: Any = json.loads(line)
            if entry["call"] != call_id:
                continue
            if "tool" in entry:
                open_.append((str(entry["tool"]), dict(entry["arguments"])))
            else:
                last = int(entry["turn"])
                found.setdefault(last, []).extend(open_)
                open_.clear()
        except (ValueError, KeyError, TypeError):
            continue
    if open_:
        found.setdefault(last, []).extend(open_)
    return found


def merge(
    record: CallRecord,
    transcript: Mapping[int, tuple[str, str]] | None = None,
    traces: Iterable[TurnTrace] = (),
) -> None:
    """Complete ``record`` with what the daemon wrote about the same call.

    Daemon and simulator share the monotonic clock, so a trace belongs to the answer that
    began when its playback did.  Words follow their trace's turn number; without traces,
    the order of turns.
    """
    transcript = transcript or {}
    unmatched = [trace for trace in traces if trace.call_id == record.uniqueid]
    for turn in record.turns:
        turn.trace = _trace_of(record, turn, unmatched)
        if turn.trace is not None:
            unmatched.remove(turn.trace)
            words = transcript.get(turn.trace.turn)
            if words is not None:
                turn.heard, turn.answer = words
    if all(turn.trace is None for turn in record.turns):
        for turn, number in zip(record.turns, sorted(transcript), strict=False):
            turn.heard, turn.answer = transcript[number]


def complete(
    record: CallRecord, transcript: Path | None, trace: Path | None, *, timeout_s: float = 2.0
) -> None:
    """:func:`merge` what the daemon's files say, waiting until it has written the last turn.

    The daemon writes a turn when its answer has ended, from a thread of its own: just
    after a hang-up the file may lag behind.  Raises ConfigError for an unreadable file.
    """
    deadline = time.monotonic() + timeout_s
    answered = sum(turn.answer_start_samples is not None for turn in record.turns)
    while transcript is not None or trace is not None:
        words = read_transcript(transcript, record.uniqueid) if transcript is not None else {}
        traces = read_traces(trace).of_call(record.uniqueid) if trace is not None else []
        whole = (transcript is None or len(words) >= answered) and (trace is None or len(traces) >= answered)
        if whole or time.monotonic() >= deadline:
            merge(record, words, traces)
            return
        time.sleep(0.05)


def _trace_of(record: CallRecord, turn: TurnRecord, traces: list[TurnTrace]) -> TurnTrace | None:
    if turn.answer_start_samples is None:
        return None
    sounded_ns = record.began_ns + turn.answer_start_samples * 1_000_000_000 // record.rate_hz
    near = [
        (abs(sounded_ns - trace.playback_started_ns), index)
        for index, trace in enumerate(traces)
        if trace.playback_started_ns is not None
    ]
    if not near or min(near)[0] > _SAME_TURN_MS * 1e6:
        return None
    return traces[min(near)[1]]
