"""What the judge goes by, for each frame since the onset: power in bands, noise, period."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from offhook.barge_in.spectrum import FRAME, PITCH_HZ, RATE_HZ, SPECTRUM, Flags, Floats, tables

_SAME_PITCH = 0.3
"""Octaves between neighbours of one voice; twice and three times the pitch count as the same."""
_RUN = 3
"""Voiced frames in a row, or none of them count."""


class Frames(NamedTuple):
    """Since the onset, one row a frame.  Power in bands unless said otherwise."""

    total: Floats
    left: Floats
    """Without the echo."""
    clear: Floats
    """Without its tail as well."""
    floor: Floats
    """``[bands]`` noise."""
    loudest: float
    """Of ``left``, over all bands and all frames, those before the onset included."""
    periodic: Floats
    pitch_octave: Floats


def measure(
    total: Floats, left: Floats, tail: Floats | None, since: int, before: int, noise_floor_db: float | None
) -> Frames:
    """``total``, ``left`` ``[frames, bins]`` and ``tail`` ``[frames, bands]`` from frame ``since`` on.

    The noise is that of the frames up to ``before``.
    """
    table = tables()
    left_bands = left @ table.bands
    gain = np.ones_like(left_bands) if tail is None else np.clip(1 - 3 * tail / (left_bands + 1), 0, 1)
    if before > 8:
        floor = np.median(left_bands[:before], axis=0)
    else:
        floor = 2 * np.sort(left_bands, axis=0)[len(left_bands) // 10]
    if noise_floor_db is not None and math.isfinite(noise_floor_db):
        # Hann windows keep 3/8 of the power; a one-sided transform spreads it over half of its points.
        known = 32_768**2 * 10 ** (min(0.0, noise_floor_db) / 10) * FRAME * 3 / 8 * SPECTRUM / 2
        floor = floor * min(1.0, 2 * known / (float(floor.sum()) + 1))
    # The period is looked for in what stands out of the noise.
    noise = (floor / table.bins) @ table.bands.T
    kept = np.clip(1 - 1.5 * noise / (left[since:] + 1), 0.02, 1)
    kept *= gain[since:] @ table.bands.T + 0.1 * (table.bands.sum(axis=1) == 0)
    correlation = np.fft.irfft(left[since:] * kept, SPECTRUM)
    lowest = RATE_HZ // PITCH_HZ[1]
    relative = correlation[:, lowest : lowest + len(table.lag_gain)] / (correlation[:, :1] + 1)
    relative = relative * table.lag_gain
    lag = relative.argmax(axis=1)
    return Frames(
        total[since:] @ table.bands,
        left_bands[since:],
        (left_bands * gain)[since:],
        floor.astype(np.float32),
        float(left_bands.sum(axis=1).max()),
        relative[np.arange(len(lag)), lag],
        -np.log2((lag + lowest).astype(np.float32)),
    )


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
