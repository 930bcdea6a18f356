"""Audio files that Asterisk plays: written to tmpfs, named by us, removed afterwards.

Asterisk opens what ``STREAM FILE`` names, path without extension; ``.sln`` is
signed 16-bit mono at 8 kHz, ``.sln16`` at 16 kHz.  Each daemon has one folder
below ``playback_dir``, each call one below that.

A :class:`Clip` is whole before it is played; a :class:`GrowingClip` is played by one
``STREAM FILE`` while it is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.core import PlayoutFile, PlayoutThread, resample
from offhook.errors import ConfigError, PlaybackError
from offhook.files import let_group_in, make_folders, user_name

_log = logging.getLogger("offhook.playout.folder")

_EXTENSIONS = {8_000: ".sln", 16_000: ".sln16"}
_FRAME_MS = 20
_SILENCE_S = 3600
_OWN_NAME = re.compile(r"\d+-\w+")
"""What daemons call their folders: by their process, for people, and something unique."""


@dataclass(frozen=True, slots=True)
class Clip:
    """One playable file."""

    file: Path
    samples: int
    rate_hz: int

    @property
    def name(self) -> str:
        """What STREAM FILE wants: the path without its extension."""
        return str(self.file.with_suffix(""))

    @property
    def duration_ms(self) -> float:
        return self.samples * 1000 / self.rate_hz

    def read(self, rate_hz: int) -> NDArray[np.int16]:
        """Its audio at that rate: ``[samples]`` int16.  Raises PlaybackError when the file is gone."""
        try:
            audio = np.fromfile(self.file, np.int16)
        except OSError as error:
            raise PlaybackError(f"cannot read {self.file}: {error.strerror}") from error
        return audio if rate_hz == self.rate_hz else resample(audio, self.rate_hz, rate_hz)


class GrowingClip:
    """One answer, written while Asterisk plays it; made by :meth:`Shelf.grow`.

    The voice calls :meth:`write` and :meth:`finish`; the call calls :meth:`start` when it writes
    ``STREAM FILE``, and :meth:`stop` when that is cut or over.  Any thread.  Times are monotonic.
    A ``STREAM FILE`` that ended although :meth:`over` is false ran out of audio all the same
    (a machine that stood still): ``stop``, and play :attr:`name` on from :meth:`offset_samples`.
    """

    def __init__(self, file: Path, growing: PlayoutFile) -> None:
        self.file = file
        self._growing = growing

    @property
    def name(self) -> str:
        """What STREAM FILE wants: the path without its extension."""
        return str(self.file.with_suffix(""))

    @property
    def rate_hz(self) -> int:
        return self._growing.rate_hz

    @property
    def written_samples(self) -> int:
        """Content so far, without the silence put in when it came late."""
        return self._growing.written_samples

    @property
    def padded_samples(self) -> int:
        """Silence put in because content came late."""
        return self._growing.padded_samples

    @property
    def underruns(self) -> int:
        """How often content came late, however long it took."""
        return self._growing.underruns

    @property
    def failed(self) -> str | None:
        """Why the file cannot grow any more (disk full), or None."""
        return os.strerror(self._growing.write_errno) if self._growing.write_errno else None

    def write(self, audio: NDArray[np.int16]) -> None:
        """Append ``[samples]`` int16.  Raises PlaybackError (disk full, now or earlier).

        ValueError: after :meth:`finish` or :meth:`drop`, or more than 120 s.
        """
        with self._errors():
            self._growing.write(audio)

    def finish(self) -> None:
        """Nothing more will come.  Any number of times.  Raises PlaybackError as :meth:`write` does."""
        with self._errors():
            self._growing.finish()

    def start(self, at_ns: int, offset_samples: int = 0) -> None:
        """Asterisk plays from that offset of the file on; call it just before STREAM FILE is written."""
        self._growing.start(at_ns, offset_samples)

    def stop(self, at_ns: int) -> None:
        """The playback was cut, or is over.  Harmless when none runs."""
        self._growing.stop(at_ns)

    def position(self, now_ns: int) -> int:
        """How much of the content had been played by then. [samples]"""
        return self._growing.position(now_ns)

    def offset_samples(self, position: int) -> int:
        """The offset into the file that plays the content on from ``position``, or up to 20 ms before.

        A whole frame: Asterisk would send what is left over at the end as a short RTP packet, and
        with a time stamp that makes it overlap the one before (seen on 22.10).
        """
        exact = self._growing.file_position(position)
        return exact - exact % (self.rate_hz * _FRAME_MS // 1000)

    def over(self, now_ns: int) -> bool:
        """Whether all content had been played by then, and no more will come."""
        growing = self._growing
        return growing.finished and growing.position(now_ns) >= growing.written_samples

    def played(self, start_ns: int, stop_ns: int) -> NDArray[np.int16]:
        """What was in the air between two moments: ``[samples]``, zeros where nothing was."""
        return self._growing.played(start_ns, stop_ns)

    def content(self, start_samples: int, stop_samples: int) -> NDArray[np.int16]:
        """A copy of content, as far as it exists: ``[samples]``."""
        return self._growing.content(start_samples, stop_samples)

    def drop(self) -> None:
        """Close and remove the file; what was played can still be asked for.  Any number of times."""
        self._growing.close()
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise PlaybackError(f"cannot write {self.file}: {reason}") from error


class PlaybackFolder:
    """One daemon's folder below ``playback_dir``; leftovers of dead daemons are swept.

    Whoever may enter ``playback_dir`` for its group may read everything below it, whatever umask and groups
    this process has: each folder is 0750 and each file 0640, of ``group_id``; where that is None, of the
    group that ``playback_dir`` is for, or of the process's own.  The group is given to each of them and not
    left to a set-group-ID bit, which systemd's ``RestrictSUIDSGID`` forbids to set.
    """

    def __init__(self, playback_dir: Path, *, group_id: int | None = None) -> None:
        """Raises ConfigError with what to do when the folder cannot be made or written."""
        try:
            self._playback_dir = playback_dir
            self._wanted_group_id = group_id
            self._closed = False
            self._group_id = _prepare(playback_dir, group_id)
            _sweep(playback_dir)
            self.path, self._lock = self._claim(playback_dir)
            probe = self.path / "probe"
            probe.write_bytes(b"\0" * 320)
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"daemon.playback_dir {playback_dir} cannot be written ({error.strerror}) by user"
                f" {user_name()!r}: name a tmpfs folder that the daemon may write and Asterisk may read,"
                " or make this one so (asterisk/offhook.tmpfiles)"
            ) from error

    def _claim(self, playback_dir: Path) -> tuple[Path, weakref.finalize[[int], PlaybackFolder]]:
        """A new folder with a lock that lasts as long as this process.

        It gets the name that others sweep only once it is locked: none of them can find it without.
        """
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=playback_dir))
        try:
            fd = os.open(making, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            unlock = weakref.finalize(self, os.close, fd)
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._open_to_group(making)
            unique = making.name.removeprefix(".making-")
            return making.rename(playback_dir / f"{os.getpid()}-{unique}"), unlock
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise

    def _is_there(self) -> None:
        """Make the folder again when somebody has removed it under us (a cleaner of /dev/shm).

        Calls that are playing from it end; those to come do not.  Raises OSError.
        """
        if not self._closed and not self.path.is_dir():
            _log.warning("%s has been removed; it is made again", self.path)
            self._lock()
            self._group_id = _prepare(self._playback_dir, self._wanted_group_id)
            self.path, self._lock = self._claim(self._playback_dir)

    def _open_to_group(self, folder: Path) -> None:
        folder.chmod(0o750)
        if self._group_id is not None:
            os.chown(folder, -1, self._group_id)

    def shelf(self, name: str) -> Shelf:
        """A folder for one call, or for the ready-made clips.  ``name`` is ours, never a caller's."""
        try:
            self._is_there()
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))
            self._open_to_group(folder)
        except OSError as error:
            raise PlaybackError(f"cannot make a playback folder in {self.path}: {error.strerror}") from error
        return Shelf(folder)

    def silence(self, rate_hz: int) -> Clip:
        """An hour of silence that takes no memory, shared by all calls: played while listening.

        It keeps RTP flowing and lets Asterisk notice keys.  Raises PlaybackError.
        """
        samples = _SILENCE_S * rate_hz
        file = self.path / f"silence{_EXTENSIONS[rate_hz]}"
        try:
            self._is_there()
            file = self.path / file.name
            with open(file, "ab") as sparse:  # append: another call may be playing it
                os.fchmod(sparse.fileno(), 0o640)
                os.fchown(sparse.fileno(), -1, self.path.stat().st_gid)
                sparse.truncate(2 * samples)
        except OSError as error:
            raise PlaybackError(f"cannot write {file}: {error.strerror}") from error
        return Clip(file, samples, rate_hz)

    def close(self) -> None:
        """Remove everything.  Any number of times."""
        self._closed = True
        shutil.rmtree(self.path, ignore_errors=True)
        self._lock()


