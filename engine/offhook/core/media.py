"""The caller's audio: one thread that never waits for Python reads the descriptors of all calls."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from offhook.core.events import MESSAGE, speech_event
from offhook.core.native import _core
from offhook.core.voice_activity import SileroModel
from offhook.events import SpeechEvent

Framing = Literal["raw", "audiosocket", "websocket"]
"""How a door's bytes are framed; csrc/audio/frame_decoder.h."""
OnMessage = Callable[[int, bytes], None]
"""AudioSocket's type or the websocket's opcode, and the payload."""


class Stream:
    """One caller's audio.  Made by :meth:`MediaThread.add`; close it, or leave it to the collector.

    Closing ends the reading; audio heard before can still be read.
    """

    def __init__(self, native: _core.Stream, on_message: OnMessage | None = None) -> None:
        self._native = native
        self._on_message = on_message

    @property
    def id(self) -> int:
        """What :meth:`MediaThread.poll` calls this stream; never used twice."""
        return self._native.id

    @property
    def rate_hz(self) -> int:
        return self._native.rate_hz

    @property
    def written_samples(self) -> int:
        """One past the newest position."""
        return self._native.written_samples

    @property
    def overrun_samples(self) -> int:
        """Samples asked for by :meth:`read` after newer ones had taken their place."""
        return self._native.overrun_samples

    @property
    def inserted_samples(self) -> int:
        """Samples of silence put in while Asterisk sent nothing (DTX, hold)."""
        return self._native.inserted_samples

    @property
    def dropped_events(self) -> int:
        """Speech events given up because nobody polled for a long time."""
        return self._native.dropped_events

    @property
    def windows_run(self) -> int:
        """Windows the network has seen."""
        return self._native.windows_run

    @property
    def windows_skipped(self) -> int:
        """Windows of plain silence the network was spared."""
        return self._native.windows_skipped

    @property
    def read_errno(self) -> int:
        """The errno that ended the stream; 0 while it runs and after a plain end of file."""
        return self._native.read_errno

    @property
    def end_reason(self) -> str:
        """Why the stream ended, such as ``hang-up`` or ``malformed``; empty while it runs.

        All of them are named in csrc/audio/frame_decoder.h.
        """
        return self._native.end_reason

    def give_messages(self) -> None:
        """Hand out what the other side has sent beside audio; :meth:`MediaThread.poll` calls this."""
        messages = self._native.take_messages()
        if self._on_message is not None:
            for code, payload in messages:
                self._on_message(code, payload)

    def read(self, start_samples: int, stop_samples: int) -> tuple[int, NDArray[np.int16]]:
        """Copy what still exists of ``[start, stop)``: its first position and ``[samples]`` int16.

        Less than asked comes back when the end is not written yet, or the beginning has been
        overwritten (counted in :attr:`overrun_samples`).
        """
        return self._native.read(start_samples, stop_samples)

    def set_endpointing_ms(self, endpointing_ms: int) -> None:
        """Change the silence that ends an utterance, from the next 10 ms on."""
        self._native.set_endpointing_ms(endpointing_ms)

    def close(self) -> None:
        """Stop reading and close the descriptor, soon.  Any number of times."""
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MediaThread:
    """The native thread that hears all callers.

    Watch :attr:`event_fd` for input (``loop.add_reader``), then call :meth:`poll`.
    """

    def __init__(self, model: SileroModel, *, max_streams: int = 2048) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.MediaThread(model._native, max_streams=max_streams)
        self._framed: weakref.WeakValueDictionary[int, Stream] = weakref.WeakValueDictionary()

    @property
    def event_fd(self) -> int:
        """Readable when :meth:`poll` has something.  Do not read it."""
        return self._native.event_fd

    @property
    def cpu_ns(self) -> int:
        """CPU time the thread has used."""
        return self._native.cpu_ns

    @property
    def stream_count(self) -> int:
        """Streams added and not yet let go of by the thread."""
        return self._native.stream_count

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def add(
        self,
        fd: int,
        rate_hz: int,
        *,
        pause_ms: int = 100,
        endpointing_ms: int = 450,
        ring_s: float = 25.0,
        framing: Framing = "raw",
        on_message: OnMessage | None = None,
    ) -> Stream:
        """Read ``fd`` (a pipe or socket of int16 at 8 or 16 kHz) from now on; it then belongs to the thread.

        The last ``ring_s`` seconds (2 to 600) stay readable; the last 10 where it was quiet for so long.
        On failure ``fd`` stays the caller's.
        ``on_message`` is called within :meth:`poll`.
        Raises ValueError, OSError (not a pipe or socket), or :class:`~offhook.errors.BusyError`.
        """
        native = self._native.add(
            fd, rate_hz, pause_ms=pause_ms, endpointing_ms=endpointing_ms, ring_s=ring_s, framing=framing
        )
        stream = Stream(native, on_message)
        if framing != "raw":
            self._framed[stream.id] = stream
        return stream

    def poll(self) -> list[tuple[int, SpeechEvent]]:
        """Everything that happened since the last call, as ``(stream_id, event)``.  Never waits.

        Events of one stream are in order.  A stream closed meanwhile may still appear.  Messages go to
        their stream's ``on_message``, before the list comes back.
        """
        events: list[tuple[int, SpeechEvent]] = []
        for stream_id, kind, position, at_ns, voiced_ms in self._native.poll():
            if kind != MESSAGE:
                events.append((stream_id, speech_event(kind, position, at_ns, voiced_ms)))
            elif (stream := self._framed.get(stream_id)) is not None:
                stream.give_messages()
        return events

    def stop(self) -> None:
        """End the thread and wait for it (one round of work).  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
