"""The resampler as Python sees it: types, shapes, errors.  Its filter is tested in tests/native."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from offhook.core import resample
from tests.support.audio.audio import Samples
from tests.support.sip.tones import tone


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8_000, 16_000), (16_000, 8_000), (24_000, 48_000)])
def test_agrees_with_soxr(from_hz: int, to_hz: int) -> None:
    """Another implementation, on a signal of the telephone band."""
    rng = np.random.default_rng(5)
    tones = [tone(1_000, from_hz, hz=hz) // 10 for hz in rng.uniform(200, 0.4 * min(from_hz, to_hz), 8)]
    signal: Samples = np.sum(tones, axis=0).astype(np.int16)
    ours = resample(signal, from_hz, to_hz).astype(float)
    theirs = soxr.resample(signal, from_hz, to_hz).astype(float)
    assert len(ours) == len(signal) * to_hz // from_hz
    middle = slice(len(ours) // 10, -len(ours) // 10)
    error = np.sqrt(np.mean((ours[middle] - theirs[middle]) ** 2))
    assert error < 0.002 * np.sqrt(np.mean(theirs[middle] ** 2))


def test_there_and_back_is_the_same() -> None:
    signal = tone(1_000)
    back = resample(resample(signal, 8_000, 16_000), 16_000, 8_000)
    assert np.abs(back[100:-100].astype(int) - signal[100:-100]).max() <= 20


@given(st.integers(0, 700))
def test_length_is_exact(count: int) -> None:
    audio = np.ones(count, np.int16)
    assert len(resample(audio, 8_000, 16_000)) == 2 * count
    assert len(resample(audio, 16_000, 8_000)) == (count + 1) // 2
    assert np.array_equal(resample(audio, 8_000, 8_000), audio)


def test_strided_views_are_taken_for_what_they_are() -> None:
    stereo = np.stack([tone(1_000, hz=300), tone(1_000, hz=900)], axis=1)
    left = stereo[:, 0]
    assert not left.flags.c_contiguous
    assert np.array_equal(resample(left, 8_000, 16_000), resample(left.copy(), 8_000, 16_000))


def test_the_result_outlives_everything_else() -> None:
    kept = [resample(np.full(1_000, value, np.int16), 8_000, 16_000) for value in range(50)]
    assert all(array[1_000] == value for value, array in enumerate(kept))
    kept[0][0] = 7  # and is the caller's own


OTHER_RATIOS = [(8_000, 44_100), (8_000, 0), (0, 0), (-8_000, -16_000), (48_000, 8_000)]


@pytest.mark.parametrize(("from_hz", "to_hz"), OTHER_RATIOS)
def test_other_ratios_are_refused(from_hz: int, to_hz: int) -> None:
    with pytest.raises(ValueError, match="only equal, double and half rates"):
        resample(np.zeros(10, np.int16), from_hz, to_hz)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.uint16])
def test_other_types_are_not_converted_silently(dtype: type) -> None:
    with pytest.raises(TypeError):
        resample(np.zeros(10, dtype), 8_000, 16_000)


def test_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="one-dimensional"):
        resample(np.zeros((2, 10), np.int16), 8_000, 16_000)


def test_threads_resample_side_by_side() -> None:
    signals = [tone(3_000, hz=200 + 100 * n) for n in range(4)]
    expected = [resample(signal, 8_000, 16_000) for signal in signals]
    wrong: list[int] = []

    def work(n: int) -> None:
        for _ in range(20):
            if not np.array_equal(resample(signals[n], 8_000, 16_000), expected[n]):
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
