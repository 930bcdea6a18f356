"""A recogniser on somebody else's server: each second of a call is sent there once, as it comes.

A session lives on the event loop; its :class:`Feed` lives on the network's (see
:mod:`offhook.engines.remote.network`) and is told everything in the order in which it was pushed.  The audio
is kept here as well: a connection that breaks is opened anew, once, and then hears it again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, InvalidStateError, wait
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.network import Network
from offhook.engines.remote.service import Service
from offhook.engines.stt.base import SESSION_S, Transcript
from offhook.engines.stt.gate import clean
from offhook.errors import BusyError, DeadlineError, ModelError, OffhookError
from offhook.observe import bill
from offhook.workers import Claim

logger = logging.getLogger(__name__)

Samples = NDArray[np.int16]
_AT_THE_END_S = 0.15
"""Nobody says a word in so little; services work in steps of about that."""
_LOOK_S = 0.02
_END_S = 2.0
"""So long closing waits for goodbyes."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a service has understood of everything that it was told."""

    text: str
    language: str = ""
    """As a code such as "en"; empty where the service does not say."""


class Feed(Protocol):
    """One stretch of speech at one service.  On the network's event loop; errors are OffhookErrors."""

    turn_over: float | None
    """How probably the caller has finished, as the service sees it; None: it does not say."""
    so_far: str
    """Words that may change yet; empty where the service gives none before the end."""

    seen_s: float
    """So far into the audio :attr:`so_far` goes. [s]"""

    async def open(self) -> None:
        """Connect."""
        ...

    async def hear(self, audio: Samples) -> None:
        """The next block."""
        ...

    async def finish(self) -> Words:
        """The final words of everything told so far.  More may be told while this waits, and after it."""
        ...

    async def close(self) -> None:
        """Hang up.  Any number of times."""
        ...


