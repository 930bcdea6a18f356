"""A recogniser on somebody else's server: each second of a call is sent there once, as it comes.

A session lives on the event loop; its :class:`~offhook.engines.stt.feed.Feed` is told everything in the order
in which it was pushed.  The audio is kept here as well: a connection that breaks is opened anew, once, and
then hears it again.

Most services take what they are told between two requests for final words as a piece of its own, and a
caller who pauses for a tenth of a second in the middle of a sentence is not understood in pieces (figures:
``bench/recognition``).  So a piece ends only where the pause has lasted :data:`CUT_MS`, or where what was
said sounds finished.  A service of one's own is not waited with: it is asked in each pause, and where the
caller goes on too soon it hears the piece again, as a whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, wait

from offhook.engines.remote.network import Network
from offhook.engines.remote.service import Service
from offhook.engines.stt.base import SESSION_S, GoneOnError, Guess, Transcript
from offhook.engines.stt.feed import Feed, Link, Samples, Words
from offhook.engines.stt.gate import clean
from offhook.errors import BusyError, DeadlineError, ModelError
from offhook.observe import bill
from offhook.workers import Claim, Urgency

logger = logging.getLogger(__name__)

CUT_MS = 300
"""A pause as long as this is one between words that can be understood apart."""
_AT_THE_END_S = 0.15
"""Nobody says a word in so little; services work in steps of about that."""
_LOOK_S = 0.02
_END_S = 2.0
"""So long closing waits for goodbyes."""


class Pieces(enum.Enum):
    """What a service makes of the audio between two requests for final words."""

    NONE = enum.auto()
    """Nothing: it goes on listening."""
    ONCE = enum.auto()
    """A piece by itself; it hears each second once."""
    AGAIN = enum.auto()
    """A piece by itself, which it may hear again as the beginning of a longer one."""


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
        pieces: Pieces = Pieces.NONE,
        commits: bool = False,
        aclose: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``feed`` makes one for audio of so many Hz; it contacts nobody.  ``commits``: answers may begin on
        interim words that it declares sure.  ``aclose`` closes what feeds share, on the network's loop."""
        self.name = name
        self.service = service
        self.feed = feed
        self.final_timeout_s = final_timeout_s
        self.min_voiced_ms = min_voiced_ms
        self.price_per_s = price_per_minute / 60
        self.pieces = pieces
        self.commits = commits
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

    def link(self, rate_hz: int) -> Link:
        """A connection of its own."""
        link = Link(self.network, self.feed(rate_hz))
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
        self._link: Link | None = None
        self._last: tuple[int, int, Transcript] | None = None
        """Samples and voice of the last final words, and they."""
        self._cancelled = False
        self._over = asyncio.Event()
        """What was pushed sounds finished, or the caller has gone on."""
        self._went_on = 0
        self._asking: set[asyncio.Task[Words]] = set()
        self._piece_samples = 0
        """Where the piece begins that the latest words end with."""
        self._asked_samples = 0
        """And where it ends; as much as :attr:`_piece_samples` before any were asked for."""
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
        self._over.clear()
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

    async def guess(self, voiced_ms: int, claim: Claim | None = None) -> Guess:
        """The service's own words, once they reach to the end of what was pushed."""
        while True:
            words = await self.interim()
            link = self._link
            if words and link is not None and link.feed.seen_s >= self.audio_s - _AT_THE_END_S:
                return Guess(clean(words, voiced_ms), self._owner.commits and link.feed.sure)
            await asyncio.sleep(_LOOK_S)

    @property
    def in_pieces(self) -> bool:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        return self._owner.pieces is not Pieces.NONE

    async def settled(self, claim: Claim | None) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        if self._owner.pieces is not Pieces.ONCE or claim is None or claim.rank[0] is Urgency.COMMITTED:
            return
        left_s = claim.since_ns / 1e9 + CUT_MS / 1000 - time.monotonic()
        if left_s > 0:
            times = self._went_on
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._over.wait()
            if self._went_on != times:
                raise GoneOnError("the caller has gone on")

    def probably_over(self) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        self._over.set()

    def went_on(self, pause_ms: int) -> None:
        """See :class:`~offhook.engines.stt.base.Piecewise`."""
        self._went_on += 1
        self._over.set()
        if self._owner.pieces is Pieces.AGAIN and pause_ms < CUT_MS and self._asked_samples == self._samples:
            for asking in self._asking:
                asking.cancel()
            again = self._asked_samples - self._piece_samples
            self._asked_samples = self._piece_samples
            if self._link is not None and again:
                self._charge(again)
                self._link.reopen()

    async def final(self, voiced_ms: int, claim: Claim | None = None) -> Transcript:
        """The final words; a connection that has broken is opened once more."""
        self._check()
        audio_ms = self._samples * 1000 // self._rate_hz
        if voiced_ms < self._owner.min_voiced_ms or not self._samples:
            return Transcript("", audio_ms, 0.0)
        if self._last is not None and self._last[:2] == (self._samples, voiced_ms):
            return self._last[2]
        samples = self._samples
        await self.settled(claim)
        self._check()
        began_s = time.monotonic()
        if self._asked_samples < samples:
            self._piece_samples, self._asked_samples = self._asked_samples, samples
        asking = asyncio.ensure_future(self._words())
        self._asking.add(asking)
        try:
            words = await asking
        except asyncio.CancelledError:
            if asking.cancelled() and self._asked_samples < samples:
                raise GoneOnError("the caller has gone on") from None
            asking.cancel()
            raise
        finally:
            self._asking.discard(asking)
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

    def _open(self) -> Link:
        return self._owner.link(self._rate_hz)

    def _tell(self, link: Link, block: Samples) -> None:
        self._charge(len(block))
        link.tell(block)

    def _charge(self, samples: int) -> None:
        self._told_samples += samples
        bill.add(bill.SECONDS, samples / self._rate_hz, self._owner.price_per_s, bill=self._bill)

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
                self._piece_samples = 0
                for block in self._blocks:
                    self._tell(again, block)
                return await again.finish()
        except TimeoutError:
            raise DeadlineError(
                f"{self._owner.name}: no final words within {limit_s:g} s (stt.final_timeout_s)"
            ) from None


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()
