"""Which windows of a sound are one voice's."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from offhook.kernels import Floats

Flags = NDArray[np.bool_]

_SAME_PITCH = 0.3
"""Octaves between neighbours of one voice; twice and three times the pitch count as the same."""
_RUN = 3
"""Voiced windows in a row, or none of them count."""


def in_step(voiced: Flags, pitch_octave: Floats) -> Flags:
    """Those of ``voiced`` that stand in a run of at least three at one pitch."""
    step = np.abs(np.diff(pitch_octave))
    step = np.minimum(np.minimum(step, np.abs(step - 1)), np.abs(step - math.log2(3)))
    joined = (step < _SAME_PITCH) & voiced[1:] & voiced[:-1]
    kept = np.zeros(len(voiced) + 2, np.int8)
    kept[1:-1][1:] |= joined
    kept[1:-1][:-1] |= joined
    edges = np.flatnonzero(np.diff(kept))
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if stop - start < _RUN:
            kept[start + 1 : stop + 1] = 0
    return kept[1:-1].astype(np.bool_)
