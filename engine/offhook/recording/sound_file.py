"""A sound file that is being written: WAV by the standard library, FLAC and Opus by libsndfile.

WAV is right after each block, whatever becomes of whoever writes it; of the others a reader finds what is
there.  Everything here may block.
"""

from __future__ import annotations

import contextlib
import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ConfigError

CHANNELS = 2
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_UNKNOWN = 1 << 62
_SUBTYPES = {"flac": ("FLAC", "PCM_16"), "opus": ("OGG", "OPUS")}


class SoundFile(Protocol):
    """One file of two channels."""

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples, 2]``.  Raises OSError."""
        ...

    def close(self) -> None:
        """Raises OSError."""
        ...


class _Wav:
    """RIFF with one block of 16-bit samples; the header says what there is after each write."""

    def __init__(self, fd: int, rate_hz: int) -> None:
        self._fd = fd
        self._rate_hz = rate_hz
        self._bytes = 0
        os.ftruncate(fd, 0)
        self._head()

    def write(self, audio: NDArray[np.int16]) -> None:
        content = memoryview(np.ascontiguousarray(audio, "<i2").tobytes())
        at = _HEADER.size + self._bytes
        try:
            while content:
                done = os.pwrite(self._fd, content, at)
                content, at = content[done:], at + done
        except OSError:
            with contextlib.suppress(OSError):  # half a block is none
                os.ftruncate(self._fd, _HEADER.size + self._bytes)
            raise
        self._bytes = at - _HEADER.size
        self._head()

    def close(self) -> None:
        pass

    def _head(self) -> None:
        frame = 2 * CHANNELS
        size = min(self._bytes, 0xFFFFFFFF - 36)
        fields = (b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, CHANNELS, self._rate_hz)
        os.pwrite(self._fd, _HEADER.pack(*fields, self._rate_hz * frame, frame, 16, b"data", size), 0)


class _Encoded:
    """What libsndfile raises is told as OSError: most of all, that a disk is full."""

    def __init__(self, fd: int, rate_hz: int, format_: str) -> None:
        kind, subtype = _SUBTYPES[format_]
        self._library = _soundfile()
        self._fd, self._whole = fd, 0
        self._file = self._tried(
            lambda: self._library.SoundFile(fd, "w", rate_hz, CHANNELS, subtype, format=kind, closefd=False)
        )

    def write(self, audio: NDArray[np.int16]) -> None:
        self._tried(lambda: self._file.write(audio))
        self._whole = os.fstat(self._fd).st_size

    def close(self) -> None:
        self._tried(self._file.close)

    def _tried(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (self._library.LibsndfileError, AssertionError, RuntimeError) as error:
            with contextlib.suppress(OSError):  # decoders stumble over half a frame
                os.ftruncate(self._fd, self._whole)
            raise OSError(0, f"libsndfile: {error or 'not all of it was written'}") from error


def make_sound_file(fd: int, rate_hz: int, format_: str) -> SoundFile:
    """Write to ``fd``, which stays the caller's.  Raises OSError."""
    return _Wav(fd, rate_hz) if format_ == "wav" else _Encoded(fd, rate_hz, format_)


def check_format(format_: str) -> None:
    """Raises ConfigError when files of that format cannot be written here."""
    if format_ != "wav":
        library = _soundfile()
        kind, subtype = _SUBTYPES[format_]
        if not library.check_format(kind, subtype):
            raise ConfigError(f'recording.format = "{format_}": this libsndfile cannot write it; use "wav"')


def seconds_in(path: Path) -> float | None:
    """How long a recording is; None where that cannot be told."""
    try:
        if path.suffix == ".wav":
            with wave.open(str(path), "rb") as file:
                return file.getnframes() / file.getframerate()
        about = _soundfile().info(str(path))
        # FLAC that was not finished does not know.
        return about.frames / about.samplerate if about.frames < _UNKNOWN else None
    except (OSError, EOFError, ZeroDivisionError, wave.Error, ConfigError, RuntimeError):
        return None


def _soundfile() -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as error:
        raise ConfigError(
            "recordings as FLAC or Opus need soundfile: pip install 'offhook[recording]',"
            ' or write recording.format = "wav"'
        ) from error
    return soundfile
