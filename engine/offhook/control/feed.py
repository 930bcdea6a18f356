"""What happens in a daemon, told to whoever reads along: never waiting for a reader.

A reader has room for a few hundred items.  One that is too slow loses the oldest, and is told how many; the
daemon notices nothing of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from offhook.errors import BusyError
from offhook.observe.trace import now_ms

T = TypeVar("T")

Event = dict[str, Any]
"""JSON: ``type`` says what happened, ``at_ms`` when (Unix milliseconds), ``call`` in which call."""

MOST_WAITING = 256
"""Items that one reader may have before it: some minutes of a busy box."""
MOST_READERS = 32


class Reader(Generic[T]):
    """One reader's items.  :meth:`put` may be called by any thread, the rest on the loop of whoever reads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MOST_WAITING) -> None:
        """``loop`` is where it is read."""
        self._loop = loop
        self._items: deque[T] = deque(maxlen=most)
        self._lost = 0
        self._closed = False
        self._lock = threading.Lock()
        self._news = asyncio.Event()

    def put(self, item: T) -> None:
        """Never waits; the oldest makes room."""
        with self._lock:
            if self._closed:
                return
            if len(self._items) == self._items.maxlen:
                self._lost += 1
            self._items.append(item)
            first = len(self._items) == 1
        if first:  # whoever reads takes all that there is
            self._wake()

    def close(self) -> None:
        """Nothing comes any more; what is there can still be read.  Any thread, any number of times."""
        with self._lock:
            self._closed = True
        self._wake()

    async def take(self) -> tuple[list[T], int]:
        """Wait for something: all that there is, and how many were lost since; nothing at all: it is over."""
        while True:
            with self._lock:
                items, lost = list(self._items), self._lost
                self._items.clear()
                self._lost = 0
                self._news.clear()
                if items or self._closed:
                    return items, lost
            await self._news.wait()

    def _wake(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the reader's loop is closed, and so is whoever read
            self._closed = True


class Feed:
    """One daemon's events.  Lives on the daemon's loop."""

    def __init__(self) -> None:
        self._readers: dict[Reader[Event], Callable[[Event], Event | None]] = {}

    def publish(self, kind: str, **what: Any) -> None:
        """Something has happened.  Costs next to nothing while nobody reads."""
        if not self._readers:
            return
        event = {"type": kind, "at_ms": now_ms(), **what}
        for reader, shown in self._readers.items():
            if (own := shown(event)) is not None:
                reader.put(own)

    def add(self, reader: Reader[Event], shown: Callable[[Event], Event | None]) -> None:
        """``reader`` reads along from now on; ``shown`` says what it may see.  Raises BusyError."""
        if len(self._readers) >= MOST_READERS:
            raise BusyError(f"{MOST_READERS} readers follow the events already: close one")
        self._readers[reader] = shown

    def remove(self, reader: Reader[Event]) -> None:
        """Any number of times."""
        self._readers.pop(reader, None)
        reader.close()

    def close(self) -> None:
        """Every reader comes to its end."""
        for reader in list(self._readers):
            self.remove(reader)
