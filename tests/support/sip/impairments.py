"""What a network and a telephone do to a call's audio: loss in bursts, either way, and echo."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.support.sip.rtp import FRAME_NS, FRAME_SAMPLES, SAMPLE_NS

_RING_SAMPLES = 1 << 16
"""8 s: much more than any echo's delay."""
_JITTER_NS = 60_000_000
"""A packet that arrives this close to its place is put there; beyond, a new stretch begins."""


class GilbertElliott:
    """Loss in bursts: a good state that loses nothing and a bad one that loses everything.

    ``loss`` is the share of frames lost in the long run, ``mean_burst_frames`` how many are
    lost in a row on average.
    """

    def __init__(self, loss: float, mean_burst_frames: float = 3.0, *, seed: int = 1) -> None:
        if not 0 <= loss < 1 or mean_burst_frames < 1:
            raise ValueError(f"no such network: loss {loss}, bursts of {mean_burst_frames} frames")
        self._to_good = 1 / mean_burst_frames
        # In balance as many bursts begin as end: good x to_bad = bad x to_good.
        self._to_bad = self._to_good * loss / (1 - loss)
        self._random = random.Random(seed)
        self._bad = False
        self.frames = 0
        self.lost = 0

    def loses(self) -> bool:
        """Whether the next frame is lost."""
        self._bad = self._random.random() < (1 - self._to_good if self._bad else self._to_bad)
        self.frames += 1
        self.lost += self._bad
        return self._bad


class Echo:
    """Our own audio, back from the caller's earpiece: ``delay_ms`` later, ``gain_db`` louder or quieter.

    A sample that was heard at *t* is spoken again at *t + delay*.
    """

    def __init__(self, gain_db: float, delay_ms: float = 120.0) -> None:
        if delay_ms < FRAME_NS / 1e6:
            raise ValueError("an echo needs at least a frame's delay: what it repeats must have arrived")
        self._gain = 10 ** (gain_db / 20)
        self._delay_ns = round(delay_ms * 1e6)
        self._ring = np.zeros(_RING_SAMPLES, np.float64)
        self._origin_ns: int | None = None
        self._next = 0
        """Position one past the newest sample."""

    def hear(self, samples: NDArray[np.int16], at_ns: int) -> None:
        """Takes a packet's audio; its first sample was heard at ``at_ns``."""
        if self._origin_ns is None:
            self._origin_ns = at_ns
        position = (at_ns - self._origin_ns) // SAMPLE_NS
        if abs(position - self._next) <= _JITTER_NS // SAMPLE_NS:
            position = self._next  # the same stretch: jitter does not tear it
        elif position < self._next:
            return
        fresh = min(position - self._next, _RING_SAMPLES)
        self._ring[np.arange(position - fresh, position) % _RING_SAMPLES] = 0
        self._ring[np.arange(position, position + len(samples)) % _RING_SAMPLES] = samples
        self._next = position + len(samples)

    def frame(self, sent_ns: int) -> NDArray[np.float64]:
        """The echo in a frame that is sent at ``sent_ns`` and holds the 20 ms before it."""
        silence = np.zeros(FRAME_SAMPLES, np.float64)
        if self._origin_ns is None:
            return silence
        start = (sent_ns - FRAME_NS - self._delay_ns - self._origin_ns) // SAMPLE_NS
        positions = np.arange(start, start + FRAME_SAMPLES)
        known = (positions >= max(0, self._next - _RING_SAMPLES)) & (positions < self._next)
        return np.where(known, self._ring[positions % _RING_SAMPLES] * self._gain, silence)


@dataclass(slots=True)
class Impairments:
    """Everything between one caller and the network."""

    echo: Echo | None = None
    loss: GilbertElliott | None = None
    """Of what the caller says."""
    loss_back: GilbertElliott | None = None
    """Of what the caller would hear."""
    sent_hook: Callable[[NDArray[np.int16], int], None] | None = None
    """Given every frame as it was spoken (also when it is lost) and its time; for tests."""
