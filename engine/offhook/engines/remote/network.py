"""The thread that speaks to servers: one event loop beside the one that calls live on.

Decrypting, JSON and base64 of a streaming service take their time; here no call waits for them.  Connections
belong to this loop, whoever asks, so that they are used again.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import aclosing
from typing import Any, TypeVar

from offhook.errors import ModelError

LOOK_S = 0.02
"""How often somebody who waits for a server looks whether the answer is wanted any more."""
_END_S = 2.0

T = TypeVar("T")


class Network:
    """The loop and its thread, shared: it begins with the first :meth:`shared`, and ends with the last
    :meth:`release`.  All methods may be called from any thread but its own."""

    _lock = threading.Lock()
    _shared: Network | None = None

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._users = 0
        self._thread = threading.Thread(target=self._serve, name="offhook-network", daemon=True)
        self._thread.start()

    @classmethod
    def shared(cls) -> Network:
        """The process's network; each call of this wants one of :meth:`release`."""
        with cls._lock:
            if cls._shared is None:
                cls._shared = cls()
            cls._shared._users += 1
            return cls._shared

    def release(self) -> None:
        """It is not needed any more by one of those who have asked for it."""
        with self._lock:
            self._users -= 1
            if self._users or Network._shared is not self:
                return
            Network._shared = None
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_END_S)

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin ``work``; cancelling the future cancels it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def wait(self, work: Coroutine[Any, Any, T], cancelled: Callable[[], bool]) -> T | None:
        """What ``work`` returns; None when ``cancelled`` says so, and it is cancelled then."""
        for result in self.iterate(lambda: _only(work), cancelled):
            return result
        return None

    def iterate(
        self, make: Callable[[], AsyncGenerator[T, None]], cancelled: Callable[[], bool]
    ) -> Iterator[T]:
        """What the generator that ``make`` makes on the loop gives, blockingly, each thing at once.

        Ends early within :data:`LOOK_S` when ``cancelled`` says so, and closes the generator then; so does
        closing the iterator.  Raises what the generator raises.
        """
        handed: queue.SimpleQueue[tuple[T] | None] = queue.SimpleQueue()

        async def pump() -> None:
            async with aclosing(make()) as stream:
                async for each in stream:
                    handed.put((each,))

        future = self.submit(pump())
        future.add_done_callback(lambda _: handed.put(None))
        try:
            while True:
                try:
                    each = handed.get(timeout=LOOK_S)
                except queue.Empty:
                    if cancelled():
                        return
                    continue
                if each is None:
                    break
                if cancelled():
                    return
                yield each[0]
            try:
                future.result()
            except CancelledError:
                raise ModelError("the engine has been closed") from None
        finally:
            future.cancel()

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left, timeout=_END_S))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


async def _only(work: Coroutine[Any, Any, T]) -> AsyncGenerator[T, None]:
    yield await work
