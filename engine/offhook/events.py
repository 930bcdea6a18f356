"""Facts about a call, each with its time.

Events are frozen and named in the past tense.  ``at_ns`` is on the monotonic
clock; ``position_samples`` counts samples of the caller's stream at the
stream's own rate, from the first sample offhook read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak at ``position_samples`` (back-dated to the true onset)."""

    position_samples: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class SpeechPaused:
    """Speech ended at ``position_samples``, perhaps only for a moment ("maybe done").

    ``voiced_ms`` is how much voiced audio the utterance has so far: recognisers
    invent words when there is almost none.
    """

    position_samples: int
    at_ns: int
    voiced_ms: int


@dataclass(frozen=True, slots=True)
class SpeechResumed:
    """Speech went on at ``position_samples`` before the pause became an end."""

    position_samples: int
    at_ns: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """Enough silence has passed since ``position_samples`` to call the utterance over."""

    position_samples: int
    at_ns: int
    voiced_ms: int


@dataclass(frozen=True, slots=True)
class AudioEnded:
    """The caller's stream reached end of file after ``position_samples``."""

    position_samples: int
    at_ns: int


SpeechEvent = SpeechStarted | SpeechPaused | SpeechResumed | SpeechStopped | AudioEnded