class Shelf:
    """Clips that live and go together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def grow(self, thread: PlayoutThread, rate_hz: int) -> GrowingClip:
        """Begin a clip that is played while it is written, kept ahead by ``thread``.

        Raises PlaybackError (folder gone, no descriptors left).
        """
        file = self._next_file(rate_hz)
        try:
            return GrowingClip(file, thread.open(file, rate_hz))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise PlaybackError(f"cannot write {file}: {reason}") from error

    def keep(self, audio: NDArray[np.int16], rate_hz: int) -> Clip:
        """Write ``[samples]`` int16 as a whole: what can still be played when the folder is full.

        Raises PlaybackError.
        """
        file = self._next_file(rate_hz)
        try:
            file.write_bytes(audio.tobytes())
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise PlaybackError(f"cannot write {file}: {reason}") from error
        return Clip(file, len(audio), rate_hz)

    def _next_file(self, rate_hz: int) -> Path:
        self._count += 1
        return self.folder / f"{self._count}{_EXTENSIONS[rate_hz]}"

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _prepare(playback_dir: Path, gid: int | None) -> int | None:
    """Make ``playback_dir`` where it is not; the group that what lies below it is given to, None: our own."""
    make_folders(playback_dir, gid)
    if gid is not None:
        let_group_in(playback_dir, gid)
        return gid
    # Closed to everybody else, the folder is for its owner and its group: one of them is Asterisk's.
    status = playback_dir.stat()
    closed = not status.st_mode & 0o001
    ours = status.st_gid in (os.getegid(), *os.getgroups()) or os.geteuid() == 0
    return status.st_gid if closed and ours else None


def _sweep(playback_dir: Path) -> None:
    """Remove folders of daemons that no longer run: nobody holds their lock.

    A number of a process says less: another may have it by now, or it counts in another namespace.
    """
    for folder in playback_dir.iterdir():
        if not _OWN_NAME.fullmatch(folder.name) or folder.is_symlink():
            continue
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another user's, or gone by now
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            pass  # its daemon lives
        finally:
            os.close(fd)
