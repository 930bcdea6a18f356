"""whisper.cpp: the recogniser of real deployments, any ggml Whisper model.

Whisper was made for 30 s windows.  Nearly all of its time on a short utterance goes
into padding, so the encoder's window (``audio_ctx``) follows the audio, in four sizes,
and everything that could make it try twice is switched off.

pywhispercpp binds contexts but not states, so each utterance in flight needs a context
of its own: they are made when first needed and kept.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.engines.stt.base import STT_RATE_HZ, Transcript, never
from offhook.engines.stt.ggml_file import ADVICE, check_ggml
from offhook.errors import ModelError

logger = logging.getLogger(__name__)

_FRAMES_PER_S = 50
_SPARE_FRAMES = 64
_WINDOWS = (256, 512, 768, 1500)
"""Encoder windows [frames]: few, so that buffers are reused; below some 192 Whisper repeats itself."""
_MIN_S = 1.0
_MAX_S = 30
_TOKENS_PER_S = 6.5
_SPARE_TOKENS = 8
_INVALID_LANGUAGE = -1


class Whisper:
    """A ggml Whisper model.  Thread-safe: every thread gets a context of its own."""

    def __init__(self, path: Path, *, threads: int = 2, language: str = "en", workers: int = 1) -> None:
        """Load ``path``, one context for each of ``workers``, and warm up.

        Raises ModelError with one line that says what to do.
        """
        check_ggml(path)
        self._native = _binding()
        self.name = f"whisper-{path.stem.removeprefix('ggml-')}"
        self._path = path
        self._threads = threads
        if self._native.whisper_lang_id(language) == _INVALID_LANGUAGE:
            raise ModelError(f"stt.language {language!r} is not one that Whisper knows; 'en' is one")
        self._language = language
        self._lock = threading.Lock()
        self._all: list[Any] = []
        self._idle: list[Any] = []
        first = self._open()
        if not self._native.whisper_is_multilingual(first) and language != "en":
            self.close()
            raise ModelError(
                f"{path}: knows English only and stt.language is {language!r}; use a model without .en"
            )
        self._idle += [first, *(self._open() for _ in range(workers - 1))]
        # The first run allocates; a caller should not wait for that.
        self.transcribe(np.zeros(STT_RATE_HZ, np.int16))

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        """Recognise ``[samples]`` int16 at 16 kHz; see :class:`~offhook.engines.stt.base.Transcriber`."""
        started = time.perf_counter()
        audio_ms = len(audio) * 1000 // STT_RATE_HZ
        samples = audio[: _MAX_S * STT_RATE_HZ].astype(np.float32) / np.float32(32768)
        missing = int(_MIN_S * STT_RATE_HZ) - len(samples)
        if missing > 0:
            samples = np.pad(samples, (0, missing))
        with self._lock:
            context = self._idle.pop() if self._idle else None
        if context is None:
            context = self._open()
        try:
            text = self._run(context, samples, cancelled)
        finally:
            with self._lock:
                self._idle.append(context)
        return Transcript(text, audio_ms, (time.perf_counter() - started) * 1000)

    def close(self) -> None:
        """Free all contexts."""
        with self._lock:
            contexts, self._all, self._idle = self._all, [], []
        for context in contexts:
            self._native.whisper_free(context)

    def _open(self) -> Any:
        native = self._native
        params = native.whisper_context_default_params()
        context = native.whisper_init_from_file_with_params(str(self._path), params)
        if not context:
            raise ModelError(f"{self._path}: whisper.cpp cannot load it; {ADVICE}")
        with self._lock:
            self._all.append(context)
        return context

    def _run(self, context: Any, samples: NDArray[np.float32], cancelled: Callable[[], bool]) -> str:
        if cancelled():
            return ""
        native = self._native
        seconds = len(samples) / STT_RATE_HZ
        params = native.whisper_full_default_params(native.whisper_sampling_strategy.WHISPER_SAMPLING_GREEDY)
        params.n_threads = self._threads
        params.language = self._language
        params.audio_ctx = audio_window(seconds)
        params.max_tokens = int(seconds * _TOKENS_PER_S) + _SPARE_TOKENS
        params.single_segment = params.no_timestamps = params.no_context = params.suppress_nst = True
        params.temperature = params.temperature_inc = 0.0
        params.greedy = {"best_of": 1}
        params.print_progress = params.print_realtime = params.print_timestamps = params.print_special = False
        native.assign_abort_callback(params, cancelled)
        try:
            status = native.whisper_full(context, params, samples, len(samples))
        except (IndexError, RuntimeError) as error:  # C++ exceptions, as pybind11 translates them
            raise ModelError(
                f"{self.name}: recognition failed: {error}; the model file is damaged"
            ) from error
        finally:
            native.clear_abort_callback(params)
        if status != 0:
            if cancelled():
                return ""
            raise ModelError(f"{self.name}: recognition failed: whisper.cpp returned {status}")
        segments = range(native.whisper_full_n_segments(context))
        text = b"".join(native.whisper_full_get_segment_text(context, segment) for segment in segments)
        return " ".join(text.decode("utf-8", "replace").split())


def audio_window(seconds: float) -> int:
    """The encoder window [frames of 20 ms] for an utterance."""
    needed = int(seconds * _FRAMES_PER_S) + _SPARE_FRAMES
    return next((window for window in _WINDOWS if window >= needed), _WINDOWS[-1])


def _binding() -> Any:
    # OpenMP's threads spin while they wait for each other.  On a busy machine a long spin burns the
    # time slice that the missing thread needs; libgomp reads this when it is loaded, with the import.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        native = importlib.import_module("_pywhispercpp")
    except ImportError as error:
        raise ModelError(
            f"the package pywhispercpp is missing or broken ({error});"
            " install it with: pip install 'offhook[whisper]'"
        ) from error
    native.whisper_log_set(_log)
    # The binding lets go of a callback only after Python has ended, which aborts the process.
    atexit.unregister(native.whisper_log_set)
    atexit.register(native.whisper_log_set, None)
    return native


def _log(*details: object) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s", " ".join(str(detail) for detail in details).rstrip())
