"""Fakes of the services that speak, one for each protocol, written from their documentation.

Each says a text as :func:`sound` does, so that a test knows every sample, and can be told to do something
else instead.  They live on the test's own event loop, on ports of their own.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import re
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from offhook.config import TtsConfig
from offhook.engines.tts import servers
from offhook.engines.tts.remote import RemoteVoice
from tests.support.engines.model_server import Behaviour, ModelServer, Request, Wire

SECRET = "sk-voice-secret-0123456789"
KINDS = ("openai", "xtts", "xtts-guide", "xtts-stream", "azure", "piper-http", "elevenlabs", "wyoming")
HTTP_KINDS = KINDS[:6]
RATES_HZ = {"azure": 16_000, "piper-http": 22_050, "elevenlabs": 16_000, "wyoming": 22_050}
_quiet = logging.getLogger("tests.speech_servers")
_quiet.setLevel(logging.WARNING)  # what the fake hears is no leak of ours
_PATHS = {"xtts": "/tts_to_audio/", "xtts-guide": "/tts", "xtts-stream": "/tts_stream"}


def sound(text: str, rate_hz: int) -> NDArray[np.int16]:
    """20 ms a character, each of another level."""
    levels = np.array([200 + ord(char) * 97 % 8000 for char in text], np.int16)
    return np.repeat(levels, rate_hz // 50)


def wav(samples: NDArray[np.int16], rate_hz: int, *, size: int | None = None) -> bytes:
    """A WAV file; ``size`` is what its header claims instead of the truth."""
    data = samples.astype("<i2").tobytes()
    form = struct.pack("<HHIIHH", 1, 1, rate_hz, 2 * rate_hz, 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data"
    claimed = len(data) if size is None else size
    return b"RIFF" + struct.pack("<I", (36 + claimed) & 0xFFFFFFFF) + head + struct.pack("<I", claimed) + data


@dataclass
class Said:
    """What a fake was asked for."""

    text: str
    voice: str
    language: str = ""
    headers: dict[str, str] = field(default_factory=dict)


class SpeechServer:
    """One service; see :func:`speech_server`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rate_hz = RATES_HZ.get(kind, 24_000)
        self.url = ""
        self.said: list[Said] = []
        self.connections = 0
        self.mode = "speak"
        """"speak"; "hold": audio begins and does not go on until the client is gone; "hang": no answer;
        "cut": the connection ends in the middle; "refuse": an error in the protocol's own words;
        "garbage": no audio."""
        self.gone = asyncio.Event()
        """A client did not want the rest."""
        self.key: str | None = SECRET
        """The only key that is let in."""
        self.audio: Callable[[str], NDArray[np.int16]] = lambda text: sound(text, self.rate_hz)
        """What the service says to a text."""

    def voice(self, **settings: Any) -> RemoteVoice:
        """An engine of ours that asks this server."""
        return servers.load(self.config(**settings))

    def config(self, **settings: Any) -> TtsConfig:
        """``[tts]`` for this server; the key comes from $VOICE_KEY."""
        engine = "xtts" if self.kind.startswith("xtts") else self.kind
        usual: dict[str, Any] = {"engine": engine, "base_url": self.url, "voice": "mara"}
        usual |= {"first_audio_timeout_s": 30.0, "connect_timeout_s": 30.0}
        if self.kind in _PATHS:
            usual["path"] = _PATHS[self.kind]
        if self.kind in ("openai", "azure", "elevenlabs"):
            usual["api_key_env"] = "VOICE_KEY"
        return TtsConfig.model_validate(usual | settings)


@asynccontextmanager
async def speech_server(kind: str) -> AsyncIterator[SpeechServer]:
    """A fake of one kind."""
    fake = SpeechServer(kind)
    run = {"elevenlabs": _elevenlabs, "wyoming": _wyoming}.get(kind, _http)
    async with run(fake):
        yield fake


# -- HTTP ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _http(fake: SpeechServer) -> AsyncIterator[None]:
    async with ModelServer() as server:
        fake.url = server.url + ("/v1" if fake.kind == "openai" else "")
        server.will(_speaks(fake, server))
        yield


