"""Speech events from the media thread to the calls they belong to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from offhook.core import MediaThread, SileroModel, Stream
from offhook.events import SpeechEvent

OnEvent = Callable[[SpeechEvent], None]


class Hearing:
    """Owns the media thread; lives on the running event loop."""

    def __init__(self) -> None:
        """Load the voice-activity network and start listening.  Raises ModelError or OSError."""
        self._media = MediaThread(SileroModel())
        self._listeners: dict[int, OnEvent] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._media.event_fd, self._dispatch)

    def add(
        self, fd: int, rate_hz: int, on_event: OnEvent, *, pause_ms: int, endpointing_ms: int, ring_s: float
    ) -> Stream:
        """Hear ``fd`` from now on; what happens on it goes to ``on_event``.  See MediaThread.add."""
        stream = self._media.add(fd, rate_hz, pause_ms=pause_ms, endpointing_ms=endpointing_ms, ring_s=ring_s)
        self._listeners[stream.id] = on_event
        return stream

    def remove(self, stream: Stream) -> None:
        """Stop hearing ``stream``; its descriptor is closed."""
        self._listeners.pop(stream.id, None)
        stream.close()

    def beat(self) -> int:
        """Whether the media thread moves; see MediaThread.beat."""
        return self._media.beat()

    def close(self) -> None:
        """Stop the thread.  Any number of times."""
        self._loop.remove_reader(self._media.event_fd)
        self._media.stop()

    def _dispatch(self) -> None:
        for stream_id, event in self._media.poll():
            listener = self._listeners.get(stream_id)
            if listener is not None:  # else: closed while the event was on its way
                listener(event)
