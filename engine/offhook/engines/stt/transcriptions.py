"""``POST /audio/transcriptions``: OpenAI, Groq, speaches, vLLM, LocalAI, whisper.cpp's own server.

What was said is uploaded when its words are wanted.  A caller who goes on after a pause that is long enough
is recognised in pieces, whose words are joined (see :mod:`offhook.engines.stt.remote`).
"""

from __future__ import annotations

import asyncio
import json
import struct
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from offhook.engines.remote.http import Ask, HttpService
from offhook.engines.remote.refusals import Hints
from offhook.engines.stt.feed import Samples, Words
from offhook.errors import ModelError

HINTS = Hints(
    start="start the server, or correct stt.base_url",
    path="stt.base_url should end with the part before /audio/transcriptions, most often /v1; whisper.cpp's"
    " server has stt.path = /inference",
    model="correct stt.model, or give the key access to it",
)
_SHORTEST_MS = 300
"""OpenAI refuses less than 100 ms, and Whisper invents words for it: silence is put behind."""
_CONTEXT_CHARS = 200
"""So much of the words before is sent along, for names and spelling."""


class TranscriptionFeed:
    """See :class:`~offhook.engines.stt.feed.Feed`."""

    turn_over: float | None = None
    seen_s = 0.0
    sure = False

    def __init__(
        self,
        http: HttpService,
        path: str,
        rate_hz: int,
        *,
        language: str,
        terms: Sequence[str] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        self.so_far = ""
        self._http = http
        self._path = path
        self._rate_hz = rate_hz
        self._language = language
        self._terms = tuple(terms)
        self._extra = dict(extra or {})
        self._waiting: list[Samples] = []
        self._latest: list[Samples] = []
        """The audio that the latest of :attr:`_text` is of."""
        self._text: list[str] = []
        self._spoken = language
        self._uploading = asyncio.Lock()

    async def open(self) -> None:
        """Nothing: a connection is opened, or used again, with the first upload."""

    async def hear(self, audio: Samples) -> None:
        """Kept until words are wanted."""
        self._waiting.append(audio)

    async def finish(self) -> Words:
        """Upload what is new."""
        async with self._uploading:
            blocks, self._waiting = self._waiting, []
            if blocks:
                try:
                    self._text.append(await self._upload(np.concatenate(blocks)))
                    self._latest = blocks
                except BaseException:
                    self._waiting[:0] = blocks  # it was not recognised
                    raise
            self.so_far = " ".join(text for text in self._text if text)
            return Words(self.so_far, self._spoken)

    async def reopen(self) -> None:
        """Upload the latest piece again, with what comes."""
        async with self._uploading:
            if self._latest:
                self._waiting[:0], self._latest = self._latest, []
                self._text.pop()

    async def close(self) -> None:
        """Nothing: connections are the recogniser's."""

    async def _upload(self, audio: Samples) -> str:
        missing = self._rate_hz * _SHORTEST_MS // 1000 - len(audio)
        if missing > 0:
            audio = np.concatenate([audio, np.zeros(missing, np.int16)])
        hint = ", ".join(self._terms)
        before = " ".join(self._text)[-_CONTEXT_CHARS:]
        fields: dict[str, Any] = {
            "model": self._http.service.model,
            "response_format": "json",
            "temperature": "0",
            "language": self._language.partition("-")[0],
        }
        if hint or before:
            fields["prompt"] = " ".join(part for part in (hint, before) if part)
        body = await self._http.whole(_form(self._path, {**fields, **self._extra}, wav(audio, self._rate_hz)))
        return self._words(body)

    def _words(self, body: bytes) -> str:
        url = self._http.service.url
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            raise ModelError(
                f"{url} answers with something that is not JSON; is stt.base_url right?"
            ) from None
        text = value.get("text") if isinstance(value, dict) else None
        if not isinstance(text, str):
            raise ModelError(f"{url} answers without a text; is stt.path right?")
        if isinstance(language := value.get("language"), str) and len(language) == 2:
            self._spoken = language
        return " ".join(text.split())


def wav(audio: Samples, rate_hz: int) -> bytes:
    """``[samples]`` int16 as a WAV file."""
    data = audio.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", len(data))
    return b"RIFF" + struct.pack("<I", len(head) + len(data)) + head + data


def _form(path: str, fields: Mapping[str, Any], file: bytes) -> Ask:
    """A POST of a form with a file (RFC 7578)."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{_text(value)}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="speech.wav"\r\n'
        "Content-Type: audio/wav\r\n\r\n"
    )
    content = "".join(parts).encode("utf-8", "replace") + file + f"\r\n--{boundary}--\r\n".encode()
    return Ask("POST", path, content, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
