"""Writes calls to files, in one thread for all of them: no call and no loop waits for a disk.

A recording never harms its call.  What ends one (a disk that is full or hangs, a folder that is closed) is
told in one line, and what was written until then is kept.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import queue
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.config import RecordingConfig
from offhook.errors import ConfigError
from offhook.files import make_folders, unwritable
from offhook.recording.places import PART, part_of, path_of, whole_of
from offhook.recording.sound_file import SoundFile, check_format, make_sound_file

_log = logging.getLogger("offhook.recording.recorder")

BLOCK_S = 1
"""Written at once."""
MOST_WAITING_S = 30
"""A disk that is so far behind is taken to hang."""
_ROOM_EVERY_S = 10
"""The room on the disk is looked at so often."""
_CLOSE_S = 5.0
"""The end of the daemon waits so long for what is still to be written."""
_NICENESS = 10
_MB = 1_000_000

Ended = Callable[[str], None]
"""Told how a recording went: ``kept``, ``cut`` (a part of it is kept) or ``failed``."""
Work = Callable[[], None]


class Recorder:
    """One daemon's."""

    def __init__(
        self,
        config: RecordingConfig,
        ended: Ended = lambda how: None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Raises ConfigError when nothing can be written to ``recording.folder``."""
        assert config.folder is not None
        self.folder = config.folder
        self.config = config
        self._ended = ended
        self._now = now
        check_format(config.format)
        try:
            make_folders(self.folder, None)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.touch(mode=0o640)
            probe.unlink()
        except OSError as error:
            raise ConfigError(f"recording.folder {self.folder}: {unwritable(self.folder, error)}") from error
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="offhook-record", daemon=True)
        self._thread.start()
        self._work.put(self._finish_parts)

    def begin(self, call_id: str, whose: str, rate_hz: int) -> Recording:
        """Record a call into the folder of ``whose``.  Never waits, never raises."""
        path = path_of(self.folder, whose, self._now(), call_id, self.config.format)
        return Recording(path, call_id, rate_hz, self)

    def close(self) -> None:
        """Write what waits, if the disk takes it soon.  Any number of times."""
        self._work.put(None)
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            _log.error("recordings could not be written to their end: %s does not answer", self.folder)

    def _write(self) -> None:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:
                _log.exception("a recording")

    def _finish_parts(self) -> None:
        """What a daemon that died has left gets its name; one that lives holds a lock on its own."""
        for part in sorted(self.folder.glob(f"*/*/.*{PART}")):
            try:
                fd = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _rename(part)
                _log.warning("%s was left by a daemon that died: it is kept as it is", whole_of(part))
            except OSError:
                pass  # its daemon lives
            finally:
                os.close(fd)


class Recording:
    """One call's.  :meth:`write` and :meth:`end` on the event loop, the rest in the recorder's thread."""

    def __init__(self, path: Path, call_id: str, rate_hz: int, recorder: Recorder) -> None:
        self.path = path
        """Where it is found when it has ended."""
        self._call_id = call_id
        self._rate_hz = rate_hz
        self._recorder = recorder
        self._blocks: list[NDArray[np.int16]] = []
        self._gathered = 0
        self._over = False
        self._waiting_samples = 0
        """Of what was given to the thread and is not written yet; changed under the lock."""
        self._lock = threading.Lock()
        self._failure: str | None = None
        """Why no more is written."""
        self._fd: int | None = None
        self._file: SoundFile | None = None
        self._written = 0
        self._room_at = 0
        """The room is looked at when so much is written. [samples]"""

    @property
    def going_on(self) -> bool:
        """It is being written, and has not failed."""
        return not self._over and self._failure is None

    def write(self, block: NDArray[np.int16]) -> None:
        """What comes next: ``[samples, 2]``, the caller's side first.  Never waits."""
        if self._over or self._failure is not None:
            return
        self._blocks.append(block)
        self._gathered += len(block)
        if self._gathered >= BLOCK_S * self._rate_hz:
            self._hand_on()

    def end(self) -> None:
        """The call is over.  Never waits; any number of times."""
        if not self._over:
            self._hand_on()
            self._over = True
            self._recorder._work.put(self._close)

    def _hand_on(self) -> None:
        blocks, self._blocks, length, self._gathered = self._blocks, [], self._gathered, 0
        if not blocks:
            return
        with self._lock:
            behind = self._waiting_samples + length > MOST_WAITING_S * self._rate_hz
            if not behind:
                self._waiting_samples += length
        if behind:
            self._fail(f"the disk is more than {MOST_WAITING_S} s behind")
            return
        audio = np.concatenate(blocks)
        self._recorder._work.put(lambda: self._append(audio))

    def _append(self, audio: NDArray[np.int16]) -> None:
        with self._lock:
            self._waiting_samples -= len(audio)
        if self._failure is not None:
            return
        try:
            if self._file is None:
                self._open()
            self._check_room()
            assert self._file is not None
            self._file.write(audio)
            self._written += len(audio)
        except (OSError, ConfigError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._fail(reason)

    def _open(self) -> None:
        make_folders(self.path.parent, None)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = fd = os.open(part_of(self.path), flags, 0o640)
        os.fchmod(fd, 0o640)  # whatever the umask is
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._file = make_sound_file(fd, self._rate_hz, self._recorder.config.format)

    def _check_room(self) -> None:
        if self._written < self._room_at:
            return
        self._room_at = self._written + _ROOM_EVERY_S * self._rate_hz
        room = os.statvfs(self.path.parent)
        if room.f_bavail * room.f_frsize < self._recorder.config.min_free_mb * _MB:
            least = self._recorder.config.min_free_mb
            raise OSError(0, f"less than {least} MB are free (recording.min_free_mb)")

    def _fail(self, reason: str) -> None:
        if self._failure is None:
            self._failure = reason
            _log.error("call=%s is not recorded any more, and goes on: %s", self._call_id, reason)

    def _close(self) -> None:
        try:
            if self._file is not None:
                self._file.close()
        except OSError as error:
            self._fail(error.strerror or str(error))
        finally:
            self._file = None
            if self._fd is not None:
                self._settle(part_of(self.path))
                os.close(self._fd)
                self._fd = None
        how = "kept" if self._failure is None else "cut" if self._written else "failed"
        self._recorder._ended(how)

    def _settle(self, part: Path) -> None:
        """Under its own name, or gone when nothing is in it, or when it was erased meanwhile."""
        with contextlib.suppress(FileNotFoundError):
            if self._written:
                _rename(part)
            else:
                part.unlink()


def _rename(part: Path) -> None:
    """Never over another one: the same call within the same second has several parts."""
    whole = whole_of(part)
    count = 1
    while whole.exists():
        count += 1
        whole = whole_of(part).with_stem(f"{whole_of(part).stem}-{count}")
    part.rename(whole)
