"""Fakes of the services that recognise speech, one for each protocol, written from their documentation.

They understand :func:`speech` only, where each word is a level of its own, and count every sample that they
are told: nothing may be sent twice, and nothing may be lost.

Above 400 lines because a service has one fake each, and all of them share what they hear.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import wave
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from offhook.config import SttConfig
from offhook.engines.stt import servers
from offhook.engines.stt.remote import RemoteRecognition
from tests.support.engines.model_server import ModelServer, Request, Wire

SECRET = "sk-hearing-secret-0123456789"
KINDS = ("openai", "realtime", "nova", "flux", "google", "wyoming")
STREAMS = ("realtime", "nova", "flux", "google")
"""Those that give words before the end."""
VOCABULARY = ("a", "table", "for", "six", "people", "on", "friday", "please", "and", "chair")
_SPEECH = "google.cloud.speech.v2.Speech"
_STEP = 1_500
_WORD_MS, _GAP_MS = 200, 100
_quiet = logging.getLogger("tests.hearing_servers")
_quiet.setLevel(logging.WARNING)  # what a fake hears is no leak of ours


def speech(words: str, rate_hz: int) -> NDArray[np.int16]:
    """What the fakes understand as ``words``; 300 ms each."""
    parts = []
    for word in words.split():
        level = _STEP * (VOCABULARY.index(word) + 1)
        parts += [np.full(rate_hz * _WORD_MS // 1000, level), np.zeros(rate_hz * _GAP_MS // 1000)]
    return np.concatenate(parts).astype(np.int16) if parts else np.zeros(0, np.int16)


def understood(samples: NDArray[np.int16], rate_hz: int) -> str:
    """The words of what :func:`speech` made, resampled or not; a word that is cut is none yet."""
    loud = np.flatnonzero(np.abs(samples) > _STEP // 2)
    if not len(loud):
        return ""
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > 1) + 1)
    long = [run for run in runs if len(run) > rate_hz * _WORD_MS // 1000 * 0.8]
    return " ".join(VOCABULARY[round(float(np.median(samples[run])) / _STEP) - 1] for run in long)


class HearingServer:
    """One service; see :func:`hearing_server`."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.url = ""
        self.rate_hz = 0
        """Of what it was told."""
        self.told: list[NDArray[np.int16]] = []
        """Every block, in its order."""
        self.connections = 0
        self.certificate: Path | None = None
        self.authorised: list[str] = []
        """What google was sent to prove who asks."""
        self.queries: list[dict[str, Any]] = []
        """What was wanted of each connection or request."""
        self.mode = "hear"
        """"hear"; "hang": no final words; "cut": the first connection ends when its words are wanted;
        "refuse": an error in the protocol's own words; "garbage": no message of the protocol."""
        self.key = SECRET
        self.asked = 0
        """How often words were wanted, of openai and wyoming."""
        self.delay_s = 0.0
        """How late the final words are, of openai and nova."""
        self.stability = 0.9
        """Of google's interim results."""
        self.understands: Callable[[NDArray[np.int16], int], str] = understood
        """The words of so many samples at so many Hz."""

    @property
    def seconds(self) -> float:
        """How much audio it was told."""
        return sum(map(len, self.told)) / self.rate_hz if self.rate_hz else 0.0

    def recognition(self, **settings: Any) -> RemoteRecognition:
        """A recogniser of ours that asks this server."""
        return servers.load(self.config(**settings))

    def config(self, **settings: Any) -> SttConfig:
        """``[stt]`` for this server; the key comes from $HEARING_KEY."""
        engine = "deepgram" if self.kind in ("nova", "flux") else self.kind
        usual: dict[str, Any] = {"engine": engine, "base_url": self.url, "final_timeout_s": 60.0}
        usual |= {"connect_timeout_s": 60.0}
        if self.kind == "flux":
            usual["model"] = "flux-general-en"
        if self.kind == "google":
            usual["extra"] = {"project": "tavern"}
        elif self.kind != "wyoming":
            usual["api_key_env"] = "HEARING_KEY"
        return SttConfig.model_validate(usual | settings)


@asynccontextmanager
async def hearing_server(kind: str, certificate: Path | None = None) -> AsyncIterator[HearingServer]:
    """A fake of one kind.  ``certificate``, with its key in the same file: google's speaks TLS."""
    fake = HearingServer(kind)
    fake.certificate = certificate
    async with _RUN[kind](fake):
        yield fake


