"""The caller's audio by position, and what we sent at the same time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from offhook.barge_in import LATEST_ECHO_MS, LineEcho
from offhook.call.output import CallOutput
from offhook.core import Stream
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted

PRE_ROLL_MS = 200
"""Audio taken before the detected onset: soft first consonants begin earlier."""
POST_ROLL_MS = 100
"""Audio taken after the detected end; more than this changes recognised words in 2 of 27 utterances."""


class CallerAudio:
    """One call's.  Lives on the event loop."""

    def __init__(self, stream: Stream, output: CallOutput, line: LineEcho) -> None:
        """``line`` tells how late our own voice may come back."""
        self._stream = stream
        self._output = output
        self._line = line
        self._clock = (0, 0)
        """A position in the caller's audio and its time, both of the latest event."""

    @property
    def written_samples(self) -> int:
        """One past the newest position."""
        return self._stream.written_samples

    @property
    def rate_hz(self) -> int:
        return self._stream.rate_hz

    @property
    def pre_roll_samples(self) -> int:
        return self.samples(PRE_ROLL_MS)

    def samples(self, duration_ms: int) -> int:
        return duration_ms * self._stream.rate_hz // 1000

    def noticed(self, event: SpeechEvent) -> None:
        """Something was noticed, somewhere at some time: what ties positions to the clock."""
        if isinstance(event, SpeechStarted | SpeechPaused | SpeechResumed):
            self._clock = (event.position_samples, event.at_ns)

    def only(self, start_samples: int, stop_samples: int) -> NDArray[np.int16]:
        """The caller's audio as far as it exists: ``[samples]``."""
        _, audio = self._stream.read(max(0, start_samples), stop_samples)
        return audio

    def read(self, start_samples: int, stop_samples: int) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
        """The caller's audio as far as it exists, and what we sent until its end: ``[samples]`` each.

        What we sent begins earlier, and is nothing where none of it can have come back meanwhile.
        """
        rate, (position, at_ns) = self._stream.rate_hz, self._clock
        first, audio = self._stream.read(max(0, start_samples), stop_samples)
        end_ns = at_ns + (first + len(audio) - position) * 10**9 // rate
        start_ns = end_ns - len(audio) * 10**9 // rate - LATEST_ECHO_MS * 10**6
        played = self._output.played(start_ns, end_ns)
        may_come_back = played[-(len(audio) + self.samples(self._line.sound_ms)) :].any()
        return audio, played if may_come_back else played[:0]
