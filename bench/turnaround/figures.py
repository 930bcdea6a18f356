"""Figures of a group of turns: percentiles, rates, and what they were taken over.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from bench.turnaround.conversation import CallRecord
from bench.turnaround.judge import (
    Interjection,
    Judged,
    Undisturbed,
    VoiceRuns,
    cut_short,
    espeak_runs,
    interjection,
    interrupts_itself,
    judge,
    undisturbed_answers,
)
from bench.turnaround.measure import percentile, rate, upper_bound
from bench.turnaround.scenarios import Scenario

PAUSED = ("hesitation", "digits", "spelling")
"""Kinds of phrases with inner pauses."""
SLOW_STOP_MS = 1_500
"""An interruption that takes longer was not heard."""
ROUND = 5
"""Turns in a round of the conversation of thirty turns."""

Figures = dict[str, Any]


@dataclass(slots=True)
class Group:
    """Everything that was measured with one system in some scenarios."""

    turns: list[Judged] = field(default_factory=list)
    interjections: list[Interjection] = field(default_factory=list)
    void_interjections: int = 0
    """Things said when the agent was not speaking, or into an answer that cannot be compared."""
    echo_answers: int = 0
    echo_stops: int = 0
    greetings_ms: list[float] = field(default_factory=list)
    calls: int = 0
    ended_early: int = 0
    sent_frames: int = 0
    late_frames: int = 0
    worst_late_ms: float = 0.0

    def extend(self, other: Group) -> None:
        """Takes in another group."""
        self.turns += other.turns
        self.interjections += other.interjections
        self.greetings_ms += other.greetings_ms
        self.void_interjections += other.void_interjections
        self.echo_answers += other.echo_answers
        self.echo_stops += other.echo_stops
        self.calls += other.calls
        self.ended_early += other.ended_early
        self.sent_frames += other.sent_frames
        self.late_frames += other.late_frames
        self.worst_late_ms = max(self.worst_late_ms, other.worst_late_ms)


def group_of(
    scenario: Scenario,
    calls: Sequence[CallRecord],
    known: dict[str, Undisturbed] | None = None,
    voice: VoiceRuns = espeak_runs,
) -> Group:
    """Judges the calls of one scenario; ``known`` are answers over a clean line, by phrase."""
    group = Group()
    judged = [
        [
            judge(record, voice, before)
            for before, record in zip([None, *call.turns], call.turns, strict=False)
        ]
        for call in calls
    ]
    clean = {**undisturbed_answers([turn for turns in judged for turn in turns]), **(known or {})}
    for call, turns in zip(calls, judged, strict=True):
        group.calls += 1
        group.ended_early += call.ended_early
        group.sent_frames += call.sent_frames
        group.late_frames += call.late_frames
        group.worst_late_ms = max(group.worst_late_ms, call.worst_late_ms)
        if call.greeting_ms is not None:
            group.greetings_ms.append(call.greeting_ms)
        group.turns += turns
        for record, turn in zip(call.turns, turns, strict=True):
            whole = clean.get(record.said.phrase)
            if record.during is not None:
                found = interjection(record, whole, voice)
                group.void_interjections += found is None
                group.interjections += [found] if found is not None else []
            elif scenario.condition.echo_db is not None and not turn.missed:
                group.echo_answers += 1
                group.echo_stops += cut_short(turn, whole, voice) or interrupts_itself(record)
    return group


def figures(group: Group) -> Figures:
    """The figures of a group; None where there was nothing to measure."""
    turns = group.turns
    times = _present(turn.turnaround_ms for turn in turns)
    paused = [turn for turn in turns if turn.said.kind in PAUSED]
    premature = sum(turn.premature for turn in turns)
    premature_paused = sum(turn.premature for turn in paused)
    rated = [turn.right for turn in turns if turn.right is not None]
    rated += [one.right for one in group.interjections if one.right is not None]
    counted = [turn for turn in turns if turn.word_errors is not None]
    words = sum(turn.words for turn in counted)
    checked = [turn for turn in turns if turn.undisturbed and turn.turnaround_ms is not None]
    gaps = [gap for turn in checked for gap in turn.gaps_ms]
    overheads = _present(turn.overhead_ms for turn in turns)
    return {
        "turns": len(turns),
        "calls": group.calls,
        "timed_turns": len(times),
        "p50_ms": percentile(times, 50),
        "p95_ms": percentile(times, 95),
        "p99_ms": percentile(times, 99),
        "min_ms": percentile(times, 0),
        "max_ms": percentile(times, 100),
        "premature": premature,
        "premature_rate": rate(premature, len(turns)),
        "unfinished": sum(turn.unfinished for turn in turns),
        "unfinished_rate": rate(sum(turn.unfinished for turn in turns), len(turns)),
        "paused_turns": len(paused),
        "paused_premature": premature_paused,
        "paused_premature_rate": rate(premature_paused, len(paused)),
        "paused_premature_rate_upper_95": upper_bound(premature_paused, len(paused)),
        "paused_unfinished": sum(turn.unfinished for turn in paused),
        "paused_unfinished_rate": rate(sum(turn.unfinished for turn in paused), len(paused)),
        "overlapped": sum(turn.overlapped for turn in turns),
        "missed": sum(turn.missed for turn in turns),
        "missed_rate": rate(sum(turn.missed for turn in turns), len(turns)),
        "ended_early": group.ended_early,
        "greeting_p50_ms": percentile(group.greetings_ms, 50),
        "greeting_max_ms": percentile(group.greetings_ms, 100),
        "waited_p50_ms": percentile(_present(turn.waited_ms for turn in turns), 50),
        "late_compute_p50_ms": percentile(_present(turn.late_compute_ms for turn in turns), 50),
        "late_compute_p95_ms": percentile(_present(turn.late_compute_ms for turn in turns), 95),
        "overhead_p50_ms": percentile(overheads, 50),
        "overhead_p95_ms": percentile(overheads, 95),
        "commit_to_ear_p50_ms": percentile(_present(turn.commit_to_ear_ms for turn in turns), 50),
        "commit_to_ear_p95_ms": percentile(_present(turn.commit_to_ear_ms for turn in turns), 95),
        "wasted_revisions_per_turn": _mean([turn.wasted_revisions for turn in turns]),
        "wer": rate(sum(turn.word_errors or 0 for turn in counted), words),
        "wer_words": words,
        "right": sum(rated),
        "right_of": len(rated),
        "right_rate": rate(sum(rated), len(rated)),
        "answers_checked_for_gaps": len(checked),
        "answers_with_gaps": sum(bool(turn.gaps_ms) for turn in checked),
        "longest_gap_ms": max(gaps, default=None),
        **_interjections(group),
        "late_sent_frames_rate": rate(group.late_frames, group.sent_frames),
    }


def _interjections(group: Group) -> Figures:
    interruptions = [one for one in group.interjections if one.said.kind == "interrupt"]
    stops = [one.stop_ms for one in interruptions if one.stop_ms is not None]
    harmless = [one for one in group.interjections if one.said.kind not in ("interrupt", "side")]
    by_kind: dict[str, list[int]] = {}
    for one in harmless:
        kind = by_kind.setdefault(one.said.phrase, [0, 0])
        kind[0] += one.stopped
        kind[1] += 1
    if group.echo_answers:
        by_kind["echo"] = [group.echo_stops, group.echo_answers]
    stopped, stimuli = (sum(pair[at] for pair in by_kind.values()) for at in (0, 1))
    return {
        "barge_ins": len(stops),
        "barge_in_p50_ms": percentile(stops, 50),
        "barge_in_p95_ms": percentile(stops, 95),
        "barge_in_max_ms": percentile(stops, 100),
        "barge_ins_unheard": sum(stop > SLOW_STOP_MS for stop in stops),
        "false_stop_stimuli": stimuli,
        "false_stops": stopped,
        "false_stop_rate": rate(stopped, stimuli),
        "false_stops_by_stimulus": {
            name: f"{pair[0]} of {pair[1]}" for name, pair in sorted(by_kind.items())
        },
        "self_interruptions": group.echo_stops if group.echo_answers else None,
        "spurious_answers": sum(one.answered for one in harmless),
        "interjections_void": group.void_interjections,
    }


def flat(turns: Sequence[Judged]) -> Figures:
    """Turn 30 against turn 1: the same five questions, last round against first, paired."""
    rounds = [turns[at : at + ROUND] for at in range(0, len(turns) - ROUND + 1, ROUND)]
    if len(rounds) < 2:
        return {}
    ratios = [
        late.turnaround_ms / early.turnaround_ms
        for early, late in zip(rounds[0], rounds[-1], strict=True)
        if early.turnaround_ms is not None and late.turnaround_ms is not None
    ]
    return {
        "rounds_p50_ms": [percentile(_present(turn.turnaround_ms for turn in one), 50) for one in rounds],
        "last_to_first": round(median(ratios), 3) if ratios else None,
    }


def median_turn(turns: Sequence[Judged]) -> Figures:
    """The stamps of the turn with the median turnaround. [ms after the caller's end as the system saw it]"""
    timed = sorted(
        (turn for turn in turns if turn.turnaround_ms is not None and turn.stamps_ms),
        key=lambda turn: turn.turnaround_ms or 0.0,
    )
    if not timed:
        return {}
    turn = timed[len(timed) // 2]
    return {
        "phrase": turn.said.phrase,
        "turnaround_ms": turn.turnaround_ms,
        "overhead_ms": turn.overhead_ms,
        "stamps_ms": turn.stamps_ms,
    }


def _present(values: Any) -> list[float]:
    return [value for value in values if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return round(sum(values) / len(values), 2) if values else None
