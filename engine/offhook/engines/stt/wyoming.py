"""A recogniser behind Wyoming: audio goes there while the caller speaks, its transcript comes back."""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import soxr

from offhook.engines.remote.refusals import shown
from offhook.engines.remote.service import Service
from offhook.engines.remote.wyoming import Event, WyomingLine, WyomingLines
from offhook.engines.stt.base import STT_RATE_HZ
from offhook.engines.stt.feed import Samples, Words
from offhook.errors import ModelError

_FORM = {"rate": STT_RATE_HZ, "width": 2, "channels": 1}


class WyomingFeed:
    """See :class:`~offhook.engines.stt.feed.Feed`.

    The end of a piece ends a stretch for the server; what comes after it is recognised by itself, and joined.
    """

    turn_over: float | None = None
    seen_s = 0.0
    sure = False

    def __init__(
        self, service: Service, lines: WyomingLines, rate_hz: int, *, model: str, language: str
    ) -> None:
        self.so_far = ""
        self._service = service
        self._lines = lines
        self._rate_hz = rate_hz
        self._ask = {"language": language.partition("-")[0], **({"name": model} if model else {})}
        self._line: WyomingLine | None = None
        self._resampler = _resampler(rate_hz)
        self._piece: list[Samples] = []
        """What was told since the latest end of a piece ..."""
        self._latest: list[Samples] = []
        """... and before it, of which the latest of :attr:`_text` is, or will be."""
        self._known = False
        """That is there."""
        self._text: list[str] = []
        self._asking = asyncio.Lock()

    async def open(self) -> None:
        """Nothing: the line is taken with the first audio."""

    async def hear(self, audio: Samples) -> None:
        """Sent at once, at 16 kHz."""
        self._piece.append(audio)
        await self._tell(audio)

    async def _tell(self, audio: Samples) -> None:
        if self._line is None:
            self._line = await self._begin()
        await self._line.send(Event("audio-chunk", _FORM, self._resample(audio)))

    async def finish(self) -> Words:
        """End the stretch, and take its words."""
        line, self._line = self._line, None
        silence = np.zeros(self._rate_hz // 10, np.int16)  # some recognisers need it behind the last word
        rest = self._resample(silence, last=True) if line is not None else b""
        self._resampler = _resampler(self._rate_hz)
        if line is not None:
            self._latest, self._piece, self._known = self._piece, [], False
        async with self._asking:
            if line is not None:
                self._text.append(await self._transcript(line, rest))
                self._known = True
            self.so_far = " ".join(text for text in self._text if text)
            return Words(self.so_far, self._ask["language"])

    async def reopen(self) -> None:
        """Tell the latest stretch anew, on a line of its own."""
        latest, self._latest = self._latest, []
        if latest:
            if self._known:
                self._text.pop()
            self._piece = latest
            await self._tell(np.concatenate(latest))

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.close()
            self._line = None

    def _resample(self, audio: Samples, *, last: bool = False) -> bytes:
        if self._rate_hz == STT_RATE_HZ:
            return audio.astype("<i2").tobytes()
        wide = self._resampler.resample_chunk(audio.astype(np.float32), last=last)
        data: bytes = np.clip(np.rint(wide), -32_768, 32_767).astype("<i2").tobytes()
        return data

    async def _begin(self) -> WyomingLine:
        begin = (Event("transcribe", self._ask), Event("audio-start", _FORM))
        line = await self._lines.take()
        try:
            await line.send(*begin)
        except ModelError:
            line.close()
            if not line.used:
                raise
            line = await WyomingLine.open(self._service)
            await line.send(*begin)
        return line

    async def _transcript(self, line: WyomingLine, rest: bytes) -> str:
        complete = False
        try:
            await line.send(Event("audio-chunk", _FORM, rest))
            await line.send(Event("audio-stop"))
            while True:
                event = await line.receive()
                if event.kind == "transcript":
                    complete = True
                    return " ".join(str(event.data.get("text", "")).split())
                if event.kind == "error":
                    said = shown(str(event.data.get("text", "no reason given")), self._service)
                    raise ModelError(f"{self._service.url} cannot recognise this: {said}")
        finally:
            if complete:
                self._lines.give_back(line)
            else:
                line.close()


def _resampler(rate_hz: int) -> Any:
    """One state for a whole stretch: blocks that are resampled each for itself click at their borders."""
    return soxr.ResampleStream(rate_hz, STT_RATE_HZ, 1, dtype="float32", quality="HQ")
