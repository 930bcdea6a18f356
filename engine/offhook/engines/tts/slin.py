"""Synthesised speech at the telephone's rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from numpy.typing import NDArray


def to_slin(blocks: Iterable[NDArray[np.int16]], from_hz: int, to_hz: int) -> Iterator[NDArray[np.int16]]:
    """Resample a stream of ``[samples]`` int16 blocks; nothing is lost or clicks between blocks.

    Band-limited, with one state for the whole stream.  Filter ripple that would pass the
    top of the range is clipped instead of wrapping round.
    """
    if from_hz == to_hz:
        yield from (block for block in blocks if len(block))
        return
    resampler = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")
    for block in blocks:
        out = _int16(resampler.resample_chunk(block.astype(np.float32)))
        if len(out):
            yield out
    tail = _int16(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    if len(tail):
        yield tail


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
