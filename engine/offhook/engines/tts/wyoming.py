"""A voice behind Wyoming: ``synthesize`` there, ``audio-start``, ``audio-chunk`` and ``audio-stop`` back."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from offhook.engines.remote.http import Patience
from offhook.engines.remote.refusals import shown
from offhook.engines.remote.service import Service
from offhook.engines.remote.wyoming import Event, WyomingLine, WyomingLines
from offhook.engines.tts.remote import Blocks
from offhook.errors import DeadlineError, ModelError

logger = logging.getLogger(__name__)


class WyomingSource:
    """See :class:`~offhook.engines.tts.remote.Source`."""

    name = "wyoming"

    def __init__(self, service: Service, patience: Patience, *, rate_hz: int = 22_050) -> None:
        self.rate_hz = rate_hz
        self.service = service
        self._patience = patience
        self._lines = WyomingLines(service)
        self._told = False

    async def speak(self, text: str, voice: str, language: str) -> Blocks:
        """See :class:`~offhook.engines.tts.remote.Source`."""
        # A server chooses among its voices by one of the two.
        chosen: dict[str, Any] = {"name": voice} if voice else {"language": language}
        ask = Event("synthesize", {"text": text, "voice": chosen})
        line, first, due_s = await self._ask(ask)
        complete = False
        try:
            decode = self._decoder(first)
            while True:
                event = await self._next(line, due_s)
                if event.kind == "audio-chunk":
                    due_s = asyncio.get_running_loop().time() + self._patience.gap_s
                    yield decode(event.payload)
                elif event.kind == "audio-stop":
                    complete = True
                    yield decode(None)
                    return
        finally:
            if complete:
                self._lines.give_back(line)
            else:
                line.close()

    async def aclose(self) -> None:
        """Close all connections."""
        self._lines.close()

    async def _ask(self, ask: Event) -> tuple[WyomingLine, Event, float]:
        """The connection on which audio has begun; a kept one that has gone stale is replaced once."""
        due_s = asyncio.get_running_loop().time() + self._patience.first_s
        while True:
            line = await self._lines.take()
            try:
                await line.send(ask)
                event = await self._next(line, due_s)
                while event.kind not in ("audio-start", "error"):
                    event = await self._next(line, due_s)
                if event.kind == "error":
                    said = shown(str(event.data.get("text", "no reason given")), self.service)
                    raise _SaidError(f"{self.service.url} refuses the text: {said}")
                return line, event, due_s
            except ModelError as error:
                line.close()
                if not line.used or isinstance(error, _SaidError):
                    raise
            except BaseException:
                line.close()
                raise

    async def _next(self, line: WyomingLine, due_s: float) -> Event:
        try:
            async with asyncio.timeout_at(due_s):
                return await line.receive()
        except TimeoutError:
            raise DeadlineError(
                f"{self.service.url}: no audio within {self._patience.first_s:g} s"
                f" ({self._patience.first_key})"
            ) from None

    def _decoder(self, start: Event) -> _Decoder:
        rate_hz, width, channels = (start.data.get(name) for name in ("rate", "width", "channels"))
        if width != 2 or not isinstance(rate_hz, int) or not isinstance(channels, int) or channels < 1:
            raise ModelError(f"{self.service.url}: audio that is not 16-bit PCM")
        if rate_hz != self.rate_hz and not self._told:
            self._told = True
            logger.warning(
                "%s sends %d Hz: tts.sample_rate_hz = %d spares a second resampling",
                self.service.url, rate_hz, rate_hz,
            )  # fmt: skip
        return _Decoder(rate_hz, channels, self.rate_hz)


class _SaidError(ModelError):
    """The server has refused, in words of its own."""


class _Decoder:
    """Chunks into samples at the rate that is wanted."""

    def __init__(self, from_hz: int, channels: int, to_hz: int) -> None:
        self._step = 2 * channels
        self._channels = channels
        self._held = b""
        self._resampler = None
        if from_hz != to_hz:
            self._resampler = soxr.ResampleStream(from_hz, to_hz, 1, dtype="float32", quality="HQ")

    def __call__(self, payload: bytes | None) -> NDArray[np.int16]:
        """Samples complete with ``payload``; None: it was the last."""
        data = self._held + (payload or b"")
        whole = len(data) - len(data) % self._step
        self._held = data[whole:]
        values = np.frombuffer(data[:whole], "<i2")
        if self._channels == 1 and self._resampler is None:
            return values.astype(np.int16)
        mono: NDArray[np.float32] = values.reshape(-1, self._channels).astype(np.float32).mean(axis=1)
        if self._resampler is not None:
            mono = self._resampler.resample_chunk(mono.astype(np.float32), last=payload is None)
        return _int16(mono)


def _int16(values: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(values), -32_768, 32_767).astype(np.int16)
