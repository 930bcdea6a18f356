"""Bytes of a streamed answer into samples: raw PCM or WAV, whatever the borders of the chunks.

Pure: no socket, no clock.  A WAV file that is written while it is spoken does not know its length, and says
0 or 4 GiB: then its samples last until the stream ends.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
import soxr
from numpy.typing import NDArray

from offhook.errors import ModelError

_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_UNKNOWN_SIZES = (0, 0xFFFFFFFF, 0x7FFFFFFF)
_MAX_HEADER_BYTES = 64 << 10
_NONE: Final = np.zeros(0, np.int16)


class AudioReader:
    """One answer.  ``rate_hz`` is what comes out, and what raw PCM is taken to be."""

    def __init__(self, at: str, rate_hz: int) -> None:
        """``at`` is whom errors name."""
        self._at = at
        self._rate_hz = rate_hz
        self._held = bytearray()
        self._format: _Format | None = None
        self._left: int | None = None
        """Bytes of the samples still to come; None: until the end."""
        self._resampler: soxr.ResampleStream | None = None
        self.found_rate_hz = rate_hz
        """What the server sends."""
        self.only_wav = ""
        """The error for anything but a WAV file; empty: raw PCM is taken, too."""

    def feed(self, data: bytes) -> NDArray[np.int16]:
        """Samples that are complete with ``data``.  Raises ModelError for what is no audio."""
        self._held += data
        if self._format is None:
            self._format = self._begin()
        return _NONE if self._format is None else self._samples(self._format)

    def end(self) -> NDArray[np.int16]:
        """The last samples.  Raises ModelError when the beginning has never been complete."""
        if self._format is None:
            if self._held and self.only_wav:
                raise ModelError(self.only_wav)
            if self._held:
                raise ModelError(f"{self._at}: the audio ended within its first {len(self._held)} bytes")
            return _NONE
        return _NONE if self._resampler is None else self._resample(_NONE, last=True)

    def _begin(self) -> _Format | None:
        head = bytes(self._held[:4])
        if len(head) < 4:
            return None
        if head != b"RIFF":
            if head[:3] == b"ID3" or head in (b"OggS", b"fLaC"):
                raise ModelError(f"{self._at} sends compressed audio instead of PCM or WAV")
            if self.only_wav:
                raise ModelError(self.only_wav)
            return _Format(2, 1, is_float=False)
        return self._wav()

    def _wav(self) -> _Format | None:
        held, at, found = self._held, 12, None
        while len(held) >= at + 8:
            name, size = bytes(held[at : at + 4]), struct.unpack_from("<I", held, at + 4)[0]
            if name == b"data":
                if found is None:
                    raise ModelError(f"{self._at}: a WAV file without a format")
                del held[: at + 8]
                self._left = None if size in _UNKNOWN_SIZES else size
                return found
            if name == b"fmt " and len(held) >= at + 8 + 16:
                found = self._wav_format(*struct.unpack_from("<HHIIHH", held, at + 8))
            at += 8 + size + size % 2
        if len(held) > _MAX_HEADER_BYTES:
            raise ModelError(f"{self._at}: a WAV file without samples")
        return None

    def _wav_format(self, tag: int, channels: int, rate_hz: int, _: int, __: int, bits: int) -> _Format:
        is_float = tag == _FLOAT and bits == 32
        if not (is_float or (tag in (_PCM, _EXTENSIBLE) and bits == 16)) or not channels or not rate_hz:
            raise ModelError(
                f"{self._at}: WAV of format {tag} with {bits} bits; 16-bit PCM or 32-bit float is wanted"
            )
        self.found_rate_hz = rate_hz
        if rate_hz != self._rate_hz:
            self._resampler = soxr.ResampleStream(rate_hz, self._rate_hz, 1, dtype="float32", quality="HQ")
        return _Format(bits // 8, channels, is_float)

    def _samples(self, form: _Format) -> NDArray[np.int16]:
        step = form.width_bytes * form.channels
        ready = len(self._held) if self._left is None else min(len(self._held), self._left)
        ready -= ready % step
        data = bytes(self._held[:ready])
        del self._held[:ready]
        if self._left is not None:
            self._left -= ready
            if self._left < step:
                self._held.clear()  # what follows the samples says nothing about them
        if not data:
            return _NONE
        values: NDArray[np.float32] | NDArray[np.int16]
        values = (
            np.frombuffer(data, "<f4") * np.float32(32_767) if form.is_float else np.frombuffer(data, "<i2")
        )
        if form.channels > 1:
            values = values.reshape(-1, form.channels).astype(np.float32).mean(axis=1)
        return self._resample(values) if self._resampler is not None else _int16(values)

    def _resample(
        self, values: NDArray[np.float32] | NDArray[np.int16], *, last: bool = False
    ) -> NDArray[np.int16]:
        assert self._resampler is not None
        return _int16(self._resampler.resample_chunk(values.astype(np.float32), last=last))


class _Format:
    __slots__ = ("channels", "is_float", "width_bytes")

    def __init__(self, width_bytes: int, channels: int, is_float: bool) -> None:
        self.width_bytes = width_bytes
        self.channels = channels
        self.is_float = is_float


def _int16(values: NDArray[np.float32] | NDArray[np.int16]) -> NDArray[np.int16]:
    if values.dtype == np.int16:
        return values.astype(np.int16)
    return np.clip(np.rint(values), -32_768, 32_767).astype(np.int16)
