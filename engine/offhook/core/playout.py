"""Answers as files that grow: a thread keeps each ahead of whoever plays it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from offhook.core.native import _core


class Growing:
    """What is written and played at the same time, whoever plays it."""

    _native: _core.PlayoutFile | _core.PlayoutBuffer

    @property
    def rate_hz(self) -> int:
        return self._native.rate_hz

    @property
    def finished(self) -> bool:
        """Nothing more will come."""
        return self._native.finished

    @property
    def written_samples(self) -> int:
        """Content so far."""
        return self._native.written_samples

    @property
    def padded_samples(self) -> int:
        """Silence put in because content came late."""
        return self._native.padded_samples

    @property
    def underruns(self) -> int:
        """How often content came late, however long it took."""
        return self._native.underruns

    def content(self, start_samples: int, stop_samples: int) -> NDArray[np.int16]:
        """Copy content, as far as it exists: ``[samples]``."""
        return self._native.content(start_samples, stop_samples)


class PlayoutFile(Growing):
    """One answer's file, which Asterisk plays while it grows.  Made by :meth:`PlayoutThread.open`.

    *Content* is what :meth:`write` was given; the *file* has the silence as well that was put in
    when content came late.  Any thread may call anything.  A write that fails (disk full), also
    one of the thread's, is the file's end: every :meth:`write` from then on raises it.
    """

    def __init__(self, native: _core.PlayoutFile) -> None:
        self._native: _core.PlayoutFile = native

    @property
    def playing(self) -> bool:
        """Started and not stopped; Asterisk may have reached the end by itself."""
        return self._native.playing

    @property
    def file_samples(self) -> int:
        """The file's length: content and silence."""
        return self._native.file_samples

    @property
    def write_errno(self) -> int:
        """The errno of the write that failed; 0 while none has."""
        return self._native.write_errno

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples]`` int16, at once.  Releases the GIL.

        Raises OSError (disk full, now or earlier), ValueError (finished, closed, more than 120 s).
        """
        self._native.write(np.ascontiguousarray(audio))

    def finish(self) -> None:
        """Nothing more will come: no silence is put in any more, and the playback ends with the content.

        The last 20 ms frame is made whole.  Any number of times.  Raises OSError as :meth:`write` does.
        """
        self._native.finish()

    def start(self, at_ns: int, offset_samples: int = 0) -> None:
        """STREAM FILE was written at ``at_ns``, or is about to be, with that offset into the file.

        From here on the file is kept ahead of Asterisk; what is missing for that is put in before this
        returns, so that a file without content can be played.  Raises ValueError (it plays already, is
        closed, or shorter than the offset), RuntimeError (the thread has stopped).
        """
        self._native.start(at_ns, offset_samples)

    def stop(self, at_ns: int) -> None:
        """The playback was cut at ``at_ns``, or has ended: no more silence, :meth:`position` freezes."""
        self._native.stop(at_ns)

    def position(self, now_ns: int) -> int:
        """How much of the content had been played by then; during silence, what came before it."""
        return self._native.position(now_ns)

    def file_position(self, content_samples: int) -> int:
        """Where that content is in the file, behind the silence if there is some: where to play on from."""
        return self._native.file_position(content_samples)

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What was in the air between two moments: ``[samples]`` at :attr:`rate_hz`, zeros where nothing was.

        A time to come holds what will be played if nothing changes.  Raises ValueError for more than 600 s.
        """
        return self._native.played(start_ns, stop_ns)

    def close(self) -> None:
        """Close the file, which stays on disk; its past can still be asked for.  Any number of times.

        A playback that was not stopped counts as played to the end.
        """
        self._native.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PlayoutThread:
    """The native thread that keeps growing files ahead of Asterisk; one for all calls."""

    DEFAULT_LEAD_MS: Final = _core.PlayoutThread.default_lead_ms

    def __init__(self) -> None:
        """Start the thread.  Raises OSError when the system has no descriptors or threads left."""
        self._native = _core.PlayoutThread()

    @property
    def playing_count(self) -> int:
        """Files that are kept ahead now; one that stopped or finished leaves a moment later."""
        return self._native.playing_count

    @property
    def rounds(self) -> int:
        """How often the thread has woken up."""
        return self._native.rounds

    def beat(self) -> int:
        """Rounds so far, and a wake-up: the number is higher soon, if the thread still moves."""
        rounds = self._native.rounds
        self._native.wake()
        return rounds

    def open(self, path: Path, rate_hz: int, *, lead_ms: int = DEFAULT_LEAD_MS) -> PlayoutFile:
        """Create ``path`` (``.sln`` at 8 kHz, ``.sln16`` at 16 kHz), or empty it.

        ``lead_ms`` (20 to 1000) is how far it is kept ahead while it plays.  Raises OSError, ValueError.
        """
        return PlayoutFile(self._native.open(str(path), rate_hz, lead_ms=lead_ms))

    def stop(self) -> None:
        """End the thread and wait for it.  Files stay, but are no longer kept ahead.  Any number of times."""
        self._native.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
