"""What a listener would hear: the one definition of "audible" that all measurements use.

A 10 ms hop of samples is audible when its RMS level is above -45 dBFS (0 dBFS: the
largest level of int16).  Speech at telephone level lies 15 to 30 dB above that, line
noise and the codec's idle pattern below it.  Inside the first and last audible hop, the
first and last sample beyond that level give the exact place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AUDIBLE_DBFS = -45.0
HOP_MS = 10
AUDIBLE_LEVEL = 32768.0 * 10.0 ** (AUDIBLE_DBFS / 20.0)

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A run of audible sound; ``stop_samples`` is one past its last sample."""

    start_samples: int
    stop_samples: int


def is_audible(block: Samples) -> bool:
    """Whether any 10 ms hop of a block counts as heard (a 20 ms frame has two)."""
    if not len(block):
        return False
    hops = np.array_split(block.astype(np.float64), 2)
    return any(len(hop) > 0 and float(np.mean(hop * hop)) > AUDIBLE_LEVEL**2 for hop in hops)


def audible_stretches(audio: Samples, rate_hz: int, *, join_ms: int = 200) -> list[Stretch]:
    """All audible stretches of a recording; gaps shorter than ``join_ms`` belong to a stretch."""
    hop = rate_hz * HOP_MS // 1000
    hops = len(audio) // hop
    if hops == 0:
        return []
    power = np.mean(audio[: hops * hop].astype(np.float64).reshape(hops, hop) ** 2, axis=1)
    loud = np.flatnonzero(power > AUDIBLE_LEVEL**2)
    if not len(loud):
        return []
    breaks = np.flatnonzero(np.diff(loud) - 1 >= max(1, join_ms // HOP_MS))
    firsts = loud[np.concatenate(([0], breaks + 1))]
    lasts = loud[np.concatenate((breaks, [len(loud) - 1]))]
    return [
        Stretch(_first_sample(audio, int(first) * hop, hop), _last_sample(audio, int(last) * hop, hop) + 1)
        for first, last in zip(firsts, lasts, strict=True)
    ]


def _first_sample(audio: Samples, start: int, hop: int) -> int:
    loud = np.flatnonzero(np.abs(audio[start : start + hop].astype(np.int32)) > AUDIBLE_LEVEL)
    return start + int(loud[0])


def _last_sample(audio: Samples, start: int, hop: int) -> int:
    loud = np.flatnonzero(np.abs(audio[start : start + hop].astype(np.int32)) > AUDIBLE_LEVEL)
    return start + int(loud[-1])
