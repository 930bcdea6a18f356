"""Other people's figures, by their definitions, from the turns that bench/turnaround has judged.  Pure.

Each function says whose figure it is, what it is of, and in what ours differs.  A rate comes with the number
of events behind it: some of those published hide rates of fewer than 10.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from bench.turnaround.judge import Interjection, Judged

EVA_EARLIEST_MS, EVA_BEST_MS, EVA_LATE_MS, EVA_LATEST_MS = -500.0, 500.0, 2_000.0, 3_500.0
EVA_INTERRUPTS = 0.5
"""The most that a turn into which the agent spoke can have."""
EVA_YIELD_MS = 2_000.0

TAU_YIELD_MS = 2_000.0
"""An agent that speaks on for longer after an interruption has not yielded."""
TAU_SELECTIVE_MS = 1_000.0
"""One that stops within so long after a hum, a cough or words to somebody else has taken it for a turn."""

FDB_TURN_MS = 1_000.0
"""A stretch of agent speech that is a turn, and no backchannel (Full-Duplex-Bench: or more than 3 words)."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A share of so many events; None where there was none."""

    value: float | None
    of: int

    @classmethod
    def over(cls, events: Iterable[bool]) -> Rate:
        found = list(events)
        return cls(round(sum(found) / len(found), 4) if found else None, len(found))


# --- EVA (ServiceNow, arXiv 2605.13841): turn_taking v0.2 -------------------------------------------


def eva_latency(ms: float) -> float:
    """Score of a turn by its latency: 0 at -500 ms, 1 from 500 to 2,000, 0 at 3,500, straight between.

    So a person's 200 ms have 0.7, and an answer at 500 ms is better than one at 300.
    """
    if ms <= EVA_EARLIEST_MS or ms >= EVA_LATEST_MS:
        return 0.0
    if ms < EVA_BEST_MS:
        return (ms - EVA_EARLIEST_MS) / (EVA_BEST_MS - EVA_EARLIEST_MS)
    return min(1.0, (EVA_LATEST_MS - ms) / (EVA_LATEST_MS - EVA_LATE_MS))


def eva_yield(ms: float) -> float:
    """Score of an interruption of the agent by how long it speaks on."""
    return max(0.0, 1.0 - ms / EVA_YIELD_MS)


def eva_turn_taking(turns: Sequence[Judged], interruptions: Sequence[Interjection]) -> Rate:
    """Mean over turns and interruptions.  Missed turns count 0, as do their hard limits.

    Theirs takes the overlap's length off the 0.5 of a turn that the agent spoke into; here such a turn has 0
    where it was answered in its midst, and 0.5 where only its last sounds were overlapped.
    """
    scores = [_eva_of(turn) for turn in turns]
    scores += [
        eva_yield(one.stop_ms) if one.stopped and one.stop_ms is not None else 0.0 for one in interruptions
    ]
    return Rate(round(fmean(scores), 4) if scores else None, len(scores))


def _eva_of(turn: Judged) -> float:
    if turn.turnaround_ms is not None:
        return eva_latency(turn.turnaround_ms)
    return EVA_INTERRUPTS if turn.overlapped else 0.0


# --- tau-voice (Sierra): the panel of its leaderboard -----------------------------------------------


@dataclass(frozen=True, slots=True)
class Panel:
    """Latencies in seconds; rates and selectivities as shares."""

    response_latency_s: float | None
    yield_latency_s: float | None
    response: Rate
    yields: Rate
    interrupts: Rate
    backchannel: Rate
    vocal_tic: Rate
    non_directed: Rate


def tau_panel(turns: Sequence[Judged], interjections: Sequence[Interjection]) -> Panel:
    """From undisturbed turns, and from what was said into answers.

    Theirs looks at ticks of 200 ms, ours at samples.  Kinds: ``interrupt``; ``backchannel``; ``sound``
    (coughs: of their tics those that are no words); ``side`` (words to somebody else).
    """
    answered = [turn.turnaround_ms / 1e3 for turn in turns if turn.turnaround_ms is not None]
    kinds: dict[str, list[Interjection]] = {}
    for one in interjections:
        kinds.setdefault(one.said.kind, []).append(one)
    yielded = [_yielded_s(one) for one in kinds.get("interrupt", [])]
    stops = [each for each in yielded if each is not None]
    return Panel(
        round(fmean(answered), 3) if answered else None,
        round(fmean(stops), 3) if stops else None,
        Rate.over(not turn.missed for turn in turns if not turn.overlapped),
        Rate.over(each is not None for each in yielded),
        Rate.over(turn.premature for turn in turns),
        *(
            Rate.over(not _stopped_for(one) for one in kinds.get(kind, []))
            for kind in ("backchannel", "sound", "side")
        ),
    )


