"""Voices that are asked by one HTTP request for a clause: OpenAI's form, XTTS, Azure, Piper's own server."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from xml.sax.saxutils import escape, quoteattr

import httpx

from offhook.engines.remote.http import Ask, HttpService, Patience, json_ask
from offhook.engines.remote.refusals import Hints, shown
from offhook.engines.remote.service import Service
from offhook.engines.tts.remote import Blocks
from offhook.engines.tts.stream_format import AudioReader
from offhook.errors import ModelError

logger = logging.getLogger(__name__)

_NOT_AUDIO = ("text/", "application/json", "application/xml", "application/problem+json")
_COMPRESSED = ("audio/mpeg", "audio/mp3", "audio/ogg", "audio/opus", "audio/aac", "audio/flac", "audio/webm")


class Form(Protocol):
    """How one kind of server wants to be asked."""

    @property
    def rate_hz(self) -> int:
        """Of the raw samples, and what offhook resamples from."""
        ...

    hints: ClassVar[Hints]

    def ask(self, text: str, voice: str, language: str) -> Ask:
        """The request for a clause."""
        ...


class HttpSource:
    """See :class:`~offhook.engines.tts.remote.Source`."""

    def __init__(self, service: Service, form: Form, patience: Patience) -> None:
        self.name = service.model
        self.rate_hz = form.rate_hz
        self._form = form
        self.service = service
        self._http = HttpService(service, form.hints, patience)
        self._told = False

    async def speak(self, text: str, voice: str, language: str) -> Blocks:
        """See :class:`~offhook.engines.tts.remote.Source`."""
        reader = AudioReader(self.service.url, self.rate_hz)

        def accept(headers: httpx.Headers) -> None:
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            what = f"{self.service.url} answers with {shown(kind, self.service)} instead of"
            if kind in _COMPRESSED:
                raise ModelError(f"{what} raw PCM or WAV")
            if kind.startswith(_NOT_AUDIO):  # Piper's server says so of WAV files
                reader.only_wav = f"{what} audio; is tts.base_url right?"

        body = self._http.stream(self._form.ask(text, voice, language), accept)
        try:
            async for data in body:
                yield reader.feed(data)
            yield reader.end()
        finally:
            await body.aclose()
        if reader.found_rate_hz != self.rate_hz and not self._told:
            self._told = True
            logger.warning(
                "%s sends %d Hz: tts.sample_rate_hz = %d spares a second resampling",
                self.service.url,
                reader.found_rate_hz,
                reader.found_rate_hz,
            )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()


@dataclass(frozen=True, slots=True)
class OpenAiSpeech:
    """``POST /audio/speech``, raw: OpenAI, Kokoro-FastAPI, speaches, wrappers of Chatterbox and Orpheus."""

    model: str
    rate_hz: int = 24_000
    """OpenAI's PCM has no header and this rate; the others do as it does."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    hints: ClassVar[Hints] = Hints(
        start="start the server, or correct tts.base_url",
        path="tts.base_url should end with the part before /audio/speech, most often /v1",
        model="correct tts.model, or give the key access to it",
    )

    def ask(self, text: str, voice: str, language: str) -> Ask:
        """See :class:`Form`."""
        body = {"model": self.model, "input": text, "voice": voice, "response_format": "pcm"}
        return json_ask("/audio/speech", {**body, **self.extra})


XTTS_LANGUAGES = (
    "ar", "cs", "de", "en", "es", "fr", "hi", "hu", "it", "ja", "ko", "nl", "pl", "pt", "ru", "tr", "zh-cn",
)  # fmt: skip
"""XTTS v2 speaks these; its servers answer 400 to any other."""
XTTS_PATHS = ("/tts", "/tts_to_audio/", "/tts_stream")


@dataclass(frozen=True, slots=True)
class Xtts:
    """XTTS servers: a text, a sample of the voice that is to speak, a language; a WAV file comes back.

    ``/tts_to_audio/`` and ``/tts_stream`` are xtts-api-server's (the slash belongs to it; the stream is a
    GET), ``/tts`` is what most guides' own server has.
    """

    path: str = "/tts_to_audio/"
    rate_hz: int = 24_000
    extra: Mapping[str, Any] = field(default_factory=dict)
    hints: ClassVar[Hints] = Hints(
        start="start the XTTS server, or correct tts.base_url",
        path="tts.base_url ends before the path, and tts.path is one of " + ", ".join(XTTS_PATHS),
        model="correct tts.voice",
    )

    def ask(self, text: str, voice: str, language: str) -> Ask:
        """See :class:`Form`."""
        body = {"text": text, "speaker_wav": voice, "language": xtts_language(language), **self.extra}
        if self.path == "/tts_stream":
            return Ask("GET", self.path, query={name: str(value) for name, value in body.items()})
        return json_ask(self.path, body)


def xtts_language(tag: str) -> str:
    """XTTS's name for a language; English for one that it does not speak."""
    tag = tag.lower()
    for name in (tag, tag.partition("-")[0], f"{tag.partition('-')[0]}-cn"):
        if name in XTTS_LANGUAGES:
            return name
    return "en"


@dataclass(frozen=True, slots=True)
class Azure:
    """Azure's REST: SSML in, raw PCM out."""

    rate_hz: int = 16_000
    """8, 16, 24 or 48 kHz."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """``prosody = { rate = "-10%" }`` and the like: attributes of an element around the text."""
    hints: ClassVar[Hints] = Hints(
        start="correct tts.base_url: https://REGION.tts.speech.microsoft.com",
        path="tts.base_url is https://REGION.tts.speech.microsoft.com, without a path",
        model="correct tts.voice",
    )

    def ask(self, text: str, voice: str, language: str) -> Ask:
        """See :class:`Form`."""
        tag = "-".join(voice.split("-")[:2]) if voice.count("-") >= 2 else language
        said = escape(text)
        for element, attributes in self.extra.items():
            pairs = attributes.items() if isinstance(attributes, Mapping) else ()
            told = "".join(f" {name}={quoteattr(str(value))}" for name, value in pairs)
            said = f"<{element}{told}>{said}</{element}>"
        ssml = (
            f'<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang={quoteattr(tag)}>'
            f"<voice name={quoteattr(voice)}>{said}</voice></speak>"
        )
        headers = {
            "Content-Type": "application/ssml+xml",
            "X-Microsoft-OutputFormat": f"raw-{self.rate_hz // 1000}khz-16bit-mono-pcm",
        }
        return Ask("POST", "/cognitiveservices/v1", ssml.encode(), headers)


@dataclass(frozen=True, slots=True)
class PiperHttp:
    """Piper's own web server (``python -m piper.http_server``): the whole clause as a WAV file."""

    path: str = "/synthesize"
    rate_hz: int = 22_050
    """Of medium and high voices; low ones have 16 kHz."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """``speaker``, ``length_scale``, ``noise_scale``, ``noise_w_scale``."""
    hints: ClassVar[Hints] = Hints(
        start="start it with `python -m piper.http_server`, or correct tts.base_url",
        path="tts.base_url ends before /synthesize, most often http://HOST:5000",
        model="correct tts.voice",
    )

    def ask(self, text: str, voice: str, language: str) -> Ask:
        """See :class:`Form`."""
        named = {"voice": voice} if voice else {}
        return json_ask(self.path, {"text": text, **named, **self.extra})
