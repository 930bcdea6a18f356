"""Audio files that Asterisk plays: written to tmpfs, named by us, removed afterwards.

Asterisk opens what ``STREAM FILE`` names, path without extension; ``.sln`` is
signed 16-bit mono at 8 kHz, ``.sln16`` at 16 kHz.  Each daemon has one folder
below ``playback_dir``, each call one below that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.errors import ConfigError, PlaybackError

_EXTENSIONS = {8_000: ".sln", 16_000: ".sln16"}


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


class PlaybackFolder:
    """One daemon's folder below ``playback_dir``; leftovers of dead daemons are swept."""

    def __init__(self, playback_dir: Path, *, group_id: int | None = None) -> None:
        """Raises ConfigError with what to do when the folder cannot be made or written."""
        self._group_id = group_id
        try:
            playback_dir.mkdir(parents=True, exist_ok=True)
            _sweep(playback_dir)
            self.path = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=playback_dir))
            self._open_to_group(self.path)
            probe = self.path / "probe"
            probe.write_bytes(b"\0" * 320)
            probe.unlink()
        except OSError as error:
            raise ConfigError(
                f"daemon.playback_dir {playback_dir} cannot be written ({error.strerror}): "
                "name a tmpfs folder that the daemon may write and Asterisk may read"
            ) from error

    def _open_to_group(self, folder: Path) -> None:
        folder.chmod(0o750)
        if self._group_id is not None:
            os.chown(folder, -1, self._group_id)

    def shelf(self, name: str) -> Shelf:
        """A folder for one call, or for the ready-made clips.  ``name`` is ours, never a caller's."""
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.path))
            self._open_to_group(folder)
        except OSError as error:
            raise PlaybackError(f"cannot make a playback folder in {self.path}: {error.strerror}") from error
        return Shelf(folder)

    def close(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)


class Shelf:
    """Clips that live and go together."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._count = 0

    def put(self, audio: NDArray[np.int16], rate_hz: int) -> Clip:
        """Write ``[samples]`` int16 as one clip.  Raises PlaybackError (disk full, folder gone)."""
        self._count += 1
        file = self.folder / f"{self._count}{_EXTENSIONS[rate_hz]}"
        try:
            file.write_bytes(audio.astype("<i2", copy=False).tobytes())
        except OSError as error:
            file.unlink(missing_ok=True)
            raise PlaybackError(f"cannot write {file}: {error.strerror}") from error
        return Clip(file, len(audio), rate_hz)

    def drop(self, clip: Clip) -> None:
        """Remove a clip; one that is gone already is fine (Asterisk keeps an open file playing)."""
        with contextlib.suppress(OSError):
            clip.file.unlink(missing_ok=True)

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def _sweep(playback_dir: Path) -> None:
    """Remove folders of daemons that no longer run."""
    for folder in playback_dir.iterdir():
        pid = folder.name.split("-")[0]
        if folder.is_dir() and pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
