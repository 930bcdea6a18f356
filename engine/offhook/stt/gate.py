"""From an utterance to words, without the words that noise would become.

Every small recogniser invents words when there are none: Moonshine turns silence, noise
and tones into "You", Whisper into "Thank you.".  So an utterance needs voiced audio
before it is recognised at all, and the favourite inventions need more of it.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from offhook.errors import BusyError, ModelError
from offhook.stt.base import STT_RATE_HZ, Transcriber, Transcript
from offhook.wording import DIGITS, TIMES
from offhook.wording import words as words_of

JUNK = frozenset(
    {
        "you",
        "thank you",
        "thanks",
        "thank you very much",
        "thanks for watching",
        "thank you for watching",
        "bye",
        "bye bye",
        "the",
        "so",
        "oh",
        "hmm",
        "uh",
        "um",
        "music",
        "silence",
        "blank audio",
        "applause",
    }
)
"""What recognisers say of noise, as :func:`normalize` writes it."""

_SURE_VOICED_MS = 400
"""From here on "thank you" is what was said."""
_MAX_CHARS_PER_VOICED_S = 40
"""Twice what a fast speaker says; more is a decoder running in circles."""
_PAD_MS = 200
"""Zeros after the audio: cut 100 ms after the last word, it is recognised like audio cut at 400 ms."""
_SAID_OF_DIGITS = DIGITS | TIMES.keys()
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|♪")
"""Whisper describes sounds: "[Music]", "(coughs)", "*sigh*"."""


class Recognizer:
    """A transcriber with its gate and its worker threads; asyncio-facing."""

    def __init__(
        self, transcriber: Transcriber, *, workers: int = 1, min_voiced_ms: int = 160, queue: int = 64
    ) -> None:
        """``workers`` utterances run at once, ``queue`` more may wait."""
        self.name = transcriber.name
        self._transcriber = transcriber
        self._min_voiced_ms = min_voiced_ms
        self._places = workers + queue
        self._taken = 0
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="offhook-stt")

    async def recognize(
        self, audio: NDArray[np.int16], voiced_ms: int, *, expected: Collection[str] = ()
    ) -> Transcript:
        """Recognise ``audio`` (``[samples]`` int16 at 16 kHz, cut to the utterance).

        ``voiced_ms`` is how much of it is voiced; with too little the text is empty.
        ``expected`` are short answers the dialogue waits for ("you", "bye"): they pass
        however short they were.  Cancelling the awaiting task stops the recognition
        between its steps.  Raises ModelError, and BusyError when too many wait.
        """
        audio_ms = len(audio) * 1000 // STT_RATE_HZ
        if voiced_ms < self._min_voiced_ms or not len(audio):
            return Transcript("", audio_ms, 0.0)
        if self._taken >= self._places:
            raise BusyError(f"{self._taken} utterances wait for the recogniser; raise stt.workers")
        cancelled = threading.Event()
        padded = np.concatenate([audio, np.zeros(STT_RATE_HZ * _PAD_MS // 1000, np.int16)])
        self._taken += 1
        try:
            heard = await asyncio.get_running_loop().run_in_executor(self._pool, self._run, padded, cancelled)
        finally:
            cancelled.set()
            self._taken -= 1
        return Transcript(clean(heard.text, voiced_ms, expected), audio_ms, heard.compute_ms)

    def close(self) -> None:
        """Stop the workers and free the model."""
        self._pool.shutdown(cancel_futures=True)
        self._transcriber.close()

    def _run(self, audio: NDArray[np.int16], cancelled: threading.Event) -> Transcript:
        if cancelled.is_set():  # given up while it waited for a worker
            return Transcript("", 0, 0.0)
        try:
            return self._transcriber.transcribe(audio, cancelled=cancelled.is_set)
        except MemoryError as error:
            raise ModelError(f"{self.name}: out of memory for {len(audio)} samples") from error


def clean(text: str, voiced_ms: int, expected: Collection[str] = ()) -> str:
    """``text`` when it can be what was said in ``voiced_ms`` of voice, else the empty string."""
    text = " ".join(_BRACKETED.sub(" ", text).split())
    words = normalize(text)
    if not words:
        return ""
    if words in {normalize(answer) for answer in expected}:
        return text
    if voiced_ms < _SURE_VOICED_MS and words in JUNK:
        return ""
    if is_repetition(words) or len(words) > max(20, voiced_ms * _MAX_CHARS_PER_VOICED_S // 1000):
        return ""
    return text


def normalize(text: str) -> str:
    """Lower case, letters and digits only, single spaces: for comparing."""
    return " ".join(words_of(text))


def is_repetition(words: str) -> bool:
    """True when a phrase of one to six words comes round so often that no person would say it.

    Digits are exempt: "one one one one" is a telephone number.
    """
    parts = words.split()
    for size in range(1, 7):
        times = 5 if size == 1 else 4 if size == 2 else 3
        if len(parts) < size * times:
            break
        tail = parts[-size:]
        if all(part.isdigit() or part in _SAID_OF_DIGITS for part in tail):
            continue
        if all(parts[len(parts) - size * (n + 1) : len(parts) - size * n] == tail for n in range(times)):
            return True
    return False
