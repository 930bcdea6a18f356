"""From an utterance to words, without the words that noise would become.

Every small recogniser invents words when there are none: Moonshine turns silence, noise
and tones into "You", Whisper into "Thank you.".  So an utterance needs voiced audio
before it is recognised at all, and the favourite inventions need more of it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from offhook.core import core_place
from offhook.engines.stt.base import STT_RATE_HZ, Expecting, Growing, Pausing, Transcriber, Transcript
from offhook.engines.stt.rerecognition import Rerecognition
from offhook.errors import BusyError, ModelError
from offhook.knowledge.own_words import OwnWords
from offhook.languages.wording import DIGITS, TIMES
from offhook.languages.wording import words as words_of
from offhook.workers import Claim, Job, Workers

FROM_NOISE = frozenset({"you", "the", "uh", "um", "hmm", "oh"})
"""What recognisers make of noise, and people hardly ever say alone; as :func:`normalize` writes it."""
_SURE_VOICED_MS = 400
"""From here on "you" is what was said."""
_VOICED_MS_PER_VOWEL = 100
"""Nobody speaks faster: "thank you" takes 200 ms of voice, and what a click is taken for has less."""
_SHORT_WORDS = 4
"""Only so few words can come out of a noise."""
_VOWELS = re.compile(r"[aeiouy]+")
_NEVER_SAID = re.compile(
    r"(?:thanks|thank you) (?:so much |very much )?for (?:watching|listening|viewing)(?: .*)?"
    r"|(?:please )?(?:like and )?subscribe(?: to (?:my|our|the) channel)?(?: .*)?|(?:don't forget to"
    r"|please) (?:like|subscribe).*"
    r"|(?:sub)?(?:titles?|titled|captions?|captioned) (?:by|provided by) .*|.*amara org.*|transcri(?:bed"
    r"|ption|pt) by .*"
    r"|(?:music|silence|applause|laughter|blank audio|inaudible|foreign)(?: playing)?|(?:www )?[a-z0-9]+"
    r" (?:org|com|net|tv)"
)
"""What only films say: recognisers learnt from subtitles, and write them where nothing is said."""
_MAX_CHARS_PER_VOICED_S = 40
"""Twice what a fast speaker says; more is a decoder running in circles."""
_PAD_MS = 200
"""Zeros after the audio: cut 100 ms after the last word, it is recognised like audio cut at 400 ms."""
_SAID_OF_DIGITS = DIGITS | TIMES.keys()
_SOUND = (
    r"(?:\w+ )?(?:music|applause|laugh\w*|chuckl\w*|cough\w*|sigh\w*|sneez\w*|sniff\w*|breath\w*|gasp\w*"
    r"|groan\w*|clap\w*|cheer\w*"
    r"|silence|noises?|nois\w*|static|inaudible|unintelligible|blank[ _]?audio|beep\w*|ring\w*|click\w*"
    r"|typing|footsteps|crosstalk"
    r"|background \w+|speaking \w+|foreign \w*|sound\w*|phone \w+|dial tone|wind|birds?|dog \w+)(?: \w+)?"
)
_BRACKETED = re.compile(rf"\[\s*{_SOUND}\s*\]|\(\s*{_SOUND}\s*\)|\*\s*{_SOUND}\s*\*|♪", re.IGNORECASE)
"""Whisper describes sounds: "[Music]", "(coughs)", "*sigh*".  "(212)" is an area code."""


class GatedSession(Rerecognition):
    """See :class:`~offhook.engines.stt.base.RecognitionSession`, and ``Expectant`` there."""

    def __init__(self, rate_hz: int, recognizer: Recognizer) -> None:
        super().__init__(rate_hz, recognizer.recognize, clean)
        self._recognizer = recognizer

    def expect(self, own: OwnWords) -> None:
        """See :class:`~offhook.engines.stt.base.Expectant`."""
        self._recognize = partial(self._recognizer.recognize, own=own)


class Recognizer:
    """A transcriber with its gate and its worker threads; asyncio-facing."""

    streams = False

    def __init__(
        self,
        transcriber: Transcriber,
        *,
        workers: int = 1,
        threads: int = 1,
        min_voiced_ms: int = 160,
        queue: int = 64,
        timeout_s: float = 10.0,
    ) -> None:
        """``workers`` utterances run at once, ``queue`` more may wait; each has ``timeout_s``, and
        ``threads`` of its own if there are cores for them.
        """
        self.name = transcriber.name
        self._transcriber = transcriber
        self._min_voiced_ms = min_voiced_ms
        self._places = workers + queue
        self._taken = 0
        self._workers = Workers(
            "offhook-stt",
            "the recogniser",
            count=workers,
            limit_s=timeout_s,
            setting="stt.timeout_s",
            place=core_place,
            threads=threads,
        )
        self._pauses = isinstance(transcriber, Pausing)

    def session(self, rate_hz: int) -> GatedSession:
        """Begin to listen; see :class:`~offhook.engines.stt.base.Recognition`."""
        return GatedSession(rate_hz, self)

    async def recognize(
        self,
        audio: NDArray[np.int16],
        voiced_ms: int,
        claim: Claim | None = None,
        before: Transcript | None = None,
        own: OwnWords | None = None,
    ) -> Transcript:
        """Recognise ``audio`` (``[samples]`` int16 at 16 kHz, cut to the utterance).

        ``voiced_ms`` is how much of it is voiced; with too little the text is empty.  ``claim``: how soon
        it is needed.  ``before``: what was found in the beginning of it.  ``own``: words to expect.
        Cancelling the awaiting task stops the recognition
        between its steps.  Raises ModelError, BusyError when too many wait, and DeadlineError.
        """
        audio_ms = len(audio) * 1000 // STT_RATE_HZ
        if voiced_ms < self._min_voiced_ms or not len(audio):
            return Transcript("", audio_ms, 0.0)
        if self._taken >= self._places:
            raise BusyError(f"{self._taken} utterances wait for the recogniser; raise stt.workers")
        padded = np.concatenate([audio, np.zeros(STT_RATE_HZ * _PAD_MS // 1000, np.int16)])
        self._taken += 1
        try:
            heard = await self._workers.run(lambda job: self._run(padded, before, own, job), claim)
        finally:
            self._taken -= 1
        return replace(heard, text=clean(heard.text, voiced_ms), audio_ms=audio_ms)

    def problem(self) -> str | None:
        """Why no call should be begun now, in one line; None while it is well.  Never waits."""
        return self._workers.problem()

    def close(self) -> None:
        """Stop the workers and free the model, unless one of them hangs in it."""
        if self._workers.close():
            self._transcriber.close()

    def _run(
        self,
        audio: NDArray[np.int16],
        before: Transcript | None,
        own: OwnWords | None,
        job: Job[Transcript],
    ) -> Transcript:
        def cancelled() -> bool:
            if self._pauses:
                self._workers.give_core(job)
            return job.cancelled

        try:
            if own is not None and isinstance(self._transcriber, Expecting):
                return self._transcriber.expecting(audio, before, own, cancelled=cancelled)
            if before is not None and isinstance(self._transcriber, Growing):
                return self._transcriber.grow(audio, before, cancelled=cancelled)
            return self._transcriber.transcribe(audio, cancelled=cancelled)
        except MemoryError as error:
            raise ModelError(f"{self.name}: out of memory for {len(audio)} samples") from error


def clean(text: str, voiced_ms: int) -> str:
    """``text`` when it can be what was said in ``voiced_ms`` of voice, else the empty string."""
    text = " ".join(_BRACKETED.sub(" ", text).split())
    words = normalize(text)
    if not words:
        return ""
    if _NEVER_SAID.fullmatch(words):
        return ""
    if voiced_ms < _SURE_VOICED_MS and (words in FROM_NOISE or _too_short(words, voiced_ms)):
        return ""
    if is_repetition(words) or len(words) > max(20, voiced_ms * _MAX_CHARS_PER_VOICED_S // 1000):
        return ""
    return text


def _too_short(words: str, voiced_ms: int) -> bool:
    """So few words that a noise may have made them, in less time than they take to be said."""
    vowels = len(_VOWELS.findall(words))
    return len(words.split()) <= _SHORT_WORDS and voiced_ms < vowels * _VOICED_MS_PER_VOWEL


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
