"""How Asterisk plays a file: stdio blocks in, one frame every 20 ms out.

Read in Asterisk's formats/format_sln.c and main/file.c: the file is read through
stdio, whose 4096-byte blocks are fetched when the frame being built needs them.  A
file that grows while it plays goes on playing; when a fetch finds nothing more, what
there is of the frame is played and the stream ends.  The length given as ``endpos``
after a natural end is the one the file had when it was opened.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from offhook.simulator.audible import Samples
from offhook.simulator.script import FRAME_MS

STDIO_BLOCK_BYTES = 4096
_EXTENSIONS = {8000: ("sln", "slin", "raw"), 16000: ("sln16",)}


class FilePlayback:
    """One file being played.  Give it back with :meth:`close`."""

    def __init__(self, path: Path, file_rate_hz: int, channel_rate_hz: int, offset_samples: int = 0) -> None:
        """Raises OSError when the file cannot be opened."""
        self.path = path
        self._file_rate_hz = file_rate_hz
        self._channel_rate_hz = channel_rate_hz
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._block = b""
        self._ended = False
        self.length_samples = os.fstat(self._fd).st_size // 2
        """Of the file at the moment it was opened, at the file's rate."""
        start = min(max(0, offset_samples), self.length_samples)
        os.lseek(self._fd, 2 * start, os.SEEK_SET)
        self.position_samples = start
        """Played so far, at the file's rate."""

    def frame(self) -> Samples | None:
        """The next 20 ms at the channel's rate (shorter at the end), or None: the file has ended."""
        want = 2 * self._file_rate_hz * FRAME_MS // 1000
        got = b""
        while len(got) < want and not self._ended:
            if not self._block:
                self._block = os.read(self._fd, STDIO_BLOCK_BYTES)
                if not self._block:
                    self._ended = True  # stdio's end-of-file mark is sticky
                    break
            need = want - len(got)
            got += self._block[:need]
            self._block = self._block[need:]
        if len(got) < 2:
            return None
        block = np.frombuffer(got[: len(got) // 2 * 2], dtype="<i2").astype(np.int16)
        self.position_samples += len(block)
        return _at_rate(block, self._file_rate_hz, self._channel_rate_hz)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def open_playback(
    name: str, channel_rate_hz: int, sounds_dir: Path | None = None, offset_samples: int = 0
) -> FilePlayback | None:
    """Open ``name`` (a path without extension) as Asterisk would; None when there is no such file.

    A relative name is looked for in ``sounds_dir``.  The format of the channel's own
    rate is preferred, as it costs no conversion.
    """
    base = Path(name)
    if not base.name:
        return None
    if not base.is_absolute():
        if sounds_dir is None:
            return None
        base = sounds_dir / base
    for rate_hz in sorted(_EXTENSIONS, key=lambda rate: rate != channel_rate_hz):
        for extension in _EXTENSIONS[rate_hz]:
            path = base.with_name(f"{base.name}.{extension}")
            try:
                return FilePlayback(path, rate_hz, channel_rate_hz, offset_samples)
            except (OSError, ValueError):
                continue
    return None


def _at_rate(block: Samples, from_hz: int, to_hz: int) -> Samples:
    """Between 8 and 16 kHz, in the plainest way: good enough to hear and to measure by."""
    if from_hz == to_hz:
        return block
    if from_hz < to_hz:
        return np.repeat(block, to_hz // from_hz)
    step = from_hz // to_hz
    whole = len(block) // step * step
    mean: Samples = block[:whole].astype(np.int32).reshape(-1, step).mean(axis=1).astype(np.int16)
    return mean
