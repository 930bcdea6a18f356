"""whisper.cpp: the recogniser of real deployments, any ggml Whisper model.

Whisper was made for 30 s windows.  Nearly all of its time on a short utterance goes into padding, so the
encoder's window (``audio_ctx``) follows the audio, and everything that could make it try many times is
switched off.  With real weights three things come of that, and each has its answer here:

- Without timestamp tokens it says the sentence again and again, so it writes them (they are not in the text).
  Where it still goes round in circles, the utterance is read once more in a window twice as wide.
- Silence, tones and music become "Thank you." or "I'm sorry.".  The model itself knows better: right after
  the mark that starts a transcript it gives the odds that nobody speaks.  whisper.cpp looks for them behind
  the language and task marks of a multilingual model, where they say nothing, so they are asked for here: one
  step of the decoder over what the encoder has already read.
- The same step tells the language, at no other cost: with several, the first is tried first, and the
  utterance is read again only when it turns out to be in another.

The weights are loaded once; an utterance in flight has a state of its own, made when first needed and kept.
"""

from __future__ import annotations

import ctypes
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offhook.config import Device, SttConfig, spoken_languages
from offhook.engines.device import chosen
from offhook.engines.engine import Loading
from offhook.engines.stt.base import STT_RATE_HZ, Transcript, never
from offhook.engines.stt.gate import is_repetition, normalize
from offhook.engines.stt.ggml_file import ADVICE, check_ggml
from offhook.engines.stt.whisper_library import Abort, EncoderBegin, WhisperLibrary
from offhook.errors import ModelError
from offhook.files import check_file, model_errors
from offhook.workers import cores_given

_FRAMES_PER_S = 50
_SPARE_FRAMES = 64
_WINDOWS = (256, 512, 768, 1500)
"""Encoder windows [frames]; below some 192 Whisper repeats itself.  Few and wide: windows in steps of 64,
which end closer behind the words, had more word errors (5.2 % against 2.6 clean, 12.2 against 8.3 in pink
noise at 10 dB; Whisper base, the material of bench/recognition)."""
_WIDEST = _WINDOWS[-1]
_MIN_S = 1.0
_MAX_S = 30
_SPARE_TOKENS = 12
"""Beside the words: the timestamps and the end, and one long word."""
_NOBODY_SPEAKS = 0.5
"""From these odds on there may be no words.  On the telephone noise, tones, hold music and silence had 0.61
to 0.92; people had 0.00 to 0.26, and now and then 0.8, so that these odds alone decide nothing."""
_UNSURE = -0.95
"""Mean log-probability of the words' tokens below which they are then none, as they are where they go round
in circles.  Whole sentences out of nothing had -1.07 or less, people's words at high odds -0.85 or more."""
_SURE = -0.35
"""Words of which the model is as sure as this are not doubted at all, and the odds not asked for."""
_STUTTER = re.compile(r"(.{1,4}?)\1{9}")
"""What a tone becomes: "AHHHHHHHHHHHH"; also how one goes round in a script that has no spaces."""
_INVALID_LANGUAGE = -1

_ENGLISH_TOKENS_PER_S = 6.5
_MANY_TOKENS = {
    40.0: ("hi", "mr", "ne", "sa", "ta", "th"),
    80.0: (*("am", "as", "bn", "bo", "gu", "hy", "ka", "km", "kn", "lo", "ml", "my", "or", "pa", "sd"),
           *("si", "te")),
}  # fmt: skip
"""Tokens of a second of speech where Whisper's vocabulary has no words but syllables, or single bytes."""
_TOKENS_PER_S = 20.0
"""All other languages.  People say the same in the same time in any language (Coupé et al. 2019), so what the
first article of the Declaration of Human Rights takes in Whisper's tokens, against 37 in English, says how
many a second may have: Chinese 1.3 times as many, French 1.4, Polish 1.5, Japanese 2.2, Greek 2.7, Thai 3.4,
Hindi 5.3, Bengali 9, Georgian 11.5.  Longer texts are the model repeating itself."""


@dataclass(slots=True)
class _Heard:
    """One pass over an utterance."""

    text: str
    confidence: float
    """Mean log-probability of the text's tokens; 0 without any."""
    circles: bool
    """It was cut by the limit of tokens, or says itself again."""
    least: float
    """Log-probability of the text's token that it is least sure of; 0 without any."""
    no_speech: float
    """The library's own odds that nobody speaks; good for English-only models, see above."""


_NOTHING = _Heard("", 0.0, circles=False, least=0.0, no_speech=0.0)


