"""The compiled core's integers as the dataclasses of :mod:`offhook.events`."""

from __future__ import annotations

from typing import Final

from offhook.core.native import _core
from offhook.events import (
    AudioEnded,
    SpeechEvent,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
)

KINDS: Final = _core.event_kinds()
MESSAGE: Final = KINDS.index("MessageReceived")


def speech_event(kind: int, position_samples: int, at_ns: int, voiced_ms: int) -> SpeechEvent:
    """One event of the caller's voice; ``kind`` counts in :data:`KINDS`."""
    match KINDS[kind]:
        case "SpeechStarted":
            return SpeechStarted(position_samples, at_ns)
        case "SpeechPaused":
            return SpeechPaused(position_samples, at_ns, voiced_ms)
        case "SpeechResumed":
            return SpeechResumed(position_samples, at_ns)
        case "SpeechStopped":
            return SpeechStopped(position_samples, at_ns, voiced_ms)
        case _:
            return AudioEnded(position_samples, at_ns)
