"""How what the engine thread has done reaches the event loop: one descriptor, an event for each asker."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

from offhook import core
from offhook.engines.llm.loops import is_current


class News:
    """Carries the engine's news into the event loop that asked for them.

    One loop at a time: the one that listened last.  It has to be running, or closed, when
    another one takes over.
    """

    def __init__(self, engine: core.LlmEngine) -> None:
        self._engine = engine
        self._events: weakref.WeakValueDictionary[int, asyncio.Event] = weakref.WeakValueDictionary()
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self, native_id: int) -> asyncio.Event:
        """An event that is set when ``native_id`` has news, for as long as it is held."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._detach()
            self._loop = loop
            loop.add_reader(self._engine.event_fd, self._drain)
        event = self._events.get(native_id)
        if event is None:
            event = self._events[native_id] = asyncio.Event()
        return event

    async def wait(self, native_id: int, done: Callable[[], bool]) -> None:
        """Until ``done()``, looked at now and whenever ``native_id`` has news."""
        event = self.listen(native_id)
        while not done():
            await event.wait()
            event.clear()

    def close(self) -> None:
        """Pass on the last news and let go of the loop.  From any thread."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return
        if not loop.is_running() or is_current(loop):
            self._drain()
            self._detach()
        else:
            loop.call_soon_threadsafe(self._last)

    def _last(self) -> None:
        self._drain()
        self._detach()

    def _detach(self) -> None:
        loop, self._loop = self._loop, None
        if loop is not None and not loop.is_closed():
            loop.remove_reader(self._engine.event_fd)

    def _drain(self) -> None:
        for native_id in self._engine.poll():
            event = self._events.get(native_id)
            if event is not None:
                event.set()