# -- HTTP ------------------------------------------------------------------------------------------


@asynccontextmanager
async def _openai(fake: HearingServer) -> AsyncIterator[None]:
    async with ModelServer() as server:
        fake.url = f"{server.url}/v1"

        async def behave(request: Request, wire: Wire) -> None:
            fake.connections = server.connections
            assert (request.method, request.path) == ("POST", "/v1/audio/transcriptions")
            assert request.headers["authorization"] == f"Bearer {SECRET}"
            kind = f"Content-Type: {request.headers['content-type']}\r\n\r\n".encode()
            parts: dict[str, bytes] = {}
            for part in BytesParser(policy=HTTP).parsebytes(kind + request.content).walk():
                name, content = (
                    part.get_param("name", header="content-disposition"),
                    part.get_payload(decode=True),
                )
                if isinstance(name, str) and isinstance(content, bytes):
                    parts[name] = content
            file = parts.pop("file")
            fake.queries.append({name: content.decode() for name, content in parts.items()})
            with wave.open(io.BytesIO(file)) as audio:
                fake.rate_hz = audio.getframerate()
                samples = np.frombuffer(audio.readframes(audio.getnframes()), "<i2")
            await _answer(fake, samples, request, wire)

        server.will(behave)
        yield


async def _answer(fake: HearingServer, samples: NDArray[np.int16], request: Request, wire: Wire) -> None:
    fake.asked += 1
    if fake.mode == "hang":
        await request.gone.wait()
        return
    if fake.mode == "cut":
        fake.mode = "hear"
        wire.reset()
        return
    fake.told.append(samples)
    if fake.delay_s:
        await asyncio.sleep(fake.delay_s)
    body = json.dumps({"text": f" {fake.understands(samples, fake.rate_hz)} "}).encode()
    code = 200
    if fake.mode == "refuse":
        code, body = 400, json.dumps({"error": {"message": f"no such audio {SECRET}"}}).encode()
    elif fake.mode == "garbage":
        body = b"<html>"
    await wire.head(code, content_type="application/json", content_length=str(len(body)))
    await wire.send(body)
    wire.complete = True


# -- WebSockets ------------------------------------------------------------------------------------


