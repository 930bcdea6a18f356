"""espeak-ng in process: robotic, small, and there in five milliseconds.

The library keeps its state in globals and is not re-entrant: one lock guards it, and
each synthesis holds it for one part of a text (see :func:`offhook.engines.tts.text.parts`).
espeak-ng is GPL-3.0 and therefore an optional extra.
"""

from __future__ import annotations

import ctypes
import itertools
import logging
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.catalogue.embedded import ADVICE, VOICE, find_file
from offhook.config import TtsConfig
from offhook.engines.engine import Loading
from offhook.engines.tts.base import never
from offhook.engines.tts.text import has_words, parts, speakable
from offhook.errors import ModelError

_SYNCHRONOUS = 2
"""espeak_AUDIO_OUTPUT: samples go to the callback, and the call returns when all are there."""
_DONT_EXIT = 0x8000
"""Without it a broken data folder ends the process."""
_CHARS_UTF8 = 1
_POS_CHARACTER = 1
_RATE = 1
_BUFFER_MS = 60
"""Audio between two callbacks, at each of which a cancellation is seen."""

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Voice(ctypes.Structure):
    """espeak_VOICE, as far as it is read."""

    _fields_ = (("name", ctypes.c_char_p), ("languages", ctypes.c_char_p), ("identifier", ctypes.c_char_p))


class Espeak:
    """One espeak-ng voice.  Any number may exist; they take turns."""

    def __init__(self, voice: str = "en-us", *, rate_wpm: int = 165) -> None:
        """Start espeak-ng (once a process) and check ``voice``.

        Raises ModelError with one line that says what to do.
        """
        self.name = f"espeak-{voice}"
        self.identity = f"espeak {voice} {rate_wpm}"
        self._voice = voice
        self._rate_wpm = rate_wpm
        self._others: dict[str, Espeak] = {}
        with _lock:
            self.sample_rate_hz = _library.start()
            _library.use(voice, rate_wpm)

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        """Speak ``text``; see :class:`~offhook.engines.tts.base.Synthesizer`."""
        for part in parts(speakable(text)):
            if cancelled():
                return
            if not has_words(part):
                continue
            with _lock:
                _library.use(self._voice, self._rate_wpm)
                block = _library.say(part, cancelled)
            if len(block) and not cancelled():
                yield block

    def speaking(self, language: str) -> Espeak:
        """See :class:`~offhook.engines.tts.base.Multilingual`.

        A voice of the same language stays, whatever its country: it is the one that was configured.  So
        does one that is not named by its language.
        """
        wanted = language.lower()
        own, other = self._voice.lower().partition("-")[0], wanted.partition("-")[0]
        if own == other or not re.fullmatch("[a-z]{2}", own):
            return self
        if wanted not in self._others:
            self._others[wanted] = self._voice_of(wanted) or self._voice_of(other) or self
            if self._others[wanted] is self:
                _log.warning("espeak-ng has no voice for language %s: %s speaks it", language, self.name)
        return self._others[wanted]

    def _voice_of(self, language: str) -> Espeak | None:
        try:
            return Espeak(language, rate_wpm=self._rate_wpm)
        except ModelError:
            return None

    def close(self) -> None:
        """Nothing to free: the library stays for the other voices."""


class _Library:
    """The process's one espeak-ng.  Every method needs the lock."""

    def __init__(self) -> None:
        self._native: Any = None
        self._rate_hz = 0
        self._using: tuple[str, int] | None = None
        self._blocks: list[NDArray[np.int16]] = []
        self._cancelled: Callable[[], bool] = never
        self._callback = _Callback(self._take)  # kept: espeak-ng calls it for as long as it lives

    def start(self) -> int:
        """Load and start; the sample rate [Hz]."""
        if self._native is not None:
            return self._rate_hz
        library = find_file(VOICE, "libespeak-ng.so")
        data = library.with_name("espeak-ng-data")
        if not (data / "phontab").is_file():
            raise ModelError(f"{data}: espeak-ng's data is missing; {ADVICE}")
        try:
            native = ctypes.CDLL(str(library))
        except OSError as error:
            raise ModelError(f"{library}: cannot be loaded ({error}); {ADVICE}") from error
        native.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        native.espeak_Synth.argtypes = [
            ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int,
            ctypes.c_uint, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p,
        ]  # fmt: skip
        native.espeak_SetVoiceByName.argtypes = [ctypes.c_char_p]
        native.espeak_ListVoices.argtypes = [ctypes.c_void_p]
        native.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        rate_hz = native.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, str(data).encode(), _DONT_EXIT)
        if rate_hz <= 0:
            raise ModelError(f"{data}: espeak-ng does not start with it (code {rate_hz}); {ADVICE}")
        native.espeak_SetSynthCallback(self._callback)
        self._native, self._rate_hz = native, int(rate_hz)
        return self._rate_hz

    def use(self, voice: str, rate_wpm: int) -> None:
        """Switch voice and rate, if they are not in use already."""
        if self._using == (voice, rate_wpm):
            return
        self._using = None
        if not any(self._native.espeak_SetVoiceByName(name) == 0 for name in self._names(voice)):
            raise ModelError(f"espeak-ng has no voice {voice!r}; a language such as en-us or en-gb names one")
        self._native.espeak_SetParameter(_RATE, rate_wpm, 0)
        self._using = (voice, rate_wpm)

    def _names(self, voice: str) -> Iterator[bytes]:
        """``voice`` itself, and the voices whose language it is: "en-gb" is a language only."""
        name = voice.strip().encode("utf-8", "replace")
        if not name or b"\0" in name:
            return
        yield name
        listed = self._native.espeak_ListVoices(None)
        for entry in itertools.takewhile(bool, listed):
            # Each language is a priority byte and a string; the list ends with a zero priority.
            if entry.contents.languages[1:] == name:
                yield entry.contents.identifier

    def say(self, text: str, cancelled: Callable[[], bool]) -> NDArray[np.int16]:
        """All samples of ``text``, or those before ``cancelled`` said yes."""
        data = text.encode("utf-8")
        self._blocks, self._cancelled = [], cancelled
        try:
            code = self._native.espeak_Synth(
                data, len(data) + 1, 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
            if code != 0:
                raise ModelError(f"espeak-ng could not speak a text of {len(text)} characters (code {code})")
            return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)
        finally:
            self._blocks, self._cancelled = [], never

    def _take(self, samples: Any, count: int, events: object) -> int:
        if samples and count > 0:
            self._blocks.append(np.ctypeslib.as_array(samples, shape=(count,)).astype(np.int16))
        return 1 if self._cancelled() else 0


_log = logging.getLogger(__name__)
_lock = threading.Lock()
_library = _Library()


def load(tts: TtsConfig, voice: str, _loading: Loading) -> Espeak:
    """The voice of ``[tts]``.  Raises ModelError."""
    return Espeak(voice, rate_wpm=tts.rate_wpm)
