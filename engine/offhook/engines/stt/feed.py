"""One stretch of speech at one service: what each protocol's feed does, and the way to it.

A :class:`Feed` lives on the network's loop (see :mod:`offhook.engines.remote.network`) and is told everything
in the order in which it was pushed.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from offhook.engines.remote.network import Network
from offhook.errors import ModelError, OffhookError

Samples = NDArray[np.int16]


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
    sure: bool
    """The service declares that, and that it hardly changes these words any more; False: it says neither."""

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


@runtime_checkable
class Reopening(Protocol):
    """A feed that can let its service hear a piece again."""

    async def reopen(self) -> None:
        """What the latest :meth:`Feed.finish` was of, whether that was given up or not, goes on with what is
        told next, and is recognised together with it."""
        ...


class _Reopen(enum.Enum):
    """A message to a feed."""

    REOPEN = enum.auto()


_REOPEN = _Reopen.REOPEN
_Item = Samples | Future[Words] | _Reopen | None


class Link:
    """A feed, and the way to it from the event loop."""

    def __init__(self, network: Network, feed: Feed) -> None:
        self.feed = feed
        self.error: OffhookError | None = None
        """Why it is of no use any more."""
        self._network = network
        # Bounded by SESSION_S of audio.
        self._inbox: asyncio.Queue[_Item] = asyncio.Queue()
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

    def reopen(self) -> None:
        self._put(_REOPEN)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._put(None)

    def _put(self, item: _Item) -> None:
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
                elif isinstance(item, _Reopen):
                    for task in list(self._finishing):
                        task.cancel()
                        with contextlib.suppress(asyncio.CancelledError):
                            await task
                    if isinstance(self.feed, Reopening):
                        await self.feed.reopen()
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


def _fail(wanted: Future[Words], error: OffhookError) -> None:
    with contextlib.suppress(InvalidStateError):
        wanted.set_exception(error)


def _next(inbox: asyncio.Queue[_Item]) -> _Item:
    try:
        return inbox.get_nowait()
    except asyncio.QueueEmpty:
        return None
