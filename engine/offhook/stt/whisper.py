"""whisper.cpp: the recogniser of real deployments, any ggml Whisper model.

Whisper was made for 30 s windows.  Nearly all of its time on a short utterance goes
into padding, so the encoder's window (``audio_ctx``) follows the audio, in four sizes,
and everything that could make it try twice is switched off.

pywhispercpp binds contexts but not states, so each utterance in flight needs a context
of its own: they are made when first needed and kept.
"""

from __future__ import annotations

import importlib
import logging
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ModelError
from offhook.stt.base import STT_RATE_HZ, Transcript, never

logger = logging.getLogger(__name__)

_ADVICE = "name a ggml Whisper file, such as ggml-base.en.bin, in stt.model"
_FRAMES_PER_S = 50
_SPARE_FRAMES = 64
_WINDOWS = (256, 512, 768, 1500)
"""Encoder windows [frames]: few, so that buffers are reused; below some 192 Whisper repeats itself."""
_MIN_S = 1.0
_MAX_S = 30
_TOKENS_PER_S = 6.5
_SPARE_TOKENS = 8
_TYPE_BYTES = {0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34)}
"""ggml types found in Whisper files: (values, bytes) of a block."""
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
            raise ModelError(f"{path}: knows English only and stt.language is {language!r}; use a model without .en")
        self._idle += [first, *(self._open() for _ in range(workers - 1))]
        # The first run allocates; a caller should not wait for that.
        self.transcribe(np.zeros(STT_RATE_HZ, np.int16))

    def transcribe(self, audio: NDArray[np.int16], *, cancelled: Callable[[], bool] = never) -> Transcript:
        """Recognise ``[samples]`` int16 at 16 kHz; see :class:`~offhook.stt.base.Transcriber`."""
        started = time.perf_counter()
        audio_ms = len(audio) * 1000 // STT_RATE_HZ
        samples = audio[: _MAX_S * STT_RATE_HZ].astype(np.float32) / 32768
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
            raise ModelError(f"{self._path}: whisper.cpp cannot load it; {_ADVICE}")
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
            raise ModelError(f"{self.name}: recognition failed: {error}; the model file is damaged") from error
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


def check_ggml(path: Path) -> None:
    """Walk through a ggml Whisper file; ModelError unless it is whole.

    whisper.cpp trusts the sizes in its files, and a wrong one can end the process.
    """
    try:
        with open(path, "rb") as file:
            _walk(file, path.stat().st_size)
    except OSError as error:
        raise ModelError(f"{path}: the speech model cannot be read: {error.strerror}; {_ADVICE}") from error
    except _BadFileError as error:
        raise ModelError(f"{path}: {error}; {_ADVICE}") from error


class _BadFileError(Exception):
    """Why a file is not a whole ggml Whisper model."""


def _walk(file: BinaryIO, size: int) -> None:
    magic = file.read(4)
    if magic == b"GGUF":
        raise _BadFileError("a GGUF file, whisper.cpp wants the older ggml form")
    if magic != b"lmgg":
        raise _BadFileError("not a ggml file")
    header = _ints(file, 11)
    n_vocab, n_audio_ctx, n_state, n_head, n_audio_layer, n_text_ctx, n_text_state, n_text_head = header[:8]
    n_text_layer, n_mels, _ = header[8:]
    plausible = (
        50_000 <= n_vocab <= 100_000
        and n_audio_ctx == 1500
        and 0 < n_text_ctx <= 4096
        and all(0 < state <= 8192 and 0 < heads and state % heads == 0
                for state, heads in ((n_state, n_head), (n_text_state, n_text_head)))
        and 0 < n_audio_layer <= 128
        and 0 < n_text_layer <= 128
        and n_mels in (80, 128)
    )  # fmt: skip
    if not plausible:
        raise _BadFileError("a ggml file, but not of a Whisper model")
    filters, bins = _ints(file, 2)
    if filters != n_mels or not 0 < bins <= 4096:
        raise _BadFileError("the mel filters are damaged")
    file.seek(filters * bins * 4, 1)
    (words,) = _ints(file, 1)
    if not 0 < words <= n_vocab:
        raise _BadFileError("the vocabulary is damaged")
    for _ in range(words):
        (length,) = _ints(file, 1)
        if not 0 <= length <= 1024:
            raise _BadFileError("the vocabulary is damaged")
        file.seek(length, 1)
    tensors = 0
    while file.tell() < size:
        dims, name_length, kind = _ints(file, 3)
        if not 1 <= dims <= 4 or not 0 < name_length <= 128 or kind not in _TYPE_BYTES:
            raise _BadFileError(f"damaged after {tensors} tensors")
        shape = _ints(file, dims)
        file.seek(name_length, 1)
        values, block_bytes = _TYPE_BYTES[kind]
        count = 1
        for side in shape:
            count *= side
        if min(shape) <= 0 or count % values:
            raise _BadFileError(f"damaged after {tensors} tensors")
        file.seek(count // values * block_bytes, 1)
        tensors += 1
    # Encoder: 7 tensors and 15 a layer; decoder: 4 and 24 a layer.
    if file.tell() != size or tensors != 11 + 15 * n_audio_layer + 24 * n_text_layer:
        raise _BadFileError(f"cut short or damaged: {tensors} tensors in {size} bytes; fetch it again")


def _ints(file: BinaryIO, count: int) -> tuple[int, ...]:
    data = file.read(4 * count)
    if len(data) < 4 * count:
        raise _BadFileError("cut short; fetch it again")
    return struct.unpack(f"<{count}i", data)


def _binding() -> Any:
    try:
        native = importlib.import_module("_pywhispercpp")
    except ImportError as error:
        raise ModelError(
            f"the package pywhispercpp is missing or broken ({error}); install it with: pip install 'offhook[whisper]'"
        ) from error
    native.whisper_log_set(_log)
    return native


def _log(*details: object) -> None:
    if logger.isEnabledFor(logging.DEBUG):
        logger.debug("%s", " ".join(str(detail) for detail in details).rstrip())
