"""Words and recordings for a simulated caller to speak."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soxr

from offhook.engines.tts.base import Synthesizer
from offhook.engines.tts.slin import to_slin
from offhook.errors import ConfigError, ModelError
from offhook.files import unreadable
from offhook.simulator.audible import Samples

FLITE_VOICE = "rms"
"""Of flite's voices the one that small recognisers understand best at 8 kHz."""
_FLITE_TIMEOUT_S = 30.0
_MAX_WAV_S = 600

Voice = Callable[[str, int], Samples]
"""Text and a rate [Hz] to ``[samples]`` int16."""


def read_wav(path: Path, rate_hz: int) -> Samples:
    """A PCM WAV file of any rate, width and number of channels, as mono at ``rate_hz``.

    Raises ConfigError, in one line, for anything else.
    """
    try:
        with wave.open(str(path), "rb") as file:
            frames, channels, width = file.getnframes(), file.getnchannels(), file.getsampwidth()
            from_hz = file.getframerate()
            if from_hz <= 0 or frames > _MAX_WAV_S * from_hz:
                raise ConfigError(f"{path}: longer than {_MAX_WAV_S} s, or with an impossible rate")
            data = file.readframes(frames)
    except OSError as error:
        raise unreadable(path, error) from error
    except (wave.Error, EOFError) as error:
        why = str(error) or "it ends too early"
        raise ConfigError(f"{path}: not a PCM WAV file ({why}): convert it with sox or ffmpeg") from error
    data = data[: len(data) // (channels * width) * channels * width]
    mono = _as_float(data, width).reshape(-1, channels).mean(axis=1)
    if not len(mono):
        raise ConfigError(f"{path}: holds no audio")
    return resample(_to_int16(mono), from_hz, rate_hz)


def _as_float(data: bytes, width: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Samples of 1 (unsigned) to 4 bytes, in units of int16."""
    if width == 1:
        return (np.frombuffer(data, np.uint8).astype(np.float64) - 128.0) * 256.0
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        return padded.view("<i4").reshape(-1).astype(np.float64) / 65536.0
    scale = {2: 1.0, 4: 65536.0}[width]
    return np.frombuffer(data, f"<i{width}").astype(np.float64) / scale


def _to_int16(samples: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Samples:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)


def resample(audio: Samples, from_hz: int, to_hz: int) -> Samples:
    """Band-limited, for whole recordings."""
    if from_hz == to_hz:
        return audio
    out = soxr.resample(audio.astype(np.float64), from_hz, to_hz)
    return _to_int16(np.asarray(out, np.float64))


def find_flite() -> str | None:
    """The flite program, when it is installed."""
    return shutil.which("flite")


def flite_voice(program: str, name: str = FLITE_VOICE) -> Voice:
    """Speak with flite's voice ``name``.  The voice raises ModelError when flite fails."""

    def speak(text: str, rate_hz: int) -> Samples:
        with tempfile.TemporaryDirectory(prefix="offhook-") as folder:
            words, out = Path(folder, "text"), Path(folder, "speech.wav")
            words.write_text(" ".join(text.split()), encoding="utf-8")
            command = [program, "-voice", name, "-f", str(words), "-o", str(out)]
            try:
                done = subprocess.run(command, capture_output=True, timeout=_FLITE_TIMEOUT_S, check=False)
            except (OSError, subprocess.TimeoutExpired) as error:
                raise ModelError(f"flite: cannot speak: {error}") from error
            if done.returncode != 0 or not out.exists():
                lines = done.stderr.decode(errors="replace").strip().splitlines()
                raise ModelError(f"flite: cannot speak: {lines[-1] if lines else f'exit {done.returncode}'}")
            return read_wav(out, rate_hz)

    return speak


def engine_voice(synthesizer: Synthesizer) -> Voice:
    """Speak with one of offhook's own voices.  The voice raises ModelError."""

    def speak(text: str, rate_hz: int) -> Samples:
        blocks = list(to_slin(synthesizer.synthesize(text), synthesizer.sample_rate_hz, rate_hz))
        return np.concatenate(blocks) if blocks else np.zeros(0, np.int16)

    return speak
