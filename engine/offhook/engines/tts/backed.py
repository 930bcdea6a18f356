"""A server's voice with one of this machine behind it: it speaks a clause when the server is late or fails.

A clause whose audio breaks off is said again from its beginning, as a person does who was interrupted: where
in the words the server had been, nobody knows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.breaker import Breaker
from offhook.engines.tts.base import ORIGIN, Concurrent, Multilingual, Synthesizer, never
from offhook.engines.tts.slin import to_slin
from offhook.errors import OffhookError

logger = logging.getLogger(__name__)


class BackedVoice:
    """See :class:`~offhook.engines.tts.base.Synthesizer`, ``Multilingual`` and ``Concurrent`` there."""

    def __init__(
        self,
        server: Synthesizer,
        local: Synthesizer,
        *,
        after_s: float,
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
        concurrency: int | None = None,
    ) -> None:
        """The first audio of a clause is waited for ``after_s``, and so is more when what has come may be
        over.  Both voices are closed with this one."""
        self.name = f"{server.name}, else {local.name}"
        self.sample_rate_hz = server.sample_rate_hz
        own = server.concurrency if isinstance(server, Concurrent) else 1
        self.concurrency = concurrency or own
        self._server = server
        self._local = local
        self._after_s = after_s
        self._breaker = breaker or Breaker()
        self._clock = clock
        self._others: dict[str, BackedVoice] = {}

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        """Speak ``text``; see :class:`~offhook.engines.tts.base.Synthesizer`."""
        return self._synthesize(text, cancelled, copy_context())

    def _synthesize(
        self, text: str, cancelled: Callable[[], bool], context: Context
    ) -> Iterator[NDArray[np.int16]]:
        """``context``: of whoever asks: it is theirs to pay, and they learn who has spoken."""
        if not self._breaker.lets(self._clock()):
            yield from self._by_local(text, cancelled, context)
            return
        due_s = self._clock() + self._after_s
        begun_s: float | None = None
        given_s = 0.0
        is_late = False

        def given_up() -> bool:
            nonlocal is_late
            if cancelled():
                return True
            is_late = is_late or self._clock() >= due_s
            return is_late

        why, failure = "", None
        try:
            for block in context.run(self._server.synthesize, text, cancelled=given_up):
                if begun_s is None:
                    begun_s = self._clock()
                yield block
                given_s += len(block) / self.sample_rate_hz
                # Most servers are ahead of what is heard.
                due_s = max(self._clock(), begun_s + given_s) + self._after_s
        except OffhookError as error:
            why, failure = str(error), error
        except GeneratorExit:
            self._tell(well=begun_s is not None)
            raise
        if not why and not is_late:
            self._tell(well=begun_s is not None)  # else nobody wants it, or there was nothing to say
            return
        late = "no audio within" if begun_s is None else "the audio stopped in the middle for"
        why = why or f"{late} {self._after_s * 1000:.0f} ms"
        again = "speaks this clause" if begun_s is None else "says this clause again"
        logger.info("%s: %s; %s %s", self._server.name, why, self._local.name, again)
        if self._breaker.failed(self._clock(), failure):
            logger.warning("%s is left alone for a while: %s", self._server.name, why)
        yield from self._by_local(text, cancelled, context)

    def _tell(self, *, well: bool) -> None:
        if not well:
            self._breaker.given_up()
        elif self._breaker.went_well():
            logger.info("%s speaks again", self._server.name)

    def speaking(self, language: str) -> BackedVoice:
        """Both in ``language``, as far as they have it."""
        if language not in self._others:
            server, local = (_speaking(voice, language) for voice in (self._server, self._local))
            self._others[language] = BackedVoice(
                server,
                local,
                after_s=self._after_s,
                breaker=self._breaker,
                clock=self._clock,
                concurrency=self.concurrency,
            )
        return self._others[language]

    def close(self) -> None:
        """Free both."""
        self._server.close()
        self._local.close()

    def _by_local(
        self, text: str, cancelled: Callable[[], bool], context: Context
    ) -> Iterator[NDArray[np.int16]]:
        if (origin := context.get(ORIGIN)) is not None:
            origin.stand_in = True
        blocks = self._local.synthesize(text, cancelled=cancelled)
        return to_slin(blocks, self._local.sample_rate_hz, self.sample_rate_hz)


def _speaking(voice: Synthesizer, language: str) -> Synthesizer:
    return voice.speaking(language) if isinstance(voice, Multilingual) else voice
