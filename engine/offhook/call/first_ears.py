"""What is heard of whoever answers a placed call, as facts for :mod:`offhook.who_answered`."""

from __future__ import annotations

import asyncio
import logging

import numpy as np
from numpy.typing import NDArray

from offhook.core import Stream
from offhook.engines.stt.base import Recognition, RecognitionSession
from offhook.errors import OffhookError
from offhook.events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted
from offhook.who_answered import Heard, Settings, ToneDetector, Verdict, may_speak, verdict

_log = logging.getLogger("offhook.call.placed")

STEP_S = 0.02
FIRST_LOOK_MS = 400
"""Speech before which its words are not looked for, unless it pauses."""
LOOK_MS = 150
"""So much more speech before the next look: machines are known by their words, and say them soon."""
RING_LONGEST_MS = 45_000
"""A line that is Up and rings is listened to for so long; then nobody has answered."""
_BEFORE_MS = 200
"""Audio before the onset that a recogniser gets."""


class FirstEars:
    """What has been heard so far.  Its clock is the line's audio."""

    def __init__(self, recognition: Recognition, language: str, settings: Settings | None = None) -> None:
        self.stream: Stream | None = None
        self.now_ms = 0
        self._recognition = recognition
        self._session: RecognitionSession | None = None
        self._pushed = 0
        self._language = language
        self._settings = settings or Settings()
        self._speech: list[tuple[int, int | None]] = []
        self._voiced_ms = 0
        self._tones: ToneDetector | None = None
        self._toned = 0
        self._words: str | None = ""
        self._until_ms = 0
        self._looking: asyncio.Task[None] | None = None
        self._look_at_ms = FIRST_LOOK_MS
        self._paused = False
        self._closed = self._ended = False

    def noticed(self, event: SpeechEvent) -> None:
        if self._ended:
            return
        assert self.stream is not None
        at_ms = event.position_samples * 1_000 // self.stream.rate_hz
        if isinstance(event, SpeechStarted | SpeechResumed):
            self._speech.append((at_ms, None))
        elif isinstance(event, SpeechPaused) and self._speech:
            self._speech[-1] = (self._speech[-1][0], at_ms)
            self._voiced_ms = event.voiced_ms
            self._paused = True

    async def verdict(self) -> Verdict:
        """As soon as it is known; a network's tone is waited for to end."""
        while True:
            found = verdict(self.heard(), self.now_ms, self._settings)
            if found is not None and (found is not Verdict.NETWORK or self.now_ms >= RING_LONGEST_MS):
                return found
            await asyncio.sleep(STEP_S)

    @property
    def lengths(self) -> str:
        """What was heard, without its words: for a log."""
        known = "none" if self._words is None else f"{len(self._words.split())} until {self._until_ms}"
        return f"speech={self._speech} words={known} tones={self._tones.tones if self._tones else []}"

    async def may_speak(self) -> None:
        """Wait for the beep, or for what stands in its place."""
        while True:
            if may_speak(self.heard(), self.now_ms, self._settings):
                return
            await asyncio.sleep(STEP_S)

    def close(self) -> None:
        """Look for no more words; tones and speech are still noticed."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        if self._session is not None:
            self._session.cancel()

    def end(self) -> None:
        """Notice nothing any more."""
        self.close()
        self._ended = True

    def heard(self) -> Heard:
        """Everything until now; and have more words recognised, until :meth:`close`."""
        stream = self.stream
        assert stream is not None
        written = stream.written_samples
        self.now_ms = written * 1_000 // stream.rate_hz
        if self._tones is None:
            self._tones = ToneDetector(stream.rate_hz)
        if written > self._toned:
            first, audio = stream.read(self._toned, written)
            self._toned = first + len(audio)
            self._tones.process(audio)
        if not self._closed:
            self._look(stream)
        tones = tuple(self._tones.tones)
        return Heard(tuple(self._speech), tones, self._words, self._until_ms, self._language)

    def _look(self, stream: Stream) -> None:
        """Have what was said until now recognised, when there is more of it."""
        if not self._speech or (self._looking is not None and not self._looking.done()):
            return
        end_ms = self._speech[-1][1]
        spoken_ms = sum((self.now_ms if end is None else end) - begin for begin, end in self._speech)
        if not self._paused and spoken_ms < self._look_at_ms:
            return
        paused, self._paused = self._paused and end_ms is not None, False
        self._look_at_ms = spoken_ms + LOOK_MS
        if self._session is None:
            self._session = self._recognition.session(stream.rate_hz)
            self._pushed = max(0, (self._speech[0][0] - _BEFORE_MS) * stream.rate_hz // 1_000)
        first, audio = stream.read(self._pushed, stream.written_samples)
        self._pushed = first + len(audio)
        self._looking = asyncio.ensure_future(self._read(self._session, audio, paused, self.now_ms))

    async def _read(
        self, session: RecognitionSession, audio: NDArray[np.int16], paused: bool, until_ms: int
    ) -> None:
        try:
            session.push(audio)
            if paused:
                self._words = (await session.final(max(self._voiced_ms, 1))).text
            else:
                self._words = await session.interim()
            self._until_ms = until_ms
        except OffhookError as error:
            if self._words == "":
                _log.debug("no words of who has answered: %s", error)
