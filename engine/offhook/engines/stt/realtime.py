"""OpenAI's realtime transcription: audio over a WebSocket, words as they are understood.

The service takes 24 kHz only; what is committed becomes an item, and each item's words are final once.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import soxr

from offhook.engines.remote.refusals import Hints, shown
from offhook.engines.remote.service import Service
from offhook.engines.remote.websocket import WebSocket, WebSockets
from offhook.engines.stt.feed import Samples, Words
from offhook.errors import ModelError, OffhookError

HINTS = Hints(
    start="correct stt.base_url: https://api.openai.com/v1",
    path="stt.base_url should end with the part before /realtime, most often /v1",
    model="correct stt.model, such as gpt-4o-mini-transcribe",
)
RATE_HZ = 24_000
_SHORTEST_MS = 100
"""The service refuses to commit less."""
_PREFIX = "conversation.item.input_audio_transcription."


class RealtimeFeed:
    """See :class:`~offhook.engines.stt.feed.Feed`."""

    turn_over: float | None = None
    seen_s = 0.0
    sure = False

    def __init__(
        self,
        service: Service,
        sockets: WebSockets,
        rate_hz: int,
        *,
        language: str,
        terms: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """``extra``: fields of the session's ``transcription``."""
        self.so_far = ""
        self._service = service
        self._sockets = sockets
        self._language = language.partition("-")[0]
        transcription: dict[str, Any] = {"model": service.model, "language": self._language}
        if terms:
            transcription["prompt"] = ", ".join(terms)
        audio = {
            "format": {"type": "audio/pcm", "rate": RATE_HZ},
            "transcription": {**transcription, **(extra or {})},
            "turn_detection": None,  # we know ourselves when a caller pauses
            "noise_reduction": None,
        }
        self._session = {"type": "transcription", "audio": {"input": audio}}
        self._rate_hz = rate_hz
        self._resampler = _resampler(rate_hz)
        self._socket: WebSocket | None = None
        self._reading: asyncio.Task[None] | None = None
        self._open_samples = 0
        """At 24 kHz, since the last commit."""
        self._committed = 0
        """Commits, and so items, that there will be."""
        self._items: list[str] = []
        """Ids in the order of their commits."""
        self._texts: dict[str, str] = {}
        self._done: set[str] = set()
        self._news = asyncio.Condition()
        self._error: OffhookError | None = None

    async def open(self) -> None:
        """Connect, and say what is wanted."""
        self._socket = await self._sockets.open("/realtime", {"intent": "transcription"})
        await self._socket.send({"type": "session.update", "session": self._session})
        self._reading = asyncio.create_task(self._read(self._socket), name="offhook-realtime")

    async def hear(self, audio: Samples) -> None:
        """Sent at once."""
        await self._append(self._resampler.resample_chunk(audio.astype(np.float32)))

    async def finish(self) -> Words:
        """Commit what is open, and wait for the words of every item."""
        assert self._socket is not None
        await self._append(self._resampler.resample_chunk(np.zeros(0, np.float32), last=True))
        self._resampler = _resampler(self._rate_hz)
        if self._open_samples:
            missing = RATE_HZ * _SHORTEST_MS // 1000 - self._open_samples
            if missing > 0:
                await self._append(np.zeros(missing, np.float32))
            self._open_samples = 0
            self._committed += 1
            await self._socket.send({"type": "input_audio_buffer.commit"})
        wanted = self._committed

        def ready() -> bool:
            first = self._items[:wanted]
            return self._error is not None or (len(first) == wanted and self._done.issuperset(first))

        async with self._news:
            await self._news.wait_for(ready)
        if self._error is not None:
            raise self._error
        return Words(self._joined(self._items[:wanted]), self._language)

    async def close(self) -> None:
        """Hang up."""
        if self._reading is not None:
            self._reading.cancel()
        if self._socket is not None:
            await self._socket.close()

    async def _append(self, samples: Any) -> None:
        assert self._socket is not None
        if len(samples):
            self._open_samples += len(samples)
            data = np.clip(np.rint(samples), -32_768, 32_767).astype("<i2").tobytes()
            audio = base64.b64encode(data).decode()
            await self._socket.send({"type": "input_audio_buffer.append", "audio": audio})

    async def _read(self, socket: WebSocket) -> None:
        try:
            while True:
                self._take(await socket.receive())
                async with self._news:
                    self._news.notify_all()
        except OffhookError as error:
            self._error = error
            with suppress(asyncio.CancelledError):
                async with self._news:
                    self._news.notify_all()

    def _take(self, message: Mapping[str, Any]) -> None:
        kind, item = str(message.get("type")), message.get("item_id")
        if kind in ("error", f"{_PREFIX}failed"):
            error = message.get("error")
            said = error.get("message") if isinstance(error, dict) else None
            told = shown(str(said or "no reason given"), self._service)
            raise ModelError(f"{self._service.url} reports an error: {told}")
        if not isinstance(item, str):
            return
        if kind == "input_audio_buffer.committed":
            self._items.append(item)
        elif kind == f"{_PREFIX}delta":
            self._texts[item] = self._texts.get(item, "") + str(message.get("delta") or "")
        elif kind == f"{_PREFIX}completed":
            self._texts[item] = str(message.get("transcript") or "").strip()
            self._done.add(item)
        others = [each for each in self._texts if each not in self._items]  # not committed yet
        self.so_far = self._joined([*self._items, *others])

    def _joined(self, items: Sequence[str]) -> str:
        return " ".join(text for item in items if (text := self._texts.get(item, "")))


def _resampler(rate_hz: int) -> Any:
    return soxr.ResampleStream(rate_hz, RATE_HZ, 1, dtype="float32", quality="HQ")
