"""A second, slower recogniser for what the first one is unsure of.

Words that the first is sure of never wait for it.  Where they are doubtful
(:attr:`~offhook.engines.stt.base.Transcript.doubtful`), the same audio is recognised again, and those words
count; the caller is asked to say it again only where that brings none in time.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from offhook.engines.stt.base import Expectant, Recognition, RecognitionSession, Transcript
from offhook.errors import OffhookError
from offhook.knowledge.own_words import OwnWords
from offhook.workers import Claim

_log = logging.getLogger("offhook.engines.stt.second")


class SecondRecognition:
    """See :class:`~offhook.engines.stt.base.Recognition`."""

    streams = False

    def __init__(self, first: Recognition, second: Recognition, *, within_s: float) -> None:
        """The second's words are waited for ``within_s``.  Both are closed with this one."""
        self.name = f"{first.name}, in doubt {second.name}"
        self.first = first
        self.second = second
        self.within_s = within_s

    def session(self, rate_hz: int) -> SecondSession:
        """Begin to listen."""
        return SecondSession(self.first.session(rate_hz), self.second.session(rate_hz), self.within_s)

    def problem(self) -> str | None:
        """The first's: without the second there is still that."""
        return self.first.problem()

    def close(self) -> None:
        """Free both."""
        self.first.close()
        self.second.close()


class SecondSession:
    """See :class:`~offhook.engines.stt.base.RecognitionSession`."""

    turn_over: float | None = None

    def __init__(self, first: RecognitionSession, second: RecognitionSession, within_s: float) -> None:
        self._first = first
        self._second = second
        self._within_s = within_s
        self._settled: tuple[float, int, Transcript] | None = None
        """Up to so many seconds, with so much voice: what came of the latest doubt."""

    @property
    def audio_s(self) -> float:
        """Seconds pushed."""
        return self._first.audio_s

    @property
    def usage_s(self) -> float:
        """Seconds that either has worked on."""
        return self._first.usage_s + self._second.usage_s

    def push(self, audio: NDArray[np.int16]) -> None:
        """To both; the second does nothing with it until it is asked."""
        self._first.push(audio)
        self._second.push(audio)

    def expect(self, own: OwnWords) -> None:
        """See :class:`~offhook.engines.stt.base.Expectant`."""
        for session in (self._first, self._second):
            if isinstance(session, Expectant):
                session.expect(own)

    async def interim(self) -> str:
        """The first's."""
        return await self._first.interim()

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        """The first's words; where they are doubtful the second's, if it has any in time."""
        audio_s = self.audio_s
        heard = await self._first.final(voiced_ms, claim)
        if not heard.doubtful:
            return heard
        if self._settled is None or self._settled[:2] != (audio_s, voiced_ms):
            self._settled = (audio_s, voiced_ms, await self._in_doubt(heard, voiced_ms, claim))
        return self._settled[2]

    async def _in_doubt(self, heard: Transcript, voiced_ms: int, claim: Claim | None) -> Transcript:
        try:
            async with asyncio.timeout(self._within_s):
                other = await self._second.final(voiced_ms, claim)
        except TimeoutError:
            _log.info("no second opinion within %.0f ms", 1000 * self._within_s)
            return heard
        except OffhookError as error:
            _log.info("no second opinion: %s", error)
            return heard
        return replace(other, compute_ms=heard.compute_ms + other.compute_ms) if other.text else heard

    def cancel(self) -> None:
        """Nothing more is wanted."""
        self._first.cancel()
        self._second.cancel()
