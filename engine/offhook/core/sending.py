"""Answers as frames that we pace ourselves, where a door has no clock of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from offhook.core.media import Framing
from offhook.core.native import _core
from offhook.core.playout import Growing


class PlayoutBuffer(Growing):
    """One answer in memory, which we send ourselves, by a :class:`Sender`, while it grows.

    Otherwise what :class:`PlayoutFile` is.  Any thread may call anything.
    """

    def __init__(self, rate_hz: int) -> None:
        """Raises ValueError unless ``rate_hz`` is 8000 or 16000."""
        self._native: _core.PlayoutBuffer = _core.PlayoutBuffer(rate_hz)

    @property
    def playing(self) -> bool:
        """It is being sent."""
        return self._native.playing

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples]`` int16.  Raises ValueError (finished, more than 120 s)."""
        self._native.write(np.ascontiguousarray(audio))

    def finish(self) -> None:
        """Nothing more will come: the sending ends with the content.  Any number of times."""
        self._native.finish()

    def audible_until(self, file_samples: int) -> None:
        """Correct how far the playback that has stopped was audible: up to that offset."""
        self._native.audible_until(file_samples)

    def position(self, now_ns: int) -> int:
        """How much of the content had been audible by then, frames on their way included."""
        return self._native.position(now_ns)

    def file_position(self, content_samples: int) -> int:
        """The offset that plays on from that content, behind the silence if there is some."""
        return self._native.file_position(content_samples)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What was in the air between two moments; see :meth:`PlayoutFile.played`."""
        return self._native.played(start_ns, stop_ns)


class Sender:
    """What one line is sent, in 20 ms frames on our own clock.  Made by :meth:`SenderThread.add`.

    csrc/audio/sender.h says how; close it, or leave it to the collector.
    """

    def __init__(self, native: _core.Sender) -> None:
        self._native = native

    @property
    def id(self) -> int:
        """What :meth:`SenderThread.poll` calls this sender; never used twice."""
        return self._native.id

    @property
    def playing(self) -> bool:
        return self._native.playing

    @property
    def broken(self) -> bool:
        """Nothing can be sent any more: the other side has gone, or takes nothing."""
        return self._native.broken

    @property
    def sent_samples(self) -> int:
        """The offset up to which what is being sent, or was last, has been sent."""
        return self._native.sent_samples

    @property
    def frames_sent(self) -> int:
        return self._native.frames_sent

    @property
    def skipped_ns(self) -> int:
        """Time given up because this machine or the other one stood still."""
        return self._native.skipped_ns

    def play(self, audio: PlayoutBuffer, offset_samples: int = 0) -> int:
        """Send ``audio`` from that offset on, from now on; returns the playback's number.

        Raises OSError (the line is broken), ValueError (something is being sent, another rate, too short).
        """
        return self._native.play(audio._native, offset_samples)

    def stop(self) -> bool:
        """Send nothing more of it.  False when nothing was being sent."""
        return self._native.stop()

    def send_message(self, code: int, payload: bytes = b"") -> None:
        """Send a message between two frames, at once or as soon as the line takes it.

        Raises OSError (the line is broken), ValueError (over 125 bytes, or too many waiting).
        """
        self._native.send_message(code, payload)

    def close(self) -> None:
        """Send nothing any more.  Any number of times."""
        self._native.close()


class SenderThread:
    """The native thread that sends to all lines whose clock we are.

    Watch :attr:`event_fd` for input (``loop.add_reader``), then call :meth:`poll`.
    """

    def __init__(self, *, max_senders: int = 1024) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.SenderThread(max_senders=max_senders)

    @property
    def event_fd(self) -> int:
        """Readable when :meth:`poll` has something.  Do not read it."""
        return self._native.event_fd

    @property
    def sender_count(self) -> int:
        return self._native.sender_count

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def add(self, fd: int, rate_hz: int, *, framing: Framing, lead_ms: int = 0) -> Sender:
        """Send on a duplicate of ``fd``, a stream socket, from now on.

        ``lead_ms`` (0 to 2000) is how far ahead, where the other side has a clock of its own.
        Raises OSError, ValueError (rate, lead, no place left).
        """
        return Sender(self._native.add(fd, rate_hz, framing=framing, lead_ms=lead_ms))

    def poll(self) -> list[tuple[int, int, bool]]:
        """What ended since the last call: ``(sender_id, playback, broken)``.  Never waits.

        ``broken`` False: that playback was heard to its end.  True: nothing can be sent any more.
        """
        return self._native.poll()

    def stop(self) -> None:
        """End the thread and wait for it; nothing is sent any more.  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