class Whisper:
    """A ggml Whisper model.  Thread-safe: an utterance in flight has a state of its own."""

    def __init__(
        self,
        path: Path,
        *,
        threads: int = 2,
        language: str | Sequence[str] = "en",
        workers: int = 1,
        terms: Sequence[str] = (),
        device: Device = "cpu",
    ) -> None:
        """Load ``path``, one state for each of ``workers``, and warm up.

        ``language`` is one, or those that callers speak, the most frequent first.  ``terms`` are names and
        words that callers say and the model gets wrong; they are written before each transcript, so they
        should be few.  Raises ModelError with one line that says what to do.
        """
        check_ggml(path)
        self._library = WhisperLibrary()
        self.name = f"whisper-{path.stem.removeprefix('ggml-')}"
        self._path = path
        self._threads = threads
        self._device = device
        self._languages = (language,) if isinstance(language, str) else tuple(language)
        self._prompt = f"{', '.join(terms)}.".encode() if terms else None
        for one in self._languages:
            if self._library.lang_id(one.encode()) == _INVALID_LANGUAGE:
                raise ModelError(f"stt.language {one!r} is not one that Whisper knows; 'en' is one")
        self._lock = threading.Lock()
        self._states: list[Any] = []
        self._idle: list[Any] = []
        self._context = self._load()
        self._multilingual = bool(self._library.is_multilingual(self._context))
        foreign = next((one for one in self._languages if one != "en"), None)
        if not self._multilingual and foreign is not None:
            self.close()
            raise ModelError(
                f"{path}: knows English only and stt.language is {foreign!r}; use a model without .en"
            )
        self._idle += [self._new_state() for _ in range(workers)]
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
            state = self._idle.pop() if self._idle else None
        if state is None:
            state = self._new_state()
        try:
            heard, language = self._words(state, samples, cancelled)
        finally:
            with self._lock:
                self._idle.append(state)
        took_ms = (time.perf_counter() - started) * 1000
        # Never doubtful: what it is unsure of tells too little, see bench/recognition/README.md.
        return Transcript(heard.text, audio_ms, took_ms, language, heard.least)

    def close(self) -> None:
        """Free the states and the weights."""
        with self._lock:
            states, self._states, self._idle = self._states, [], []
            context, self._context = self._context, None
        for state in states:
            self._library.free_state(state)
        if context:
            self._library.free(context)

    # --- loading ---------------------------------------------------------------------------------

    def _load(self) -> Any:
        native = self._library
        params = native.context_default_params()
        params.use_gpu = chosen(self.name, self._device, self._gpu, lambda: False)
        context = native.init_from_file_with_params_no_state(str(self._path).encode(), params)
        if not context:
            raise ModelError(f"{self._path}: whisper.cpp cannot load it; {ADVICE}")
        return context

    def _gpu(self) -> bool:
        if "CUDA" not in self._library.system_info():
            raise LookupError("this whisper.cpp is built for processors: `make gpu` builds it with CUDA")
        return True

    def _new_state(self) -> Any:
        state = self._library.init_state(self._context)
        if not state:
            raise ModelError(f"{self.name}: no memory for one more utterance at a time; lower stt.workers")
        with self._lock:
            self._states.append(state)
        return state

    # --- one utterance ---------------------------------------------------------------------------

    def _words(
        self, state: Any, samples: NDArray[np.float32], cancelled: Callable[[], bool]
    ) -> tuple[_Heard, str]:
        """What was understood, and in which language."""
        language = self._languages[0]
        window = audio_window(len(samples) / STT_RATE_HZ)
        heard = self._run(state, samples, window, language, cancelled)
        if heard.text and len(self._languages) > 1 and not cancelled():
            _odds, spoken = self._look_back(state, heard)
            if spoken != language:
                language = spoken
                heard = self._run(state, samples, window, language, cancelled)
        if self._is_nothing(state, heard):
            return _NOTHING, language
        if heard.circles and window < _WIDEST and not cancelled():
            heard = self._run(state, samples, min(2 * window, _WIDEST), language, cancelled)
            if self._is_nothing(state, heard):
                return _NOTHING, language
        return heard, language

    def _is_nothing(self, state: Any, heard: _Heard) -> bool:
        """Whether these are words that the model makes up where nobody speaks."""
        if not heard.text or (heard.confidence >= _SURE and not heard.circles):
            return False
        no_speech, _language = self._look_back(state, heard)
        return no_speech >= _NOBODY_SPEAKS and (heard.confidence < _UNSURE or heard.circles)

    def _cores(self) -> int:
        """Threads that compute: as configured, if there are cores for them now."""
        return min(self._threads, cores_given() or self._threads)

    def _look_back(self, state: Any, heard: _Heard) -> tuple[float, str]:
        """The odds that nobody speaks, and the likeliest of the languages, over what the encoder has read."""
        native = self._library
        if not self._multilingual:
            return heard.no_speech, self._languages[0]
        start = (ctypes.c_int * 1)(native.token_sot(self._context))
        if native.decode_with_state(self._context, state, start, 1, 0, self._cores()) != 0:
            raise ModelError(f"{self.name}: recognition failed: the decoder does not start")
        size = native.n_vocab(self._context)
        logits = np.ctypeslib.as_array(native.get_logits_from_state(state), (size,)).astype(np.float64)
        odds = np.exp(logits - logits.max())
        odds /= odds.sum()
        tokens = [native.token_lang(self._context, native.lang_id(one.encode())) for one in self._languages]
        likeliest = self._languages[int(np.argmax(odds[tokens]))]
        return float(odds[native.token_nosp(self._context)]), likeliest

    def _run(
        self,
        state: Any,
        samples: NDArray[np.float32],
        window: int,
        language: str,
        cancelled: Callable[[], bool],
    ) -> _Heard:
        if cancelled():
            return _NOTHING
        native = self._library
        limit = max_tokens(len(samples) / STT_RATE_HZ, language)
        params = native.default_params()
        params.n_threads = self._cores()
        params.language = language.encode()
        params.audio_ctx = window
        params.max_tokens = limit
        params.single_segment = params.no_context = params.suppress_nst = True
        params.no_timestamps = False  # without them real weights repeat themselves
        params.temperature = params.temperature_inc = 0.0
        params.greedy.best_of = 1
        params.no_speech_thold = 2.0  # no odds are larger: that question is put in _look_back
        params.print_progress = params.print_realtime = params.print_timestamps = params.print_special = False
        params.initial_prompt = self._prompt
        passes = iter((True,))  # a timestamp that goes back in time makes whisper.cpp read the rest anew

        def begin(*_pointers: object) -> bool:
            return next(passes, False) and not cancelled()

        params.encoder_begin_callback = EncoderBegin(begin)
        params.abort_callback = Abort(lambda _pointer: cancelled())
        status = native.full_with_state(self._context, state, params, *native.samples(samples))
        if cancelled():
            return _NOTHING
        if status != 0:
            raise ModelError(
                f"{self.name}: recognition failed: whisper.cpp returned {status}; is the model file damaged?"
            )
        return self._heard(state, limit)

    def _heard(self, state: Any, limit: int) -> _Heard:
        native = self._library
        first_mark = native.token_eot(self._context)
        parts, odds, tokens, no_speech = [], [], 0, 0.0
        for segment in range(native.full_n_segments_from_state(state)):
            parts.append(native.full_get_segment_text_from_state(state, segment))
            no_speech = max(no_speech, native.full_get_segment_no_speech_prob_from_state(state, segment))
            for token in range(native.full_n_tokens_from_state(state, segment)):
                tokens += 1
                if native.full_get_token_id_from_state(state, segment, token) < first_mark:
                    odds.append(native.full_get_token_p_from_state(state, segment, token))
        # A limit of tokens may cut a character of several bytes.
        text = " ".join(b"".join(parts).decode("utf-8", "replace").rstrip("\ufffd").split())
        if not any(character.isalnum() for character in text):
            text = ""  # notes and full stops
        likely = np.log(np.maximum(odds, 1e-9)) if odds else np.zeros(1)
        circles = tokens >= limit or _goes_round(text)
        return _Heard(text, float(likely.mean()), circles, float(likely.min()), no_speech)


