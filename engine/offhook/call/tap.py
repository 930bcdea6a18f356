"""Both sides of one call as they were heard, block by block: for its recording, and for who listens along.

The caller's audio sets the time, sample by sample; what we sent is laid beside it where it was in the air.
Positions become times by the frames that came without delay: late ones say nothing.  The clock of a telephone
differs from ours, so that this is learnt anew all the time.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from offhook.call.output import CallOutput
from offhook.core import Stream

LAG_NS = 400_000_000
"""A moment is settled after so long: when a playback began, and where it was cut, is known by then."""
LOOK_S = 0.093
"""Between two looks; no multiple of a frame, so that each finds the newest frame at another age."""
LEARNT_FROM = 64
"""Looks: six seconds, in which a clock goes wrong by less than a sample."""
_SMALL_NS = 5_000_000
"""By so little our side is moved only where it is silent: nobody hears it there ..."""
_LARGE_NS = 15_000_000
"""... and by so much wherever it is."""
_MOST_BEHIND_S = 5
"""What was not taken for so long, because the event loop stood still, is silence."""

_NS_PER_S = 1_000_000_000


class Sink(Protocol):
    """Takes what was heard.  Must not wait, and must not raise."""

    def write(self, block: NDArray[np.int16], /) -> None:
        """``[samples, 2]`` at the call's rate, the caller's side first; nothing is left out in between."""
        ...

    def end(self) -> None:
        """The call is over."""
        ...


class Sides:
    """Lays the two sides of a call beside each other.  Time is an argument: monotonic ns."""

    def __init__(self, stream: Stream, output: CallOutput) -> None:
        self._stream = stream
        self._output = output
        self._at = stream.written_samples
        """The caller's audio is taken up to there. [samples]"""
        self._ages: deque[int] = deque(maxlen=LEARNT_FROM)
        """When the stream's first sample would have been new, by each of the latest looks. [ns]"""
        self._zero_ns: int | None = None
        """The same, as what we sent is placed."""
        self._told_ns = 0
        """What we sent up to then has been taken."""

    def look(self, now_ns: int) -> None:
        """Learn when the caller's samples are new.  To be called often."""
        age_ns = self._stream.written_samples * _NS_PER_S // self._stream.rate_hz
        self._ages.append(now_ns - age_ns)

    def take(self, until_ns: int) -> tuple[int, NDArray[np.int16]]:
        """What comes next, up to a moment: when it began, and ``[samples, 2]``, the caller's side first."""
        rate, learnt_ns = self._stream.rate_hz, min(self._ages)
        zero_ns = learnt_ns if self._zero_ns is None else self._zero_ns
        start, stop = self._at, (until_ns - zero_ns) * rate // _NS_PER_S
        start_ns = zero_ns + start * _NS_PER_S // rate
        block = np.zeros((max(0, stop - start), 2), np.int16)
        if stop <= start:
            return start_ns, block
        self._at, self._zero_ns = stop, zero_ns
        known = max(0, start, stop - _MOST_BEHIND_S * rate)
        first, heard = self._stream.read(known, stop)
        block[first - start : first - start + len(heard), 0] = heard
        known_ns, stop_ns = zero_ns + known * _NS_PER_S // rate, zero_ns - (-stop * _NS_PER_S // rate)
        sent = self._output.played(known_ns, stop_ns)[: stop - known]
        # Where the caller's side has got longer meanwhile, ours is not said twice.
        told = max(0, (self._told_ns - known_ns) * rate // _NS_PER_S)
        block[known - start + told : known - start + len(sent), 1] = sent[told:]
        self._told_ns = max(self._told_ns, stop_ns)
        silent = not len(sent) or not sent[-1]
        if abs(learnt_ns - zero_ns) > (_SMALL_NS if silent else _LARGE_NS):
            self._zero_ns = learnt_ns
        return start_ns, block


class Tap:
    """One call's.  Lives on the event loop; costs nothing while there is no sink."""

    def __init__(
        self,
        stream: Stream,
        output: CallOutput,
        spawn: Callable[[Coroutine[Any, Any, None], str], object],
    ) -> None:
        self._stream = stream
        self._output = output
        self._spawn = spawn
        self._sinks: list[Sink] = []
        self._sides: Sides | None = None
        """While there are sinks."""
        self._pauses: list[tuple[int, int | None]] = []
        """Times that nobody is to hear; the last may go on."""
        self._reasons: set[str] = set()
        self._closed = False

    @property
    def rate_hz(self) -> int:
        return self._stream.rate_hz

    @property
    def paused(self) -> bool:
        return bool(self._pauses) and self._pauses[-1][1] is None

    def add(self, sink: Sink) -> None:
        """Give ``sink`` what is heard from now on."""
        if self._closed:
            sink.end()
            return
        self._sinks.append(sink)
        if self._sides is None:
            self._sides = Sides(self._stream, self._output)
            self._spawn(self._run(self._sides), "tap")

    def remove(self, sink: Sink) -> None:
        """It gets no more, and is told of no end.  Any number of times."""
        if sink in self._sinks:
            self._sinks.remove(sink)
        if not self._sinks:
            self._sides = None

    def pause(self, why: str = "keys") -> None:
        """What is heard from now on is silence to all sinks: a number that is nobody's business.

        Until each reason is gone.
        """
        self._reasons.add(why)
        if not self.paused:
            self._pauses.append((time.monotonic_ns(), None))

    def resume(self, why: str = "keys") -> None:
        """No more of that."""
        self._reasons.discard(why)
        if self.paused and not self._reasons:
            self._pauses[-1] = (self._pauses[-1][0], time.monotonic_ns())

    def close(self) -> None:
        """The call is over: give the rest to the sinks, and tell them.  Any number of times."""
        sides, self._sides, self._closed = self._sides, None, True
        if sides is not None:
            self._give(sides, lag_ns=0)
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            sink.end()

    async def _run(self, sides: Sides) -> None:
        while self._sides is sides:
            self._give(sides, lag_ns=LAG_NS)
            await asyncio.sleep(LOOK_S)

    def _give(self, sides: Sides, *, lag_ns: int) -> None:
        now_ns = time.monotonic_ns()
        sides.look(now_ns)
        start_ns, block = sides.take(now_ns - lag_ns)
        if not len(block):
            return
        self._mask(block, start_ns)
        for sink in list(self._sinks):
            sink.write(block)

    def _mask(self, block: NDArray[np.int16], start_ns: int) -> None:
        rate = self._stream.rate_hz
        for paused_ns, resumed_ns in self._pauses:
            first, last = max(0, (paused_ns - start_ns) * rate // _NS_PER_S), len(block)
            if resumed_ns is not None:
                last = max(0, -(-(resumed_ns - start_ns) * rate // _NS_PER_S))
            block[first:last] = 0
