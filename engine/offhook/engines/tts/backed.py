"""A server's voice with one of this machine behind it: it speaks a clause when the server is late or fails.

Nothing is said twice: once the server's first audio of a clause has come, the clause is the server's.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.breaker import Breaker
from offhook.engines.tts.base import Concurrent, Multilingual, Synthesizer, never
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
        """The first audio of a clause is waited for ``after_s``.  Both voices are closed with this one."""
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
        """``context``: of whoever asks, as it is theirs to pay."""
        if not self._breaker.lets(self._clock()):
            yield from self._by_local(text, cancelled)
            return
        due_s = self._clock() + self._after_s
        begun = False

        def given_up() -> bool:
            return cancelled() or (not begun and self._clock() >= due_s)

        why = late = f"no audio within {self._after_s * 1000:.0f} ms"
        try:
            for block in context.run(self._server.synthesize, text, cancelled=given_up):
                if not begun:
                    begun = True
                    if self._breaker.went_well():
                        logger.info("%s speaks again", self._server.name)
                yield block
        except OffhookError as error:
            if begun:
                self._breaker.failed(self._clock())
                raise
            why = str(error)
        except GeneratorExit:
            if not begun:
                self._breaker.given_up()
            raise
        if begun:
            return
        if cancelled() or (why is late and self._clock() < due_s):
            self._breaker.given_up()  # nobody wants it, or there was nothing to say
            return
        logger.info("%s: %s; %s speaks this clause", self._server.name, why, self._local.name)
        if self._breaker.failed(self._clock()):
            logger.warning("%s is left alone for a while: %s", self._server.name, why)
        yield from self._by_local(text, cancelled)

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

    def _by_local(self, text: str, cancelled: Callable[[], bool]) -> Iterator[NDArray[np.int16]]:
        blocks = self._local.synthesize(text, cancelled=cancelled)
        return to_slin(blocks, self._local.sample_rate_hz, self.sample_rate_hz)


def _speaking(voice: Synthesizer, language: str) -> Synthesizer:
    return voice.speaking(language) if isinstance(voice, Multilingual) else voice