@asynccontextmanager
async def _websocket(fake: HearingServer) -> AsyncIterator[None]:
    header = {"realtime": f"Bearer {SECRET}"}.get(fake.kind, f"Token {SECRET}")

    async def let_in(connection: ServerConnection, request: HttpRequest) -> Response | None:
        if request.headers.get("authorization") != header or fake.key != SECRET:
            return connection.respond(401, json.dumps({"error": f"wrong key {SECRET}"}))
        return None

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        fake.connections += 1
        parts = urlsplit(connection.request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        with suppress(ConnectionClosed):
            await {"realtime": _realtime, "nova": _nova, "flux": _flux}[fake.kind](
                fake, connection, parts.path, query
            )

    async with serve(
        talk, "127.0.0.1", 0, process_request=let_in, compression=None, logger=_quiet, max_queue=None
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        fake.url = f"http://127.0.0.1:{port}" + ("/v1" if fake.kind == "realtime" else "")
        yield


async def _misbehaves(fake: HearingServer, connection: ServerConnection, refusal: dict[str, Any]) -> bool:
    """Something else than final words; False: they are to be given."""
    if fake.mode == "cut":
        fake.mode = "hear"
        fake.told.clear()
        connection.transport.abort()
    elif fake.mode == "refuse":
        await connection.send(json.dumps(refusal))
    elif fake.mode == "garbage":
        await connection.send("<html>")
    return fake.mode != "hear" or connection.state.name != "OPEN"


async def _realtime(
    fake: HearingServer, connection: ServerConnection, path: str, query: dict[str, str]
) -> None:
    assert (path, query) == ("/v1/realtime", {"intent": "transcription"})
    update = json.loads(await connection.recv())
    assert update["type"] == "session.update"
    audio = update["session"]["audio"]["input"]
    assert audio["format"] == {"type": "audio/pcm", "rate": 24_000}
    assert audio["turn_detection"] is None
    fake.queries.append(audio["transcription"])
    fake.rate_hz = 24_000
    open_blocks: list[NDArray[np.int16]] = []
    items, said = 1, ""

    async def send(kind: str, **fields: Any) -> None:
        await connection.send(json.dumps({"type": kind, "event_id": "e", **fields}))

    async for data in connection:
        message = json.loads(data)
        name, item = "conversation.item.input_audio_transcription", f"item_{items}"
        if message["type"] == "input_audio_buffer.append":
            open_blocks.append(np.frombuffer(base64.b64decode(message["audio"]), "<i2"))
            fake.told.append(open_blocks[-1])
            words = fake.understands(np.concatenate(open_blocks), 24_000)
            if len(words) > len(said):
                await send(f"{name}.delta", item_id=item, delta=words[len(said) :])
                said = words
        elif message["type"] == "input_audio_buffer.commit":
            assert sum(map(len, open_blocks)) >= 2_400
            failed = {"type": f"{name}.failed", "item_id": item, "error": {"message": f"broken {SECRET}"}}
            if await _misbehaves(fake, connection, failed):
                continue
            await send("input_audio_buffer.committed", item_id=item, previous_item_id=None)
            words = fake.understands(np.concatenate(open_blocks), 24_000)
            await send(f"{name}.completed", item_id=item, transcript=words, content_index=0)
            open_blocks, said, items = [], "", items + 1


async def _nova(fake: HearingServer, connection: ServerConnection, path: str, query: dict[str, str]) -> None:
    assert path == "/v1/listen"
    fake.queries.append(query)
    assert query["encoding"] == "linear16"
    fake.rate_hz = rate_hz = int(query["sample_rate"])
    blocks: list[NDArray[np.int16]] = []
    known = 0
    late: set[asyncio.Task[None]] = set()

    async def finalize() -> None:
        nonlocal known
        if fake.delay_s:
            await asyncio.sleep(fake.delay_s)
        with suppress(ConnectionClosed):
            await results(final=True, finalize=True)
            known = sum(map(len, blocks))

    async def results(*, final: bool, finalize: bool = False) -> None:
        audio = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
        alternative = {"transcript": fake.understands(audio[known:], rate_hz), "confidence": 0.9, "words": []}
        message = {"type": "Results", "channel": {"alternatives": [alternative]}, "is_final": final}
        message |= {"start": known / rate_hz, "duration": (len(audio) - known) / rate_hz}
        await connection.send(json.dumps({**message, "from_finalize": finalize, "channel_index": [0, 1]}))

    async for data in connection:
        if isinstance(data, bytes):
            blocks.append(np.frombuffer(data, "<i2"))
            fake.told.append(blocks[-1])
            await results(final=False)
            continue
        kind = json.loads(data)["type"]
        if kind == "Finalize":
            error = {"type": "Error", "code": "NET", "description": f"broken {SECRET}"}
            if not await _misbehaves(fake, connection, error):
                late.add(task := asyncio.create_task(finalize()))
                task.add_done_callback(late.discard)
        elif kind == "CloseStream":
            return


async def _flux(fake: HearingServer, connection: ServerConnection, path: str, query: dict[str, str]) -> None:
    assert path == "/v2/listen"
    fake.queries.append(query)
    fake.rate_hz = rate_hz = int(query["sample_rate"])
    blocks: list[NDArray[np.int16]] = []
    await connection.send(json.dumps({"type": "Connected", "request_id": "r", "sequence_id": 0}))
    eager = False
    async for data in connection:
        if not isinstance(data, bytes):
            return  # CloseStream
        blocks.append(np.frombuffer(data, "<i2"))
        fake.told.append(blocks[-1])
        audio = np.concatenate(blocks)
        seen = len(audio) - rate_hz // 10  # it looks ahead
        quiet = not np.any(audio[-rate_hz // 5 :])
        event = (
            "EagerEndOfTurn" if quiet and not eager else "TurnResumed" if eager and not quiet else "Update"
        )
        eager = quiet
        error = {"type": "Error", "code": "NET", "description": f"broken {SECRET}", "sequence_id": 2}
        if quiet and fake.mode != "hear" and await _misbehaves(fake, connection, error):
            continue
        message = {"type": "TurnInfo", "event": event, "turn_index": 0, "words": [], "audio_window_start": 0}
        message |= {"audio_window_end": seen / rate_hz, "transcript": fake.understands(audio, rate_hz)}
        await connection.send(json.dumps({**message, "end_of_turn_confidence": 0.8 if quiet else 0.1}))


# -- Wyoming ---------------------------------------------------------------------------------------


@asynccontextmanager
async def _wyoming(fake: HearingServer) -> AsyncIterator[None]:
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        fake.connections += 1
        blocks: list[NDArray[np.int16]] = []
        try:
            while line := await reader.readline():
                head = json.loads(line)
                data = json.loads(await reader.readexactly(head.get("data_length", 0)) or b"{}")
                payload = await reader.readexactly(head.get("payload_length", 0))
                if head["type"] == "transcribe":
                    fake.queries.append(data)
                elif head["type"] == "audio-start":
                    fake.rate_hz, blocks = data["rate"], []
                elif head["type"] == "audio-chunk":
                    blocks.append(np.frombuffer(payload, "<i2"))
                    fake.told.append(blocks[-1])
                elif head["type"] == "audio-stop" and not await _transcript(fake, writer, blocks):
                    break
        except (ConnectionError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
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


async def _transcript(
    fake: HearingServer, writer: asyncio.StreamWriter, blocks: Sequence[NDArray[np.int16]]
) -> bool:
    """Whether the connection goes on."""

    def send(kind: str, data: dict[str, Any]) -> None:
        coded = json.dumps(data).encode()
        writer.write(json.dumps({"type": kind, "data_length": len(coded)}).encode() + b"\n" + coded)

    fake.asked += 1
    if fake.mode == "cut":
        fake.mode = "hear"
        fake.told.clear()
        return False
    if fake.mode == "refuse":
        send("error", {"text": f"broken {SECRET}"})
    elif fake.mode == "garbage":
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    elif fake.mode == "hear":
        send("transcript", {"text": fake.understands(np.concatenate(blocks), fake.rate_hz)})
    await writer.drain()
    return True


# -- Google ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _google(fake: HearingServer) -> AsyncIterator[None]:
    """A gRPC server of the wheel's own messages."""
    import grpc
    from google.cloud.speech_v2.types import cloud_speech

    async def streaming(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        fake.connections += 1
        fake.authorised += [value for name, value in context.invocation_metadata() if name == "authorization"]
        first = await anext(requests)
        assert first.recognizer == "projects/tavern/locations/global/recognizers/_"
        config = first.streaming_config.config
        fake.rate_hz = rate_hz = config.explicit_decoding_config.sample_rate_hertz
        fake.queries.append({"language": config.language_codes[0], "model": config.model})
        blocks: list[NDArray[np.int16]] = []

        def response(*, final: bool) -> Any:
            words = fake.understands(np.concatenate(blocks), rate_hz) if blocks else ""
            alternative = cloud_speech.SpeechRecognitionAlternative(transcript=f" {words}")
            heard_s = sum(map(len, blocks)) / rate_hz
            result = cloud_speech.StreamingRecognitionResult(
                alternatives=[alternative],
                is_final=final,
                stability=0.0 if final else fake.stability,
                result_end_offset=timedelta(seconds=heard_s),
            )
            return cloud_speech.StreamingRecognizeResponse(results=[result])

        async for request in requests:
            assert len(request.audio) <= 15_360
            blocks.append(np.frombuffer(request.audio, "<i2"))
            fake.told.append(blocks[-1])
            yield response(final=False)
        if fake.mode == "cut":
            fake.mode = "hear"
            fake.told.clear()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "going away")
        elif fake.mode in ("refuse", "garbage"):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"broken {SECRET}")
        elif fake.mode == "hang":
            await asyncio.Event().wait()
        yield response(final=True)

    request_type, response_type = (
        cloud_speech.StreamingRecognizeRequest,
        cloud_speech.StreamingRecognizeResponse,
    )
    handler = grpc.stream_stream_rpc_method_handler(
        streaming, request_type.deserialize, response_type.serialize
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(
        [
            grpc.method_handlers_generic_handler(
                "google.cloud.speech.v2.Speech", {"StreamingRecognize": handler}
            )
        ]
    )
    if fake.certificate is None:
        port, scheme = server.add_insecure_port("127.0.0.1:0"), "http"
    else:
        pem = fake.certificate.read_bytes()
        port, scheme = (
            server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([(pem, pem)])),
            "https",
        )
    await server.start()
    fake.url = f"{scheme}://127.0.0.1:{port}"
    try:
        yield
    finally:
        await server.stop(None)


_RUN = {
    "openai": _openai, "realtime": _websocket, "nova": _websocket, "flux": _websocket,
    "google": _google, "wyoming": _wyoming,
}  # fmt: skip
