"""What a simulated caller says: WAV files of any kind, and voices."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from offhook.errors import ConfigError, ModelError
from offhook.simulator.audible import Samples
from offhook.simulator.speech import engine_voice, find_flite, flite_voice, read_wav
from tests.support.sip.tones import tone


def write_odd_wav(path: Path, data: bytes, *, channels: int = 1, width: int = 2, rate_hz: int = 8000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(data)
    return path


def riff(kind: int, rate_hz: int, data: bytes) -> bytes:
    """A WAV file whose header says whatever one likes."""
    form = struct.pack("<HHIIHH", kind, 1, rate_hz, 2 * rate_hz, 2, 16)
    size = struct.pack("<I", len(data))
    return b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + form + b"data" + size + data


class TestWav:
    @pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000])
    @pytest.mark.parametrize("to_hz", [8000, 16000])
    def test_any_rate(self, tmp_path: Path, rate_hz: int, to_hz: int) -> None:
        path = write_odd_wav(tmp_path / "a.wav", tone(500, rate_hz).tobytes(), rate_hz=rate_hz)
        audio = read_wav(path, to_hz)
        assert abs(len(audio) - to_hz // 2) <= 1
        middle = slice(to_hz // 10, to_hz * 4 // 10)
        assert np.abs(audio[middle].astype(int) - tone(500, to_hz)[middle]).max() < 200

    @pytest.mark.parametrize("width", [1, 2, 3, 4])
    def test_any_width(self, tmp_path: Path, width: int) -> None:
        wanted = tone(100).astype(np.int64) // 256 * 256
        if width == 1:
            data = (wanted // 256 + 128).astype(np.uint8).tobytes()
        else:
            data = b"".join(
                int(v * 256 ** (width - 2)).to_bytes(width, "little", signed=True) for v in wanted
            )
        assert (
            read_wav(write_odd_wav(tmp_path / "a.wav", data, width=width), 8000).tolist() == wanted.tolist()
        )

    def test_stereo_is_mixed(self, tmp_path: Path) -> None:
        both = np.column_stack((np.full(100, 1000), np.full(100, 3000))).astype("<i2")
        path = write_odd_wav(tmp_path / "a.wav", both.tobytes(), channels=2)
        assert read_wav(path, 8000).tolist() == [2000] * 100

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "not a PCM WAV file"),
            (b"RIFF", "not a PCM WAV file"),
            (b"ID3\x03 something else entirely", "not a PCM WAV file"),
            (riff(3, 8000, b""), "not a PCM WAV file"),
            (riff(1, 8000, b""), "holds no audio"),
            (riff(1, 0, b"ab"), "impossible rate"),
            (riff(1, 1, bytes(2000)), "longer than"),
        ],
    )
    def test_bad_files_are_one_line(self, tmp_path: Path, content: bytes, says: str) -> None:
        path = tmp_path / "bad.wav"
        path.write_bytes(content)
        with pytest.raises(ConfigError) as caught:
            read_wav(path, 8000)
        assert says in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="No such file"):
            read_wav(tmp_path / "none.wav", 8000)

    def test_a_truncated_file_gives_what_is_there(self, tmp_path: Path) -> None:
        path = write_odd_wav(tmp_path / "a.wav", tone(100).tobytes())
        path.write_bytes(path.read_bytes()[:-101])
        assert len(read_wav(path, 8000)) == 800 - 51


class Beeper:
    """A voice for tests: one block of tone for each word."""

    name = "beeper"
    sample_rate_hz = 22_050

    def synthesize(self, text: str, **_: object) -> list[Samples]:
        return [tone(100, self.sample_rate_hz) for _ in text.split()]

    def close(self) -> None: ...


class TestVoices:
    def test_an_engine_is_resampled(self) -> None:
        audio = engine_voice(Beeper())("one two three", 8000)  # type: ignore[arg-type]
        assert abs(len(audio) - 2400) <= 2

    def test_flite_that_fails_is_one_line(self, tmp_path: Path) -> None:
        program = tmp_path / "flite"
        program.write_text("#!/bin/sh\necho first >&2\necho no such voice >&2\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(ModelError, match=r"^flite: cannot speak: no such voice$"):
            flite_voice(str(program))("hello", 8000)

    @pytest.mark.skipif(find_flite() is None, reason="flite is not installed (apt-get install flite)")
    def test_flite_speaks_any_text(self) -> None:
        speak = flite_voice(find_flite() or "")
        audio = speak('-t "quoted"; $(date)\nnew line', 8000)
        assert 4000 < len(audio) < 80_000
        assert np.abs(audio).max() > 2000