def _speaks(fake: SpeechServer, server: ModelServer) -> Behaviour:
    async def behave(request: Request, wire: Wire) -> None:
        fake.connections = server.connections
        said = _asked(fake.kind, request)
        fake.said.append(said)
        await _MODES[fake.mode](fake, said, request, wire)

    return behave


async def _speak(fake: SpeechServer, said: Said, request: Request, wire: Wire) -> None:
    samples = fake.audio(said.text)
    if fake.kind in ("openai", "azure"):
        body, kind = samples.astype("<i2").tobytes(), "audio/pcm"
    else:
        streams = fake.kind == "xtts-stream"
        body, kind = wav(samples, fake.rate_hz, size=0xFFFFFFFF if streams else None), "audio/wav"
    await wire.head(content_type=kind, transfer_encoding="chunked")
    for at in range(0, len(body), 1777):  # an odd number: samples are split between chunks
        await wire.chunk(body[at : at + 1777])
    await wire.end()


async def _begin(fake: SpeechServer, said: Said, request: Request, wire: Wire) -> None:
    body = wav(fake.audio(said.text), fake.rate_hz)
    body = body[44:] if fake.kind in ("openai", "azure") else body
    kind = "audio/pcm" if fake.kind in ("openai", "azure") else "audio/wav"
    await wire.head(content_type=kind, transfer_encoding="chunked")
    await wire.chunk(body[: len(body) // 4])
    if fake.mode == "hold":
        await request.gone.wait()
        fake.gone.set()


async def _hang(fake: SpeechServer, said: Said, request: Request, wire: Wire) -> None:
    await request.gone.wait()
    fake.gone.set()


async def _refuse(fake: SpeechServer, said: Said, request: Request, wire: Wire) -> None:
    body = json.dumps({"error": {"message": f"no voice of that name, {SECRET}"}}).encode()
    await wire.head(400, content_type="application/json", content_length=str(len(body)))
    await wire.send(body)
    wire.complete = True


async def _garbage(fake: SpeechServer, said: Said, request: Request, wire: Wire) -> None:
    body = b"ID3\x04" + bytes(3000)
    await wire.head(content_type="application/octet-stream", content_length=str(len(body)))
    await wire.send(body)
    wire.complete = True


_MODES: dict[str, Callable[[SpeechServer, Said, Request, Wire], Awaitable[None]]] = {
    "speak": _speak, "hold": _begin, "cut": _begin, "hang": _hang, "refuse": _refuse, "garbage": _garbage,
}  # fmt: skip


def _asked(kind: str, request: Request) -> Said:
    """What a request asks for; fails for one that the real service would refuse."""
    parts = urlsplit(request.path)
    if kind == "azure":
        assert (request.method, parts.path) == ("POST", "/cognitiveservices/v1")
        assert request.headers["ocp-apim-subscription-key"] == SECRET
        assert request.headers["x-microsoft-outputformat"] == "raw-16khz-16bit-mono-pcm"
        speak = ElementTree.fromstring(request.content)
        voice = speak[0]
        language = speak.attrib["{http://www.w3.org/XML/1998/namespace}lang"]
        return Said("".join(voice.itertext()), voice.attrib["name"], language, request.headers)
    if kind == "openai":
        assert (request.method, parts.path) == ("POST", "/v1/audio/speech")
        assert request.headers["authorization"] == f"Bearer {SECRET}"
        body = request.body
        assert body["response_format"] == "pcm"
        assert body["model"]
        return Said(body["input"], body["voice"], headers=request.headers)
    if kind == "piper-http":
        assert (request.method, parts.path) == ("POST", "/synthesize")
        return Said(request.body["text"], request.body.get("voice", ""), headers=request.headers)
    assert parts.path == _PATHS[kind]
    if kind == "xtts-stream":
        assert request.method == "GET"
        body = {name: values[0] for name, values in parse_qs(parts.query).items()}
    else:
        assert request.method == "POST"
        body = request.body
    assert set(body) == {"text", "speaker_wav", "language"}
    return Said(body["text"], body["speaker_wav"], body["language"], request.headers)


# -- ElevenLabs ------------------------------------------------------------------------------------


@asynccontextmanager
async def _elevenlabs(fake: SpeechServer) -> AsyncIterator[None]:
    async def let_in(connection: ServerConnection, request: HttpRequest) -> Response | None:
        if fake.key is not None and request.headers.get("xi-api-key") != fake.key:
            return connection.respond(401, json.dumps({"detail": f"wrong key {SECRET}"}))
        return None

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        fake.connections += 1
        parts = urlsplit(connection.request.path)
        found = re.fullmatch(r"/v1/text-to-speech/([^/]+)/multi-stream-input", parts.path)
        assert found is not None
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert query["output_format"] == f"pcm_{fake.rate_hz}"
        texts: dict[str, str] = {}
        speaking: dict[str, asyncio.Task[None]] = {}
        with suppress(ConnectionClosed):
            async for data in connection:
                message = json.loads(data)
                name = message["context_id"]
                if message.get("text"):
                    texts[name] = texts.get(name, "") + message["text"]
                if message.get("flush"):
                    said = Said(texts.pop(name).strip(), found[1], query.get("language_code", ""))
                    fake.said.append(said)
                    speaking[name] = asyncio.create_task(_contexts(fake, connection, name, said.text))
                elif message.get("close_context") and fake.mode in ("hold", "hang"):
                    closed = speaking[name]
                    if closed.get_name() == "closing":  # the second time: not wanted any more
                        fake.gone.set()
                    closed.set_name("closing")
        for task in speaking.values():
            task.cancel()

    async with serve(
        talk, "127.0.0.1", 0, process_request=let_in, compression=None, logger=_quiet, max_queue=None
    ) as server:
        fake.url = f"http://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        yield


async def _contexts(fake: SpeechServer, connection: ServerConnection, name: str, text: str) -> None:
    async def send(message: dict[str, Any]) -> None:
        await connection.send(json.dumps({**message, "contextId": name}))

    data = fake.audio(text).astype("<i2").tobytes()
    if fake.mode == "refuse":
        await send({"error": "invalid_text", "message": f"not this text, {SECRET}"})
        return
    if fake.mode == "garbage":
        await send({"audio": "%%%"})
        return
    if fake.mode == "hang":
        return
    half = len(data) // 4 // 2 * 2
    await send({"audio": base64.b64encode(data[:half]).decode(), "alignment": None})
    if fake.mode == "cut":
        connection.transport.abort()
    elif fake.mode == "speak":
        await send({"audio": base64.b64encode(data[half:]).decode(), "alignment": None})
        await send({"isFinal": True})


# -- Wyoming ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _wyoming(fake: SpeechServer) -> AsyncIterator[None]:
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        fake.connections += 1
        try:
            while line := await reader.readline():
                head = json.loads(line)
                data = json.loads(await reader.readexactly(head.get("data_length", 0)) or b"{}")
                assert head["type"] == "synthesize"
                voice = data["voice"]
                fake.said.append(Said(data["text"], voice.get("name", ""), voice.get("language", "")))
                if not await _wyoming_answer(fake, writer, data["text"]):
                    break
            else:
                return
            if fake.mode in ("hold", "hang"):
                await reader.read()
                fake.gone.set()
        except (ConnectionError, asyncio.CancelledError):
            fake.gone.set()
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    fake.url = f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _wyoming_answer(fake: SpeechServer, writer: asyncio.StreamWriter, text: str) -> bool:
    def send(kind: str, data: dict[str, Any], payload: bytes = b"") -> None:
        coded = json.dumps(data).encode()
        head = {"type": kind, "data_length": len(coded), "payload_length": len(payload)}
        writer.write(json.dumps(head).encode() + b"\n" + coded + payload)

    form = {"rate": fake.rate_hz, "width": 2, "channels": 1}
    data = fake.audio(text).astype("<i2").tobytes()
    if fake.mode == "hang":
        return False
    if fake.mode == "refuse":
        send("error", {"text": f"no voice of that name, {SECRET}"})
        return True
    if fake.mode == "garbage":
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return False
    send("audio-start", form)
    send("audio-chunk", form, data[: len(data) // 4 * 2])
    if fake.mode == "speak":
        send("audio-chunk", form, data[len(data) // 4 * 2 :])
        send("audio-stop", {})
    await writer.drain()
    return fake.mode == "speak"
