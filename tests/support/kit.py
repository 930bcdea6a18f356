"""Names that the tests on a real Asterisk share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.daemon_process import DaemonProcess, Heard
from tests.support.sip.sip_client import SipCall
from tests.support.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]

PlaceCall = Callable[..., Awaitable[SipCall]]
"""Calls the agent from the shipped softphone; the call is answered when it returns."""


MUSEUM = ROOT / "tests/data/agents/museum.toml"
"""An agent with one long answer and many short ones."""
MUSEUM_SILENCE_S = 3
"""How long its daemon bears silence."""


@dataclass(frozen=True)
class LongAnswer:
    """The museum's answer to its opening hours, some ten seconds, when nobody disturbs it."""

    text: str
    sound: NDArray[np.int16]
    """What a caller receives of it, without silence."""
    longest_silence_ms: float


async def greeted(call: SipCall, *, quiet_ms: int = 500) -> None:
    """Returns when the greeting has been heard and is over."""
    await call.media.heard_after(0)
    await call.media.quiet(quiet_ms)


async def new_lines(daemon: DaemonProcess, seen: int, count: int) -> list[Heard]:
    """The transcript without its first ``seen`` turns, as soon as it has ``count`` more."""
    await eventually(lambda: len(daemon.transcript()) >= seen + count, f"{count} turns in the transcript")
    return daemon.transcript()[seen:]
