"""The caller: what they say and when, decided from what they hear.

A script is a list of steps; each waits for its moment.  :class:`Caller` is asked every
20 ms for the next frame of the caller's audio and told whether the agent was audible;
it reads no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from offhook.simulator.audible import Samples

FRAME_MS = 20


@dataclass(frozen=True, slots=True)
class WhenSilent:
    """The agent has spoken since the last step began, and has been silent for ``ms``."""

    ms: int = 1000
    patience_ms: int = 20_000
    """After this the caller gives up waiting, says so in ``errors`` and hangs up."""


@dataclass(frozen=True, slots=True)
class WhenSpeaking:
    """The agent has been speaking for ``ms``: a barge-in.  Its pauses below 200 ms count as speaking."""

    ms: int = 500
    patience_ms: int = 20_000


@dataclass(frozen=True, slots=True)
class After:
    """``ms`` after the last step ended (the first: after the call began), whatever the agent does."""

    ms: int = 0


When = WhenSilent | WhenSpeaking | After


@dataclass(frozen=True, slots=True)
class Say:
    """Speak ``audio`` (``[samples]`` int16 at the channel's rate).  ``text`` is for reports only."""

    audio: Samples
    when: When = WhenSilent()
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Press:
    """Press keys, 120 ms each."""

    digits: str
    when: When = WhenSilent()


@dataclass(frozen=True, slots=True)
class HangUp:
    """Hang up.  A script without one hangs up by ``WhenSilent()`` after its last step."""

    when: When = WhenSilent()


Step = Say | Press | HangUp

DIGIT_MS = 120
_SPEAKING_GAP_MS = 200


@dataclass(slots=True)
class CallerFrame:
    """What the caller does in one frame: sound (None is silence), a key let go, hanging up."""

    audio: Samples | None = None
    digit: str | None = None
    hang_up: bool = False
    began: Say | None = None
    """Set on the first frame of an utterance."""
    gave_up: str | None = None
    """Why the caller hangs up earlier than the script says."""


@dataclass(slots=True)
class Caller:
    """Plays a script, one frame at a time."""

    steps: Sequence[Step]
    frame_samples: int
    _next: int = 0
    _sent: int = 0
    _running: bool = False
    _since_ms: int = 0
    """Frames' time since the last step ended."""
    _audible: bool = False
    _silent_ms: int = 1_000_000
    _speaking_ms: int = 0
    _done: bool = False
    _all: tuple[Step, ...] = field(init=False)

    def __post_init__(self) -> None:
        steps = tuple(self.steps)
        if not any(isinstance(step, HangUp) for step in steps):
            steps += (HangUp(),)
        self._all = steps

    def frame(self, *, agent_audible: bool) -> CallerFrame:
        """The next 20 ms, given whether the agent was heard during the last 20 ms."""
        self._listen(agent_audible)
        if self._done:
            return CallerFrame()
        if self._running:
            return self._go_on()
        step = self._all[self._next]
        late = _impatient(step.when, self._since_ms)
        if self._due(step.when):
            return self._begin(step)
        self._since_ms += FRAME_MS
        if late is not None:
            self._done = True
            return CallerFrame(hang_up=True, gave_up=f"step {self._next + 1}: {late}")
        return CallerFrame()

    def _listen(self, audible: bool) -> None:
        if audible:
            onset = self._silent_ms >= _SPEAKING_GAP_MS
            # While the caller still speaks, only a fresh onset is an answer: what went on
            # from before is what is being interrupted.
            if onset or not self._running:
                self._audible = True
            self._speaking_ms = FRAME_MS if onset else self._speaking_ms + self._silent_ms + FRAME_MS
            self._silent_ms = 0
        else:
            self._silent_ms += FRAME_MS
            if self._silent_ms >= _SPEAKING_GAP_MS:
                self._speaking_ms = 0

    def _due(self, when: When) -> bool:
        match when:
            case WhenSilent(ms=ms):
                return self._audible and self._silent_ms >= ms
            case WhenSpeaking(ms=ms):
                return self._speaking_ms >= max(ms, FRAME_MS)
            case After(ms=ms):
                return self._since_ms >= ms

    def _begin(self, step: Step) -> CallerFrame:
        self._running, self._sent, self._audible = True, 0, False
        if isinstance(step, HangUp):
            self._done = True
            return CallerFrame(hang_up=True)
        frame = self._go_on()
        if isinstance(step, Say):
            frame.began = step
        return frame

    def _go_on(self) -> CallerFrame:
        step = self._all[self._next]
        frame = CallerFrame()
        if isinstance(step, Say):
            block = step.audio[self._sent : self._sent + self.frame_samples]
            self._sent += self.frame_samples
            if len(block) < self.frame_samples:
                block = np.pad(block, (0, self.frame_samples - len(block)))
            frame.audio = block
            finished = self._sent >= len(step.audio)
        elif isinstance(step, Press):
            self._sent += FRAME_MS
            if step.digits and self._sent % DIGIT_MS == 0:
                frame.digit = step.digits[self._sent // DIGIT_MS - 1]
            finished = self._sent >= DIGIT_MS * len(step.digits)
        else:
            finished = True
        if finished:
            self._running, self._since_ms = False, 0
            self._next += 1
        return frame


def _impatient(when: When, waited_ms: int) -> str | None:
    match when:
        case WhenSilent(patience_ms=patience_ms) if waited_ms >= patience_ms:
            return f"the agent did not speak and fall silent within {patience_ms / 1000:g} s"
        case WhenSpeaking(patience_ms=patience_ms) if waited_ms >= patience_ms:
            return f"the agent did not speak within {patience_ms / 1000:g} s"
    return None
