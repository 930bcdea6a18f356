"""ElevenLabs: one WebSocket for many clauses, each a context of its own that can be closed alone."""

from __future__ import annotations

import asyncio
import base64
import binascii
import itertools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import numpy as np

from offhook.engines.remote.http import Patience
from offhook.engines.remote.refusals import Hints, shown
from offhook.engines.remote.service import Service
from offhook.engines.remote.websocket import WebSocket, WebSockets
from offhook.engines.tts.remote import Blocks
from offhook.errors import DeadlineError, ModelError, OffhookError

MAX_CONTEXTS = 5
"""The service takes so many at once on a connection."""
_INACTIVITY_S = 180
"""So long the service keeps an idle connection, as it allows."""
_HINTS = Hints(
    start="correct tts.base_url: https://api.elevenlabs.io, or your region's",
    path="tts.base_url is https://api.elevenlabs.io, and tts.voice a voice's id",
    model="correct tts.model",
)


class ElevenLabs:
    """See :class:`~offhook.engines.tts.remote.Source`."""

    def __init__(
        self,
        service: Service,
        patience: Patience,
        *,
        rate_hz: int = 16_000,
        model: str = "eleven_flash_v2_5",
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        """``extra``: the fields of ``voice_settings``.  ``rate_hz``: 8000, 16000, 22050 or 24000."""
        self.name = model
        self.rate_hz = rate_hz
        self.service = service
        self._patience = patience
        self._settings = dict(extra or {})
        self._sockets = WebSockets(service, _HINTS)
        self._lines: list[_Line] = []
        self._opening = asyncio.Lock()

    async def speak(self, text: str, voice: str, language: str) -> Blocks:
        """See :class:`~offhook.engines.tts.remote.Source`."""
        due_s = asyncio.get_running_loop().time() + self._patience.first_s
        context: _Context | None = None
        try:
            async with asyncio.timeout_at(due_s):
                context = await self._context(voice, language)
                opening = {"voice_settings": self._settings} if self._settings else {}
                await context.send({"text": f"{text} ", **opening})
                await context.send({"flush": True})
                await context.send({"close_context": True})  # it speaks to its end before
            while True:
                async with asyncio.timeout_at(due_s):
                    audio = await context.receive()
                if audio is None:
                    return
                due_s = asyncio.get_running_loop().time() + self._patience.gap_s
                yield np.frombuffer(audio[: len(audio) & ~1], "<i2").astype(np.int16)
        except TimeoutError:
            key = self._patience.first_key
            url = self.service.url
            raise DeadlineError(f"{url}: no audio within {self._patience.first_s:g} s ({key})") from None
        finally:
            if context is not None:
                context.leave()

    async def aclose(self) -> None:
        """Close all connections."""
        lines, self._lines = self._lines, []
        for line in lines:
            await line.close()

    async def _context(self, voice: str, language: str) -> _Context:
        query = {
            "model_id": self.name,
            "output_format": f"pcm_{self.rate_hz}",
            "auto_mode": "true",  # what comes is whole clauses: nothing to wait for
            "inactivity_timeout": _INACTIVITY_S,
        }
        if not self.name.startswith(("eleven_monolingual", "eleven_multilingual_v2", "eleven_turbo_v2_0")):
            query["language_code"] = language.partition("-")[0]
        path = f"/v1/text-to-speech/{quote(voice, safe='')}/multi-stream-input"
        key = (path, str(query.get("language_code")))
        async with self._opening:
            self._lines = [line for line in self._lines if line.is_open]
            for line in self._lines:
                if line.key == key and line.taken < MAX_CONTEXTS:
                    return line.context()
            line = _Line(self.service, await self._sockets.open(path, query), key)
            self._lines.append(line)
            return line.context()


class _Line:
    """A connection, and who listens to what comes over it."""

    def __init__(self, service: Service, socket: WebSocket, key: tuple[str, str]) -> None:
        self.key = key
        self._service = service
        self._socket = socket
        self._names = itertools.count(1)
        self._contexts: dict[str, _Context] = {}
        self._reading = asyncio.create_task(self._read(), name="offhook-elevenlabs")

    @property
    def is_open(self) -> bool:
        return self._socket.is_open and not self._reading.done()

    @property
    def taken(self) -> int:
        return len(self._contexts)

    def context(self) -> _Context:
        name = f"c{next(self._names)}"
        context = self._contexts[name] = _Context(self, name)
        return context

    async def send(self, message: Mapping[str, Any]) -> None:
        await self._socket.send(message)

    def drop(self, name: str, *, complete: bool) -> None:
        """Nobody listens to the context any more; the service is told so when it still speaks."""
        if not complete and self.is_open:
            self._closing = asyncio.create_task(self._hang_up(name))
        else:
            self._contexts.pop(name, None)

    async def close(self) -> None:
        self._reading.cancel()
        with suppress(OffhookError):
            await self._socket.close()

    async def _hang_up(self, name: str) -> None:
        try:
            with suppress(OffhookError):
                await self._socket.send({"context_id": name, "close_context": True})
        finally:
            self._contexts.pop(name, None)

    async def _read(self) -> None:
        error: OffhookError = ModelError(f"{self._service.url}: the connection was closed")
        try:
            while True:
                self._hand_out(await self._socket.receive())
        except OffhookError as raised:
            error = raised
        finally:
            self._socket.abort()
            for context in self._contexts.values():
                context.put(error)

    def _hand_out(self, message: Mapping[str, Any]) -> None:
        name = message.get("contextId", message.get("context_id"))
        context = self._contexts.get(name) if isinstance(name, str) else None
        problem = message.get("error")
        if problem and context is None:
            said = shown(str(message.get("message") or problem), self._service)
            raise ModelError(f"{self._service.url} refuses the text: {said}")
        if context is None:
            return  # of one that nobody listens to any more
        audio = message.get("audio")
        if problem:
            said = shown(str(message.get("message") or problem), self._service)
            context.put(ModelError(f"{self._service.url} refuses the text: {said}"))
        elif isinstance(audio, str) and audio:
            try:
                context.put(base64.b64decode(audio, validate=True))
            except binascii.Error:
                context.put(ModelError(f"{self._service.url} sends audio that is not base64"))
        if message.get("isFinal") or message.get("is_final"):
            context.put(None)


class _Context:
    """One clause."""

    def __init__(self, line: _Line, name: str) -> None:
        self._line = line
        self._name = name
        self._complete = False
        # As much as the service speaks ahead; offhook.engines.tts.remote bounds what a clause may be.
        self._audio: asyncio.Queue[bytes | OffhookError | None] = asyncio.Queue()

    async def send(self, message: Mapping[str, Any]) -> None:
        await self._line.send({**message, "context_id": self._name})

    async def receive(self) -> bytes | None:
        """The next audio; None at its end."""
        each = await self._audio.get()
        if isinstance(each, OffhookError):
            raise each
        self._complete = each is None
        return each

    def put(self, each: bytes | OffhookError | None) -> None:
        self._audio.put_nowait(each)

    def leave(self) -> None:
        self._line.drop(self._name, complete=self._complete)
