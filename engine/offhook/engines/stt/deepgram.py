"""Deepgram: Nova, which is told when to finish, and Flux, which says itself when a caller has finished."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from offhook.engines.remote.refusals import Hints, shown
from offhook.engines.remote.service import Service
from offhook.engines.remote.websocket import WebSocket, WebSockets
from offhook.engines.stt.feed import Samples, Words
from offhook.errors import ModelError, OffhookError

HINTS = Hints(
    start="correct stt.base_url: https://api.deepgram.com, or your own server's",
    path="stt.base_url is https://api.deepgram.com, without a path",
    model="correct stt.model, such as nova-3 or flux-general-en",
)
KEEP_ALIVE_S = 4.0
"""Without audio for 10 s the service hangs up."""
_AGREED_S = 0.15
"""What is missing less than this from the end of the audio is silence."""
_UNANSWERED_S = 0.5
"""A request to finish goes unanswered where there was nothing more to say ..."""
_UNSEEN_S = 2.0
"""... but while it has not looked at all of the audio, more words may come on a slow network."""
_FLUSH_MS = 240
"""Flux works in steps of 80 ms, and looks a little ahead: silence pushes the last word through."""


class _DeepgramFeed:
    """What both have in common."""

    turn_over: float | None = None

    def __init__(
        self, service: Service, sockets: WebSockets, path: str, query: Mapping[str, Any], rate_hz: int
    ) -> None:
        self.so_far = ""
        self.seen_s = 0.0
        self.sure = True  # each result says which seconds it is of
        self._service = service
        self._sockets = sockets
        self._path = path
        self._query = {"encoding": "linear16", "sample_rate": rate_hz, **query}
        self._rate_hz = rate_hz
        self._socket: WebSocket | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._told_samples = 0
        self._news = asyncio.Condition()
        self._error: OffhookError | None = None

    async def open(self) -> None:
        self._socket = await self._sockets.open(self._path, self._query)
        self._tasks = [asyncio.create_task(self._read(self._socket), name="offhook-deepgram")]

    async def hear(self, audio: Samples) -> None:
        assert self._socket is not None
        self._told_samples += len(audio)
        await self._socket.send(audio.astype("<i2").tobytes())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._socket is not None:
            with suppress(OffhookError):
                await self._socket.send({"type": "CloseStream"})
            await self._socket.close()

    @property
    def _told_s(self) -> float:
        return self._told_samples / self._rate_hz

    async def _until(self, ready: Callable[[], bool], limit_s: float | None = None) -> None:
        """Wait for messages until ``ready``, or for ``limit_s``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_s), self._news:
                await self._news.wait_for(lambda: ready() or self._error is not None)
        if self._error is not None:
            raise self._error

    async def _read(self, socket: WebSocket) -> None:
        try:
            while True:
                message = await socket.receive()
                if message.get("type") == "Error":
                    said = shown(str(message.get("description") or message.get("code")), self._service)
                    raise ModelError(f"{self._service.url} reports an error: {said}")
                self._take(message)
                async with self._news:
                    self._news.notify_all()
        except OffhookError as error:
            self._error = error
            async with self._news:
                self._news.notify_all()

    def _take(self, message: Mapping[str, Any]) -> None:
        raise NotImplementedError


