"""How other processes of ours end, in words."""

from __future__ import annotations

import signal

_WHY = {
    signal.SIGILL: "its native code was compiled for another processor",
    signal.SIGKILL: "the system does that where memory runs out: `dmesg` tells",
}


def how_it_ended(status: int) -> str:
    """In one line: "ended with status 2", "ended by signal 4 (Illegal instruction)" and what that hints at.

    ``status`` is what subprocess calls ``returncode``: below zero for a signal.
    """
    if status >= 0:
        return f"ended with status {status}"
    number = -status
    ended = f"ended by signal {number} ({signal.strsignal(number) or 'unknown'})"
    hint = _WHY.get(number)  # type: ignore[call-overload]  # a number is equal to the signal's name
    return f"{ended}; {hint}" if hint else ended
