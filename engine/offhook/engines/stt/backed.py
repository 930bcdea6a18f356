"""A server's recogniser with one of this machine behind it.

Both are told the same.  While the caller speaks the server's words are used, or, where it gives none before
the end, those of this machine: it guesses while the cloud confirms.  Final words that are late, or that do
not come, are this machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.breaker import Breaker
from offhook.engines.stt.base import (
    Expectant,
    GoneOnError,
    Guess,
    Guessing,
    Piecewise,
    Recognition,
    RecognitionSession,
    Transcript,
)
from offhook.errors import OffhookError
from offhook.knowledge.own_words import OwnWords
from offhook.workers import Claim

logger = logging.getLogger(__name__)


class BackedRecognition:
    """See :class:`~offhook.engines.stt.base.Recognition`."""

    def __init__(
        self,
        server: Recognition,
        local: Recognition,
        *,
        after_s: float,
        commits: bool = False,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Final words are waited for ``after_s``.  ``commits``: answers may begin on what this machine hears.
        Both are closed with this one."""
        self.name = f"{server.name}, else {local.name}"
        self.streams = server.streams
        self.server = server
        self.local = local
        self.after_s = after_s
        self.commits = commits
        self.breaker = breaker or Breaker()
        self.clock = clock

    def session(self, rate_hz: int) -> BackedSession:
        """Begin to listen, with the server where it may be asked."""
        asked = self.breaker.lets(self.clock())
        server = None
        if asked:
            try:
                server = self.server.session(rate_hz)
            except OffhookError as error:
                self.breaker.failed(self.clock(), error)
        return BackedSession(self, server, self.local.session(rate_hz))

    def problem(self) -> str | None:
        """This machine's: without the server there is still that."""
        return self.local.problem()

    def close(self) -> None:
        """Free both."""
        self.server.close()
        self.local.close()


class BackedSession:
    """See :class:`~offhook.engines.stt.base.RecognitionSession`."""

    def __init__(
        self, owner: BackedRecognition, server: RecognitionSession | None, local: RecognitionSession
    ) -> None:
        self._owner = owner
        self._server = server
        """None: it is not asked, or has failed in this session."""
        self._local = local
        self._told = server is None
        """The breaker knows how it went."""
        self._usage_s = 0.0
        self._last: tuple[float, int, Transcript] | None = None

    @property
    def audio_s(self) -> float:
        """Seconds pushed."""
        return self._local.audio_s

    @property
    def usage_s(self) -> float:
        """Seconds sent to the server."""
        return self._usage_s if self._server is None else self._server.usage_s

    @property
    def turn_over(self) -> float | None:
        """As the server sees it."""
        return None if self._server is None else self._server.turn_over

    def push(self, audio: NDArray[np.int16]) -> None:
        """To both."""
        self._local.push(audio)
        if self._server is not None:
            self._server.push(audio)

    def expect(self, own: OwnWords) -> None:
        """See :class:`~offhook.engines.stt.base.Expectant`."""
        for session in (self._local, self._server):
            if isinstance(session, Expectant):
                session.expect(own)

    async def interim(self) -> str:
        """The server's words, else this machine's."""
        if self._server is not None:
            try:
                if words := await self._server.interim():
                    return words
            except OffhookError as error:
                self._failed(error, str(error))
        return await self._local.interim()

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> Guess:
        """What this machine hears, or what the server believes by now, whichever is there first; where an
        answer may begin on it, the first that is sure."""
        local = asyncio.ensure_future(self._by_local(voiced_ms, claim))
        guesses, unsure = {local}, Guess("")
        if isinstance(self._server, Guessing):
            guesses.add(asyncio.ensure_future(self._server.guess(voiced_ms, claim)))
        try:
            while guesses:
                done, guesses = await asyncio.wait(guesses, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    if each.exception() is not None or not each.result().text:
                        continue
                    if each.result().sure or not self._owner.commits:
                        return each.result()
                    unsure = each.result()
            return unsure
        finally:
            for each in guesses:
                each.cancel()

    async def _by_local(self, voiced_ms: int, claim: Claim | None) -> Guess:
        heard = await self._local.final(voiced_ms, claim)
        return Guess(heard.text, self._owner.commits and not heard.doubtful)

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        """The server's words where they come in time; asked again without new audio, the same ones."""
        if self._last is not None and self._last[:2] == (self.audio_s, voiced_ms):
            return self._last[2]
        audio_s = self.audio_s
        heard = await self._by_server(voiced_ms, claim)
        if heard is None:
            heard = await self._local.final(voiced_ms, claim)
        self._last = (audio_s, voiced_ms, heard)
        return heard

    @property
    def in_pieces(self) -> bool:
        """As the server is."""
        return isinstance(self._server, Piecewise) and self._server.in_pieces

    async def settled(self, claim: Claim | None) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        if isinstance(self._server, Piecewise):
            await self._server.settled(claim)

    def probably_over(self) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        if isinstance(self._server, Piecewise):
            self._server.probably_over()

    def went_on(self, pause_ms: int) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        if isinstance(self._server, Piecewise):
            self._server.went_on(pause_ms)

    def cancel(self) -> None:
        """Nothing more is wanted."""
        if not self._told:
            self._told = True
            self._owner.breaker.given_up()
        if self._server is not None:
            self._server.cancel()
        self._local.cancel()

    async def _by_server(self, voiced_ms: int, claim: Claim | None) -> Transcript | None:
        if self._server is None:
            return None
        after_s = self._owner.after_s
        await self.settled(claim)  # until then it is not asked, and cannot be late
        if self._server is None:
            return None
        try:
            async with asyncio.timeout(after_s):
                heard = await self._server.final(voiced_ms, claim)
        except TimeoutError as error:
            late = f"no final words within {after_s * 1000:.0f} ms"
            self._failed(error, str(error) or late)
            return None
        except GoneOnError:
            raise
        except OffhookError as error:
            self._failed(error, str(error))
            return None
        if heard.text or heard.compute_ms:  # it was asked: too little voice is not the server's matter
            self._told = True
            if self._owner.breaker.went_well():
                logger.info("%s recognises again", self._owner.server.name)
        return heard

    def _failed(self, error: Exception, why: str) -> None:
        """The rest of this turn is this machine's: half of one and half of the other are no sentence."""
        owner, server = self._owner, self._server
        logger.info("%s: %s; %s recognises this turn", owner.server.name, why, owner.local.name)
        if server is not None:
            self._usage_s, self._server = server.usage_s, None
            with contextlib.suppress(OffhookError):
                server.cancel()
        self._told = True
        if owner.breaker.failed(owner.clock(), error):
            logger.warning("%s is left alone for a while: %s", owner.server.name, why)
