"""What the lines of all doors share: threads that hear and play, and the folder that is played from."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass

from offhook.core import (
    Framing,
    MediaThread,
    OnMessage,
    PlayoutThread,
    Sender,
    SenderThread,
    SileroModel,
    Stream,
)
from offhook.doors.base import Listening, OnEvent
from offhook.playout.folder import PlaybackFolder

_INT = struct.Struct("i")
_SAMPLE_BYTES = 2


class Hearing:
    """Speech events from the media thread to the calls they belong to.  Lives on the running event loop."""

    def __init__(self) -> None:
        """Load the voice-activity network and start listening.  Raises ModelError or OSError."""
        self._media = MediaThread(SileroModel())
        self._listeners: dict[int, OnEvent] = {}
        self._pipes: dict[int, _Pipe] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._media.event_fd, self._dispatch)

    def add(
        self,
        fd: int,
        rate_hz: int,
        on_event: OnEvent,
        listening: Listening,
        *,
        framing: Framing = "raw",
        on_message: OnMessage | None = None,
    ) -> Stream:
        """Hear ``fd`` from now on; what happens on it goes to ``on_event``.  See MediaThread.add."""
        inode = os.fstat(fd).st_ino
        stream = self._media.add(
            fd,
            rate_hz,
            pause_ms=listening.pause_ms,
            endpointing_ms=listening.endpointing_ms,
            ring_s=listening.ring_s,
            framing=framing,
            on_message=on_message,
        )
        self._listeners[stream.id] = on_event
        self._pipes[stream.id] = _Pipe(fd, inode, rate_hz)
        return stream

    def remove(self, stream: Stream) -> None:
        """Stop hearing ``stream``; its descriptor is closed."""
        self._listeners.pop(stream.id, None)
        self._pipes.pop(stream.id, None)
        stream.close()

    def waiting_s(self) -> float:
        """Audio that has arrived and was not read yet, of the call that has the most of it: microseconds of
        work."""
        return max((pipe.waiting_s() for pipe in self._pipes.values()), default=0.0)

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
class _Pipe:
    """A caller's audio on its way to the media thread, which owns the descriptor and may have closed it."""

    fd: int
    inode: int
    """To know it again: a number is used anew."""
    rate_hz: int

    def waiting_s(self) -> float:
        try:
            if os.fstat(self.fd).st_ino != self.inode:
                return 0.0
            (unread,) = _INT.unpack(fcntl.ioctl(self.fd, termios.FIONREAD, _INT.pack(0)))
        except OSError:
            return 0.0
        return float(unread) / (_SAMPLE_BYTES * self.rate_hz)


OnEnded = Callable[[int, bool], None]
"""A playback's number, and whether the line broke: see :meth:`SenderThread.poll`."""


class Sending:
    """Owns the sender thread; lives on the running event loop."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._thread = SenderThread()
        self._listeners: dict[int, OnEnded] = {}
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._thread.event_fd, self._dispatch)

    def add(self, fd: int, rate_hz: int, on_ended: OnEnded, *, framing: Framing, lead_ms: int = 0) -> Sender:
        """Send on a duplicate of ``fd`` from now on.  See SenderThread.add."""
        sender = self._thread.add(fd, rate_hz, framing=framing, lead_ms=lead_ms)
        self._listeners[sender.id] = on_ended
        return sender

    def remove(self, sender: Sender) -> None:
        """Send nothing any more."""
        self._listeners.pop(sender.id, None)
        sender.close()

    def beat(self) -> int:
        """Whether the thread moves; see SenderThread.beat."""
        return self._thread.beat()

    def close(self) -> None:
        """Stop the thread.  Any number of times."""
        self._loop.remove_reader(self._thread.event_fd)
        self._thread.stop()

    def _dispatch(self) -> None:
        for sender_id, playback, broken in self._thread.poll():
            listener = self._listeners.get(sender_id)
            if listener is not None:  # else: closed while the event was on its way
                listener(playback, broken)


@dataclass(frozen=True, slots=True)
class Media:
    """One process's."""

    hearing: Hearing
    playout: PlayoutThread
    folder: PlaybackFolder
    sending: Sending | None = None
    """None where no door needs it."""