class NovaFeed(_DeepgramFeed):
    """See :class:`~offhook.engines.stt.feed.Feed`."""

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
        query: dict[str, Any] = {
            "model": service.model,
            "language": language,
            "channels": 1,
            "interim_results": "true",
            "punctuate": "true",
            "endpointing": "false",
        }
        if terms:
            query["keyterm"] = list(terms)
        super().__init__(service, sockets, "/v1/listen", {**query, **(extra or {})}, rate_hz)
        self._language = language.partition("-")[0]
        self._final: list[str] = []
        self._guess = ""
        self._known_s = 0.0
        """So far into the audio the words are final."""
        self._finished = 0
        """Answers to requests to finish."""
        self._finishing = asyncio.Lock()

    async def open(self) -> None:
        """Connect."""
        await super().open()
        self._tasks.append(asyncio.create_task(self._keep_alive(), name="offhook-deepgram-alive"))

    async def finish(self) -> Words:
        """Ask for what is still open, and wait for it."""
        assert self._socket is not None
        told_s = self._told_s
        async with self._finishing:
            before = self._finished

            def ready() -> bool:
                return self._finished > before or self._known_s >= told_s - _AGREED_S

            if not ready():
                await self._socket.send({"type": "Finalize"})
                seen = self.seen_s >= told_s - _AGREED_S
                await self._until(ready, None if self._guess else _UNANSWERED_S if seen else _UNSEEN_S)
            return Words(" ".join(self._final), self._language)

    async def _keep_alive(self) -> None:
        assert self._socket is not None
        with suppress(OffhookError):
            while True:
                told = self._told_samples
                await asyncio.sleep(KEEP_ALIVE_S)
                if told == self._told_samples:
                    await self._socket.send({"type": "KeepAlive"})

    def _take(self, message: Mapping[str, Any]) -> None:
        if message.get("type") != "Results":
            return
        text = _transcript(message)
        if message.get("is_final"):
            if text:
                self._final.append(text)
            self._guess = ""
            self._known_s = max(self._known_s, _seconds(message, "start") + _seconds(message, "duration"))
        else:
            self._guess = text
        self.seen_s = max(self.seen_s, _seconds(message, "start") + _seconds(message, "duration"))
        self._finished += bool(message.get("from_finalize"))
        self.so_far = " ".join([*self._final, *([self._guess] if self._guess else [])])


class FluxFeed(_DeepgramFeed):
    """See :class:`~offhook.engines.stt.feed.Feed`.

    Its eager end of a turn and the turn's going on after all are ``turn_over`` here: near 1, and 0.  Behind
    such an end the words stay as they are, unless the turn goes on: until then they are not ``sure``.
    """

    def __init__(
        self,
        service: Service,
        sockets: WebSockets,
        rate_hz: int,
        *,
        terms: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        query: dict[str, Any] = {"model": service.model, "eager_eot_threshold": 0.5, "eot_threshold": 0.7}
        if terms:
            query["keyterm"] = list(terms)
        super().__init__(service, sockets, "/v2/listen", {**query, **(extra or {})}, rate_hz)
        self.sure = False
        self._language = "en" if service.model.endswith("-en") else ""
        self._turns: dict[int, str] = {}

    async def finish(self) -> Words:
        """Wait until it has listened to the end of what it was told."""
        assert self._socket is not None
        told_s = self._told_s
        if self.seen_s < told_s:
            await self.hear(np.zeros(self._rate_hz * _FLUSH_MS // 1000, np.int16))
            await self._until(lambda: self.seen_s >= told_s)
        return Words(self.so_far, self._language)

    def _take(self, message: Mapping[str, Any]) -> None:
        if message.get("type") != "TurnInfo":
            return
        text, turn = message.get("transcript"), message.get("turn_index")
        self._turns[int(turn) if isinstance(turn, int | float) else 0] = text if isinstance(text, str) else ""
        self.seen_s = max(self.seen_s, _seconds(message, "audio_window_end"))
        event, odds = message.get("event"), message.get("end_of_turn_confidence")
        self.turn_over = float(odds) if isinstance(odds, int | float) else None
        if event == "TurnResumed":
            self.turn_over = 0.0
        before, self.so_far = self.so_far, " ".join(text for _, text in sorted(self._turns.items()) if text)
        ends = event in ("EagerEndOfTurn", "EndOfTurn")
        self.sure = ends or (self.sure and event == "Update" and self.so_far == before)


def _transcript(message: Mapping[str, Any]) -> str:
    channel = message.get("channel")
    alternatives = channel.get("alternatives") if isinstance(channel, dict) else None
    first = alternatives[0] if isinstance(alternatives, list) and alternatives else None
    text = first.get("transcript") if isinstance(first, dict) else None
    return text.strip() if isinstance(text, str) else ""


def _seconds(message: Mapping[str, Any], name: str) -> float:
    value = message.get(name)
    return float(value) if isinstance(value, int | float) else 0.0