def audio_window(seconds: float) -> int:
    """The encoder window [frames of 20 ms] for an utterance."""
    needed = int(seconds * _FRAMES_PER_S) + _SPARE_FRAMES
    return next((window for window in _WINDOWS if window >= needed), _WIDEST)


def max_tokens(seconds: float, language: str) -> int:
    """More tokens than people say in that time; timestamps included."""
    if language == "en":
        per_s = _ENGLISH_TOKENS_PER_S
    else:
        per_s = next((rate for rate, ones in _MANY_TOKENS.items() if language in ones), _TOKENS_PER_S)
    return int(seconds * per_s) + _SPARE_TOKENS


def _goes_round(text: str) -> bool:
    """Whether the text says itself again, in the way of a decoder that has lost its place."""
    if _STUTTER.search(text):
        return True
    words = normalize(text).split()
    periods = range(2, len(words) // 2 + 1)
    return any(words[size:] == words[:-size] for size in periods) or is_repetition(" ".join(words))


def load(stt: SttConfig, model: str, _loading: Loading) -> Whisper:
    """The recogniser of ``[stt]``.  Raises ConfigError or ModelError."""
    path = Path(model)
    with model_errors():
        check_file(path)
    return Whisper(
        path,
        threads=stt.threads,
        language=spoken_languages(stt),
        workers=stt.workers,
        terms=stt.terms,
        device=stt.device,
    )
