"""Types of the compiled kernels.  Only offhook.kernels imports them.

Arrays are viewed, never copied, and so never converted: another dtype or one with gaps is a ValueError.
"""

import numpy as np
from numpy.typing import NDArray

WINDOW_SAMPLES: int
HOP_SAMPLES: int
BAND_EDGES_HZ: tuple[int, ...]
BAND_PARTS: tuple[tuple[int, int], ...]
ECHO_LAGS_MS: tuple[int, int]
LEAST_BAND_POWER: float
LONG_LAG_WEIGHT: float

def narrowed(samples: NDArray[np.int16], rate_hz: int, last: int) -> NDArray[np.float32]: ...
def spectra(signal: NDArray[np.float32], count: int) -> NDArray[np.float32]: ...
def echo_delay(caller: NDArray[np.float32], ours: NDArray[np.float32], known_ms: float) -> int | None: ...
def without_echo(
    heard: NDArray[np.float32], ours: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]: ...
def features(
    left: NDArray[np.float32],
    tail: NDArray[np.float32] | None,
    since: int,
    before: int,
    noise_power: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]: ...
def measure(
    heard: NDArray[np.int16],
    played: NDArray[np.int16],
    rate_hz: int,
    latest: int,
    since: int,
    before: int,
    known_ms: float,
    noise_power: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], float, int | None]: ...
def without_voice(heard: NDArray[np.int16], ours: NDArray[np.int16], window: int) -> NDArray[np.int16]: ...
def frame_powers(audio: NDArray[np.int16], size: int) -> NDArray[np.float64]: ...
