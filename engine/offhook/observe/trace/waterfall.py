"""A turn as bars over time, for people.  Pure functions from values to text."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from offhook.config import BudgetConfig
from offhook.observe.trace.record import STAGES, TurnTrace

_LABEL_WIDTH = max(len(stage) for stage in STAGES)
_FIGURES = "  12345 +12345 ms !"
MIN_BAR_WIDTH = 10
_EIGHTHS = "▏▎▍▌▋▊▉"


def waterfall(
    turn: TurnTrace, budgets: BudgetConfig | None = None, *, width: int = 80, unicode: bool = True
) -> str:
    """One turn: a headline, then a bar for each stage with its start and duration [ms].

    Time 0 is the end of the caller's speech.  The scale ends shortly after playback
    begins; the playback bar is cut there.  ``!`` marks a stage over its budget.
    ``width`` is the terminal's, in columns; narrow ones get short bars, not broken lines.
    """
    lines = [headline(turn, budgets)]
    spans = turn.stage_spans_ns()
    begins = [begin for begin, _ in spans.values()]
    if not begins:
        return "\n".join([*lines, "  no stages recorded"])
    zero_ns = turn.speech_end_ns if turn.speech_end_ns is not None else min(begins)
    last_ns = max([end for stage, (_, end) in spans.items() if stage != "playback"], default=max(begins))
    columns = max(MIN_BAR_WIDTH, width - _LABEL_WIDTH - len(_FIGURES) - 4)
    # A tenth is left on the right, so that playback is seen to begin.
    per_column_ns = max(1.0, (max(last_ns, zero_ns + 1) - zero_ns) / (columns * 0.9))
    late = turn.over_budget(budgets) if budgets is not None else ()
    for stage in STAGES:
        if stage not in spans:
            continue
        begin, end = spans[stage]
        first = (begin - zero_ns) / per_column_ns
        length = (end - begin) / per_column_ns
        bar = _bar(first, length, columns, unicode=unicode)
        begin_ms, length_ms = (begin - zero_ns) / 1e6, (end - begin) / 1e6
        mark = " !" if stage in late else ""
        lines.append(f"  {stage:<{_LABEL_WIDTH}} {bar} {begin_ms:6.0f} +{length_ms:5.0f} ms{mark}")
    return "\n".join(lines)


def call_waterfall(
    turns: Sequence[TurnTrace],
    budgets: BudgetConfig | None = None,
    *,
    width: int = 80,
    unicode: bool = True,
) -> str:
    """All turns of a call, one below the other, with a summary above."""
    if not turns:
        return "no turns"
    known = [ms for turn in turns if (ms := turn.turnaround_ms()) is not None]
    noun = "turn" if len(turns) == 1 else "turns"
    summary = f"call {printable(turns[0].call_id)}: {len(turns)} {noun}"
    if known:
        summary += f", turnaround median {median(known):.0f} ms, worst {max(known):.0f} ms"
    parts = [summary]
    parts += [waterfall(turn, budgets, width=width, unicode=unicode) for turn in turns]
    return "\n\n".join(parts)


def printable(text: str) -> str:
    """``text`` without control characters: call ids come from outside."""
    return "".join(char if char.isprintable() else "?" for char in text)


def headline(turn: TurnTrace, budgets: BudgetConfig | None) -> str:
    """One line: how long it took, and what was special."""
    total = turn.turnaround_ms()
    line = f"turn {turn.turn}: " + (f"{total:.0f} ms" if total is not None else "no answer was played")
    notes = [turn.act] if turn.act else []
    if turn.mood not in ("", "neutral"):
        notes.append(f"caller {turn.mood}" + (" by voice" if turn.by_voice else ""))
    if turn.wasted_revisions:
        notes.append(f"revision {turn.revision}, {turn.wasted_revisions} wasted")
    if turn.voiced_ms:
        notes.append(f"{turn.voiced_ms / 1000:.1f} s voiced")
    if turn.tokens_reused or turn.tokens_computed:
        notes.append(f"{turn.tokens_computed} tokens computed, {turn.tokens_reused} reused")
    if turn.tokens_drafted:
        notes.append(f"{turn.tokens_accepted} of {turn.tokens_drafted} drafted tokens right")
    if turn.reading:
        notes.append(f"answered what may have been said instead of what was heard ({turn.reading})")
    if turn.interim:
        notes.append(f"begun on interim words: {turn.interim}")
    if turn.interrupted:
        notes.append("interrupted")
    if notes:
        line += f" ({', '.join(notes)})"
    late = turn.over_budget(budgets) if budgets is not None else ()
    if late:
        line += f"  over budget: {', '.join(late)}"
    return line


def _bar(first: float, length: float, columns: int, *, unicode: bool) -> str:
    """``columns`` characters: blank up to ``first``, then ``length`` columns of bar, cut at the edge."""
    start = min(max(0, int(first)), columns - 1)
    stop = max(first + length, start)
    room = columns - start
    whole = min(int(stop) - start, room)
    cut = stop > columns
    if not unicode:
        bar = "#" * max(1, min(room, round(stop - start)))
        if cut:
            bar = "#" * (room - 1) + ">"
        return (" " * start + bar).ljust(columns)
    bar = "█" * whole
    eighths = int((stop - int(stop)) * 8)
    if len(bar) < room and (eighths or not bar):
        bar += _EIGHTHS[max(0, eighths - 1)]
    if cut:
        bar = "█" * (room - 1) + "▶"
    return (" " * start + bar).ljust(columns)
