"""What the lines of all doors share: threads that hear and play, and the folder that is played from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from offhook.core import MediaThread, PlayoutThread, SileroModel, Stream
from offhook.doors.base import Listening, OnEvent
from offhook.playout.folder import PlaybackFolder


class Hearing:
    """Speech events from the media thread to the calls they belong to.  Lives on the running event loop."""

    def __init__(self) -> None:
        """Load the voice-activity network and start listening.  Raises ModelError or OSError."""
        self._media = MediaThread(SileroModel())
        self._listeners: dict[int, OnEvent] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._media.event_fd, self._dispatch)

    def add(self, fd: int, rate_hz: int, on_event: OnEvent, listening: Listening) -> Stream:
        """Hear ``fd`` from now on; what happens on it goes to ``on_event``.  See MediaThread.add."""
        stream = self._media.add(
            fd,
            rate_hz,
            pause_ms=listening.pause_ms,
            endpointing_ms=listening.endpointing_ms,
            ring_s=listening.ring_s,
        )
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


@dataclass(frozen=True, slots=True)
class Media:
    """One process's."""

    hearing: Hearing
    playout: PlayoutThread
    folder: PlaybackFolder