class RemoteRecognition:
    """See :class:`~offhook.engines.stt.base.Recognition`."""

    streams = True

    def __init__(
        self,
        name: str,
        service: Service,
        feed: Callable[[int], Feed],
        *,
        final_timeout_s: float,
        min_voiced_ms: int = 160,
        price_per_minute: float = 0.0,
        aclose: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``feed`` makes one for audio of so many Hz; it contacts nobody.  ``aclose`` closes what feeds
        share, on the network's loop."""
        self.name = name
        self.service = service
        self.feed = feed
        self.final_timeout_s = final_timeout_s
        self.min_voiced_ms = min_voiced_ms
        self.price_per_s = price_per_minute / 60
        self.network = Network.shared()
        self._aclose = aclose
        self._sessions: set[RemoteSession] = set()
        self._links: set[Future[None]] = set()
        """Connections that are open, or being closed."""
        self._closed = False

    def session(self, rate_hz: int) -> RemoteSession:
        """Begin to listen."""
        if self._closed:
            raise ModelError("the recogniser is closed")
        session = RemoteSession(self, rate_hz)
        self._sessions.add(session)
        return session

    def problem(self) -> str | None:
        """None: whether a service is well shows when it is asked."""
        return None

    def close(self) -> None:
        """End all sessions."""
        if not self._closed:
            self._closed = True
            for session in list(self._sessions):
                session.cancel()
            wait(list(self._links), _END_S)
            if self._aclose is not None:
                with contextlib.suppress(TimeoutError):
                    self.network.submit(_awaited(self._aclose)).result(_END_S)
            self.network.release()

    def link(self, rate_hz: int) -> _Link:
        """A connection of its own."""
        link = _Link(self.network, self.feed(rate_hz))
        self._links.add(link.running)
        link.running.add_done_callback(self._links.discard)
        return link

    def ended(self, session: RemoteSession) -> None:
        """It is not listened to any more."""
        self._sessions.discard(session)


class RemoteSession:
    """See :class:`~offhook.engines.stt.base.RecognitionSession`."""

    def __init__(self, owner: RemoteRecognition, rate_hz: int) -> None:
        self._owner = owner
        self._rate_hz = rate_hz
        self._blocks: list[Samples] = []
        self._samples = 0
        self._told_samples = 0
        """Samples that were sent to any connection: what is charged for."""
        self._link: _Link | None = None
        self._last: tuple[int, int, Transcript] | None = None
        """Samples and voice of the last final words, and they."""
        self._cancelled = False
        self._bill = bill.BILL.get()

    @property
    def audio_s(self) -> float:
        """Seconds pushed."""
        return self._samples / self._rate_hz

    @property
    def usage_s(self) -> float:
        """Seconds sent to the service."""
        return self._told_samples / self._rate_hz

    @property
    def turn_over(self) -> float | None:
        """As the service sees it."""
        return self._link.feed.turn_over if self._link is not None else None

    def push(self, audio: Samples) -> None:
        """The next samples; they are on their way when this returns."""
        if self._samples + len(audio) > SESSION_S * self._rate_hz:
            raise BusyError(f"more than {SESSION_S} s of speech in one recognition")
        if self._cancelled or not len(audio):
            return
        block = audio.copy()
        self._blocks.append(block)
        self._samples += len(block)
        if self._link is None:
            self._link = self._open()
        self._tell(self._link, block)

    async def interim(self) -> str:
        """What the service has understood by now; it is not waited for."""
        self._check()
        link = self._link
        if link is None:
            return ""
        if (error := link.error) is not None:
            raise error
        return link.feed.so_far

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> str:
        """The service's own words, once they reach to the end of what was pushed."""
        while True:
            words = await self.interim()
            link = self._link
            if words and link is not None and link.feed.seen_s >= self.audio_s - _AT_THE_END_S:
                return clean(words, voiced_ms)
            await asyncio.sleep(_LOOK_S)

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        """The final words; a connection that has broken is opened once more."""
        self._check()
        audio_ms = self._samples * 1000 // self._rate_hz
        if voiced_ms < self._owner.min_voiced_ms or not self._samples:
            return Transcript("", audio_ms, 0.0)
        if self._last is not None and self._last[:2] == (self._samples, voiced_ms):
            return self._last[2]
        samples, began_s = self._samples, time.monotonic()
        words = await self._words()
        taken_ms = (time.monotonic() - began_s) * 1000
        heard = Transcript(clean(words.text, voiced_ms), audio_ms, taken_ms, words.language)
        self._last = (samples, voiced_ms, heard)
        return heard

    def cancel(self) -> None:
        """Hang up."""
        if not self._cancelled:
            self._cancelled = True
            self._owner.ended(self)
            if self._link is not None:
                self._link.close()
            self._blocks = []

    # -- inside ------------------------------------------------------------------------------------

    def _check(self) -> None:
        if self._cancelled:
            raise ModelError("the recognition was given up")

    def _open(self) -> _Link:
        return self._owner.link(self._rate_hz)

    def _tell(self, link: _Link, block: Samples) -> None:
        self._told_samples += len(block)
        bill.add(bill.SECONDS, len(block) / self._rate_hz, self._owner.price_per_s, bill=self._bill)
        link.tell(block)

    async def _words(self) -> Words:
        limit_s = self._owner.final_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                link = self._link
                assert link is not None
                try:
                    return await link.finish()
                except ModelError as error:
                    if error.lasting or self._cancelled:
                        raise
                    logger.info("%s; the connection is opened once more", error)
                link.close()
                self._link = again = self._open()
                for block in self._blocks:
                    self._tell(again, block)
                return await again.finish()
        except TimeoutError:
            raise DeadlineError(
                f"{self._owner.name}: no final words within {limit_s:g} s (stt.final_timeout_s)"
            ) from None


class _Link:
    """A feed, and the way to it from the event loop."""

    def __init__(self, network: Network, feed: Feed) -> None:
        self.feed = feed
        self.error: OffhookError | None = None
        """Why it is of no use any more."""
        self._network = network
        # Bounded by SESSION_S of audio.
        self._inbox: asyncio.Queue[Samples | Future[Words] | None] = asyncio.Queue()
        self._closed = False
        self._finishing: set[asyncio.Task[None]] = set()
        self.running = network.submit(self._run())

    def tell(self, block: Samples) -> None:
        self._put(block)

    async def finish(self) -> Words:
        if self.error is not None:
            raise self.error
        wanted: Future[Words] = Future()
        self._put(wanted)
        return await asyncio.wrap_future(wanted)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._put(None)

    def _put(self, item: Samples | Future[Words] | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and everything with it
            self._network.loop.call_soon_threadsafe(self._inbox.put_nowait, item)

    # -- on the network's loop ---------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            await self.feed.open()
            while (item := await self._inbox.get()) is not None:
                if isinstance(item, Future):
                    task = asyncio.create_task(self._finish(item))
                    self._finishing.add(task)
                    task.add_done_callback(self._finishing.discard)
                    await asyncio.sleep(0)  # what it waits for is what has been told by now
                else:
                    await self.feed.hear(item)
        except OffhookError as error:
            self.error = error
        except Exception as error:
            self.error = ModelError(f"the recogniser's connection failed: {type(error).__name__}")
            self.error.__cause__ = error
        finally:
            if self.error is None:
                self.error = ModelError("the recognition was given up")
            for task in self._finishing:
                task.cancel()
            await self.feed.close()
            while True:  # whoever still waits, or comes now, is told
                item = await self._inbox.get() if not self._closed else _next(self._inbox)
                if item is None:
                    break
                if isinstance(item, Future):
                    _fail(item, self.error)

    async def _finish(self, wanted: Future[Words]) -> None:
        try:
            words = await self.feed.finish()
        except asyncio.CancelledError:
            _fail(wanted, self.error or ModelError("the recognition was given up"))
            raise
        except OffhookError as error:
            self.error = error
            _fail(wanted, error)
        except Exception as raised:
            self.error = ModelError(f"the recogniser's connection failed: {type(raised).__name__}")
            self.error.__cause__ = raised
            _fail(wanted, self.error)
        else:
            with contextlib.suppress(InvalidStateError):  # nobody waits any more
                wanted.set_result(words)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def _fail(wanted: Future[Words], error: OffhookError) -> None:
    with contextlib.suppress(InvalidStateError):
        wanted.set_exception(error)


def _next(inbox: asyncio.Queue[Samples | Future[Words] | None]) -> Samples | Future[Words] | None:
    try:
        return inbox.get_nowait()
    except asyncio.QueueEmpty:
        return None