def _yielded_s(one: Interjection) -> float | None:
    within = one.stop_ms is not None and one.stop_ms <= TAU_YIELD_MS
    return one.stop_ms / 1e3 if one.stopped and within and one.stop_ms is not None else None


def _stopped_for(one: Interjection) -> bool:
    return one.stopped and one.stop_ms is not None and one.stop_ms <= TAU_SELECTIVE_MS


# --- Full-Duplex-Bench v1 (arXiv 2503.04721): pause handling and smooth turn taking -----------------


def fdb_pause_takeover(turns: Sequence[Judged]) -> Rate:
    """Share of turns with inner pauses in which the agent took the floor before they were over.

    Theirs asks whether what the agent said is a turn (a second, or more than three words); every answer of
    ours is, so each that came in a pause, or was decided in one, counts.
    """
    return Rate.over(turn.premature or turn.unfinished for turn in turns if turn.said.kind == "hesitation")


def fdb_smooth(turns: Sequence[Judged]) -> tuple[Rate, float | None]:
    """Of turns without pauses: share that the agent takes, and the mean latency of those [s]."""
    plain = [turn for turn in turns if turn.said.kind in ("open", "closed") and not turn.overlapped]
    taken = [turn.turnaround_ms / 1e3 for turn in plain if turn.turnaround_ms is not None]
    return Rate.over(not turn.missed for turn in plain), round(fmean(taken), 3) if taken else None


# --- eot-bench (LiveKit): false cut-offs against latency --------------------------------------------


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence inside a turn, or at its end, with how finished the words before it are taken to be."""

    score: float
    """0 to 1."""
    pause_ms: float | None
    """After so long the caller goes on; None: the turn is over."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """The best that any policy reaches: (threshold, delay after it, time-out below it)."""

    cutoffs_at_300: float
    """Least share of inner silences that are answered, of policies with a mean latency of at most 300 ms."""
    cutoffs_at_600: float
    latency_at_5: float
    """Least mean latency [ms] of policies that answer at most 5 % of inner silences."""
    latency_at_10: float


_DELAYS_MS = tuple(range(0, 801, 25))
_TIMEOUTS_MS = tuple(range(200, 3_001, 50))
_THRESHOLDS = tuple(step / 40 for step in range(1, 40))


def eot_frontier(silences: Sequence[Silence]) -> Frontier:
    """Sweeps the policies: from the threshold on answer after the delay, below it after the time-out.

    Their spans are silences of real turns, ours of phrases that were written and spoken by voices.
    Raises ValueError without inner silences or without ends.
    """
    inner = [(one.score, one.pause_ms) for one in silences if one.pause_ms is not None]
    ends = [one.score for one in silences if one.pause_ms is None]
    if not inner or not ends:
        raise ValueError("both silences inside turns and at their ends are needed")
    points = []
    for threshold in _THRESHOLDS:
        surely = sum(score >= threshold for score in ends) / len(ends)
        sure = [pause for score, pause in inner if score >= threshold]
        unsure = [pause for score, pause in inner if score < threshold]
        cut_sure = {delay: sum(pause > delay for pause in sure) for delay in _DELAYS_MS}
        cut_unsure = {timeout: sum(pause > timeout for pause in unsure) for timeout in _TIMEOUTS_MS}
        for delay in _DELAYS_MS:
            for timeout in _TIMEOUTS_MS:
                if timeout < delay:
                    continue
                latency = surely * delay + (1 - surely) * timeout
                points.append((latency, (cut_sure[delay] + cut_unsure[timeout]) / len(inner)))
    return Frontier(
        *(round(min(cut for latency, cut in points if latency <= most), 4) for most in (300, 600)),
        *(round(min(latency for latency, cut in points if cut <= most), 1) for most in (0.05, 0.10)),
    )
