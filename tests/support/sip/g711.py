"""G.711 µ-law: the codec of the telephone network, as two tables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BIAS = 0x84
_CLIP = 32_635
SILENCE = 0xFF
"""The µ-law byte of sample 0."""


def _decode_table() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    segment = (code >> 4) & 7
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << segment) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encode_table() -> NDArray[np.uint8]:
    sample = np.arange(65_536, dtype=np.int32).astype(np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    # The segment is the position of the highest bit above bit 7.
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    code = (segment << 4) | ((magnitude >> (segment + 3)) & 0x0F)
    table: NDArray[np.uint8] = (~(code | np.where(sample < 0, 0x80, 0)) & 0xFF).astype(np.uint8)
    return table


_DECODE = _decode_table()
_ENCODE = _encode_table()


def encode(samples: NDArray[np.int16]) -> bytes:
    """One byte per int16 sample."""
    return _ENCODE[samples.view(np.uint16)].tobytes()


def decode(payload: bytes) -> NDArray[np.int16]:
    """One int16 sample per byte."""
    samples: NDArray[np.int16] = _DECODE[np.frombuffer(payload, dtype=np.uint8)]
    return samples
