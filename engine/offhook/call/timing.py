"""When a call has to look at the clock again, and when it has lasted too long.  Pure: time is an argument."""

from __future__ import annotations

from offhook.turn_taking import CallEnded, CallOverdue, Leaving, Listening, TurnState

LATEST_TURN_S = 15
"""A turn may go on so long when the call has lasted as long as it may ..."""
LATEST_GOODBYE_S = 30
"""... and its goodbye so long after that."""
_FOREVER_S = 1e9
"""Thirty years."""
TICK_S = 0.05
PUT_OFF_S = 0.01
JUDGE_TICK_S = 0.02
"""While the caller and we speak at once."""


def limit_ns(started_ns: int, most_s: float) -> int:
    """When a call that began at ``started_ns`` has lasted as long as it may; ``inf`` never comes."""
    return started_ns + round(min(most_s, _FOREVER_S) * 1e9)


def patience_s(state: TurnState, now_ns: int, *, both_speak: bool) -> float:
    """How long nothing may happen until turn-taking has to look at the clock again."""
    if state.look_at_ns is not None:
        # Once it is due, something loud on the line has put it off.
        due_s = (state.look_at_ns - now_ns) / 1e9
        return min(due_s if due_s > 0 else PUT_OFF_S, TICK_S)
    return JUDGE_TICK_S if both_speak else TICK_S


def overdue(state: TurnState, now_ns: int, limit_ns: int) -> CallOverdue | CallEnded | None:
    """What ends a call that may last until ``limit_ns``: between two turns if one ends soon, else at once."""
    late_s = (now_ns - limit_ns) / 1e9
    if late_s < 0:
        return None
    between = isinstance(state.floor, Listening)
    if not isinstance(state.floor, Leaving) and (between or late_s > LATEST_TURN_S):
        return CallOverdue()
    return CallEnded() if late_s > LATEST_TURN_S + LATEST_GOODBYE_S else None
