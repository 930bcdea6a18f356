"""A voice on somebody else's server behind the interface of :mod:`offhook.engines.tts.base`.

The text of a clause goes there as a whole, and its audio is handed on as it comes, at the rate in which the
server sends it.  A synthesis that is not wanted any more closes its connection or says so to the server,
within :data:`offhook.engines.remote.network.LOOK_S`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.network import Network
from offhook.engines.remote.service import Service
from offhook.engines.tts.base import never
from offhook.engines.tts.text import has_words, parts, speakable
from offhook.errors import ModelError
from offhook.observe import bill

logger = logging.getLogger(__name__)

CONCURRENCY = 16
"""Clauses that are asked for at once: waiting for a server takes no core of ours."""
MAX_PART_CHARS = 1000
"""Longer texts are spoken in parts: services take some thousand characters at once."""
MAX_AUDIO_S = 180
"""More audio for one part comes from a server that does not know when to end."""

Blocks = AsyncGenerator[NDArray[np.int16], None]


class Source(Protocol):
    """How one kind of server is asked for audio; lives on the network's event loop."""

    name: str
    service: Service
    rate_hz: int
    """Of what :meth:`speak` gives."""

    def speak(self, text: str, voice: str, language: str) -> Blocks:
        """``[samples]`` int16 blocks, each as soon as it has come.

        ``text`` is printable and has words.  Closing it tells the server that no more is wanted.  Raises
        BusyError, DeadlineError or ModelError.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class RemoteVoice:
    """See :class:`~offhook.engines.tts.base.Synthesizer`, and ``Multilingual`` there."""

    def __init__(
        self,
        source: Source,
        voice: str,
        *,
        language: str = "en",
        voices: Mapping[str, str] | None = None,
        speaks: Callable[[str], bool] = lambda language: False,
        price_per_million: float = 0.0,
    ) -> None:
        """Contacts nobody.  ``voices`` are those of other languages, by code; ``speaks`` says whether any
        voice speaks a language, if it is told so."""
        self._source = source
        self._network = Network.shared()
        self._speaker = _Speaker(self, voice, language)
        self._voices = dict(voices or {})
        self._speaks = speaks
        self._price = price_per_million / 1e6
        self._others: dict[str, _Speaker] = {}
        self._closed = False
        self.name = f"{source.name}-{voice}" if voice else source.name
        self.service = source.service
        self.sample_rate_hz = source.rate_hz
        self.concurrency = CONCURRENCY

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        """Speak ``text``; see :class:`~offhook.engines.tts.base.Synthesizer`."""
        return self._speaker.synthesize(text, cancelled=cancelled)

    def speaking(self, language: str) -> RemoteVoice | _Speaker:
        """The voice for ``language``: the one that ``tts.voices`` names, or the same one told to speak it."""
        tag = language.lower()
        code = tag.partition("-")[0]
        if code == self._speaker.language.partition("-")[0]:
            return self
        if tag not in self._others:
            voice = self._voices.get(tag, self._voices.get(code))
            if voice is None and not self._speaks(tag):
                logger.warning("tts.voices has none for language %s: %s speaks it", language, self.name)
            self._others[tag] = _Speaker(self, voice or self._speaker.voice, language)
        return self._others[tag]

    def say(
        self, text: str, voice: str, language: str, cancelled: Callable[[], bool]
    ) -> Iterator[NDArray[np.int16]]:
        """``text`` by one of the server's voices; on the bill of whoever asks, not of whoever takes it."""
        return self._say(text, voice, language, cancelled, bill.BILL.get())

    def _say(
        self, text: str, voice: str, language: str, cancelled: Callable[[], bool], whose: bill.Bill | None
    ) -> Iterator[NDArray[np.int16]]:
        for part in parts(speakable(text), MAX_PART_CHARS):
            if self._closed:
                raise ModelError("the voice is closed")
            if cancelled():
                return
            if has_words(part):
                bill.add(bill.CHARACTERS, len(part), self._price, bill=whose)
                spoken = False
                for block in self._bounded(
                    self._network.iterate(lambda: self._source.speak(part, voice, language), cancelled)  # noqa: B023
                ):
                    spoken = True
                    yield block
                if not spoken and not cancelled():
                    raise ModelError(f"{self.service.url} answers without audio")

    def close(self) -> None:
        """Close all connections.  Any number of times."""
        if not self._closed:
            self._closed = True
            try:
                self._network.submit(self._source.aclose()).result(2.0)
            except TimeoutError:
                logger.warning("%s: connections did not close in time", self.name)
            self._network.release()

    def _bounded(self, blocks: Iterator[NDArray[np.int16]]) -> Iterator[NDArray[np.int16]]:
        left = MAX_AUDIO_S * self.sample_rate_hz
        for block in blocks:
            left -= len(block)
            if left < 0:
                raise ModelError(f"{self.name}: more than {MAX_AUDIO_S} s of audio for one text")
            if len(block):
                yield block


class _Speaker:
    """One of the server's voices, in one language."""

    def __init__(self, owner: RemoteVoice, voice: str, language: str) -> None:
        self._owner = owner
        self.voice = voice
        self.language = language.lower()

    @property
    def name(self) -> str:
        return self._owner.name

    @property
    def sample_rate_hz(self) -> int:
        return self._owner.sample_rate_hz

    def synthesize(self, text: str, *, cancelled: Callable[[], bool] = never) -> Iterator[NDArray[np.int16]]:
        return self._owner.say(text, self.voice, self.language, cancelled)

    def close(self) -> None:
        """Nothing: the connections are the owner's."""
