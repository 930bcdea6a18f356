"""Names that the tests on a real Asterisk share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.support.sip_client import SipCall

ROOT = Path(__file__).resolve().parents[2]
TWIN = ROOT / "agi/offhook_eagi.py"
"""The launcher in Python, an ordinary file that needs no build."""

PlaceCall = Callable[..., Awaitable[SipCall]]
"""Calls the agent from the shipped softphone; the call is answered when it returns."""

Understand = Callable[[NDArray[np.int16]], str]
"""What a listener makes of 8 kHz audio."""

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
