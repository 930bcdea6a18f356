"""Files as Asterisk plays them: in frames, read ahead, growing, at the channel's rate or another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from offhook.simulator.playback import FilePlayback, open_playback
from tests.support.sip.tones import put, ramp


def test_every_sample_once_in_frames_of_20_ms(tmp_path: Path) -> None:
    name = put(tmp_path / "a.sln", ramp(8000 + 37))
    playback = open_playback(name, 8000)
    assert playback is not None
    frames = []
    while (frame := playback.frame()) is not None:
        frames.append(frame)
    assert [len(frame) for frame in frames] == [160] * 50 + [37]
    assert np.array_equal(np.concatenate(frames), ramp(8037))
    assert playback.frame() is None
    playback.close()


def test_a_growing_file_goes_on(tmp_path: Path) -> None:
    audio = ramp(10_000)
    path = tmp_path / "a.sln"
    put(path, audio[:3200])
    playback = FilePlayback(path, 8000, 8000)
    got = [playback.frame() for _ in range(19)]
    with path.open("ab") as file:
        file.write(audio[3200:].tobytes())
    while (frame := playback.frame()) is not None:
        got.append(frame)
    assert np.array_equal(np.concatenate([frame for frame in got if frame is not None]), audio)
    playback.close()


def test_a_fetch_that_finds_nothing_ends_it_for_good(tmp_path: Path) -> None:
    path = tmp_path / "a.sln"
    put(path, ramp(200))
    playback = FilePlayback(path, 8000, 8000)
    frames = [playback.frame(), playback.frame()]
    assert [len(frame) for frame in frames if frame is not None] == [160, 40]
    with path.open("ab") as file:
        file.write(ramp(800).tobytes())
    assert playback.frame() is None, "what is written after the end is never played"
    playback.close()


def test_4096_bytes_are_read_ahead(tmp_path: Path) -> None:
    path = tmp_path / "a.sln"
    put(path, np.full(4000, 1, np.int16))
    playback = FilePlayback(path, 8000, 8000)
    playback.frame()
    put(path, np.full(4000, 2, np.int16))  # overwritten in place, behind stdio's back
    rest = [playback.frame() for _ in range(24)]
    values = np.concatenate([frame for frame in rest if frame is not None])
    assert int(np.count_nonzero(values == 1)) == 2048 - 160
    playback.close()


@pytest.mark.parametrize("odd", [1, 321])
def test_an_odd_byte_at_the_end_is_not_a_sample(tmp_path: Path, odd: int) -> None:
    path = tmp_path / "a.sln"
    path.write_bytes(b"\1" * odd)
    playback = FilePlayback(path, 8000, 8000)
    sizes = []
    while (frame := playback.frame()) is not None:
        sizes.append(len(frame))
    assert sum(sizes) == odd // 2
    playback.close()


def test_the_channels_own_rate_is_preferred(tmp_path: Path) -> None:
    put(tmp_path / "a.sln", np.full(160, 8, np.int16))
    name = put(tmp_path / "a.sln16", np.full(320, 16, np.int16))
    for rate, value in ((8000, 8), (16000, 16)):
        playback = open_playback(name, rate)
        assert playback is not None
        frame = playback.frame()
        assert frame is not None
        assert (len(frame), int(frame[0])) == (rate // 50, value)
        playback.close()


@pytest.mark.parametrize(("suffix", "channel"), [("sln", 16000), ("sln16", 8000)])
def test_the_other_rate_is_converted(tmp_path: Path, suffix: str, channel: int) -> None:
    rate = 16000 if suffix == "sln16" else 8000
    playback = open_playback(put(tmp_path / f"a.{suffix}", np.full(rate // 10, 500, np.int16)), channel)
    assert playback is not None
    frames = []
    while (frame := playback.frame()) is not None:
        frames.append(frame)
    assert sum(len(frame) for frame in frames) == channel // 10
    assert all((frame == 500).all() for frame in frames)
    playback.close()


@pytest.mark.parametrize("name", ["", "/", "relative", "/no/such", "/bad\0name", "/" + "x" * 5000])
def test_no_such_file(name: str) -> None:
    assert open_playback(name, 8000) is None


def test_relative_names_are_looked_for_among_the_sounds(tmp_path: Path) -> None:
    put(tmp_path / "beep.sln", ramp(10))
    playback = open_playback("beep", 8000, tmp_path)
    assert playback is not None
    playback.close()
