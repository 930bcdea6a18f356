"""Resampling synthesised speech to the telephone's rates."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from offhook.engines.tts.slin import to_slin
from tests.support.sip.tones import tone


def whole(blocks: list[NDArray[np.int16]], from_hz: int, to_hz: int) -> NDArray[np.int16]:
    return np.concatenate([np.zeros(0, np.int16), *to_slin(blocks, from_hz, to_hz)])


@pytest.mark.parametrize("from_hz", [16_000, 22_050, 24_000, 44_100])
@pytest.mark.parametrize("to_hz", [8_000, 16_000])
def test_length_pitch_and_level_are_kept(from_hz: int, to_hz: int) -> None:
    out = whole([tone(1_000, from_hz, hz=1_000, level=16_000)], from_hz, to_hz)
    assert abs(len(out) - to_hz) <= 2
    spectrum = np.abs(np.fft.rfft(out.astype(float)))
    assert abs(int(spectrum.argmax()) * to_hz / len(out) - 1_000) < 2
    middle = out[to_hz // 4 : -to_hz // 4].astype(float)
    assert abs(np.sqrt((middle**2).mean()) - 16_000 / np.sqrt(2)) < 120


def test_what_a_telephone_cannot_carry_does_not_fold_back() -> None:
    out = whole([tone(1_000, 22_050, hz=6_000, level=16_000)], 22_050, 8_000)
    assert np.abs(out[400:-400].astype(int)).max() < 40


def test_blocks_are_one_stream() -> None:
    audio = tone(1_000, 22_050)
    once = whole([audio], 22_050, 8_000)
    cuts = np.split(audio, [1, 2, 100, 101, 7_000, 7_000, 15_000])
    pieces = whole(cuts, 22_050, 8_000)
    assert len(pieces) == len(once)
    assert np.abs(pieces.astype(int) - once.astype(int)).max() <= 1


def test_full_scale_clips_and_does_not_wrap() -> None:
    square = np.where(np.arange(22_050) // 50 % 2, 32_767, -32_768).astype(np.int16)
    out = whole([square], 22_050, 8_000)
    assert out.max() == 32_767
    assert out.min() == -32_768
    assert np.abs(np.diff(out[200:-200].astype(int))).max() < 65_535
    runs = (out > 0).sum() / len(out)
    assert 0.4 < runs < 0.6


def test_the_same_rate_passes_through() -> None:
    blocks = [tone(100, hz=300), np.zeros(0, np.int16), tone(100, hz=300)]
    out = list(to_slin(blocks, 8_000, 8_000))
    assert len(out) == 2
    assert all(np.array_equal(a, b) for a, b in zip(out, [blocks[0], blocks[2]], strict=True))


def test_nothing_in_nothing_out() -> None:
    assert list(to_slin([], 22_050, 8_000)) == []
