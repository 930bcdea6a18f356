"""What the judge of barge-in may be told, and what it says."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Verdict(enum.Enum):
    """What the sound looks like so far.  Only SPEECH is final."""

    WAIT = "wait"
    """Too early, or too little, to say."""
    SPEECH = "speech"
    """The caller is speaking: stop."""
    BACKCHANNEL = "backchannel"
    """A hum: go on."""
    ECHO = "echo"
    """Our own voice."""
    NOISE = "noise"
    """A sound, but no voice: a cough, a tap, the line."""


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """What a call may configure."""

    rate_hz: int = 8_000
    """Of both ``heard`` and ``played``: 8000 or 16000."""
    min_speech_ms: int = 60
    """Evidence of open voice that is SPEECH.  Lower stops earlier, and stops for more that is none."""
    max_hum_ms: int = 650
    """Voiced sound of any kind that is SPEECH: nobody hums approval for so long."""

    def __post_init__(self) -> None:
        if self.rate_hz not in (8_000, 16_000):
            raise ValueError(f"rate_hz is {self.rate_hz}; 8000 and 16000 are known")
        if self.min_speech_ms <= 0 or self.max_hum_ms <= 0:
            raise ValueError("min_speech_ms and max_hum_ms are durations above 0")


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, and what it rests on."""

    verdict: Verdict
    evidence_ms: int
    """Open voice and half of the hiss beside it."""
    voiced_ms: int
    """Voiced sound that is not ours, hums included."""
    active_ms: int
    """Sound of any kind that is not ours."""
    echo_share: float
    """0 to 1: of what was heard since the onset, how much (as power) our own playout explains."""
    echo_delay_ms: float | None
    """Where the echo lies; None when none was found."""
