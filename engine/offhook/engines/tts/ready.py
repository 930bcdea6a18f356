"""Audio of clauses that were written before any call, kept on disk from one start to the next.

Nothing that a caller has told is ever in it.  A file a clause, named by what it depends on and replaced as a
whole; when there is too much, what was not used for longest goes.  A disk that is full or read-only costs the
work to be done again, nothing else.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from offhook.files import cache_folder

_log = logging.getLogger("offhook.engines.tts.ready")

LIMIT_BYTES = 256 << 20
"""Four and a half hours at 8 kHz."""
_SWEPT_SHARE = 0.9
"""A sweep leaves so much, so that not every clause begins one."""


class ReadyAudio:
    """Thread-safe; blocks for a read or write of some 50 KB."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._size_bytes: int | None = None
        """None before the folder was looked at."""
        self._complained = False

    def get(self, *what: object) -> NDArray[np.int16] | None:
        """``[samples]`` int16 of what depends on ``what``; None when it is not there."""
        path = self._path(what)
        try:
            audio = np.frombuffer(path.read_bytes(), "<i2").astype(np.int16)
            os.utime(path)
        except (OSError, ValueError):  # not there, or not whole samples
            return None
        return audio if len(audio) else None

    def keep(self, audio: NDArray[np.int16], *what: object) -> None:
        """Remember ``audio``."""
        path = self._path(what)
        data = audio.astype("<i2").tobytes()
        try:
            with self._lock:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                beside = path.with_suffix(f".{os.getpid()}")
                beside.write_bytes(data)
                beside.replace(path)
                if self._size_bytes is None:
                    self._size_bytes = self._swept()
                else:
                    self._size_bytes += len(data)
                if self._size_bytes > self._limit_bytes:
                    self._size_bytes = self._swept()
        except OSError as error:
            if not self._complained:
                self._complained = True
                _log.warning(
                    "%s: %s; what is said often is made anew at each start", self._folder, error.strerror
                )

    def _path(self, what: tuple[object, ...]) -> Path:
        key = hashlib.sha256("\0".join(map(str, what)).encode("utf-8", "surrogatepass")).hexdigest()
        return self._folder / f"{key}.sln"

    def _swept(self) -> int:
        """Remove the oldest, if there is too much; the bytes that are left."""
        found = sorted(
            (stat.st_mtime_ns, stat.st_size, entry.path)
            for entry in os.scandir(self._folder)
            if entry.name.endswith(".sln") and (stat := entry.stat())
        )
        size_bytes = sum(size for _, size, _ in found)
        if size_bytes > self._limit_bytes:
            for _, size, path in found:
                if size_bytes <= self._limit_bytes * _SWEPT_SHARE:
                    break
                Path(path).unlink(missing_ok=True)
                size_bytes -= size
        return size_bytes


def default_ready_audio() -> ReadyAudio:
    """In the cache's folder."""
    return ReadyAudio(cache_folder() / "clauses")
